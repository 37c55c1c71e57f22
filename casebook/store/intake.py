"""What the reaper takes in: calls that ended without us, recordings that no process claimed. All of it idempotent."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, func, literal, select, update

from casebook.indicators_telephone import ANSWERED
from casebook.privacy import Privacy
from casebook.store.callbacks import settle
from casebook.store.calls import SqlCallStore, call_values, insert_call, upsert_recording
from casebook.store.cases import open_draft, schedule_transcription, start_clock
from casebook.store.engine import reading
from casebook.store.schema import UtcDateTime, call, call_session, case_, recording
from casebook.store.telephone_tables import queue_visit
from ivr.ports import KeptRecording, NewCall, RecordingFacts

MIN_SPEECH_MS = 1000


@dataclass(frozen=True, slots=True)
class OpenCall:
    """A call whose session has not ended."""

    call_id: str
    carrier: str
    started_at: datetime
    updated_at: datetime


class CallIntake:
    """The reaper's side of the store."""

    def __init__(self, store: SqlCallStore) -> None:
        self._store = store

    def open_calls(self) -> list[OpenCall]:
        """Calls whose session is open."""
        statement = (
            select(call.c.call_id, call.c.carrier, call.c.started_at, call_session.c.updated_at)
            .join(call_session, call_session.c.call_id == call.c.call_id)
            .where(call_session.c.ended_at.is_(None))
        )
        with reading(self._store.engine) as connection:
            return [OpenCall(*row) for row in connection.execute(statement)]

    def reached_an_agent(self, call_id: str) -> bool:
        """Whether an agent answered the call's newest stay in a queue, as the PBX's own log has it."""
        with reading(self._store.engine) as connection:
            return _reached_an_agent(connection, call_id)

    def known_recording_paths(self, paths: Iterable[str]) -> set[str]:
        """Those of `paths` that have a row."""
        wanted = list(paths)
        known: set[str] = set()
        with reading(self._store.engine) as connection:
            for start in range(0, len(wanted), 500):
                part = wanted[start : start + 500]
                known |= set(connection.scalars(select(recording.c.path).where(recording.c.path.in_(part))))
        return known

    def record_call(self, new: NewCall, *, ended_at: datetime, talk_s: int, origin: str = "") -> None:
        """Note a call that the PBX reports as ended: a row where there was none, its length where there was one.

        `origin` is the trunk over which it came. A call that the dialplan alone led to an agent was answered.
        """
        with self._store.engine.begin() as connection:
            if not _ensure_call(connection, self._store.privacy, new):
                self._add_number(connection, new)
                connection.execute(
                    update(call)
                    .where(call.c.call_id == new.call_id)
                    .values(
                        talk_s=talk_s,
                        origin=origin,
                        answered_at=func.coalesce(call.c.answered_at, literal(new.started_at, UtcDateTime())),
                    )
                )
                return
            outcome = "answered" if _reached_an_agent(connection, new.call_id) else "missed"
            connection.execute(
                update(call)
                .where(call.c.call_id == new.call_id)
                .values(ended_at=ended_at, talk_s=talk_s, answered_at=new.started_at, origin=origin, outcome=outcome)
            )
            settle(connection, new.call_id, outcome, ended_at)

    def take_in_recording(self, new: NewCall, path: str, facts: RecordingFacts | None, now: datetime) -> str | None:
        """Keep a recording that no step claimed; returns the number of its case, None where there was nothing to keep.

        `facts` is None for a file that is no audio: its row says so, and it is not looked at again.
        """
        with self._store.engine.begin() as connection:
            return keep_recording(connection, self._store.privacy, new, path, facts, now)

    def _add_number(self, connection: Connection, new: NewCall) -> None:
        """A call whose recording came in before the PBX's list gets its number from the list."""
        values = call_values(self._store.privacy, new)
        if values["ani_enc"] is not None:
            connection.execute(
                update(call)
                .where(call.c.call_id == new.call_id, call.c.ani_enc.is_(None))
                .values({name: values[name] for name in ("ani_enc", "ani_hmac", "ani_masked")})
            )


def keep_recording(
    connection: Connection, privacy: Privacy, new: NewCall, path: str, facts: RecordingFacts | None, now: datetime
) -> str | None:
    """Keep a recording that no step claimed, with its call where that is unknown; the number of its case, or None."""
    speech = facts is not None and facts.speech_ms >= MIN_SPEECH_MS
    kept = (
        KeptRecording(path, facts.duration_ms, facts.speech_ms, facts.sha256, speech, 0)
        if facts
        else KeptRecording(path, 0, 0, "", False, 0)
    )
    _ensure_call(connection, privacy, new)
    upsert_recording(connection, new.call_id, kept, now)
    if not speech:
        return None
    had_case = connection.execute(select(case_.c.id).where(case_.c.call_id == new.call_id)).first()
    opened = open_draft(connection, privacy, call_id=new.call_id, path=path, demand="", now=now)
    if had_case:
        row = connection.execute(select(recording.c.id).where(recording.c.path == path)).scalar_one()
        schedule_transcription(connection, row, path, now)
    connection.execute(
        update(call)
        .where(call.c.call_id == new.call_id)
        .values(outcome="voicemail", ended_at=func.coalesce(call.c.ended_at, literal(now, UtcDateTime())))
    )
    start_clock(connection, new.call_id, now, now)
    settle(connection, new.call_id, "voicemail", now)
    return opened.case_no


def _reached_an_agent(connection: Connection, call_id: str) -> bool:
    newest = select(queue_visit.c.outcome).where(queue_visit.c.call_id == call_id).order_by(queue_visit.c.id.desc())
    return connection.execute(newest.limit(1)).scalar_one_or_none() == ANSWERED


def _ensure_call(connection: Connection, privacy: Privacy, new: NewCall) -> bool:
    """Write the call's row where there is none; True when it was written now."""
    if connection.execute(select(call.c.call_id).where(call.c.call_id == new.call_id)).first():
        return False
    insert_call(connection, privacy, new, outcome="missed")
    return True
