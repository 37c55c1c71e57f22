"""The night is cleared by keyboard alone, by several reviewers at once: nothing twice, nothing lost."""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import select, update

from casebook.api.knowledge_deps import KnowledgeDeps
from casebook.console.build import CONSOLE_DIR
from casebook.store.knowledge import Knowledge
from casebook.store.knowledge_gaps import KnowledgeGaps
from casebook.store.knowledge_index import KnowledgeSearch
from casebook.store.knowledge_schema import suggestion_decision
from casebook.store.review_tables import review_claim, transcript_correction
from casebook.store.router_tables import callback_task
from casebook.store.suggestions import Suggestions
from casebook.suggest.adviser import Adviser
from casebook.suggest.classifier import Classifier
from casebook.suggest.model_file import ModelInfo
from config.suggestions import CatalogueUnits
from tests.api.night import PASSWORD, REVIEWER, Night, minutes_ago
from tests.console.conftest import Desk, serving, shot, sign_in
from tests.console.test_review import open_case, row, rows, stay
from tests.suggest.conftest import BOOK, CATALOGUE, PLACES, Ready, trained

__all__ = ["trained"]

COLLEAGUE = "lihua"
SAID = [
    ("海州区", 0.95),
    ("解放路", 0.42),
    ("工地", 0.9),
    ("夜间", 0.88),
    ("施工", 0.93),
    ("噪音", 0.51),
    ("扰民", 0.9),
]
TEXT = "".join(word for word, _ in SAID)
PLACE = {
    "kind": "place",
    "value": "海州区解放路",
    "quote": "海州区解放路",
    "start_ms": 0,
    "end_ms": 790,
    "confidence": 0.9,
}
MATTER = {"kind": "matter", "value": "建筑工地", "quote": "工地", "start_ms": 800, "end_ms": 1190, "confidence": 0.9}


@pytest.fixture
def house(desk: Desk) -> Desk:
    """A night with a second reviewer."""
    desk.night.users.add(COLLEAGUE, PASSWORD, role="reviewer", display_name="李华")
    return desk


@pytest.fixture
def advised(tmp_path: Path, trained: tuple[Classifier, ModelInfo]) -> Iterator[Desk]:
    """A night whose server suggests matters, regions, units and duplicates."""
    night = Night(tmp_path, console_dir=CONSOLE_DIR / "dist")
    suggestions = Suggestions(night.engine)
    night.knowledge = KnowledgeDeps(
        entries=Knowledge(night.engine),
        search=KnowledgeSearch(night.engine),
        gaps=KnowledgeGaps(night.engine),
        adviser=Adviser(CATALOGUE, Ready(trained), PLACES, CatalogueUnits(BOOK), suggestions, night.clock),
        suggestions=suggestions,
    )
    with serving(night) as made:
        yield made


def voicemails(desk: Desk, count: int, *, seconds: float = 2, words: list[tuple[str, float]] = SAID) -> list[str]:
    """Transcribed voicemails, the oldest first, each of another caller."""
    made = []
    for n in range(count):
        ani = f"138512300{n:02d}"
        case_no = desk.night.voicemail(started_at=minutes_ago(60 - n), seconds=seconds, ani=ani)
        desk.night.transcribe(case_no, words, suggestions=[PLACE, MATTER])
        made.append(case_no)
    return made


def shown(page: Page) -> str:
    """The voicemail on the screen, once the focus is there: the next key goes to it."""
    page.wait_for_function("() => document.activeElement?.matches('article.detail')")
    return str(page.evaluate("document.activeElement.getAttribute('aria-label')")).removeprefix("留言 ")


def wait_for_another(page: Page, before: str) -> str:
    """The next voicemail that opens by itself."""
    page.wait_for_function(
        "before => document.activeElement?.matches('article.detail') &&"
        " document.activeElement.getAttribute('aria-label') !== `留言 ${before}`",
        arg=before,
    )
    return shown(page)


def keys(page: Page, *names: str) -> None:
    for name in names:
        page.keyboard.press(name)


def first_one(page: Page) -> str:
    keys(page, "n")
    return shown(page)


def holder(desk: Desk, case_no: str) -> str:
    claim = desk.night.voicemails.get(case_no).claim
    return claim.reviewer if claim else ""


def focused(page: Page) -> str:
    return str(page.evaluate("document.activeElement.getAttribute('name') ?? document.activeElement.tagName"))


def sign_in_by_keyboard(page: Page, desk: Desk, name: str) -> None:
    page.goto(desk.url)
    page.get_by_label("用户名").wait_for()
    page.wait_for_function("() => document.activeElement?.tagName === 'INPUT'")
    page.keyboard.type(name)
    page.keyboard.press("Tab")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="夜间留言").wait_for()


def test_ten_voicemails_are_cleared_by_keyboard_while_a_colleague_works_too(
    house: Desk, new_page: Callable[..., Page]
) -> None:
    made = voicemails(house, 14)
    house.night.alarm(made[-1])
    mine, colleague = new_page(), new_page()
    sign_in_by_keyboard(mine, house, REVIEWER)
    sign_in_by_keyboard(colleague, house, COLLEAGUE)
    began = time.monotonic()
    here = first_one(mine)
    assert here == made[-1], "the emergency first"
    there = first_one(colleague)
    by_me: list[str] = []
    by_colleague: list[str] = []
    while len(by_me) < 10:
        assert here != there
        if len(by_me) % 5 == 3:
            keys(mine, "x", "2")
            expect(mine.get_by_label("作废理由")).to_have_value("误拨、打错电话")
        elif len(by_me) % 5 == 4:
            keys(mine, "i")
            mine.keyboard.type("手写标题")
            expect(mine.get_by_label("标题")).to_have_value("手写标题")
        else:
            keys(mine, "t", "3", "f")
            expect(mine.get_by_label("标题")).to_have_value("海州区解放路建筑工地")
        keys(mine, "Control+Enter" if len(by_me) % 5 == 4 else "Enter")
        by_me.append(here)
        if len(by_me) % 3 == 0:
            keys(colleague, "f", "Enter")
            by_colleague.append(there)
            there = wait_for_another(colleague, there)
        here = wait_for_another(mine, here) if len(by_me) < 10 else ""
    took_s = time.monotonic() - began
    sys.stdout.write(
        f"\n13 voicemails by two reviewers in {took_s:.1f} s: {took_s / 10:.1f} s each for the first one\n"
    )

    expect(mine.get_by_text(re.compile("^1?[0-9]\\+? 条，待审核 1 条$"))).to_be_visible()
    for case_no in made:
        events = [
            event for event in house.night.voicemails.get(case_no).events if event.type in ("register", "discard")
        ]
        expected = [REVIEWER] * (case_no in by_me) + [COLLEAGUE] * (case_no in by_colleague)
        assert [event.actor for event in events] == expected, case_no
    assert len(set(by_me) | set(by_colleague)) == 13


def test_thirty_seconds_of_speech_are_heard_at_double_speed_and_registered_by_keys(desk: Desk, page: Page) -> None:
    case_no, _ = voicemails(desk, 2, seconds=30)
    sign_in_by_keyboard(page, desk, REVIEWER)
    began = time.monotonic()
    keys(page, "n")
    assert shown(page) == case_no
    expect(page.get_by_role("button", name="暂停")).to_be_visible()
    keys(page, "3")
    assert page.locator("audio").evaluate("audio => audio.playbackRate") == 2
    keys(page, "Tab", "Tab")
    keys(page, "Escape")
    page.wait_for_function("() => document.querySelector('audio').ended", timeout=40_000)
    keys(page, "f", "t", "3", "Enter")
    wait_for_another(page, case_no)
    took_s = time.monotonic() - began
    sys.stdout.write(f"\n30 s of speech heard at double speed and registered in {took_s:.1f} s\n")
    assert desk.night.voicemails.get(case_no).state == "REGISTERED"


def test_the_next_one_opens_and_plays_by_itself_unless_the_reviewer_does_not_want_it(desk: Desk, page: Page) -> None:
    first, second, _ = voicemails(desk, 3, seconds=30)  # none is heard out before it is looked at
    sign_in(page, desk)
    assert first_one(page) == first
    expect(page.get_by_role("button", name="暂停")).to_be_visible()
    keys(page, "f", "Enter")
    assert wait_for_another(page, first) == second
    expect(page.get_by_role("button", name="暂停")).to_be_visible()
    expect(page.get_by_role("banner").or_(page.locator("header.head")).get_by_text(f"已登记 {first}")).to_be_visible()
    shot(page, "review-playing")
    stay(page)
    page.locator("article").focus()
    keys(page, "f", "Enter")
    expect(page.get_by_role("heading", name="处理结果")).to_be_visible()
    assert shown(page) == second
    page.reload()
    expect(page.get_by_label("处理后自动打开下一条并播放")).not_to_be_checked()


def test_numbers_belong_to_the_letter_before_them_and_else_are_the_speed(desk: Desk, page: Page) -> None:
    voicemails(desk, 1)
    sign_in(page, desk)
    first_one(page)
    rate = page.locator("audio")
    keys(page, "2")
    assert rate.evaluate("audio => audio.playbackRate") == 1.5
    keys(page, "t", "9")
    expect(page.get_by_label("类型")).to_have_value("other")
    keys(page, "r")
    expect(page.get_by_text("按数字键选区域")).to_be_visible()
    shot(page, "review-choosing")
    keys(page, "3")
    expect(page.get_by_label("区域")).to_have_value("赣榆区")
    keys(page, "r", "Escape", "1")
    expect(page.get_by_label("区域")).to_have_value("赣榆区")
    assert rate.evaluate("audio => audio.playbackRate") == 1
    keys(page, "x", "3")
    expect(page.get_by_label("作废理由")).to_have_value("骚扰电话")
    keys(page, "?")
    expect(page.locator("#key-help")).to_contain_text("选建议的事项")
    shot(page, "review-keys")


def test_keys_that_an_input_method_takes_do_nothing(desk: Desk, page: Page) -> None:
    case_no = voicemails(desk, 1)[0]
    sign_in(page, desk)
    first_one(page)
    for key in ("Enter", "n", "x", "f"):
        page.evaluate(
            "key => document.activeElement.dispatchEvent(new KeyboardEvent('keydown',"
            " {key, isComposing: true, bubbles: true}))",
            key,
        )
    keys(page, "i")
    page.keyboard.type("nxfe 123")
    for key in ("Enter", "Escape"):
        page.evaluate(
            "key => document.activeElement.dispatchEvent(new KeyboardEvent('keydown',"
            " {key, isComposing: true, keyCode: 229, ctrlKey: key === 'Enter', bubbles: true}))",
            key,
        )
    assert focused(page) == "title"
    expect(page.get_by_label("标题")).to_have_value("nxfe 123")
    assert desk.night.voicemails.get(case_no).state == "DRAFT"
    keys(page, "Escape")
    assert shown(page) == case_no


def test_tab_goes_from_one_unsure_word_to_the_next_and_then_on_as_everywhere(desk: Desk, page: Page) -> None:
    voicemails(desk, 1)
    sign_in(page, desk)
    first_one(page)
    keys(page, "Tab")
    expect(page.get_by_role("button", name="解放路，存疑")).to_be_focused()
    keys(page, "Tab")
    expect(page.get_by_role("button", name="噪音，存疑")).to_be_focused()
    assert page.locator("audio").evaluate("audio => audio.currentTime") >= 2
    keys(page, "Tab")
    expect(page.get_by_role("button", name="噪音，存疑")).not_to_be_focused()
    assert page.evaluate("document.activeElement !== document.body"), "no trap: the focus goes on"


def test_a_text_corrected_by_ear_is_kept_and_goes_into_the_case(desk: Desk, page: Page) -> None:
    case_no = voicemails(desk, 1)[0]
    sign_in(page, desk)
    first_one(page)
    keys(page, "e")
    field = page.get_by_label(re.compile("听到的原话"))
    expect(field).to_be_focused()
    expect(field).to_have_value(TEXT)
    page.keyboard.press("Control+End")
    page.keyboard.type("，在三号楼旁")
    page.reload()
    expect(field).to_have_value(f"{TEXT}，在三号楼旁")
    shot(page, "review-correcting")
    field.focus()
    keys(page, "Control+Enter")
    expect(page.get_by_text("更正后")).to_be_visible()
    expect(page.get_by_label("内容")).to_have_value(f"{TEXT}，在三号楼旁")
    with desk.night.engine.connect() as connection:
        t = transcript_correction.c
        kept = connection.execute(select(t.repaired, t.corrected, t.corrected_by)).all()
    assert [tuple(one) for one in kept] == [(TEXT, f"{TEXT}，在三号楼旁", REVIEWER)]
    assert desk.night.voicemails.get(case_no).transcript_text == TEXT


def test_a_correction_that_was_not_saved_is_kept_by_the_decision(desk: Desk, page: Page) -> None:
    case_no = voicemails(desk, 1)[0]
    sign_in(page, desk)
    first_one(page)
    keys(page, "e")
    page.keyboard.press("Control+End")
    page.keyboard.type("。")
    keys(page, "Escape", "f", "Enter")
    expect(row(page, case_no)).to_contain_text("已登记")
    correction = desk.night.voicemails.get(case_no).correction
    assert correction is not None
    assert correction.text == f"{TEXT}。"


def test_the_caller_is_called_back_by_the_desk(desk: Desk, page: Page) -> None:
    first, second = voicemails(desk, 2)
    sign_in(page, desk)
    assert first_one(page) == first
    keys(page, "c")
    page.keyboard.type("地址没听清")
    keys(page, "Enter")
    assert wait_for_another(page, first) == second
    expect(row(page, first)).to_contain_text("已约回拨")
    with desk.night.engine.connect() as connection:
        [task] = connection.execute(select(callback_task.c.reason, callback_task.c.note)).all()
    assert tuple(task) == ("requested", f"核实留言 {first}：地址没听清")
    assert desk.night.voicemails.get(first).state == "DRAFT"


def test_what_a_colleague_reviews_is_read_only_and_says_who_has_it(house: Desk, new_page: Callable[..., Page]) -> None:
    case_no, other = voicemails(house, 2)
    first, second = new_page(), new_page()
    sign_in(first, house)
    sign_in(second, house, COLLEAGUE)
    assert first_one(first) == case_no
    open_case(second, case_no)
    expect(second.get_by_text("王敏正在审核这条留言，您现在只能查看。")).to_be_visible()
    expect(second.get_by_label("标题")).to_be_disabled()
    expect(row(second, case_no)).to_contain_text("王敏在审核")
    expect(row(first, case_no)).to_contain_text("我在审核")
    keys(second, "f", "Enter", "x", "1")
    shot(second, "review-held")
    assert house.night.voicemails.get(case_no).state == "DRAFT"
    # The colleague leaves it: it comes free, and whoever looks at it may decide.
    keys(first, "n")
    assert wait_for_another(first, case_no) == other
    expect(second.get_by_label("标题")).to_be_enabled()
    assert holder(house, case_no) == COLLEAGUE


def test_a_voicemail_comes_free_when_its_page_is_closed_or_its_browser_is_gone(
    house: Desk, new_page: Callable[..., Page]
) -> None:
    first, second = voicemails(house, 2)
    mine, colleague = new_page(), new_page()
    sign_in(mine, house)
    # The page that opens holds it once more: that claim, arriving after the page has let go, would last ten minutes.
    with mine.expect_response(lambda answer: answer.url.endswith(f"{first}/claim")):
        assert first_one(mine) == first
    mine.close()
    sign_in(colleague, house, COLLEAGUE)
    expect(rows(colleague)).to_have_count(2)
    deadline = time.monotonic() + 30
    while holder(house, first) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert first_one(colleague) == first, "let go of by the page that was closed"

    # A browser that dies says nothing: the claim ends by its time.
    mine = new_page()
    sign_in(mine, house)
    with mine.expect_response(lambda answer: answer.url.endswith(f"{second}/claim")):
        assert first_one(mine) == second
    cdp = mine.context.new_cdp_session(mine)
    mine.context.set_offline(True)
    cdp.detach()
    with house.night.engine.begin() as connection:
        connection.execute(update(review_claim).values(expires_at=minutes_ago(1)))
    keys(colleague, "n")
    assert wait_for_another(colleague, first) == second


def test_a_claim_is_renewed_while_somebody_works_and_not_by_a_page_that_is_merely_open(house: Desk, page: Page) -> None:
    case_no = voicemails(house, 1)[0]
    page.clock.install()
    sign_in(page, house)
    first_one(page)

    def until() -> datetime:
        claim = house.night.voicemails.get(case_no).claim
        assert claim is not None
        return claim.until

    taken = until()
    page.clock.fast_forward(100_000)
    keys(page, "2")
    page.clock.fast_forward(30_000)
    deadline = time.monotonic() + 30
    while until() == taken and time.monotonic() < deadline:
        time.sleep(0.1)
    # What was asked for while the page opened may still be on its way.
    page.wait_for_timeout(1000)
    renewed = until()
    assert renewed > taken
    page.clock.fast_forward(110_000)
    page.clock.fast_forward(120_000)
    expect(page.get_by_text("我在审核")).to_be_visible()
    page.wait_for_timeout(1000)
    assert until() == renewed


def test_a_claim_that_was_lost_while_typing_costs_no_word(house: Desk, page: Page) -> None:
    case_no = voicemails(house, 1)[0]
    sign_in(page, house)
    first_one(page)
    keys(page, "i")
    page.keyboard.type("打到一半")
    # Away for long: a colleague has it now.
    with house.night.engine.begin() as connection:
        connection.execute(update(review_claim).values(reviewer=COLLEAGUE))
    keys(page, "Control+Enter")
    expect(page.get_by_text("李华正在审核这条留言").first).to_be_visible()
    expect(page.get_by_label("标题")).to_have_value("打到一半")
    assert house.night.voicemails.get(case_no).state == "DRAFT"
    house.night.voicemails.reviews.release(case_no, COLLEAGUE)
    expect(page.get_by_label("标题")).to_be_enabled()
    page.locator("article").focus()
    keys(page, "Enter")
    expect(row(page, case_no)).to_contain_text("已登记")


def test_matter_region_and_unit_are_suggested_and_agreement_is_counted(advised: Desk, page: Page) -> None:
    case_no = voicemails(advised, 1)[0]
    sign_in(page, advised)
    first_one(page)
    offered = page.get_by_role("group", name="建议的事项").get_by_role("button")
    expect(offered.nth(1)).to_be_visible()
    keys(page, "f")
    expect(page.get_by_label("区域")).to_have_value("海州区")
    keys(page, "m")
    expect(offered.nth(1)).to_contain_text("2")
    shot(page, "review-advised")
    second = str(offered.nth(1).text_content()).split()[1]
    keys(page, "2")
    expect(page.locator("[name=matter]")).to_have_value(second)
    expect(page.get_by_text("按目录应由")).to_be_visible()
    keys(page, "Enter")
    expect(row(page, case_no)).to_contain_text("已登记")
    kept = advised.night.voicemails.get(case_no)
    assert (kept.matter, kept.region) == (second, "海州区")
    deadline = time.monotonic() + 30
    decided: list[tuple[str, str, int | None]] = []
    while len(decided) < 2 and time.monotonic() < deadline:
        with advised.night.engine.connect() as connection:
            d = suggestion_decision.c
            decided = [tuple(one) for one in connection.execute(select(d.kind, d.chosen, d.rank).order_by(d.id))]
        time.sleep(0.1)
    assert decided == [("matter", second, 2), ("region", "海州区", 1)]


def test_a_demand_that_is_known_already_goes_to_triage_with_that_advice(advised: Desk, page: Page) -> None:
    first, second = voicemails(advised, 2)
    sign_in(page, advised)
    assert first_one(page) == first
    keys(page, "f", "Enter")
    assert wait_for_another(page, first) == second
    keys(page, "f", "d")
    expect(page.get_by_role("list", name="可能重复的诉求")).to_contain_text(first)
    shot(page, "review-duplicate")
    keys(page, "1", "Enter")
    expect(row(page, second)).not_to_contain_text("待审核")
    kept = advised.night.voicemails.get(second)
    assert kept.state == "TRIAGE"
    assert kept.events[-1].payload["note"] == f"与 {first} 为同一诉求，建议并单"


def test_no_barrier_that_axe_finds(house: Desk, new_page: Callable[..., Page]) -> None:
    made = voicemails(house, 3)
    house.night.alarm(made[0])
    axe = (CONSOLE_DIR / "node_modules/axe-core/axe.min.js").read_text()
    for scheme in ("light", "dark"):
        page = new_page(bypass_csp=True)
        page.emulate_media(color_scheme=scheme)
        sign_in(page, house)
        first_one(page)
        for name, pressed in (
            ("register", ["f"]),
            ("discard", ["x", "1"]),
            ("again", ["d", "Escape"]),
            ("edit", ["e"]),
        ):
            keys(page, *pressed)
            page.evaluate(axe)
            found = page.evaluate(
                "async () => (await axe.run()).violations.filter(one => ['serious', 'critical'].includes(one.impact))"
                ".map(one => `${one.id}: ${one.nodes.map(node => node.target.join(' ')).join(' | ')}`)"
            )
            assert found == [], f"{scheme} {name}"
            shot(page, f"review-{name}-{scheme}")
        page.context.close()
