"""The staff of the moment and the city's working days, from the store."""

from __future__ import annotations

import threading
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
        self._lock = threading.Lock()
        self._read_at: datetime | None = None
        self._staff = Staff()

    def staff(self, now: datetime) -> Staff:
        """Who is there."""
        with self._lock:
            if self._read_at is None or not timedelta() <= now - self._read_at < _FRESH:
                self._staff, self._read_at = self._read(now), now
            return self._staff

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
        self._lock = threading.Lock()
        self._calendar: Calendar | None = None
        self._read_at = 0.0

    def is_workday(self, day: date) -> bool:
        """Whether offices work on `day`."""
        with self._lock:
            if self._calendar is None or time.monotonic() - self._read_at > _CALENDAR_S:
                with reading(self._engine) as connection:
                    self._calendar = load_calendar(connection)
                self._read_at = time.monotonic()
            return self._calendar.is_workday(day)
