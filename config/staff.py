"""The staff of the moment and the city's working days, from the store."""

from __future__ import annotations

import time
from datetime import date, datetime, timedelta

from sqlalchemy import Engine

from call_router.plan import Staff
from call_router.schedule import Override
from casebook.calendar import Calendar
from casebook.store.calendar import load_calendar
from casebook.store.engine import reading
from casebook.store.presence import Presence

_FRESH = timedelta(seconds=2)
_CALENDAR_S = 3600


class StoredStaff:
    """Implements call_router.plan.StaffSource; reads the store at most every two seconds."""

    def __init__(self, presence: Presence) -> None:
        self._presence = presence
        # No lock: calls that ask at the same moment may be on one thread, where who waits for a lock waits for ever.
        self._known: tuple[datetime, Staff] | None = None

    def staff(self, now: datetime) -> Staff:
        """Who is there."""
        known = self._known
        if known is None or not timedelta() <= now - known[0] < _FRESH:
            known = self._known = now, self._read(now)
        return known[1]

    def _read(self, now: datetime) -> Staff:
        states = self._presence.states().values()
        overrides = self._presence.overrides(now)
        return Staff(
            frozenset(one.extension for one in states if one.state in ("ready", "wrapup")),
            frozenset(one.extension for one in states if one.state in ("paused", "out")),
            tuple(Override(one.kind, one.starts_at, one.ends_at, one.agent) for one in overrides),
        )


class StoredCalendar:
    """Implements call_router.schedule.Calendar; a calendar that was imported counts within the hour."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._known: tuple[float, Calendar] | None = None

    def is_workday(self, day: date) -> bool:
        """Whether offices work on `day`."""
        known = self._known
        if known is None or time.monotonic() - known[0] > _CALENDAR_S:
            with reading(self._engine) as connection:
                known = self._known = time.monotonic(), load_calendar(connection)
        return known[1].is_workday(day)
