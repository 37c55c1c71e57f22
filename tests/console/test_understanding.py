"""What the machine understood of a voicemail: what it mended, what it suggests, what it could not hear."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.console.conftest import Desk, shot, sign_in
from tests.console.test_review import open_case, row
from transcription.model import BUNDLED, name_of

WORDS = [
    ("海州区", 0.95),
    ("苍梧路", 0.55),
    ("12号", 0.9),
    ("昨天", 0.9),
    ("夜间施工", 0.92),
    ("请打", 0.9),
    ("13851230000", 0.88),
]
MENDED = {"苍梧路": "仓库路", "12号": "十二号", "13851230000": "幺三八五幺二三零零零零"}
TEXT = "".join(text for text, _ in WORDS)
HEARD = "".join(MENDED.get(text, text) for text, _ in WORDS)
SUGGESTIONS = [
    {"kind": "phone", "value": "13851230000", "quote": "13851230000"},
    {"kind": "place", "value": "海州区苍梧路12号", "quote": "海州区苍梧路12号"},
    {"kind": "matter", "value": "建筑工地", "quote": "夜间施工"},
    {"kind": "matter", "value": "渣土运输", "quote": "施工"},
    {"kind": "time", "value": "2026-11-23", "quote": "昨天"},
]
STARTS_MS = (2400, 0, 1600, 1600, 1200)


def understood(desk: Desk, model: str = "vosk-model-small-cn-0.22", **changes: object) -> str:
    case_no = desk.night.voicemail(seconds=4)
    found = [
        {**one, "start_ms": start, "end_ms": start + 390, "confidence": 0.5 if start == 0 else 0.9}
        for one, start in zip(SUGGESTIONS, STARTS_MS, strict=True)
    ]
    desk.night.transcribe(
        case_no,
        WORDS,
        mended=MENDED,
        suggestions=found,
        model=model,
        **changes,  # type: ignore[arg-type]
    )
    return case_no


def chips(page: Page) -> Locator:
    return page.get_by_role("region", name="从留言里听出的要点").get_by_role("listitem")


def position_s(page: Page) -> float:
    seconds: float = page.locator("audio").evaluate("audio => audio.currentTime")
    return seconds


def test_mended_words_are_marked_and_tell_what_was_heard(desk: Desk, page: Page) -> None:
    case_no = understood(desk)
    sign_in(page, desk)
    open_case(page, case_no)
    expect(page.locator(".words .mended")).to_have_text(list(MENDED))
    place = page.get_by_role("button", name="苍梧路，存疑，原始识别为仓库路")
    assert "机器听到的是“仓库路”" in (place.get_attribute("title") or "")
    place.click()
    expect(page.get_by_text("“苍梧路”，机器听到的是“仓库路”。")).to_be_visible()
    assert position_s(page) == 0.4
    expect(page.get_by_role("button", name="昨天", exact=True)).to_be_visible()
    shot(page, "mended")


def test_the_words_read_as_the_text_does_with_its_marks_and_spaces(desk: Desk, page: Page) -> None:
    case_no = desk.night.voicemail(seconds=4)
    words = [("小区", 0.9), ("停水", 0.9), ("请打", 0.9), ("wifi", 0.9), ("kfc", 0.9), ("12", 0.9), ("34", 0.9)]
    text = "小区停水，请打wifi kfc。12 34"
    desk.night.transcribe(case_no, words, after={"停水": "，", "kfc": "。"}, text=text)
    sign_in(page, desk)
    open_case(page, case_no)
    expect(page.locator(".words .word")).to_have_text([word for word, _ in words])
    assert page.locator(".words").evaluate("words => words.textContent") == text


def test_the_recognisers_own_text_is_a_click_away(desk: Desk, page: Page) -> None:
    case_no = understood(desk)
    sign_in(page, desk)
    open_case(page, case_no)
    transcript = page.get_by_role("region", name="录音转写")
    expect(transcript).not_to_contain_text(HEARD)
    page.get_by_role("button", name="原始识别", exact=True).click()
    expect(page.get_by_role("button", name="原始识别", exact=True)).to_have_attribute("aria-pressed", "true")
    expect(transcript).to_contain_text(HEARD)
    shot(page, "raw")
    page.get_by_role("button", name="整理后").click()
    expect(page.locator(".words .word")).to_have_count(len(WORDS))


def test_the_page_says_which_engine_and_model_spoke_and_how_sure_it_is(desk: Desk, page: Page) -> None:
    case_no = understood(desk)
    sign_in(page, desk)
    open_case(page, case_no)
    expect(page.get_by_text("识别引擎 vosk，模型 vosk-model-small-cn-0.22")).to_be_visible()
    expect(page.get_by_text("整体把握 86%")).to_be_visible()
    expect(page.get_by_text("演示模型")).to_have_count(0)


def test_the_page_says_so_where_only_the_demonstration_model_spoke(desk: Desk, page: Page) -> None:
    case_no = understood(desk, model=name_of(BUNDLED))
    sign_in(page, desk)
    open_case(page, case_no)
    expect(page.get_by_text("随附的演示模型，错字较多，请以录音为准")).to_be_visible()
    shot(page, "demonstration")


def test_suggestions_show_their_words_and_play_them(desk: Desk, page: Page) -> None:
    case_no = understood(desk)
    sign_in(page, desk)
    open_case(page, case_no)
    expect(chips(page)).to_have_count(len(SUGGESTIONS))
    for n, parts in enumerate(
        (("电话", "13851230000"), ("地点", "海州区苍梧路12号", "存疑"), ("事项", "建筑工地", "夜间施工"))
    ):
        for part in parts:
            expect(chips(page).nth(n)).to_contain_text(part)
    expect(chips(page).nth(4)).to_contain_text("2026年11月23日")
    expect(chips(page).nth(4)).to_contain_text("昨天")
    chips(page).nth(2).get_by_role("button").first.click()
    assert position_s(page) == 1.6


def test_one_key_puts_the_suggestions_into_the_form(desk: Desk, page: Page) -> None:
    case_no = understood(desk)
    sign_in(page, desk)
    open_case(page, case_no)
    expect(page.get_by_label("内容")).to_have_value(TEXT)
    page.keyboard.press("f")
    filled = f"{TEXT}\n时间：2026年11月23日"
    expect(page.get_by_label("标题")).to_have_value("海州区苍梧路12号建筑工地")
    expect(page.get_by_label("内容")).to_have_value(filled)
    for name, value in (("matter", "建筑工地"), ("place", "海州区苍梧路12号"), ("phone", "13851230000")):
        expect(page.locator(f"[name={name}]")).to_have_value(value)
    shot(page, "filled")
    page.keyboard.press("f")
    expect(page.get_by_label("内容")).to_have_value(filled)
    page.get_by_role("button", name="填入事项：渣土运输").click()
    expect(page.get_by_label("内容")).to_have_value(f"{filled}\n事项：渣土运输")

    page.get_by_role("button", name="登记", exact=True).click()
    expect(row(page, case_no)).to_contain_text("已登记")
    expect(page.get_by_role("button", name="填入表单")).to_have_count(0)
    kept = desk.night.voicemails.get(case_no)
    assert (kept.title, kept.matter, kept.place) == ("海州区苍梧路12号建筑工地", "建筑工地", "海州区苍梧路12号")


def test_suggestions_never_overwrite_what_was_typed(desk: Desk, page: Page) -> None:
    case_no = understood(desk)
    sign_in(page, desk)
    open_case(page, case_no)
    page.get_by_label("标题").fill("自己写的标题")
    page.locator("[name=place]").fill("自己写的地点")
    page.get_by_label("内容").fill("自己写的内容")
    page.keyboard.type("f")
    expect(page.get_by_label("内容")).to_have_value("自己写的内容f")
    page.get_by_role("button", name="填入表单").click()
    expect(page.get_by_label("标题")).to_have_value("自己写的标题")
    expect(page.locator("[name=place]")).to_have_value("自己写的地点")
    expect(page.get_by_label("内容")).to_have_value("自己写的内容f\n时间：2026年11月23日")


@pytest.mark.parametrize(
    ("quality", "warning"),
    [
        (
            {"speech_ms": 3000, "speech_dbfs": -54.2, "noise_dbfs": -70.0, "clipped_share": 0.0},
            "音量过低（-54.2 dBFS）",
        ),
        ({"speech_ms": 3000, "speech_dbfs": -9.0, "noise_dbfs": -50.0, "clipped_share": 0.034}, "失真：3.4%"),
        ({"speech_ms": 0, "speech_dbfs": None, "noise_dbfs": -70.0, "clipped_share": 0.0}, "没有检测到人声"),
        ({"speech_ms": 3000, "speech_dbfs": -25.0, "noise_dbfs": -60.0, "clipped_share": 0.001}, None),
    ],
)
def test_a_recording_that_is_hard_to_hear_says_why(
    desk: Desk, page: Page, quality: dict[str, float | None], warning: str | None
) -> None:
    case_no = understood(desk, quality=quality)
    sign_in(page, desk)
    open_case(page, case_no)
    notices = page.get_by_role("region", name="录音转写").locator(".notice")
    expect(notices).to_have_count(1 if warning else 0)
    if warning:
        expect(notices).to_contain_text(warning)


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        ("missing", "录音文件不见了"),
        ("empty", "录音是空的，没有声音"),
        ("not_audio", "录音文件不是声音"),
        ("broken", "录音文件已损坏"),
    ],
)
def test_a_rejected_recording_says_why_in_the_list_and_on_the_page(
    desk: Desk, page: Page, error: str, reason: str
) -> None:
    case_no = desk.night.voicemail()
    desk.night.reject(case_no, error)
    sign_in(page, desk)
    expect(row(page, case_no)).to_contain_text(f"没有转写：{reason}")
    open_case(page, case_no)
    expect(page.get_by_text(f"这段录音没有转写：{reason}")).to_be_visible()
    expect(page.get_by_text("待转写")).to_have_count(0)


def test_a_transcription_that_failed_is_not_shown_as_waiting(desk: Desk, page: Page) -> None:
    case_no = desk.night.voicemail()
    desk.night.give_up(case_no)
    sign_in(page, desk)
    expect(row(page, case_no)).to_contain_text("转写失败，请听录音")
    open_case(page, case_no)
    expect(page.get_by_text("转写失败，请直接听录音。")).to_be_visible()
    expect(page.get_by_text("待转写")).to_have_count(0)


def test_in_the_dark_and_at_200_percent_all_is_there(desk: Desk, new_page: Callable[..., Page]) -> None:
    case_no = understood(desk, quality={"speech_ms": 3000, "speech_dbfs": -54.2, "clipped_share": 0.034})
    desk.night.alarm(case_no)
    desk.night.reject(desk.night.voicemail(), "broken")
    for scheme, width, height in (("light", 1366, 768), ("dark", 1366, 768), ("light", 683, 384), ("dark", 683, 384)):
        page = new_page(width, height)
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        sign_in(page, desk)
        open_case(page, case_no)
        page.keyboard.press("f")
        overflow = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert overflow == 0
        expect(page.get_by_role("button", name="填入表单")).to_be_visible()
        light = page.evaluate("getComputedStyle(document.documentElement).backgroundColor") == "rgb(255, 255, 255)"
        assert light == (scheme == "light")
        if width < 1000:
            page.set_viewport_size({"width": width, "height": page.evaluate("document.documentElement.scrollHeight")})
        shot(page, f"understood-{scheme}-{width}")
