"""The city's places, roads and units: which of them a text names, and which it names in other letters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from transcription.pinyin import TONE_COST, distance, syllables
from transcription.sounds import Heard, PhraseIndex, Sounding

_SHORTEST_TO_MEND = 3
"""A name of two syllables has too many homophones that are words."""
_ONE_WRONG_FROM = 5
_MOST_COST = {3: 0.35, 4: 0.6}
_MOST_COST_LONGER = 1.0
_CITY = "市"
_MOST_COST_UNIT = {3: 0.0, 4: 0.0}
_MOST_COST_UNIT_LONGER = 0.7
_SURE = 0.95
"""A recogniser that is so sure is believed, unless the sounds are the very same."""


class GazetteerError(Exception):
    """The file of places is wrong; the message is one sentence with the file's name."""


class Place(BaseModel):
    """A line of `config/city/places.yaml`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(min_length=2)
    kind: Literal["district", "town", "road", "community", "landmark", "unit"]
    district: str = Field(default="", alias="in")
    short: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Mention:
    """A place that text[start:end] names."""

    place: Place
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Mending:
    """text[start:end] sounds like `name`, and is none."""

    start: int
    end: int
    name: str
    cost: float


class Gazetteer:
    """The places of a city. Raises GazetteerError for a name that stands for two places."""

    def __init__(self, places: Sequence[Place]) -> None:
        self.places = tuple(places)
        self._by_name: dict[str, Place] = {}
        for place in self.places:
            for name in (place.name, *place.short):
                if name in self._by_name:
                    raise GazetteerError(f"places.yaml: {name} stands for two places")
                self._by_name[name] = place
        districts = {place.name for place in self.places if place.kind == "district"}
        for place in self.places:
            if place.district and place.district not in districts:
                raise GazetteerError(f"places.yaml: {place.name} lies in {place.district}, which is no district")
        self._mendable = PhraseIndex(
            [name for name in self._by_name if len(name) >= _SHORTEST_TO_MEND], one_wrong_from=_ONE_WRONG_FROM
        )

    @classmethod
    def load(cls, path: Path) -> Gazetteer:
        """Read a city's file. Raises GazetteerError."""
        try:
            content = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
            return cls([Place.model_validate(one) for one in content.get("places", ())])
        except (OSError, yaml.YAMLError, ValidationError, AttributeError) as error:
            first = error.errors()[0] if isinstance(error, ValidationError) else None
            reason = f"{first['input']}: {first['msg']}" if first is not None else " ".join(str(error).split())
            raise GazetteerError(f"{path.name}: {reason}") from error

    def mentions(self, text: str) -> list[Mention]:
        """Places that the text names in their own letters; the longest name where several begin together."""
        found, at = [], 0
        longest = max((len(name) for name in self._by_name), default=0)
        while at < len(text):
            size = next((n for n in range(longest, 1, -1) if text[at : at + n] in self._by_name), 0)
            if size:
                found.append(Mention(self._by_name[text[at : at + size]], at, at + size))
            at += size or 1
        return found

    def mendings(self, text: str, confidence: Sequence[float]) -> list[Mending]:
        """Names in wrong letters: one clear candidate by its sound, not overlapping a name that is right.

        `confidence` has the recogniser's confidence for each character.
        """
        right = self.mentions(text)
        candidates = [
            one
            for one in self._mendable.find(Sounding.of(text))
            if not one.exact
            and self._is_likely(text, one, confidence)
            and not self._is_other_unit(text, one)
            and not any(self._contradicts(mention, one) for mention in right)
        ]
        candidates.sort(key=lambda one: (-(one.end - one.start), one.cost))
        chosen: list[Mending] = []
        for one in candidates:
            rivals = [
                other
                for other in candidates
                if (other.start, other.end) == (one.start, one.end)
                and self._by_name[other.phrase] is not self._by_name[one.phrase]
                and other.cost <= one.cost
            ]
            if not rivals and not any(have.start < one.end and one.start < have.end for have in chosen):
                chosen.append(Mending(one.start, one.end, one.phrase, one.cost))
        return sorted(chosen, key=lambda one: one.start)

    def _contradicts(self, mention: Mention, one: Heard) -> bool:
        """Whether a name in its own letters stands there, unless it is part of a longer name of the same place."""
        if mention.end <= one.start or one.end <= mention.start:
            return False
        inside = one.start <= mention.start and mention.end <= one.end
        return not (inside and self._by_name[one.phrase] is mention.place)

    def _is_other_unit(self, text: str, one: Heard) -> bool:
        """Whether it is better read as a unit without its city, or of another name.

        是政府 is no 市政府, 县自来水公司 no 市自来水公司, 水务局 no 税务局: units are common words, unlike villages.
        """
        if one.phrase[0] == _CITY and text[one.start + 1 : one.end] == one.phrase[1:]:
            return True
        most_cost = _MOST_COST_UNIT.get(one.end - one.start, _MOST_COST_UNIT_LONGER)
        return self._by_name[one.phrase].kind == "unit" and one.cost > most_cost

    @staticmethod
    def _is_likely(text: str, one: Heard, confidence: Sequence[float]) -> bool:
        size = one.end - one.start
        if one.cost > _MOST_COST.get(size, _MOST_COST_LONGER):
            return False
        # 路, 镇, 区, 局: what kind of place it is, recognisers get right, or the place is another one.
        if text[one.end - 1] != one.phrase[-1] and one.cost > 0:
            last, wanted = syllables(text[one.end - 1])[0], syllables(one.phrase[-1])[0]
            if one.cost > TONE_COST or distance(last, wanted) > 0:
                return False
        heard = confidence[one.start : one.end]
        return one.cost == 0 or not heard or sum(heard) / len(heard) < _SURE
