"""Every linked line x everything that can become of a transfer, on a real PBX, many calls at a time.

The city's own directory is used, with short ringing times, and a flow that reaches each of its lines with two keys.
Callers and lines are SIPp. What becomes of a call is decided by the fifth group of the caller's number.
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml
from sqlalchemy import select

from call_router.directory import Directory
from casebook.privacy import normalise_number
from casebook.store.legs import LegRow, Legs
from casebook.store.schema import call
from tests.e2e.hotline import TestLine, running
from tests.pbx.audio import Key, Silence, Timeline
from tests.pbx.many_ends import ManyEnds
from tests.router.city import CITY

PARTS = ("agi-0", "agi-1", "router", "pbx")
RING_S = 8
OPEN = {"workdays": ["00:00-24:00"], "restdays": ["00:00-24:00"]}
ENDS = {1: "answered", 2: "busy", 3: "no_answer", 4: "congestion"}
"""What the line does with a caller whose number is 1380000<n>..."""
HUNG_UP, UNREACHABLE = 5, 6
LIMIT_S = 150


@dataclass(frozen=True)
class Cell:
    """A line and what becomes of a call to it."""

    line: str
    end: int
    number: str


def city_of(folder: Path) -> list[tuple[str, str]]:
    """The city's files with short ringing times, and a flow of two menus; each line with its keys."""
    for entry in CITY.iterdir():
        (folder / entry.name).symlink_to(entry)
    lines = yaml.safe_load((CITY / "lines.yaml").read_text(encoding="utf-8"))
    shifts = yaml.safe_load((CITY / "shifts.yaml").read_text(encoding="utf-8"))
    for line in lines["lines"].values():
        line["timeout_s"] = RING_S
    shifts["hours"] = dict.fromkeys(shifts["hours"], OPEN)
    keys = {name: (str(n // 9 + 1), str(n % 9 + 1)) for n, name in enumerate(lines["lines"])}
    menu = {"type": "menu", "prompts": ["pause"], "no_input": "over", "gave_up": "over", "tries": 3}
    first = {one: {"to": f"menu_{one}"} for one, _ in keys.values()}
    nodes: dict[str, object] = {
        "main": {**menu, "keys": first},
        "over": {"type": "end", "prompts": ["pause"], "outcome": "missed"},
        "end": {"type": "end", "prompts": []},
    }
    for one in first:
        following = {two: {"to": f"to_{name}"} for name, (group, two) in keys.items() if group == one}
        nodes[f"menu_{one}"] = {**menu, "keys": following}
    for name, line in lines["lines"].items():
        back = line.get("fallback", "agents")
        nodes[f"to_{name}"] = {
            "type": "transfer",
            "prompts": [line.get("handover", "transfer_other")],
            "target": f"line:{name}",
            "answered": "end",
            "failed": f"back_{back}",
        }
        nodes[f"back_{back}"] = {
            "type": "queue",
            "prompts": ["pause"],
            "target": f"queue:{back}",
            "answered": "end",
            "failed": "over",
        }
    flow = {
        "start": "main",
        "invalid": ["pause"],
        "timers": {"first_digit_timeout_s": 8, "inter_digit_timeout_s": 4},
        "limits": {"steps": 60, "minutes": 30, "then": "over"},
        "nodes": nodes,
    }
    for file, data in (("lines.yaml", lines), ("shifts.yaml", shifts), ("flow.yaml", flow)):
        (folder / file).unlink()
        (folder / file).write_text(yaml.safe_dump(data, allow_unicode=True), encoding="utf-8")
    return [(name, "".join(pressed)) for name, pressed in keys.items()]


class Matrix:
    """The calls of every cell."""

    def __init__(self, line: TestLine, keys: list[tuple[str, str]]) -> None:
        self.line = line
        self.keys = keys
        self._started: list[tuple[subprocess.Popen[bytes], Path]] = []

    def number(self, n: int, end: int) -> str:
        """The number of the caller of a cell."""
        return f"1380000{end}{n:03d}"

    def start(self, n: int, pressed: str, ends: int, *, first: int, hang_up: bool) -> None:
        """Calls to a line: `ends` of them, the first with the end `first`."""
        one, two = pressed[0], pressed[1]
        timeline: Timeline = [Silence(2.0), Key(one), Silence(1.5), Key(two), Silence(6.0 if hang_up else 1.0)]
        number = self.number(n, first) if ends == 1 else f"1380000[call_number]{n:03d}"
        self._started.append(
            self.line.caller.start(timeline, number=number, calls=ends, rate=1, hang_up=hang_up, limit_s=LIMIT_S)
        )
        # A few calls a second: the machine has other things to do.
        time.sleep(0.7)

    def finish(self) -> None:
        """Wait until everybody has hung up."""
        for process, _ in self._started:
            process.wait(LIMIT_S + 30)
        failed = [self.line.caller.result(folder) for _, folder in self._started]
        assert [result.output[-500:] for result in failed if result.failed] == []
        self._started.clear()
        self.line.wait(lambda: self.line.channels() == [], 30, "channels stay")

    def legs(self, number: str) -> tuple[str, list[LegRow]]:
        """The outcome and the attempts of the call of a number."""
        index = self.line.parts.privacy.index(normalise_number(number), "ani")
        query = select(call.c.call_id, call.c.outcome, call.c.ended_at).where(call.c.ani_hmac == index)
        (row,) = self.line.rows(query)
        assert row.ended_at
        return str(row.outcome), Legs(self.line.engine).of_call(row.call_id)


@pytest.fixture(scope="module")
def matrix(tmp_path_factory: pytest.TempPathFactory, pbx_prefix: Path) -> Iterator[tuple[Matrix, ManyEnds]]:
    folder, city = tmp_path_factory.mktemp("matrix"), tmp_path_factory.mktemp("city")
    keys = city_of(city)
    called = ManyEnds(folder, ENDS)
    trunks = {line.trunk for line in Directory.load(city / "lines.yaml").lines.values()}
    settings = {
        "HOTLINE_CITY_DIR": str(city),
        "HOTLINE_TRUNKS": ",".join(f"{trunk}={called.host}:{called.port}" for trunk in sorted(trunks)),
    }
    with running(TestLine(folder / "line", pbx_prefix, **settings), *PARTS) as line:
        line.wait(lambda: reachable(line) >= len(trunks), 40, "a trunk is away")
        yield Matrix(line, keys), called
        called.stop()


def reachable(line: TestLine) -> int:
    """How many trunks answer."""
    return line.pbx.cli("pjsip show contacts").count(" Avail ")


def check(matrix: Matrix, directory: Directory, cell: Cell) -> None:
    """The record of a cell says what became of the call, and the times are in order."""
    outcome, legs = matrix.legs(cell.number)
    entry = directory.lines[cell.line]
    line, *after = legs
    expected = {**ENDS, HUNG_UP: "caller_gone", UNREACHABLE: "unavailable"}[cell.end]
    assert (line.kind, line.target, line.number) == ("line", cell.line, directory.number(cell.line)), cell
    assert (line.outcome, line.urgent) == (expected, entry.emergency), cell
    assert line.ended_at
    assert line.started_at <= line.ended_at
    assert (line.answered_at is not None) == (expected == "answered"), cell
    if expected == "answered":
        assert line.answered_at
        assert line.started_at <= line.answered_at <= line.ended_at
        assert (outcome, after) == ("transferred", []), cell
    elif expected == "caller_gone":
        assert (outcome, after) == ("abandoned", []), cell
    else:
        # Nobody took it: into the queue that the directory names, ahead of the others where it was an emergency.
        (queue,) = after
        assert (queue.kind, queue.target, queue.urgent) == ("queue", entry.fallback, entry.emergency), cell
        assert (queue.outcome, outcome) == ("join_empty", "missed"), cell


@pytest.mark.timeout(600)
def test_every_line_and_everything_that_can_become_of_a_transfer(matrix: tuple[Matrix, ManyEnds]) -> None:
    calls, called = matrix
    directory = calls.line.parts.directory
    assert len(calls.keys) == len(directory.lines)
    for n, (_, pressed) in enumerate(calls.keys):
        calls.start(n, pressed, len(ENDS), first=1, hang_up=False)
        calls.start(n, pressed, 1, first=HUNG_UP, hang_up=True)
    calls.finish()
    invited = called.messages()
    # Nobody at the other end any more: the trunks are found dead, and no caller waits for them.
    called.stop()
    calls.line.wait(lambda: reachable(calls.line) == 0, 60, "a dead trunk counts as alive")
    for n, (_, pressed) in enumerate(calls.keys):
        calls.start(n, pressed, 1, first=UNREACHABLE, hang_up=False)
    calls.finish()
    ends = [*ENDS, HUNG_UP, UNREACHABLE]
    cells = [Cell(line, end, calls.number(n, end)) for n, (line, _) in enumerate(calls.keys) for end in ends]
    calls.line.wait(lambda: all(ended(calls, cell) for cell in cells), 30, "a record has no end")
    for cell in cells:
        check(calls, directory, cell)
    for line in directory.lines:
        assert f"INVITE sip:{directory.number(line)}@" in invited


def ended(calls: Matrix, cell: Cell) -> bool:
    return calls.line.outcome_of(cell.number) != ""
