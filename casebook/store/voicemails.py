"""What the reviewer of the night's voicemails sees and does."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from sqlalchemy import (
    ColumnElement,
    Engine,
    Row,
    Select,
    String,
    and_,
    case,
    cast,
    func,
    insert,
    literal,
    or_,
    select,
    tuple_,
)
from sqlalchemy.exc import IntegrityError

from casebook.errors import CaseError
from casebook.handling import commands as do
from casebook.handling.record import whole_ms
from casebook.hashchain import first_break
from casebook.privacy import Privacy
from casebook.rights import hidden_payload
from casebook.roles import BACK_OFFICE, Actor
from casebook.states import DRAFT
from casebook.store.alerts import AlertItem, alerts_of
from casebook.store.casework import Casework
from casebook.store.cursors import make_cursor, make_place_cursor, read_cursor, read_place_cursor
from casebook.store.engine import reading
from casebook.store.history import body_of
from casebook.store.review_tables import review_claim, transcript_correction
from casebook.store.reviews import Claim, Reviews, read_claim
from casebook.store.router_tables import CALLBACK_STATES, callback_task
from casebook.store.schema import access_log, alert, call, case_, event, outbox, recording, transcript, user_
from casebook.store.transcripts import is_newest

UNSURE_BELOW = 0.6
"""The confidence of a text, 0 to 1, below which a voicemail is listened to before others."""
_TRIED = 20
Order = Literal["newest", "worst"]


@dataclass(frozen=True, slots=True)
class Word:
    """A piece of the written text; times from the start of the recording, confidence 0 to 1."""

    text: str
    start_ms: int
    end_ms: int
    confidence: float | None
    heard: str = ""
    """What the recogniser heard there; the same as `text` where nothing was mended."""
    after: str = ""
    """The punctuation behind it."""


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A value for a field of the case (phone, place, matter, time), and the words that it came from."""

    kind: str
    value: str
    quote: str
    start_ms: int
    end_ms: int
    confidence: float


@dataclass(frozen=True, slots=True)
class HistoryEvent:
    """An event of a case's history."""

    seq: int
    type: str
    actor: str
    at: datetime
    from_state: str
    to_state: str
    payload: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class VoicemailItem:
    """A line of the list."""

    case_no: str
    state: str
    demand: str
    call_id: str
    masked_number: str
    started_at: datetime
    ended_at: datetime | None
    recording_id: str | None
    sound_deleted: bool
    """By age."""
    duration_ms: int
    transcript_text: str | None
    transcript_state: str
    """pending, done, rejected (the recording is no sound: see transcript_error) or failed."""
    transcript_error: str | None
    """missing, empty, not_audio or broken, where the state is rejected."""
    transcript_confidence: float | None
    title: str
    body: str
    version: int
    matter: str
    region: str
    place: str
    alerts: tuple[AlertItem, ...]
    claim: Claim | None
    """Who is reviewing it now."""
    call_back: bool
    """An agent is to call this number back, or does so now."""


@dataclass(frozen=True, slots=True)
class Correction:
    """The text as a person heard it."""

    text: str
    by: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class VoicemailDetail(VoicemailItem):
    """A voicemail in full."""

    words: tuple[Word, ...]
    heard: str | None
    """The recogniser's own text, nothing mended."""
    engine: str | None
    model: str | None
    quality: dict[str, Any]
    """speech_ms, speech_dbfs, noise_dbfs, clipped_share; empty before the transcription."""
    suggestions: tuple[Suggestion, ...]
    correction: Correction | None
    """The last one."""
    events: tuple[HistoryEvent, ...]
    chain_ok: bool


@dataclass(frozen=True, slots=True)
class Page:
    """A page of the list; `next_cursor` is None on the last one. `waiting`: how many wait for a review at all."""

    items: list[VoicemailItem]
    next_cursor: str | None
    waiting: int


class Voicemails:
    """Cases that began as a voicemail."""

    def __init__(
        self,
        engine: Engine,
        privacy: Privacy,
        casework: Casework,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._engine = engine
        self._casework = casework
        self._privacy = privacy
        self._clock = clock
        self.reviews = Reviews(engine, clock)

    def page(
        self,
        *,
        since: datetime | None,
        until: datetime | None,
        state: str | None,
        cursor: str | None,
        limit: int,
        order: Order = "newest",
    ) -> Page:
        """Voicemails whose call began in [since, until). Raises CaseError bad_value for a cursor that is none.

        `worst`: what waits before what is decided, and by `_place` among what waits.
        """
        statement = _items(self._clock()).limit(limit + 1)
        if since is not None:
            statement = statement.where(call.c.started_at >= since)
        if until is not None:
            statement = statement.where(call.c.started_at < until)
        if state is not None:
            statement = statement.where(case_.c.state == state)
        if order == "worst":
            place = _place()
            statement = statement.add_columns(*place).order_by(*place)
            if cursor is not None:
                statement = statement.where(
                    tuple_(*place) > tuple_(*map(literal, read_place_cursor(cursor, len(place))))
                )
        else:
            statement = statement.order_by(case_.c.id.desc())
            if cursor is not None:
                statement = statement.where(case_.c.id < read_cursor(cursor))
        with reading(self._engine) as connection:
            rows = connection.execute(statement).all()
            shown, more = rows[:limit], len(rows) > limit
            alerts = alerts_of(connection, [row.id for row in shown])
            waiting = connection.execute(_WAITING).scalar_one()
        items = [VoicemailItem(**_item(row, alerts)) for row in shown]
        if not more:
            return Page(items, None, waiting)
        last = shown[-1]
        behind = make_place_cursor(last[-len(_place()) :]) if order == "worst" else make_cursor(last.id)
        return Page(items, behind, waiting)

    def next(self, reviewer: str, skip: Sequence[str] = ()) -> str | None:
        """The voicemail that this reviewer holds, or else the worst that nobody holds, which is held from now on.

        One that is in `skip` is given back and not chosen. None where nothing is left.
        """
        held = self.reviews.mine(reviewer, skip)
        if held is not None:
            return held
        while waiting := self._free(reviewer, skip):
            for case_no in waiting:
                claim = self.reviews.take(case_no, reviewer)
                if claim is not None and claim.reviewer == reviewer:
                    return case_no
        return None

    def _free(self, reviewer: str, skip: Sequence[str]) -> Sequence[str]:
        now = self._clock()
        held = select(review_claim.c.case_id).where(
            review_claim.c.expires_at > now, review_claim.c.reviewer != reviewer
        )
        statement = (
            _items(now)
            .with_only_columns(case_.c.case_no)
            .where(case_.c.state == DRAFT, case_.c.id.not_in(held), case_.c.case_no.not_in(skip))
            .order_by(*_place())
            .limit(_TRIED)
        )
        with reading(self._engine) as connection:
            return connection.execute(statement).scalars().all()

    def get(self, case_no: str, *, internal: bool = False) -> VoicemailDetail:
        """One voicemail; internal notes of its history only with `internal`. Raises CaseError not_found."""
        with reading(self._engine) as connection:
            row = connection.execute(_items(self._clock()).where(case_.c.case_no == case_no)).first()
            if row is None:
                raise CaseError("not_found", "没有这个编号的留言。")
            events = connection.execute(select(event).where(event.c.case_id == row.id).order_by(event.c.seq)).all()
            alerts = alerts_of(connection, [row.id])
            corrected = connection.execute(
                select(
                    transcript_correction.c.corrected,
                    transcript_correction.c.corrected_by,
                    transcript_correction.c.corrected_at,
                )
                .where(transcript_correction.c.recording_id == row.recording_id)
                .order_by(transcript_correction.c.id.desc())
                .limit(1)
            ).first()
        chain = ((body_of(case_no, one), one.prev_hash, one.hash) for one in events)
        return VoicemailDetail(
            **_item(row, alerts),
            words=tuple(Word(**word) for word in json.loads(row.words or "[]")),
            heard=row.heard,
            engine=row.engine,
            model=row.model,
            quality=json.loads(row.quality or "{}"),
            suggestions=tuple(Suggestion(**one) for one in json.loads(row.suggestions or "[]")),
            correction=Correction(*corrected) if corrected else None,
            events=tuple(read_history(one, internal=internal) for one in events),
            chain_ok=bool(events) and first_break(chain) is None,
        )

    def register(
        self,
        case_no: str,
        *,
        version: int,
        actor: Actor,
        title: str,
        body: str,
        demand: str,
        idempotency_key: str,
        **more: str,
    ) -> None:
        """Register (登记) the demand; `more` are further fields of `Register`.

        Raises CaseError not_found, stale_version, bad_state, bad_value, key_reused, held.
        """
        self.reviews.check_free(case_no, actor.name)
        command = do.Register(demand=demand, title=title, body=body, **more)  # type: ignore[arg-type]
        self._casework.execute(case_no, command, version=version, actor=actor, idempotency_key=idempotency_key)
        self.reviews.release(case_no, actor.name)

    def register_again(
        self, case_no: str, *, version: int, actor: Actor, command: do.Register, master_no: str, idempotency_key: str
    ) -> None:
        """Register a demand that another case has already. The back office merges (并单) it at once; what somebody else
        registers goes to its triage with the advice to merge. In one transaction. Raises as `register`, and guard.
        """
        self.reviews.check_free(case_no, actor.name)
        reason = f"与 {master_no} 为同一诉求"
        then: do.Command = do.ToTriage(note=f"{reason}，建议并单")
        if actor.role in BACK_OFFICE:
            then = do.Merge(master_no=master_no, reason=reason)
        now = whole_ms(self._clock())
        key = f"{actor.name}:{idempotency_key}"
        steps: tuple[tuple[do.Command, int | None, str], ...] = ((command, version, key), (then, None, f"{key}:2"))
        try:
            with self._engine.begin() as connection:
                known = select(case_.c.id).where(case_.c.case_no == master_no, case_.c.case_no != case_no)
                if connection.execute(known).first() is None:
                    raise CaseError("bad_value", "没有这个编号的案件，请核对编号。")
                for step, read, step_key in steps:
                    self._casework.apply(connection, case_no, step, version=read, actor=actor, key=step_key, now=now)
        except IntegrityError as error:
            raise CaseError("stale_version", "案件已被他人修改，请刷新后再操作。") from error
        self.reviews.release(case_no, actor.name)

    def discard(self, case_no: str, *, version: int, actor: Actor, reason: str, idempotency_key: str) -> None:
        """Discard (作废) a voicemail without a demand. Raises as `register`, and missing_reason."""
        self.reviews.check_free(case_no, actor.name)
        command = do.Discard(reason=reason)
        self._casework.execute(case_no, command, version=version, actor=actor, idempotency_key=idempotency_key)
        self.reviews.release(case_no, actor.name)

    def reveal_number(self, case_no: str, actor: str, reason: str) -> str:
        """The caller's number in full; who asked, and why, is logged. Raises CaseError not_found, missing_reason."""
        if not reason.strip():
            raise CaseError("missing_reason", "请填写查看原因。")
        with self._engine.begin() as connection:
            row = connection.execute(
                select(call.c.call_id, call.c.ani_enc)
                .join(case_, case_.c.call_id == call.c.call_id)
                .where(case_.c.case_no == case_no)
            ).first()
            if row is None or row.ani_enc is None:
                raise CaseError("not_found", "没有可查看的来电号码。")
            connection.execute(
                insert(access_log).values(
                    actor=actor, case_no=case_no, what="caller_number", reason=reason, at=self._clock()
                )
            )
        return self._privacy.decrypt(row.ani_enc, f"call.ani:{row.call_id}")

    def recording_path(self, recording_id: str) -> str | None:
        """Where a recording lies, relative to the recordings folder."""
        if not recording_id.isdecimal() or len(recording_id) > 18:
            return None
        with reading(self._engine) as connection:
            path: str | None = connection.execute(
                select(recording.c.path).where(recording.c.id == int(recording_id))
            ).scalar_one_or_none()
        return path


_WAITING = select(func.count()).where(case_.c.channel == "voicemail", case_.c.state == DRAFT)


def _items(now: datetime) -> Select[Any]:
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


def _place() -> tuple[ColumnElement[int], ...]:
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


def _item(row: Row[Any], alerts: dict[int, list[AlertItem]]) -> dict[str, Any]:
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


def read_history(row: Row[Any], *, internal: bool) -> HistoryEvent:
    """A row of the table of events, for a reader who may see `internal` notes, or may not."""
    payload = hidden_payload(json.loads(row.payload), internal=internal)
    at = datetime.fromisoformat(row.at)
    return HistoryEvent(row.seq, row.type, row.actor, at, row.from_state, row.to_state, payload)
