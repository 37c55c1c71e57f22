"""The city's score of a unit, component by component, with the days for which each rule holds.

Recovered from the scores that the city published in 2021 to 2023; what it does not publish a formula for (答复规范, 10
points, judged by people) is not in it. Ranking stays within a class of units (分档): county-class, zones, the others.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

CLASSES = {"county": "赣榆区和三县", "zone": "区和功能板块", "dept": "市级部门和企业"}
"""分档: who is compared with whom."""


@dataclass(frozen=True, slots=True)
class ScoreRule:
    """clip(weight - slope * (target - rate), floor, weight), rates in per cent. Both days are included."""

    indicator: str
    weight: float
    target: float
    slope: float
    floor: float
    valid_from: date
    valid_to: date | None = None

    def points(self, rate: float) -> float:
        """Points for a rate from 0 to 1."""
        return min(self.weight, max(self.floor, self.weight - self.slope * (self.target - 100 * rate)))


_ALWAYS, _CHANGED = date(2009, 12, 29), date(2022, 8, 1)
SCORE_RULES = (
    ScoreRule("sign_rate", 10, 95, 1, 0, _ALWAYS),
    ScoreRule("on_time_rate", 20, 95, 1, 0, _ALWAYS),
    ScoreRule("satisfaction", 25, 95, 0.5, 12.5, _ALWAYS, date(2022, 7, 31)),
    ScoreRule("satisfaction", 25, 98, 0.5, 12.5, _CHANGED),
)


@dataclass(frozen=True, slots=True)
class Score:
    """Points by component; `total` only where every component has data."""

    points: dict[str, float]
    total: float | None
    full: float


def class_of(kind: str) -> str:
    """The class of a unit's kind."""
    return kind if kind in CLASSES else "dept"


def score(rates: dict[str, float | None], day: date) -> Score:
    """A unit's points by the rules of a day. Without 应办结 there is nothing to judge, not a full score."""
    rules = [one for one in SCORE_RULES if one.valid_from <= day and (one.valid_to is None or day <= one.valid_to)]
    points = {}
    for rule in rules:
        found = rates.get(rule.indicator)
        if found is not None:
            points[rule.indicator] = round(rule.points(found), 2)
    judged = len(points) == len(rules)
    return Score(points, round(sum(points.values()), 2) if judged else None, sum(one.weight for one in rules))


def standard_rank(totals: dict[str, float | None]) -> dict[str, int | None]:
    """1 for the best; equals share a rank, and whoever was not judged has none."""
    judged = sorted((one for one in totals.values() if one is not None), reverse=True)
    return {name: None if one is None else judged.index(one) + 1 for name, one in totals.items()}
