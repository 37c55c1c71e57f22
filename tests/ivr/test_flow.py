"""The lint finds what a caller would stumble over; a flow that is none is refused with file and line."""

from __future__ import annotations

import pytest

from ivr.flow import FlowError, lint, parse, prompts_of
from tests.ivr.line import CITY_FLOW

SOURCE = CITY_FLOW.read_text(encoding="utf-8")
EMERGENCIES = ("line:110", "line:119", "line:120", "line:122")


def clips() -> set[str]:
    flow = parse(SOURCE)
    named = {prompt for node in flow.nodes.values() for prompt in prompts_of(node)} | set(flow.invalid)
    return (
        {p for p in named if ":" not in p and "{" not in p} | {f"digits/{d}" for d in range(10)} | {"progress_closed"}
    )


def targets() -> set[str]:
    return {node.target for node in parse(SOURCE).nodes.values() if node.type in ("transfer", "queue")}


def findings(source: str) -> list[str]:
    return lint(parse(source), "flow.yaml", clips(), targets(), EMERGENCIES)


def test_the_citys_flow_is_clean() -> None:
    assert findings(SOURCE) == []


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('"9": {to: emergency}', '"9": {to: lines}', "cannot be reached within two keys"),
        ('"8": {to: lines}', '"8": {to: agents}', "no caller can reach node 'lines'"),
        ("prompts: [menu_lines]", "prompts: [menu_nowhere]", "has no audio"),
        ('target: "line:114"', 'target: "line:115"', "directory does not know"),
        ("then: bye}", "then: main}", "does not end the call"),
    ],
)
def test_a_defect_is_found(old: str, new: str, words: str) -> None:
    assert SOURCE.count(old) >= 1
    found = findings(SOURCE.replace(old, new, 1))
    assert any(words in finding for finding in found)
    assert all(finding.startswith("flow.yaml:") for finding in found)


def test_a_loop_without_a_wait_is_found() -> None:
    looped = SOURCE.replace("next: progress_number}", "next: progress_again}")
    assert any("without waiting" in finding for finding in findings(looped))


def test_silence_that_reaches_nobody_is_found() -> None:
    silent = SOURCE.replace(
        "    no_input: agents\n    gave_up: agents\n    tries: 1", "    no_input: bye\n    gave_up: bye"
    )
    assert any("does not reach a person" in finding for finding in findings(silent))


def test_an_exit_to_nowhere_is_refused_with_its_line() -> None:
    with pytest.raises(FlowError, match=r"flow.yaml:\d+: node 'welcome' leads to 'nowhere'"):
        parse(SOURCE.replace("next: main}", "next: nowhere}", 1))


def test_a_misspelt_key_is_refused() -> None:
    with pytest.raises(FlowError, match=r"flow.yaml:\d+: nodes.welcome"):
        parse(SOURCE.replace("prompts: [welcome], next: main", "prompts: [welcome], nxt: main", 1))


def test_what_is_not_yaml_is_refused() -> None:
    with pytest.raises(FlowError, match=r"flow.yaml:\d+"):
        parse("start: [\n")


def test_the_revision_names_the_text() -> None:
    assert parse(SOURCE).rev == parse(SOURCE).rev
    assert parse(SOURCE).rev != parse(SOURCE + "# more\n").rev
