"""What a carrier reports apart from the steps of a call: recordings that lie in its cloud, calls that are over there.

A recording that must be fetched has a row without a digest until it is here; its transcription waits for that.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Literal

from sqlalchemy import Connection, select, update

from casebook.store.calls import SqlCallStore
from casebook.store.cases import add_effect, schedule_transcription
from casebook.store.engine import reading
from casebook.store.intake import keep_recording
from casebook.store.outbound import note_result
from casebook.store.schema import call, call_session, case_, outbox, recording
from casebook.store.telephone import take_in_cloud_queues
from ivr.ports import NewCall, RecordingFacts

FETCH, END = "fetch_recording", "end_call"
_ASKED_AT_ONCE = 500
_STEP_IS_REPORTED_WITHIN = timedelta(seconds=10)
Claim = Literal["step", "open", "over", "unknown"]


class CarrierReports:
    """Implements ivr.twilio.driver.LateReports, and serves the jobs that follow."""

    def __init__(self, store: SqlCallStore, *, own_queues: bool = False) -> None:
        """`own_queues`: callers wait in the carrier's queues, not in the PBX's."""
        self._store = store
        self._own_queues = own_queues

    def note_visits(self, carrier: str, since: datetime) -> int:
        """Take stays in the carrier's own queues that ended since into the telephone figures; how many are new."""
        if not self._own_queues:
            return 0
        with self._store.engine.begin() as connection:
            return take_in_cloud_queues(connection, carrier, since)

    def expect_recording(self, call_id: str, recording_sid: str, path: str, now: datetime) -> None:
        """Have a recording fetched; once, however often it is reported."""
        with self._store.engine.begin() as connection:
            payload = {"call_id": call_id, "recording_sid": recording_sid, "path": path}
            add_effect(connection, FETCH, f"fetch:{path}", payload, now)

    def expect_end(self, call_id: str, now: datetime) -> None:
        """End a call in a while: its last step (a recording, a transfer) may still be reported, and says more."""
        with self._store.engine.begin() as connection:
            add_effect(connection, END, f"end:{call_id}", {"call_id": call_id}, now + _STEP_IS_REPORTED_WITHIN)

    def note_unanswered(self, call_sid: str, status: str) -> None:
        """How a call that we made ended where nobody took it."""
        with self._store.engine.begin() as connection:
            note_result(connection, call_sid, status)

    def claim_of(self, call_id: str, path: str) -> Claim:
        """Whose a recording is: a step's, or nobody's (yet) in a call that is open, over or unknown."""
        with reading(self._store.engine) as connection:
            if connection.execute(select(recording.c.id).where(recording.c.path == path)).first():
                return "step"
            session = connection.execute(
                select(call_session.c.ended_at).where(call_session.c.call_id == call_id)
            ).first()
        if session is None:
            return "unknown"
        return "open" if session.ended_at is None else "over"

    def keep(self, connection: Connection, new: NewCall, path: str, facts: RecordingFacts, now: datetime) -> str | None:
        """Write what a recording turned out to be. One that no step claimed becomes the case of its call.

        Returns the number of the case that was opened now. `new` is used for a call that nobody knows.
        """
        row = connection.execute(
            update(recording)
            .where(recording.c.path == path)
            .values(duration_ms=facts.duration_ms, speech_ms=facts.speech_ms, sha256=facts.sha256)
            .returning(recording.c.id)
        ).first()
        if row is None:
            return keep_recording(connection, self._store.privacy, new, path, facts, now)
        if connection.execute(select(case_.c.id).where(case_.c.recording_id == row.id)).first():
            schedule_transcription(connection, row.id, path, now)
        return None

    def not_expected(self, paths: Iterable[str]) -> set[str]:
        """Those of `paths` that nobody has reported."""
        wanted = set(paths)
        with reading(self._store.engine) as connection:
            keys = [f"fetch:{path}" for path in wanted]
            known = connection.scalars(select(outbox.c.key).where(outbox.c.key.in_(keys)))
            return wanted - {key.removeprefix("fetch:") for key in known}

    def unknown_calls(self, call_ids: Iterable[str]) -> set[str]:
        """Those of some calls that have no record."""
        wanted = sorted(set(call_ids))
        unknown = set(wanted)
        with reading(self._store.engine) as connection:
            for start in range(0, len(wanted), _ASKED_AT_ONCE):
                part = wanted[start : start + _ASKED_AT_ONCE]
                unknown -= set(connection.scalars(select(call.c.call_id).where(call.c.call_id.in_(part))))
        return unknown

    def try_again(self, paths: Iterable[str], now: datetime) -> int:
        """Recordings that were given up are fetched again, as the carrier still has them; how many."""
        keys = [f"fetch:{path}" for path in paths]
        with self._store.engine.begin() as connection:
            again = connection.execute(
                update(outbox)
                .where(outbox.c.key.in_(keys), outbox.c.state == "dead")
                .values(state="waiting", attempts=0, run_at=now, sent_at=None)
            )
        return again.rowcount

    def silent_calls(self, carrier: str, before: datetime, limit: int) -> list[str]:
        """Open calls of a carrier of which nothing was heard since a moment, the longest silent first."""
        statement = (
            select(call.c.call_id)
            .join(call_session, call_session.c.call_id == call.c.call_id)
            .where(call.c.carrier == carrier, call_session.c.ended_at.is_(None), call_session.c.updated_at < before)
            .order_by(call_session.c.updated_at)
            .limit(limit)
        )
        with reading(self._store.engine) as connection:
            return list(connection.scalars(statement))
