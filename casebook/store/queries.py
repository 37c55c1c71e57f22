"""What people read of cases: one of them, lists by cursor, a unit's work, a caller's former cases."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, Engine, Row, exists, insert, or_, select

from casebook import roles, states
from casebook.calendar import Calendar
from casebook.errors import CaseError
from casebook.handling.clocks import Light, light
from casebook.handling.offers import offered
from casebook.handling.record import LEAD, CaseRecord, OrderRecord
from casebook.handling.reply_check import Earlier
from casebook.handling.running import SINCE, Clock, running
from casebook.hashchain import first_break
from casebook.privacy import Privacy, normalise_number
from casebook.rights import NOT_ITS, Rights
from casebook.roles import Actor
from casebook.rulebook import Route, Rulebook, city_day
from casebook.store.calendar import Days
from casebook.store.casework_schema import attachment, citizen, order_
from casebook.store.cursors import make_cursor, read_cursor
from casebook.store.engine import reading
from casebook.store.history import HistoryEvent, body_of, read_history
from casebook.store.on_behalf import check_asked
from casebook.store.records import ORDER_COLUMNS, load_orders, read_case, read_order, select_case
from casebook.store.schema import access_log, case_, event, user_

_INTAKE = (states.DRAFT, states.REGISTERED, states.DISCARDED)
_SHOWN = 10
_COMPARED = 50
_NUMBER = re.compile(r"[A-Z]{1,8}\d{0,20}|\d{4,20}")
_ANSWERS_CALLS = (
    roles.AGENT,
    roles.SHIFT_LEADER,
    roles.OPERATOR,
    roles.CALLBACK_AGENT,
    *roles.BACK_OFFICE,
)
_SEARCHED = timedelta(days=400)
"""Words are looked for in the cases of so long, where no period is given: an older case has a number."""
_A_DAY = timedelta(days=1)
"""A limit longer than that is one in working days."""


@dataclass(frozen=True, slots=True)
class File:
    """An attachment."""

    id: int
    file_name: str
    media_type: str
    size: int
    sha256: str
    added_by: str
    added_at: datetime


@dataclass(frozen=True, slots=True)
class CaseDetail:
    """A case as somebody may see it."""

    case: CaseRecord
    masked_number: str
    events: tuple[HistoryEvent, ...]
    files: tuple[File, ...]
    allowed: tuple[str, ...]
    """The events that the reader may fire now."""
    light: Light
    chain_ok: bool
    clocks: tuple[Clock, ...] = ()
    may_reveal: bool = False
    """Whether the reader may ask for number and name in full, and there are any."""
    route: Route | None = None
    """What the catalogue says of it, for whoever may dispatch it."""
    people: Mapping[str, str] = field(default_factory=dict)
    """The names of those who acted, by what they sign in with."""
    merged: tuple[str, ...] = ()
    """The cases that were merged into this one and that the reader may see."""


@dataclass(frozen=True, slots=True)
class CaseLine:
    """A line of a list."""

    case_no: str
    state: str
    demand: str
    title: str
    matter: str
    region: str
    lead_unit: str
    urgent: bool
    registered_at: datetime | None
    due_at: datetime | None
    version: int
    supervision: str
    light: Light


@dataclass(frozen=True, slots=True)
class CaseList:
    """A page, newest first; `next_cursor` is None on the last one."""

    items: list[CaseLine]
    next_cursor: str | None


@dataclass(frozen=True, slots=True)
class WorkLine:
    """An order of a unit's work list, the one with the least time first."""

    case_no: str
    title: str
    state: str
    order: OrderRecord
    light: Light


@dataclass(frozen=True, slots=True)
class Caller:
    """What the screen pops up for a caller: the last cases, the open ones first."""

    citizen_id: int | None
    items: list[CaseLine]


class Cases:
    """Reading."""

    def __init__(self, engine: Engine, privacy: Privacy, book: Rulebook, clock: Callable[[], datetime]) -> None:
        self.engine = engine
        self._privacy = privacy
        self.book = book
        self._clock = clock
        self._days = Days()

    def rights(self, actor: Actor) -> Rights:
        """What somebody may see. Raises CaseError forbidden."""
        return Rights.of(actor, self.book)

    def now(self) -> datetime:
        """The hotline's clock."""
        return self._clock()

    def calendar(self, connection: Connection) -> Calendar:
        """The city's working days."""
        return self._days.calendar(connection)

    def check_acts(self, case_no: str, actor: Actor, event_name: str, *, call_id: str = "", code: str = "") -> None:
        """Raises CaseError not_found for a case that is not the actor's to touch; guard for one that they may touch
        only if its citizen asks, and neither the call nor the query code shows it.
        """
        with reading(self.engine) as connection:
            case, _ = self._load(connection, case_no)
        if not self.rights(actor).check_acts(case, event_name):
            check_asked(self.engine, self._privacy, self._clock, case_no, actor.name, call_id, code)

    def check_reads(self, case_no: str, actor: Actor) -> None:
        """Raises CaseError not_found for a case that the actor may not see."""
        with reading(self.engine) as connection:
            case, _ = self._load(connection, case_no)
        self.rights(actor).check_reads(case)

    def get(self, case_no: str, actor: Actor, *, acted: bool = False) -> CaseDetail:
        """A case in full. Raises CaseError not_found, also for one that the reader may not see.

        Whoever has just `acted` on it is shown what came of it: the new state only, where it is not theirs to see.
        """
        rights = self.rights(actor)
        with reading(self.engine) as connection:
            case, case_id = self._load(connection, case_no)
            if not acted:
                rights.check_reads(case)
            events = connection.execute(select(event).where(event.c.case_id == case_id).order_by(event.c.seq)).all()
            files = connection.execute(
                select(
                    attachment.c.id,
                    attachment.c.file_name,
                    attachment.c.media_type,
                    attachment.c.size,
                    attachment.c.sha256,
                    attachment.c.added_by,
                    attachment.c.added_at,
                )
                .where(attachment.c.case_id == case_id)
                .order_by(attachment.c.id)
            ).all()
            mask = connection.execute(
                select(citizen.c.phone_masked).where(citizen.c.id == case.citizen_id)
            ).scalar_one_or_none()
            merged = connection.scalars(
                select(case_.c.case_no)
                .where(case_.c.master_no == case_no, case_.c.state == states.MERGED, self.scope(rights))
                .order_by(case_.c.id)
            ).all()
            calendar = self._days.calendar(connection)
            people = _names(connection, [case.registered_by or "", *(one.actor for one in events)])
        chain = ((body_of(case_no, one), one.prev_hash, one.hash) for one in events)
        shown, offers, now = rights.shown(case), offered(case, actor), self._clock()
        since = {one.type: datetime.fromisoformat(one.at) for one in events if one.type in SINCE}
        detail = CaseDetail(
            case=shown,
            masked_number=(mask or "") if rights.sees_mask(case) else "",
            events=tuple(read_history(one, rights, case) for one in events),
            files=tuple(File(*one) for one in files),
            allowed=offers,
            light=self._light(case.state, case.registered_at, case.due_at, calendar),
            chain_ok=bool(events) and first_break(chain) is None,
            clocks=running(shown, now, self.book.deadlines, calendar, since),
            may_reveal=mask is not None and rights.sees_contact(case),
            route=self.book.route(case.matter, case.region, now) if case.matter and "dispatch" in offers else None,
            people=people,
            merged=tuple(merged),
        )
        if rights.sees(case):
            return detail
        return replace(
            detail,
            masked_number="",
            events=(),
            files=(),
            allowed=(),
            light="green",
            clocks=(),
            may_reveal=False,
            route=None,
            people={},
            merged=(),
        )

    def page(
        self,
        actor: Actor,
        *,
        words: str | None = None,
        state: str | None = None,
        unit: str | None = None,
        matter: str | None = None,
        region: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        cursor: str | None = None,
        limit: int = 50,
    ) -> CaseList:
        """Cases that the reader may see, newest first. `words`: a case number or a part of it, else words of title or
        place. Raises CaseError bad_value for a cursor that is none.
        """
        wanted = [self.scope(self.rights(actor))]
        if words is not None and words.strip():
            wanted += self._with_words(words.strip(), since)
        for column, value in ((case_.c.state, state), (case_.c.lead_unit, unit), (case_.c.matter, matter)):
            if value is not None:
                wanted.append(column == value)
        if region is not None:
            wanted.append(case_.c.region == region)
        if since is not None:
            wanted.append(case_.c.registered_at >= since)
        if until is not None:
            wanted.append(case_.c.registered_at < until)
        if cursor is not None:
            wanted.append(case_.c.id < read_cursor(cursor))
        statement = _lines().where(*wanted).order_by(case_.c.id.desc()).limit(limit + 1)
        with reading(self.engine) as connection:
            rows = connection.execute(statement).all()
            calendar = self._days.calendar(connection)
        shown = rows[:limit]
        following = make_cursor(shown[-1].id) if len(rows) > limit else None
        return CaseList([self._line(row, calendar) for row in shown], following)

    def _with_words(self, words: str, since: datetime | None) -> list[ColumnElement[bool]]:
        number = words.replace(" ", "").upper()
        if _NUMBER.fullmatch(number):
            digits = number.lstrip("ABCDEFGHIJKLMNOPQRSTUVWXYZ")
            return [case_.c.case_no.like(f"{number}%") if digits != number else case_.c.case_no.like(f"%{number}%")]
        said = [
            or_(
                case_.c.title.contains(word, autoescape=True),
                case_.c.place.contains(word, autoescape=True),
            )
            for word in words.split()[:5]
        ]
        recent = [] if since is not None else [case_.c.received_at >= self._clock() - _SEARCHED]
        return [*said, *recent]

    def work(self, actor: Actor, *, limit: int = 100) -> list[WorkLine]:
        """The open orders of the actor's unit, the one with the least time first. Raises CaseError forbidden."""
        if not actor.unit:
            raise CaseError("forbidden", "您不属于任何承办单位。")
        with reading(self.engine) as connection:
            rows = work_rows(connection, actor.unit, limit)
            calendar = self._days.calendar(connection)
        now, found = self._clock(), []
        for row in rows:
            order = read_order(row)
            span = self.book.limit(order.rule).handling
            start, due = order.dispatched_at or now, order.due_at or now
            shown = light(start, due, now, calendar=calendar, in_days=span.unit == "wd")
            found.append(WorkLine(row.case_no, row.title, row.state, order, shown))
        return found

    def consultations(self, actor: Actor) -> list[CaseLine]:
        """The cases about which the actor's unit is to confer with others (会商), the first to be due first."""
        invited = ("," + case_.c.consulted + ",").contains(f",{actor.unit},", autoescape=True)
        lines = _lines().where(case_.c.state == states.CONSULT, invited).order_by(case_.c.due_at, case_.c.id)
        with reading(self.engine) as connection:
            rows = connection.execute(lines).all() if actor.unit else []
            calendar = self._days.calendar(connection)
        return [self._line(row, calendar) for row in rows]

    def earlier_answers(self, case_no: str, actor: Actor) -> list[Earlier]:
        """The last answers of the unit that leads a case, of other cases. Raises CaseError not_found."""
        rights = self.rights(actor)
        with reading(self.engine) as connection:
            case, case_id = self._load(connection, case_no)
            rights.check_reads(case)
            if not case.lead_unit:
                return []
            led = exists().where(order_.c.case_id == case_.c.id, order_.c.unit == case.lead_unit, order_.c.role == LEAD)
            rows = connection.execute(
                select(case_.c.case_no, case_.c.answer)
                .where(self.scope(rights), led, case_.c.answer != "", case_.c.id != case_id)
                .order_by(case_.c.id.desc())
                .limit(_COMPARED)
            )
            return [Earlier(row.case_no, row.answer) for row in rows]

    def provisional_years(self) -> list[int]:
        """This year and the next, where their make-up days are not announced yet."""
        with reading(self.engine) as connection:
            calendar = self._days.calendar(connection)
        year = city_day(self._clock()).year
        return [one for one in (year, year + 1) if calendar.year_state(one) != "announced"]

    def caller(self, phone: str, actor: Actor) -> Caller:
        """The cases of whoever has this number: what pops up when the telephone rings. Raises CaseError forbidden."""
        if actor.role not in _ANSWERS_CALLS:
            raise CaseError("forbidden", "您的岗位不接听来电。")
        number = normalise_number(phone)
        if not number:
            return Caller(None, [])
        with self.engine.begin() as connection:
            known = connection.execute(caller_statement(self._privacy.index(number, "ani"))).all()
            calendar = self._days.calendar(connection)
            if known:
                # Whose cases were looked up, not by what number.
                note = {"case_no": "", "what": "caller_cases", "reason": str(known[0].citizen_id)}
                connection.execute(insert(access_log).values(actor=actor.name, at=self._clock(), **note))
        lines = [self._line(row, calendar) for row in known if row.id is not None]
        lines.sort(key=lambda one: one.state not in (states.REGISTERED, *states.OPEN))
        return Caller(known[0].citizen_id if known else None, lines)

    def reveal(self, case_no: str, actor: Actor, reason: str) -> tuple[str, str]:
        """Number and name in full; who asked, and why, is logged (E26). Raises CaseError not_found, forbidden,
        missing_reason.
        """
        if not reason.strip():
            raise CaseError("missing_reason", "请填写查看原因。")
        rights = self.rights(actor)
        with self.engine.begin() as connection:
            case, _ = self._load(connection, case_no)
            rights.check_reads(case)
            if not rights.sees_contact(case):
                raise CaseError("forbidden", "您不能查看这位诉求人的联系方式。")
            row = connection.execute(select(citizen).where(citizen.c.id == case.citizen_id)).first()
            if row is None or row.phone_enc is None:
                raise CaseError("not_found", "没有可查看的联系方式。")
            connection.execute(
                insert(access_log).values(
                    actor=actor.name, case_no=case_no, what="citizen_contact", reason=reason, at=self._clock()
                )
            )
        number = self._privacy.decrypt(row.phone_enc, f"citizen.phone:{row.phone_hmac}")
        name = self._privacy.decrypt(row.name_enc, f"citizen.name:{row.phone_hmac}") if row.name_enc else ""
        return number, name

    def file(self, case_no: str, file_id: int, actor: Actor) -> File:
        """An attachment of a case. Raises CaseError not_found."""
        for one in self.get(case_no, actor).files:
            if one.id == file_id:
                return one
        raise CaseError("not_found", "没有这个附件。")

    def _load(self, connection: Connection, case_no: str) -> tuple[CaseRecord, int]:
        row = connection.execute(select_case().where(case_.c.case_no == case_no)).first()
        if row is None:
            raise CaseError("not_found", "没有这个编号的案件。")
        return read_case(row, load_orders(connection, row.id)), row.id

    def scope(self, rights: Rights) -> ColumnElement[bool]:
        """What `Rights.sees` says, as a condition on rows; but for consultations, which have a list of their own."""
        match rights.rule.reads:
            case "all":
                return case_.c.id.is_not(None)
            case "intake":
                return or_(case_.c.channel == "voicemail", case_.c.state.in_(_INTAKE))
            case "unit" if rights.actor.unit:
                return exists().where(
                    order_.c.case_id == case_.c.id,
                    order_.c.unit == rights.actor.unit,
                    order_.c.result.not_in(NOT_ITS),
                )
            case "own":
                return case_.c.registered_by == rights.actor.name
        return case_.c.id.is_(None)

    def _line(self, row: Row[Any], calendar: Calendar) -> CaseLine:
        return CaseLine(
            row.case_no,
            row.state,
            row.demand,
            row.title,
            row.matter,
            row.region,
            row.lead_unit,
            row.urgent,
            row.registered_at,
            row.due_at,
            row.version,
            row.supervision,
            self._light(row.state, row.registered_at, row.due_at, calendar),
        )

    def _light(self, state: str, start: datetime | None, due: datetime | None, calendar: Calendar) -> Light:
        if start is None or due is None or state not in (states.REGISTERED, *states.OPEN):
            return "green"
        return light(start, due, self._clock(), calendar=calendar, in_days=due - start > _A_DAY)


def _names(connection: Connection, logins: Sequence[str]) -> dict[str, str]:
    wanted = {one for one in logins if one}
    found = connection.execute(select(user_.c.name, user_.c.display_name).where(user_.c.name.in_(wanted)))
    return {row.name: row.display_name for row in found}


def work_rows(connection: Connection, unit: str, limit: int) -> Sequence[Any]:
    """A unit's open orders with their cases, by due time."""
    statement = (
        select(*ORDER_COLUMNS, case_.c.case_no, case_.c.title, case_.c.state)
        .join(case_, case_.c.id == order_.c.case_id)
        .where(order_.c.unit == unit, order_.c.ended_at.is_(None))
        .order_by(order_.c.due_at)
        .limit(limit)
    )
    return connection.execute(statement).all()


def caller_statement(phone_hmac: str) -> Any:
    """The last cases of the citizen whose number has this index."""
    columns = _lines().selected_columns
    return (
        select(citizen.c.id.label("citizen_id"), *columns)
        .outerjoin(case_, case_.c.citizen_id == citizen.c.id)
        .where(citizen.c.phone_hmac == phone_hmac)
        .order_by(case_.c.registered_at.desc())
        .limit(_SHOWN)
    )


def _lines() -> Any:
    return select(
        case_.c.id,
        case_.c.case_no,
        case_.c.state,
        case_.c.demand,
        case_.c.title,
        case_.c.matter,
        case_.c.region,
        case_.c.lead_unit,
        case_.c.urgent,
        case_.c.registered_at,
        case_.c.due_at,
        case_.c.version,
        case_.c.supervision,
    )
