"""Random courses of a case: whatever people do, the clocks only move forward and the history makes the row."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from casebook import states
from casebook.errors import CaseError
from casebook.handling.decide import decide
from casebook.handling.record import CaseRecord, Happened, replay
from tests.casebook.play import AGENT, START, moves, register, scene

MASTER = CaseRecord(case_no="LYG20261123999999", channel="phone", state=states.TRIAGE)
EMPTY = CaseRecord(case_no="LYG20261123000001", channel="phone")
FORWARD = {"dispatch", "sign", "co_sign", "co_feedback", "sign_feedback", "review_ok", "callback", "close", "archive"}
"""Tried first more often than not, or hardly any course would get to its end."""
AWAY = ("withdraw", "merge", "refuse", "recall", "drop_extension")
"""Hardly ever tried: they lead out, or back."""


def play(seed: int, steps: int) -> list[tuple[CaseRecord, Happened]]:
    """A course: each form of the case, and the event that led to it."""
    dice = random.Random(seed)
    now, course = START, []
    case = EMPTY
    for step in range(steps):
        demand = dice.choice(("consult", "complaint", "help"))
        choices = list(moves(case, now)) if step else [(AGENT, register(demand=demand))]
        dice.shuffle(choices)
        if dice.random() < 0.6:
            choices.sort(key=lambda one: one[1].EVENT not in FORWARD)
        for actor, command in choices:
            if step and command.EVENT in AWAY and dice.random() < 0.95:
                continue  # hardly any course would get far
            try:
                decision = decide(case, command, scene(actor, now, MASTER))
            except CaseError:
                continue
            payload = json.loads(json.dumps(decision.payload))
            case = decision.case
            course.append((case, Happened(command.EVENT, now, actor.name, case.state, payload)))
            break
        now += timedelta(days=31) if case.state in states.OVER else timedelta(minutes=dice.choice((1, 30, 600, 3000)))
    return course


@settings(max_examples=150)
@given(st.integers(0, 10**9))
def test_in_any_course_the_clocks_only_move_forward(seed: int) -> None:
    before = EMPTY
    for case, _ in play(seed, 25):
        assert before.due_at is None or (case.due_at is not None and case.due_at >= before.due_at)
        assert before.first_due_at in (None, case.first_due_at)
        assert before.registered_at in (None, case.registered_at)
        old = {one.seq: one for one in before.orders}
        for order in case.orders:
            was = old.get(order.seq, order)
            assert order.due_at is not None
            assert was.due_at is not None
            assert order.due_at >= was.due_at
            assert order.first_due_at == was.first_due_at
        before = case


@settings(max_examples=150)
@given(st.integers(0, 10**9))
@example(2231825)  # a refusal of a case whose return had not been judged
def test_in_any_course_one_unit_has_the_lead_or_none(seed: int) -> None:
    for case, _ in play(seed, 25):
        leads = [one for one in case.orders if one.role == "lead" and one.open]
        assert len(leads) <= 1
        if case.state in (*states.HANDLED, states.FED_BACK):
            assert len(leads) == 1
        if case.state in (states.CALLBACK, states.REWORK, *states.OVER, states.ARCHIVED):
            assert not [one for one in case.orders if one.open]


@settings(max_examples=150)
@given(st.integers(0, 10**9))
def test_in_any_course_the_history_makes_the_case(seed: int) -> None:
    course = play(seed, 25)
    for n, (case, _) in enumerate(course):
        assert replay(case.case_no, case.channel, [one for _, one in course[: n + 1]]) == case


def test_the_courses_reach_every_state_and_event_of_a_case_by_telephone() -> None:
    reached, fired = set(), set()
    for seed in range(400):
        for case, happened in play(seed, 40):
            reached.add(case.state)
            fired.add(happened.type)
    assert reached == {*states.STATES} - {states.DRAFT, states.DISCARDED}
    assert {
        "approve_extension",
        "reopen",
        "unmerge",
        "confirm_close",
        "reject_return",
        "co_feedback",
        "reject_co_return",
    } <= fired


def test_nothing_that_a_command_says_of_a_person_gets_into_the_history() -> None:
    command = register(7, name="赵敏", phone="13912345678")
    decision = decide(EMPTY, command, scene(AGENT, START))
    spelled = json.dumps(decision.payload, ensure_ascii=False)
    assert "赵敏" not in spelled
    assert "13912345678" not in spelled


@pytest.mark.parametrize("missing", [{"place": ""}, {"phone": ""}, {"body": "太短"}, {"matter": "违示违诺"}])
def test_a_demand_that_lacks_something_is_not_registered(missing: dict[str, str]) -> None:
    with pytest.raises(CaseError) as refused:
        decide(EMPTY, replace(register(), **missing), scene(AGENT, START))  # type: ignore[arg-type]
    assert refused.value.code == "guard"
