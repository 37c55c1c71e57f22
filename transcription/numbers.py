"""Spoken numbers as a clerk writes them: 幺三八… as 138…, 八十八号三单元五零二 as 88号3单元502.

`cn2an` turns a number's words into its figures. It is given numbers only: on whole sentences it turns 五一路 into 51路.
Which words are a number, and which are a few (三个), a name (五一路) or an idiom (万一), is decided here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from cn2an import cn2an

_D = "[零〇一二三四五六七八九幺]"
_N = "[零〇一二两三四五六七八九十百千万亿]"
_TO_12 = "(?:十[一二]?|[一二两三四五六七八九])"
_TO_31 = "(?:[一二三四五六七八九]|[一二三]?十[一二三四五六七八九]?)"
_DIGITS = str.maketrans("零〇一二三四五六七八九幺", "001234567891")
_MEASURES = "个次遍位名户家块元天年月回趟台辆间人条只份层楼"
_PROVINCES = "京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼"
_SHORTEST_PHONE = 7
_BUILDING = "单元|号楼|栋|幢|座|弄|组|室|号"
_DAY_PARTS = "凌晨|清晨|早上|早晨|上午|中午|下午|傍晚|晚上|夜里|半夜|夜间|今晚|昨晚|明早|今早|每晚|每天"
_IDIOMS = re.compile(
    "七七八八|五五开|一五一十|九九八十一|一百二十个不|(?<![点零一二三四五六七八九])十分(?!钟)|十足|十全|百姓|百货|百度|百分百|百年大计|千方百计|千万(?:不|别|要|注意)|万一|万达|万科"
    "|万象|万分|万事|成千上万|千家万户|千里|百般|千禧|万能|一二三(?=[期楼号])|(?<=[路街巷])一二三|三三两两|三十六计|百日"
)


@dataclass(frozen=True, slots=True)
class Number:
    """A number at text[start:end], and how it is written."""

    start: int
    end: int
    written: str


def find_numbers(text: str, protected: Sequence[tuple[int, int]] = ()) -> list[Number]:
    """The numbers of a text that a clerk would write in figures, from left to right.

    Names of places (`protected`, as start and end) keep their words: 五一路, 八一小区.
    """
    taken = sorted([*protected, *(match.span() for match in _IDIOMS.finditer(text))])
    found: list[Number] = []
    for pattern, write in _RULES:
        for start, end in _between(taken, len(text)):
            for match in pattern.finditer(text, start, end):
                written = write(match) if match[0] else None
                if written is not None:
                    found.append(Number(*match.span(), written))
                    taken.append(match.span())
        taken.sort()
    return sorted((one for one in found if one.written != text[one.start : one.end]), key=lambda one: one.start)


def in_figures(text: str) -> str:
    """The text with its numbers in figures."""
    for one in reversed(find_numbers(text)):
        text = text[: one.start] + one.written + text[one.end :]
    return text


def _between(taken: Sequence[tuple[int, int]], length: int) -> list[tuple[int, int]]:
    """The stretches of a text that nothing has taken."""
    starts = [0, *(end for _, end in taken)]
    ends = [*(start for start, _ in taken), length]
    return [(start, end) for start, end in zip(starts, ends, strict=True) if start < end]


def _digits(text: str) -> str:
    return text.translate(_DIGITS)


def _cardinal(words: str) -> str:
    """A number's words in figures; 三十万 stays in ten thousands, as clerks write it."""
    if len(words) == 1:
        return words.translate(str.maketrans("零〇一二两三四五六七八九", "001223456789")) if words != "十" else "10"
    if words.endswith(("万", "亿")) and len(words) > 1:
        head = _cardinal(words[:-1])
        return head + words[-1] if head.isdecimal() else words
    try:
        return str(cn2an(words, "smart"))
    except (ValueError, KeyError):  # 七八十, 三四百: a guess, no number; 一亿十: cn2an's own table lacks a key
        return words


def _plate(match: re.Match[str]) -> str:
    return match[0][0] + _digits(match[0][1:]).upper()


def _percent(match: re.Match[str]) -> str:
    return _cardinal(match["whole"]) + ("." + _digits(match["part"]) if match["part"] else "") + "%"


def _digit_string(match: re.Match[str]) -> str:
    """Digits read one by one. Before a measure word the last one counts what follows: 打了一二三四五三次."""
    digits, measure = match["digits"], match["measure"]
    if measure and len(digits) >= 4:
        return _digits(digits[:-1]) + digits[-1] + measure
    return _digits(digits) + (measure or "")


def _mobile(match: re.Match[str]) -> str:
    return "1" + _digits(match["digits"])


def _date(match: re.Match[str]) -> str | None:
    year, month, day = match["year"], match["month"], match["day"]
    if not year and not day:  # 三月 alone may be three months of a year, or a name
        return None
    written = f"{_digits(year)}年" if year else ""
    written += f"{_cardinal(month)}月" if month else ""
    return written + (_cardinal(day) + match["suffix"] if day else "")


def _clock(match: re.Match[str]) -> str | None:
    """A time of day: 一点 alone is "a bit"."""
    before, minute, after = match["before"] or "", match["minute"] or "", match["after"] or ""
    if not before and not minute and not after:
        return None
    return f"{before}{_cardinal(match['hour'])}点{_minute(minute) if minute else ''}{after}"


def _minute(words: str) -> str:
    if words[0] in "零〇":
        return "0" + _cardinal(words[1:])
    return _cardinal(words)


def _building(match: re.Match[str]) -> str:
    """88号3单元502, each part of the chain."""
    return re.sub(rf"{_N}+|{_D}+", lambda part: _house(part[0]), match[0])


def _house(words: str) -> str:
    return _digits(words) if re.fullmatch(f"{_D}+", words) else _cardinal(words.replace("幺", "一"))


def _counted(match: re.Match[str]) -> str | None:
    """Ten and more in figures, with its decimals; fewer stay in words."""
    whole, part = match["whole"], match["part"]
    if not part and not re.search("[十百千万亿]", whole):
        return None
    if re.fullmatch("[十百千万亿]", whole) and whole != "十":
        return None
    if whole.startswith("两十"):  # 缺斤少两，十斤
        return "两" + _cardinal(whole[1:])
    written = _cardinal(whole)
    if not re.fullmatch(r"\d+[万亿]?", written):
        return None
    return written + ("." + _digits(part) if part else "")


def _grouped(match: re.Match[str]) -> str | None:
    """A telephone number that the recogniser wrote in groups: 138-0013-8000."""
    digits = match[0].replace("-", "")
    return digits if len(digits) >= _SHORTEST_PHONE else None


_RULES: tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], str | None]], ...] = (
    (re.compile(r"\d+(?:-\d+)+"), _grouped),
    (re.compile(rf"[{_PROVINCES}][A-Za-z](?:[A-Za-z0-9]|{_D}){{5,6}}"), _plate),
    (re.compile(rf"百分之(?P<whole>{_N}+)(?:点(?P<part>{_D}+))?"), _percent),
    (
        re.compile(
            rf"(?:(?P<year>{_D}{{4}}|{_D}{{2}})年)?"
            rf"(?:(?P<month>{_TO_12})月(?:(?P<day>{_TO_31})(?P<suffix>[号日]))?)?"
        ),
        _date,
    ),
    (
        re.compile(
            rf"(?P<before>{_DAY_PARTS})?(?P<hour>{_TO_12}|十[三四五六七八九]|二十[一二三四]?)点"
            rf"(?P<minute>[二三四五]?十{_D}?|零{_D})?(?P<after>分|半|钟|整)?"
        ),
        _clock,
    ),
    # Recognisers know 要 better than 幺, the one of telephone numbers.
    (re.compile(rf"[要腰](?P<digits>[三四五六七八九]{_D}{{9}})(?!{_D})"), _mobile),
    (re.compile(rf"(?P<digits>{_D}{{5,}})(?P<measure>[{_MEASURES}])?"), _digit_string),
    (
        re.compile(
            rf"(?:{_N}+|{_D}+)(?:{_BUILDING})(?:(?:{_N}+|{_D}+)(?:{_BUILDING}|层|楼(?![下上道顶里前后梯])))*(?:{_D}{{3,4}}室?)?"
        ),
        _building,
    ),
    (re.compile(rf"(?P<digits>{_D}{{3,4}})(?![十百千万亿])(?P<measure>[{_MEASURES}])?"), _digit_string),
    (re.compile(rf"(?P<whole>{_N}+)(?:点(?P<part>{_D}+))?"), _counted),
)
