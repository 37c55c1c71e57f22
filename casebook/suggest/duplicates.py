"""Whether a demand is there already: same caller, same place and matter, similar text. A person merges, not this."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

WINDOW = timedelta(days=30)
"""Older cases are not the same demand."""
ALIKE = 0.35
"""Texts of one matter in one region that are at least so alike (cosine, see Classifier.alike) may be one demand."""
SAME_WORDS = 0.8
"""So alike, they are one demand whatever was chosen as matter."""
_CALLER_ALIKE = 0.15
"""The same caller speaks of the same thing in other words."""

Reason = Literal["caller", "place", "text"]


@dataclass(frozen=True, slots=True)
class Subject:
    """What a demand is about, as far as it is known: empty where it is not."""

    text: str
    matter: str = ""
    region: str = ""
    place: str = ""
    caller: str = ""
    """The look-up index of the caller's number, never the number."""


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A case that may be the same demand."""

    case_no: str
    state: str
    received_at: datetime
    subject: Subject


@dataclass(frozen=True, slots=True)
class Duplicate:
    """A case that may be the same demand, and why; `likeness` of the texts, 0 to 1."""

    case_no: str
    state: str
    received_at: datetime
    title: str
    reasons: tuple[Reason, ...]
    likeness: float


def duplicates(
    subject: Subject,
    neighbours: Sequence[Neighbour],
    alike: Callable[[str, Sequence[str]], Sequence[float]],
    most: int = 5,
) -> list[Duplicate]:
    """Those of the neighbours that may be the same demand; the one with the most reasons first, then the most alike."""
    likenesses = alike(subject.text, [one.subject.text for one in neighbours])
    found = []
    for one, likeness in zip(neighbours, likenesses, strict=True):
        if reasons := _reasons(subject, one.subject, likeness):
            title = one.subject.text.split("\n", 1)[0]
            found.append(Duplicate(one.case_no, one.state, one.received_at, title, reasons, round(likeness, 3)))
    found.sort(key=lambda one: (-len(one.reasons), -one.likeness, one.case_no))
    return found[:most]


def _reasons(mine: Subject, other: Subject, likeness: float) -> tuple[Reason, ...]:
    same_matter = bool(mine.matter) and mine.matter == other.matter
    reasons: list[Reason] = []
    if mine.caller and mine.caller == other.caller and (same_matter or likeness >= _CALLER_ALIKE):
        reasons.append("caller")
    # The other one's place has the house too.
    if mine.place and mine.place in other.place and same_matter:
        reasons.append("place")
    near = same_matter and mine.region == other.region
    if likeness >= (ALIKE if near else SAME_WORDS):
        reasons.append("text")
    return tuple(reasons)
