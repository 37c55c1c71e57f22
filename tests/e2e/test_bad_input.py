"""What callers should not do, and strangers try: nothing is lost, nothing is injected."""

from __future__ import annotations

import contextlib
import socket
from pathlib import Path

import pytest
from sqlalchemy import select

from casebook.store.schema import call_journal, call_session, case_
from tests.e2e.calls import leave_message
from tests.e2e.conftest import Said
from tests.e2e.hotline import TestLine
from tests.pbx.audio import Key, Silence, Timeline

NAMES = {
    "quotes": r'"a\" \"b"',
    "evaluated": '"${SHELL(touch TARGET)}"',
    "command": r'"x\"\\nEXEC System touch TARGET"',
    "gbk": b'"\xcd\xf5\xc7\xbf"'.decode("utf-8", "surrogateescape"),
    "chinese": '"王强"',
    "long": '"' + "长" * 300 + '"',
}


@pytest.mark.parametrize("name", NAMES)
def test_a_hostile_caller_name_is_only_a_name(line: TestLine, speech: list[Said], tmp_path: Path, name: str) -> None:
    target = tmp_path / "touched"
    number = f"1370000000{list(NAMES).index(name)}"
    process, _ = line.caller.start(
        leave_message(speech[0].samples, then=[Silence(1.0)]),
        hang_up=True,
        limit_s=60,
        number=number,
        name=NAMES[name].replace("TARGET", str(target)),
    )
    process.wait(80)
    line.wait(lambda: line.outcome_of(number) == "voicemail", 20, "the voicemail was lost")
    assert not target.exists()
    assert number not in line.logs()


def test_unknown_keys_and_no_key_lead_to_a_person_and_then_to_the_voicemail(line: TestLine) -> None:
    timeline: Timeline = [Silence(1.5), Key("7"), Silence(1.0), Key("1"), Silence(4)]
    line.caller.place(timeline, hang_up=True, number="13711110001")
    line.wait(lambda: line.outcome_of("13711110001") == "missed", 15, "no record")
    line.caller.place([Silence(30)], hang_up=True, number="13711110002")
    line.wait(lambda: line.outcome_of("13711110002") == "missed", 15, "no record")


def test_wrong_case_numbers_lead_to_a_person(line: TestLine) -> None:
    wrong = [part for digit in "20991231999999" for part in (Key(digit), Silence(0.15))]
    code = [part for digit in "0000" for part in (Key(digit), Silence(0.15))]
    attempt: Timeline = [*wrong, Silence(0.8), *code, Silence(0.8)]
    timeline: Timeline = [Silence(1.5), Key("5"), Silence(0.8), *attempt, *attempt, *attempt, Silence(5)]
    line.caller.place(timeline, hang_up=True, number="13711110003", limit_s=90)
    line.wait(lambda: line.outcome_of("13711110003") == "missed", 15, "no record")
    newest = select(call_session.c.call_id).order_by(call_session.c.updated_at.desc()).limit(1)
    ((call_id,),) = line.rows(newest)
    events = [row.event for row in line.rows(select(call_journal.c.event).where(call_journal.c.call_id == call_id))]
    assert sum("case_not_found" in event for event in events) == 3
    assert any("legs_planned" in event for event in events)


def test_a_port_scan_of_the_call_server_changes_nothing(line: TestLine) -> None:
    port = int(line.settings.agi_peers[0].rsplit(":", 1)[1])
    before = line.rows(select(case_.c.id))
    probes = [
        b"",
        b"\x16\x03\x01\x02\x00",
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"agi_network: yes\n",
        b"\n\n\n",
        b"\xff" * 70000,
    ]
    for data in probes:
        with socket.create_connection(("127.0.0.1", port), 5) as connection:
            connection.settimeout(15)
            with contextlib.suppress(OSError):  # the server may have reset the connection by now
                connection.sendall(data)
                connection.shutdown(socket.SHUT_WR)
            with contextlib.suppress(ConnectionResetError):
                assert connection.recv(100) == b""
    assert line.rows(select(case_.c.id)) == before
    line.caller.place([Silence(3)], hang_up=True, number="13711110004")
    line.wait(lambda: line.outcome_of("13711110004") == "abandoned", 15, "the server no longer answers")
