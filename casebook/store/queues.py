"""What waits for people of the hotline: cases to dispatch, returns to judge, citizens to call, what is nearly due."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, exists, func, not_, or_, select

from casebook import roles, states
from casebook.errors import CaseError
from casebook.handling.record import CO, LEAD, CaseRecord, OrderRecord
from casebook.handling.running import Clock, nearest, running
from casebook.roles import Actor
from casebook.rulebook import Route
from casebook.store.casework_schema import order_
from casebook.store.engine import in_parts, reading
from casebook.store.history import moments
from casebook.store.queries import CaseLine, Cases
from casebook.store.records import ORDER_COLUMNS, read_case, read_order, select_case
from casebook.store.schema import case_

_DESK = (*roles.BACK_OFFICE, roles.SHIFT_LEADER)
_OVERSIGHT = (*roles.BACK_OFFICE, roles.LEADER, roles.BUREAU)
_FOR: Mapping[str, tuple[str, ...]] = {
    "triage": _DESK,
    "returns": roles.BACK_OFFICE,
    "reviews": roles.BACK_OFFICE,
    "extensions": (*roles.BACK_OFFICE, roles.LEADER),
    "refusals": roles.BACK_OFFICE,
    "closings": roles.BACK_OFFICE,
    "due": _OVERSIGHT,
    "supervised": _OVERSIGHT,
    "instructed": _OVERSIGHT,
    "callbacks": (roles.CALLBACK_AGENT, *roles.BACK_OFFICE),
}
QUEUES = tuple(_FOR)
_master = case_.alias("master")
_CALLS_OF_MERGED = 3
_MOST = 5000
"""Cases of a queue that are looked at to find those with the least time."""


def _open_lead(*more: ColumnElement[bool]) -> ColumnElement[bool]:
    lead = and_(order_.c.case_id == case_.c.id, order_.c.role == LEAD, order_.c.ended_at.is_(None))
    return exists().where(lead, *more)


_RETURNED = _open_lead(order_.c.returned_at.is_not(None))
_CO_RETURNED = exists().where(
    order_.c.case_id == case_.c.id,
    order_.c.role == CO,
    order_.c.ended_at.is_(None),
    order_.c.returned_at.is_not(None),
    not_(order_.c.final),
)
_WHERE: Mapping[str, ColumnElement[bool]] = {
    "triage": or_(
        case_.c.state.in_((states.REGISTERED, states.CONSULT, states.REWORK)),
        and_(case_.c.state == states.TRIAGE, not_(_RETURNED)),
    ),
    "returns": or_(
        and_(case_.c.state == states.TRIAGE, _RETURNED), and_(case_.c.state.in_(states.HANDLED), _CO_RETURNED)
    ),
    "reviews": case_.c.state == states.FED_BACK,
    "extensions": and_(case_.c.state == states.HANDLING, _open_lead(order_.c.extension_signed)),
    "refusals": and_(case_.c.state.in_((states.REGISTERED, states.TRIAGE)), case_.c.refusal_by != ""),
    "closings": and_(case_.c.state == states.CALLBACK, case_.c.closing_by != ""),
    "due": case_.c.state.in_((states.REGISTERED, *states.OPEN)),
    "supervised": and_(case_.c.state.in_(states.OPEN), case_.c.supervision != ""),
    "instructed": and_(case_.c.state.in_((states.REGISTERED, *states.OPEN)), case_.c.instructed_by != ""),
    "callbacks": or_(
        and_(case_.c.state == states.CALLBACK, case_.c.closing_by == ""),
        # Whose case was merged into one that is closed is called as well, but not for ever.
        and_(
            case_.c.state == states.MERGED,
            case_.c.citizen_id.is_not(None),
            case_.c.reached.is_(False),
            case_.c.attempts < _CALLS_OF_MERGED,
            exists().where(_master.c.case_no == case_.c.master_no, _master.c.state == states.CLOSED),
        ),
    ),
}


@dataclass(frozen=True, slots=True)
class QueueLine:
    """A case that waits; `unit` to `unanswered` are of its open lead order, or of the helping one that is returned."""

    case: CaseLine
    clock: Clock | None
    """The clock to look at first."""
    route: Route | None
    unit: str
    dispatched_by: str
    return_code: str
    extension_wd: int
    urgings: int
    unanswered: int
    own: bool
    """The reader did the step that another one is to judge now."""


@dataclass(frozen=True, slots=True)
class Queue:
    """The lines with the least time first; `total` counts those that are left out too."""

    items: list[QueueLine]
    total: int


class Queues:
    """Reading what waits."""

    def __init__(self, cases: Cases) -> None:
        self._cases = cases

    def totals(self, actor: Actor) -> dict[str, int]:
        """How many cases each queue of the actor's role has; of the wall of due times, those that are overdue."""
        rights = self._cases.rights(actor)
        mine = [name for name in QUEUES if actor.role in _FOR[name]]
        if not mine:
            return {}
        scope = and_(self._cases.scope(rights), case_.c.state.in_((states.REGISTERED, *states.OPEN)))
        with reading(self._cases.engine) as connection:
            overdue = or_(case_.c.due_at < self._cases.now(), _open_lead(order_.c.due_at < self._cases.now()))
            counted = [func.count().filter(overdue if name == "due" else _WHERE[name]) for name in mine]
            row = connection.execute(select(*counted).select_from(case_).where(scope)).one()
        return dict(zip(mine, row, strict=True))

    def get(self, name: str, actor: Actor, *, limit: int) -> Queue:
        """A queue. Raises CaseError forbidden."""
        if actor.role not in _FOR[name]:
            raise CaseError("forbidden", "您的岗位没有这个待办。")
        rights, now = self._cases.rights(actor), self._cases.now()
        with reading(self._cases.engine) as connection:
            rows = connection.execute(
                select_case()
                .where(self._cases.scope(rights), _WHERE[name])
                .order_by(case_.c.due_at, case_.c.id)
                .limit(_MOST)
            ).all()
            orders = _orders(connection, [row.id for row in rows])
            since = moments(connection, [row.id for row in rows if _needs_moments(row)])
            calendar = self._cases.calendar(connection)
        found = []
        for row in rows:
            case = read_case(row, orders.get(row.id, ()))
            clocks = running(case, now, self._cases.book.deadlines, calendar, since.get(row.id, {}))
            clock = nearest(clocks)
            if name != "due" or (clock is not None and clock.light != "green"):
                found.append((case, clock))
        found.sort(key=lambda one: _by_time(one[1]))
        lines = [self._line(name, case, clock, actor, now) for case, clock in found[:limit]]
        return Queue(lines, len(found))

    def _line(self, name: str, case: CaseRecord, clock: Clock | None, actor: Actor, now: datetime) -> QueueLine:
        lead, book = case.lead(), self._cases.book
        if name == "returns" and case.state != states.TRIAGE:
            lead = next((one for one in case.co_orders() if one.return_pending), lead)
        by = {
            "returns": lead.dispatched_by if lead else "",
            "refusals": case.refusal_by,
            "closings": case.closing_by,
        }.get(name)
        return QueueLine(
            case=CaseLine(
                case.case_no,
                case.state,
                case.demand,
                case.title,
                case.matter,
                case.region,
                case.lead_unit,
                case.urgent,
                case.registered_at,
                case.due_at,
                case.version,
                case.supervision,
                clock.light if clock else "green",
            ),
            clock=clock,
            route=book.route(case.matter, case.region, now) if name == "triage" and case.matter else None,
            unit=lead.unit if lead else "",
            dispatched_by=lead.dispatched_by if lead else "",
            return_code=lead.return_code if lead else "",
            extension_wd=lead.extension_wd if lead else 0,
            urgings=lead.urgings if lead else 0,
            unanswered=lead.unanswered if lead else 0,
            own=by == actor.name,
        )


def _by_time(clock: Clock | None) -> tuple[int, float]:
    if clock is None:
        return (3, 0.0)
    return (("red", "yellow", "green").index(clock.light), clock.due.timestamp())


def _orders(connection: Connection, ids: Sequence[int]) -> dict[int, tuple[OrderRecord, ...]]:
    found: dict[int, tuple[OrderRecord, ...]] = {}
    for some in in_parts(ids):
        statement = select(*ORDER_COLUMNS, order_.c.case_id).where(order_.c.case_id.in_(some)).order_by(order_.c.seq)
        for row in connection.execute(statement):
            found[row.case_id] = (*found.get(row.case_id, ()), read_order(row))
    return found


def _needs_moments(row: Any) -> bool:
    """Whether a clock runs that only the history can tell the beginning of."""
    return row.state in (states.CONSULT, states.REWORK, states.HANDLING) or row.refusal_by != ""
