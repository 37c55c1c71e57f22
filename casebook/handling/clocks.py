"""The clocks of a case and its orders: how long each has, and how near its end is. Lateness is read from the times of
events, never kept by something that looks now and then.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal

from casebook.calendar import Calendar, end_of_day
from casebook.handling.record import OrderRecord
from casebook.numbering import ZONE

Light = Literal["green", "yellow", "red"]
_YELLOW_TENTHS = 7
_SPAN = re.compile(r"([1-9]\d{0,2})(h|wd)")
_INSTANT = timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True)
class Span:
    """A length of time: natural hours, or working days."""

    n: int
    unit: Literal["h", "wd"]

    @classmethod
    def parse(cls, text: str) -> Span:
        """ "24h" or "5wd". Raises ValueError."""
        match = _SPAN.fullmatch(text)
        if match is None:
            raise ValueError(f"'{text}' is no length of time: write hours as 24h, working days as 5wd")
        return cls(int(match[1]), "h" if match[2] == "h" else "wd")

    def end(self, start: datetime, calendar: Calendar) -> datetime:
        """When it is over."""
        return start + timedelta(hours=self.n) if self.unit == "h" else calendar.deadline(start, self.n)

    def __str__(self) -> str:
        return f"{self.n}{self.unit}"


def extended(due: datetime, days: int, calendar: Calendar) -> datetime:
    """The due time `days` working days later: the first of them is the one after the old due time."""
    # 24:00 of a day is 0:00 of the next: the old limit's last day is that of the instant before.
    return calendar.deadline(due - _INSTANT, days)


def resumed(order: OrderRecord, span: Span, now: datetime, calendar: Calendar) -> datetime:
    """The due time of a suspended order that goes on: what was left when it stopped is left now. Never earlier."""
    if order.due_at is None or order.suspended_at is None:
        raise ValueError("the order was not suspended")
    return max(order.due_at, _with_left(order.suspended_at, order.due_at, span, now, calendar, at_least=0))


def handed_back(order: OrderRecord, span: Span, now: datetime, calendar: Calendar) -> datetime:
    """The due time of an order whose feedback was refused: what was left when it came, at least a working day."""
    if order.due_at is None or order.fed_back_at is None:
        raise ValueError("there was no feedback")
    left = _with_left(order.fed_back_at, order.due_at, span, now, calendar, at_least=1)
    return max(order.due_at, left, calendar.deadline(now, 1))


def _with_left(
    stopped: datetime, due: datetime, span: Span, now: datetime, calendar: Calendar, *, at_least: int
) -> datetime:
    if span.unit == "h":
        return now + max(due - stopped, timedelta())
    left = max(calendar.working_days(stopped, due - _INSTANT), at_least)
    if left:
        return calendar.deadline(now, left)
    # It stopped on its last day: that day, or the next one on which people work.
    today = now.astimezone(ZONE).date()
    return end_of_day(today if calendar.is_workday(today) else calendar.nth_workday(today, 1))


def light(start: datetime, due: datetime, now: datetime, *, calendar: Calendar, in_days: bool) -> Light:
    """Green, yellow (seven tenths used; so the last working day is) or red (overdue)."""
    if now > due:
        return "red"
    return "yellow" if now >= yellow_at(start, due, calendar=calendar, in_days=in_days) else "green"


def yellow_at(start: datetime, due: datetime, *, calendar: Calendar, in_days: bool) -> datetime:
    """When seven tenths are used. Of a limit in working days: the beginning of the working day on which they are."""
    days = calendar.working_days(start, due - _INSTANT) if in_days else 0
    if not days:
        return start + (due - start) * _YELLOW_TENTHS / 10
    # Of five days three and a half: reached on the fourth. Of ten seven: when the eighth begins. Never after the last.
    nth = days * _YELLOW_TENTHS // 10 + 1
    return end_of_day(calendar.nth_workday(start.astimezone(ZONE).date(), nth) - timedelta(days=1))


def cleared(order: OrderRecord) -> OrderRecord:
    """The order after its unit did something: nothing of it is unanswered."""
    return replace(order, unanswered=0)
