"""Periods of whole city days, and those with which they are compared."""

from __future__ import annotations

from calendar import monthrange
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from casebook.errors import CaseError
from casebook.numbering import ZONE

FIRST_DAY = date(2009, 12, 29)
"""The line opened: no figure reaches back before it."""
_LONGEST_DAYS = 366


@dataclass(frozen=True, slots=True)
class Period:
    """Days of the city, `last` included: the half-open span [start, end) of moments."""

    first: date
    last: date

    @property
    def start(self) -> datetime:
        """0:00 of the first day."""
        return datetime.combine(self.first, time(), tzinfo=ZONE)

    @property
    def end(self) -> datetime:
        """24:00 of the last day."""
        return datetime.combine(self.last + timedelta(days=1), time(), tzinfo=ZONE)

    def reached(self, cut_off: datetime) -> datetime:
        """Up to where the period is judged: what is due later than the cut-off is not missed yet."""
        return max(self.start, min(self.end, cut_off))

    @property
    def days(self) -> int:
        """How many."""
        return (self.last - self.first).days + 1


def period_of(first: date, last: date) -> Period:
    """Raises CaseError bad_value for days in the wrong order, too many, or before the line opened."""
    if last < first:
        raise CaseError("bad_value", "结束日期不能早于开始日期。")
    if (last - first).days >= _LONGEST_DAYS:
        raise CaseError("bad_value", "统计时段不能超过一年。")
    if first < FIRST_DAY or last.year > 2100:
        raise CaseError("bad_value", "统计时段应在 2009 年 12 月 29 日开通之后。")
    return Period(first, last)


def so_far(period: Period, today: date) -> Period:
    """The part of a period that has begun: a month under way is compared with as many days of the month before."""
    return Period(period.first, max(period.first, min(period.last, today)))


def before(period: Period) -> Period | None:
    """环比: as many days before; of days of a month from the 1st on, of the month before; of a year, too.

    None where the line was not open yet.
    """
    first, last = period.first, period.last
    if first.day == 1 and (first.year, first.month) == (last.year, last.month):
        month_end = first - timedelta(days=1)
        whole = last.day == monthrange(last.year, last.month)[1]
        day = month_end.day if whole else min(last.day, month_end.day)
        return _open(Period(month_end.replace(day=1), month_end.replace(day=day)))
    if (first.month, first.day) == (1, 1) and first.year == last.year:
        return year_before(period)
    return _open(Period(first - timedelta(days=period.days), first - timedelta(days=1)))


def year_before(period: Period) -> Period | None:
    """同比: the same days a year before; 29 February falls back to the 28th. None where the line was not open yet."""
    first, last = _year_back(period.first), _year_back(period.last)
    if period.first.day == 1 and period.last.day == monthrange(period.last.year, period.last.month)[1]:
        last = last.replace(day=monthrange(last.year, last.month)[1])
    return _open(Period(first, last))


def _year_back(day: date) -> date:
    return day.replace(year=day.year - 1, day=min(day.day, monthrange(day.year - 1, day.month)[1]))


def _open(period: Period) -> Period | None:
    return period if period.first >= FIRST_DAY else None
