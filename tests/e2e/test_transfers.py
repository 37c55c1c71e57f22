"""Callers reach people: a linked line, an agent; and come back when nobody answers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.calls import leave_message
from tests.e2e.conftest import Said
from tests.e2e.hotline import TestLine, running
from tests.pbx.audio import Key, Silence, Timeline
from tests.pbx.caller import AgentPhone, Line

PARTS = ("valkey", "agi-0", "router", "pbx")


@pytest.fixture
def police(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Line]:
    """The line 110, answering every call with the status that the test asks for."""
    line = Line(tmp_path, status=request.param)
    yield line
    line.stop()


@pytest.fixture
def line(tmp_path: Path, pbx_prefix: Path, police: Line) -> Iterator[TestLine]:
    trunks = f"psap={police.host}:{police.port}"
    with running(TestLine(tmp_path / "line", pbx_prefix, HOTLINE_TRUNKS=trunks), *PARTS) as started:
        # A trunk that has not answered its first OPTIONS counts as away, and nobody is sent there.
        started.wait(lambda: available(started, "psap"), 40, "the trunk is away")
        yield started


def available(line: TestLine, name: str) -> bool:
    """Whether the PBX can reach a trunk or a telephone."""
    contacts = line.pbx.cli("pjsip show contacts").splitlines()
    return any(f"{name}/sip:" in contact and "Avail" in contact for contact in contacts)


@pytest.mark.parametrize("police", ["200 OK"], indirect=True)
def test_two_keys_reach_the_police(line: TestLine, police: Line) -> None:
    result = line.caller.place([Silence(1.5), Key("9"), Silence(1.5), Key("1"), Silence(8)], number="13800138000")
    assert result.successful == 1, result.output
    invite = next(part for part in police.messages().split("-----") if "INVITE sip:110@" in part)
    assert "Priority: emergency" in invite
    assert "X-Hotline-Call: lyg1-" in invite
    assert "13800138000" in invite
    line.wait(lambda: line.outcome_of("13800138000") == "transferred", 10, "no record of the transfer")


@pytest.mark.parametrize("police", ["486 Busy Here", "503 Service Unavailable"], indirect=True)
def test_a_line_that_does_not_answer_leads_back_to_a_person_and_a_voicemail(
    line: TestLine, police: Line, speech: list[Said]
) -> None:
    # 9, 1: the handover is announced and fails; the keys that follow skip the announcements up to the beep.
    skip_handover: Timeline = [Silence(1.0), Key("1")]
    timeline: Timeline = [
        Silence(1.5),
        Key("9"),
        Silence(1.5),
        Key("1"),
        *skip_handover,
        *leave_message(speech[0].samples, key="1"),
    ]
    line.caller.place(timeline, hang_up=True, number="13800138001")
    line.wait(lambda: line.outcome_of("13800138001") == "voicemail", 20, "the caller was lost")
    assert "INVITE sip:110@" in police.messages()


@pytest.mark.parametrize("police", ["486 Busy Here"], indirect=True)
def test_an_agent_who_is_there_answers(line: TestLine, police: Line, tmp_path: Path) -> None:
    secret = (line.settings.data_dir / "secrets" / "agent-1001").read_text().strip()
    agent = AgentPhone(tmp_path, line.settings.sip_port, "1001", secret)
    try:
        line.wait(lambda: available(line, "1001"), 40, "the agent is not registered")
        result = line.caller.place([Silence(1.5), Key("0"), Silence(9)], number="13800138002")
        assert result.successful == 1, result.output
        line.wait(lambda: line.outcome_of("13800138002") == "answered", 15, "no record of the answer")
        assert "INVITE sip:1001@" in agent.messages()
    finally:
        agent.stop()


@pytest.mark.parametrize("police", ["486 Busy Here"], indirect=True)
def test_hanging_up_while_talking_to_an_agent_is_an_answered_call(line: TestLine, police: Line, tmp_path: Path) -> None:
    secret = (line.settings.data_dir / "secrets" / "agent-1001").read_text().strip()
    agent = AgentPhone(tmp_path, line.settings.sip_port, "1001", secret, talk_ms=60_000)
    try:
        line.wait(lambda: available(line, "1001"), 40, "the agent is not registered")
        line.caller.place([Silence(1.5), Key("0"), Silence(8)], hang_up=True, number="13800138003")
        line.wait(lambda: line.outcome_of("13800138003") == "answered", 15, "no record of the answer")
    finally:
        agent.stop()
