"""Mistakes like a recogniser's: words of the same or a like sound, syllables half misheard, characters left out.

The kinds are those of Whisper-base's errors on telephone Mandarin (落实 as 落石, 质疑声 as 自己生, 厨房 as 房); words
are drawn by their frequency in jieba's dictionary, which knows nothing of the alarm words.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import jieba

from transcription.pinyin import syllables

SAME, ALIKE, HALF, LOST = "same sound", "like sound", "half misheard", "lost"
_KINDS = (SAME, ALIKE, HALF, LOST)
_WEIGHTS = (50, 20, 20, 10)
_LEAST_FREQUENCY = 30
_Choices = dict[str, list[tuple[str, int]]]


def confuse(text: str, rate: float, seed: int) -> str:
    """The text with about `rate` of its words misheard; the same for the same seed."""
    rng = random.Random(f"{seed}:{text}")
    return "".join(_misheard(word, rng) if rng.random() < rate else word for word in jieba.cut(text, HMM=False))


def _misheard(word: str, rng: random.Random) -> str:
    if not all("一" <= letter <= "鿿" for letter in word):
        return word
    kind = rng.choices(_KINDS, _WEIGHTS)[0]
    if kind == LOST:
        at = rng.randrange(len(word))
        return word[:at] + word[at + 1 :]
    same, alike, finals = _lexicon()
    if kind == HALF:
        at = rng.randrange(len(word))
        return word[:at] + _draw(finals[syllables(word[at])[0].final], word[at], rng) + word[at + 1 :]
    table, key = (same, _same_key) if kind == SAME else (alike, _alike_key)
    return _draw(table[key(word)], word, rng)


def _draw(choices: Sequence[tuple[str, int]], word: str, rng: random.Random) -> str:
    others = [choice for choice in choices if choice[0] != word]
    return rng.choices([other for other, _ in others], [count for _, count in others])[0] if others else word


def _same_key(word: str) -> str:
    return " ".join(sound.initial + sound.final for sound in syllables(word))


def _alike_key(word: str) -> str:
    return " ".join(sound.alike for sound in syllables(word))


@cache
def _lexicon() -> tuple[_Choices, _Choices, _Choices]:
    same: _Choices = defaultdict(list)
    alike: _Choices = defaultdict(list)
    finals: _Choices = defaultdict(list)
    for line in (Path(jieba.__file__).parent / "dict.txt").read_text(encoding="utf-8").splitlines():
        word, count, _ = line.split(" ")
        if len(word) > 3 or int(count) < _LEAST_FREQUENCY or not all("一" <= letter <= "鿿" for letter in word):
            continue
        same[_same_key(word)].append((word, int(count)))
        alike[_alike_key(word)].append((word, int(count)))
        if len(word) == 1:
            finals[syllables(word)[0].final].append((word, int(count)))
    return same, alike, finals
