"""The table of working days: seeded from the package `holidays`, then the city's own to correct."""

from __future__ import annotations

import time
from collections.abc import Iterable
from datetime import date, timedelta

import holidays
from sqlalchemy import Connection, delete, insert, select

from casebook.calendar import Calendar, SpecialDay
from casebook.store.schema import calendar_day, calendar_year

FIRST_YEAR = 2009
"""The line opened on 2009-12-29."""
LAST_SEEDED_YEAR = 2027
_SOURCE = "holidays"
_AGE_S = 60


def load_calendar(connection: Connection) -> Calendar:
    """The calendar as it stands."""
    days = connection.execute(select(calendar_day.c.day, calendar_day.c.is_workday, calendar_day.c.name))
    years = connection.execute(select(calendar_year.c.year, calendar_year.c.provisional))
    states = {row.year: "provisional" if row.provisional else "announced" for row in years}
    return Calendar((SpecialDay(*row) for row in days), states)  # type: ignore[arg-type]


class Days:
    """The calendar, read again once a minute: somebody may have corrected it."""

    def __init__(self) -> None:
        self._read: tuple[float, Calendar] | None = None

    def calendar(self, connection: Connection) -> Calendar:
        """As it stood within the last minute."""
        if self._read is None or time.monotonic() - self._read[0] > _AGE_S:
            self._read = (time.monotonic(), load_calendar(connection))
        return self._read[1]


def seed_calendar(connection: Connection) -> None:
    """Fill in the years that the table lacks; a year that is there, corrected or not, stays as it is."""
    present = set(connection.scalars(select(calendar_year.c.year)))
    for year in range(FIRST_YEAR, LAST_SEEDED_YEAR + 1):
        if year not in present:
            days = list(_special_days(year))
            # No year since 2004 went without make-up days: where there are none, the notice is not out yet.
            replace_year(connection, year, days, _SOURCE, provisional=not any(one.is_workday for one in days))


def replace_year(
    connection: Connection, year: int, days: Iterable[SpecialDay], source: str, *, provisional: bool
) -> None:
    """Write the special days of a year, in place of those that it had; `source` says where they come from."""
    connection.execute(delete(calendar_day).where(calendar_day.c.day.between(date(year, 1, 1), date(year, 12, 31))))
    connection.execute(delete(calendar_year).where(calendar_year.c.year == year))
    rows = [{"day": one.day, "is_workday": one.is_workday, "name": one.name} for one in days]
    if rows:
        connection.execute(insert(calendar_day), rows)
    connection.execute(insert(calendar_year).values(year=year, provisional=provisional, source=source))


def _special_days(year: int) -> Iterable[SpecialDay]:
    known = holidays.country_holidays("CN", years=year, language="zh_CN")
    day = date(year, 1, 1)
    while day.year == year:
        works = known.is_working_day(day)
        if works != (day.weekday() < 5):
            yield SpecialDay(day, works, "调休上班" if works else str(known.get(day, "")))
        day += timedelta(days=1)
