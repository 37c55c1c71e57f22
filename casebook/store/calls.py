"""The store as the calls see it: `SqlCallStore` implements ivr.ports.CallStore, one short transaction a step.

A key press costs three statements: the session is read, written back under its version, and the event is journalled.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import psycopg
from sqlalchemy import Connection, Engine, insert, select
from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from casebook.numbering import from_digits
from casebook.privacy import Privacy, mask_number, normalise_number
from casebook.states import progress
from casebook.store.callbacks import book, settle
from casebook.store.cases import QUERY_CODE, add_effect, master_of, open_draft, start_clock
from casebook.store.driver import TAKEN, Driver
from casebook.store.engine import COLLIDED, insert_for
from casebook.store.kept import ConnectionLost, Kept
from casebook.store.legs import write_ended_legs
from casebook.store.schema import call, case_, flow_revision, recording
from ivr.events import CallbackBooked, CallbackImpossible, CaseFound, CaseNotFound, CommandResult, dump_event
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

# The three statements of a key press go to the driver's own cursor: SQLAlchemy's share of each would be three times the
# database's. "?" becomes the driver's own mark; everything else in the store is SQLAlchemy Core.
_LOAD = "SELECT flow_rev, version, seq, state, verbs, ended_at FROM call_session WHERE call_id = ?"
_SAVE = (
    "UPDATE call_session SET version = ?, seq = ?, state = ?, verbs = ?, updated_at = ?, ended_at = ?"
    " WHERE call_id = ? AND version = ?"
)
_JOURNAL = "INSERT INTO call_journal (call_id, seq, n, at, event) VALUES (?, ?, ?, ?, ?)"
# PostgreSQL writes both in one statement: a key press goes to the server and back once less.
_SAVE_AND_JOURNAL = (
    "WITH saved AS (" + _SAVE + " RETURNING call_id)"  # noqa: S608 - two constants
    " INSERT INTO call_journal (call_id, seq, n, at, event) SELECT call_id, ?, 0, ?, ? FROM saved"
)
_NEW_CALL = (
    "INSERT INTO call (call_id, carrier, ani_enc, ani_hmac, ani_masked, dnis, started_at, outcome)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, '')"
)
_NEW_SESSION = (
    "INSERT INTO call_session (call_id, flow_rev, version, seq, state, verbs, updated_at)"
    " VALUES (?, ?, ?, ?, ?, '[]', ?)"
)
# PostgreSQL writes a call with its first step in one statement.
_NEW_CALL_WITH_STEP = (
    f"WITH new AS ({_NEW_CALL}), begun AS ("  # noqa: S608 - constants
    "INSERT INTO call_session (call_id, flow_rev, version, seq, state, verbs, updated_at)"
    " VALUES (?, ?, ?, ?, ?, ?, ?) RETURNING call_id)"
    " INSERT INTO call_journal (call_id, seq, n, at, event) SELECT call_id, ?, 0, ?, ? FROM begun"
)
_END_CALL = (
    "UPDATE call SET ended_at = ?, outcome = ? WHERE call_id = ? RETURNING"
    " EXISTS (SELECT 1 FROM case_ WHERE case_.call_id = call.call_id AND case_.clock_started_at IS NULL)"
)
_KEPT = 8


class SqlUnitOfWork(UnitOfWork):
    """One transaction."""

    def __init__(self, connection: Connection, privacy: Privacy) -> None:
        self._connection = connection
        self._driver = Driver(connection)
        self._privacy = privacy
        self._new: tuple[NewCall, SessionRow] | None = None

    @property
    def connection(self) -> Connection:
        """The transaction, for every statement but those of a key press."""
        self._write_new_call()
        self._driver.begin()
        return self._connection

    def commit(self) -> None:
        """Make it last: what began on PostgreSQL; a statement that stands by itself lasts already."""
        self._write_new_call()
        if self._driver.begun and not self._driver.is_sqlite:
            (self._connection if self._connection.in_transaction() else self._connection.connection).commit()

    def load_session(self, call_id: str) -> SessionRow | None:
        row = self._driver.execute(_LOAD, (call_id,)).fetchone()
        if row is None:
            return None
        rev, version, seq, state, verbs, ended_at = row
        loaded = tuple(map(load_verb, json.loads(verbs)))
        return SessionRow(call_id, rev, version, seq, json.loads(state), loaded, self._driver.read_moment(ended_at))

    def create_call(self, new: NewCall, session: SessionRow) -> None:
        self._write_new_call()
        # PostgreSQL gets it with its first step, which follows at once.
        self._new = (new, session)
        if self._driver.is_sqlite:
            self._write_new_call()

    def _write_new_call(self) -> None:
        if self._new is None:
            return
        (new, session), self._new = self._new, None
        self._driver.begin()
        driver, values = self._driver, call_values(self._privacy, new)
        values["started_at"] = at = driver.moment(new.started_at)
        try:
            driver.execute(_NEW_CALL, tuple(values.values()))
            state = _dump(session.state)
            driver.execute(_NEW_SESSION, (new.call_id, session.flow_rev, session.version, session.seq, state, at))
        except TAKEN as error:
            raise StaleSession(new.call_id) from error

    def save_step(self, session: SessionRow, writes: StepWrites, now: datetime) -> None:
        driver, at = self._driver, self._driver.moment(now)
        values = (
            session.version + 1,
            session.seq,
            _dump(session.state),
            _dump([dump_verb(verb) for verb in session.verbs]),
            at,
            driver.moment(session.ended_at),
            session.call_id,
            session.version,
        )
        journal = [_dump(dump_event(happened)) for happened in writes.journal]
        if len(journal) > 1 or writes.legs or writes.effects or session.ended_at is not None:
            self._write_new_call()
            driver.begin()
        elif self._new:
            self._write_new_call_with_step(session, journal[0], now)
            return
        noted = 0 if driver.is_sqlite or not journal else 1
        saved = (
            driver.execute(_SAVE_AND_JOURNAL, (*values, session.seq, at, journal[0]))
            if noted
            else driver.execute(_SAVE, values)
        )
        if saved.rowcount != 1:
            raise StaleSession(session.call_id)
        session.version += 1
        for n, happened in enumerate(journal[noted:], noted):
            driver.execute(_JOURNAL, (session.call_id, session.seq, n, at, happened))
        if writes.legs:
            write_ended_legs(self.connection, session.call_id, writes.legs, now)
        for effect in writes.effects:
            add_effect(self.connection, effect.kind, effect.key, effect.payload, now)
        if session.ended_at is not None:
            ended = driver.execute(_END_CALL, (driver.moment(session.ended_at), writes.outcome, session.call_id))
            if ended.fetchone()[0]:
                start_clock(self.connection, session.call_id, session.ended_at, now)
            settle(self.connection, session.call_id, writes.outcome, now)

    def _write_new_call_with_step(self, session: SessionRow, journal: str, now: datetime) -> None:
        assert self._new is not None  # noqa: S101 - asked for by save_step alone
        (new, _), self._new = self._new, None
        verbs = _dump([dump_verb(verb) for verb in session.verbs])
        begun = (session.call_id, session.flow_rev, session.version + 1, session.seq, _dump(session.state), verbs, now)
        values = tuple(call_values(self._privacy, new).values())
        try:
            self._driver.execute(_NEW_CALL_WITH_STEP, (*values, *begun, session.seq, now, journal))
        except TAKEN as error:
            raise StaleSession(new.call_id) from error
        session.version += 1

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
            select(case_.c.state, case_.c.outcome, case_.c.master_no, case_.c.query_code_hmac).where(
                case_.c.case_no == case_no
            )
        ).first()
        # The code is compared for an unknown number too: the answer takes as long as for a known one.
        index = row.query_code_hmac if row else self._privacy.index("", QUERY_CODE)
        matches = self._privacy.same(command.query_code, index, f"{QUERY_CODE}:{case_no}")
        if row is None or not matches:
            return CaseNotFound()
        return CaseFound(progress(row.state, row.outcome, master_of(self.connection, row.master_no)))

    def book_callback(self, call_id: str, now: datetime) -> CommandResult:
        return CallbackBooked() if book(self.connection, call_id, "requested", now) else CallbackImpossible()

    def save_flow(self, rev: str, source: str) -> None:
        self.connection.execute(
            insert_for(self.connection, flow_revision).values(rev=rev, source=source).on_conflict_do_nothing()
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
        self._kept = Kept(engine, _KEPT, autocommit=True)

    @contextmanager
    def transaction(self) -> Iterator[SqlUnitOfWork]:
        """A short transaction for writing.

        Raises StaleSession where PostgreSQL saw two writers collide or closed the connection: the step is taken again,
        which changes nothing where it was written after all.
        """
        try:
            with self._kept.connection() as connection:
                unit = SqlUnitOfWork(connection, self.privacy)
                yield unit
                unit.commit()
        except ConnectionLost as error:
            raise StaleSession("to be tried again") from error
        except (SQLAlchemyError, psycopg.Error) as error:
            if getattr(getattr(error, "orig", error), "sqlstate", None) in COLLIDED:
                raise StaleSession("to be tried again") from error
            raise


def insert_call(connection: Connection, privacy: Privacy, new: NewCall, outcome: str) -> None:
    """The call's row, its number encrypted. Raises IntegrityError where it exists."""
    connection.execute(insert(call), {**call_values(privacy, new), "outcome": outcome})


def call_values(privacy: Privacy, new: NewCall) -> dict[str, Any]:
    """Columns of a call, in the order of _NEW_CALL; the number only encrypted, indexed and masked."""
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
    statement = insert_for(connection, recording).values(
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
