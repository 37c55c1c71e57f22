"""Working days (工作日): weekends, statutory holidays and the make-up days (调休上班) that the State Council announces.

The rule (Civil Code, articles 200 to 203): the day of the start is not counted, the n-th working day is the last, and a
limit in days ends when that day ends. Limits in hours are natural hours and need no calendar.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from typing import Literal

from casebook.numbering import ZONE

_FURTHEST_DAYS = 3660
YearState = Literal["announced", "provisional", "unknown"]


@dataclass(frozen=True, slots=True)
class SpecialDay:
    """A day that is not what its weekday says: a holiday, or a weekend day on which people work."""

    day: date
    is_workday: bool
    name: str


class Calendar:
    """The days of the city. A year that nobody has loaded reads as Monday to Friday, and is `unknown`."""

    def __init__(self, days: Iterable[SpecialDay], years: Mapping[int, YearState]) -> None:
        listed = list(days)
        self._special = {one.day: one.is_workday for one in listed}
        self._listed = sorted(listed, key=lambda one: one.day)
        self._years = dict(years)
        spelled = ";".join(f"{day}{'+' if works else '-'}" for day, works in sorted(self._special.items()))
        # Whoever registers asks for the same few days from one midnight to the next.
        self._nth = lru_cache(1000)(self._count)
        self.version = hashlib.sha256(spelled.encode()).hexdigest()[:12]
        """Names these days: two calendars of one version count alike."""

    def is_workday(self, day: date) -> bool:
        """Whether people work on that day."""
        return self._special.get(day, day.weekday() < 5)

    def year_state(self, year: int) -> YearState:
        """Whether the year's make-up days are known: `provisional` until the State Council's notice is loaded."""
        return self._years.get(year, "unknown")

    def special_days(self, year: int) -> list[SpecialDay]:
        """The year's days that are not what their weekday says."""
        return [one for one in self._listed if one.day.year == year]

    def nth_workday(self, start: date, n: int) -> date:
        """The n-th working day after `start`, which is not counted itself. Raises ValueError for n < 1."""
        if n < 1:
            raise ValueError("a limit has at least one working day")
        return self._nth(start, n)

    def _count(self, start: date, n: int) -> date:
        day, left = start, n
        for _ in range(_FURTHEST_DAYS):
            day += timedelta(days=1)
            left -= self.is_workday(day)
            if not left:
                return day
        raise ValueError(f"{n} working days reach too far")

    def deadline(self, start: datetime, n: int) -> datetime:
        """The end (24:00 in the city) of the n-th working day after an aware moment."""
        return end_of_day(self.nth_workday(start.astimezone(ZONE).date(), n))

    def working_days(self, start: datetime, end: datetime) -> int:
        """How many working days lie after the day of `start`, up to and with the day of `end`."""
        first, last = start.astimezone(ZONE).date(), end.astimezone(ZONE).date()
        return sum(self.is_workday(first + timedelta(days=n)) for n in range(1, (last - first).days + 1))


def end_of_day(day: date) -> datetime:
    """24:00 of a day in the city: the first moment that is too late is the one after it."""
    return datetime.combine(day + timedelta(days=1), time(), tzinfo=ZONE)
