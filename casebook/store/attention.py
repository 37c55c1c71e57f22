"""What somebody should look at: orders that are overdue, silent or returned, cases reopened or under supervision."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import ColumnElement, Connection, and_, func, select

from casebook import states
from casebook.calendar import Calendar
from casebook.handling.record import plain
from casebook.indicators.periods import Period
from casebook.store.casework_schema import order_
from casebook.store.order_terms import BY_INDEX, LEADS, OUTCOME_EVENTS, holder, overdue, silent
from casebook.store.schema import case_, event

Attention = Literal["overdue", "returned", "reopened", "supervised", "urged"]


@dataclass(frozen=True, slots=True)
class AttentionLine:
    """An order or a case that somebody should look at."""

    case_no: str
    title: str
    state: str
    unit: str
    matter: str
    region: str
    at: datetime | None
    """When it was due, returned, reopened, urged, or the supervision's report is."""
    urgings: int
    note: str


def attention(
    connection: Connection,
    kind: Attention,
    period: Period,
    cut_off: datetime,
    calendar: Calendar,
    unit: str = "",
    limit: int = 200,
) -> list[AttentionLine]:
    """What somebody should look at, the worst first. overdue, supervised and urged: as it stands now."""
    shown = (case_.c.case_no, case_.c.title, case_.c.state, case_.c.matter, case_.c.region)
    if kind == "reopened":
        return _reopened(connection, shown, period, unit, limit)
    if kind == "supervised":
        statement = (
            select(*shown, case_.c.lead_unit.label("unit"), case_.c.supervision_due_at.label("at"))
            .add_columns(func.coalesce(order_.c.urgings, 0).label("urgings"), case_.c.supervision.label("note"))
            .outerjoin(order_, and_(order_.c.case_id == case_.c.id, LEADS, order_.c.ended_at.is_(None)))
            .where(case_.c.state.in_(states.OPEN), case_.c.supervision != "")
            .where(*([case_.c.lead_unit == unit] if unit else []))
            .order_by(case_.c.supervision_due_at)
        )
    else:
        at, where, order = _ORDERS_OF[kind](period, cut_off, calendar)
        statement = (
            select(*shown, order_.c.unit, at.label("at"), order_.c.urgings, order_.c.result, order_.c.final)
            .join_from(order_, case_, case_.c.id == order_.c.case_id)
            .where(LEADS, *where, *([order_.c.unit == unit] if unit else []))
            .order_by(order)
        )
    rows = connection.execute(statement.limit(limit)).mappings().all()
    return [
        AttentionLine(
            **{name: row[name] for name in ("case_no", "title", "state", "matter", "region", "unit", "at", "urgings")},
            note=row["note"] if "note" in row else _returned_as(row["result"], row["final"], kind),
        )
        for row in rows
    ]


_Orders = tuple[ColumnElement[Any], list[ColumnElement[bool]], ColumnElement[Any]]


def _overdue_orders(_: Period, cut_off: datetime, __: Calendar) -> _Orders:
    return order_.c.due_at, [order_.c.ended_at.is_(None), overdue(cut_off)], order_.c.due_at


def _urged_orders(_: Period, cut_off: datetime, calendar: Calendar) -> _Orders:
    return order_.c.urged_at, [order_.c.ended_at.is_(None), silent(cut_off, calendar)], order_.c.urged_at


def _returned_orders(period: Period, cut_off: datetime, _: Calendar) -> _Orders:
    dispatched = [order_.c.dispatched_at >= period.start, order_.c.dispatched_at < period.reached(cut_off)]
    return order_.c.returned_at, [*dispatched, order_.c.returned_at.is_not(None)], order_.c.returned_at.desc()


_ORDERS_OF: Mapping[str, Callable[[Period, datetime, Calendar], _Orders]] = {
    "overdue": _overdue_orders,
    "urged": _urged_orders,
    "returned": _returned_orders,
}


def _reopened(
    connection: Connection, shown: Sequence[Any], period: Period, unit: str, limit: int
) -> list[AttentionLine]:
    unit_then = holder(connection)
    statement = (
        select(*shown, unit_then.label("unit"), event.c.at, case_.c.reopened)
        .join_from(event, case_, case_.c.id == event.c.case_id)
        .where(OUTCOME_EVENTS, event.c.type == "reopen")
        .where(event.c.at >= plain(period.start), event.c.at < plain(period.end))
        .where(*([unit_then == unit] if unit else []))
        .with_hint(event, BY_INDEX, "sqlite")
        .order_by(event.c.at.desc())
        .limit(limit)
    )
    return [
        AttentionLine(
            row.case_no,
            row.title,
            row.state,
            row.unit or "",
            row.matter,
            row.region,
            datetime.fromisoformat(row.at),
            0,
            f"第 {row.reopened} 次重办" if row.reopened > 1 else "重办",
        )
        for row in connection.execute(statement)
    ]


def _returned_as(result: str, final: bool, kind: str) -> str:
    if kind != "returned":
        return ""
    if result == "returned":
        return "退单通过"
    return "退单未通过，指定办理" if final else "待审核"
