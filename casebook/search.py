"""Terms by which Chinese text is found: pairs of characters, words and numbers of other letters, and pinyin.

A Chinese text has no spaces; every pair of neighbouring characters is a term, as in search engines' CJK analysers, so
that any stretch of two or more characters is found without a dictionary, on every database alike (SQLite's trigram
index finds no word of two characters). Titles and keywords are found by the initials of their pinyin (sbk: 社保卡) and
by their full pinyin too.

How much a term says of an entry is BM25 (Robertson and Zaragoza, 2009) with weighted fields (BM25F): a term of the
title or of a keyword counts three times.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections import defaultdict
from collections.abc import Mapping, Sequence

MOST_TERM = 40
"""No term is longer."""
_K1 = 1.2
_B = 0.5
_USUAL_LENGTH = 400
"""Characters of an entry, about."""
_TITLE = 3.0
_PINYIN = 1.0
_INITIALS = range(2, 9)
_SYLLABLES = range(2, 5)
_RUN = re.compile(r"[a-z0-9]+|[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]+")


def index_terms(title: str, keywords: Sequence[str], body: str) -> dict[str, float]:
    """Each term of an entry with its weight, of 0 (excluded) to about 2.2."""
    counts: defaultdict[str, float] = defaultdict(float)
    for field in (title, *keywords):
        for run in _runs(field):
            for term in {*_terms(run), *_characters(run)}:
                counts[term] += _TITLE
            for term in _pinyin(run):
                counts[term] += _PINYIN
    for run in _runs(body):
        for term in _terms(run):
            counts[term] += 1
    length = len(title) + len(body)
    norm = _K1 * (1 - _B + _B * length / _USUAL_LENGTH)
    return {term: count * (_K1 + 1) / (count + norm) for term, count in counts.items()}


def query_terms(text: str) -> tuple[str, ...]:
    """The terms that a query asks for, in their order, each once. A lone character is a term of its own."""
    return tuple(dict.fromkeys(term for run in _runs(text) for term in _terms(run)))


def inverse_frequencies(found: Mapping[str, int], entries: int) -> dict[str, float]:
    """How much each term tells: rare ones more. `found`: in how many of the `entries` it is."""
    return {term: math.log(1 + (entries - n + 0.5) / (n + 0.5)) for term, n in found.items()}


def normalised(text: str) -> str:
    """One spelling for a question asked twice: width, case, spaces and punctuation do not count."""
    return "".join(_runs(text))


def _runs(text: str) -> list[str]:
    return _RUN.findall(unicodedata.normalize("NFKC", text).casefold())


def _terms(run: str) -> list[str]:
    if run.isascii():
        return [run[:MOST_TERM]]
    return [run[at : at + 2] for at in range(len(run) - 1)] or [run]


def _characters(run: str) -> set[str]:
    return set() if run.isascii() else set(run)


def _pinyin(run: str) -> set[str]:
    """Initials of two to eight syllables and full spellings of two to four, from wherever they begin."""
    from pypinyin import Style, lazy_pinyin  # noqa: PLC0415 - a large dictionary, which a call server never needs

    if run.isascii():
        return set()
    syllables = lazy_pinyin(run, errors="ignore")
    initials = "".join(lazy_pinyin(run, style=Style.FIRST_LETTER, errors="ignore"))
    found = {initials[at : at + size] for size in _INITIALS for at in range(len(initials) - size + 1)}
    found |= {
        "".join(syllables[at : at + size])[:MOST_TERM] for size in _SYLLABLES for at in range(len(syllables) - size + 1)
    }
    return found
