"""How Chinese sounds, and how far two sounds lie apart: recognisers and dialects mistake one for the other.

Syllables are Hanyu Pinyin with a tone from 1 to 5 (neutral); what is no Chinese character stands for itself.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

_PARTS = re.compile(r"^(zh|ch|sh|[bpmfdtnlgkhjqxrzcsyw]?)([a-zê]+)([1-5]?)$")
# Pairs that speakers of the Jianghuai dialect do not keep apart, nor recognisers of narrow-band sound.
_INITIALS = {"zh": "z", "ch": "c", "sh": "s", "n": "l", "f": "h"}
_FINALS = {"ang": "an", "eng": "en", "ing": "in", "iang": "ian", "uang": "uan"}

TONE_COST = 0.1
ALIKE_COST = 0.3
PART_COST = 0.7


@dataclass(frozen=True, slots=True)
class Syllable:
    """One syllable: its initial, its final, its tone, and the class of all that sound alike."""

    initial: str
    final: str
    tone: str
    alike: str


def syllables(text: str) -> tuple[Syllable, ...]:
    """One syllable for each character."""
    from pypinyin import Style, lazy_pinyin  # noqa: PLC0415 - a large dictionary; many import this for its errors only

    spelled = lazy_pinyin(text, style=Style.TONE3, neutral_tone_with_five=True, errors=_one_by_one)
    if len(spelled) != len(text):  # a character that Unicode composes of several
        spelled = [lazy_pinyin(one, style=Style.TONE3, neutral_tone_with_five=True)[0] for one in text]
    return tuple(_parse(one) for one in spelled)


def distance(one: Syllable, other: Syllable) -> float:
    """0 for the same sound, 1 for one that has nothing in common with the other."""
    if one.initial == other.initial and one.final == other.final:
        return 0.0 if one.tone == other.tone else TONE_COST
    if one.alike == other.alike:
        return ALIKE_COST
    initial = _INITIALS.get(one.initial, one.initial) == _INITIALS.get(other.initial, other.initial)
    final = _FINALS.get(one.final, one.final) == _FINALS.get(other.final, other.final)
    return PART_COST if initial or final else 1.0


def unlikeness(one: str, other: str) -> float:
    """How differently two texts sound, each syllable's distance on the shortest way over the longer one: 0 to 1."""
    mine, theirs = syllables(one), syllables(other)
    row = [float(n) for n in range(len(theirs) + 1)]
    for i, sound in enumerate(mine, 1):
        previous, row[0] = row[0], float(i)
        for j, wanted in enumerate(theirs, 1):
            previous, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, previous + distance(sound, wanted))
    return row[-1] / max(len(mine), len(theirs), 1)


def spelling(sounds: Sequence[Syllable]) -> str:
    """A key that all that sounds alike has in common."""
    return " ".join(sound.alike for sound in sounds)


def _one_by_one(text: str) -> str:
    # Typed as text by the library, which takes a list for one sound a character.
    return list(text)  # type: ignore[return-value]


@lru_cache(maxsize=4096)
def _parse(spelled: str) -> Syllable:
    match = _PARTS.match(spelled.replace("ü", "v"))
    if match is None:
        return Syllable("", spelled, "", spelled)
    initial, final, tone = match.groups()
    return Syllable(initial, final, tone, _INITIALS.get(initial, initial) + _FINALS.get(final, final))
