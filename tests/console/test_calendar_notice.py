"""Next year's working days are not announced yet: whoever answers for due times is told so, from November on."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime

import pytest
from playwright.sync_api import Locator, Page, expect

from casebook import roles
from casebook.numbering import ZONE
from casebook.store.calendar import seed_calendar
from tests.api.night import PASSWORD
from tests.console import town
from tests.console.conftest import Desk
from tests.console.pictures import faults, overflows

OCTOBER = datetime(2026, 10, 31, 23, 59, 30, tzinfo=ZONE)
NOVEMBER = datetime(2026, 11, 1, 0, 0, 30, tzinfo=ZONE)
JANUARY = datetime(2027, 1, 4, 9, 0, tzinfo=ZONE)


@pytest.fixture
def autumn(desk: Desk) -> Desk:
    """A night with somebody of every role, and the calendar of whose 2027 there is no notice."""
    town.people(desk.night)
    with desk.night.engine.begin() as connection:
        seed_calendar(connection)
    return desk


def opened(page: Page, desk: Desk, role: str, now: datetime) -> Locator:
    """Sign somebody of a role in at a moment; what tells them, or does not, once the page has read the rules."""
    desk.night.now = now
    page.clock.set_fixed_time(now)
    page.goto(desk.url)
    page.get_by_label("用户名").fill(role)
    page.get_by_label("密码").fill(PASSWORD)
    page.get_by_role("button", name="登录").click()
    page.get_by_role("button", name="退出", exact=True).wait_for()
    page.wait_for_load_state("networkidle")
    return page.get_by_role("note").filter(has_text="2027 年的放假调休通知还没有录入")


@pytest.mark.parametrize("role", [roles.DISPATCHER, roles.SUPERVISOR])
def test_from_the_first_of_november_of_the_city_the_back_office_is_told(
    autumn: Desk, page: Page, new_page: Callable[..., Page], role: str
) -> None:
    expect(opened(page, autumn, role, OCTOBER)).to_have_count(0)
    later = new_page()
    expect(opened(later, autumn, role, NOVEMBER)).to_be_visible()
    assert faults(later) == []
    assert not overflows(later)


def test_in_january_it_is_said_still(autumn: Desk, page: Page) -> None:
    expect(opened(page, autumn, roles.DISPATCHER, JANUARY)).to_be_visible()


@pytest.mark.parametrize("role", [roles.AGENT, roles.LIAISON, roles.LEADER])
def test_who_can_do_nothing_about_it_is_not_told(autumn: Desk, page: Page, role: str) -> None:
    expect(opened(page, autumn, role, NOVEMBER)).to_have_count(0)


def test_the_administrator_is_told_until_the_notice_is_loaded(autumn: Desk, page: Page) -> None:
    told = opened(page, autumn, roles.ADMIN, NOVEMBER)
    expect(told).to_be_visible()
    page.goto(f"{autumn.url}/#/admin/calendar")
    page.get_by_label("年份").select_option("2027")
    expect(page.get_by_text("2027 年还是暂定的。")).to_be_visible()
    page.get_by_label("依据（通知文号）").fill("国办发明电〔2026〕8号")
    page.get_by_role("button", name="按通知保存").click()
    expect(page.get_by_text(re.compile("2027 年已按通知保存。"))).to_be_visible()
    expect(told).to_have_count(0)
    assert faults(page) == []
