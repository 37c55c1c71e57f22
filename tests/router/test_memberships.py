"""Agents in queues: what the store says of them, and what brings the PBX to agree."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from call_router.memberships import AgentQueues, Change, Member, changes, wanted
from call_router.telephones import extension_of, interface, state_interface, telephone
from casebook.store.presence import AgentState, State

NOW = datetime(2026, 11, 23, tzinfo=UTC)
DESK = AgentQueues("1001", "李", (("agents", 0), ("complaint", 5)), static=True)
GUEST = AgentQueues("1002", "王", (("agents", 0),), static=False)
NAMES = {interface("1001"): "李", interface("1002"): "王"}


def said(extension: str, state: State, reason: str = "") -> dict[str, AgentState]:
    return {extension: AgentState(extension, "user", state, reason, NOW)}


@pytest.mark.parametrize(
    ("state", "reason", "paused", "shown"),
    [
        ("ready", "", False, ""),
        ("paused", "午餐", True, "午餐"),
        ("wrapup", "", True, "wrapup"),
        ("out", "", True, "out"),
    ],
)
def test_an_agent_whose_telephone_is_the_duty_stays_in_the_queues(
    state: State, reason: str, paused: bool, shown: str
) -> None:
    members = wanted([DESK], said("1001", state, reason))
    assert members == {
        ("agents", interface("1001")): Member(paused, shown, 0, True),
        ("complaint", interface("1001")): Member(paused, shown, 5, True),
    }


def test_an_agent_who_logs_in_is_a_member_only_then() -> None:
    assert wanted([GUEST], {}) == {}
    assert wanted([GUEST], said("1002", "out")) == {}
    assert wanted([GUEST], said("1002", "paused", "茶")) == {
        ("agents", interface("1002")): Member(True, "茶", 0, False)
    }


def test_what_agrees_is_left_alone() -> None:
    members = wanted([DESK, GUEST], said("1002", "ready"))
    assert changes(members, members, NAMES) == []


def test_after_a_restart_everything_is_made_again_from_the_store() -> None:
    target = wanted([DESK, GUEST], said("1001", "paused", "午餐") | said("1002", "paused", "茶"))
    fresh = {
        ("agents", interface("1001")): Member(False, "", 0, True),
        ("complaint", interface("1001")): Member(False, "", 5, True),
    }
    done = changes(target, fresh, NAMES)
    assert [(change.action, change.fields["Queue"], change.fields["Interface"]) for change in done] == [
        ("QueuePause", "agents", interface("1001")),
        ("QueuePause", "complaint", interface("1001")),
        ("QueueAdd", "agents", interface("1002")),
        ("QueuePause", "agents", interface("1002")),
    ]
    assert done[2].fields["MemberName"] == "王"
    assert done[2].fields["StateInterface"] == state_interface("1002")
    assert done[3].fields["Reason"] == "茶"


def test_whoever_should_not_be_there_goes_but_nobody_whom_the_configuration_holds() -> None:
    actual = {
        ("agents", interface("1002")): Member(False, ""),
        ("agents", interface("1003")): Member(False, "", 0, True),
    }
    assert changes({}, actual, NAMES) == [Change("QueueRemove", {"Queue": "agents", "Interface": interface("1002")})]


def test_a_membership_of_one_telephone_alone_is_replaced_by_that_of_both() -> None:
    target = wanted([GUEST], said("1002", "ready"))
    done = changes(target, {("agents", "PJSIP/1002"): Member(False, "")}, NAMES)
    assert [(change.action, change.fields["Interface"]) for change in done] == [
        ("QueueAdd", interface("1002")),
        ("QueueRemove", "PJSIP/1002"),
    ]


@pytest.mark.parametrize(
    ("name", "extension"),
    [
        ("PJSIP/1001", "1001"),
        ("PJSIP/1001-0000002a", "1001"),
        ("PJSIP/1001w-0000002a", "1001"),
        (interface("1001"), "1001"),
        ("Local/1001@agent-phones-0000002a;1", "1001"),
        ("PJSIP/110@psap", ""),
        ("PJSIP/psap-0000002a", ""),
        ("PJSIP/1001-0000002A", ""),
        ("", ""),
    ],
)
def test_both_telephones_are_one_agents(name: str, extension: str) -> None:
    assert extension_of(name) == extension
    assert telephone(name) == (f"PJSIP/{extension}" if extension else name)
