"""The agent desk in a browser, while the PBX is away: presence, the case beside a call, what stays on the desk."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import pytest
import uvicorn
from playwright.sync_api import Page, Route, expect
from sqlalchemy import update

from call_router.ami import Ami
from call_router.desk import Desk
from call_router.desk_line import DeskLine
from call_router.memberships import Memberships
from casebook import roles
from casebook.api.app import create_app
from casebook.api.desk_parts import DeskParts
from casebook.console.build import CONSOLE_DIR
from casebook.handling import commands as do
from casebook.roles import Actor
from casebook.store.callbacks import Callbacks, book
from casebook.store.calls import insert_call
from casebook.store.desk import DeskLog
from casebook.store.desk_calls import DeskCalls
from casebook.store.legs import Legs
from casebook.store.presence import Presence
from casebook.store.router_tables import callback_task
from ivr.ports import NewCall
from tests.api.night import PASSWORD, Night, minutes_ago
from tests.conftest import free_port
from tests.console.conftest import shot
from tests.router.city import city_router

NUMBER = "13851234567"
AXE = CONSOLE_DIR / "node_modules/axe-core/axe.min.js"


@dataclass
class Room:
    """A running console with a desk, and its store."""

    url: str
    night: Night
    calls: DeskCalls
    presence: Presence

    def answered(self, call_id: str, number: str = NUMBER) -> None:
        """The agent took a call some minutes ago."""
        began = minutes_ago(4)
        with self.night.engine.begin() as connection:
            insert_call(connection, self.night.calls.privacy, NewCall(call_id, "asterisk", number, "12345", began), "")
        self.calls.took(call_id, "li", "1001", began + timedelta(seconds=20))


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Room]:
    night = Night(tmp_path, console_dir=CONSOLE_DIR / "dist")
    night.users.add("li", PASSWORD, "agent", "李敏")
    presence, legs, log = Presence(night.engine), Legs(night.engine), DeskLog(night.engine)
    calls = DeskCalls(night.engine, night.calls.privacy, night.cases, night.clock)
    router = city_router()
    line = DeskLine(
        lambda: Ami("127.0.0.1", 1, "u", "s"),
        lambda ami: Desk(ami, router, legs, log, night.clock),
        lambda ami: Memberships(ami, presence, ()),
    )
    callbacks = Callbacks(night.engine, night.calls.privacy)
    parts = DeskParts(line, router, presence, callbacks, legs, log, frozenset({"1001", "1002"}), calls)
    app = create_app(replace(night.deps(), desk=parts))
    port = free_port()
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=port, log_level="warning", ws="none"))
    thread = threading.Thread(target=server.run, daemon=True)
    line.start()
    thread.start()
    deadline = time.monotonic() + 30
    while not server.started and time.monotonic() < deadline:
        time.sleep(0.02)
    assert server.started
    yield Room(f"http://127.0.0.1:{port}", night, calls, presence)
    server.should_exit = True
    thread.join(30)
    line.stop()
    night.engine.dispose()


def sign_in(page: Page, room: Room) -> None:
    page.goto(room.url)
    page.get_by_label("用户名").fill("li")
    page.get_by_label("密码").fill(PASSWORD)
    page.get_by_role("button", name="登录").click()
    expect(page.get_by_role("heading", name="坐席工作台")).to_be_attached()


def write(page: Page) -> None:
    page.get_by_label("类型").select_option("complaint")
    page.get_by_label("标题").fill("幸福路夜间施工扰民")
    page.locator("[name=body]").fill("幸福路工地每天夜里十一点以后还在打桩，吵得睡不着觉。")
    page.get_by_label("地点").fill("海州区幸福路28号")


def test_an_agent_signs_in_at_a_telephone_pauses_and_leaves(room: Room, page: Page) -> None:
    sign_in(page, room)
    expect(page.get_by_text("签入后才有来电。", exact=True)).to_be_visible()
    page.get_by_label("话机").select_option("1002")
    page.get_by_role("button", name="签入").click()
    expect(page.get_by_role("status").get_by_text("示闲")).to_be_visible()
    expect(page.get_by_text("用桌面话机接听")).to_be_visible()
    assert room.presence.states()["1002"].state == "ready"
    page.get_by_label("示忙").select_option("用餐")
    expect(page.get_by_text("示忙：用餐")).to_be_visible()
    assert room.presence.states()["1002"].reason == "用餐"
    page.get_by_role("button", name="签出").click()
    expect(page.get_by_role("button", name="签入")).to_be_visible()
    # The telephone of the last time is offered first.
    assert page.get_by_label("话机").input_value() == "1002"


def test_a_caller_withdraws_a_case_that_somebody_else_registered(room: Room, page: Page) -> None:
    zhao = Actor("zhao", roles.AGENT)
    demand = do.Register(
        demand="complaint",
        title="路灯不亮",
        body="解放路的路灯三天不亮了，请尽快修理。",
        place="解放路",
        phone=NUMBER,
    )
    made = room.night.casework.register(demand, channel="phone", actor=zhao, idempotency_key="k")
    room.night.casework.execute(made.case_no, do.ToTriage(), version=1, actor=zhao, idempotency_key="k2")
    room.answered("a-1.1")
    sign_in(page, room)
    page.get_by_role("button", name=f"撤回 {made.case_no}").click()
    form = page.get_by_role("form", name=f"撤回 {made.case_no}")
    expect(form.get_by_label("撤回原因")).to_be_focused()
    form.get_by_role("button", name="撤回", exact=True).click()
    expect(form.get_by_role("alert")).to_have_text("请填写撤回原因。")
    form.get_by_label("撤回原因").fill("已经修好了")
    shot(page, "desk-withdraw")
    form.get_by_role("button", name="撤回", exact=True).click()
    expect(page.get_by_role("region", name="138****4567").get_by_text("已撤回")).to_be_visible()
    expect(page.get_by_role("button", name=f"撤回 {made.case_no}")).to_have_count(0)
    history = room.night.cases.get(made.case_no, Actor("sun", roles.BUREAU)).events
    assert (history[-1].type, history[-1].actor, history[-1].payload["reference"]) == ("withdraw", "li", "a-1.1")


def test_what_is_written_outlives_a_reload_and_becomes_one_case(room: Room, page: Page) -> None:
    room.answered("a-1.1")
    sign_in(page, room)
    expect(page.get_by_role("heading", name="138****4567")).to_be_visible()
    assert NUMBER not in page.content()
    page.get_by_role("button", name="登记", exact=True).click()
    expect(page.get_by_text("请填写标题")).to_be_visible()
    expect(page.get_by_label("类型")).to_be_focused()
    write(page)
    shot(page, "desk-draft")
    page.reload()
    expect(page.get_by_label("标题")).to_have_value("幸福路夜间施工扰民")
    page.get_by_role("button", name="登记", exact=True).click()
    expect(page.get_by_role("heading", name="已登记，请告诉来电人")).to_be_visible()
    shot(page, "desk-registered")
    # The number and the code are still there after another reload: nobody has said that the caller has them.
    page.reload()
    expect(page.get_by_role("heading", name="已登记，请告诉来电人")).to_be_visible()
    expect(page.get_by_text("都办完了。")).to_be_visible()
    expect(page.get_by_role("region", name="我登记的案件").get_by_text("待分办")).to_be_visible()
    assert cases(page) == [("幸福路夜间施工扰民", "TRIAGE")]


@pytest.mark.parametrize("arrived", [False, True])
def test_what_follows_a_registration_is_taken_up_after_a_reload(room: Room, page: Page, arrived: bool) -> None:
    room.answered("a-1.1")
    sign_in(page, room)
    write(page)

    def lost(route: Route) -> None:
        if arrived:
            route.fetch()
        route.abort()

    page.route("**/to_triage", lost)
    page.get_by_role("button", name="登记", exact=True).click()
    expect(page.get_by_text("案件已经登记，但没有转后台分办")).to_be_visible()
    shot(page, "desk-not-triaged")
    assert cases(page) == [("幸福路夜间施工扰民", "TRIAGE" if arrived else "REGISTERED")]
    page.unroute("**/to_triage")
    page.reload()
    expect(page.get_by_role("region", name="我登记的案件").get_by_text("待分办")).to_be_visible()
    expect(page.get_by_role("heading", name="已登记，请告诉来电人")).to_be_visible()
    expect(page.get_by_role("button", name="再试一次")).to_have_count(0)
    assert cases(page) == [("幸福路夜间施工扰民", "TRIAGE")]


def test_what_was_chosen_after_a_registration_is_not_sent_without_a_click(room: Room, page: Page) -> None:
    room.answered("a-1.1")
    sign_in(page, room)
    write(page)
    page.route("**/to_triage", lambda route: route.abort())
    page.get_by_role("button", name="登记", exact=True).click()
    page.get_by_label("改为").select_option("现场答复办结")
    page.unroute("**/to_triage")
    page.reload()
    expect(page.get_by_text("案件已经登记，但没有现场答复办结：还没有提交。")).to_be_visible()
    expect(page.get_by_role("region", name="我登记的案件").get_by_text("已登记")).to_be_visible()
    assert cases(page) == [("幸福路夜间施工扰民", "REGISTERED")]


def cases(page: Page) -> list[tuple[str, str]]:
    items = page.evaluate("fetch('/api/v1/cases').then((answer) => answer.json())")["items"]
    return [(one["title"], one["state"]) for one in items]


def test_an_answer_on_the_spot_needs_the_callers_word(room: Room, page: Page) -> None:
    room.answered("a-1.1")
    sign_in(page, room)
    write(page)
    page.get_by_label("类型").select_option("consult")
    page.get_by_role("radio", name="现场答复办结").check()
    page.get_by_label("答复内容").fill("夜间施工须有许可，您可以在政务网查到。")
    page.get_by_role("button", name="登记", exact=True).click()
    expect(page.get_by_text("请先问来电人答复是否清楚")).to_be_visible()
    page.get_by_label("来电人说答复清楚了").check()
    page.get_by_role("button", name="登记", exact=True).click()
    expect(page.get_by_role("heading", name="已登记，请告诉来电人")).to_be_visible()
    expect(page.get_by_role("region", name="我登记的案件").get_by_text("现场答复")).to_be_visible()


def test_a_call_without_a_case_stays_until_a_word_is_said(room: Room, page: Page) -> None:
    room.answered("a-1.1")
    room.answered("a-1.2", "")
    sign_in(page, room)
    heading = page.get_by_role("heading", name="没有小结的来电 2")
    expect(heading).to_be_visible()
    page.get_by_role("button", name="小结", exact=True).click()
    expect(page.get_by_text("请选择小结。")).to_be_visible()
    page.get_by_label("小结", exact=True).select_option("other")
    page.get_by_role("button", name="小结", exact=True).click()
    expect(page.get_by_text("请写明情况。")).to_be_visible()
    page.get_by_label("小结", exact=True).select_option("silent")
    page.get_by_role("button", name="小结", exact=True).click()
    expect(page.get_by_role("heading", name="号码未显示")).to_be_visible()
    expect(page.get_by_role("heading", name="没有小结的来电 1")).to_be_visible()
    # A withheld number: the caller says one, or stays anonymous.
    write(page)
    page.get_by_role("button", name="登记", exact=True).click()
    expect(page.get_by_text("来电没有号码：请填联系电话，或标明匿名")).to_be_visible()
    page.get_by_role("checkbox", name="匿名").check()
    page.get_by_role("button", name="登记", exact=True).click()
    expect(page.get_by_role("heading", name="已登记，请告诉来电人")).to_be_visible()
    page.get_by_role("button", name="完成这通来电").click()
    expect(page.get_by_text("都办完了。")).to_be_visible()


def test_a_call_back_says_when_the_pbx_is_away_and_stays(room: Room, page: Page) -> None:
    with room.night.engine.begin() as connection:
        new = NewCall("a-9.1", "asterisk", NUMBER, "12345", minutes_ago(9))
        insert_call(connection, room.night.calls.privacy, new, "abandoned")
        assert book(connection, "a-9.1", "abandoned", minutes_ago(8))
        connection.execute(update(callback_task).values(note="核实留言 LYG20261126000001：地址没听清"))
    sign_in(page, room)
    page.get_by_role("button", name="签入").click()
    callbacks = page.get_by_role("region", name="回拨")
    callbacks.get_by_role("button", name="回拨").click()
    expect(callbacks.get_by_text("电话系统暂时联系不上")).to_be_visible()
    expect(callbacks.get_by_text("排队中放弃")).to_be_visible()
    expect(callbacks.get_by_text("地址没听清")).to_be_visible()
    shot(page, "desk-call-back")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("width", "height"), [(1366, 768), (683, 384)])
def test_the_desk_is_readable_for_everybody(
    room: Room, new_page: Callable[..., Page], scheme: str, width: int, height: int
) -> None:
    room.answered("a-1.1")
    page = new_page(width, height)
    page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    sign_in(page, room)
    page.get_by_role("button", name="签入").click()
    expect(page.get_by_text("用桌面话机接听")).to_be_visible()
    write(page)
    page.get_by_role("radio", name="现场答复办结").check()
    shot(page, f"desk-{scheme}-{width}")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    # Run as the browser's own debugger, beside the page's content security policy.
    page.evaluate(AXE.read_text(encoding="utf-8"))
    found = page.evaluate("axe.run({ runOnly: ['wcag2a', 'wcag2aa', 'wcag21aa', 'wcag22aa'] })")
    assert [(one["id"], [node["html"] for node in one["nodes"]]) for one in found["violations"]] == []
