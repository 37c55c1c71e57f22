"""How often somebody may try to sign in."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from datetime import datetime, timedelta


class AttemptLimit:
    """At most `allowed` attempts a key within `window`, counted in this process's memory.

    An attempt counts before its password is looked at, so that many at once cannot slip through together.
    """

    def __init__(
        self, allowed: int, window: timedelta, clock: Callable[[], datetime], *, max_keys: int = 10_000
    ) -> None:
        self._allowed = allowed
        self._window = window
        self._clock = clock
        self._max_keys = max_keys
        self._attempts: dict[str, deque[datetime]] = {}
        self._lock = threading.Lock()

    def take(self, key: str) -> int:
        """Count an attempt. 0 when it is allowed, else the seconds to wait."""
        now = self._clock()
        with self._lock:
            if key not in self._attempts and len(self._attempts) >= self._max_keys:
                self._forget_old(now)
            attempts = self._attempts.setdefault(key, deque())
            while attempts and attempts[0] <= now - self._window:
                attempts.popleft()
            if len(attempts) >= self._allowed:
                return max(1, round((attempts[0] + self._window - now).total_seconds()))
            attempts.append(now)
            return 0

    def clear(self, key: str) -> None:
        """Forget a key's attempts: it signed in."""
        with self._lock:
            self._attempts.pop(key, None)

    def _forget_old(self, now: datetime) -> None:
        old = [key for key, attempts in self._attempts.items() if not attempts or attempts[-1] <= now - self._window]
        # A flood of keys within one window: the oldest go, memory stays bounded.
        for key in old or list(self._attempts)[: self._max_keys // 10]:
            del self._attempts[key]
