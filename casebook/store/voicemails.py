"""What the reviewer of the night's voicemails sees and does."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Engine, Row, Select, String, and_, cast, insert, literal, or_, select

from casebook.errors import CaseError
from casebook.handling import commands as do
from casebook.hashchain import first_break
from casebook.privacy import Privacy
from casebook.rights import hidden_payload
from casebook.roles import Actor
from casebook.store.alerts import AlertItem, alerts_of
from casebook.store.casework import Casework
from casebook.store.cursors import make_cursor, read_cursor
from casebook.store.engine import reading
from casebook.store.history import body_of
from casebook.store.schema import access_log, call, case_, event, outbox, recording, transcript
from casebook.store.transcripts import is_newest


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
    alerts: tuple[AlertItem, ...]


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
    events: tuple[HistoryEvent, ...]
    chain_ok: bool


@dataclass(frozen=True, slots=True)
class Page:
    """A page of the list, newest first; `next_cursor` is None on the last one."""

    items: list[VoicemailItem]
    next_cursor: str | None


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

    def page(
        self,
        *,
        since: datetime | None,
        until: datetime | None,
        state: str | None,
        cursor: str | None,
        limit: int,
    ) -> Page:
        """Voicemails whose call began in [since, until). Raises CaseError bad_value for a cursor that is none."""
        statement = _items().order_by(case_.c.id.desc()).limit(limit + 1)
        if since is not None:
            statement = statement.where(call.c.started_at >= since)
        if until is not None:
            statement = statement.where(call.c.started_at < until)
        if state is not None:
            statement = statement.where(case_.c.state == state)
        if cursor is not None:
            statement = statement.where(case_.c.id < read_cursor(cursor))
        with reading(self._engine) as connection:
            rows = connection.execute(statement).all()
            shown, more = rows[:limit], len(rows) > limit
            alerts = alerts_of(connection, [row.id for row in shown])
        items = [VoicemailItem(**_item(row, alerts)) for row in shown]
        return Page(items, make_cursor(shown[-1].id) if more else None)

    def get(self, case_no: str, *, internal: bool = False) -> VoicemailDetail:
        """One voicemail; internal notes of its history only with `internal`. Raises CaseError not_found."""
        with reading(self._engine) as connection:
            row = connection.execute(_items().where(case_.c.case_no == case_no)).first()
            if row is None:
                raise CaseError("not_found", "没有这个编号的留言。")
            events = connection.execute(select(event).where(event.c.case_id == row.id).order_by(event.c.seq)).all()
            alerts = alerts_of(connection, [row.id])
        chain = ((body_of(case_no, one), one.prev_hash, one.hash) for one in events)
        return VoicemailDetail(
            **_item(row, alerts),
            words=tuple(Word(**word) for word in json.loads(row.words or "[]")),
            heard=row.heard,
            engine=row.engine,
            model=row.model,
            quality=json.loads(row.quality or "{}"),
            suggestions=tuple(Suggestion(**one) for one in json.loads(row.suggestions or "[]")),
            events=tuple(read_history(one, internal=internal) for one in events),
            chain_ok=bool(events) and first_break(chain) is None,
        )

    def register(
        self, case_no: str, *, version: int, actor: Actor, title: str, body: str, demand: str, idempotency_key: str
    ) -> None:
        """Register (登记) the demand. Raises CaseError not_found, stale_version, bad_state, bad_value, key_reused."""
        command = do.Register(demand=demand, title=title, body=body)
        self._casework.execute(case_no, command, version=version, actor=actor, idempotency_key=idempotency_key)

    def discard(self, case_no: str, *, version: int, actor: Actor, reason: str, idempotency_key: str) -> None:
        """Discard (作废) a voicemail without a demand. Raises as `register`, and missing_reason."""
        command = do.Discard(reason=reason)
        self._casework.execute(case_no, command, version=version, actor=actor, idempotency_key=idempotency_key)

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


def _items() -> Select[Any]:
    return (
        select(
            case_,
            call.c.ani_masked,
            call.c.started_at,
            call.c.ended_at,
            recording.c.duration_ms,
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
        )
        .join(call, call.c.call_id == case_.c.call_id)
        .join(recording, recording.c.id == case_.c.recording_id)
        .outerjoin(transcript, is_newest(recording.c.id))
        .outerjoin(outbox, or_(outbox.c.key == _transcribe_key(), and_(outbox.c.key == _fetch_key(), _gave_up)))
        .where(case_.c.channel == "voicemail")
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
        "duration_ms": row.duration_ms,
        "transcript_text": row.text if row.error is None else None,
        "transcript_state": state,
        "transcript_error": row.error,
        "transcript_confidence": row.confidence,
        "title": row.title,
        "body": row.body,
        "version": row.version,
        "alerts": tuple(alerts.get(row.id, ())),
    }


def read_history(row: Row[Any], *, internal: bool) -> HistoryEvent:
    """A row of the table of events, for a reader who may see `internal` notes, or may not."""
    payload = hidden_payload(json.loads(row.payload), internal=internal)
    at = datetime.fromisoformat(row.at)
    return HistoryEvent(row.seq, row.type, row.actor, at, row.from_state, row.to_state, payload)
