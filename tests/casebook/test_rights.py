"""By REST, no role fires an event that the table never gives it: it is refused, and the case stays as it was."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from pydantic_core import to_jsonable_python
from sqlalchemy import func, select

from casebook import roles, states
from casebook.handling import commands as do
from casebook.handling.record import CO, CaseRecord, OrderRecord
from casebook.handling.transitions import EVENTS, TRANSITIONS
from casebook.store.schema import case_
from tests.casebook.play import AGENT, START, filled
from tests.casebook.rest import CASE, House, house
from tests.casebook.test_rest import CHECKS

MAY = {event: {role for one in TRANSITIONS if one.event == event for role in one.roles} for event in EVENTS}
"""The roles that may fire an event in some state."""
HELPED = CaseRecord(case_no="", channel="phone", orders=(OrderRecord(seq=2, unit="zhujian", role=CO),))
FEEDBACK = {"true_claim": True, "contacted": False, "solved": "yes", "internal": "换了主板", "answer": "已修好。"}
CALLBACK = {"result": "reached", "contacted": True, "solved": "yes", "satisfied": 5, "satisfied_hotline": 5}


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with house(tmp_path_factory.mktemp("house")) as opened:
        yield opened


@pytest.fixture(scope="module")
def cases(people: House) -> dict[str, str]:
    """A case in each state in which something that a person does can happen."""
    until = (people.night.clock() + timedelta(days=9)).isoformat()
    course: list[tuple[str, str, str, dict[str, Any]]] = [
        (states.TRIAGE, "agent", "to_triage", {}),
        (states.DISPATCHED, "dispatcher", "dispatch", {}),
        (states.HANDLING, "liaison", "sign", {}),
        ("", "other_liaison", "co_sign", {}),
        ("", "other_liaison", "co_feedback", {"internal": "已督促物业"}),
        ("", "liaison", "feedback", FEEDBACK),
        (states.FED_BACK, "deputy", "sign_feedback", {}),
        (states.CALLBACK, "dispatcher", "review_ok", dict.fromkeys(CHECKS, True)),
        ("", "callback", "callback", CALLBACK),
        (states.CLOSED, "callback", "close", {}),
    ]
    made = {states.DRAFT: people.night.voicemail(), states.REGISTERED: people.register()}
    for n, (state, *_) in enumerate(course):
        if state:
            made[state] = people.register()
            for _, who, event, fields in course[: n + 1]:
                fire(people, who, made[state], event, fields)
    made[states.MERGED] = people.register()
    merged = {"master_no": made[states.TRIAGE], "reason": "同一件事"}
    fire(people, "dispatcher", made[states.MERGED], "merge", merged)
    made[states.SUSPENDED] = people.dispatched()
    fire(people, "liaison", made[states.SUSPENDED], "sign", {})
    suspended = {"cause": "objective", "until": until, "note": "停电"}
    fire(people, "dispatcher", made[states.SUSPENDED], "suspend", suspended)
    return made


def fire(people: House, who: str, case_no: str, event: str, fields: dict[str, Any]) -> None:
    answer = people.do(who, case_no, event, **fields)
    assert answer.status_code == 200, (event, answer.text)


def stands(people: House, case_no: str) -> tuple[int, str]:
    """Version and state of a case."""
    case = people.get("bureau", f"/cases/{case_no}").json()["case"]
    return case["version"], case["state"]


@pytest.mark.parametrize("event", [one for one in EVENTS if MAY[one] & set(roles.STAFF)])
def test_a_role_that_may_never_fire_an_event_is_refused_and_changes_nothing(
    people: House, cases: dict[str, str], event: str
) -> None:
    state = next(one for one in cases for row in TRANSITIONS if row.event == event and one in row.sources)
    case_no = cases[state]
    before = stands(people, case_no)
    assert before[1] == state
    body = to_jsonable_python(dataclasses.asdict(filled(event, HELPED, AGENT, START)[0]))
    for who in sorted(set(roles.STAFF) - MAY[event]):
        reads = people.get(who, f"/cases/{case_no}").status_code == 200
        if event == "attach":
            path = f"/cases/{case_no}/attachments?version={before[0]}"
            answer = people.post(who, path, files={"file": ("a", b"x", "image/png")})
        else:
            answer = people.post(who, f"/cases/{case_no}/{event}", {"version": before[0], **body})
        assert answer.status_code == (403 if reads else 404), (who, answer.text)
    assert stands(people, case_no) == before


@pytest.mark.parametrize("event", [one for one in EVENTS if not MAY[one] & set(roles.STAFF)])
def test_what_only_the_hotline_or_a_citizen_does_has_no_address_for_people(
    people: House, cases: dict[str, str], event: str
) -> None:
    for case_no in cases.values():
        before = stands(people, case_no)
        answer = people.post("dispatcher", f"/cases/{case_no}/{event}", {"version": before[0]})
        assert answer.status_code in (404, 405), answer.text
        assert stands(people, case_no) == before


def test_who_may_not_register_makes_no_case(people: House) -> None:
    rows = (one for one in TRANSITIONS if one.event == do.Register.EVENT and states.NEW in one.sources)
    may = {role for one in rows for role in one.roles}
    with people.night.engine.begin() as connection:
        before = connection.scalar(select(func.count()).select_from(case_))
    for who in sorted(set(roles.STAFF) - may):
        assert people.post(who, "/cases", CASE).status_code == 403, who
    with people.night.engine.begin() as connection:
        assert connection.scalar(select(func.count()).select_from(case_)) == before
