"""What a public answer lacks, as far as words tell: missing parts, empty phrases, what must not be public, a text
that was sent before. It is advice for whoever writes and whoever reviews; a person judges.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from pydantic import BaseModel, ConfigDict, field_validator

_GRAM = 3
_PERSONAL = re.compile(r"(?<!\d)(?:1[3-9]\d{9}|\d{17}[\dXx])(?!\d)")


class ReplyPart(BaseModel):
    """A part that an answer must have: it is there where one of the words is."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    words: tuple[str, ...]
    hint: str


class ReplyRules(BaseModel):
    """What a city wants of an answer."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    shortest: int = 30
    parts: tuple[ReplyPart, ...] = ()
    empty_phrases: tuple[str, ...] = ()
    """Phrases that say nothing."""
    gaps: tuple[str, ...] = ()
    """Patterns of places that a template leaves to be filled in."""
    alike: float = 0.85
    """Two answers that share so much of their text are one template."""

    @field_validator("gaps")
    @classmethod
    def _patterns(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for one in value:
            try:
                re.compile(one)
            except re.error as error:
                raise ValueError(f"'{one}' is no pattern: {error}") from error
        return value


@dataclass(frozen=True, slots=True)
class Finding:
    """`must` findings are such for which a review sends the answer back; `quote` is the place in the text."""

    code: Literal["short", "missing", "empty", "gap", "personal", "template"]
    must: bool
    message: str
    quote: str = ""


@dataclass(frozen=True, slots=True)
class Earlier:
    """An answer that was given before."""

    case_no: str
    text: str


def check_reply(text: str, rules: ReplyRules, earlier: Sequence[Earlier] = ()) -> list[Finding]:
    """What an answer lacks, the gravest first. An empty answer lacks everything: one finding."""
    said = text.strip()
    if not said:
        return [Finding("short", True, "还没有填写公开答复。")]
    found = [Finding("gap", True, f"模板里的空白没有填写：“{one}”。", one) for one in _gaps(said, rules.gaps)]
    found += [
        Finding("personal", True, "公开答复里有手机号或身份证号，请删去。", match[0])
        for match in _PERSONAL.finditer(said)
    ]
    if len(said) < rules.shortest:
        found.append(Finding("short", True, f"答复太短：只有 {len(said)} 个字，一般不少于 {rules.shortest} 个字。"))
    found += [
        Finding("missing", True, f"缺少{part.name}：{part.hint}")
        for part in rules.parts
        if not any(word in said for word in part.words)
    ]
    if same := _same_as(said, rules.alike, earlier):
        found.append(Finding("template", True, f"与 {same.case_no} 的答复几乎相同，请按本件情况写。"))
    found += [
        Finding("empty", False, f"“{one}”没有说明做了什么、结果如何。", one)
        for one in rules.empty_phrases
        if one in said
    ]
    return found


def likeness(one: str, other: str) -> float:
    """How much of their text two answers share, 0 to 1: Dice's coefficient of their triples of characters."""
    first, second = _grams(one), _grams(other)
    return 2 * len(first & second) / (len(first) + len(second)) if first and second else 0.0


def _gaps(text: str, patterns: Sequence[str]) -> list[str]:
    return [match[0] for pattern in patterns for match in re.finditer(pattern, text)]


def _same_as(text: str, alike: float, earlier: Sequence[Earlier]) -> Earlier | None:
    near = [(likeness(text, one.text), one) for one in earlier]
    best = max(near, key=lambda pair: pair[0], default=None)
    return best[1] if best is not None and best[0] >= alike else None


def _grams(text: str) -> frozenset[str]:
    plain = "".join(re.findall(r"[^\W_]", text))
    return frozenset(plain[at : at + _GRAM] for at in range(len(plain) - _GRAM + 1))
