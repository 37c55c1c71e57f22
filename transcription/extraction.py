"""Suggestions for the reviewer: telephone number, place, matter and time, each with the words that it came from."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from transcription.gazetteer import Gazetteer, Mention
from transcription.repair import Token, spaced

_MOBILE = re.compile(r"(?<!\d)1[3-9]\d{9}(?!\d)")
_LANDLINE = re.compile(r"(?<!\d)(?:0\d{2,3}-?)?[2-8]\d{6,7}(?!\d)")
_CALL_WORDS = re.compile("电话|号码|手机|座机|联系|打给|回电")
_CALL_WORDS_REACH = 12
_HOUSE = re.compile(
    r"\d+(?:号楼|号|栋|幢|弄|组|座)?(?:\d+(?:单元|栋|幢|号楼|号|室|层|座|楼(?![下上道顶里前后梯])))*(?:\d{3,4}室?)?"
)
_JOINED = 3
"""Names with at most so many characters between them are one place: 海州区的苍梧路."""
_DAYS = {
    "大前天": -3,
    "前天": -2,
    "前晚": -2,
    "昨天": -1,
    "昨晚": -1,
    "昨日": -1,
    "今天": 0,
    "今早": 0,
    "今晚": 0,
    "今日": 0,
}
_DAYS |= {"明天": 1, "明早": 1, "后天": 2}
_PART_HOURS = {
    "凌晨": 0,
    "清晨": 0,
    "早上": 0,
    "早晨": 0,
    "上午": 0,
    "中午": 12,
    "下午": 12,
    "傍晚": 12,
    "晚上": 12,
    "夜里": 12,
}
_PART_HOURS |= {"昨晚": 12, "今晚": 12, "前晚": 12, "今早": 0, "明早": 0}
_TIME = re.compile(
    rf"(?P<date>(?:(?P<year>\d{{4}})年)?(?P<month>\d{{1,2}})月(?P<day>\d{{1,2}})[号日])?"
    rf"(?P<word>{'|'.join(_DAYS)})?的?(?P<part>{'|'.join(_PART_HOURS)})?"
    r"(?:(?P<hour>\d{1,2}|[一二三四五六七八九])点(?P<minute>\d{1,2}|半)?分?)?"
)
_SMALL = "零一二三四五六七八九"
_MOST_MATTERS = 3


class MattersError(Exception):
    """The file of matters is wrong; the message is one sentence with the file's name."""


class Matter(BaseModel):
    """A line of `config/city/matters.yaml`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    code: str = Field(default="", pattern=r"^(\d{4})?$")
    """The matter in the city's list: two digits of its group, two of its own."""
    name: str
    words: tuple[str, ...] = Field(min_length=1)


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A value for a field of the case, and the words it was taken from."""

    kind: Literal["phone", "place", "matter", "time"]
    value: str
    """A time is ISO 8601 where the words tell the day, with the minute where they tell it; else the words."""
    quote: str
    start_ms: int
    end_ms: int
    confidence: float
    """That of the least sure word in it."""


def load_matters(path: Path) -> tuple[Matter, ...]:
    """Read a city's file. Raises MattersError."""
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
        return tuple(Matter.model_validate(one) for one in content.get("matters", ()))
    except (OSError, yaml.YAMLError, ValidationError, AttributeError) as error:
        first = error.errors()[0] if isinstance(error, ValidationError) else None
        reason = f"{first['input']}: {first['msg']}" if first is not None else " ".join(str(error).split())
        raise MattersError(f"{path.name}: {reason}") from error


def suggestions(
    tokens: Sequence[Token], gazetteer: Gazetteer, matters: Sequence[Matter], spoken_at: datetime
) -> tuple[Suggestion, ...]:
    """What the text suggests. `spoken_at` is the local time of the call: it dates words like 昨天."""
    text = _Text(tokens)
    return (
        *_phones(text),
        *_places(text, gazetteer),
        *_matters(text, matters),
        *_times(text, spoken_at),
    )


class _Text:
    """The written text, and the tokens behind its characters."""

    def __init__(self, tokens: Sequence[Token]) -> None:
        parts = spaced(tokens)
        self._owners = [token for token, part in zip(tokens, parts, strict=True) for _ in part]
        self.text = "".join(parts)

    def suggest(
        self, kind: Literal["phone", "place", "matter", "time"], value: str, start: int, end: int
    ) -> Suggestion:
        """A suggestion from text[start:end]."""
        owners = list(dict.fromkeys(self._owners[start:end]))
        return Suggestion(
            kind,
            value,
            self.text[start:end],
            owners[0].start_ms,
            owners[-1].end_ms,
            min(owner.confidence for owner in owners),
        )


def _phones(text: _Text) -> list[Suggestion]:
    found = [text.suggest("phone", match[0], *match.span()) for match in _MOBILE.finditer(text.text)]
    for match in _LANDLINE.finditer(text.text):
        before = text.text[max(0, match.start() - _CALL_WORDS_REACH) : match.start()]
        # Seven or eight digits may be anything; with an area code, or after 电话, they are a number to call.
        if match[0].startswith("0") or _CALL_WORDS.search(before):
            found.append(text.suggest("phone", match[0], *match.span()))
    return list({one.value: one for one in found}.values())


def _places(text: _Text, gazetteer: Gazetteer) -> list[Suggestion]:
    groups: list[list[Mention]] = []
    for mention in gazetteer.mentions(text.text):
        if mention.place.kind == "unit":
            continue  # whom the caller complains of, not where
        if groups and mention.start - groups[-1][-1].end <= _JOINED:
            groups[-1].append(mention)
        else:
            groups.append([mention])
    found = []
    for group in groups:
        start, end = group[0].start, group[-1].end
        house = _HOUSE.match(text.text, end)
        names = [mention.place for mention in group]
        district = names[0].district if names[0].kind != "district" else ""
        value = district + "".join(place.name for place in names) + (house[0] if house else "")
        found.append(text.suggest("place", value, start, house.end() if house else end))
    return list({one.value: one for one in found}.values())


def _matters(text: _Text, matters: Sequence[Matter]) -> list[Suggestion]:
    scored = []
    for n, matter in enumerate(matters):
        hits = [(at, word) for word in matter.words if (at := text.text.find(word)) >= 0]
        if hits:
            # Longer words say more: 消防通道 is about parking, 通道 about nothing.
            scored.append((-sum(len(word) for _, word in hits), n, matter, min(hits)))
    best = sorted(scored, key=lambda one: one[:2])[:_MOST_MATTERS]
    return [text.suggest("matter", matter.name, at, at + len(word)) for _, _, matter, (at, word) in best]


def _times(text: _Text, spoken_at: datetime) -> list[Suggestion]:
    found = []
    for match in _TIME.finditer(text.text):
        if not (match["date"] or match["word"] or (match["part"] and match["hour"])):
            continue
        value = _moment(match, spoken_at) or match[0]
        found.append(text.suggest("time", value, *match.span()))
    return list({one.value: one for one in found}.values())


def _moment(match: re.Match[str], spoken_at: datetime) -> str | None:
    """ISO 8601: a day, or a minute of it; None where there is no such day, or it is not told."""
    part = match["part"] or (match["word"] if match["word"] in _PART_HOURS else None)
    try:
        if match["date"]:
            day = spoken_at.replace(
                year=int(match["year"] or spoken_at.year), month=int(match["month"]), day=int(match["day"])
            )
        elif match["word"]:
            day = spoken_at + timedelta(days=_DAYS[match["word"]])
        else:
            return None
        if not match["hour"]:
            return day.date().isoformat()
        hour = int(match["hour"]) if match["hour"].isdecimal() else _SMALL.index(match["hour"])
        minute = 30 if match["minute"] == "半" else int(match["minute"] or 0)
        if part and _PART_HOURS[part] and hour < 12 and not (part == "中午" and hour >= 10):
            hour += 12
        return day.replace(hour=hour % 24, minute=minute).strftime("%Y-%m-%dT%H:%M")
    except ValueError:
        return None
