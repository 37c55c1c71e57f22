"""The staff of the moment, from the store."""

from __future__ import annotations

import threading
from datetime import datetime, timedelta

from call_router.plan import Staff
from call_router.schedule import Override
from casebook.store.presence import Presence

_FRESH = timedelta(seconds=2)


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
