"""Every (state, event, role) is allowed or refused as tests/data/transitions.csv says; that file was written by hand.

A letter for each role: A front desk, H its shift leader, O linked line, R reviewer, D dispatcher, S supervisor,
C callback agent, L liaison, P deputy, Z leader, B bureau, M administrator, U citizen, Y the system.
"""

from __future__ import annotations

import csv

import pytest

from casebook import roles, states
from casebook.errors import CaseError
from casebook.handling.transitions import EVENTS, TRANSITIONS, allowed, check
from tests.conftest import REPOSITORY

LETTERS = {
    "A": roles.AGENT,
    "H": roles.SHIFT_LEADER,
    "O": roles.OPERATOR,
    "R": roles.REVIEWER,
    "D": roles.DISPATCHER,
    "S": roles.SUPERVISOR,
    "C": roles.CALLBACK_AGENT,
    "L": roles.LIAISON,
    "P": roles.DEPUTY,
    "Z": roles.LEADER,
    "B": roles.BUREAU,
    "M": roles.ADMIN,
    "U": roles.CITIZEN,
    "Y": roles.SYSTEM,
}


def written_table() -> dict[tuple[str, str], str]:
    """The letters of each (event, state)."""
    with (REPOSITORY / "tests" / "data" / "transitions.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    return {
        (row["event"], "" if state == "NEW" else state): letters
        for row in rows
        for state, letters in row.items()
        if state != "event"
    }


TABLE = written_table()


def test_the_written_table_speaks_of_every_state_event_and_role() -> None:
    assert {event for event, _ in TABLE} == set(EVENTS)
    assert {state for _, state in TABLE} == {states.NEW, *states.STATES}
    assert set(LETTERS.values()) == {*roles.STAFF, roles.CITIZEN, roles.SYSTEM}


def test_every_state_event_and_role_is_allowed_or_refused_as_written() -> None:
    wrong = []
    for (event, state), letters in TABLE.items():
        for letter, role in LETTERS.items():
            try:
                check(event, state, role)
                answer = "allowed"
            except CaseError as error:
                answer = error.code
            wanted = "allowed" if letter in letters else "forbidden" if letters else "bad_state"
            if answer != wanted:
                wrong.append((event, state, role, answer, wanted))
    assert wrong == []
    assert len(TABLE) * len(LETTERS) == len(EVENTS) * 19 * 14


def test_every_state_is_reached_from_nothing() -> None:
    reached = {states.NEW}
    while True:
        more = {target for one in TRANSITIONS if reached & set(one.sources) for target in one.targets} - reached
        if not more:
            break
        reached |= more
    assert reached == {states.NEW, *states.STATES}


def test_nothing_moves_an_archived_or_a_discarded_case() -> None:
    last = {states.ARCHIVED, states.DISCARDED}
    assert not [one for one in TRANSITIONS if last & set(one.sources) and one.targets]
    assert not [event for role in LETTERS.values() for event in allowed(states.ARCHIVED, role)]


@pytest.mark.parametrize("role", [roles.BUREAU])
def test_the_bureau_reads_and_does_nothing(role: str) -> None:
    assert [event for state in states.STATES for event in allowed(state, role)] == []
