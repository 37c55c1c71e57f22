"""The store as the calls see it: `SqlCallStore` implements ivr.ports.CallStore, one short transaction a step.

A key press costs three statements: the session is read, written back under its version, and the event is journalled.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, Table, bindparam, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import IntegrityError, OperationalError

from casebook.numbering import from_digits
from casebook.privacy import Privacy, mask_number, normalise_number
from casebook.states import PROGRESS
from casebook.store.cases import QUERY_CODE, add_effect, open_draft, start_clock
from casebook.store.schema import call, call_journal, call_session, case_, flow_revision, recording
from ivr.events import CaseFound, CaseNotFound, CommandResult, dump_event
from ivr.ports import (
    KeptRecording,
    LookUpCase,
    NewCall,
    OpenVoicemailCase,
    SessionRow,
    StaleSession,
    StepWrites,
    UnitOfWork,
)
from ivr.verbs import dump_verb, load_verb

_dump = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), check_circular=False).encode

_LOAD = select(
    call_session.c.flow_rev,
    call_session.c.version,
    call_session.c.seq,
    call_session.c.state,
    call_session.c.verbs,
    call_session.c.ended_at,
).where(call_session.c.call_id == bindparam("of"))
_SAVE = (
    update(call_session)
    .where(call_session.c.call_id == bindparam("of"), call_session.c.version == bindparam("known"))
    .values(
        version=bindparam("new_version"),
        seq=bindparam("new_seq"),
        state=bindparam("new_state"),
        verbs=bindparam("new_verbs"),
        updated_at=bindparam("now"),
        ended_at=bindparam("end"),
    )
)
_JOURNAL = insert(call_journal)
_END_CALL = (
    update(call).where(call.c.call_id == bindparam("of")).values(ended_at=bindparam("end"), outcome=bindparam("out"))
)


class SqlUnitOfWork(UnitOfWork):
    """One transaction."""

    def __init__(self, connection: Connection, privacy: Privacy) -> None:
        self.connection = connection
        self._privacy = privacy

    def load_session(self, call_id: str) -> SessionRow | None:
        row = self.connection.execute(_LOAD, {"of": call_id}).first()
        if row is None:
            return None
        rev, version, seq, state, verbs, ended_at = row
        return SessionRow(
            call_id, rev, version, seq, json.loads(state), tuple(map(load_verb, json.loads(verbs))), ended_at
        )

    def create_call(self, new: NewCall, session: SessionRow) -> None:
        try:
            insert_call(self.connection, self._privacy, new, outcome="")
            self.connection.execute(
                insert(call_session).values(
                    call_id=new.call_id,
                    flow_rev=session.flow_rev,
                    version=session.version,
                    seq=session.seq,
                    state=_dump(session.state),
                    verbs="[]",
                    updated_at=new.started_at,
                )
            )
        except IntegrityError as error:
            raise StaleSession(new.call_id) from error

    def save_step(self, session: SessionRow, writes: StepWrites, now: datetime) -> None:
        saved = self.connection.execute(
            _SAVE,
            {
                "of": session.call_id,
                "known": session.version,
                "new_version": session.version + 1,
                "new_seq": session.seq,
                "new_state": _dump(session.state),
                "new_verbs": _dump([dump_verb(verb) for verb in session.verbs]),
                "now": now,
                "end": session.ended_at,
            },
        )
        if saved.rowcount != 1:
            raise StaleSession(session.call_id)
        session.version += 1
        self.connection.execute(
            _JOURNAL,
            [
                {"call_id": session.call_id, "seq": session.seq, "at": now, "event": _dump(dump_event(happened))}
                for happened in writes.journal
            ],
        )
        for effect in writes.effects:
            add_effect(self.connection, effect.kind, effect.key, effect.payload, now)
        if session.ended_at is not None:
            self.connection.execute(_END_CALL, {"of": session.call_id, "end": session.ended_at, "out": writes.outcome})
            start_clock(self.connection, session.call_id, session.ended_at)

    def save_recording(self, call_id: str, kept: KeptRecording, now: datetime) -> None:
        upsert_recording(self.connection, call_id, kept, now)

    def open_by_voicemail(self, call_id: str, command: OpenVoicemailCase, now: datetime) -> CommandResult:
        try:
            return open_draft(
                self.connection, self._privacy, call_id=call_id, path=command.path, demand=command.demand, now=now
            )
        except IntegrityError as error:
            raise StaleSession(call_id) from error

    def look_up_case(self, command: LookUpCase) -> CommandResult:
        case_no = from_digits(command.digits)
        row = self.connection.execute(
            select(case_.c.state, case_.c.query_code_hmac).where(case_.c.case_no == case_no)
        ).first()
        # The code is compared for an unknown number too: the answer takes as long as for a known one.
        index = row.query_code_hmac if row else self._privacy.index("", QUERY_CODE)
        matches = self._privacy.same(command.query_code, index, f"{QUERY_CODE}:{case_no}")
        return CaseFound(PROGRESS[row.state]) if row and matches else CaseNotFound()

    def save_flow(self, rev: str, source: str) -> None:
        self.connection.execute(
            _insert_for(self.connection, flow_revision).values(rev=rev, source=source).on_conflict_do_nothing()
        )

    def load_flow(self, rev: str) -> str | None:
        source: str | None = self.connection.execute(
            select(flow_revision.c.source).where(flow_revision.c.rev == rev)
        ).scalar_one_or_none()
        return source


class SqlCallStore:
    """Calls, sessions, and the cases that calls open."""

    def __init__(self, engine: Engine, privacy: Privacy) -> None:
        self.engine = engine
        self.privacy = privacy

    @contextmanager
    def transaction(self) -> Iterator[SqlUnitOfWork]:
        """A short transaction for writing. Raises StaleSession where PostgreSQL saw two writers collide."""
        with self.engine.begin() as connection:
            try:
                yield SqlUnitOfWork(connection, self.privacy)
            except OperationalError as error:
                if getattr(error.orig, "sqlstate", None) in ("40001", "40P01"):
                    raise StaleSession("two transactions collided") from error
                raise


def insert_call(connection: Connection, privacy: Privacy, new: NewCall, outcome: str) -> None:
    """The call's row, its number encrypted. Raises IntegrityError where it exists."""
    connection.execute(insert(call).values(**call_values(privacy, new), outcome=outcome))


def call_values(privacy: Privacy, new: NewCall) -> dict[str, Any]:
    """Columns of a call; the number only encrypted, indexed and masked."""
    number = normalise_number(new.ani)
    return {
        "call_id": new.call_id,
        "carrier": new.carrier,
        "ani_enc": privacy.encrypt(number, f"call.ani:{new.call_id}") if number else None,
        "ani_hmac": privacy.index(number, "ani") if number else None,
        "ani_masked": mask_number(number),
        "dnis": new.dnis[:32],
        "started_at": new.started_at,
    }


def upsert_recording(connection: Connection, call_id: str, kept: KeptRecording, now: datetime) -> None:
    """The recording's row, unique by its path."""
    statement = _insert_for(connection, recording).values(
        call_id=call_id,
        path=kept.path,
        seq=kept.seq,
        duration_ms=kept.duration_ms,
        speech_ms=kept.speech_ms,
        sha256=kept.sha256,
        kept=kept.kept,
        created_at=now,
    )
    connection.execute(statement.on_conflict_do_update(index_elements=["path"], set_={"kept": statement.excluded.kept}))


def _insert_for(connection: Connection, table: Table) -> Any:
    """INSERT with ON CONFLICT, which both databases have and SQLAlchemy spells by dialect."""
    dialect: Callable[[Table], Any] = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    return dialect(table)
