"""The live board, event by event, with the traps of a real PBX's events."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from call_router.board import Board, changes, from_lists, reduce
from tests.board.live import Event, arrival, member, of

NOW = datetime(2026, 11, 24, 1, 0, tzinfo=UTC)
CALL, OTHER = "lyg1-1763949590.1", "lyg1-1763949591.2"
AGENT = "PJSIP/1001"


def after(*events: Event, board: Board | None = None) -> Board:
    """The board after events that come a second apart."""
    result = board or Board()
    for n, event in enumerate(events):
        result = reduce(result, event, NOW + timedelta(seconds=n))
    return result


def test_a_caller_arrives_and_only_the_masked_number_is_shown() -> None:
    board = after(arrival(CALL))
    assert board.calls[CALL].stage == "menu"
    assert board.calls[CALL].number == "138****5678"
    assert "13812345678" not in repr(board)


def test_a_call_over_a_platform_s_trunk_has_its_origin() -> None:
    assert after({**arrival(CALL), "Channel": "PJSIP/psap-0000002a"}).calls[CALL].origin == "psap"
    assert after({**arrival(CALL), "Channel": "PJSIP/anonymous-0000002a"}).calls[CALL].origin == ""
    board = from_lists([listed(CALL, "AGI", Channel="PJSIP/county-east-0000002b")], [], NOW)
    assert board.calls[CALL].origin == "county-east"


def test_an_agent_s_own_channel_is_no_caller() -> None:
    leg = {**arrival(OTHER), "Linkedid": CALL, "Context": "agents"}
    assert after({**arrival(CALL), "Context": "agents"}, leg) == Board()


def test_from_the_queue_to_an_agent_and_out() -> None:
    waiting = after(member(AGENT, 1), arrival(CALL), of(CALL, "QueueCallerJoin"))
    queue = waiting.queues["agents"]
    assert (queue.waiting, queue.signed_in, queue.free) == (1, 1, 1)
    assert queue.longest_since == waiting.calls[CALL].queued_at == NOW + timedelta(seconds=2)
    ringing = after(of(CALL, "AgentCalled", Interface=AGENT), member(AGENT, 6), board=waiting)
    assert (ringing.calls[CALL].stage, ringing.agents[AGENT].state) == ("ringing", "ringing")
    assert ringing.queues["agents"].free == 0
    assert ringing.queues["agents"].waiting == 1
    talking = after(
        of(CALL, "QueueCallerLeave"), of(CALL, "AgentConnect", Interface=AGENT), member(AGENT, 2), board=ringing
    )
    assert (talking.calls[CALL].stage, talking.calls[CALL].agent) == ("talking", AGENT)
    assert (talking.agents[AGENT].state, talking.agents[AGENT].call_id) == ("talking", CALL)
    assert talking.queues["agents"].waiting == 0
    over = after(of(CALL, "AgentComplete", Interface=AGENT), member(AGENT, 1), of(CALL, "Hangup"), board=talking)
    assert over.calls == {}
    assert (over.agents[AGENT].state, over.agents[AGENT].call_id) == ("idle", "")


def test_nobody_answers_and_the_caller_waits_on() -> None:
    board = after(
        arrival(CALL),
        of(CALL, "QueueCallerJoin"),
        of(CALL, "AgentCalled", Interface=AGENT),
        of(CALL, "AgentRingNoAnswer", Interface=AGENT),
    )
    assert (board.calls[CALL].stage, board.calls[CALL].agent) == ("waiting", "")


def test_an_abandon_event_of_a_caller_who_is_still_there_is_no_end() -> None:
    board = after(
        arrival(CALL), of(CALL, "QueueCallerJoin"), of(CALL, "QueueCallerAbandon"), of(CALL, "QueueCallerLeave")
    )
    assert board.calls[CALL].stage == "menu"
    assert board.queues["agents"].waiting == 0


def test_a_linked_line_rings_answers_and_lets_go() -> None:
    ringing = after(arrival(CALL), {"Event": "DialBegin", "Uniqueid": CALL, "DialString": "110@psap"})
    assert (ringing.calls[CALL].stage, ringing.calls[CALL].line) == ("line_ringing", "110")
    talking = after({"Event": "DialEnd", "Uniqueid": CALL, "DialStatus": "ANSWER"}, board=ringing)
    assert talking.calls[CALL].stage == "line"
    assert after({"Event": "BridgeLeave", "Uniqueid": CALL}, board=talking).calls[CALL].stage == "menu"
    busy = after({"Event": "DialEnd", "Uniqueid": CALL, "DialStatus": "BUSY"}, board=ringing)
    assert (busy.calls[CALL].stage, busy.calls[CALL].line) == ("menu", "")


def test_the_dialling_of_an_agent_is_no_linked_line() -> None:
    dial = {"Event": "DialBegin", "Uniqueid": CALL, "DialString": "1001/sip:1001@127.0.0.1"}
    assert after(arrival(CALL), of(CALL, "QueueCallerJoin"), dial).calls[CALL].stage == "waiting"


@pytest.mark.parametrize(
    ("fields", "state", "reason"),
    [
        ({"Status": "1"}, "idle", ""),
        ({"Status": "5"}, "offline", ""),
        ({"Status": "4"}, "offline", ""),
        ({"Status": "0"}, "offline", ""),
        ({"Status": "6"}, "ringing", ""),
        ({"Status": "2"}, "talking", ""),
        ({"Status": "1", "InCall": "1"}, "talking", ""),
        ({"Status": "1", "Paused": "1", "PausedReason": "用餐"}, "paused", "用餐"),
        ({"Status": "1", "Paused": "1", "PausedReason": "wrapup"}, "wrapup", ""),
        # A pause that was asked for in the middle of a conversation begins after it.
        ({"Status": "2", "Paused": "1", "PausedReason": "用餐"}, "talking", ""),
    ],
)
def test_what_an_agent_does(fields: dict[str, str], state: str, reason: str) -> None:
    agent = after({**member(AGENT, 1), **fields}).agents[AGENT]
    assert (agent.state, agent.reason) == (state, reason)


def test_since_when_an_agent_does_it_does_not_move_with_every_event() -> None:
    board = after(member(AGENT, 1), member(AGENT, 1), member(AGENT, 1))
    assert board.agents[AGENT].since == NOW


def test_an_agent_who_left_one_of_two_queues_is_still_there() -> None:
    board = after(member(AGENT, 1), {**member(AGENT, 1), "Queue": "complaint"})
    assert board.agents[AGENT].queues == ("agents", "complaint")
    board = after(member(AGENT, 1, "QueueMemberRemoved"), board=board)
    assert board.agents[AGENT].queues == ("complaint",)
    assert after({**member(AGENT, 1, "QueueMemberRemoved"), "Queue": "complaint"}, board=board).agents == {}


@pytest.mark.parametrize("name", ["VarSet", "RTCPSent", "", "QueueCallerAbandon"])
def test_an_event_that_says_nothing_changes_nothing(name: str) -> None:
    board = after(arrival(CALL))
    assert reduce(board, {"Event": name, "Uniqueid": CALL}, NOW) is board


@pytest.mark.parametrize("name", ["QueueCallerJoin", "AgentConnect", "AgentComplete", "Hangup", "DialBegin", "DialEnd"])
def test_events_of_unknown_calls_make_no_call(name: str) -> None:
    assert after(of("lyg1-1.1", name, Interface=AGENT)).calls == {}


def test_changes_name_what_is_new_what_is_different_and_what_is_gone() -> None:
    old = after(arrival(CALL), arrival(OTHER))
    new = after(of(CALL, "QueueCallerJoin"), of(OTHER, "Hangup"), board=old)
    found = changes(old, new)
    assert set(found) == {f"call:{CALL}", f"call:{OTHER}", "queue:agents"}
    assert found[f"call:{OTHER}"] is None
    entries = {**old.entries(), **{key: value for key, value in found.items() if value is not None}}
    assert {key: value for key, value in entries.items() if found.get(key, 0) is not None} == new.entries()


# --- what the PBX lists

CHANNEL = {"Context": "hotline", "CallerIDNum": "13812345678", "Duration": "00:01:40"}


def listed(call: str, application: str, data: str = "", bridge: str = "", **fields: str) -> Event:
    names = {"Uniqueid": call, "Linkedid": call, "Application": application, "ApplicationData": data}
    return {
        "Event": "CoreShowChannel",
        "Channel": "PJSIP/anonymous-01",
        "BridgeId": bridge,
        **CHANNEL,
        **names,
        **fields,
    }


def test_the_board_is_read_from_what_the_pbx_lists() -> None:
    third, fourth, fifth = "lyg1-3.3", "lyg1-4.4", "lyg1-5.5"
    agent_leg = {
        **listed("lyg1-9.9", "AppQueue", bridge="b1"),
        "Linkedid": OTHER,
        "Channel": "PJSIP/1001-0000002a",
        "Context": "agents",
    }
    channels = [
        listed(CALL, "Queue", "agents,c,,,120"),
        listed(OTHER, "Queue", "agents,c,,,120", bridge="b1"),
        agent_leg,
        listed(third, "Dial", "PJSIP/110@psap,20,g"),
        listed(fourth, "Dial", "PJSIP/110@psap,20,g", bridge="b2"),
        listed(fifth, "AGI", "agi://127.0.0.1:4573/hotline"),
    ]
    status = [
        {"Event": "QueueParams", "Queue": "agents"},
        {
            "Event": "QueueMember",
            "Queue": "agents",
            "Name": "座席1001",
            "Location": AGENT,
            "Status": "2",
            "Paused": "0",
        },
        {"Event": "QueueEntry", "Queue": "agents", "Uniqueid": CALL, "Wait": "33", "Position": "1"},
    ]
    board = from_lists(channels, status, NOW)
    stages = [board.calls[call].stage for call in (CALL, OTHER, third, fourth, fifth)]
    assert stages == ["waiting", "talking", "line_ringing", "line", "menu"]
    assert set(board.calls) == {CALL, OTHER, third, fourth, fifth}
    assert board.calls[CALL].queued_at == NOW - timedelta(seconds=33)
    assert board.calls[CALL].began_at == NOW - timedelta(seconds=100)
    assert (board.calls[OTHER].agent, board.agents[AGENT].call_id) == (AGENT, OTHER)
    assert board.calls[OTHER].since is None, "nobody can tell since when they talk"
    assert board.calls[fourth].line == "110"
    queue = board.queues["agents"]
    assert (queue.waiting, queue.signed_in, queue.free) == (1, 1, 0)


def test_an_empty_pbx_is_an_empty_board() -> None:
    assert from_lists([], [{"Event": "QueueParams", "Queue": "agents"}], NOW).calls == {}
