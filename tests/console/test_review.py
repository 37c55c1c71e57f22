"""The night-shift reviewer at the console, in a real browser."""

from __future__ import annotations

import re
from collections.abc import Callable

from playwright.sync_api import Locator, Page, Route, expect
from sqlalchemy import update

from casebook.store.schema import recording
from tests.api.night import NUMBER, PASSWORD, REVIEWER, SHOWN_NUMBER, minutes_ago
from tests.console.conftest import Desk, shot, sign_in

WORDS = [
    ("我要", 0.95),
    ("投诉", 0.97),
    ("解放路", 0.42),
    ("工地", 0.9),
    ("夜间", 0.88),
    ("施工", 0.93),
    ("噪音", 0.51),
    ("很大", 0.9),
]
NOTE_SPOKEN_WORDS = """() => {
  window.heard = []
  const note = () => {
    const word = document.querySelector('.word.spoken')?.textContent
    if (word && word !== window.heard.at(-1)) window.heard.push(word)
  }
  new MutationObserver(note).observe(document.querySelector('.words'), { subtree: true, attributes: true })
}"""
TEXT = "".join(text for text, _ in WORDS)


def a_night(desk: Desk) -> list[str]:
    """Four voicemails, oldest first; the last but one is transcribed."""
    night = desk.night
    made = [
        night.voicemail(started_at=minutes_ago(50), demand="help", seconds=2),
        night.voicemail(started_at=minutes_ago(40), demand="", seconds=2, ani=""),
        night.voicemail(started_at=minutes_ago(20), demand="complaint", seconds=4),
        night.voicemail(started_at=minutes_ago(5), demand="consult", seconds=2),
    ]
    night.transcribe(made[2], WORDS)
    night.transcribe(made[0], [("路灯", 0.9), ("坏了", 0.9), ("三天", 0.8)])
    return made


def rows(page: Page) -> Locator:
    return page.get_by_role("listbox", name="留言列表").get_by_role("option")


def row(page: Page, case_no: str) -> Locator:
    return page.locator(f"#voicemail-{case_no}")


def stay(page: Page) -> None:
    """After a decision the same voicemail stays on the screen."""
    page.get_by_label("处理后自动打开下一条并播放").uncheck()


def open_case(page: Page, case_no: str) -> None:
    row(page, case_no).click()
    page.get_by_role("article", name=f"留言 {case_no}").wait_for()


def test_a_wrong_password_is_told_in_one_sentence_and_the_right_one_opens_the_night(desk: Desk, page: Page) -> None:
    a_night(desk)
    page.goto(desk.url)
    page.get_by_label("用户名").fill(REVIEWER)
    page.get_by_label("密码").fill("wrong")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_have_text("用户名或密码不对。")
    expect(page.get_by_label("密码")).to_be_focused()
    shot(page, "sign-in-refused")
    page.get_by_label("密码").fill(PASSWORD)
    page.keyboard.press("Enter")
    expect(rows(page)).to_have_count(4)

    page.reload()
    expect(rows(page)).to_have_count(4)
    page.get_by_role("button", name="退出").click()
    expect(page.get_by_label("用户名")).to_be_focused()


def test_the_list_tells_time_number_demand_length_and_words_of_each_voicemail(desk: Desk, page: Page) -> None:
    oldest, withheld, complaint, newest = a_night(desk)
    sign_in(page, desk)
    expect(rows(page)).to_have_count(4)
    # What can be decided comes first, then what is still being transcribed; the oldest first.
    worst = [f"voicemail-{case_no}" for case_no in (oldest, complaint, withheld, newest)]
    assert [one.get_attribute("id") for one in rows(page).all()] == worst
    page.get_by_label("次序").select_option("newest")
    expect(rows(page).first).to_have_attribute("id", f"voicemail-{newest}")
    expect(row(page, complaint)).to_contain_text(TEXT)
    for part in (SHOWN_NUMBER, "投诉", "0:04", "待审核"):
        expect(row(page, complaint)).to_contain_text(part)
    expect(row(page, newest)).to_contain_text("待转写")
    expect(row(page, withheld)).to_contain_text("号码未显示")
    expect(row(page, withheld)).to_contain_text("未选类型")
    assert NUMBER not in page.content()
    shot(page, "list")


def test_sound_that_was_deleted_by_age_is_said_to_be(desk: Desk, page: Page) -> None:
    complaint = a_night(desk)[2]
    with desk.night.engine.begin() as connection:
        connection.execute(update(recording).values(erased_at=minutes_ago(1)))
    sign_in(page, desk)
    open_case(page, complaint)
    expect(page.get_by_text("录音已过保存期限，已经删除；文字还在。")).to_be_visible()
    expect(page.get_by_role("article").get_by_text(TEXT)).to_be_visible()
    expect(page.get_by_role("group", name="录音播放")).to_have_count(0)
    shot(page, "sound-deleted")


def test_a_new_voicemail_and_its_transcript_appear_without_a_reload(desk: Desk, page: Page) -> None:
    sign_in(page, desk)
    expect(page.get_by_text("这段时间没有留言")).to_be_visible()
    shot(page, "empty")
    case_no = desk.night.voicemail()
    open_case(page, case_no)
    expect(page.get_by_text("机器正在听这段录音")).to_be_visible()
    shot(page, "pending")
    desk.night.transcribe(case_no, WORDS)
    expect(page.get_by_role("button", name="施工")).to_be_visible()
    expect(page.get_by_label("内容")).to_have_value(TEXT)


def test_the_audio_plays_seeks_and_marks_the_word_that_is_heard(desk: Desk, page: Page) -> None:
    case_no = a_night(desk)[2]
    sign_in(page, desk)
    open_case(page, case_no)
    audio = page.locator("audio")
    position = page.get_by_label("播放位置")

    page.evaluate(NOTE_SPOKEN_WORDS)
    page.keyboard.press(" ")
    expect(page.get_by_role("button", name="暂停")).to_be_visible()
    shot(page, "playing")
    page.keyboard.press(" ")
    expect(page.get_by_role("button", name="播放", exact=True)).to_be_visible()
    page.keyboard.press(" ")
    expect(page.get_by_role("button", name="暂停")).to_be_visible()
    expect(page.get_by_role("button", name="播放", exact=True)).to_be_visible()  # it has come to its end
    heard = page.evaluate("window.heard")
    assert heard[0] == "我要"
    assert heard == [text for text, _ in WORDS if text in heard], "in their order"
    assert len(heard) > 3

    page.get_by_role("button", name="很大").click()
    assert audio.evaluate("audio => audio.currentTime") == 2.8
    page.locator("h1").click()
    page.keyboard.press("ArrowLeft")
    assert audio.evaluate("audio => audio.currentTime") == 0
    position.fill("2000")
    assert audio.evaluate("audio => audio.currentTime") == 2
    page.get_by_label("播放速度").select_option("1.5")
    assert audio.evaluate("audio => audio.playbackRate") == 1.5


def test_words_that_the_machine_is_unsure_of_are_marked_and_found_by_keyboard(desk: Desk, page: Page) -> None:
    case_no = a_night(desk)[2]
    sign_in(page, desk)
    open_case(page, case_no)
    expect(page.locator(".words .unsure")).to_have_text(["解放路", "噪音"])
    page.get_by_role("button", name=re.compile("下一处存疑")).click()
    expect(page.get_by_role("button", name="解放路，存疑")).to_be_focused()
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("button", name="工地", exact=True)).to_be_focused()
    page.keyboard.press("Enter")
    assert page.locator("audio").evaluate("audio => audio.currentTime") == 1.2


def test_a_voicemail_is_registered(desk: Desk, page: Page) -> None:
    case_no = a_night(desk)[2]
    sign_in(page, desk)
    stay(page)
    open_case(page, case_no)
    expect(page.get_by_label("内容")).to_have_value(TEXT)
    page.get_by_role("button", name="登记", exact=True).click()
    expect(page.get_by_text("请填写标题")).to_be_visible()
    expect(page.get_by_label("标题")).to_be_focused()
    shot(page, "title-missing")
    page.get_by_label("标题").fill("解放路工地夜间施工噪音")
    page.get_by_label("类型").select_option("report")
    page.get_by_role("button", name="登记", exact=True).click()

    expect(page.get_by_role("heading", name="处理结果")).to_be_visible()
    expect(row(page, case_no)).to_contain_text("已登记")
    kept = desk.night.voicemails.get(case_no)
    assert (kept.state, kept.title, kept.body, kept.demand) == ("REGISTERED", "解放路工地夜间施工噪音", TEXT, "report")
    assert [event.actor for event in kept.events if event.type == "register"] == [REVIEWER]
    shot(page, "registered")


def test_discarding_needs_a_reason(desk: Desk, page: Page) -> None:
    case_no = a_night(desk)[1]
    sign_in(page, desk)
    stay(page)
    open_case(page, case_no)
    page.get_by_label("作废", exact=True).check()
    page.get_by_role("button", name="作废这条留言").click()
    expect(page.get_by_text("作废必须填写理由")).to_be_visible()
    assert desk.night.voicemails.get(case_no).state == "DRAFT"
    shot(page, "discard-without-reason")
    page.get_by_label("作废理由").fill("误拨，没有诉求")
    page.get_by_role("button", name="作废这条留言").click()
    expect(row(page, case_no)).to_contain_text("已作废")
    expect(page.get_by_text("误拨，没有诉求")).to_be_visible()
    shot(page, "discarded")


def test_the_whole_number_is_shown_for_a_reason_only(desk: Desk, page: Page) -> None:
    oldest, _, case_no, _ = a_night(desk)
    sign_in(page, desk)
    open_case(page, case_no)
    page.get_by_role("button", name="查看完整号码").click()
    page.get_by_role("button", name="查看", exact=True).click()
    expect(page.get_by_text("请填写查看理由")).to_be_visible()
    page.get_by_label("查看理由").fill("回拨核实地址")
    shot(page, "reveal")
    page.keyboard.press("Enter")
    expect(page.get_by_text(NUMBER)).to_be_visible()
    open_case(page, oldest)
    expect(page.get_by_text(NUMBER)).to_have_count(0)


def test_what_was_typed_survives_polling_a_reload_and_an_ended_session(desk: Desk, page: Page) -> None:
    case_no = a_night(desk)[3]
    sign_in(page, desk)
    open_case(page, case_no)
    page.get_by_label("标题").fill("打字打到一半")
    page.get_by_label("内容").fill("自己写的内容")
    desk.night.transcribe(case_no, WORDS)
    expect(page.get_by_role("button", name="施工")).to_be_visible()
    expect(page.get_by_label("内容")).to_have_value("自己写的内容")
    page.get_by_role("button", name="把转写文字加到内容后面").click()
    expect(page.get_by_label("内容")).to_have_value(f"自己写的内容\n{TEXT}")

    late: list[Route] = []
    page.route("**/claim", lambda route: late.append(route))  # noqa: PLW0108  (the bound method cannot be wrapped)
    page.reload()
    expect(page.get_by_label("标题")).to_have_value("打字打到一半")

    page.context.clear_cookies()
    expect(page.get_by_text("登录已过期")).to_be_visible()
    # Another request was on its way, and is refused later: that changes nothing.
    with page.expect_response(lambda answer: answer.url.endswith("/claim") and answer.status == 401):
        late[0].continue_()
    expect(page.get_by_text("登录已过期")).to_be_visible()
    page.unroute("**/claim")
    sign_in_again(page)
    expect(page.get_by_label("标题")).to_have_value("打字打到一半")
    expect(page.get_by_label("内容")).to_have_value(f"自己写的内容\n{TEXT}")

    page.get_by_role("button", name="退出").click()
    page.get_by_label("用户名").wait_for()
    assert page.evaluate("sessionStorage.length") == 0


def sign_in_again(page: Page) -> None:
    page.get_by_label("用户名").fill(REVIEWER)
    page.get_by_label("密码").fill(PASSWORD)
    page.keyboard.press("Enter")


def test_of_two_reviewers_the_second_is_told_and_keeps_the_text(desk: Desk, new_page: Callable[..., Page]) -> None:
    case_no = a_night(desk)[2]
    first, second = new_page(), new_page()
    for page in (first, second):
        sign_in(page, desk)
        stay(page)
        open_case(page, case_no)
        page.get_by_label("标题").fill("两个人同时处理")
    # The second one's page must not have heard of the first one's decision yet.
    second.route("**/api/v1/voicemails?*", lambda route: route.abort())
    first.get_by_role("button", name="登记", exact=True).click()
    first.get_by_role("heading", name="处理结果").wait_for()
    second.get_by_role("button", name="登记", exact=True).click()

    expect(second.get_by_text("这条留言刚刚由别人处理了（已登记）")).to_be_visible()
    expect(second.get_by_label("标题")).to_have_value("两个人同时处理")
    shot(second, "stale")
    second.get_by_role("button", name="看处理结果").click()
    expect(second.get_by_role("heading", name="处理结果")).to_be_visible()
    assert [event.type for event in desk.night.voicemails.get(case_no).events].count("register") == 1


def test_keys_move_through_the_list_but_never_while_somebody_types(desk: Desk, page: Page) -> None:
    oldest, _, complaint, newest = a_night(desk)
    sign_in(page, desk)
    expect(rows(page)).to_have_count(4)
    chosen = page.locator('[role="option"][aria-selected="true"]')
    page.keyboard.press("j")
    expect(chosen).to_have_attribute("id", f"voicemail-{oldest}")
    page.keyboard.press("j")
    expect(chosen).to_have_attribute("id", f"voicemail-{complaint}")
    page.keyboard.press("k")
    expect(chosen).to_have_attribute("id", f"voicemail-{oldest}")
    for _ in range(9):
        page.keyboard.press("j")
    expect(chosen).to_have_attribute("id", f"voicemail-{newest}")

    page.get_by_label("标题").click()
    page.keyboard.type("jk j [ ] ?")
    expect(page.get_by_label("标题")).to_have_value("jk j [ ] ?")
    expect(chosen).to_have_attribute("id", f"voicemail-{newest}")
    assert page.locator("audio").evaluate("audio => audio.paused")

    # An input method that composes sends the same keys to the page.
    page.locator("h1").click()
    page.evaluate("document.dispatchEvent(new KeyboardEvent('keydown', {key: 'k', isComposing: true, bubbles: true}))")
    expect(chosen).to_have_attribute("id", f"voicemail-{newest}")


def test_the_filter_goes_by_state_and_time(desk: Desk, page: Page) -> None:
    old = desk.night.voicemail(started_at=minutes_ago(4 * 24 * 60))
    made = a_night(desk)
    sign_in(page, desk)
    expect(rows(page)).to_have_count(4)
    page.get_by_label("时间").select_option("week")
    expect(row(page, old)).to_be_visible()
    page.get_by_label("时间").select_option("custom")
    page.get_by_label("到", exact=True).fill(f"{minutes_ago(2 * 24 * 60):%Y-%m-%dT%H:%M}")
    page.keyboard.press("Tab")
    expect(rows(page)).to_have_count(1)
    page.get_by_label("时间").select_option("night-and-today")
    page.get_by_label("状态").select_option("REGISTERED")
    expect(page.get_by_text("这段时间没有留言")).to_be_visible()
    page.get_by_label("状态").select_option("DRAFT")
    expect(rows(page)).to_have_count(len(made))


def test_when_the_server_is_away_the_page_says_so_and_keeps_what_it_has(desk: Desk, page: Page) -> None:
    case_no = a_night(desk)[2]
    sign_in(page, desk)
    open_case(page, case_no)
    page.get_by_label("标题").fill("还没有提交")
    page.route("**/api/v1/**", lambda route: route.abort())
    page.get_by_role("button", name="登记", exact=True).click()
    expect(page.get_by_text("连不上服务器").first).to_be_visible()
    expect(rows(page)).to_have_count(4)
    shot(page, "offline")
    page.unroute("**/api/v1/**")
    page.get_by_role("button", name="登记", exact=True).click()
    expect(row(page, case_no)).to_contain_text("已登记")


def test_at_200_percent_nothing_is_cut_off(desk: Desk, new_page: Callable[..., Page]) -> None:
    case_no = a_night(desk)[2]
    page = new_page(683, 384)
    sign_in(page, desk)
    open_case(page, case_no)
    overflow = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert overflow == 0
    page.get_by_role("button", name="登记", exact=True).scroll_into_view_if_needed()
    expect(page.get_by_role("button", name="登记", exact=True)).to_be_in_viewport()
    height = page.evaluate("document.documentElement.scrollHeight")
    page.set_viewport_size({"width": 683, "height": height})
    shot(page, "zoomed")


def test_the_case_number_copies_without_gaps(desk: Desk, page: Page) -> None:
    case_no = a_night(desk)[0]
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    sign_in(page, desk)
    open_case(page, case_no)
    page.get_by_role("button", name=re.compile("复制.*案件编号")).click()
    expect(page.get_by_text("已复制")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == case_no
