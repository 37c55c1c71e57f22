"""Hot matters (热点): what is spoken of most, and what rises beyond its own habit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import sqrt

WINDOW_D = 7
BASELINE_WEEKS = 8
BASE_MIN = 30
"""A change in per cent of a smaller base says nothing and is not shown."""
_RISES = 3.0
"""z-score from which a matter is called rising."""
_LEAST = 5


@dataclass(frozen=True, slots=True)
class Hot:
    """A matter's week: `usual` is the mean week of the eight before, `z` how far beyond it this one is."""

    matter: str
    count: int
    usual: float
    z: float
    rising: bool


def hot(week: Mapping[str, int], eight_weeks: Mapping[str, int]) -> list[Hot]:
    """Every matter of the week, the most frequent first; among equals the one that rose more."""
    found = []
    for matter, count in week.items():
        usual = eight_weeks.get(matter, 0) / BASELINE_WEEKS
        # Counts of independent calls vary by the root of their mean (Poisson); the mean is itself an estimate.
        z = (count - usual) / sqrt(max(usual, 0.5) * (1 + 1 / BASELINE_WEEKS))
        found.append(Hot(matter, count, round(usual, 2), round(z, 2), z >= _RISES and count >= _LEAST))
    return sorted(found, key=lambda one: (-one.count, -one.z, one.matter))


def change(now: float | None, then: float | None) -> float | None:
    """The change of a number in shares of the former one; None where the base is too small for it to mean anything."""
    if now is None or then is None or then < BASE_MIN:
        return None
    return (now - then) / then
