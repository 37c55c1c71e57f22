"""How likely a wording is: by the frequencies of its words in jieba's dictionary of general Chinese."""

from __future__ import annotations

from functools import cache

import jieba

_AROUND = 6


def gain(text: str, start: int, end: int, other: str) -> float:
    """How much likelier the text becomes with `other` in place of text[start:end]: a difference of logarithms.

    In 这种行为是为了利益, 是为 reads better than 示威: below 0. In 有人找火了, 着火 reads better than 找火: above 0.
    """
    before, after = text[max(0, start - _AROUND) : start], text[end : end + _AROUND]
    return _likelihood(before + other + after) - _likelihood(before + text[start:end] + after)


def load() -> None:
    """Read the dictionary now: it takes a second, for which no voicemail should wait."""
    _dictionary()


def _likelihood(text: str) -> float:
    """The logarithm of the probability of the likeliest division into words."""
    words = _dictionary()
    route: dict[int, tuple[float, int]] = {}
    words.calc(text, words.get_DAG(text), route)
    return route[0][0]


@cache
def _dictionary() -> jieba.Tokenizer:
    words = jieba.Tokenizer()
    # Not initialize(): it would read a cache that any user of this machine may have put into /tmp.
    words.FREQ, words.total = words.gen_pfdict(words.get_dict_file())
    words.initialized = True
    return words
