"""What the recogniser heard, as a clerk would write it: sentences, figures, the city's names in their right letters.

Nothing is changed silently: each token keeps what was heard, and the recogniser's own text stays with the transcript.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import accumulate, zip_longest

from transcription.engine import Word
from transcription.gazetteer import Gazetteer
from transcription.numbers import find_numbers

_COMMA_MS = 350
_STOP_MS = 900
_ALNUM_END = re.compile(r"[A-Za-z0-9]$")
_POINT_END = re.compile(r"[0-9]\.\s*$")
_ALNUM_START = re.compile(r"[A-Za-z0-9]")
_PUNCTUATION = "，。！？；：、,.!?;:"
_MARKS = re.compile(f"^[{re.escape(_PUNCTUATION)}\\s]+|[{re.escape(_PUNCTUATION)}\\s]+$")


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of the written text, and what was heard there; times from the start of the recording."""

    text: str
    start_ms: int
    end_ms: int
    confidence: float
    heard: str
    """The recogniser's own letters; `text` without its punctuation where nothing was changed."""
    after: str = ""
    """The punctuation behind it."""


@dataclass(frozen=True, slots=True)
class _Edit:
    start: int
    end: int
    text: str


def repair(words: Sequence[Word], gazetteer: Gazetteer) -> tuple[Token, ...]:
    """Tokens of the written text, in order."""
    tokens = [_token(word) for word in _decimals(words)]
    tokens = [token for token in tokens if token.text or token.after]
    text = "".join(token.text for token in tokens)
    confidence = [token.confidence for token in tokens for _ in token.text]
    mendings = [_Edit(one.start, one.end, one.name) for one in gazetteer.mendings(text, confidence)]
    tokens = _apply(tokens, mendings)
    text = "".join(token.text for token in tokens)
    names = [(one.start, one.end) for one in gazetteer.mentions(text)]
    tokens = _apply(tokens, [_Edit(one.start, one.end, one.written) for one in find_numbers(text, names)])
    return tuple(_punctuated(tokens))


def written(tokens: Sequence[Token]) -> str:
    """The text of tokens."""
    return "".join(spaced(tokens))


def spaced(tokens: Sequence[Token]) -> list[str]:
    """The text of each token, with its punctuation, and a space before it where it must not run into the last one."""
    parts: list[str] = []
    for n, token in enumerate(tokens):
        before = tokens[n - 1] if n else None
        apart = before is not None and not before.after and _run_together(before, token)
        parts.append((" " if apart else "") + token.text + token.after)
    return parts


def _run_together(one: Token, two: Token) -> bool:
    """Two Latin words, or figures of two numbers. Figures that the recogniser itself wrote are one number."""
    if not (_ALNUM_END.search(one.text) and _ALNUM_START.match(two.text)):
        return False
    return one.text != one.heard or two.text != two.heard or not (one.text[-1].isdigit() or two.text[0].isdigit())


def _decimals(words: Sequence[Word]) -> list[Word]:
    """Words, with 7. and 05 as one: a point between figures ends no sentence."""
    out: list[Word] = []
    for word in words:
        if out and _POINT_END.search(out[-1].text) and word.text.strip()[:1].isdigit():
            last = out[-1]
            text = last.text.rstrip() + word.text.strip()
            out[-1] = Word(text, last.start_ms, word.end_ms, min(last.confidence, word.confidence))
        else:
            out.append(word)
    return out


def _token(word: Word) -> Token:
    text = _MARKS.sub("", word.text)
    marks = word.text.strip()[len(word.text.strip().rstrip(_PUNCTUATION)) :]
    after = "，" if marks and marks[0] in ",，、：:；;" else "。" if marks and marks[0] in ".。" else marks[:1]
    return Token(text, word.start_ms, word.end_ms, word.confidence, text, after)


def _apply(tokens: Sequence[Token], edits: Sequence[_Edit]) -> list[Token]:
    """Replace stretches of the text; the tokens that a stretch touches become one."""
    ends = list(accumulate(len(token.text) for token in tokens))
    out: list[Token] = []
    done = 0
    group: list[_Edit] = []
    for edit, following in zip_longest(edits, edits[1:]):
        group.append(edit)
        last = bisect_left(ends, edit.end)
        # Two stretches in one token are replaced together.
        if following is not None and bisect_right(ends, following.start) <= last:
            continue
        first = bisect_right(ends, group[0].start)
        out += tokens[done:first]
        out.append(_merged(tokens[first : last + 1], group, ends[first] - len(tokens[first].text)))
        done, group = last + 1, []
    return [*out, *tokens[done:]]


def _merged(tokens: Sequence[Token], edits: Sequence[_Edit], offset: int) -> Token:
    text = "".join(token.text for token in tokens)
    for edit in reversed(edits):
        text = text[: edit.start - offset] + edit.text + text[edit.end - offset :]
    return Token(
        text,
        tokens[0].start_ms,
        tokens[-1].end_ms,
        min(token.confidence for token in tokens),
        "".join(token.heard for token in tokens),
        tokens[-1].after,
    )


def _punctuated(tokens: Sequence[Token]) -> list[Token]:
    """Marks from the pauses, where the recogniser gives none."""
    out = []
    for n, token in enumerate(tokens):
        last = n == len(tokens) - 1
        pause_ms = 0 if last else tokens[n + 1].start_ms - token.end_ms
        mark = token.after
        if mark != "。" and not last and token.text.isdecimal() and tokens[n + 1].text.isdecimal():
            # A number that is said in groups is one number.
            out.append(replace(token, after=""))
            continue
        if not mark or (last and mark in ",，"):
            mark = "。" if last or pause_ms >= _STOP_MS else "，" if pause_ms >= _COMMA_MS else ""
        if mark == "。" and token.text.endswith("吗"):
            mark = "？"
        out.append(replace(token, after=mark))
    return out
