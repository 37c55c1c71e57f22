"""Wallboard, leader's page, the bureau's page and the statistics, in a real browser over real cases."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal

import pytest
from openpyxl import load_workbook
from playwright.sync_api import Browser, Locator, Page, Route, expect
from redis.asyncio import Redis
from sqlalchemy import insert

from call_router.board_feed import BoardFeed
from casebook.console.build import CONSOLE_DIR
from casebook.indicators.periods import Period
from casebook.rulebook import city_day
from casebook.store.people import People
from casebook.store.statistics import keep_verification
from casebook.store.telephone_tables import queue_visit
from tests.api.night import PASSWORD, Night
from tests.board.live import Router, arrival, member, of, served, valkey
from tests.casebook.conftest import Desk as Casework
from tests.casebook.play import book
from tests.console.conftest import Desk, browser, new_page, shot
from tests.statistics.november import CUT_OFF, play_november
from tests.statistics.weeks import play_weeks

__all__ = ["browser", "new_page"]
AXE = CONSOLE_DIR / "node_modules" / "axe-core" / "axe.min.js"
SERIOUS = """async () => (await axe.run(document, { resultTypes: ['violations'] })).violations
  .filter((one) => ['serious', 'critical'].includes(one.impact))
  .map((one) => one.id + ': ' + one.nodes.map((node) => node.html).join(' | '))"""
PEOPLE = {"leader": "李市长", "bureau": "监察甲", "shift_leader": "班长甲"}


def staffed(night: Night) -> Night:
    for role, name in PEOPLE.items():
        night.users.add(role, PASSWORD, role=role, display_name=name)
    night.users.add("liaison", PASSWORD, role="liaison", display_name="承办甲")
    People(night.engine, book()).appoint("zhujian", "liaison", "liaison", CUT_OFF)
    night.now = CUT_OFF
    return night


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """Five weeks of demands, and the November that was worked through by hand."""
    night = staffed(Night(tmp_path_factory.mktemp("city"), console_dir=CONSOLE_DIR / "dist"))
    casework = Casework(night.engine)
    play_november(casework)
    play_weeks(casework, CUT_OFF)
    keep_verification(night.engine, CUT_OFF, CUT_OFF, [])
    with served(night) as url:
        yield Desk(url, night)
    night.engine.dispose()


def calls_of_today(night: Night) -> None:
    """Twenty callers: eighteen answered in ten seconds, one in forty, one who hung up after half a minute."""
    waits = [(10, "answered")] * 18 + [(40, "answered"), (30, "abandoned")]
    midnight = Period(city_day(night.clock()), city_day(night.clock())).start
    rows = [
        {
            "source": "lyg1",
            "call_id": f"lyg1-9.{n}",
            "queue": "agents",
            # Just after midnight there is less than a minute for each of them.
            "entered_at": max(midnight, night.clock() - timedelta(minutes=n)),
            "outcome": outcome,
            "wait_s": wait,
            "agent": "PJSIP/1001" if outcome == "answered" else "",
            "talk_s": 60 if outcome == "answered" else None,
            "left_at": night.clock(),
        }
        for n, (wait, outcome) in enumerate(waits)
    ]
    with night.engine.begin() as connection:
        connection.execute(insert(queue_visit), rows)


def enter(page: Page, desk: Desk, who: str, path: str) -> None:
    page.goto(f"{desk.url}/#{path}")
    page.get_by_label("用户名").fill(who)
    page.get_by_label("密码").fill(PASSWORD)
    page.get_by_role("button", name="登录").click()
    page.get_by_role("button", name="退出").wait_for()
    page.goto(f"{desk.url}/#{path}")


def cells(page: Page, unit: str) -> list[str]:
    row = page.get_by_role("row").filter(has=page.get_by_role("rowheader", name=unit, exact=True))
    return row.first.locator("td, th").all_inner_texts()


def test_the_leader_sees_the_city_on_one_page(city: Desk, new_page: Callable[..., Page]) -> None:
    page = new_page()
    enter(page, city, "leader", "/leader")
    expect(page.get_by_role("heading", name="市情一页")).to_be_visible()
    expect(page.get_by_text("截至 2026/12/10 09:00:00")).to_be_visible()
    expect(page.get_by_role("img", name="近三十天（图，数值见数据表）")).to_be_visible()
    assert page.locator("canvas").count() == 3
    expect(page.get_by_text("海州区瀛洲路，供气")).to_be_visible()
    page.get_by_role("button", name="数据表").first.click()
    days = page.get_by_role("region", name="近三十天数据表").get_by_role("row")
    expect(days).to_have_count(31)
    page.get_by_role("button", name="上月").click()
    expect(page.get_by_label("从")).to_have_value("2026-11-01")
    expect(page.get_by_label("到", exact=True)).to_have_value("2026-11-30")
    expect(page.get_by_text("7 天内 6 位群众反映（平常不到 1 件）")).to_be_visible()
    page.set_viewport_size({"width": 1366, "height": 2600})
    page.wait_for_timeout(300)
    shot(page, "leader-whole")
    page.set_viewport_size({"width": 1366, "height": 768})
    page.get_by_role("combobox").select_option("overdue")
    worst = page.get_by_role("region", name="承办单位指标").get_by_role("row").nth(1)
    expect(worst).to_be_visible()
    figures = [
        int(row.locator("td").nth(5).inner_text())
        for row in page.get_by_role("region", name="承办单位指标").locator("tbody tr").all()
    ]
    assert figures == sorted(figures, reverse=True)
    assert figures[0] > 0


def test_the_bureau_reads_the_year_and_nothing_more(city: Desk, new_page: Callable[..., Page]) -> None:
    page = new_page()
    page.clock.set_fixed_time(CUT_OFF)  # the page shows the year that it is
    enter(page, city, "bureau", "/bureau")
    expect(page.get_by_role("heading", name="2026 年度考核：承办数、反馈率、办结率、群众满意率")).to_be_visible()
    expect(page.get_by_role("rowheader", name="市住房和城乡建设局").first).to_be_visible()
    expect(page.get_by_text("无应办结工单的单位")).to_contain_text("市消防救援支队")
    page.set_viewport_size({"width": 1366, "height": 2600})
    shot(page, "bureau-whole")
    for name, heading in (
        ("退单", "退单时间"),
        ("重办", "重办时间"),
        ("督办中", "督办报告时间"),
        ("超期未办", "应反馈时间"),
    ):
        page.get_by_role("button", name=name, exact=True).click()
        expect(page.get_by_role("columnheader", name=heading)).to_be_visible()
    expect(page.get_by_text("没有改动")).to_contain_text("校验了")
    with page.expect_download() as download:
        page.get_by_role("link", name="导出 XLSX").click()
    sheet = load_workbook(io.BytesIO(Path(download.value.path()).read_bytes())).active
    assert sheet["A2"].value == "分档"
    # Nothing on the page changes anything: there is no field to type into and every request reads.
    fields = page.locator("textarea, input:not([type=checkbox])")
    assert fields.count() == page.get_by_role("search").locator("input").count() == 2
    page.get_by_role("link", name="监察考核").wait_for()


def test_a_liaison_sees_one_line(city: Desk, new_page: Callable[..., Page]) -> None:
    page = new_page()
    enter(page, city, "liaison", "/statistics")
    page.get_by_label("从").fill("2026-11-01")
    page.get_by_label("到", exact=True).fill("2026-11-30")
    page.get_by_role("button", name="统计", exact=True).click()
    expect(page.get_by_text("2026年11月1日至2026年11月30日，截至")).to_be_visible()
    expect(page.get_by_role("rowheader", name="市住房和城乡建设局")).to_be_visible()
    assert page.get_by_role("rowheader", name="市公安局").count() == 0
    page.get_by_label("环比同比").check()
    row = page.get_by_role("row").filter(has=page.get_by_role("rowheader", name="市住房和城乡建设局"))
    expect(row).to_contain_text("环比 —")
    # November by hand and the weeks around it: what is shown is divided out of what stands under it.
    part, whole = re.findall(r"(\d+)／(\d+)", row.locator("td").nth(4).inner_text())[0]
    assert row.locator("td").nth(4).inner_text().startswith(f"{int(part) / int(whole):.2%}")
    shot(page, "statistics-liaison")
    assert page.get_by_role("link", name="监察考核").count() == 0
    page.get_by_text("指标怎么算").click()
    expect(page.get_by_text("审核通过的反馈在时限内、且从未超期／应办结")).to_be_visible()


def test_days_being_typed_stand_when_an_earlier_answer_comes(city: Desk, new_page: Callable[..., Page]) -> None:
    page = new_page()
    held: list[Route] = []
    page.route("**/statistics/units*", lambda route: held.append(route) if not held else route.continue_())
    enter(page, city, "leader", "/statistics")
    page.get_by_label("从").fill("2026-11-01")
    with page.expect_response("**/statistics/units*"):
        held[0].continue_()
    expect(page.get_by_text("定义第 1 版")).to_contain_text("2026年12月1日至")
    page.get_by_label("到", exact=True).fill("2026-11-30")
    expect(page.get_by_label("从")).to_have_value("2026-11-01")
    page.get_by_role("button", name="统计", exact=True).click()
    expect(page.get_by_text("2026年11月1日至2026年11月30日，截至")).to_be_visible()
    page.get_by_role("button", name="本月").click()
    expect(page.get_by_label("从")).to_have_value("2026-12-01")


def test_a_wrong_period_gets_a_sentence_and_keeps_what_is_shown(city: Desk, new_page: Callable[..., Page]) -> None:
    page = new_page()
    enter(page, city, "leader", "/statistics")
    expect(page.get_by_text("定义第 1 版")).to_be_visible()
    page.get_by_label("从").fill("2026-12-05")
    page.get_by_label("到", exact=True).fill("2026-12-01")
    page.get_by_role("button", name="统计", exact=True).click()
    expect(page.get_by_role("alert")).to_contain_text("结束日期不能早于开始日期。")
    expect(page.get_by_label("从")).to_have_value("2026-12-05")
    assert page.get_by_role("region", name="承办单位指标").locator("tbody tr").count() > 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_page_has_a_serious_fault_of_accessibility(
    city: Desk, browser: Browser, scheme: Literal["light", "dark"]
) -> None:
    visits = [
        ("leader", "/leader", "市情一页"),
        ("bureau", "/bureau", "监察考核"),
        ("leader", "/statistics", "统计"),
        ("shift_leader", "/wallboard", "今日话务"),
    ]
    # Only so that axe may be put into the page: the console's own policy is tested by every other page.
    for who, path, heading in visits:
        context = browser.new_context(
            viewport={"width": 1366, "height": 768}, locale="zh-CN", color_scheme=scheme, bypass_csp=True
        )
        page = context.new_page()
        enter(page, city, who, path)
        page.get_by_role("heading", name=heading, exact=True).wait_for()
        page.wait_for_load_state("networkidle") if path != "/wallboard" else page.get_by_text("近七天热点").wait_for()
        page.wait_for_timeout(300)
        shot(page, f"{path[1:]}-{scheme}")
        page.evaluate(AXE.read_text(encoding="utf-8"))
        assert page.evaluate(SERIOUS) == [], path
        wider: bool = page.evaluate("() => document.documentElement.scrollWidth > window.innerWidth")
        assert not wider, path
        # 200 % zoom of the same screen.
        page.set_viewport_size({"width": 683, "height": 384})
        page.wait_for_timeout(200)
        shot(page, f"{path[1:]}-{scheme}-zoom")
        wider = page.evaluate("() => document.documentElement.scrollWidth > window.innerWidth")
        assert not wider, f"{path} at 200 %"
        context.close()


def test_the_wallboard_lives_and_says_when_it_does_not(tmp_path: Path, new_page: Callable[..., Page]) -> None:
    with valkey() as server:
        night = staffed(Night(tmp_path, console_dir=CONSOLE_DIR / "dist", redis_url=server.url))
        casework = Casework(night.engine)
        night.now = None
        play_weeks(casework, night.clock(), days=8, a_day=6)
        calls_of_today(night)

        def feed(peer: Any) -> BoardFeed:
            # Not asked again: this peer lists nothing.
            return BoardFeed(peer, Redis.from_url(server.url), "lyg1", night.clock, resync_s=3600)

        router = Router(feed)
        router.connect()
        page = new_page(width=1920, height=1080)
        with served(night) as url:
            enter(page, Desk(url, night), "shift_leader", "/wallboard")
            expect(page.get_by_text("● 实时")).to_be_visible()
            wall = page.get_by_role("main")

            def tile(name: str) -> Locator:
                return wall.locator(".tile").filter(has_text=name).locator("p").first

            expect(tile("等待人数")).to_have_text("0")
            expect(tile("15 秒应答率")).to_have_text("90%")
            expect(tile("今日接听")).to_have_text("19 放弃 1")
            for n, status in enumerate((1, 1, 2, 5), 1):
                router.happen(member(f"PJSIP/100{n}", status))
            router.happen(arrival("lyg1-1.1"), of("lyg1-1.1", "QueueCallerJoin"))
            expect(tile("等待人数")).to_have_text("1")
            expect(tile("空闲")).to_have_text("2")
            expect(tile("通话")).to_have_text("1")
            expect(tile("最长等待")).not_to_have_text("0:00")
            page.wait_for_timeout(500)
            shot(page, "wallboard-live")
            assert "138" not in wall.inner_text(), "no caller's number on the wall"
            router.lose()
            expect(page.get_by_text("话务系统没有数据")).to_be_visible()
            expect(tile("等待人数")).to_have_text("—")
            shot(page, "wallboard-silent")
            router.connect()
            expect(page.get_by_text("● 实时")).to_be_visible()
            page.get_by_role("button", name="浅色").click()
            shot(page, "wallboard-light")
        expect(page.get_by_text("正在连接实时话务…")).to_be_visible()
        router.stop()
        night.engine.dispose()
