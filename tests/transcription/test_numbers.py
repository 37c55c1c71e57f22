"""Spoken numbers as a clerk writes them."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transcription.numbers import find_numbers, in_figures


@pytest.mark.parametrize(
    ("spoken", "written"),
    [
        ("我住三号楼二单元五零一室", "我住3号楼2单元501室"),
        ("电话是幺三八幺二三四五六七八", "电话是13812345678"),
        ("电话是要三八幺二三四五六七八", "电话是13812345678"),
        ("零五一八八五四一二三四五", "051885412345"),
        ("138-0013-8000", "13800138000"),
        ("百分之十五点五", "15.5%"),
        ("二零二六年十一月三号下午两点半", "2026年11月3号下午2点半"),
        ("上午十点零五分", "上午10点05分"),
        ("提前了十分钟", "提前了10分钟"),
        ("苏G一二三四五", "苏G12345"),
        ("苏g幺a二三五", "苏G1A235"),
        ("一百二十块五毛", "120块五毛"),
        ("三十六万八千块", "368000块"),
        ("三十万", "30万"),
        ("二十三路公交", "23路公交"),
        ("打了一二三四五三次", "打了12345三次"),
        ("缺斤少两十斤少一斤", "缺斤少两10斤少一斤"),
    ],
)
def test_numbers_are_written_in_figures(spoken: str, written: str) -> None:
    assert in_figures(spoken) == written


@pytest.mark.parametrize(
    "text",
    ["一点办法没有", "等了一点时间", "万一出事", "十分感谢", "三个人", "第三次", "七八十个人", "三四百块", "三七二十一",
     "三月", "八楼下面", "我一路上", "一亿十", "", "😀"],
)  # fmt: skip
def test_words_that_are_no_numbers_stay(text: str) -> None:
    assert in_figures(text) == text


def test_names_keep_their_words() -> None:
    text = "五一路八十八号"
    assert in_figures(text) == "五一路88号"
    [number] = find_numbers(text, [(0, 3)])
    assert (number.start, number.end, number.written) == (3, 7, "88号")


@given(st.text(alphabet="零〇一二两三四五六七八九十百千万亿幺点号楼单元年月日分之苏Gg要腰半个次1,.- 人", max_size=24))
def test_no_jumble_of_numerals_breaks_it(text: str) -> None:
    """A recogniser that understands nothing writes such texts."""
    found = find_numbers(text)
    assert all(one.end <= two.start for one, two in itertools.pairwise(found))
    assert all(text[one.start : one.end] != one.written for one in found)
