"""Group alarm (群体性诉求): many citizens speak of one matter at one place, more than usual there."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

BASELINE = timedelta(weeks=8)
"""What is usual is told by so long a time before the window."""
WINDOWS = ((timedelta(hours=24), 3), (timedelta(days=7), 5))
"""At least so many different citizens within so long."""
CHANCE = 0.001
"""An alarm is what happens by chance less often than this."""
_AT_LEAST = 0.5
"""Calls that are taken to be usual where there were none in the baseline."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """A demand came in; `caller` is the look-up index of the number, empty for one that is not known."""

    at: datetime
    caller: str


@dataclass(frozen=True, slots=True)
class GroupAlarm:
    """So many different citizens within `hours`, of whom `usual` would be usual; `chance` of as many by chance."""

    citizens: int
    hours: int
    usual: float
    chance: float


def group_alarm(arrivals: Sequence[Arrival], now: datetime) -> GroupAlarm | None:
    """The alarm of one matter at one place, the shorter window first; None while all is usual.

    `arrivals` reach back to BASELINE before the longest window. Callers who cannot be told apart count for nobody: ten
    calls of one citizen are no group.
    """
    for window, least in WINDOWS:
        start = now - window
        citizens = len({one.caller for one in arrivals if one.caller and start < one.at <= now})
        if citizens < least:
            continue
        before = sum(start - BASELINE < one.at <= start for one in arrivals)
        usual = max(before, _AT_LEAST) * (window / BASELINE)
        chance = poisson_tail(citizens, usual)
        if chance < CHANCE:
            hours = int(window.total_seconds() // 3600)
            return GroupAlarm(citizens, hours, round(usual, 2), chance)
    return None


def poisson_tail(k: int, mean: float) -> float:
    """Probability of at least `k` events where `mean` are usual; summed from the top, so that small ones stay exact."""
    if k <= 0:
        return 1.0
    if k <= mean:
        return 1 - sum(_poisson(n, mean) for n in range(k))
    total, n = 0.0, k
    while (term := _poisson(n, mean)) > total * 1e-16:
        total += term
        n += 1
    return total


def _poisson(n: int, mean: float) -> float:
    return math.exp(n * math.log(mean) - mean - math.lgamma(n + 1))
