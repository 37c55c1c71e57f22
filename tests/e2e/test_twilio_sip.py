"""Twilio's SIP reaches the agents and the linked lines of our PBX, and nobody else's does."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select

from casebook.store.schema import call
from tests.e2e.hotline import TestLine, running
from tests.e2e.test_transfers import available
from tests.pbx.audio import Silence
from tests.pbx.caller import AgentPhone, Line

TWILIO, SOMEBODY = "127.0.0.3", "127.0.0.1"


@pytest.fixture(scope="module")
def police(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Line]:
    line = Line(tmp_path_factory.mktemp("police"), "200 OK")
    yield line
    line.stop()


@pytest.fixture(scope="module")
def line(tmp_path_factory: pytest.TempPathFactory, pbx_prefix: Path, police: Line) -> Iterator[TestLine]:
    opened = TestLine(
        tmp_path_factory.mktemp("line"),
        pbx_prefix,
        HOTLINE_TRUNKS=f"psap={police.host}:{police.port}",
        HOTLINE_TWILIO_PEERS=f"{TWILIO}/32",
    )
    with running(opened, "valkey", "router", "pbx") as started:
        started.wait(lambda: available(started, "psap"), 40, "the trunk is away")
        yield started


def dial(line: TestLine, dialled: str, host: str = TWILIO) -> tuple[int, str]:
    result = line.caller.place([Silence(6)], hang_up=True, dialled=dialled, host=host, limit_s=40, number="861380000")
    return result.successful, result.output


def test_without_an_agent_the_answer_is_busy_at_once(line: TestLine) -> None:
    successful, output = dial(line, "queue-agents")
    assert successful == 0
    assert "SIP/2.0 486" in output


def test_an_agent_answers_and_no_second_record_of_the_call_is_made(line: TestLine, tmp_path: Path) -> None:
    secret = (line.settings.data_dir / "secrets" / "agent-1001").read_text(encoding="ascii").strip()
    agent = AgentPhone(tmp_path, line.settings.sip_port, "1001", secret)
    try:
        line.wait(lambda: available(line, "1001"), 20, "the agent's telephone is not there")
        result = line.caller.place([Silence(1)], dialled="queue-agents", host=TWILIO, limit_s=40, number="861380001")
        assert result.successful == 1, result.output
        assert "INVITE sip:1001@" in agent.messages()
        line.wait(lambda: not line.channels(), 20, "channels stay")
    finally:
        agent.stop()
    assert line.rows(select(call.c.call_id)) == []


def test_an_emergency_line_is_dialled_as_one(line: TestLine, police: Line) -> None:
    result = line.caller.place([Silence(1)], dialled="sos-psap-110", host=TWILIO, limit_s=40, number="861380002")
    assert result.successful == 1, result.output
    invite = next(part for part in police.messages().split("-----") if "INVITE sip:110@" in part)
    assert "Priority: emergency" in invite


@pytest.mark.parametrize("dialled", ["queue-agents", "sos-psap-110", "reach-psap-110"])
def test_nobody_else_gets_there(line: TestLine, dialled: str) -> None:
    successful, output = dial(line, dialled, host=SOMEBODY)
    assert successful == 0
    assert "SIP/2.0 404" in output
