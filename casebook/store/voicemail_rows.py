"""The statement behind the list of voicemails, the order of the review, and the reading of its rows."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, String, and_, case, cast, func, literal, or_, select

from casebook.states import DRAFT
from casebook.store.alerts import AlertItem
from casebook.store.review_tables import review_claim
from casebook.store.reviews import read_claim
from casebook.store.router_tables import CALLBACK_STATES, callback_task
from casebook.store.schema import alert, call, case_, outbox, recording, transcript, user_
from casebook.store.transcripts import is_newest

UNSURE_BELOW = 0.6
"""The confidence of a text, 0 to 1, below which a voicemail is listened to before others."""

WAITING = select(func.count()).where(case_.c.channel == "voicemail", case_.c.state == DRAFT)


def lines(now: datetime) -> Select[Any]:
    """The lines of the list, as `item_values` reads them; `now` tells which claims hold."""
    claimed = and_(review_claim.c.case_id == case_.c.id, review_claim.c.expires_at > now)
    # As the index of open tasks has it: at most one a number.
    called_back = and_(callback_task.c.ani_hmac == call.c.ani_hmac, callback_task.c.state.in_(CALLBACK_STATES))
    return (
        select(
            case_,
            call.c.ani_masked,
            call.c.started_at,
            call.c.ended_at,
            recording.c.duration_ms,
            recording.c.erased_at,
            transcript.c.text,
            transcript.c.words,
            transcript.c.confidence,
            transcript.c.error,
            transcript.c.heard,
            transcript.c.engine,
            transcript.c.model,
            transcript.c.quality,
            transcript.c.suggestions,
            outbox.c.state.label("job_state"),
            review_claim.c.reviewer,
            review_claim.c.expires_at,
            user_.c.display_name.label("reviewer_name"),
            callback_task.c.id.label("callback_id"),
        )
        .join(call, call.c.call_id == case_.c.call_id)
        .join(recording, recording.c.id == case_.c.recording_id)
        .outerjoin(transcript, is_newest(recording.c.id))
        .outerjoin(outbox, or_(outbox.c.key == _transcribe_key(), and_(outbox.c.key == _fetch_key(), _gave_up)))
        .outerjoin(review_claim, claimed)
        .outerjoin(user_, user_.c.name == review_claim.c.reviewer)
        .outerjoin(callback_task, called_back)
        .where(case_.c.channel == "voicemail")
    )


def place_in_review() -> tuple[ColumnElement[int], ...]:
    """Where a voicemail stands in the order of the review; the smallest first, no two alike.

    What waits before what is decided. Then what has an emergency that nobody has answered, then a risk. Then what the
    machine could not hear well, what it could, what it is still listening to, and callers who are called back first.
    Then who waits longest; of what is decided, the newest.
    """
    waits = case_.c.state == DRAFT
    severity = case((alert.c.severity == "emergency", 2), else_=1)
    danger = (
        select(func.coalesce(func.max(severity), 0))
        .where(alert.c.case_id == case_.c.id, alert.c.acknowledged_at.is_(None))
        .correlate(case_)
        .scalar_subquery()
    )
    heard = case(
        (callback_task.c.id.is_not(None), 3),
        (or_(transcript.c.error.is_not(None), transcript.c.confidence < UNSURE_BELOW), 0),
        (transcript.c.text.is_not(None), 1),
        (outbox.c.state == "dead", 0),
        else_=2,
    )
    return (
        case((waits, 0), else_=1).label("place_state"),
        case((waits, -danger), else_=0).label("place_danger"),
        case((waits, heard), else_=0).label("place_heard"),
        case((waits, case_.c.id), else_=-case_.c.id).label("place_id"),
    )


def _transcribe_key() -> Any:
    return literal("transcribe:") + cast(recording.c.id, String)


def _fetch_key() -> Any:
    """The job that must bring a recording before it can be transcribed; of interest once it has given up."""
    return literal("fetch:") + recording.c.path


_gave_up = outbox.c.state == "dead"


def item_values(row: Row[Any], alerts: dict[int, list[AlertItem]]) -> dict[str, Any]:
    """The fields of a line."""
    if row.error is not None:
        state = "rejected"
    elif row.text is not None:
        state = "done"
    else:
        state = "failed" if row.job_state == "dead" else "pending"
    return {
        "case_no": row.case_no,
        "state": row.state,
        "demand": row.demand,
        "call_id": row.call_id,
        "masked_number": row.ani_masked,
        "started_at": row.started_at,
        "ended_at": row.ended_at,
        "recording_id": str(row.recording_id) if row.recording_id is not None else None,
        "sound_deleted": row.erased_at is not None,
        "duration_ms": row.duration_ms,
        "transcript_text": row.text if row.error is None else None,
        "transcript_state": state,
        "transcript_error": row.error,
        "transcript_confidence": row.confidence,
        "title": row.title,
        "body": row.body,
        "version": row.version,
        "matter": row.matter,
        "region": row.region,
        "place": row.place,
        "alerts": tuple(alerts.get(row.id, ())),
        "claim": read_claim(row.reviewer, row.reviewer_name, row.expires_at) if row.state == DRAFT else None,
        "call_back": row.callback_id is not None,
    }
