"""Back office, units and call-backs at the console: the course of a case in real browsers."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Browser, Locator, Page, expect
from sqlalchemy import insert

from casebook import roles
from casebook.console.build import CONSOLE_DIR
from casebook.handling import commands as do
from casebook.roles import Actor
from casebook.store.people import People
from casebook.store.schema import case_
from tests.api.night import PASSWORD
from tests.casebook.play import AGENT, book, register
from tests.console.conftest import Desk, shot

LI = Actor("lijuan", roles.DISPATCHER)
WU = Actor("wutao", roles.DISPATCHER)
UNIT = Actor("wangqiang", roles.LIAISON, "haizhou")
CHIEF = Actor("chenbo", roles.DEPUTY, "haizhou")
OTHER_UNIT = Actor("sunli", roles.LIAISON, "zhujian")
CALLER = Actor("zhouyan", roles.CALLBACK_AGENT)
NAMES = {
    "lijuan": "李娟",
    "wutao": "吴涛",
    "wangqiang": "王强",
    "chenbo": "陈波",
    "sunli": "孙丽",
    "zhouyan": "周燕",
    "huadan": "华丹",
}
ANSWER = (
    "经核查，幸福小区电梯因控制主板损坏停用。我区已责令物业更换主板，11月24日已恢复运行，并按照《江苏省物业管理条例》"
    "约谈了物业公司。当天下午已电话告知来电人。"
)
REVIEWED = do.ReviewOk(answers_demand=True, facts_given=True, law_cited=True, tone=True, no_template=True)


@dataclass
class Office:
    """Everybody who handles cases, over the console's server."""

    desk: Desk
    keys: Iterator[int] = field(default_factory=lambda: count(1))

    def __post_init__(self) -> None:
        night = self.desk.night
        people = People(night.engine, book())
        for actor in (LI, WU, UNIT, CHIEF, OTHER_UNIT, CALLER, Actor("huadan", roles.AGENT)):
            night.users.add(actor.name, PASSWORD, actor.role, NAMES[actor.name])
            if actor.unit:
                kind = "deputy" if actor.role == roles.DEPUTY else "liaison"
                people.appoint(actor.unit, kind, actor.name, night.clock())

    def register(self, n: int = 1, **other: object) -> str:
        """A complaint that the front desk wrote down."""
        made = self.desk.night.casework.register(
            register(n, **other), channel="phone", actor=AGENT, idempotency_key=f"k{next(self.keys)}"
        )
        return made.case_no

    def do(self, case_no: str, *steps: tuple[Actor, do.Command]) -> str:
        """What others did meanwhile."""
        for actor, command in steps:
            self.desk.night.casework.execute(
                case_no, command, version=None, actor=actor, idempotency_key=f"k{next(self.keys)}"
            )
        return case_no

    def triaged(self, n: int = 1, **other: object) -> str:
        return self.do(self.register(n, **other), (AGENT, do.ToTriage()))

    def dispatched(self, n: int = 1, **other: object) -> str:
        return self.do(self.triaged(n, **other), (LI, do.Dispatch()))

    def handled(self, n: int = 1, **other: object) -> str:
        return self.do(self.dispatched(n, **other), (UNIT, do.Sign()))

    def fed_back(self, n: int = 1) -> str:
        told = do.Feedback(true_claim=True, contacted=False, solved="yes", internal="已更换主板", answer=ANSWER)
        helped = ((OTHER_UNIT, do.CoSign()), (OTHER_UNIT, do.CoFeedback(internal="已到场")))
        return self.do(self.handled(n), *helped, (UNIT, told), (CHIEF, do.SignFeedback()))

    def state(self, case_no: str) -> str:
        return self.desk.night.cases.get(case_no, LI).case.state

    def events(self, case_no: str) -> list[str]:
        return [one.type for one in self.desk.night.cases.get(case_no, LI).events]


@pytest.fixture
def office(desk: Desk) -> Office:
    return Office(desk)


def enter(page: Page, office: Office, who: Actor | str, path: str = "") -> None:
    """Sign somebody in, and open an address."""
    page.goto(f"{office.desk.url}/#{path}" if path else office.desk.url)
    page.get_by_label("用户名").fill(who if isinstance(who, str) else who.name)
    page.get_by_label("密码").fill(PASSWORD)
    page.get_by_role("button", name="登录").click()
    page.get_by_role("button", name="退出").wait_for()


def line(page: Page, case_no: str) -> Locator:
    return page.get_by_role("link").filter(has_text=case_no)


def panel(page: Page, case_no: str) -> Locator:
    return page.get_by_role("article", name=f"案件 {case_no}")


def open_case(page: Page, case_no: str) -> Locator:
    line(page, case_no).click()
    opened = panel(page, case_no)
    opened.get_by_role("heading", name="办理经过").wait_for()
    return opened


def form(page: Page, word: str) -> Locator:
    return page.get_by_role("form", name=word, exact=True)


def test_a_dispatcher_triages_and_dispatches_by_key_what_the_catalogue_suggests(office: Office, page: Page) -> None:
    case_no = office.triaged()
    enter(page, office, LI)
    expect(page.get_by_role("heading", name="派单督办")).to_be_visible()
    expect(line(page, case_no)).to_contain_text("建议 海州区人民政府")
    page.keyboard.press("j")
    opened = panel(page, case_no)
    expect(opened).to_contain_text("还剩")
    shot(page, "dispatch-triage")
    page.keyboard.press("d")
    asked = form(page, "派单")
    expect(asked.get_by_label("主办单位")).to_have_value("haizhou")
    expect(asked).to_contain_text("目录 R041：属地管理·物业管理")
    expect(asked).to_contain_text("市住房和城乡建设局")
    shot(page, "dispatch-form")
    page.keyboard.press("Control+Enter")
    expect(opened.get_by_text("已派单。")).to_be_visible()
    expect(line(page, case_no)).to_have_count(0)
    case = office.desk.night.cases.get(case_no, LI).case
    assert (case.state, case.lead_unit, [one.unit for one in case.co_orders()]) == (
        "DISPATCHED",
        "haizhou",
        ["zhujian"],
    )


def test_another_unit_than_the_catalogues_needs_a_written_basis(office: Office, page: Page) -> None:
    case_no = office.triaged()
    enter(page, office, LI, f"/dispatch/{case_no}")
    page.get_by_role("button", name="派单", exact=False).first.wait_for()
    panel(page, case_no).get_by_role("button", name=re.compile("^派单")).click()
    asked = form(page, "派单")
    asked.get_by_label("主办单位").select_option("chengguan")
    asked.get_by_role("button", name="派单").click()
    expect(asked.get_by_label(re.compile("派单依据（不按目录"))).to_be_focused()
    expect(asked.get_by_label(re.compile("派单依据（不按目录"))).to_have_attribute("aria-invalid", "true")
    assert office.state(case_no) == "TRIAGE"
    asked.get_by_label(re.compile("派单依据（不按目录")).fill("市政府会议纪要第 12 号")
    asked.get_by_role("button", name="派单").click()
    expect(panel(page, case_no).get_by_text("已派单。")).to_be_visible()
    case = office.desk.night.cases.get(case_no, LI).case
    assert [(one.unit, one.role, one.basis) for one in case.orders] == [
        ("chengguan", "lead", "市政府会议纪要第 12 号"),
        ("zhujian", "co", "市政府会议纪要第 12 号"),
    ]


def test_a_consultation_stands_among_the_orders_of_the_units_invited(office: Office, page: Page) -> None:
    case_no = office.triaged()
    office.do(case_no, (LI, do.Consult(units=("haizhou", "zhujian"), note="电梯归谁管")))
    enter(page, office, UNIT)
    page.get_by_role("button", name=re.compile("^会商")).click()
    expect(page.get_by_role("button", name=re.compile("^会商"))).to_have_text("会商 1")
    expect(line(page, case_no)).to_contain_text("请参加会商")
    opened = open_case(page, case_no)
    expect(opened).to_contain_text("电梯归谁管")
    shot(page, "orders-consultation")
    office.do(case_no, (WU, do.Dispatch(unit="zhujian", basis="会商", minutes="住建局主办")))
    expect(page.get_by_role("button", name=re.compile("^会商"))).to_have_text("会商 0")
    expect(page.get_by_text("没有这样的工单。")).to_be_visible()


def test_a_unit_signs_contacts_the_citizen_and_feeds_back_with_a_file(
    office: Office, page: Page, new_page: Callable[..., Page], tmp_path: Path
) -> None:
    case_no = office.dispatched()
    office.do(case_no, (OTHER_UNIT, do.CoSign()), (OTHER_UNIT, do.CoFeedback(internal="已到场")))
    enter(page, office, UNIT)
    expect(page.get_by_role("heading", name="我的工单")).to_be_visible()
    opened = open_case(page, case_no)
    shot(page, "orders-sign")
    page.keyboard.press("s")
    page.keyboard.press("Enter")
    expect(opened.get_by_text("已签收。")).to_be_visible()

    opened.get_by_role("button", name="查看姓名和号码").click()
    opened.get_by_label("查看理由（会记录）").fill("联系诉求人")
    page.keyboard.press("Enter")
    expect(opened.get_by_text("王女士 138")).to_be_visible()

    page.keyboard.press("c")
    asked = form(page, "登记联系")
    asked.get_by_label("联系时间").fill(shanghai(minutes=-30))
    asked.get_by_label("电话", exact=True).check()
    asked.get_by_label("联系结果").fill("已告知更换主板的时间")
    asked.get_by_role("button", name="登记联系").click()
    expect(opened.get_by_text("联系情况已登记。")).to_be_visible()

    photo = tmp_path / "电梯照片.jpg"
    photo.write_bytes(b"\xff\xd8\xff" + b"x" * 1000)
    page.keyboard.press("f")
    asked = form(page, "填写反馈")
    asked.get_by_label("属实", exact=True).check()
    asked.get_by_label("已联系诉求人").check()
    asked.get_by_label("已解决", exact=True).check()
    asked.get_by_label("办理情况（内部）").fill("已更换主板，物业已约谈")
    asked.get_by_label("公开答复（诉求人会看到）").fill("我们高度重视，正在处理中。")
    found = asked.get_by_role("status", name="答复检查")
    expect(found).to_contain_text("缺少依据")
    expect(found).to_contain_text("“高度重视”没有说明做了什么")
    shot(page, "orders-feedback-checked")
    asked.get_by_label("公开答复（诉求人会看到）").fill(ANSWER)
    expect(found).to_contain_text("没有发现套话，要素齐全。")
    asked.get_by_label("佐证材料").set_input_files(photo)
    expect(asked).to_contain_text("电梯照片.jpg")
    asked.get_by_role("button", name="填写反馈").click()
    expect(opened.get_by_text("反馈已填写，待分管领导签批。")).to_be_visible()
    assert office.state(case_no) == "HANDLING"

    second = new_page()
    enter(second, office, CHIEF)
    signed = open_case(second, case_no)
    expect(signed.get_by_role("link", name="电梯照片.jpg")).to_be_visible()
    with second.expect_download() as saved:
        signed.get_by_role("link", name="电梯照片.jpg").click()
    assert Path(saved.value.path()).read_bytes() == photo.read_bytes()
    second.keyboard.press("g")
    second.keyboard.press("Enter")
    expect(signed.get_by_text("反馈已签批并报出。")).to_be_visible()
    assert office.state(case_no) == "FED_BACK"
    assert office.events(case_no).count("attach") == 1


def test_a_feedback_is_reviewed_point_by_point_and_the_citizen_called_back(
    office: Office, page: Page, new_page: Callable[..., Page]
) -> None:
    case_no = office.fed_back()
    enter(page, office, WU, f"/dispatch/{case_no}")
    opened = panel(page, case_no)
    expect(opened.get_by_role("status", name="答复检查")).to_contain_text("没有发现套话")
    page.keyboard.press("p")
    asked = form(page, "审核通过")
    asked.get_by_role("button", name="审核通过").click()
    expect(asked.get_by_text("请确认这一项").first).to_be_visible()
    assert office.state(case_no) == "FED_BACK"
    for box in asked.get_by_role("checkbox").all():
        box.check()
    asked.get_by_role("button", name="审核通过").click()
    expect(opened.get_by_text("审核通过，待回访。")).to_be_visible()

    second = new_page()
    enter(second, office, CALLER)
    expect(second.get_by_role("heading", name="回访", exact=True)).to_be_visible()
    called = open_case(second, case_no)
    second.keyboard.press("h")
    asked = form(second, "登记回访")
    asked.get_by_label("接通并回答").check()
    asked.get_by_label("联系过", exact=True).check()
    asked.get_by_label("已解决", exact=True).check()
    asked.get_by_role("group", name="3. 您对办理结果满意吗？").get_by_label("非常满意").check()
    asked.get_by_role("button", name="登记回访").click()
    expect(asked.get_by_text("请选择")).to_be_visible()
    asked.get_by_role("group", name="4. 您对 12345 热线的服务满意吗？").get_by_label("满意", exact=True).check()
    shot(second, "callback-form")
    asked.get_by_role("button", name="登记回访").click()
    expect(called.get_by_text("回访已登记。")).to_be_visible()
    second.keyboard.press("o")
    form(second, "办结").get_by_role("button", name="办结").click()
    expect(called.get_by_text("已办结。", exact=False).first).to_be_visible()
    expect(line(second, case_no)).to_have_count(0)
    case = office.desk.night.cases.get(case_no, LI).case
    assert (case.state, case.outcome, case.satisfied, case.satisfied_hotline) == ("CLOSED", "solved", 5, 4)


def test_a_return_is_judged_by_another_than_who_dispatched(
    office: Office, page: Page, new_page: Callable[..., Page]
) -> None:
    case_no = office.dispatched()
    enter(page, office, UNIT, f"/orders/{case_no}")
    panel(page, case_no).get_by_role("button", name=re.compile("^退单")).click()
    asked = form(page, "退单")
    asked.get_by_label("不属于本单位职责").check()
    asked.get_by_label("法律依据或三定条款").fill("三定方案第三条")
    asked.get_by_label("建议由哪个单位办理").select_option("chengguan")
    asked.get_by_role("button", name="退单").click()
    expect(panel(page, case_no).get_by_text("退单已提交，待审核。")).to_be_visible()

    first = new_page()
    enter(first, office, LI, "/dispatch")
    first.get_by_role("button", name=re.compile("退单审核")).click()
    expect(line(first, case_no)).to_contain_text("您经手，须他人审核")
    own = open_case(first, case_no)
    expect(own.get_by_role("button", name=re.compile("^督办"))).to_be_visible()
    expect(own.get_by_role("button", name=re.compile("同意退单"))).to_have_count(0)

    second = new_page()
    enter(second, office, WU, "/dispatch")
    second.get_by_role("button", name=re.compile("退单审核")).click()
    judged = open_case(second, case_no)
    shot(second, "returns")
    second.keyboard.press("b")
    asked = form(second, "不同意，指定办理")
    asked.get_by_label("审核意见").fill("属地管理，属于贵区职责")
    asked.get_by_role("button", name="不同意，指定办理").click()
    expect(judged.get_by_text("已指定办理。")).to_be_visible()
    expect(panel(page, case_no)).to_contain_text("指定办理")
    assert office.state(case_no) == "DISPATCHED"


def test_a_conflict_tells_who_changed_the_case_keeps_the_text_and_sends_it_again(office: Office, page: Page) -> None:
    case_no = office.handled()
    enter(page, office, LI, f"/dispatch/{case_no}")
    panel(page, case_no).get_by_role("button", name=re.compile("^催办")).click()
    asked = form(page, "催办")
    asked.get_by_label("催办内容").fill("请今天联系诉求人")
    # The page asks anew every four seconds: the other one is quicker than the next question.
    page.route(re.compile(rf"/api/v1/cases/{case_no}$"), lambda route: route.abort())
    office.do(case_no, (WU, do.Instruct(leader="李市长", text="请尽快解决")))
    asked.get_by_role("button", name="催办").click()
    page.unroute(re.compile(rf"/api/v1/cases/{case_no}$"))
    told = asked.get_by_role("alert").first
    expect(told).to_contain_text("吴涛（派单员）：领导交办")
    expect(asked.get_by_label("催办内容")).to_have_value("请今天联系诉求人")
    assert "urge" not in office.events(case_no)
    shot(page, "conflict")
    page.reload()
    panel(page, case_no).get_by_role("button", name=re.compile("^催办")).click()
    expect(asked.get_by_label("催办内容")).to_have_value("请今天联系诉求人")
    office.do(case_no, (WU, do.Urge(note="请尽快")))
    asked.get_by_role("button", name="看过变动了，再次提交").click()
    expect(panel(page, case_no).get_by_text("已催办。")).to_be_visible()
    assert office.events(case_no).count("urge") == 2


def test_what_is_over_meanwhile_cannot_be_sent_but_its_text_can_be_read(office: Office, page: Page) -> None:
    case_no = office.handled()
    enter(page, office, UNIT, f"/orders/{case_no}")
    panel(page, case_no).get_by_role("button", name=re.compile("^登记联系")).click()
    asked = form(page, "登记联系")
    asked.get_by_label("联系结果").fill("电话无人接听")
    office.do(case_no, (LI, do.Withdraw(reason="已自行解决", reference="lyg1-1.1")))
    expect(asked.get_by_role("alert").first).to_contain_text("不能再“登记联系”")
    expect(asked.get_by_label("联系结果")).to_have_value("电话无人接听")
    expect(asked.get_by_role("button", name="登记联系")).to_have_count(0)


def test_everybody_sees_their_own_screens_and_cases_only(
    office: Office, page: Page, new_page: Callable[..., Page]
) -> None:
    theirs, other = office.dispatched(1), office.triaged(2)
    enter(page, office, UNIT)
    screens = page.get_by_role("navigation", name="页面").get_by_role("link")
    expect(screens).to_have_text(["我的工单", "案件", "统计"])
    expect(line(page, theirs)).to_be_visible()
    page.goto(f"{office.desk.url}/#/cases/{other}")
    expect(page.get_by_role("alert")).to_contain_text("没有找到这条记录")
    page.goto(f"{office.desk.url}/#/dispatch")
    expect(page.get_by_role("alert")).to_contain_text("您的账号不能打开这个页面")

    second = new_page()
    enter(second, office, "huadan", "/cases")
    expect(second.get_by_text("没有符合条件的案件。")).to_be_visible()


def test_the_wall_of_due_times_shows_the_overdue_first_and_urges_by_key(office: Office, page: Page) -> None:
    calm, late = office.handled(1), office.handled(2, urgent=True)
    for one in (calm, late):
        office.do(one, (OTHER_UNIT, do.CoSign()))
    office.desk.night.now = datetime.now(UTC) + timedelta(hours=30)
    page.clock.set_fixed_time(office.desk.night.now)
    enter(page, office, LI, "/dispatch")
    page.get_by_role("button", name=re.compile("到期墙")).click()
    expect(line(page, late)).to_contain_text("超期 6 小时")
    expect(line(page, late)).to_contain_text("海州区人民政府")
    expect(line(page, calm)).to_have_count(0)
    page.keyboard.press("j")
    panel(page, late).get_by_role("heading", name="办理经过").wait_for()
    shot(page, "due-wall")
    page.keyboard.press("e")
    form(page, "催办").get_by_label("催办内容").fill("已超期，请立即办理")
    page.keyboard.press("Control+Enter")
    expect(panel(page, late).get_by_text("已催办。")).to_be_visible()
    assert office.events(late).count("urge") == 1


AXE = CONSOLE_DIR / "node_modules" / "axe-core" / "axe.min.js"
SERIOUS = """async () => (await axe.run(document, { resultTypes: ['violations'] })).violations
  .filter((one) => ['serious', 'critical'].includes(one.impact))
  .map((one) => one.id + ': ' + one.nodes.map((node) => node.html).join(' | '))"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_screen_has_a_serious_fault_of_accessibility(
    office: Office, browser: Browser, scheme: Literal["light", "dark"]
) -> None:
    office.triaged(1)
    urgent, handled, fed_back = office.triaged(2, urgent=True), office.handled(3), office.fed_back(4)
    office.do(office.fed_back(5), (WU, REVIEWED))
    office.do(handled, (LI, do.Urge(note="请抓紧")))
    visits = [
        (LI, f"/dispatch/{urgent}", "d", "dispatch"),
        (WU, f"/dispatch/{fed_back}", "p", "review"),
        (UNIT, f"/orders/{handled}", "f", "orders"),
        (CALLER, "/callback-list", "j", "callbacks"),
        (LI, "/cases", "", "cases"),
    ]
    # Only so that axe may be put into the page: the console's own policy is tested by every other page.
    for who, path, key, name in visits:
        context = browser.new_context(
            viewport={"width": 1366, "height": 768}, locale="zh-CN", color_scheme=scheme, bypass_csp=True
        )
        page = context.new_page()
        enter(page, office, who, path)
        page.get_by_text("LYG").first.wait_for()
        if key:
            page.get_by_role("heading", name="办理经过").or_(page.get_by_text("选一件来办理")).first.wait_for()
            page.keyboard.press(key)
            page.get_by_role("form").or_(page.get_by_role("heading", name="办理经过")).first.wait_for()
        shot(page, f"{name}-{scheme}")
        page.add_script_tag(path=AXE)
        assert page.evaluate(SERIOUS) == [], name
        context.close()


SCROLL = """async (box) => {
  const times = []
  let before = performance.now()
  for (let step = 0; step < 120; step++) {
    box.scrollTop = box.scrollHeight - (step + 1) * 2500
    await new Promise(requestAnimationFrame)
    const now = performance.now()
    times.push(now - before)
    before = now
  }
  times.sort((one, other) => one - other)
  return { median: times[60], worst: times[119], rows: box.querySelectorAll('tr').length }
}"""
"""Scrolls through the whole list and tells how long the frames took, in milliseconds."""


def test_ten_thousand_cases_scroll_with_few_rows_in_the_page_and_the_filter_finds_one(
    office: Office, page: Page
) -> None:
    start = datetime.now(UTC) - timedelta(days=30)
    rows = [
        {
            "case_no": f"LYG20261001{n:06d}",
            "channel": "phone",
            "state": "CLOSED" if n % 3 else "TRIAGE",
            "demand": "complaint",
            "title": f"第 {n} 号路灯不亮",
            "body": "路灯不亮已有三天。",
            "query_code_enc": b"",
            "query_code_hmac": "",
            "received_at": start + timedelta(minutes=n),
            "registered_at": start + timedelta(minutes=n),
            "version": 1,
        }
        for n in range(10_000)
    ]
    with office.desk.night.engine.begin() as connection:
        connection.execute(insert(case_), rows)
    enter(page, office, LI, "/cases")
    box = page.get_by_role("region", name="案件列表")
    expect(box.get_by_role("link", name="LYG20261001009999")).to_be_visible()
    shot(page, "cases-many")
    oldest = box.get_by_role("link", name="LYG20261001000000")
    deadline = time.monotonic() + 120
    while not oldest.count() and time.monotonic() < deadline:
        box.evaluate("box => { box.scrollTop = box.scrollHeight }")
        page.wait_for_timeout(50)
    expect(oldest).to_be_visible()
    expect(page.get_by_text("10000 件")).to_be_visible()
    frames = box.evaluate(SCROLL)
    assert frames["rows"] < 80, frames
    page.get_by_role("searchbox").fill("第 4321 号")
    expect(page.get_by_text("1 件", exact=True)).to_be_visible()
    box.get_by_role("link", name="LYG20261001004321").click()
    page.get_by_role("link", name="← 全部案件").click()
    expect(box.get_by_role("link", name="LYG20261001004321")).to_be_visible()


def test_at_200_percent_zoom_nothing_is_out_of_reach(office: Office, new_page: Callable[..., Page]) -> None:
    case_no = office.handled()
    page = new_page(683, 384)
    enter(page, office, UNIT, f"/orders/{case_no}")
    panel(page, case_no).get_by_role("button", name=re.compile("^填写反馈")).click()
    asked = form(page, "填写反馈")
    asked.get_by_label("办理情况（内部）").fill("已更换主板")
    asked.get_by_role("button", name="填写反馈").scroll_into_view_if_needed()
    shot(page, "zoom")
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")


def shanghai(**ahead: float) -> str:
    """A moment from now as a form's field takes it."""
    return f"{datetime.now(UTC) + timedelta(hours=8, **ahead):%Y-%m-%dT%H:%M}"
