"""Emergency and risk words in a voicemail: what a duty officer must hear of at once.

A phrase counts by its letters or by its sound, together with what is said around it: words of the same category and
urgent words make it surer, a denial before it or a sentence that asks, supposes or reports makes it weaker. Every alarm
names the words that it came from.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from transcription.sounds import Heard, PhraseIndex, Sounding, clearly_the_same

GAP = "…"
_MOST_BETWEEN = 6
_AROUND = 14
_DENIAL_REACH = 3
_ENDS = frozenset("。！？，；,.!?; ")
_STOPS = frozenset("。！？")

_HINT = 0.5
_COMMON = 0.5
_BY_SOUND = 0.95
_COST_WEIGHT = {2: 0.8, 3: 0.5}
_COST_WEIGHT_LONGER = 0.3
_SUPPORT, _MOST_SUPPORT = 0.25, 2
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
    common: tuple[str, ...] = ()
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
    heard: Heard
    weight: float


class AlarmDetector:
    """Looks for the words of a city's file."""

    def __init__(self, words: AlarmWords) -> None:
        self._words = words
        self._common = frozenset(words.common)
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
        parts: dict[str, list[Heard]] = {}
        for one in self._parts.find(heard):
            if not any(start <= one.start and one.end <= end for start, end in masked):
                parts.setdefault(one.phrase, []).append(one)
        context = [one for one in self._context.find(heard) if clearly_the_same(one)]
        found = [best for one in self._words.categories if (best := self._best(one, text, parts, context))]
        return tuple(sorted(found, key=lambda one: -one.score))

    def _best(
        self, category: Category, text: str, parts: Mapping[str, Sequence[Heard]], context: Sequence[Heard]
    ) -> Alarm | None:
        hits = [
            _Hit(found, weight)
            for phrases, weight in ((category.phrases, 1.0), (category.hints, _HINT))
            for phrase in phrases
            for found in self._assembled(phrase, parts, text)
            if not self._denied(text, found)
        ]
        scored = [(self._score(hit, category, text, hits, context), hit) for hit in hits]
        if not scored:
            return None
        score, hit = max(scored, key=lambda one: one[0])
        heard = hit.heard
        return Alarm(
            category=category.id,
            name=category.name,
            severity=category.severity,
            phrase=heard.phrase,
            quote=text[heard.start : heard.end],
            start=heard.start,
            end=heard.end,
            by="text" if heard.exact else "sound",
            score=round(score, 2),
        )

    def _score(self, hit: _Hit, category: Category, text: str, hits: Sequence[_Hit], context: Sequence[Heard]) -> float:
        heard = hit.heard
        elsewhere = {
            one.heard.phrase for one in hits if one.heard.end <= heard.start or heard.end <= one.heard.start
        } | {one.phrase for one in context if one.phrase in category.support and not _overlap(one, heard)}
        urgent = {one.phrase for one in context if one.phrase in self._words.urgent}
        settings = {
            one.phrase
            for one in context
            if one.exact and one.phrase in self._words.settings and not _overlap(one, heard) and _near(text, one, heard)
        }
        return (
            hit.weight * self._certainty(text, heard)
            + _SUPPORT * min(len(elsewhere), _MOST_SUPPORT)
            + _URGENT * min(len(urgent), _MOST_URGENT)
            - _SETTING * min(len(settings), _MOST_SETTINGS)
        )

    def _certainty(self, text: str, heard: Heard) -> float:
        """How sure it is that the phrase was said: one for its letters; a short phrase needs the better sound."""
        if heard.exact:
            return 1.0
        if text[heard.start : heard.end] in self._common:
            return _COMMON
        size = heard.end - heard.start
        return max(0.0, _BY_SOUND - heard.cost * _COST_WEIGHT.get(size, _COST_WEIGHT_LONGER))

    def _assembled(self, phrase: str, parts: Mapping[str, Sequence[Heard]], text: str) -> list[Heard]:
        """A phrase put together from its parts, with a few characters between them."""
        first, *rest = phrase.split(GAP)
        found = list(parts.get(first, ()))
        if rest:
            found = [one for one in found if one.exact or text[one.start : one.end] not in self._common]
        for part in rest:
            found = [
                Heard(phrase, one.start, two.end, one.exact and two.exact, one.cost + two.cost)
                for one in found
                for two in parts.get(part, ())
                if 0 <= two.start - one.end <= _MOST_BETWEEN
            ]
        return [Heard(phrase, one.start, one.end, one.exact, one.cost) for one in found]

    def _denied(self, text: str, heard: Heard) -> bool:
        before = text[max(0, heard.start - _DENIAL_REACH - 3) : heard.start]
        for end in _ENDS:
            before = before.rpartition(end)[2]
        return any(
            (at := before.rfind(word)) >= 0 and len(before) - at - len(word) <= _DENIAL_REACH
            for word in self._words.denials
        )


def _overlap(one: Heard, other: Heard) -> bool:
    return one.start < other.end and other.start < one.end


def _near(text: str, one: Heard, other: Heard) -> bool:
    """Whether two findings are close together, with no end of a sentence between them."""
    between = text[one.end : other.start] if one.end <= other.start else text[other.end : one.start]
    return len(between) <= _AROUND and not _STOPS & set(between)
