"""The words of the model and how likely they follow one another: a trigram of our own sentences, over common words.

The counts come from sentences.txt with its slots filled; the single words also from jieba's dictionary (MIT), so that
any common word can be heard. Interpolated absolute discounting (Ney et al., 1994).
"""

from __future__ import annotations

import math
import random
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import jieba

from transcription.model_recipe.phones import HANZI
from transcription.model_recipe.texts import Reserved, fill, places, sentences

VOCABULARY = 10_000
"""Common words of jieba's dictionary; the words of our own sentences come on top."""
FILLINGS = 4
"""How often a sentence with slots is filled."""
DISCOUNT = 0.9
BROAD = 0.1
"""The dictionary's share in the probability of a single word."""
RARE = 3
"""Three words in a row are kept when they were seen as often as this, ..."""
WORTH = 5.0
"""... and two or three when their count, times the log of how much likelier they make the last word, is as much as
this (Seymore and Rosenfeld, 1996): the graph has to stay small.
"""
BEGIN, END = "<s>", "</s>"
AROUND_A_PLACE = "在{} 我在{} 我住{} 我是{}的 到{} {}这边 {}那边 {}附近 {}的 {}有 就是{} {}门口".split()
"""Nearly every call names a place of the city: each name is counted with these, for the sentences name few of them."""
_NUMERALS = "零一二三四五六七八九十百千万亿两幺"
History = tuple[str, ...]


def prepare() -> None:
    """Teach the segmenter the city's names."""
    jieba.setLogLevel(60)
    for name in places():
        jieba.add_word(name, 200)


def words(text: str) -> list[str]:
    """A text's words; numerals one character each, so that every number is made of the same few."""
    found: list[str] = []
    for stretch in HANZI.findall(text):
        for part in re.findall(f"[{_NUMERALS}]+|[^{_NUMERALS}]+", stretch):
            found += list(part) if part[0] in _NUMERALS else jieba.lcut(part)
    return found


def corpus(seed: int = 1) -> Iterator[list[str]]:
    """Every sentence and each of its clauses, in words, free of what the test keeps for itself."""
    r, reserved = random.Random(seed), Reserved()
    for place in places():
        for around in AROUND_A_PLACE:
            if reserved.found_in(text := around.format(place)) is None:
                yield words(text)
    for sentence in sentences():
        for _ in range(FILLINGS if "{" in sentence else 1):
            text = fill(sentence, r)
            if reserved.found_in(text) is not None:
                continue
            yield words(text)
            clauses = [clause for clause in re.split("[，。？！、]", text) if clause]
            if len(clauses) > 1:
                yield from (words(clause) for clause in clauses)


def vocabulary(texts: Iterable[list[str]]) -> dict[str, int]:
    """The words that can be heard, each with its count in the dictionary."""
    jieba.initialize()
    known = Counter({word: count for word, count in jieba.dt.FREQ.items() if count and HANZI.fullmatch(word)})
    letters = {word: count for word, count in known.items() if len(word) == 1 and count >= 20}
    common = dict(known.most_common(VOCABULARY))
    own = {word: known.get(word, 1) for text in texts for word in text}
    return {**letters, **common, **own}


@dataclass
class Model:
    """`likely[history][word]`: natural log of the probability; `spare[history]`: what a shorter history is left."""

    likely: dict[History, dict[str, float]]
    spare: dict[History, float]


def estimate(texts: list[list[str]], vocabulary: dict[str, int]) -> Model:
    """A backed-off trigram."""
    counts: dict[History, Counter[str]] = defaultdict(Counter)
    for text in texts:
        line = [BEGIN, *text, END]
        for n in range(1, len(line)):
            for size in (1, 2):
                if n >= size:
                    counts[tuple(line[n - size : n])][line[n]] += 1
    followers = Counter[str]()
    for history, after in counts.items():
        if len(history) == 1:
            followers.update(after.keys())
    total, broad = sum(followers.values()), sum(vocabulary.values())
    single = {word: (1 - BROAD) * followers[word] / total + BROAD * count / broad for word, count in vocabulary.items()}
    single[END] = followers[END] / total
    likely: dict[History, dict[str, float]] = {(): {word: math.log(chance) for word, chance in single.items()}}
    spare: dict[History, float] = {}
    for size in (1, 2):
        for history, after in counts.items():
            if len(history) != size:
                continue
            seen = sum(after.values())
            spread = DISCOUNT * len(after) / seen
            kept = {}
            for word, n in after.items():
                shorter = _chance(likely, spare, history[1:], word)
                gain = math.log(((n - DISCOUNT) / seen + spread * shorter) / shorter)
                if n >= (1, RARE)[size - 1] and n * gain >= WORTH:
                    kept[word] = n
            if not kept:
                continue
            given = sum((n - DISCOUNT) / seen for n in kept.values())
            left = 1 - given
            likely[history] = {
                word: math.log((n - DISCOUNT) / seen + left * _chance(likely, spare, history[1:], word))
                for word, n in kept.items()
            }
            spare[history] = math.log(left)
    return Model(likely, spare)


def _chance(likely: dict[History, dict[str, float]], spare: dict[History, float], history: History, word: str) -> float:
    left = 0.0
    while word not in likely.get(history, {}):
        left += spare.get(history, 0.0)
        history = history[1:]
    return math.exp(left + likely[history][word])
