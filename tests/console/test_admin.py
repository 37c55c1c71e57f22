"""Administration in a real browser: accounts and first passwords, the city's files, the calendar, one's own account."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from casebook import roles
from casebook.api.app import create_app
from casebook.console.build import CONSOLE_DIR
from casebook.store.accounts import Profile
from casebook.store.calendar import seed_calendar
from casebook.store.presence import Presence
from tests.api.night import PASSWORD, Night
from tests.console import town
from tests.console.conftest import Desk, shot

NEW_PASSWORD = "a password of my own"


@pytest.fixture
def admin(desk: Desk, page: Page) -> Page:
    """An administrator on the page of accounts."""
    desk.night.users.add("boss", PASSWORD, roles.ADMIN, "赵管理")
    enter(page, desk, "boss", PASSWORD)
    page.get_by_role("navigation", name="页面").get_by_role("link", name="管理").click()
    page.get_by_role("table").wait_for()
    return page


def enter(page: Page, desk: Desk, name: str, password: str) -> None:
    page.goto(desk.url)
    page.get_by_label("用户名").fill(name)
    page.get_by_label("密码").fill(password)
    page.get_by_role("button", name="登录").click()
    expect(page.get_by_role("button", name="登录")).to_have_count(0)


def section(page: Page, name: str) -> None:
    page.get_by_role("navigation", name="管理事项").get_by_role("link", name=name).click()


def row(page: Page, name: str) -> Locator:
    return page.get_by_role("row").filter(has=page.get_by_role("rowheader", name=name, exact=True))


def add_li(page: Page) -> str:
    """Add 李; the one-time password as it is shown."""
    page.get_by_role("button", name="新建账号").click()
    page.get_by_label("用户名").fill("li")
    page.get_by_label("姓名", exact=True).fill("李四")
    page.get_by_role("combobox", name="岗位").select_option(label="话务员")
    page.get_by_label("分机（可不填）").fill("1001")
    page.get_by_role("button", name="新建", exact=True).click()
    return page.locator("code").inner_text()


def test_a_new_colleague_signs_in_once_with_the_shown_password_and_sets_another(
    desk: Desk, admin: Page, new_page: Callable[..., Page]
) -> None:
    password = add_li(admin)
    expect(row(admin, "li")).to_contain_text("1001")
    expect(row(admin, "li")).to_contain_text("等待改密码")
    shot(admin, "admin-new-account")
    theirs = new_page()
    enter(theirs, desk, "li", password)
    expect(theirs.get_by_role("heading", name="请先设置自己的密码")).to_be_visible()
    theirs.reload()
    theirs.get_by_label("一次性密码").fill(password)
    theirs.get_by_label("新密码（至少 8 个字符）").fill(NEW_PASSWORD)
    theirs.get_by_label("再输一遍新密码").fill("something else")
    theirs.get_by_role("button", name="修改密码").click()
    expect(theirs.get_by_role("alert")).to_have_text("两次输入的新密码不一样。")
    theirs.get_by_label("再输一遍新密码").fill(NEW_PASSWORD)
    theirs.get_by_role("button", name="修改密码").click()
    expect(theirs.get_by_role("link", name="我的账号：李四")).to_be_visible()
    assert desk.night.users.authenticate("li", NEW_PASSWORD, desk.night.clock())


def test_a_name_that_is_taken_keeps_what_was_typed(admin: Page) -> None:
    admin.get_by_role("button", name="新建账号").click()
    admin.get_by_label("用户名").fill("boss")
    admin.get_by_label("姓名", exact=True).fill("同名的人")
    admin.get_by_role("button", name="新建", exact=True).click()
    expect(admin.get_by_role("alert").filter(has_text="已经有人使用")).to_be_visible()
    expect(admin.get_by_label("姓名", exact=True)).to_have_value("同名的人")
    admin.get_by_label("用户名").fill("李 四")
    admin.get_by_role("button", name="新建", exact=True).click()
    expect(admin.get_by_role("alert").filter(has_text="用户名只能用字母")).to_be_visible()


def test_two_administrators_change_one_account_and_nothing_typed_is_lost(desk: Desk, admin: Page) -> None:
    add_li(admin)
    admin.get_by_role("button", name="修改 li").click()
    admin.get_by_label("姓名", exact=True).fill("李五")
    deps = desk.night.deps().admin
    assert deps
    deps.accounts.change("li", Profile(display_name="李六", role=roles.REVIEWER), 1, "other", desk.night.clock())
    admin.get_by_role("button", name="保存").click()
    expect(admin.get_by_role("alert").filter(has_text="李六，留言审核员")).to_be_visible()
    expect(admin.get_by_label("姓名", exact=True)).to_have_value("李五")
    admin.get_by_role("button", name="保存").click()
    expect(admin.get_by_text("账号 li 已保存。")).to_be_visible()
    expect(row(admin, "li")).to_contain_text("李五")


def test_whoever_is_disabled_is_asked_for_first_and_signed_out_then(
    desk: Desk, admin: Page, new_page: Callable[..., Page]
) -> None:
    theirs = new_page()
    enter(theirs, desk, "wangmin", PASSWORD)
    admin.get_by_role("button", name="停用 wangmin").click()
    admin.get_by_role("alertdialog").get_by_role("button", name="取消").click()
    assert desk.night.users.authenticate("wangmin", PASSWORD, desk.night.clock())
    admin.get_by_role("button", name="停用 wangmin").click()
    admin.get_by_role("alertdialog").get_by_role("button", name="停用").click()
    expect(admin.get_by_role("button", name="启用 wangmin")).to_be_visible()
    expect(theirs.get_by_role("button", name="登录")).to_be_visible()
    section(admin, "管理记录")
    expect(admin.get_by_role("row").nth(1)).to_contain_text("停用")


def test_the_shift_leader_sees_the_shifts_and_nothing_else(desk: Desk, page: Page) -> None:
    desk.night.users.add("chief", PASSWORD, roles.SHIFT_LEADER, "李班长")
    enter(page, desk, "chief", PASSWORD)
    page.goto(f"{desk.url}/#/admin/users")
    expect(page.get_by_role("heading", name="班次调整")).to_be_visible()
    assert page.get_by_role("navigation", name="管理事项").get_by_role("link").all_inner_texts() == ["班次调整"]
    expect(page.get_by_text("这台服务器没有接电话系统，不能调整班次。")).to_be_visible()


@pytest.fixture
def with_telephones(tmp_path: Path, browser: Browser) -> Iterator[Desk]:
    """A console that has a PBX, though it is away."""
    (tmp_path / "desk").mkdir()
    night = Night(tmp_path / "desk", console_dir=CONSOLE_DIR / "dist")
    line = town.desk_line(night)
    with town.serve(create_app(replace(night.deps(), desk=town.desk_parts(night, line)))) as url:
        yield Desk(url, night)
    night.engine.dispose()


def test_the_shift_leader_changes_the_shifts_for_a_while_and_takes_it_back(with_telephones: Desk, page: Page) -> None:
    night = with_telephones.night
    night.users.add("chief", PASSWORD, roles.SHIFT_LEADER, "李班长")
    enter(page, with_telephones, "chief", PASSWORD)
    page.goto(f"{with_telephones.url}/#/admin/shifts")
    expect(page.get_by_text("现在没有临时调整")).to_be_visible()
    page.get_by_role("combobox", name="调整").select_option("座席加班")
    page.get_by_label("开始日期").fill("2030-01-01")
    page.get_by_label("结束日期").fill("2030-01-01")
    page.get_by_role("button", name="调整", exact=True).click()
    expect(page.get_by_role("alert")).to_have_text("请填写座席的分机。")
    page.get_by_label("分机").fill("1001")
    page.get_by_label("结束时间").fill("07:00")
    page.get_by_role("button", name="调整", exact=True).click()
    expect(page.get_by_role("alert")).to_have_text("结束时间要晚于开始时间。")
    page.get_by_label("结束时间").fill("20:00")
    page.get_by_role("button", name="调整", exact=True).click()
    expect(page.get_by_role("row", name="座席加班 1001")).to_contain_text("2030/01/01 20:00:00")
    shot(page, "admin-shifts")
    made = Presence(night.engine).overrides(night.clock())
    assert [(one.kind, one.agent, one.made_by) for one in made] == [("on", "1001", "chief")]
    page.get_by_role("button", name="撤销 座席加班 1001").click()
    expect(page.get_by_text("现在没有临时调整")).to_be_visible()
    assert Presence(night.engine).overrides(night.clock()) == []


def edit_limits(page: Page, old: str, new: str) -> None:
    text = page.get_by_label("limits.yaml 的内容")
    expect(text).to_have_value(re.compile(re.escape(old)))
    text.fill(text.input_value().replace(old, new))


def test_a_city_file_is_checked_kept_and_brought_back(desk: Desk, admin: Page) -> None:
    file = desk.night.city_dir / "limits.yaml"
    original = file.read_text(encoding="utf-8")
    section(admin, "城市配置")
    edit_limits(admin, "return_wd: 1 ", "return_wd: soon ")
    admin.get_by_role("button", name="保存").click()
    expect(admin.get_by_role("alert")).to_have_text("配置检查没有通过，文件没有改动。")
    expect(admin.get_by_text("limits.yaml: ", exact=False).first).to_be_visible()
    assert file.read_text(encoding="utf-8") == original
    shot(admin, "admin-city-refused")
    edit_limits(admin, "return_wd: soon ", "return_wd: 2 ")
    admin.get_by_role("button", name="检查", exact=True).click()
    expect(admin.get_by_text("检查通过，可以保存。")).to_be_visible()
    admin.get_by_label("改动说明").fill("退单期限放宽")
    admin.get_by_role("button", name="保存").click()
    expect(admin.get_by_text("limits.yaml 已保存。", exact=False)).to_be_visible()
    expect(admin.get_by_text("请重启 web、worker", exact=False)).to_be_visible()
    assert "return_wd: 2 " in file.read_text(encoding="utf-8")
    admin.get_by_role("button", name="第 1 版与现在对照").click()
    expect(admin.get_by_text("+  return_wd: 2", exact=False)).to_be_visible()
    shot(admin, "admin-city-diff")
    admin.get_by_role("button", name="恢复这个版本").click()
    admin.get_by_role("button", name="保存").click()
    expect(admin.get_by_role("row", name="恢复第 1 版")).to_be_visible()
    assert file.read_text(encoding="utf-8") == original


def test_an_edit_outlives_a_reload_and_somebody_elses_save(desk: Desk, admin: Page) -> None:
    file = desk.night.city_dir / "limits.yaml"
    section(admin, "城市配置")
    edit_limits(admin, "return_wd: 1 ", "return_wd: 2 ")
    admin.reload()
    expect(admin.get_by_label("limits.yaml 的内容")).to_have_value(re.compile("return_wd: 2 "))
    file.write_text(file.read_text(encoding="utf-8") + "# 别人写的\n", encoding="utf-8")
    admin.get_by_role("button", name="保存").click()
    expect(admin.get_by_role("alert")).to_contain_text("刚刚被别人改过")
    expect(admin.locator("pre")).to_contain_text("# 别人写的")
    expect(admin.get_by_label("limits.yaml 的内容")).to_have_value(re.compile("return_wd: 2 "))
    assert "return_wd: 1 " in file.read_text(encoding="utf-8")
    admin.get_by_role("button", name="保存").click()
    expect(admin.get_by_text("limits.yaml 已保存。", exact=False)).to_be_visible()
    assert "return_wd: 2 " in file.read_text(encoding="utf-8")
    expect(admin.get_by_role("row", name="(文件)").first).to_be_visible()


def test_a_provisional_year_says_so_until_its_notice_is_loaded(desk: Desk, admin: Page) -> None:
    with desk.night.engine.begin() as connection:
        seed_calendar(connection)
    section(admin, "工作日历")
    admin.get_by_label("年份").select_option("2027")
    expect(admin.get_by_text("2027 年还是暂定的。")).to_be_visible()
    before = admin.get_by_role("button", name=re.compile("^删除 2027")).count()
    assert before > 5
    admin.get_by_role("button", name="按通知保存").click()
    expect(admin.get_by_role("alert")).to_contain_text("请填写通知的文号")
    admin.get_by_role("button", name="加一天").click()
    admin.get_by_label(f"第 {before + 1} 行日期").fill("2027-02-14")
    admin.get_by_label("2027-02-14 班休").select_option("班")
    admin.get_by_label("依据（通知文号）").fill("国办发明电〔2026〕8号")
    admin.get_by_role("button", name="按通知保存").click()
    expect(admin.get_by_text("2027 年已按通知保存。", exact=False)).to_be_visible()
    expect(admin.get_by_text("暂定")).to_have_count(0)
    shot(admin, "admin-calendar")


def test_ones_own_password_sessions_and_colours(desk: Desk, page: Page, new_page: Callable[..., Page]) -> None:
    elsewhere = new_page()
    enter(elsewhere, desk, "wangmin", PASSWORD)
    enter(page, desk, "wangmin", PASSWORD)
    page.get_by_role("link", name="我的账号：王敏").click()
    expect(page.get_by_role("button", name="退出这里")).to_have_count(1)
    page.get_by_label("深色").check()
    assert page.evaluate("() => document.documentElement.dataset.theme") == "dark"
    page.reload()
    expect(page.get_by_label("深色")).to_be_checked()
    assert page.evaluate("() => getComputedStyle(document.documentElement).colorScheme") == "dark"
    page.get_by_label("现在的密码").fill("wrong")
    page.get_by_label("新密码（至少 8 个字符）").fill(NEW_PASSWORD)
    page.get_by_label("再输一遍新密码").fill(NEW_PASSWORD)
    page.get_by_role("button", name="修改密码").click()
    expect(page.get_by_role("alert").filter(has_text="现在的密码不对。")).to_be_visible()
    page.get_by_label("现在的密码").fill(PASSWORD)
    page.get_by_role("button", name="修改密码").click()
    expect(page.get_by_text("密码已修改，其他地方的登录都已退出。")).to_be_visible()
    expect(page.get_by_role("button", name="退出这里")).to_have_count(0)
    expect(elsewhere.get_by_role("button", name="登录")).to_be_visible()
