"""The callers of scripts.yaml, and the exits of the flow that they take."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import yaml

from ivr import events
from ivr.events import DriverEvent
from ivr.flow import Collect, Flow, Menu, named_exits
from ivr.verbs import Dial, Hangup
from tests.ivr.line import CASE_NO, CODE, Line

FILE = Path(__file__).parent / "scripts.yaml"


@dataclass(frozen=True)
class Script:
    """A caller: what is done at each wait, and what must come of it."""

    name: str
    does: tuple[str, ...]
    trace: tuple[str, ...]
    outcome: str
    demand: str | None
    """The demand of the one case that is opened; None where none is."""
    withheld: bool = False
    """Whether the caller shows no number."""

    def told(self, number: str, code: str) -> tuple[str, ...]:
        """What is done, with the number and the code of a case that is there."""
        return tuple(act.replace("{number}", number).replace("{code}", code) for act in self.does)


@dataclass(frozen=True)
class Came:
    """What came of a call."""

    trace: tuple[str, ...]
    outcome: str
    cases: tuple[tuple[str, str, str], ...]
    """demand, state and channel of each."""


def scripts() -> list[Script]:
    """Every caller."""
    rows = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    return [
        Script(
            row["name"],
            tuple(row["does"]),
            tuple(row["trace"].split()),
            row["outcome"],
            row.get("demand"),
            row.get("number") == "withheld",
        )
        for row in rows
    ]


def wanted(script: Script) -> Came:
    """What must come of a script."""
    cases = () if script.demand is None else ((script.demand, "DRAFT", "voicemail"),)
    return Came(script.trace, script.outcome, cases)


def all_exits(flow: Flow) -> set[tuple[str, str]]:
    """Every exit of every node, by its name."""
    return {(name, exit_name) for name, node in flow.nodes.items() for exit_name in named_exits(node)}


def exits_taken(flow: Flow, script: Script) -> set[tuple[str, str]]:
    """The exits that a caller takes, by the pure engine."""
    line = Line(flow)
    line.number_known = not script.withheld
    taken = set(_passed(flow, list(line.state.trace)))
    for act in script.told(CASE_NO.removeprefix("LYG"), CODE):
        if isinstance(line.verbs[-1], Hangup):
            break
        before, known = line.state.node, len(line.state.trace)
        event = _event(act, line)
        line.take(event)
        walked = list(line.state.trace[known:])
        if walked:
            taken.add((before, _left_by(flow, before, event, walked[0])))
            taken |= set(_passed(flow, walked))
    return taken


def _passed(flow: Flow, walked: list[str]) -> Iterator[tuple[str, str]]:
    """Exits of nodes that were walked through without a wait: their targets differ."""
    for name, following in pairwise(walked):
        for exit_name, to in named_exits(flow.nodes[name]).items():
            if to == following:
                yield name, exit_name
                break


def _left_by(flow: Flow, name: str, event: DriverEvent, to: str) -> str:
    """The exit of the node where the caller was."""
    node = flow.nodes[name]
    match node, event:
        case Menu(), events.Digits(digits=digits):
            return f"key {digits}" if digits in node.keys else "gave_up"
        case Menu(), _:
            return "no_input"
        case Collect(), events.Digits(digits=digits) if len(digits) == node.digits:
            return "next"
        case Collect(), _:
            return "gave_up"
    return next(exit_name for exit_name, target in named_exits(node).items() if target == to)


def _event(act: str, line: Line) -> DriverEvent:
    word, _, rest = act.partition(" ")
    match word:
        case "press":
            return events.Digits(rest)
        case "wait":
            return events.NoInput()
        case "say":
            if rest == "nothing":
                return events.Recorded("", 0, 0, "", hung_up=False)
            return events.Recorded(f"d/{line.seq}.wav", 3000, 3000, "00", hung_up=rest == "and leave")
        case "reach":
            return events.DialEnded(rest) if isinstance(line.verbs[-1], Dial) else events.QueueLeft(rest)
        case _:
            return events.CallerGone()
