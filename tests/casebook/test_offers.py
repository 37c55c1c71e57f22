"""What a page offers is what the decision takes; which clocks run; what waits for whom."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from casebook import roles
from casebook.errors import CaseError
from casebook.handling import commands as do
from casebook.handling.decide import decide
from casebook.handling.offers import offered
from casebook.handling.running import nearest, running
from casebook.roles import Actor
from casebook.store.queries import Cases
from casebook.store.queues import Queues
from casebook.store.schema import notice
from casebook.store.verify import verify_chains
from tests.casebook.conftest import Desk
from tests.casebook.play import (
    AGENT,
    CALLER_BACK,
    DISPATCHER,
    LEADER,
    SECOND,
    START,
    book,
    deputy,
    liaison,
    moves,
    scene,
)
from tests.casebook.rest import house
from tests.casebook.test_course import MASTER, play
from tests.casebook.test_handling import FEEDBACK, OK, RETURN, SATISFIED, dispatched, fed_back, refused

NO_FIELDS = {
    "sign",
    "sign_extension",
    "resume",
    "confirm_refusal",
    "confirm_close",
    "approve_extension",
}
"""Events whose forms ask for nothing that could be wrong: what is offered of them succeeds."""


@settings(max_examples=120)
@given(st.integers(0, 10**9))
def test_whatever_a_decision_takes_was_offered_and_a_form_without_fields_succeeds(seed: int) -> None:
    for case, happened in play(seed, 20):
        now = happened.at + timedelta(minutes=1)
        for actor, command in moves(case, now):
            if actor.role == roles.SYSTEM:
                continue  # nobody to whom a page would be shown
            try:
                decide(case, command, scene(actor, now, MASTER))
            except CaseError:
                assert command.EVENT not in NO_FIELDS or command.EVENT not in offered(case, actor)
            else:
                # What a unit may see already is granted once more without harm: there is no use in offering it.
                assert command.EVENT == "grant_contact" or command.EVENT in offered(case, actor), (
                    command.EVENT,
                    case.state,
                    actor,
                )


def queue(desk: Desk, name: str, actor: Actor) -> list[tuple[str, str, bool]]:
    """Case, clock and whether it is the reader's own, line by line."""
    cases = Cases(desk.engine, desk.privacy, book(), lambda: desk.now)
    found = Queues(cases).get(name, actor, limit=200)
    return [(one.case.case_no, one.clock.what if one.clock else "", one.own) for one in found.items]


def test_a_case_waits_in_one_queue_after_the_other(desk: Desk) -> None:
    case_no = desk.open()
    assert queue(desk, "triage", DISPATCHER) == [(case_no, "triage", False)]
    desk.do(case_no, AGENT, do.ToTriage())
    desk.do(case_no, DISPATCHER, do.Dispatch())
    assert queue(desk, "triage", DISPATCHER) == []
    desk.do(case_no, liaison("haizhou"), RETURN)
    assert queue(desk, "triage", DISPATCHER) == []
    assert queue(desk, "returns", DISPATCHER) == [(case_no, "return", True)]
    assert queue(desk, "returns", SECOND) == [(case_no, "return", False)]
    desk.do(case_no, SECOND, do.RejectReturn(note="属地管理"))
    fed_back(desk, case_no)
    assert queue(desk, "reviews", SECOND) == [(case_no, "review", False)]
    desk.do(case_no, SECOND, OK)
    assert queue(desk, "reviews", SECOND) == []
    assert queue(desk, "callbacks", CALLER_BACK) == [(case_no, "callback", False)]
    desk.do(case_no, SECOND, do.ProposeClose(reason="政策不允许"))
    assert queue(desk, "callbacks", CALLER_BACK) == []
    assert queue(desk, "closings", SECOND) == [(case_no, "callback", True)]


def test_a_consultation_an_extension_and_a_refusal_wait_for_those_who_judge_them(desk: Desk) -> None:
    talked, longer, declined = desk.open(1), dispatched(desk, n=2), desk.open(3)
    desk.do(talked, AGENT, do.ToTriage())
    desk.do(talked, DISPATCHER, do.Consult(units=("zhujian", "chengguan")))
    assert (talked, "consult", False) in queue(desk, "triage", SECOND)
    desk.do(longer, liaison("haizhou"), do.Sign())
    asked = do.RequestExtension(days=3, reason="等配件", law="热线办法", citizen_informed=True)
    desk.do(longer, liaison("haizhou"), asked)
    assert queue(desk, "extensions", LEADER) == []
    desk.do(longer, deputy("haizhou"), do.SignExtension())
    assert [one[0] for one in queue(desk, "extensions", LEADER)] == [longer]
    desk.do(declined, DISPATCHER, do.Refuse(reason="litigation", told=True))
    assert [(one[0], one[2]) for one in queue(desk, "refusals", DISPATCHER)] == [(declined, True)]


def test_the_wall_shows_what_is_nearly_due_or_late_the_late_first(desk: Desk) -> None:
    calm, urgent = dispatched(desk, n=1), dispatched(desk, n=2, urgent=True)
    assert queue(desk, "due", DISPATCHER) == []
    desk.now += timedelta(hours=1.5)
    assert queue(desk, "due", DISPATCHER) == [(urgent, "sign", False)]
    cases = Cases(desk.engine, desk.privacy, book(), lambda: desk.now)
    assert Queues(cases).totals(DISPATCHER)["due"] == 0
    desk.now += timedelta(hours=30)
    assert [one[0] for one in queue(desk, "due", DISPATCHER)] == [urgent, calm]
    assert Queues(cases).totals(DISPATCHER)["due"] == 1


def test_each_step_has_its_own_clock_and_a_suspended_order_has_none(desk: Desk) -> None:
    case_no = dispatched(desk)
    calendar = scene(DISPATCHER, desk.now).calendar

    def clocks() -> list[tuple[str, str]]:
        found = running(desk.case(case_no), desk.now, book().deadlines, calendar)
        return [(one.what, one.unit) for one in found]

    assert clocks() == [
        ("sign", "haizhou"),
        ("sign", "zhujian"),
        ("case", ""),
        ("handle", "haizhou"),
        ("handle", "zhujian"),
    ]
    desk.do(case_no, liaison("haizhou"), do.Sign())
    desk.do(case_no, liaison("zhujian"), do.CoSign())
    until = desk.now + timedelta(days=3)
    desk.do(case_no, DISPATCHER, do.Suspend(cause="objective", until=until, note="等材料"))
    assert clocks() == [("case", "")]
    shown = running(desk.case(case_no), START + timedelta(days=60), book().deadlines, calendar)
    first = nearest(shown)
    assert first is not None
    assert (first.what, first.light) == ("case", "red")


def test_a_queue_is_for_its_roles_and_counts_only_what_they_may_see(tmp_path: Path) -> None:
    with house(tmp_path) as everybody:
        case_no = everybody.register()
        assert everybody.get("dispatcher", "/queues/triage").json()["total"] == 1
        assert everybody.get("shift_leader", "/queues").json()["totals"] == {"triage": 1}
        everybody.do("agent", case_no, "to_triage")
        assert everybody.get("dispatcher", "/queues").json()["totals"]["triage"] == 1
        # A shift leader reads what the front desk registers, not what the back office has.
        assert everybody.get("shift_leader", "/queues").json()["totals"] == {"triage": 0}
        for who in (roles.LIAISON, roles.AGENT, roles.ADMIN):
            assert everybody.get(who, "/queues").json()["totals"] == {}
            assert everybody.get(who, "/queues/triage").status_code == 403
        assert everybody.get("dispatcher", "/queues/nothing").status_code == 422


def test_a_list_is_searched_by_number_and_by_words(tmp_path: Path) -> None:
    with house(tmp_path) as everybody:
        lift = everybody.register()
        lamp = everybody.register(title="路灯不亮", place="连云区海棠路", region="连云区", matter="")

        def found(words: str) -> set[str]:
            answer = everybody.browsers["dispatcher"].get("/api/v1/cases", params={"words": words})
            assert answer.status_code == 200, answer.text
            return {one["case_no"] for one in answer.json()["items"]}

        assert found(lift) == {lift}
        assert found(lift[-6:]) == {lift}
        assert found(lift.lower()) == {lift}
        assert found("电梯 幸福") == {lift}
        assert found("海棠路") == {lamp}
        assert found("%") == set()
        assert found("100%_路") == set()
        assert found(" ") == {lift, lamp}


def test_a_case_tells_what_its_reader_may_do_who_acted_and_what_the_catalogue_says(tmp_path: Path) -> None:
    with house(tmp_path) as everybody:
        case_no = everybody.register()
        everybody.do("agent", case_no, "to_triage")
        told = everybody.get("dispatcher", f"/cases/{case_no}").json()
        assert told["route"]["unit"] == "haizhou"
        assert told["people"]["agent"] == "agent"
        everybody.do("dispatcher", case_no, "dispatch")
        assert everybody.get("dispatcher", f"/cases/{case_no}").json()["route"] is None
        liaison_sees = everybody.get("liaison", f"/cases/{case_no}").json()
        assert liaison_sees["allowed"] == ["sign", "return_order", "attach"]
        assert liaison_sees["may_reveal"] is True
        assert everybody.get("other_liaison", f"/cases/{case_no}").json()["allowed"] == [
            "co_sign",
            "co_return",
            "attach",
        ]
        assert everybody.get("bureau", f"/cases/{case_no}").json()["may_reveal"] is False
        assert everybody.post("other_liaison", f"/cases/{case_no}/reply_check", {"answer": ""}).json()["findings"]
        hidden = everybody.register()
        assert everybody.post("liaison", f"/cases/{hidden}/reply_check", {"answer": "好"}).status_code == 404


def test_an_answer_that_the_unit_has_given_before_is_found(desk: Desk) -> None:
    first, second = dispatched(desk, n=1), dispatched(desk, n=2)
    fed_back(desk, first)
    cases = Cases(desk.engine, desk.privacy, book(), lambda: desk.now)
    assert [(one.case_no, one.text) for one in cases.earlier_answers(second, liaison("haizhou"))] == [
        (first, FEEDBACK.answer)
    ]
    assert cases.earlier_answers(first, liaison("haizhou")) == []


def test_a_unit_that_helps_returns_its_order_and_another_than_who_dispatched_judges_it(desk: Desk) -> None:
    left, kept = dispatched(desk, n=1), dispatched(desk, n=2)
    away = do.CoReturn(code="not_ours", law="三定方案第五条")
    for case_no in (left, kept):
        before = desk.case(case_no)
        after = desk.do(case_no, liaison("zhujian"), away)
        assert (after.state, after.lead()) == (before.state, before.lead())
        assert ("return", False) in [one[1:] for one in queue(desk, "returns", SECOND) if one[0] == case_no]
        assert [one[2] for one in queue(desk, "returns", DISPATCHER) if one[0] == case_no] == [True]
    assert offered(desk.case(left), liaison("zhujian")) == ("attach",)
    own = do.AcceptCoReturn(unit="zhujian", note="同意")
    assert refused(desk, left, DISPATCHER, own) == "guard"
    assert refused(desk, left, SECOND, do.AcceptCoReturn(unit="haizhou", note="同意")) == "guard"
    assert [one.unit for one in desk.do(left, SECOND, own).orders if one.open] == ["haizhou"]
    assert refused(desk, left, liaison("zhujian"), do.CoSign()) == "forbidden"

    desk.do(kept, SECOND, do.RejectCoReturn(unit="zhujian", note="需要你单位配合"))
    assert refused(desk, kept, liaison("zhujian"), away) == "guard"
    assert queue(desk, "returns", SECOND) == []
    desk.later(days=4)
    signed = next(one for one in desk.case(kept).orders if one.unit == "zhujian")
    assert (signed.signed_late, signed.final) == (True, True)
    assert verify_chains(desk.engine) == []


def test_the_unit_that_is_complained_of_is_not_left_alone(desk: Desk) -> None:
    case_no = dispatched(desk, about_unit="haizhou")
    desk.do(case_no, liaison("zhujian"), do.CoReturn(code="not_ours", law="三定方案第五条"))
    assert refused(desk, case_no, SECOND, do.AcceptCoReturn(unit="zhujian", note="同意")) == "guard"


@pytest.mark.parametrize("step", ["triage", "return", "consult", "review", "callback"])
def test_a_limit_of_the_hotlines_own_that_passes_is_written_down_and_told_once(desk: Desk, step: str) -> None:
    case_no = desk.open()
    desk.do(case_no, AGENT, do.ToTriage())
    if step == "consult":
        desk.do(case_no, DISPATCHER, do.Consult(units=("zhujian", "chengguan")))
    elif step != "triage":
        desk.do(case_no, DISPATCHER, do.Dispatch())
        if step == "return":
            desk.do(case_no, liaison("haizhou"), RETURN)
        else:
            fed_back(desk, case_no)
            if step == "callback":
                desk.do(case_no, SECOND, OK)
    before = desk.case(case_no)
    desk.later(days=6)
    assert desk.events(case_no).count("remind") == 1
    after = desk.case(case_no)
    assert (after.state, after.due_at, after.orders) == (before.state, before.due_at, before.orders)
    with desk.engine.begin() as connection:
        told = connection.scalars(select(notice.c.title).where(notice.c.kind == "own_limit")).all()
    assert len(told) == 1
    assert verify_chains(desk.engine) == []


def test_a_limit_of_the_hotlines_own_that_was_kept_is_told_to_nobody(desk: Desk) -> None:
    case_no = desk.open()
    desk.do(case_no, AGENT, do.ToTriage())
    desk.do(case_no, DISPATCHER, do.Dispatch())
    fed_back(desk, case_no)
    desk.do(case_no, SECOND, OK)
    desk.do(case_no, CALLER_BACK, SATISFIED)
    desk.do(case_no, CALLER_BACK, do.Close())
    desk.later(days=6)
    assert "remind" not in desk.events(case_no)
