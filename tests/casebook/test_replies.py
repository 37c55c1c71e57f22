"""What the check of a public answer finds, and what it leaves alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from casebook.handling.reply_check import Earlier, ReplyRules, check_reply, likeness
from casebook.rulebook import RulebookError, load_rulebook
from config.settings import CITY
from tests.casebook.play import book

RULES = book().replies
GOOD = (
    "经核查，幸福小区电梯因控制主板损坏停用。我区已责令物业更换主板，11月24日已恢复运行，并按照《江苏省物业管理条例》"
    "约谈了物业公司。当天下午已电话告知来电人。"
)


def codes(text: str, *earlier: str) -> list[str]:
    return [one.code for one in check_reply(text, RULES, [Earlier("LYG20261101000001", one) for one in earlier])]


def test_a_full_answer_is_left_alone() -> None:
    assert codes(GOOD) == []


@pytest.mark.parametrize(
    ("text", "missing"),
    [
        (GOOD.replace("经核查，", "").replace("已责令物业更换主板，11月24日已恢复运行，", ""), "办理结果"),
        (GOOD.replace("并按照《江苏省物业管理条例》", "并"), "依据"),
        (GOOD.replace("当天下午已电话告知来电人。", ""), "联系情况"),
    ],
)
def test_each_part_that_is_missing_is_named(text: str, missing: str) -> None:
    assert [one.message[: len(missing) + 2] for one in check_reply(text, RULES)] == [f"缺少{missing}"]


@pytest.mark.parametrize(
    ("added", "code"),
    [
        ("联系人手机13851235678。", "personal"),
        ("身份证号32070519900101123X。", "personal"),
        ("请于【日期】前办理。", "gap"),
        ("请联系XX科室。", "gap"),
        ("经办人____。", "gap"),
        ("敬请谅解。", "empty"),
    ],
)
def test_what_does_not_belong_into_an_answer_is_found(added: str, code: str) -> None:
    found = check_reply(GOOD + added, RULES)
    assert [one.code for one in found] == [code]
    assert found[0].quote in added
    assert found[0].must is (code != "empty")


@pytest.mark.parametrize("harmless", ["热线电话0518-85800000。", "合同编号LYG2026112300001234567890。"])
def test_other_numbers_are_nobodys(harmless: str) -> None:
    assert codes(GOOD + harmless) == []


def test_an_empty_answer_is_one_finding_and_a_short_one_is_called_short() -> None:
    assert codes("  ") == ["short"]
    assert "short" in codes("已修好。")


def test_an_answer_given_before_is_found_and_one_of_its_own_is_not() -> None:
    assert codes(GOOD, GOOD.replace("幸福小区", "海棠小区")) == ["template"]
    assert codes(GOOD, "经核查，海棠路路灯因线路老化熄灭，已更换线路并于当晚恢复照明，已电话告知反映人。") == []
    assert likeness(GOOD, GOOD) == 1
    assert likeness("好", GOOD) == 0


def test_a_pattern_that_is_none_is_refused_when_the_rules_are_read(tmp_path: Path) -> None:
    for file in CITY.iterdir():
        if file.suffix == ".yaml":
            (tmp_path / file.name).write_bytes(file.read_bytes())
    (tmp_path / "replies.yaml").write_text("gaps: ['[']\n", encoding="utf-8")
    with pytest.raises(RulebookError, match=r"replies\.yaml.*is no pattern"):
        load_rulebook(tmp_path)
    assert ReplyRules().parts == ()
