"""Finding phrases in a text by their letters and by their sound."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from transcription.pinyin import PART_COST, Syllable, distance, spelling, syllables

_ANY = "*"


@dataclass(frozen=True, slots=True)
class Heard:
    """A phrase found at text[start:end]; `cost` is 0 for its own letters, and grows with the distance of the sounds."""

    phrase: str
    start: int
    end: int
    exact: bool
    cost: float


@dataclass(frozen=True, slots=True)
class Sounding:
    """A text with the sound of each of its characters."""

    text: str
    sounds: tuple[Syllable, ...]

    @classmethod
    def of(cls, text: str) -> Sounding:
        """Spell a text."""
        return cls(text, syllables(text))


class PhraseIndex:
    """Many phrases, looked for at once: a look-up for each position and length, however many phrases there are."""

    def __init__(self, phrases: Iterable[str], *, one_wrong_from: int = 99) -> None:
        """Phrases of `one_wrong_from` syllables or more are also found with one syllable that sounds different."""
        self._phrases = {phrase: syllables(phrase) for phrase in phrases}
        self._one_wrong_from = one_wrong_from
        self._by_spelling: dict[str, list[str]] = {}
        for phrase, sounds in self._phrases.items():
            for key in self._keys(sounds):
                self._by_spelling.setdefault(key, []).append(phrase)
        self._lengths = sorted({len(sounds) for sounds in self._phrases.values()})

    def find(self, heard: Sounding) -> Iterator[Heard]:
        """Every place where a phrase is, or may be, in the text."""
        size = len(heard.text)
        for length in self._lengths:
            for start in range(size - length + 1):
                sounds = heard.sounds[start : start + length]
                written = heard.text[start : start + length]
                seen = {written}
                if written in self._phrases:
                    # Whatever its sound: 大 has another reading in 人大出血 than in 大出血.
                    yield Heard(written, start, start + length, exact=True, cost=0.0)
                for key in self._keys(sounds):
                    for phrase in self._by_spelling.get(key, ()):
                        if phrase not in seen:
                            seen.add(phrase)
                            if length > 1:  # every other syllable sounds like some word
                                yield self._compare(phrase, heard, start, length)

    def _keys(self, sounds: Sequence[Syllable]) -> Iterator[str]:
        yield spelling(sounds)
        if len(sounds) >= self._one_wrong_from:
            names = [sound.alike for sound in sounds]
            for n in range(len(names)):
                yield " ".join([*names[:n], _ANY, *names[n + 1 :]])

    def _compare(self, phrase: str, heard: Sounding, start: int, length: int) -> Heard:
        end = start + length
        wanted = self._phrases[phrase]
        cost = sum(
            # A syllable of the same character costs nothing, whichever of its readings was chosen.
            0.0 if heard.text[start + n] == phrase[n] else distance(heard.sounds[start + n], wanted[n])
            for n in range(length)
        )
        return Heard(phrase, start, end, exact=False, cost=round(cost, 2))


def clearly_the_same(found: Heard) -> bool:
    """Its own letters, or a homophone of two syllables and more; not the guess that one syllable was misheard."""
    return found.exact or (found.end - found.start >= 2 and found.cost < PART_COST / 2)
