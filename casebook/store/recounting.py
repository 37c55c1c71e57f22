"""A corrected calendar: a year's days are replaced, and every open case whose limit it touches is counted anew; so are
cases that were registered before there were limits.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta

import structlog
from sqlalchemy import Engine, select

from casebook import states
from casebook.calendar import Calendar, SpecialDay
from casebook.errors import CaseError
from casebook.handling import commands as do
from casebook.handling.clocks import Span
from casebook.handling.record import CaseRecord
from casebook.roles import THE_SYSTEM
from casebook.rulebook import Rulebook
from casebook.store.calendar import load_calendar, replace_year
from casebook.store.casework import Casework
from casebook.store.engine import reading
from casebook.store.people import COMMAND_LINE, note
from casebook.store.records import load_orders, read_case, select_case
from casebook.store.schema import case_

_INSTANT = timedelta(milliseconds=1)
_WORKS = {"班": True, "休": False}


def read_days(rows: Iterable[Mapping[str, str]], year: int) -> list[SpecialDay]:
    """The days of a table with the columns 日期 (2027-02-06), 班休 (班 or 休) and 名称. Raises CaseError bad_value."""
    days: dict[date, SpecialDay] = {}
    for n, row in enumerate(rows, start=2):
        try:
            day = date.fromisoformat(row["日期"])
            works = _WORKS[row["班休"]]
        except (KeyError, ValueError) as error:
            raise CaseError("bad_value", f"Line {n}: needs 日期 as 2027-02-06 and 班休 as 班 or 休.") from error
        if day.year != year or day in days:
            raise CaseError("bad_value", f"Line {n}: {day} is not in {year}, or is there twice.")
        if works != (day.weekday() < 5):
            days[day] = SpecialDay(day, works, row.get("名称", "")[:64])
    if not days:
        raise CaseError(
            "bad_value", f"The list names no special day of {year}: a year without holidays is a wrong file."
        )
    return [days[day] for day in sorted(days)]


def correct_year(
    engine: Engine,
    casework: Casework,
    year: int,
    days: Iterable[SpecialDay],
    source: str,
    now: datetime,
    actor: str = COMMAND_LINE,
) -> int:
    """Replace a year's special days by an announced list; how many cases were counted anew. A due time only gets later.

    Cut off in the middle, it is finished by doing it again.
    """
    with engine.begin() as connection:
        old = load_calendar(connection)
        replace_year(connection, year, days, source, provisional=False)
        note(connection, now, actor, str(year), "calendar", source)
        new = load_calendar(connection)
        numbers = connection.scalars(
            select(case_.c.case_no)
            .where(case_.c.state.in_((states.REGISTERED, *states.OPEN)), case_.c.due_at.is_not(None))
            .order_by(case_.c.id)
        ).all()
        changed = 0
        for case_no in numbers:
            row = connection.execute(select_case().where(case_.c.case_no == case_no).with_for_update()).one()
            case = read_case(row, load_orders(connection, row.id))
            command = _recount(case, casework.book, old, new)
            if command is not None:
                key = f"{THE_SYSTEM.name}:recount:{case_no}:{case.version}"
                casework.apply(
                    connection, case_no, command, version=None, actor=THE_SYSTEM, key=key, now=now, calendar=new
                )
                changed += 1
    return changed


def without_limits(engine: Engine) -> list[str]:
    """Numbers of open cases that were registered before cases had limits and citizens."""
    old = (
        select(case_.c.case_no)
        .where(case_.c.state.in_((states.REGISTERED, *states.OPEN)), case_.c.due_at.is_(None))
        .order_by(case_.c.id)
    )
    with reading(engine) as connection:
        return list(connection.scalars(old))


def give_limits(casework: Casework, numbers: Iterable[str]) -> None:
    """Give such cases their limits, by the calendar as it is, and their citizen; once, however often it is done."""
    for case_no in numbers:
        command = do.Recount(old_calendar="", new_calendar="", case_wd=0, orders_wd=())
        try:
            casework.execute(case_no, command, version=None, actor=THE_SYSTEM, idempotency_key=f"limits:{case_no}")
        except CaseError as error:
            # It must not keep the hotline from starting; the next start tries again.
            structlog.get_logger().warning("a case stays without limits", case_no=case_no, reason=error.code)


def _recount(case: CaseRecord, book: Rulebook, old: Calendar, new: Calendar) -> do.Recount | None:
    """The command, where some due time of the case is later by the new calendar."""
    case_wd, orders, signs = 0, [], []
    if case.clock_started_at is not None:
        rule = book.limit_for(case.demand, case.matter, case.clock_started_at, urgent=case.urgent)
        case_wd = _later(case.clock_started_at, case.due_at, rule.handling, old, new)
    for order in case.orders:
        if not order.open or order.dispatched_at is None:
            continue
        rule = book.limit(order.rule)
        if days := _later(order.dispatched_at, order.due_at, rule.handling, old, new):
            orders.append(f"{order.seq}:{days}")
        if order.signed_at is None and (
            days := _later(order.dispatched_at, order.sign_due_at, Span.parse(rule.sign), old, new)
        ):
            signs.append(f"{order.seq}:{days}")
    if not case_wd and not orders and not signs:
        return None
    return do.Recount(
        old_calendar=old.version,
        new_calendar=new.version,
        case_wd=case_wd,
        orders_wd=tuple(orders),
        signs_wd=tuple(signs),
    )


def _later(start: datetime, due: datetime | None, span: Span, old: Calendar, new: Calendar) -> int:
    """The working days of a limit that ends later by the new calendar; 0 where it does not."""
    if due is None or span.unit != "wd":
        return 0
    days = old.working_days(start, due - _INSTANT)
    return days if days and new.deadline(start, days) > due else 0
