"""What the hotline does by itself after midnight: the anchor of the day before, and forgetting callers of long ago."""

from __future__ import annotations

from datetime import date, datetime, timedelta

from sqlalchemy import Connection

from casebook.calendar import end_of_day
from casebook.rulebook import Rulebook, city_day
from casebook.store.cases import add_effect
from casebook.store.citizens import forget_callers
from casebook.store.verify import make_anchor

JOB = "nightly"

_SETTLED = timedelta(minutes=10)
"""After midnight, when no transaction of the day before is under way any more."""


def plan_night(connection: Connection, now: datetime) -> None:
    """Have the coming night's work done; it plans the one after it."""
    day = _under_way(now)
    add_effect(connection, JOB, f"{JOB}:{day}", {"day": day.isoformat()}, end_of_day(day) + _SETTLED)


def run_night(connection: Connection, book: Rulebook, day: date, now: datetime) -> None:
    """The work of the night after `day`. Nights that were slept through are made up for when the hotline is back."""
    make_anchor(connection, day, now)
    missed = day + timedelta(days=1)
    while missed < _under_way(now):
        make_anchor(connection, missed, now)  # people may have gone on working while nobody did the night's work
        missed += timedelta(days=1)
    forget_callers(connection, timedelta(days=book.deadlines.keep_callers_d), now)
    # Never for this night again, which is done: the clock of the machine that called it due may be ahead of ours.
    plan_night(connection, max(now, end_of_day(day) + _SETTLED))


def _under_way(now: datetime) -> date:
    """The day to which events are still being added."""
    return city_day(now - _SETTLED)
