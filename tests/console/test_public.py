"""The page for citizens on a telephone of 360 pixels: progress, rating once, a demand with its number."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from casebook import roles
from casebook.roles import Actor
from tests.api.night import Night
from tests.console import town
from tests.console.conftest import Desk, shot
from tests.console.pictures import overflows


@pytest.fixture
def phone(new_page: Callable[..., Page]) -> Page:
    """A citizen's telephone."""
    return new_page(width=360, height=740)


def ask(page: Page, desk: Desk, number: str, code: str) -> None:
    page.goto(f"{desk.url}/public")
    page.get_by_label("受理编号").fill(number)
    page.get_by_label("查询码（4 位数字）").fill(code)
    page.get_by_role("button", name="查询").click()


def satisfied(night: Night, case_no: str) -> int | None:
    return night.cases.get(case_no, Actor("dispatcher", roles.DISPATCHER)).case.satisfied


def test_the_page_needs_no_sign_in_and_keeps_the_strict_policy(desk: Desk, phone: Page) -> None:
    answer = phone.goto(f"{desk.url}/public")
    assert answer
    assert answer.status == 200
    policy = answer.headers["content-security-policy"]
    assert "script-src 'self'" in policy
    assert "unsafe-inline" not in policy
    assert phone.context.cookies() == []


def test_number_and_code_tell_the_progress_also_as_they_are_read_aloud(desk: Desk, phone: Page) -> None:
    made = town.case(desk.night, "TRIAGE")
    ask(phone, desk, made.case_no, made.query_code)
    expect(phone.get_by_role("region", name="查询结果")).to_contain_text("正在办理")
    spoken = " ".join(made.case_no.removeprefix("LYG"))
    ask(phone, desk, spoken, made.query_code)
    expect(phone.get_by_role("region", name="查询结果")).to_contain_text(made.case_no)
    expect(phone.get_by_role("heading", name="请您评价")).to_have_count(0)


def test_a_wrong_code_and_nonsense_get_one_sentence(desk: Desk, phone: Page) -> None:
    made = town.case(desk.night, "TRIAGE")
    ask(phone, desk, made.case_no, f"{(int(made.query_code) + 1) % 10_000:04d}")
    expect(phone.get_by_role("alert")).to_have_text("编号或查询码不对。")
    ask(phone, desk, "12", "x")
    expect(phone.get_by_role("alert")).to_contain_text("14 位数字")


def test_an_answered_case_is_rated_once(desk: Desk, phone: Page) -> None:
    made = town.case(desk.night, "ANSWERED")
    ask(phone, desk, made.case_no, made.query_code)
    phone.get_by_role("button", name="提交评价").click()
    expect(phone.get_by_role("alert").last).to_have_text("请选择是否解决和满意程度。")
    phone.get_by_label("解决了", exact=True).check()
    phone.get_by_label("基本满意").check()
    phone.get_by_label("想说的话（可不填）").fill("回复很快")
    phone.get_by_role("button", name="提交评价").click()
    expect(phone.get_by_text("谢谢您的评价，已经记下了。")).to_be_visible()
    shot(phone, "public-rated")
    assert satisfied(desk.night, made.case_no) == 3
    ask(phone, desk, made.case_no, made.query_code)
    expect(phone.get_by_role("region", name="查询结果")).to_contain_text("已答复")
    expect(phone.get_by_role("heading", name="请您评价")).to_have_count(0)


def test_a_case_that_is_not_over_is_withdrawn_and_one_closed_lately_is_taken_up_again(desk: Desk, phone: Page) -> None:
    made = town.case(desk.night, "TRIAGE")
    ask(phone, desk, made.case_no, made.query_code)
    phone.get_by_text("不需要办理了？").click()
    phone.get_by_role("button", name="撤回诉求").click()
    expect(phone.get_by_role("alert").last).to_have_text("请填写撤回的原因。")
    phone.get_by_label("撤回的原因").fill("物业已经修好了")
    shot(phone, "public-withdraw")
    phone.get_by_role("button", name="撤回诉求").click()
    expect(phone.get_by_text("已撤回，不再办理。")).to_be_visible()
    expect(phone.get_by_role("region", name="查询结果")).to_contain_text("已办结")
    assert not overflows(phone)

    made = town.case(desk.night, "CLOSED")
    ask(phone, desk, made.case_no, made.query_code)
    phone.get_by_text("没有办好？").click()
    phone.get_by_label("哪里没有办好，或者有什么新情况").fill("电梯今天又停了")
    shot(phone, "public-reopen")
    phone.get_by_role("button", name="申请重办").click()
    expect(phone.get_by_text("已经收到，重新办理，编号不变。")).to_be_visible()
    expect(phone.get_by_role("region", name="查询结果")).to_contain_text("正在办理")


def test_a_demand_is_left_and_its_number_opens_its_progress(desk: Desk, phone: Page) -> None:
    phone.goto(f"{desk.url}/public#demand")
    phone.get_by_label("诉求类型").select_option(label="投诉")
    phone.get_by_label("什么事（至少 10 个字）").fill("苍梧路的路灯坏了一排，晚上走路看不见。")
    phone.reload()
    expect(phone.get_by_label("什么事（至少 10 个字）")).to_have_value(re.compile("^苍梧路"))
    phone.get_by_label("诉求类型").select_option(label="投诉")
    phone.get_by_role("button", name="提交").click()
    expect(phone.get_by_role("alert")).to_have_text("请勾选同意。")
    phone.get_by_label("我同意", exact=False).check()
    phone.get_by_label("联系电话（可不填）").fill("12a")
    phone.get_by_role("button", name="提交").click()
    expect(phone.get_by_role("alert")).to_contain_text("电话号码不对")
    phone.get_by_label("联系电话（可不填）").fill("138 5123-5678")
    phone.get_by_role("button", name="提交").click()
    result = phone.get_by_role("region", name="提交成功")
    expect(result).to_be_focused()
    shot(phone, "public-made")
    number = "".join(result.locator("dd").nth(0).inner_text().split())
    code = result.locator("dd").nth(1).inner_text().strip()
    ask(phone, desk, number, code)
    expect(phone.get_by_role("region", name="查询结果")).to_contain_text("正在办理")


@pytest.mark.parametrize("width", [180, 360, 1366])
def test_nothing_is_wider_than_the_screen_also_at_twice_the_size(
    desk: Desk, new_page: Callable[..., Page], width: int
) -> None:
    page = new_page(width=width, height=740)  # 180: 360 pixels at 200 %
    for part, field in (("progress", "受理编号"), ("demand", "诉求类型")):
        page.goto(f"{desk.url}/public#{part}")
        page.reload()
        page.get_by_label(field).wait_for()
        assert not overflows(page), part
