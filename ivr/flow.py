"""The flow: nodes as data, read from the city's flow.yaml.

A node's exits name other nodes. A prompt is a clip's name, or "digits:<variable>" for digits read one by one, or
"<name>_{variable}" for a clip chosen by a variable. `parse` refuses what is not a flow at all; `lint` finds what a
caller would stumble over: dead ends, unreachable nodes, loops without a wait, an emergency line too many keys away.
"""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Literal

import yaml
from pydantic import ConfigDict, Field, TypeAdapter, ValidationError

Prompts = tuple[str, ...]
_STRICT = ConfigDict(extra="forbid", frozen=True)


class FlowError(Exception):
    """The flow cannot be read; the message names file, line and what is wrong."""


@dataclass(frozen=True, slots=True)
class Choice:
    """What a key does: where it leads, and the demand that it states, if any."""

    __pydantic_config__ = _STRICT
    to: str
    demand: str = ""


@dataclass(frozen=True, slots=True)
class Announce:
    """Say something and go on."""

    __pydantic_config__ = _STRICT
    type: Literal["announce"]
    prompts: Prompts
    next: str


@dataclass(frozen=True, slots=True)
class Menu:
    """One key chooses. After `tries` silences it leads to `no_input`, after as many wrong keys to `gave_up`."""

    __pydantic_config__ = _STRICT
    type: Literal["menu"]
    prompts: Prompts
    keys: Mapping[str, Choice]
    no_input: str
    gave_up: str
    tries: int = 3


@dataclass(frozen=True, slots=True)
class Collect:
    """Exactly `digits` keys, kept under `variable`."""

    __pydantic_config__ = _STRICT
    type: Literal["collect"]
    prompts: Prompts
    digits: int
    variable: str
    next: str
    gave_up: str
    tries: int = 3


@dataclass(frozen=True, slots=True)
class Lookup:
    """Find a case by the digits and the code collected before; its progress word goes to the variable `progress`."""

    __pydantic_config__ = _STRICT
    type: Literal["lookup"]
    number: str
    code: str
    found: str
    not_found: str
    gave_up: str
    tries: int = 3


@dataclass(frozen=True, slots=True)
class Transfer:
    """Try to reach somebody: a line ("line:110") or agents ("queue:agents"), leg by leg as the router plans.

    `waited` is where a caller goes for whom the last leg's time ran out in a queue; without it, to `failed`.
    """

    __pydantic_config__ = _STRICT
    type: Literal["transfer", "queue"]
    prompts: Prompts
    target: str
    answered: str
    failed: str
    waited: str = ""


@dataclass(frozen=True, slots=True)
class Callback:
    """Book a call-back to the number that called; `no_number` is for callers who withhold it."""

    __pydantic_config__ = _STRICT
    type: Literal["callback"]
    saved: str
    no_number: str


@dataclass(frozen=True, slots=True)
class Voicemail:
    """Record, let the caller hear it again, record again or keep it; a kept one becomes a case.

    Less than `min_speech_ms` of speech is asked again once with `again`, then leads to `missed`. A caller who hangs up
    has kept what was said. `case_digits` and `query_code` are set for `saved`.
    """

    __pydantic_config__ = _STRICT
    type: Literal["voicemail"]
    prompts: Prompts
    again: Prompts
    review: Prompts
    playback: Prompts
    saved: str
    missed: str
    max_duration_s: int = 180
    max_silence_s: int = 10
    min_speech_ms: int = 1000


@dataclass(frozen=True, slots=True)
class End:
    """Say good-bye and hang up. `outcome` is what the call's record says, unless something better was reached."""

    __pydantic_config__ = _STRICT
    type: Literal["end"]
    prompts: Prompts
    outcome: str = ""


Node = Announce | Menu | Collect | Lookup | Transfer | Callback | Voicemail | End


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds that no call passes; beyond them it goes to the node `then`, which must be an end."""

    __pydantic_config__ = _STRICT
    steps: int
    minutes: int
    then: str


@dataclass(frozen=True, slots=True)
class Timers:
    """Seconds that a caller has for the first key and between keys."""

    __pydantic_config__ = _STRICT
    first_digit_timeout_s: float
    inter_digit_timeout_s: float


@dataclass(frozen=True, slots=True)
class _Document:
    __pydantic_config__ = _STRICT
    start: str
    invalid: Prompts
    timers: Timers
    limits: Limits
    nodes: Mapping[str, Annotated[Node, Field(discriminator="type")]]


@dataclass(frozen=True, slots=True)
class Flow:
    """A parsed flow. `rev` names this text for good: a call keeps the revision that it began with."""

    rev: str
    source: str
    start: str
    invalid: Prompts
    timers: Timers
    limits: Limits
    nodes: Mapping[str, Node]
    lines: Mapping[str, int] = field(default_factory=dict, compare=False)


def parse(source: str, name: str = "flow.yaml") -> Flow:
    """The flow in a YAML text. Raises FlowError with one sentence that names file and line."""
    try:
        document = TypeAdapter(_Document).validate_python(yaml.safe_load(source))
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"{name}:{mark.line + 1}" if mark else name
        raise FlowError(f"{where}: {getattr(error, 'problem', None) or 'not YAML'}") from error
    except ValidationError as error:
        first = error.errors()[0]
        path = ".".join(str(part) for part in first["loc"])
        line = _lines(source).get(str(first["loc"][1]) if len(first["loc"]) > 1 else "", 1)
        raise FlowError(f"{name}:{line}: {path}: {first['msg']}") from error
    rev = hashlib.sha256(source.encode()).hexdigest()[:16]
    flow = Flow(
        rev=rev,
        source=source,
        start=document.start,
        invalid=document.invalid,
        timers=document.timers,
        limits=document.limits,
        nodes=document.nodes,
        lines=_lines(source),
    )
    if missing := [(node, to) for node, to in _edges(flow) if to not in flow.nodes]:
        node, to = missing[0]
        raise FlowError(f"{name}:{flow.lines.get(node, 1)}: node '{node}' leads to '{to}', which does not exist")
    return flow


def _lines(source: str) -> dict[str, int]:
    """Line of each node's name, for messages."""
    root = yaml.compose(source)
    if not isinstance(root, yaml.MappingNode):
        return {}
    for key, value in root.value:
        if key.value == "nodes" and isinstance(value, yaml.MappingNode):
            return {name.value: name.start_mark.line + 1 for name, _ in value.value}
    return {}


_EXITS: dict[type[Node], tuple[str, ...]] = {
    Announce: ("next",),
    Menu: ("no_input", "gave_up"),
    Collect: ("next", "gave_up"),
    Lookup: ("found", "not_found", "gave_up"),
    Transfer: ("answered", "failed", "waited"),
    Callback: ("saved", "no_number"),
    Voicemail: ("saved", "missed"),
    End: (),
}


def named_exits(node: Node) -> dict[str, str]:
    """The exits of a node: what leads out ("key 1", "no_input", "answered" ...), and where to."""
    chosen = {f"key {key}": choice.to for key, choice in node.keys.items()} if isinstance(node, Menu) else {}
    leads = {name: str(getattr(node, name)) for name in _EXITS[type(node)]}
    return chosen | {name: to for name, to in leads.items() if to}


def exits(node: Node) -> tuple[str, ...]:
    """Every node that `node` may lead to."""
    return tuple(named_exits(node).values())


def _edges(flow: Flow) -> Iterator[tuple[str, str]]:
    yield "start", flow.start
    yield "limits", flow.limits.then
    for name, node in flow.nodes.items():
        for to in exits(node):
            yield name, to


def prompts_of(node: Node) -> Prompts:
    """Every prompt that the node may play, templates included."""
    match node:
        case Voicemail():
            return (*node.prompts, *node.again, *node.review, *node.playback)
        case Lookup() | Callback():
            return ()
        case _:
            return node.prompts


def lint(
    flow: Flow,
    name: str,
    clips: Iterable[str],
    targets: Iterable[str],
    emergencies: Iterable[str],
    *,
    answers: bool = True,
) -> list[str]:
    """What a caller would stumble over, one sentence each with file and line; empty for a good flow.

    `clips` are the prompts that exist, `targets` what the router knows, `emergencies` those that two keys must reach.
    `answers` is False for the flow of calls that the line makes itself: nobody there asked for a person.
    """
    known = set(clips)
    reachable = _reachable(flow, flow.start) | _reachable(flow, flow.limits.then)
    findings = [*_lint_whole(flow, known, emergencies, answers)]
    for node_name in flow.nodes:
        if node_name not in reachable:
            findings.append((node_name, f"no caller can reach node '{node_name}'"))
        findings += ((node_name, text) for text in _lint_node(flow, node_name, known, set(targets)))
    return [f"{name}:{flow.lines.get(node, 1)}: {text}" for node, text in findings]


def _lint_node(flow: Flow, name: str, clips: set[str], targets: set[str]) -> Iterator[str]:
    node = flow.nodes[name]
    for prompt in prompts_of(node):
        if not _prompt_exists(prompt, clips):
            yield f"node '{name}' plays '{prompt}', which has no audio"
    if isinstance(node, Transfer) and node.target not in targets:
        yield f"node '{name}' transfers to '{node.target}', which the directory does not know"
    if not any(isinstance(flow.nodes[other], End) for other in _reachable(flow, name)):
        yield f"from node '{name}' no call can end"
    if name in _without_wait(flow, name):
        yield f"node '{name}' comes back to itself without waiting for the caller"


def _lint_whole(flow: Flow, clips: set[str], emergencies: Iterable[str], answers: bool) -> Iterator[tuple[str, str]]:
    for prompt in flow.invalid:
        if not _prompt_exists(prompt, clips):
            yield flow.start, f"the answer to a wrong key plays '{prompt}', which has no audio"
    if not isinstance(flow.nodes[flow.limits.then], End):
        yield flow.limits.then, f"limits lead to '{flow.limits.then}', which does not end the call"
    keys = _keys_to_targets(flow)
    for target in emergencies:
        if keys.get(target, 99) > 2:
            yield flow.start, f"'{target}' cannot be reached within two keys"
    if answers and keys.get("no_input", 99) > 0:
        yield flow.start, "a caller who presses nothing does not reach a person"


def _prompt_exists(prompt: str, clips: set[str]) -> bool:
    if prompt.startswith("digits:"):
        return all(f"digits/{digit}" in clips for digit in range(10))
    if "{" in prompt:
        return any(clip.startswith(prompt.partition("{")[0]) for clip in clips)
    return prompt in clips


def _reachable(flow: Flow, start: str) -> set[str]:
    seen, todo = {start}, [start]
    while todo:
        for to in exits(flow.nodes[todo.pop()]):
            if to not in seen:
                seen.add(to)
                todo.append(to)
    return seen


def _without_wait(flow: Flow, start: str) -> set[str]:
    """Nodes that follow `start` before anybody waits for the caller."""
    seen: set[str] = set()
    todo = [start]
    while todo:
        node = flow.nodes[todo.pop()]
        following = exits(node) if isinstance(node, Announce | Lookup | Callback) else ()
        for to in following:
            if to not in seen:
                seen.add(to)
                todo.append(to)
    return seen


def _keys_to_targets(flow: Flow) -> dict[str, int]:
    """Fewest keys from the first prompt to each transfer target; "no_input" is 0 when silence leads to a queue."""
    keys: dict[str, int] = {}
    todo = deque([(flow.start, 0, True)])
    seen: set[tuple[str, bool]] = set()
    while todo:
        name, pressed, silent = todo.popleft()
        if (name, silent) in seen:
            continue
        seen.add((name, silent))
        match flow.nodes[name]:
            case Announce(next=to):
                todo.appendleft((to, pressed, silent))
            case Menu() as menu:
                todo.append((menu.no_input, pressed, silent))
                todo.extend((choice.to, pressed + 1, False) for choice in menu.keys.values())
            case Transfer() as transfer:
                keys[transfer.target] = min(pressed, keys.get(transfer.target, 99))
                if silent and transfer.type == "queue":
                    keys["no_input"] = 0
            case _:
                pass
    return keys
