"""Emergency and risk words in a voicemail: what a duty officer must hear of at once.

A phrase counts by its letters or by its sound, together with what is said around it: words of the same category and
urgent words make it surer, a denial before it or a sentence that asks, supposes or reports makes it weaker. Every alarm
names the words that it came from.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from transcription.sounds import Heard, PhraseIndex, Sounding, clearly_the_same
from transcription.wording import gain

GAP = "…"
_MOST_BETWEEN = 6
_SETTING_REACH = 14
_SUPPORT_REACH = 30
_DENIAL_REACH = 3
_ENDS = frozenset("。！？，；,.!?; ")
_STOPS = frozenset("。！？")

_HINT = 0.5
_BY_SOUND = 0.95
_LEAST_CERTAIN = 0.45
_READS_WELL = -1.0
"""Letters that make this much better words than the phrase are not the phrase."""
_READS_WELL_WEIGHT = 0.15
_COST_WEIGHT = {2: 0.8, 3: 0.5}
_COST_WEIGHT_LONGER = 0.3
_SUPPORT, _MOST_SUPPORT = 0.25, 2
_CLEAR = 0.15
_URGENT, _MOST_URGENT = 0.15, 2
_SETTING, _MOST_SETTINGS = 0.4, 2


class AlarmsError(Exception):
    """The file of alarm words is wrong; the message is one sentence with the file's name."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Category(_Strict):
    """Words of one kind of danger."""

    id: str
    name: str
    severity: Literal["emergency", "risk"]
    phrases: tuple[str, ...]
    hints: tuple[str, ...] = ()
    support: tuple[str, ...] = ()


class AlarmWords(_Strict):
    """`config/city/alarms.yaml`."""

    threshold: float
    urgent: tuple[str, ...]
    denials: tuple[str, ...]
    settings: tuple[str, ...]
    never: tuple[str, ...]
    categories: tuple[Category, ...]


@dataclass(frozen=True, slots=True)
class Alarm:
    """A danger that the text speaks of: text[start:end] is what was taken for `phrase`."""

    category: str
    name: str
    severity: str
    phrase: str
    quote: str
    start: int
    end: int
    by: Literal["text", "sound"]
    score: float


@dataclass(frozen=True, slots=True)
class _Hit:
    """text[start:end] may be `phrase`; `doubt` is 0 for its own letters."""

    phrase: str
    start: int
    end: int
    exact: bool
    doubt: float
    weight: float = 1.0

    @property
    def certainty(self) -> float:
        """How sure it is that the phrase was said."""
        return 1.0 if self.exact else max(0.0, _BY_SOUND - self.doubt)


class AlarmDetector:
    """Looks for the words of a city's file."""

    def __init__(self, words: AlarmWords) -> None:
        self._words = words
        parts = {
            part for one in words.categories for phrase in (*one.phrases, *one.hints) for part in phrase.split(GAP)
        }
        context = {word for one in words.categories for word in one.support} | {*words.urgent, *words.settings}
        self._parts = PhraseIndex(parts, one_wrong_from=4)
        self._context = PhraseIndex(context)
        self._never = PhraseIndex(words.never)

    @classmethod
    def load(cls, path: Path) -> AlarmDetector:
        """Read a city's file. Raises AlarmsError."""
        try:
            return cls(AlarmWords.model_validate(yaml.safe_load(path.read_text(encoding="utf-8"))))
        except (OSError, yaml.YAMLError, ValidationError) as error:
            first = error.errors()[0] if isinstance(error, ValidationError) else None
            reason = f"{'.'.join(map(str, first['loc']))}: {first['msg']}" if first else " ".join(str(error).split())
            raise AlarmsError(f"{path.name}: {reason}") from error

    def alarms(self, text: str) -> tuple[Alarm, ...]:
        """The alarms of a text, at most one for each category, the surest first."""
        return tuple(one for one in self.findings(text) if one.score >= self._words.threshold)

    def findings(self, text: str) -> tuple[Alarm, ...]:
        """The best finding of each category, whether it reaches the threshold or not, the surest first."""
        heard = Sounding.of(text)
        masked = [(one.start, one.end) for one in self._never.find(heard) if one.exact]
        parts: dict[str, list[_Hit]] = {}
        for one in self._parts.find(heard):
            if not any(_excludes(span, one) for span in masked):
                hit = _Hit(one.phrase, one.start, one.end, one.exact, _doubt(text, one))
                if hit.certainty > _LEAST_CERTAIN:
                    parts.setdefault(one.phrase, []).append(hit)
        context = [
            one
            for one in self._context.find(heard)
            if clearly_the_same(one) and not any(_excludes(span, one) for span in masked)
        ]
        found = [best for one in self._words.categories if (best := self._best(one, text, parts, context))]
        return tuple(sorted(found, key=lambda one: -one.score))

    def _best(
        self, category: Category, text: str, parts: Mapping[str, Sequence[_Hit]], context: Sequence[Heard]
    ) -> Alarm | None:
        hits = [
            replace(found, weight=weight)
            for phrases, weight in ((category.phrases, 1.0), (category.hints, _HINT))
            for phrase in phrases
            for found in _assembled(phrase, parts)
            if not self._denied(text, found)
        ]
        scored = [(self._score(hit, category, text, hits, context), hit) for hit in hits]
        if not scored:
            return None
        score, hit = max(scored, key=lambda one: one[0])
        return Alarm(
            category=category.id,
            name=category.name,
            severity=category.severity,
            phrase=hit.phrase,
            quote=text[hit.start : hit.end],
            start=hit.start,
            end=hit.end,
            by="text" if hit.exact else "sound",
            score=round(score, 2),
        )

    def _score(self, hit: _Hit, category: Category, text: str, hits: Sequence[_Hit], context: Sequence[Heard]) -> float:
        near = [one for one in context if not _overlap(one, hit) and _between(one, hit) <= _SUPPORT_REACH]
        elsewhere = {one.phrase for one in hits if not _overlap(one, hit) and _between(one, hit) <= _SUPPORT_REACH} | {
            one.phrase for one in near if one.phrase in category.support
        }
        urgent = {one.phrase for one in near if one.phrase in self._words.urgent}
        settings = {
            one.phrase
            for one in near
            if one.exact and one.phrase in self._words.settings and _in_one_sentence(text, one, hit)
        }
        return (
            hit.weight * hit.certainty
            + _SUPPORT * min(len(elsewhere), _MOST_SUPPORT)
            + _URGENT * min(len(urgent), _MOST_URGENT)
            - _SETTING * min(len(settings), _MOST_SETTINGS)
        )

    def _denied(self, text: str, hit: _Hit) -> bool:
        before = text[max(0, hit.start - _DENIAL_REACH - 3) : hit.start]
        for end in _ENDS:
            before = before.rpartition(end)[2]
        return any(
            (at := before.rfind(word)) >= 0 and len(before) - at - len(word) <= _DENIAL_REACH
            for word in self._words.denials
        )


def _doubt(text: str, heard: Heard) -> float:
    """What speaks against a phrase found by its sound: other sounds, and letters that read well as they are."""
    if heard.exact:
        return 0.0
    better = max(0.0, _READS_WELL - gain(text, heard.start, heard.end, heard.phrase))
    return heard.cost * _COST_WEIGHT.get(heard.end - heard.start, _COST_WEIGHT_LONGER) + better * _READS_WELL_WEIGHT


def _assembled(phrase: str, parts: Mapping[str, Sequence[_Hit]]) -> list[_Hit]:
    """A phrase put together from its parts, with a few characters between them."""
    first, *rest = phrase.split(GAP)
    found = list(parts.get(first, ()))
    for part in rest:
        found = [
            _Hit(phrase, one.start, two.end, one.exact and two.exact, one.doubt + two.doubt)
            for one in found
            for two in parts.get(part, ())
            if 0 <= two.start - one.end <= _MOST_BETWEEN
        ]
    return found


def _excludes(word: tuple[int, int], one: Heard) -> bool:
    """Whether a phrase is only part of another word; or, when only its sound is there, shares letters with one."""
    start, end = word
    return start <= one.start and one.end <= end if one.exact else start < one.end and one.start < end


def _overlap(one: Heard | _Hit, other: _Hit) -> bool:
    return one.start < other.end and other.start < one.end


def _between(one: Heard | _Hit, other: _Hit) -> int:
    """The number of characters between two findings."""
    return max(one.start - other.end, other.start - one.end)


def _in_one_sentence(text: str, one: Heard, other: _Hit) -> bool:
    between = text[one.end : other.start] if one.end <= other.start else text[other.end : one.start]
    return len(between) <= _SETTING_REACH and not _STOPS & set(between)
