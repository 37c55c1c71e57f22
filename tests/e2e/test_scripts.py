"""The main paths of the caller scripts on a real PBX: the same nodes, the same record, the same case."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from sqlalchemy import select

from casebook.privacy import normalise_number
from casebook.store.cases import QUERY_CODE
from casebook.store.schema import call, case_
from tests.conformance.carriers import came
from tests.conformance.scripts import Script, scripts, wanted
from tests.e2e.conftest import Said
from tests.e2e.hotline import TestLine, running
from tests.e2e.test_transfers import available
from tests.pbx.audio import Key, Samples, Silence, Speech, Timeline
from tests.pbx.caller import AgentPhone, Line

BY_NAME = {script.name: script for script in scripts()}
PARTS = ("valkey", "agi-0", "router", "pbx")
NOBODY_THERE = (
    "complaint, nobody there, kept with a key",
    "help, hangs up while speaking",
    "hangs up in the review",
    "hears it again, says it again, keeps the second",
    "hangs up in the menu",
    "police",
)
AN_AGENT = ("consultation, an agent answers", "social security, busy")
SKIP: Timeline = [Silence(1.8), Key("1"), Silence(1.0)]


def timeline(acts: Sequence[str], said: Samples) -> Timeline:
    """What a caller does, in time; announcements are skipped with a key where one follows another."""
    does: Timeline = []
    for n, act in enumerate(acts):
        word, _, rest = act.partition(" ")
        match word:
            case "press":
                # Menus last longer than this, and wait for a key after that; a busy machine is late.
                does.append(Silence(2.5))
                for key in rest:
                    does += [Key(key), Silence(0.35)]
                if rest == "3" and acts[n - 1].startswith("press 2"):
                    does += SKIP
            case "say":
                does.append(Speech(said))
                if rest != "and leave":
                    does += [Silence(0.3), Key("#")]
            case "reach":
                nobody: Timeline = [Silence(1.0), Key("1"), *SKIP]
                does += nobody if rest == "nobody" else [Silence(9)]
            case "wait":
                # Past a question's silence; at the end, past the number that is read too.
                does.append(Silence(12 if acts[n + 1 :] else 30))
            case "leave":
                does.append(Silence(3))
    return does


def call_of(line: TestLine, number: str) -> str:
    """The id of a number's call."""
    index = line.parts.privacy.index(normalise_number(number), "ani")
    rows = line.rows(select(call.c.call_id).where(call.c.ani_hmac == index))
    return str(rows[0].call_id) if rows else ""


def run(line: TestLine, chosen: Sequence[Script], said: Samples, first: int, known: tuple[str, str] = ("", "")) -> None:
    """All of them at once; every record must be as the script says."""
    numbers = {script.name: f"1390000{first + n:04d}" for n, script in enumerate(chosen)}
    started = [
        line.caller.start(timeline(script.told(*known), said), hang_up=True, limit_s=90, number=numbers[script.name])
        for script in chosen
    ]
    for process, _ in started:
        process.wait(120)
    line.wait(lambda: all(line.outcome_of(number) for number in numbers.values()), 30, "a call has no end")
    records = {script.name: came(line.parts, call_of(line, numbers[script.name])) for script in chosen}
    assert records == {script.name: wanted(script) for script in chosen}


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Line]]:
    """110 answers, the city's other lines are busy."""
    folder = tmp_path_factory.mktemp("places")
    answering, busy = Line(folder / "psap", "200 OK"), Line(folder / "carrier", "486 Busy Here", host="127.0.0.4")
    yield {"psap": answering, "carrier": busy}
    answering.stop()
    busy.stop()


@pytest.fixture(scope="module")
def line(tmp_path_factory: pytest.TempPathFactory, pbx_prefix: Path, places: dict[str, Line]) -> Iterator[TestLine]:
    trunks = ",".join(f"{name}={place.host}:{place.port}" for name, place in places.items())
    opened = TestLine(tmp_path_factory.mktemp("scripts"), pbx_prefix, HOTLINE_TRUNKS=trunks)
    with running(opened, *PARTS) as started:
        started.wait(lambda: all(available(started, name) for name in places), 40, "a trunk is away")
        yield started


def test_callers_whom_nobody_answers(line: TestLine, speech: list[Said]) -> None:
    said = speech[0].samples
    run(line, [BY_NAME[name] for name in NOBODY_THERE], said, first=1)
    row = line.rows(select(case_.c.case_no, case_.c.query_code_enc).limit(1))[0]
    code = line.parts.privacy.decrypt(row.query_code_enc, f"{QUERY_CODE}:{row.case_no}")
    run(line, [BY_NAME["progress of a case"]], said, first=50, known=(row.case_no.removeprefix("LYG"), code))


def test_callers_whom_an_agent_answers(line: TestLine, speech: list[Said], tmp_path: Path) -> None:
    secret = (line.settings.data_dir / "secrets" / "agent-1001").read_text(encoding="ascii").strip()
    agent = AgentPhone(tmp_path, line.settings.sip_port, "1001", secret)
    try:
        line.wait(lambda: available(line, "1001"), 20, "the agent's telephone is not there")
        for n, name in enumerate(AN_AGENT):
            run(line, [BY_NAME[name]], speech[0].samples, first=100 + n)
    finally:
        agent.stop()
