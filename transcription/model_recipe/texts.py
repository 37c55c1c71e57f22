"""What citizens say to the line, made from written sentences with open slots, for the voice to speak and the language
model to count.

    python -m transcription.model_recipe.texts COUNT [--seed N]        print sentences

`sentences.txt` holds our own sentences, one a line; `{place}`, `{phone}` and the like are filled here, the places from
the city's gazetteer. A sentence that has something in common with the test's voicemails (tests/data/voicemails) is
never given out: neither a whole clause of theirs, nor six characters in a row of their places and numbers.
"""

from __future__ import annotations

import argparse
import csv
import random
import re
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from zlib import crc32

import yaml

HERE = Path(__file__).parent
CITY = HERE.parents[1] / "config" / "city"
VOICEMAILS = HERE.parents[1] / "tests" / "data" / "voicemails" / "transcripts.tsv"
SLOT_GRAM = 6
TUNING_SHARE = 60
_DIGITS = "零一二三四五六七八九"
_SURNAMES = (
    "王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗梁宋郑谢韩唐冯于董萧程曹袁邓许傅沈曾彭吕苏卢蒋蔡贾丁魏薛叶阎余潘杜戴夏"
    "钟汪田任姜范方石姚谭廖邹熊金陆郝孔白崔康毛邱秦江史顾侯邵孟龙万段章钱汤尹黎易常武乔贺赖龚文庞樊兰殷施陶洪翟安颜倪严"
    "牛温芦季俞鲁葛伍韦申尤毕聂丛焦向柳邢路岳齐梅莫庄辛管祝左涂谷祁时舒耿牟卜詹关苗凌费纪靳盛童欧甄项曲成游阳裴席卫屈"
)
_ESTATES = (
    "阳光花园 翠竹苑 锦绣江南 康泰小区 幸福家园 金海花园 盛世嘉园 龙河小区 御景园 东方花园 "
    "滨河花园 水岸名都 名仕花园 丽都花园 玉兰花园 紫金花园 和平小区 新华小区 苏欣小区 "
    "书香门第 金苑小区 绿园小区 月牙岛 万润花园 城市花园 同科小区 安居小区 桃园小区 "
    "海景花园 港湾新村 建设新村 园丁小区 银河花园 凤凰新城 中央公馆 金色家园 湖畔花园 "
    "明珠花园 春天花园 世纪新城 祥和家园 阳光丽景 福源小区 万和城 天润花园 吾悦广场 "
    "文峰大厦 农贸市场 汽车站 火车站 人民医院 第一人民医院 中医院 妇幼保健院 实验小学 "
    "外国语学校 菜市场 批发市场 步行街 工业园 体育馆 图书馆 公园 码头 高速路口"
).split()
_DAYS = (
    "昨天 今天 前天 大前天 昨天晚上 今天早上 今天上午 今天下午 昨天下午 昨天夜里 上个星期 "
    "这个星期 上周 上周五 上个月 这个月 去年 今年 年初 去年年底 月底 星期一 星期二 "
    "星期三 星期四 星期五 星期六 星期天 周末 礼拜天 前几天 半个月前 国庆节 春节前 五一 "
    "开学 暑假 冬天 夏天 最近 这几天 这两天 这段时间"
).split()


def number(value: int) -> str:
    """A whole number below 1,000,000 as it is read."""
    if value < 10:
        return _DIGITS[value]
    for unit, name in ((10000, "万"), (1000, "千"), (100, "百"), (10, "十")):
        if value >= unit:
            head, rest = divmod(value, unit)
            read = ("" if unit == 10 and head == 1 else number(head)) + name
            if not rest:
                return read
            gap = "零" if rest < unit // 10 else ""
            tail = number(rest)
            return read + gap + ("一" if tail.startswith("十") else "") + tail
    raise AssertionError(value)


@cache
def places() -> tuple[str, ...]:
    """Every name of the city's gazetteer, short forms included."""
    entries = yaml.safe_load((CITY / "places.yaml").read_text(encoding="utf-8"))["places"]
    return tuple(dict.fromkeys(name for entry in entries for name in (entry["name"], *entry.get("short", ()))))


def _one_by_one(digits: str, r: random.Random) -> str:
    one = r.choice("一幺幺")
    return "".join(one if digit == "1" else _DIGITS[int(digit)] for digit in digits)


def _digits(count: int, r: random.Random) -> str:
    return "".join(r.choice("0123456789") for _ in range(count))


def _phone(r: random.Random) -> str:
    kind = r.random()
    if kind < 0.75:
        return _one_by_one("1" + r.choice("35789") + _digits(9, r), r)
    return _one_by_one(("0518" if kind < 0.85 else "") + r.choice("58") + _digits(7, r), r)


def _place(r: random.Random) -> str:
    return r.choice(places()) if r.random() < 0.7 else r.choice(_ESTATES)


def _floor(r: random.Random) -> str:
    storey, room = r.randint(1, 26), r.randint(1, 6)
    if r.random() < 0.5:
        return _one_by_one(f"{storey}{room:02d}", r).replace("幺", "一")
    return number(storey * 100 + room)


def _house(r: random.Random) -> str:
    block = number(r.randint(1, 60)) + r.choice(("号楼", "号楼", "栋", "幢"))
    unit = number(r.randint(1, 6)).replace("二", r.choice("二两")) + "单元"
    return r.choice((block, block + unit, block + unit + _floor(r) + r.choice(("", "室")), block + _floor(r) + "室"))


def _street_number(r: random.Random) -> str:
    return r.choice((number(r.randint(1, 400)), _one_by_one(str(r.randint(100, 400)), r))) + "号"


def _address(r: random.Random) -> str:
    kind = r.random()
    if kind < 0.35:
        return _place(r)
    if kind < 0.6:
        return _place(r) + r.choice(("", "的")) + _place(r)
    if kind < 0.8:
        return _place(r) + _house(r)
    return _place(r) + _place(r) + r.choice((_house(r), _street_number(r)))


def _date(r: random.Random) -> str:
    day = number(r.randint(1, 12)) + "月" + number(r.randint(1, 31)) + r.choice("号号日")
    if r.random() < 0.5:
        return r.choice(("", "", "", "今年", "去年", "二零二" + r.choice("四五六七") + "年")) + day
    return r.choice(_DAYS)


def _time(r: random.Random) -> str:
    hour = r.choice((number(r.randint(1, 12)), "两"))
    part = r.choice(("早上", "上午", "中午", "下午", "晚上", "夜里", "凌晨", "半夜", ""))
    minutes = r.choice(("", "", "", "半", "左右", "多", "多钟", "钟", number(r.randint(10, 59)) + "分", "一刻"))
    return part + hour + "点" + minutes


def _count(r: random.Random) -> str:
    return r.choice(
        (number(r.randint(1, 30)), "两", "两", "三", "三四", "五六", "好几", "十几", "二十多", "几", "一百多")
    )


def _amount(r: random.Random) -> str:
    value = r.choice((r.randint(10, 999), r.randint(10, 99) * 100, r.randint(1, 60) * 1000, r.randint(1, 80) * 10000))
    return number(value).replace("二百", r.choice(("二百", "两百"))).replace("二千", "两千") + r.choice(
        ("块", "块钱", "元", "多块", "多块钱")
    )


_SLOTS: dict[str, Callable[[random.Random], str]] = {
    "place": _place,
    "address": _address,
    "house": _house,
    "phone": _phone,
    "surname": lambda r: r.choice(_SURNAMES),
    "date": _date,
    "time": _time,
    "count": _count,
    "amount": _amount,
    "number": lambda r: number(r.randint(1, 120)),
    "digits": lambda r: _one_by_one(_digits(r.randint(3, 8), r), r),
    "plate": lambda r: "苏" + r.choice(("", "", "")) + _one_by_one(_digits(5, r), r),
}


@cache
def _written() -> tuple[str, ...]:
    lines = (HERE / "sentences.txt").read_text(encoding="utf-8").splitlines()
    return tuple(line.strip() for line in lines if line.strip() and not line.startswith("#"))


def _is_for_tuning(sentence: str) -> bool:
    return crc32(sentence.encode()) % TUNING_SHARE == 0


def sentences() -> tuple[str, ...]:
    """The written sentences, but for those to tune with."""
    return tuple(sentence for sentence in _written() if not _is_for_tuning(sentence))


def tuning() -> tuple[str, ...]:
    """Sentences that neither voice nor language model is given: the search is tuned on them, never on the test."""
    return tuple(sentence for sentence in _written() if _is_for_tuning(sentence))


def fill(sentence: str, r: random.Random) -> str:
    """A sentence with its slots filled."""
    return re.sub(r"\{(\w+)\}", lambda match: _SLOTS[match[1]](r), sentence)


class Reserved:
    """What the test's voicemails keep for themselves."""

    def __init__(self, file: Path = VOICEMAILS) -> None:
        self.clauses: set[str] = set()
        self.grams: set[str] = set()
        with file.open(encoding="utf-8", newline="") as rows:
            for row in csv.DictReader(rows, delimiter="\t"):
                self.clauses |= {clause for clause in re.split("[^\u4e00-\u9fff]+", row["text"]) if len(clause) >= 8}
                for slot in row["slots"].split("|"):
                    self.grams |= {slot[n : n + SLOT_GRAM] for n in range(len(slot) - SLOT_GRAM + 1)}

    def found_in(self, text: str) -> str | None:
        """What of the test a text has in it; None where it is free of it."""
        plain = "".join(re.findall("[\u4e00-\u9fff]+", text))
        inside = next((clause for clause in self.clauses if clause in plain), None)
        return inside or next(
            (gram for n in range(len(plain)) if (gram := plain[n : n + SLOT_GRAM]) in self.grams), None
        )


def spoken(r: random.Random, reserved: Reserved) -> Iterator[str]:
    """Sentences without end, each free of the test's."""
    written = sentences()
    while True:
        text = fill(r.choice(written), r)
        if reserved.found_in(text) is None:
            yield text


def main() -> None:
    """Print some."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("count", type=int)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    made = spoken(random.Random(arguments.seed), Reserved())
    for _ in range(arguments.count):
        print(next(made))


if __name__ == "__main__":
    main()
