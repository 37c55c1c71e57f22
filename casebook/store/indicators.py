"""Counts behind the indicators (casebook.indicators), read from the rows by index: no figure scans all cases.

A figure says how things stand at its cut-off, which is now: the period is judged up to there, and a later correction
changes what is counted later. What an order is excluded for, and every definition, is in docs/indicators.md.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Literal, TypeVar

from sqlalchemy import (
    JSON,
    ColumnElement,
    Connection,
    DateTime,
    String,
    and_,
    cast,
    distinct,
    exists,
    func,
    or_,
    select,
    text,
    type_coerce,
)

from casebook import states
from casebook.calendar import Calendar, end_of_day
from casebook.handling.record import LEAD, plain
from casebook.indicators.counts import AnswerCounts, CaseCounts, OrderCounts
from casebook.indicators.hot import BASELINE_WEEKS, WINDOW_D, Hot, hot
from casebook.indicators.periods import Period
from casebook.rulebook import city_day
from casebook.store.casework_schema import order_
from casebook.store.schema import alert, case_, event
from casebook.suggest.groups import BASELINE, WINDOWS, Arrival, GroupAlarm, group_alarm

Dimension = Literal["unit", "region", "matter"]
Attention = Literal["overdue", "returned", "reopened", "supervised", "urged"]
EXCLUDED = ("returned", "withdrawn", "replaced")
"""Results of orders that were nobody's in the end: not counted as handled or due."""
CLOSINGS = ("solved", "partly", "refused_to_say", "unreachable", "explained")
"""Outcomes of a closed case (办结); others ended without a unit's work."""
LONG_OVERDUE_WD = 10
_PATROL = "patrol"
_OUTCOME_EVENTS = text("event.type IN ('callback', 'reopen', 'close', 'confirm_close')")
_BY_INDEX = "INDEXED BY ix_event_outcome"
_MOST_GROUPS = 50
_C = TypeVar("_C", OrderCounts, AnswerCounts, CaseCounts)

_LEADS = order_.c.role == LEAD
_COUNTED = order_.c.result.not_in(EXCLUDED)
_FED_BACK = and_(order_.c.fed_back_at.is_not(None), order_.c.result != "reworked")
_IN_TIME = and_(_FED_BACK, order_.c.late.is_(False))
_DONE_IN_TIME = and_(order_.c.result == "done", order_.c.late.is_(False))


@dataclass(frozen=True, slots=True)
class GroupFound:
    """Many citizens speak of one matter at one place (群体性诉求)."""

    matter: str
    region: str
    place: str
    alarm: GroupAlarm


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


def order_counts(
    connection: Connection, period: Period, cut_off: datetime, by: Dimension, calendar: Calendar, unit: str = ""
) -> dict[str, OrderCounts]:
    """Orders by unit, region or matter; `unit`: of that one only."""
    start, end = period.start, period.reached(cut_off)
    found: dict[str, OrderCounts] = {}
    own = [order_.c.unit == unit] if unit else []

    def gather(where: Sequence[ColumnElement[bool]], **sums: ColumnElement[Any]) -> None:
        key = _key(by)
        statement = (
            select(key.label("key"), *(total.label(name) for name, total in sums.items()))
            .join_from(order_, case_, case_.c.id == order_.c.case_id)
            .where(*where, *own)
            .group_by(key)
        )
        _add(found, OrderCounts, connection.execute(statement).mappings().all())

    gather(
        [order_.c.dispatched_at >= start, order_.c.dispatched_at < end],
        dispatched=_count(_LEADS),
        handled=_count(_LEADS, _COUNTED),
        returns=_count(_LEADS, order_.c.returned_at.is_not(None)),
        returns_rejected=_count(_LEADS, order_.c.returned_at.is_not(None), order_.c.final.is_(True)),
        contacted=_count(_LEADS, _COUNTED, order_.c.contacts > 0),
        urgings=func.coalesce(func.sum(order_.c.urgings).filter(_LEADS, _COUNTED), 0),
        co_handled=_count(order_.c.role != LEAD, _COUNTED),
    )
    gather(
        [_LEADS, order_.c.sign_due_at > start, order_.c.sign_due_at <= end],
        sign_due=func.count(),
        signed_in_time=_count(order_.c.signed_at <= order_.c.sign_due_at, order_.c.signed_late.is_(False)),
    )
    gather(
        # 24:00 of the last day is the period's own. A suspended order has no due time that anybody could miss.
        [_COUNTED, order_.c.suspended_at.is_(None), order_.c.due_at > start, order_.c.due_at <= end],
        due=_count(_LEADS),
        fed_back=_count(_LEADS, _FED_BACK),
        fed_back_in_time=_count(_LEADS, _IN_TIME),
        closed=_count(_LEADS, _closed(connection)),
        done_in_time=_count(_LEADS, _DONE_IN_TIME),
        done_in_first_time=_count(_LEADS, _DONE_IN_TIME, order_.c.fed_back_at <= order_.c.first_due_at),
        extended=_count(_LEADS, order_.c.extensions > 0),
        defects=func.coalesce(func.sum(order_.c.defects).filter(_LEADS), 0),
        co_due=_count(order_.c.role != LEAD),
        co_fed_back=_count(order_.c.role != LEAD, order_.c.fed_back_at.is_not(None)),
        co_in_time=_count(order_.c.role != LEAD, order_.c.fed_back_at.is_not(None), order_.c.late.is_(False)),
    )
    gather(
        [
            _LEADS,
            _COUNTED,
            order_.c.dispatched_at < start,
            or_(order_.c.ended_at.is_(None), order_.c.ended_at >= start),
            or_(order_.c.fed_back_at.is_(None), order_.c.fed_back_at >= start),
        ],
        carried=func.count(),
    )
    late = _overdue(cut_off)
    gather(
        [_LEADS, order_.c.ended_at.is_(None)],
        overdue=_count(late),
        long_overdue=_count(late, order_.c.due_at <= _before_working_days(cut_off, LONG_OVERDUE_WD, calendar)),
        silent=_count(_silent(cut_off, calendar)),
        supervised=_count(case_.c.supervision != ""),
    )
    return found


def answer_counts(
    connection: Connection, period: Period, cut_off: datetime, by: Dimension, unit: str = ""
) -> dict[str, AnswerCounts]:
    """What citizens said, and what was closed and reopened, by whose work it was when they said it."""
    found: dict[str, AnswerCounts] = {}
    key = _holder(connection) if by == "unit" else _key(by)
    within = [_OUTCOME_EVENTS, event.c.at >= plain(period.start), event.c.at < plain(period.reached(cut_off))]
    holder = _holder(connection)
    own = [holder == unit] if unit else []
    said = (
        select(
            key.label("key"),
            event.c.type.label("type"),
            _said(connection, "result").as_string().label("result"),
            _said(connection, "satisfied").as_integer().label("grade"),
            _said(connection, "solved").as_string().label("solved"),
            func.row_number().over(partition_by=(event.c.case_id, event.c.type), order_by=event.c.id.desc()).label("n"),
        )
        .join_from(event, case_, case_.c.id == event.c.case_id)
        .where(*within, *own)
        .with_hint(event, _BY_INDEX, "sqlite")
        .subquery()
    )
    last = and_(said.c.type == "callback", said.c.n == 1)
    reached = and_(last, said.c.result == "reached")
    grades = {f"grade_{n}": _count(reached, said.c.grade == n) for n in range(1, 6)}
    sums = {
        "called": _count(last),
        "refused": _count(last, said.c.result == "refused"),
        "unreachable": _count(last, said.c.result == "unreachable"),
        **grades,
        "solved": _count(reached, said.c.solved == "yes"),
        "partly": _count(reached, said.c.solved == "partly"),
        "reopened": _count(said.c.type == "reopen"),
        "closings": _count(said.c.type.in_(("close", "confirm_close"))),
    }
    statement = select(said.c.key, *(total.label(name) for name, total in sums.items())).group_by(said.c.key)
    _add(found, AnswerCounts, connection.execute(statement).mappings().all())
    return found


def case_counts(
    connection: Connection, period: Period, cut_off: datetime, by: str, unit: str = ""
) -> dict[str, CaseCounts]:
    """Registered cases by a column of theirs: matter, region, demand or channel. `unit`: those it had an order of."""
    found: dict[str, CaseCounts] = {}
    key = case_.c[by]
    public = case_.c.channel != _PATROL
    statement = (
        select(
            key.label("key"),
            func.count().label("registered"),
            _count(public).label("public"),
            _count(public, case_.c.outcome == "answered").label("answered"),
            _count(case_.c.urgent.is_(True)).label("urgent"),
        )
        .where(*_registered(period.start, period.reached(cut_off)), *_of_unit(unit))
        .group_by(key)
    )
    _add(found, CaseCounts, connection.execute(statement).mappings().all())
    return found


def days_counts(connection: Connection, period: Period) -> list[tuple[date, int, int]]:
    """Day by day: registered and closed."""
    closed_at = _moment(connection, event.c.at)
    registered = _by_day(
        connection, _day(connection, case_.c.registered_at), case_.c.id, _registered(period.start, period.end), hint=""
    )
    closed = _by_day(
        connection,
        _day(connection, closed_at),
        event.c.id,
        [
            _OUTCOME_EVENTS,
            event.c.type.in_(("close", "confirm_close")),
            event.c.at >= plain(period.start),
            event.c.at < plain(period.end),
        ],
        hint=_BY_INDEX,
    )
    days = [period.first + timedelta(days=n) for n in range(period.days)]
    return [(day, registered.get(day, 0), closed.get(day, 0)) for day in days]


def hot_matters(connection: Connection, now: datetime) -> list[Hot]:
    """The matters of the last seven days, beside their own eight weeks before."""
    week = now - timedelta(days=WINDOW_D)
    named = [case_.c.matter != ""]

    def counted(since: datetime, until: datetime) -> dict[str, int]:
        statement = (
            select(case_.c.matter, func.count()).where(*_registered(since, until), *named).group_by(case_.c.matter)
        )
        return _pairs(connection, statement)

    return hot(counted(week, now), counted(week - timedelta(weeks=BASELINE_WEEKS), week))


def group_alarms(connection: Connection, now: datetime) -> list[GroupFound]:
    """Places of which more citizens speak than usual there, by casebook.suggest.groups."""
    longest, least = max(WINDOWS)[0], min(k for _, k in WINDOWS)
    citizens = func.count(distinct(case_.c.citizen_id))
    place = (case_.c.matter, case_.c.region, case_.c.place)
    candidates = connection.execute(
        select(*place)
        .where(*_registered(now - longest, now), case_.c.matter != "", case_.c.place != "")
        .group_by(*place)
        .having(citizens >= least)
        .order_by(citizens.desc(), *place)
        .limit(_MOST_GROUPS)
    ).all()
    found = []
    for row in candidates:
        arrivals = connection.execute(
            select(case_.c.registered_at, case_.c.citizen_id).where(
                case_.c.matter == row.matter,
                case_.c.region == row.region,
                case_.c.place == row.place,
                *_registered(now - longest - BASELINE, now),
            )
        )
        alarm = group_alarm([Arrival(at, str(citizen or "")) for at, citizen in arrivals], now)
        if alarm is not None:
            found.append(GroupFound(row.matter, row.region, row.place, alarm))
    return sorted(found, key=lambda one: one.alarm.chance)


def waiting_now(connection: Connection) -> dict[str, int]:
    """What waits at this moment: voicemails, alerts, cases by state."""
    by_state = _pairs(
        connection,
        select(case_.c.state, func.count())
        .where(case_.c.state.in_((states.DRAFT, states.REGISTERED, *states.OPEN)))
        .group_by(case_.c.state),
    )
    alerts = _pairs(
        connection,
        select(alert.c.severity, func.count()).where(alert.c.acknowledged_at.is_(None)).group_by(alert.c.severity),
    )
    voicemails = connection.scalar(
        select(func.count()).where(case_.c.state == states.DRAFT, case_.c.channel == "voicemail")
    )
    return {
        "voicemails": voicemails or 0,
        "emergencies": alerts.get("emergency", 0),
        "risks": alerts.get("risk", 0),
        "triage": by_state.get(states.TRIAGE, 0) + by_state.get(states.CONSULT, 0) + by_state.get(states.REWORK, 0),
        "handling": sum(by_state.get(state, 0) for state in states.HANDLED),
        "review": by_state.get(states.FED_BACK, 0),
        "callback": by_state.get(states.CALLBACK, 0),
    }


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
            .outerjoin(order_, and_(order_.c.case_id == case_.c.id, _LEADS, order_.c.ended_at.is_(None)))
            .where(case_.c.state.in_(states.OPEN), case_.c.supervision != "")
            .where(*([case_.c.lead_unit == unit] if unit else []))
            .order_by(case_.c.supervision_due_at)
        )
    else:
        at, where, order = _ORDERS_OF[kind](period, cut_off, calendar)
        statement = (
            select(*shown, order_.c.unit, at.label("at"), order_.c.urgings, order_.c.result, order_.c.final)
            .join_from(order_, case_, case_.c.id == order_.c.case_id)
            .where(_LEADS, *where, *([order_.c.unit == unit] if unit else []))
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
    return order_.c.due_at, [order_.c.ended_at.is_(None), _overdue(cut_off)], order_.c.due_at


def _urged_orders(_: Period, cut_off: datetime, calendar: Calendar) -> _Orders:
    return order_.c.urged_at, [order_.c.ended_at.is_(None), _silent(cut_off, calendar)], order_.c.urged_at


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
    holder = _holder(connection)
    statement = (
        select(*shown, holder.label("unit"), event.c.at, case_.c.reopened)
        .join_from(event, case_, case_.c.id == event.c.case_id)
        .where(_OUTCOME_EVENTS, event.c.type == "reopen")
        .where(event.c.at >= plain(period.start), event.c.at < plain(period.end))
        .where(*([holder == unit] if unit else []))
        .with_hint(event, _BY_INDEX, "sqlite")
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


# --- parts of statements


def _key(by: Dimension) -> ColumnElement[str]:
    return order_.c.unit if by == "unit" else case_.c[by]


def _count(*conditions: ColumnElement[bool]) -> ColumnElement[int]:
    return func.count().filter(*conditions)


def _registered(since: datetime, until: datetime) -> list[ColumnElement[bool]]:
    return [
        case_.c.registered_at >= since,
        case_.c.registered_at < until,
        case_.c.state != states.DISCARDED,
    ]


def _of_unit(unit: str) -> list[ColumnElement[bool]]:
    return [exists().where(order_.c.case_id == case_.c.id, order_.c.unit == unit)] if unit else []


def _overdue(cut_off: datetime) -> ColumnElement[bool]:
    return and_(order_.c.fed_back_at.is_(None), order_.c.suspended_at.is_(None), order_.c.due_at < cut_off)


def _silent(cut_off: datetime, calendar: Calendar) -> ColumnElement[bool]:
    return and_(
        order_.c.urgings >= 2,
        order_.c.unanswered >= 1,
        order_.c.urged_at < _before_working_days(cut_off, 1, calendar),
    )


def _before_working_days(now: datetime, n: int, calendar: Calendar) -> datetime:
    """The end of the last day after which `n` whole working days have passed before today."""
    today = city_day(now)
    day = today - timedelta(days=1)
    while calendar.nth_workday(day, n) >= today:
        day -= timedelta(days=1)
    return end_of_day(day)


def _closed(connection: Connection) -> ColumnElement[bool]:
    """The case has been closed since the order was dispatched; a reopening afterwards does not take that back."""
    before_reopening = exists().where(
        event.c.case_id == case_.c.id,
        event.c.type.in_(("close", "confirm_close")),
        _moment(connection, event.c.at) >= _comparable(connection, order_.c.dispatched_at),
    )
    return or_(case_.c.outcome.in_(CLOSINGS), and_(case_.c.reopened > 0, before_reopening))


def _holder(connection: Connection) -> ColumnElement[str]:
    """The unit whose finished work an event of the case is about: the last lead order dispatched before it."""
    return (
        select(order_.c.unit)
        .where(
            order_.c.case_id == event.c.case_id,
            _LEADS,
            order_.c.result == "done",
            _comparable(connection, order_.c.dispatched_at) <= _moment(connection, event.c.at),
        )
        .order_by(order_.c.seq.desc())
        .limit(1)
        .correlate(event)
        .scalar_subquery()
    )


def _said(connection: Connection, name: str) -> Any:
    """A field of an event's payload, which is a column of text."""
    if connection.dialect.name == "postgresql":
        return cast(event.c.payload, JSON)[name]
    return type_coerce(event.c.payload, JSON)[name]


def _moment(connection: Connection, at: ColumnElement[str]) -> ColumnElement[Any]:
    """An event's moment, to be compared with `_comparable` ones."""
    return cast(at, DateTime(timezone=True)) if connection.dialect.name == "postgresql" else func.substr(at, 1, 23)


def _comparable(connection: Connection, column: ColumnElement[datetime]) -> ColumnElement[Any]:
    if connection.dialect.name == "postgresql":
        return column
    return func.substr(type_coerce(column, String), 1, 23)


def _day(connection: Connection, moment: ColumnElement[Any]) -> ColumnElement[str]:
    """The city's day of a moment, as ISO text."""
    if connection.dialect.name == "postgresql":
        return func.to_char(func.timezone("Asia/Shanghai", moment), "YYYY-MM-DD")
    return func.date(func.substr(type_coerce(moment, String), 1, 19), "+8 hours")


def _by_day(
    connection: Connection, day: ColumnElement[str], of: Any, where: Sequence[Any], *, hint: str
) -> dict[date, int]:
    statement = select(day.label("day"), func.count(of)).where(*where).group_by("day")
    if hint:
        statement = statement.with_hint(event, hint, "sqlite")
    return {date.fromisoformat(name): n for name, n in _pairs(connection, statement).items()}


def _pairs(connection: Connection, statement: Any) -> dict[str, int]:
    return {row[0]: row[1] for row in connection.execute(statement)}


def _add(found: dict[str, _C], kind: type[_C], rows: Sequence[Mapping[Any, Any]]) -> None:
    for row in rows:
        counts = found.setdefault(row["key"] or "", kind())
        for name, value in row.items():
            if name != "key":
                setattr(counts, name, getattr(counts, name) + int(value or 0))
