"""Danger in a voicemail, as the reviewer meets it: told at once, heard with one click, answered with what was done."""

from __future__ import annotations

from collections.abc import Callable

from playwright.sync_api import Locator, Page, Route, expect

from tests.api.night import NUMBER, REVIEWER, SHOWN_NUMBER, minutes_ago
from tests.console.conftest import Desk, shot, sign_in
from tests.console.test_review import WORDS, a_night, open_case, row, rows


def strip(page: Page) -> Locator:
    return page.get_by_role("region", name="未处置预警")


def mass_petition(desk: Desk, case_no: str) -> None:
    desk.night.alarm(case_no, category="mass", name="群体性事件", severity="risk", quote="集体上访", found_by="text")


def position_s(page: Page) -> float:
    seconds: float = page.locator("audio").evaluate("audio => audio.currentTime")
    return seconds


def test_an_alert_comes_without_a_reload_and_is_announced_by_how_bad_it_is(desk: Desk, page: Page) -> None:
    first, _, second, _ = a_night(desk)
    sign_in(page, desk)
    expect(rows(page)).to_have_count(4)
    expect(strip(page)).to_have_count(0)

    mass_petition(desk, second)
    expect(page.locator("[aria-live=polite]", has_text="风险预警：群体性事件，“集体上访”")).to_be_attached()
    desk.night.alarm(first)
    interrupting = page.locator("[aria-live=assertive]")
    expect(interrupting).to_contain_text("紧急预警：火情，“找火”")
    expect(interrupting).to_contain_text(SHOWN_NUMBER)
    expect(page).to_have_title("（2 条预警）12345 热线控制台")

    lines = strip(page).get_by_role("listitem")
    expect(lines).to_have_count(2)
    for part in ("紧急", "火情", "找火", "按读音发现，疑为“着火”", "来电", SHOWN_NUMBER):
        expect(lines.nth(0)).to_contain_text(part)
    for part in ("风险", "群体性事件", "集体上访", "按文字发现"):
        expect(lines.nth(1)).to_contain_text(part)
    assert NUMBER not in page.content()
    shot(page, "alerts")


def test_a_click_opens_the_voicemail_where_the_danger_is_heard(desk: Desk, page: Page) -> None:
    first, _, second, _ = a_night(desk)
    desk.night.alarm(second, start_ms=1200)
    mass_petition(desk, first)
    sign_in(page, desk)
    strip(page).get_by_role("button", name="火情").first.click()
    article = page.get_by_role("article", name=f"留言 {second}")
    expect(article).to_be_focused()
    assert position_s(page) == 1.2
    page.keyboard.press(" ")
    expect(page.get_by_role("button", name="暂停")).to_be_visible()
    shot(page, "alert-opened")

    strip(page).get_by_role("button", name="群体性事件").first.click()
    expect(page.get_by_role("article", name=f"留言 {first}")).to_be_focused()
    assert position_s(page) == 0.4
    page.keyboard.press("a")
    expect(article).to_be_focused()
    assert position_s(page) == 1.2


def test_what_was_done_is_written_down_and_shown_with_the_voicemail(desk: Desk, page: Page) -> None:
    case_no = a_night(desk)[2]
    desk.night.alarm(case_no)
    sign_in(page, desk)
    open_case(page, case_no)
    strip(page).get_by_role("button", name="处置：火情").click()
    note = strip(page).get_by_label("处置情况")
    expect(note).to_be_focused()
    page.keyboard.press("Enter")
    expect(strip(page).get_by_text("请填写处置情况")).to_be_visible()
    assert len(desk.night.alerts.items(unacknowledged=True)) == 1
    shot(page, "acknowledge-without-note")
    note.fill("已转119，对方已出警")
    page.keyboard.press("Enter")

    expect(strip(page)).to_have_count(0)
    [kept] = desk.night.alerts.items(unacknowledged=False)
    assert (kept.acknowledged_by, kept.note) == (REVIEWER, "已转119，对方已出警")
    done = page.get_by_role("article").get_by_role("region", name="预警", exact=True)
    expect(done).to_contain_text("已处置：已转119，对方已出警")
    expect(done).to_contain_text(REVIEWER)
    expect(row(page, case_no)).to_contain_text("预警已处置")
    history = page.get_by_role("region", name="案件记录")
    expect(history).to_contain_text("发现预警")
    expect(history).to_contain_text("处置预警")
    expect(page).to_have_title("12345 热线控制台")
    shot(page, "acknowledged")


def test_an_alert_is_answered_from_the_voicemail_too(desk: Desk, page: Page) -> None:
    case_no = a_night(desk)[2]
    desk.night.alarm(case_no, start_ms=800)
    sign_in(page, desk)
    open_case(page, case_no)
    own = page.get_by_role("article").get_by_role("region", name="预警", exact=True)
    own.get_by_role("button", name="从这里听：“找火”").click()
    assert position_s(page) == 0.8
    own.get_by_role("button", name="处置：火情").click()
    own.get_by_label("处置情况").fill("回拨核实，是误报")
    own.get_by_role("button", name="记下处置").click()
    expect(own).to_contain_text("已处置：回拨核实，是误报")
    expect(strip(page)).to_have_count(0)


def test_who_answers_second_is_told_what_the_first_one_did(desk: Desk, page: Page) -> None:
    case_no = a_night(desk)[2]
    desk.night.alarm(case_no)
    sign_in(page, desk)
    strip(page).get_by_role("button", name="处置：火情").click()
    strip(page).get_by_label("处置情况").fill("我来处理")
    [one] = desk.night.alerts.items(unacknowledged=True)
    desk.night.alerts.acknowledge(one.id, "lihua", "已转119")
    # The list has heard of it; the text that is being typed stays.
    expect(row(page, case_no)).to_contain_text("预警已处置")
    expect(strip(page).get_by_label("处置情况")).to_have_value("我来处理")
    strip(page).get_by_role("button", name="记下处置").click()
    expect(strip(page).get_by_role("alert")).to_have_text(
        "这条预警已由 lihua 处置：“已转119”。您写的“我来处理”没有记下。"
    )
    shot(page, "acknowledged-by-another")
    strip(page).get_by_role("button", name="知道了").click()
    expect(strip(page)).to_have_count(0)


def test_a_lost_answer_costs_no_text_and_writes_nothing_twice(desk: Desk, page: Page) -> None:
    case_no = a_night(desk)[2]
    desk.night.alarm(case_no)
    sign_in(page, desk)
    keys: list[str] = []

    def lose_the_first(route: Route) -> None:
        keys.append(route.request.all_headers()["idempotency-key"])
        if len(keys) == 1:
            route.fetch()
            route.abort()
        else:
            route.continue_()

    page.route("**/acknowledge", lose_the_first)
    strip(page).get_by_role("button", name="处置：火情").click()
    strip(page).get_by_label("处置情况").fill("已转119")
    strip(page).get_by_role("button", name="记下处置").click()
    expect(strip(page).get_by_text("连不上服务器")).to_be_visible()
    expect(strip(page).get_by_label("处置情况")).to_have_value("已转119")
    strip(page).get_by_role("button", name="记下处置").click()
    expect(strip(page)).to_have_count(0)
    assert len(keys) == 2
    assert len(set(keys)) == 1
    kinds = [event.type for event in desk.night.voicemails.get(case_no).events]
    assert kinds.count("acknowledge_alert") == 1


def test_a_note_survives_a_reload_until_it_is_sent(desk: Desk, page: Page) -> None:
    desk.night.alarm(a_night(desk)[2])
    sign_in(page, desk)
    strip(page).get_by_role("button", name="处置：火情").click()
    strip(page).get_by_label("处置情况").fill("正在打119")
    page.reload()
    strip(page).get_by_role("button", name="处置：火情").click()
    expect(strip(page).get_by_label("处置情况")).to_have_value("正在打119")
    page.keyboard.press("Escape")
    expect(strip(page).get_by_label("处置情况")).to_have_count(0)


def test_the_list_marks_alerts_in_words_and_puts_the_worst_first(desk: Desk, page: Page) -> None:
    oldest, withheld, complaint, newest = a_night(desk)
    desk.night.alarm(withheld)
    mass_petition(desk, oldest)
    desk.night.alarm(complaint, category="gas", name="燃气泄漏", quote="漏气")
    [gas, *_] = desk.night.alerts.items(unacknowledged=True)
    desk.night.alerts.acknowledge(gas.id, REVIEWER, "已处理")
    sign_in(page, desk)
    expect(row(page, withheld)).to_contain_text("紧急预警 火情")
    expect(row(page, oldest)).to_contain_text("风险预警 群体性事件")
    expect(row(page, complaint)).to_contain_text("预警已处置 燃气泄漏")
    expect(row(page, newest)).not_to_contain_text("预警")
    page.get_by_label("次序").select_option("newest")
    expect(rows(page).first).to_have_attribute("id", f"voicemail-{newest}")

    page.get_by_label("次序").select_option("worst")
    worst_first = [f"voicemail-{case_no}" for case_no in (withheld, oldest, complaint, newest)]
    expect(rows(page).first).to_have_attribute("id", worst_first[0])
    assert [one.get_attribute("id") for one in rows(page).all()] == worst_first
    page.locator("h1").click()
    page.keyboard.press("j")
    page.keyboard.press("j")
    expect(page.locator('[role="option"][aria-selected="true"]')).to_have_attribute("id", worst_first[1])
    shot(page, "alerts-first")


def test_when_alerts_cannot_be_read_the_page_says_so_and_keeps_them(desk: Desk, page: Page) -> None:
    desk.night.alarm(a_night(desk)[2])
    sign_in(page, desk)
    expect(strip(page)).to_be_visible()
    page.route("**/api/v1/alerts?*", lambda route: route.abort())
    expect(page.get_by_text("预警暂时读不到")).to_be_visible()
    expect(strip(page)).to_contain_text("火情")
    page.unroute("**/api/v1/alerts?*")
    expect(page.get_by_text("预警暂时读不到")).to_have_count(0)


def test_many_alerts_leave_room_for_the_work(desk: Desk, new_page: Callable[..., Page]) -> None:
    desk.night.voicemail(ani="")
    for n in range(12):
        case_no = desk.night.voicemail(started_at=minutes_ago(20 + n))
        desk.night.alarm(case_no, start_ms=100 * n)
    desk.night.transcribe(case_no, WORDS)
    for width, height, name in ((1366, 768, "many-alerts"), (683, 384, "many-alerts-zoomed")):
        page = new_page(width, height)
        sign_in(page, desk)
        expect(strip(page).get_by_role("listitem")).to_have_count(12)
        box = strip(page).bounding_box()
        assert box
        assert box["height"] <= 0.4 * height + 1
        overflow = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert overflow == 0
        open_case(page, case_no)
        strip(page).get_by_role("button", name="处置：火情").first.click()
        expect(strip(page).get_by_label("处置情况")).to_be_in_viewport()
        shot(page, name)
