"""What a query finds: words of two characters, initials, the text of a demand; the same on both databases."""

from __future__ import annotations

from datetime import date

import pytest

from casebook.search import normalised, query_terms
from tests.knowledge.conftest import Base

ENTRIES = {
    "card": (
        "社保卡丢失怎么补办",
        "本人带身份证到任一银行网点，当场补发。电话 12333。",
        ("社会保障卡", "挂失"),
    ),
    "pension": ("灵活就业人员如何缴纳养老保险", "在社保窗口登记参保，每年在缴费基数上下限之间选一档。", ("个体社保",)),
    "water": ("小区道路积水报修", "雨水井堵塞造成的积水，由排水管理单位疏通。", ("内涝", "下水道")),
    "lid": ("井盖缺失怎么办", "先在原地放置警示物，再派单给产权单位更换井盖。", ()),
    "fund": ("公积金提取条件", "购房、租房、退休等情形可以提取住房公积金。", ("住房公积金",)),
    "bank": ("银行网点周末营业吗", "多数银行网点周六营业，请先打电话问。", ()),
}


@pytest.fixture
def ids(base: Base) -> dict[str, int]:
    """The entries, published."""
    return {
        name: base.published(title, answer, keywords=keywords) for name, (title, answer, keywords) in ENTRIES.items()
    }


@pytest.mark.parametrize(
    ("query", "first"),
    [("积水", "water"), ("社保", "card"), ("井盖", "lid"), ("内涝", "water"), ("挂失", "card"), ("疏通", "water")],
)
def test_a_word_of_two_characters_is_found(base: Base, ids: dict[str, int], query: str, first: str) -> None:
    assert ids[first] in base.found(query)[:2]


@pytest.mark.parametrize(
    ("query", "first"),
    [
        ("sbk", "card"),
        ("SBK", "card"),
        ("gjj", "fund"),
        ("js", "water"),
        ("jg", "lid"),
        ("jinggai", "lid"),
        ("shebaoka", "card"),
        ("shbzk", "card"),
    ],
)
def test_initials_and_spellings_find_titles_and_keywords(
    base: Base, ids: dict[str, int], query: str, first: str
) -> None:
    assert base.found(query)[:1] == [ids[first]]


def test_numbers_latin_letters_and_full_width_are_found(base: Base, ids: dict[str, int]) -> None:
    assert base.found("12333") == [ids["card"]]
    assert base.found("１２３３３") == [ids["card"]]


def test_a_lone_character_finds_titles(base: Base, ids: dict[str, int]) -> None:
    assert base.found("井") == [ids["lid"]]


def test_all_words_of_a_short_query_are_wanted(base: Base, ids: dict[str, int]) -> None:
    assert base.found("社保 网点") == [ids["card"]]
    assert base.found("积水 社保") == []


def test_the_text_of_a_demand_finds_what_it_is_about(base: Base, ids: dict[str, int]) -> None:
    typed = "我住苍梧小区，昨天下雨以后门口道路积水到膝盖，车子都开不出去，希望有人来看看下水道是不是堵了"
    assert base.found(typed)[:1] == [ids["water"]]


@pytest.mark.parametrize("query", ["", "  ", "？！", "%", "_", "'", '"', "\\", "zzzz", "不存在的词语"])
def test_a_query_of_nothing_finds_nothing_and_breaks_nothing(base: Base, ids: dict[str, int], query: str) -> None:
    assert base.found(query) == []


def test_a_very_long_query_is_answered(base: Base, ids: dict[str, int]) -> None:
    assert base.found("道路积水" + "天地玄黄宇宙洪荒日月盈昃辰宿列张寒来暑往秋收冬藏" * 40 + "井盖")


def test_only_entries_of_the_matter_when_one_is_given(base: Base) -> None:
    plain = base.published("停水通知在哪里看", matter="供水排水")
    other = base.published("停水多久可以退费", matter="价格")
    assert base.found("停水", matter="价格") == [other]
    assert set(base.found("停水")) == {plain, other}


def test_a_draft_and_a_withdrawn_entry_are_not_found(base: Base) -> None:
    hidden = base.draft("高龄津贴申请")
    assert base.found("高龄津贴") == []
    base.publish(hidden)
    assert base.found("高龄津贴") == [hidden]
    entry = base.knowledge.get(hidden).entry
    base.knowledge.withdraw(
        hidden, reason="政策已废止", version=entry.version, actor="wang", idempotency_key=base.key()
    )
    assert base.found("高龄津贴") == []


def test_a_new_version_is_found_by_its_own_words_once_it_is_published(base: Base) -> None:
    entry_id = base.published("供暖时间", "十一月十五日开始。")
    entry = base.knowledge.get(entry_id).entry
    revised = base.knowledge.get(entry_id).versions[0].content
    base.knowledge.revise(
        entry_id,
        type(revised)(title="供热时间", answer="十一月十日开始。"),
        version=entry.version,
        actor="li",
        idempotency_key=base.key(),
    )
    assert base.found("供热") == []
    base.publish(entry_id)
    assert base.found("供热") == [entry_id]
    assert base.found("供暖") == []


def test_what_is_out_of_force_comes_last_and_says_so(base: Base) -> None:
    old = base.published("购车补贴申请", valid_to=date(2026, 6, 30))
    new = base.published("新能源汽车的购车补贴如何申请，需要哪些材料", valid_from=date(2026, 7, 1))
    hits = base.search.find("购车补贴")
    assert [(hit.id, hit.in_force) for hit in hits] == [(new, True), (old, False)]


def test_an_entry_that_nobody_looked_at_in_time_is_marked(base: Base) -> None:
    base.published("居住证办理")
    assert base.search.find("居住证")[0].review_overdue is False
    base.later(days=400)
    assert base.search.find("居住证")[0].review_overdue is True


def test_the_excerpt_shows_where_it_stands(base: Base) -> None:
    base.published("办事指南", "第一段。" * 60 + "地下车库积水请打物业电话。" + "最后一段。" * 30)
    assert "积水" in base.search.find("积水")[0].excerpt


def test_terms_of_a_query() -> None:
    assert query_terms("社保卡 SBK!") == ("社保", "保卡", "sbk")
    assert normalised(" 社保卡，怎么补？ ") == normalised("社保卡怎么补")
