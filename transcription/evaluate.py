"""Character error rate, the measure of Mandarin recognition."""

from __future__ import annotations

import re

_HANZI_DIGITS = str.maketrans("0123456789两幺", "零一二三四五六七八九二一")
_NOT_TEXT = re.compile(r"[^\w]|_")


def normalise(text: str) -> str:
    """Text without spaces and punctuation, digits read as hanzi, 两 as 二 and 幺 as 一."""
    return _NOT_TEXT.sub("", text).lower().translate(_HANZI_DIGITS)


def edit_distance(reference: str, hypothesis: str) -> int:
    """Fewest insertions, deletions and substitutions (Levenshtein 1966)."""
    row = list(range(len(hypothesis) + 1))
    for i, wanted in enumerate(reference, 1):
        previous, row[0] = row[0], i
        for j, found in enumerate(hypothesis, 1):
            previous, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, previous + (wanted != found))
    return row[-1]


def character_error_rate(pairs: list[tuple[str, str]]) -> float:
    """Errors over characters of the references, over all pairs (reference, hypothesis). ValueError without any."""
    normalised = [(normalise(reference), normalise(hypothesis)) for reference, hypothesis in pairs]
    characters = sum(len(reference) for reference, _ in normalised)
    if not characters:
        raise ValueError("there is no reference text")
    return sum(edit_distance(*pair) for pair in normalised) / characters
