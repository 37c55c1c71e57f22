"""Counts behind the indicators (casebook.indicators), read from the rows by index: no figure scans all cases.

A figure says how things stand at its cut-off, which is now: the period is judged up to there, and a later correction
changes what is counted later. What an order is excluded for, and every definition, is in docs/indicators.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Literal, TypeVar

from sqlalchemy import (
    JSON,
    ColumnElement,
    Connection,
    String,
    and_,
    cast,
    distinct,
    exists,
    func,
    or_,
    select,
    type_coerce,
)

from casebook import states
from casebook.calendar import Calendar
from casebook.handling.record import LEAD, plain
from casebook.indicators.counts import AnswerCounts, CaseCounts, OrderCounts
from casebook.indicators.hot import BASELINE_WEEKS, WINDOW_D, Hot, hot
from casebook.indicators.periods import Period
from casebook.store.casework_schema import order_
from casebook.store.order_terms import (
    BY_INDEX,
    LEADS,
    OUTCOME_EVENTS,
    before_working_days,
    comparable,
    holder,
    moment,
    overdue,
    silent,
)
from casebook.store.schema import alert, case_, event
from casebook.suggest.groups import BASELINE, WINDOWS, Arrival, GroupAlarm, group_alarm

Dimension = Literal["unit", "region", "matter"]
EXCLUDED = ("returned", "withdrawn", "replaced")
"""Results of orders that were nobody's in the end: not counted as handled or due."""
CLOSINGS = ("solved", "partly", "refused_to_say", "unreachable", "explained")
"""Outcomes of a closed case (办结); others ended without a unit's work."""
LONG_OVERDUE_WD = 10
_PATROL = "patrol"
_MOST_GROUPS = 50
_C = TypeVar("_C", OrderCounts, AnswerCounts, CaseCounts)

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
        dispatched=_count(LEADS),
        handled=_count(LEADS, _COUNTED),
        returns=_count(LEADS, order_.c.returned_at.is_not(None)),
        returns_rejected=_count(LEADS, order_.c.returned_at.is_not(None), order_.c.final.is_(True)),
        contacted=_count(LEADS, _COUNTED, order_.c.contacts > 0),
        urgings=func.coalesce(func.sum(order_.c.urgings).filter(LEADS, _COUNTED), 0),
        co_handled=_count(order_.c.role != LEAD, _COUNTED),
    )
    gather(
        [LEADS, order_.c.sign_due_at > start, order_.c.sign_due_at <= end],
        sign_due=func.count(),
        signed_in_time=_count(order_.c.signed_at <= order_.c.sign_due_at, order_.c.signed_late.is_(False)),
    )
    gather(
        # 24:00 of the last day is the period's own. A suspended order has no due time that anybody could miss.
        [_COUNTED, order_.c.suspended_at.is_(None), order_.c.due_at > start, order_.c.due_at <= end],
        due=_count(LEADS),
        fed_back=_count(LEADS, _FED_BACK),
        fed_back_in_time=_count(LEADS, _IN_TIME),
        closed=_count(LEADS, _closed(connection)),
        done_in_time=_count(LEADS, _DONE_IN_TIME),
        done_in_first_time=_count(LEADS, _DONE_IN_TIME, order_.c.fed_back_at <= order_.c.first_due_at),
        extended=_count(LEADS, order_.c.extensions > 0),
        defects=func.coalesce(func.sum(order_.c.defects).filter(LEADS), 0),
        co_due=_count(order_.c.role != LEAD),
        co_fed_back=_count(order_.c.role != LEAD, order_.c.fed_back_at.is_not(None)),
        co_in_time=_count(order_.c.role != LEAD, order_.c.fed_back_at.is_not(None), order_.c.late.is_(False)),
    )
    gather(
        [
            LEADS,
            _COUNTED,
            order_.c.dispatched_at < start,
            or_(order_.c.ended_at.is_(None), order_.c.ended_at >= start),
            or_(order_.c.fed_back_at.is_(None), order_.c.fed_back_at >= start),
        ],
        carried=func.count(),
    )
    late = overdue(cut_off)
    gather(
        [LEADS, order_.c.ended_at.is_(None)],
        overdue=_count(late),
        long_overdue=_count(late, order_.c.due_at <= before_working_days(cut_off, LONG_OVERDUE_WD, calendar)),
        silent=_count(silent(cut_off, calendar)),
        supervised=_count(case_.c.supervision != ""),
    )
    return found


def answer_counts(
    connection: Connection, period: Period, cut_off: datetime, by: Dimension, unit: str = ""
) -> dict[str, AnswerCounts]:
    """What citizens said, and what was closed and reopened, by whose work it was when they said it."""
    found: dict[str, AnswerCounts] = {}
    unit_then = holder(connection)
    key = unit_then if by == "unit" else _key(by)
    within = [OUTCOME_EVENTS, event.c.at >= plain(period.start), event.c.at < plain(period.reached(cut_off))]
    own = [unit_then == unit] if unit else []
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
        .with_hint(event, BY_INDEX, "sqlite")
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
    closed_at = moment(connection, event.c.at)
    registered = _by_day(
        connection, _day(connection, case_.c.registered_at), case_.c.id, _registered(period.start, period.end), hint=""
    )
    closed = _by_day(
        connection,
        _day(connection, closed_at),
        event.c.id,
        [
            OUTCOME_EVENTS,
            event.c.type.in_(("close", "confirm_close")),
            event.c.at >= plain(period.start),
            event.c.at < plain(period.end),
        ],
        hint=BY_INDEX,
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


def _closed(connection: Connection) -> ColumnElement[bool]:
    """The case has been closed since the order was dispatched; a reopening afterwards does not take that back."""
    before_reopening = exists().where(
        event.c.case_id == case_.c.id,
        event.c.type.in_(("close", "confirm_close")),
        moment(connection, event.c.at) >= comparable(connection, order_.c.dispatched_at),
    )
    return or_(case_.c.outcome.in_(CLOSINGS), and_(case_.c.reopened > 0, before_reopening))


def _said(connection: Connection, name: str) -> Any:
    """A field of an event's payload, which is a column of text."""
    if connection.dialect.name == "postgresql":
        return cast(event.c.payload, JSON)[name]
    return type_coerce(event.c.payload, JSON)[name]


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
