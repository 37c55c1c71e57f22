"""Commands on cases: each is one transaction that checks, appends the event and updates the rows, or does nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime
from functools import cache
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, insert, select

from casebook import states
from casebook.calendar import Calendar
from casebook.errors import CaseError
from casebook.handling import commands as do
from casebook.handling.decide import Decision, decide
from casebook.handling.record import CaseRecord, case_values, whole_ms
from casebook.handling.running import Clock, Moments, running
from casebook.handling.scene import Scene
from casebook.numbering import new_query_code
from casebook.privacy import Privacy
from casebook.roles import THE_SYSTEM, Actor
from casebook.rulebook import Rulebook, city_day
from casebook.store.calendar import Days
from casebook.store.cases import NEXT_NUMBER, QUERY_CODE
from casebook.store.casework_schema import attachment
from casebook.store.citizens import (
    citizen_of_call,
    citizen_values,
    correct_citizen,
    keep_citizen,
    number_and_citizen,
)
from casebook.store.driver import TAKEN, Driver
from casebook.store.engine import contested, reading
from casebook.store.history import FIRST, append_event, event_values
from casebook.store.kept import ConnectionLost, Kept
from casebook.store.knowledge_answers import keep_answer
from casebook.store.records import load_orders, read_case, select_case, write_case, write_new_case
from casebook.store.schema import case_, event
from casebook.store.telling import Channels, tell
from casebook.store.timers import set_timers

_C = TypeVar("_C", bound=do.Command)
_KEPT = 4
_UNANSWERED = (states.TRANSFERRED, states.NOT_ACCEPTED, states.WITHDRAWN)
"""How a case ends of which the citizens of merged cases have heard nothing."""
_STALE = "案件已被他人修改，请刷新后再操作。"


@dataclass(frozen=True, slots=True)
class Registered:
    """What the citizen is told of a new case."""

    case_no: str
    query_code: str


class Casework:
    """The commands."""

    def __init__(
        self,
        engine: Engine,
        privacy: Privacy,
        book: Rulebook,
        clock: Callable[[], datetime],
        channels: Channels | None = None,
    ) -> None:
        self._engine = engine
        self._kept = Kept(engine, _KEPT)
        self._privacy = privacy
        self.book = book
        self._clock = clock
        self._channels: Channels = channels or {}
        self._days = Days()

    def register(self, command: do.Register, *, channel: str, actor: Actor, idempotency_key: str) -> Registered:
        """Register a demand that has no case yet (E1). The same key again: the same case.

        Raises CaseError forbidden, guard, bad_value, key_reused.
        """
        key, command = f"{actor.name}:{idempotency_key}", _whole_ms(command)
        try:
            return self._register(command, channel, actor, key)
        except ConnectionLost:
            # Whether it was kept is not known: if so, it is told again.
            return self._register(command, channel, actor, key)

    def _register(self, command: do.Register, channel: str, actor: Actor, key: str) -> Registered:
        now = whole_ms(self._clock())
        try:
            with self._kept.connection() as connection:
                scene, driver = self._scene(connection, actor, now), Driver(connection)
                caller = {} if command.anonymous else citizen_values(self._privacy, command.phone, command.name, now)
                # The day's counter is held from here to the end: whatever can be done before it is.
                case_no, citizen_id = number_and_citizen(connection, driver, caller, now)
                code, place = new_query_code(), f"{QUERY_CODE}:{case_no}"
                new = CaseRecord(case_no=case_no, channel=channel, citizen_id=citizen_id)
                decision = decide(new, command, scene)
                payload = _with_citizen(decision.payload, citizen_id)
                payload["set"] = {**payload["set"], "channel": channel}
                decision = replace(decision, payload=payload)
                row = {
                    "case_no": case_no,
                    "query_code_enc": self._privacy.encrypt(code, place),
                    "query_code_hmac": self._privacy.index(code, place),
                    **case_values(decision.case),
                }
                first = event_values(case_no, FIRST, **_happened(new, decision, command, actor, key, now))
                write_new_case(driver, row, first)
                self._follow_up(connection, decision, now)
            return Registered(case_no, code)
        except TAKEN as error:
            # Done before: the number just taken went back with the transaction, and that case is told again.
            with reading(self._engine) as connection:
                if done := self._registered(connection, key):
                    return done
            raise CaseError("stale_version", _STALE) from error

    def try_out(self, command: do.Register, *, channel: str, actor: Actor) -> None:
        """Decide on a registration and write nothing. Raises CaseError as `register`."""
        with reading(self._engine) as connection:
            scene = self._scene(connection, actor, whole_ms(self._clock()))
        decide(CaseRecord(case_no="", channel=channel), _whole_ms(command), scene)

    def execute(
        self, case_no: str, command: do.Command, *, version: int | None, actor: Actor, idempotency_key: str
    ) -> int:
        """Do a command; the case's new version. `version` None: whatever it is (the hotline's own commands).

        Raises CaseError not_found, stale_version, key_reused, and whatever the decision refuses with.
        """
        key, now = f"{actor.name}:{idempotency_key}", whole_ms(self._clock())
        # Two cases that are merged into each other at the same moment wait for each other: one is told.
        with contested(self._engine, _STALE) as connection:
            return self.apply(connection, case_no, command, version=version, actor=actor, key=key, now=now)

    def apply(
        self,
        connection: Connection,
        case_no: str,
        command: do.Command,
        *,
        version: int | None,
        actor: Actor,
        key: str,
        now: datetime,
        calendar: Calendar | None = None,
    ) -> int:
        """As `execute`, within the transaction of a caller; by a `calendar` that this very transaction writes."""
        row = connection.execute(select_case().where(case_.c.case_no == case_no).with_for_update()).first()
        if row is None:
            raise CaseError("not_found", "没有这个编号的案件。")
        if _repeated(connection, key, row.id, command.EVENT):
            return int(row.version)
        if version is not None and row.version != version:
            raise CaseError("stale_version", _STALE)
        before = read_case(row, load_orders(connection, row.id))
        command = _whole_ms(command)
        children = _children(connection, case_no)
        scene = self._scene(connection, actor, now, self._other(connection, before, command), children)
        if calendar is not None:
            scene = replace(scene, calendar=calendar)
        start = self._known_caller(connection, before, row.id, command, now)
        decision = decide(start, command, scene)
        decision = replace(decision, payload=_with_citizen(decision.payload, start.citizen_id, before.citizen_id))
        write_case(connection, row.id, before, decision.case)
        if isinstance(command, do.Attach):
            _keep_attachment(connection, row.id, command, actor, now)
        if isinstance(command, do.AnswerNow):
            keep_answer(connection, before, command, actor.name, now)
        append_event(connection, row.id, case_no, **_happened(before, decision, command, actor, key, now))
        self._follow_up(connection, decision, now, children)
        if before.state not in _UNANSWERED and decision.case.state in _UNANSWERED:
            self._release(connection, decision.case, children, now)
        return decision.case.version

    def _release(
        self, connection: Connection, master: CaseRecord, children: Sequence[CaseRecord], now: datetime
    ) -> None:
        """What was merged into a case that ends without an answer is handled by itself again."""
        for child in children:
            self.apply(
                connection,
                child.case_no,
                do.Unmerge(reason=f"主案件 {master.case_no} 没有答复就已了结"),
                version=None,
                actor=THE_SYSTEM,
                key=f"{THE_SYSTEM.name}:release:{child.case_no}:{master.version}",
                now=now,
            )

    def _follow_up(
        self, connection: Connection, decision: Decision, now: datetime, children: Sequence[CaseRecord] = ()
    ) -> None:
        after = decision.case
        set_timers(connection, after.case_no, decision.timers)
        if decision.told:
            tell(connection, after, decision.told, f"{after.case_no}:{after.version}", self._channels, now, children)

    def _scene(
        self,
        connection: Connection,
        actor: Actor,
        now: datetime,
        other: CaseRecord | None = None,
        children: tuple[CaseRecord, ...] = (),
    ) -> Scene:
        year = f"DB{city_day(now).year}"

        def next_supervision() -> str:
            return f"{year}-{connection.execute(NEXT_NUMBER, {'day': year}).scalar_one():04d}"

        return Scene(actor, now, self.book, self._days.calendar(connection), next_supervision, other, children)

    def report_by(self, connection: Connection, now: datetime) -> datetime:
        """By when a unit reports on a supervision order that the hotline issues itself."""
        return self._days.calendar(connection).deadline(now, self.book.deadlines.supervise_wd)

    def clocks(self, connection: Connection, case: CaseRecord, now: datetime, moments: Moments) -> tuple[Clock, ...]:
        """The clocks that run for a case."""
        return running(case, now, self.book.deadlines, self._days.calendar(connection), moments)

    def _other(self, connection: Connection, case: CaseRecord, command: do.Command) -> CaseRecord | None:
        """The master that a merge names, or that a merged case has."""
        number = command.master_no if isinstance(command, do.Merge) else case.master_no
        if not number:
            return None
        # Held, so that nobody merges the master away at the same moment.
        row = connection.execute(select_case().where(case_.c.case_no == number).with_for_update()).first()
        return read_case(row, load_orders(connection, row.id)) if row is not None else None

    def _known_caller(
        self, connection: Connection, case: CaseRecord, case_id: int, command: do.Command, now: datetime
    ) -> CaseRecord:
        """A draft that is registered gets its citizen: by the number that was given, else by the call's. So does a case
        that was registered before there were citizens, and limits.
        """
        if isinstance(command, do.Register) and not command.anonymous:
            if command.phone.strip():
                return replace(case, citizen_id=self._citizen(connection, command, now))
            name = command.name
        elif isinstance(command, do.CorrectContact):
            return replace(
                case, citizen_id=correct_citizen(connection, self._privacy, command.phone, command.name, now)
            )
        elif isinstance(command, do.Recount) and case.due_at is None and case.citizen_id is None:
            name = ""
        else:
            return case
        call_id = connection.execute(select(case_.c.call_id).where(case_.c.id == case_id)).scalar_one()
        found = citizen_of_call(connection, self._privacy, call_id, name, now) if call_id else None
        return replace(case, citizen_id=found)

    def _citizen(self, connection: Connection, command: do.Register, now: datetime) -> int | None:
        """Whoever gave a number and did not ask to be nobody."""
        if command.anonymous:
            return None
        return keep_citizen(connection, self._privacy, command.phone, command.name, now)

    def _registered(self, connection: Connection, key: str) -> Registered | None:
        """The case that this very command made before. Raises CaseError key_reused."""
        done = connection.execute(
            select(event.c.type, event.c.from_state, case_.c.case_no, case_.c.query_code_enc)
            .join(case_, case_.c.id == event.c.case_id)
            .where(event.c.idempotency_key == key)
        ).first()
        if done is None:
            return None
        if (done.type, done.from_state) != (do.Register.EVENT, states.NEW):
            raise CaseError("key_reused", "这个请求编号已用于另一个操作。")
        code = self._privacy.decrypt(done.query_code_enc, f"{QUERY_CODE}:{done.case_no}")
        return Registered(done.case_no, code)


def _happened(
    before: CaseRecord, decision: Decision, command: do.Command, actor: Actor, key: str, now: datetime
) -> dict[str, Any]:
    """What the history keeps of a decision."""
    return {
        "kind": command.EVENT,
        "actor": actor.name,
        "now": now,
        "from_state": before.state,
        "to_state": decision.case.state,
        "payload": decision.payload,
        "idempotency_key": key,
    }


def _repeated(connection: Connection, key: str, case_id: int, kind: str) -> bool:
    """Whether this very command was done before. Raises CaseError key_reused for a key of another command."""
    done = connection.execute(select(event.c.case_id, event.c.type).where(event.c.idempotency_key == key)).first()
    if done is None:
        return False
    if (done.case_id, done.type) != (case_id, kind):
        raise CaseError("key_reused", "这个请求编号已用于另一个操作。")
    return True


def _whole_ms(command: _C) -> _C:
    """The command with its moments as exact as the history keeps them."""
    said = {name: getattr(command, name) for name in _moments_of(type(command))}  # type: ignore[arg-type]
    moments = {name: whole_ms(value) for name, value in said.items() if value is not None}
    return replace(command, **moments) if moments else command


@cache
def _moments_of(kind: type[do.Command]) -> tuple[str, ...]:
    """The fields of a command that hold a moment."""
    return tuple(one.name for one in fields(kind) if "datetime" in str(one.type))


def _with_citizen(payload: Mapping[str, Any], citizen_id: int | None, before: int | None = None) -> dict[str, Any]:
    """The payload, with the citizen that the store found for the case."""
    if citizen_id == before:
        return dict(payload)
    return {**payload, "set": {**payload["set"], "citizen_id": citizen_id}}


def _keep_attachment(connection: Connection, case_id: int, command: do.Attach, actor: Actor, now: datetime) -> None:
    connection.execute(
        insert(attachment).values(
            case_id=case_id,
            file_name=command.file_name,
            media_type=command.media_type,
            size=command.size,
            sha256=command.sha256,
            added_by=actor.name,
            added_at=now,
        )
    )


def _children(connection: Connection, case_no: str) -> tuple[CaseRecord, ...]:
    """The cases that were merged into this one: their citizens are told too."""
    rows = connection.execute(
        select_case()
        .where(case_.c.master_no == case_no, case_.c.master_no != "", case_.c.state == states.MERGED)
        .order_by(case_.c.id)
    )
    return tuple(read_case(row, ()) for row in rows)
