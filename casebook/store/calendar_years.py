"""The years of the calendar as administrators see and correct them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Engine, select

from casebook.calendar import SpecialDay, YearState
from casebook.errors import CaseError
from casebook.store.calendar import load_calendar
from casebook.store.casework import Casework
from casebook.store.casework_schema import calendar_year
from casebook.store.engine import snapshot
from casebook.store.recounting import correct_year


@dataclass(frozen=True, slots=True)
class CalendarYear:
    """A year: whether its notice is in, where its days come from, and the days that are not what their weekday says."""

    year: int
    state: YearState
    source: str
    days: list[SpecialDay]


class CalendarYears:
    """Reads and replaces years."""

    def __init__(self, engine: Engine, casework: Casework) -> None:
        self._engine = engine
        self._casework = casework

    def read(self, year: int) -> CalendarYear:
        """A year; one that nobody loaded is `unknown` and has no days."""
        with snapshot(self._engine) as connection:
            known = load_calendar(connection)
            source = connection.scalar(select(calendar_year.c.source).where(calendar_year.c.year == year)) or ""
        return CalendarYear(year, known.year_state(year), source, known.special_days(year))

    def replace(self, year: int, days: Iterable[SpecialDay], source: str, now: datetime, actor: str) -> int:
        """Put an announced list in place of a year's days; how many open cases have more time. Raises CaseError."""
        listed: dict[object, SpecialDay] = {}
        for one in days:
            if one.day.year != year:
                raise CaseError("bad_value", f"{one.day} 不是 {year} 年的日期。")
            if one.day in listed:
                raise CaseError("bad_value", f"{one.day} 写了两次。")
            listed[one.day] = one
        special = sorted((one for one in listed.values() if one.is_workday != (one.day.weekday() < 5)), key=_day)
        if not special:
            raise CaseError("bad_value", f"{year} 年一个节假日也没有，请核对。")
        return correct_year(self._engine, self._casework, year, special, source, now, actor)


def _day(one: SpecialDay) -> str:
    return one.day.isoformat()
