"""Entries: versions that never change, two people, no lost work; answers on the spot; the list of gaps."""

from __future__ import annotations

import threading
from datetime import date

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DatabaseError

from casebook.errors import CaseError
from casebook.knowledge import Content
from tests.knowledge.conftest import NEXT_YEAR, Base

CONTENT = Content(title="老年卡办理", answer="年满六十周岁，带身份证到公交公司窗口办理。", keywords=("敬老卡",))


def test_an_entry_goes_from_draft_to_published_with_its_history(base: Base) -> None:
    entry_id = base.draft("老年卡办理")
    assert base.knowledge.get(entry_id).entry.state == "draft"
    entry = base.publish(entry_id)
    assert (entry.state, entry.published_n, entry.review_due) == ("published", 1, NEXT_YEAR)
    history = base.knowledge.get(entry_id).history
    assert [(one.what, one.actor) for one in history] == [("create", "li"), ("publish", "wang")]


def test_the_author_does_not_publish_the_own_words(base: Base) -> None:
    entry_id = base.draft("老年卡办理")
    with pytest.raises(CaseError) as refused:
        base.publish(entry_id, actor="li")
    assert refused.value.code == "bad_value"
    assert base.knowledge.get(entry_id).entry.state == "draft"


def test_a_revision_leaves_the_published_version_as_it_is(base: Base) -> None:
    entry_id = base.published("老年卡办理")
    entry = base.knowledge.get(entry_id).entry
    n = base.knowledge.revise(entry_id, CONTENT, version=entry.version, actor="li", idempotency_key=base.key())
    detail = base.knowledge.get(entry_id)
    assert (n, detail.entry.published_n, len(detail.versions)) == (2, 1, 2)
    assert detail.versions[1].content == CONTENT
    assert base.knowledge.answer(entry_id).n == 1


def test_the_second_of_two_editors_is_told(base: Base) -> None:
    entry_id = base.draft("老年卡办理")
    version = base.knowledge.get(entry_id).entry.version
    base.knowledge.revise(entry_id, CONTENT, version=version, actor="li", idempotency_key=base.key())
    with pytest.raises(CaseError) as late:
        base.knowledge.revise(entry_id, CONTENT, version=version, actor="zhao", idempotency_key=base.key())
    assert late.value.code == "stale_version"
    assert base.knowledge.get(entry_id).entry.latest_n == 2


def test_of_many_editors_at_once_one_wins(base: Base) -> None:
    entry_id = base.draft("老年卡办理")
    outcomes: list[str] = []

    def revise(who: str) -> None:
        try:
            base.knowledge.revise(entry_id, CONTENT, version=1, actor=who, idempotency_key="k")
            outcomes.append("done")
        except CaseError as error:
            outcomes.append(error.code)

    threads = [threading.Thread(target=revise, args=(f"editor{n}",)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(outcomes) == ["done"] + ["stale_version"] * 5
    assert base.knowledge.get(entry_id).entry.latest_n == 2


def test_the_same_request_sent_twice_makes_one_entry(base: Base) -> None:
    made = [
        base.knowledge.create(
            CONTENT, matter="", owner_unit="公交公司", review_due=NEXT_YEAR, actor="li", idempotency_key="same"
        )
        for _ in range(2)
    ]
    assert made[0] == made[1]
    with pytest.raises(CaseError) as reused:
        base.knowledge.revise(made[0], CONTENT, version=1, actor="li", idempotency_key="same")
    assert reused.value.code == "key_reused"


@pytest.mark.parametrize("what", ["UPDATE kb_version SET answer = 'x'", "DELETE FROM kb_version"])
def test_a_version_cannot_be_changed_behind_the_program(base: Base, what: str) -> None:
    base.draft("老年卡办理")
    with pytest.raises(DatabaseError, match="never changes"), base.engine.begin() as connection:
        connection.execute(text(what))


@pytest.mark.parametrize(
    "content",
    [
        Content(title=" ", answer="x"),
        Content(title="x", answer=""),
        Content(title="x", answer="x", valid_from=date(2026, 2, 1), valid_to=date(2026, 1, 1)),
    ],
)
def test_an_entry_that_answers_nothing_is_refused(base: Base, content: Content) -> None:
    with pytest.raises(CaseError) as refused:
        base.knowledge.create(
            content, matter="", owner_unit="x", review_due=NEXT_YEAR, actor="li", idempotency_key=base.key()
        )
    assert refused.value.code == "bad_value"
    assert base.knowledge.entries(state=None, owner_unit=None, review_before=None) == []


def test_the_review_list_names_what_is_overdue_until_somebody_looked(base: Base) -> None:
    entry_id = base.published("老年卡办理")
    base.later(days=400)
    today = base.now.date()
    overdue = base.knowledge.entries(state="published", owner_unit="市人社局", review_before=today)
    assert [entry.id for entry in overdue] == [entry_id]
    reviewed = base.knowledge.review(
        entry_id,
        review_due=date(2029, 1, 1),
        note="无变化",
        version=overdue[0].version,
        actor="li",
        idempotency_key=base.key(),
    )
    assert reviewed.review_due == date(2029, 1, 1)
    assert base.knowledge.entries(state="published", owner_unit=None, review_before=today) == []


def test_a_review_that_is_over_already_is_refused(base: Base) -> None:
    entry_id = base.published("老年卡办理")
    with pytest.raises(CaseError):
        base.knowledge.review(
            entry_id, review_due=date(2026, 11, 23), note="", version=2, actor="li", idempotency_key=base.key()
        )


def test_an_answer_on_the_spot_is_the_published_text_and_counts_once_a_case(base: Base) -> None:
    entry_id = base.published("老年卡办理", "年满六十周岁可以办理。", basis="某文件第三条")
    answer = base.knowledge.answer(entry_id)
    assert (answer.text, answer.basis, answer.n) == ("年满六十周岁可以办理。", "某文件第三条", 1)
    for useful in (None, True):
        base.knowledge.use(entry_id, "LYG20261123000001", "agent", useful=useful)
    base.knowledge.use(entry_id, "LYG20261123000002", "agent", useful=False)
    entry = base.knowledge.get(entry_id).entry
    assert (entry.uses, entry.useful, entry.not_useful) == (2, 1, 1)


def test_nothing_is_answered_from_a_draft_an_expired_or_an_internal_entry(base: Base) -> None:
    for entry_id in (
        base.draft("草稿"),
        base.published("过期", valid_to=date(2026, 11, 22)),
        base.published("内部参考", on_the_spot=False),
    ):
        with pytest.raises(CaseError) as refused:
            base.knowledge.use(entry_id, "LYG20261123000001", "agent", useful=None)
        assert refused.value.code == "bad_state"
    with pytest.raises(CaseError) as unknown:
        base.knowledge.answer(9999)
    assert unknown.value.code == "not_found"


def test_an_entry_is_true_to_the_end_of_its_last_day_in_the_city(base: Base) -> None:
    entry_id = base.published("活动", valid_to=date(2026, 11, 23))
    base.later(hours=14)  # 23:00 in the city
    assert base.knowledge.answer(entry_id)
    base.later(hours=2)
    with pytest.raises(CaseError):
        base.knowledge.answer(entry_id)


def test_a_question_without_an_entry_is_counted_by_its_words(base: Base) -> None:
    base.gaps.note("无人机在哪里登记？", "", "LYG20261123000001", "agent")
    base.gaps.note(" 无人机 在哪里登记", "", "LYG20261123000002", "agent")
    base.gaps.note("无人机在哪里登记", "", "LYG20261123000002", "agent")
    base.gaps.note("蓝牌是什么", "", "LYG20261123000003", "agent")
    assert [(gap.question, gap.times) for gap in base.gaps.items()] == [("无人机在哪里登记？", 2), ("蓝牌是什么", 1)]


def test_a_gap_is_filled_by_an_entry_or_dismissed_with_a_reason_and_opens_when_asked_again(base: Base) -> None:
    first = base.gaps.note("无人机在哪里登记", "", "a", "agent")
    second = base.gaps.note("明天的彩票号码", "", "b", "agent")
    entry_id = base.published("无人机实名登记")
    with pytest.raises(CaseError):
        base.gaps.fill(first.id, 9999, "wang")
    with pytest.raises(CaseError):
        base.gaps.dismiss(second.id, " ", "wang")
    assert base.gaps.fill(first.id, entry_id, "wang").entry_id == entry_id
    assert base.gaps.dismiss(second.id, "不属于政务咨询", "wang").state == "dismissed"
    assert base.gaps.items() == []
    again = base.gaps.note("无人机在哪里登记", "", "c", "agent")
    assert (again.id, again.state, again.times, again.entry_id) == (first.id, "open", 2, None)


def test_a_gap_noted_by_many_at_once_is_one(base: Base) -> None:
    threads = [threading.Thread(target=base.gaps.note, args=("同一个问题", "", f"case{n}", "agent")) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert [gap.times for gap in base.gaps.items()] == [6]
