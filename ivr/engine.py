"""The engine: one pure step from a call's state and an event to the next state and what the caller hears.

It knows no carrier, clock, database or thread. A step walks nodes until one waits for the caller, needs the result of a
command, or ends the call. Silence, wrong keys and hang-ups are handled here, once, for every node.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from typing import Any

from ivr import events
from ivr.events import Event
from ivr.flow import Announce, Callback, Collect, End, Flow, Lookup, Menu, Transfer, Voicemail
from ivr.ports import (
    BookCallback,
    Command,
    Effect,
    EndedLeg,
    KeptRecording,
    LookUpCase,
    OpenVoicemailCase,
    PlanLegs,
)
from ivr.spelling import spell
from ivr.verbs import Dial, Enqueue, Gather, Hangup, Leg, Play, Playback, Record, Verb, dump_leg


@dataclass(frozen=True, slots=True)
class CallState:
    """Where a call stands. `dump_state` and `load_state` carry it through the store."""

    node: str = ""
    phase: str = ""
    """Within a node: "record", "review" and "saving" of a voicemail, "gone" once the caller has hung up."""
    tries: int = 0
    lookups: int = 0
    demand: str = ""
    variables: Mapping[str, str] = field(default_factory=dict)
    legs: tuple[Leg, ...] = ()
    leg: int = 0
    leg_at: str = ""
    """When the leg under way began; empty while there is none."""
    recording: KeptRecording | None = None
    """The voicemail that will be kept if the caller hangs up now."""
    steps: int = 0
    started_at: str = ""
    trace: tuple[str, ...] = ()
    outcome: str = ""
    ended: bool = False


@dataclass(frozen=True, slots=True)
class StepResult:
    """What a step leads to. The result of a `command` is the next event; `verbs` come before that event's verbs."""

    state: CallState
    verbs: tuple[Verb, ...] = ()
    command: Command | None = None
    recordings: tuple[KeptRecording, ...] = ()
    effects: tuple[Effect, ...] = ()
    legs: tuple[EndedLeg, ...] = ()


def dump_state(state: CallState) -> dict[str, Any]:
    """JSON form of a state; what stands at its default is left out."""
    data: dict[str, Any] = {}
    for name, default in _DEFAULTS.items():
        value = getattr(state, name)
        if value == default:
            continue
        if name == "legs":
            value = [dump_leg(leg) for leg in value]
        elif name == "recording":
            value = asdict(value)
        data[name] = value
    return data


def load_state(data: Mapping[str, Any]) -> CallState:
    """The state that `dump_state` wrote."""
    values = dict(data)
    if "legs" in values:
        values["legs"] = tuple(Leg(**leg) for leg in values["legs"])
    if "recording" in values:
        values["recording"] = KeptRecording(**values["recording"])
    if "trace" in values:
        values["trace"] = tuple(values["trace"])
    return CallState(**values)


_DEFAULTS = {name: getattr(CallState(), name) for name in CallState.__dataclass_fields__}


def step(flow: Flow, state: CallState, event: Event, now: datetime, *, seq: int = 0) -> StepResult:
    """Take one step. `seq` is the number of the answer that the event belongs to; recordings carry it.

    Any event is accepted in any state: one that does not fit asks the caller again. Raises nothing but KeyError for a
    state whose node the flow does not have.
    """
    walk = _Walk(flow, state, now, seq)
    walk.take(event)
    return walk.result()


class _Walk:
    """One step under way."""

    def __init__(self, flow: Flow, state: CallState, now: datetime, seq: int) -> None:
        self.flow = flow
        self.state = state
        self.now = now
        self.seq = seq
        self.verbs: list[Verb] = []
        self.command: Command | None = None
        self.recordings: list[KeptRecording] = []
        self.legs: list[EndedLeg] = []

    def result(self) -> StepResult:
        return StepResult(self.state, tuple(self.verbs), self.command, tuple(self.recordings), legs=tuple(self.legs))

    def set(self, **changes: Any) -> None:
        self.state = replace(self.state, **changes)

    # --- events

    def take(self, event: Event) -> None:
        if self.state.ended:
            self.verbs.append(Hangup())
            return
        match event:
            case events.Started():
                self.set(started_at=self.now.isoformat())
                self.enter(self.flow.start)
            case events.CallerGone():
                self.note_leg("caller_gone")
                self.gone()
            case events.CaseOpened():
                self.saved(event)
            case _:
                if isinstance(event, events.DialEnded | events.QueueLeft):
                    self.note_leg(event.outcome, event.talk_s, getattr(event, "agent", ""))
                self.set(steps=self.state.steps + 1)
                if self.over_limit():
                    self.enter(self.flow.limits.then)
                else:
                    self.answer(event)

    def over_limit(self) -> bool:
        if self.state.steps > self.flow.limits.steps:
            return True
        started = datetime.fromisoformat(self.state.started_at)
        return (self.now - started).total_seconds() > self.flow.limits.minutes * 60

    def answer(self, event: Event) -> None:
        match self.flow.nodes[self.state.node], event:
            case Menu() as node, events.Digits(digits=digits):
                self.menu_key(node, digits)
            case Menu() as node, events.NoInput():
                self.again_or(node.tries, node.no_input, node.prompts)
            case Collect() as node, events.Digits(digits=digits):
                self.collected(node, digits)
            case Collect() as node, events.NoInput():
                self.again_or(node.tries, node.gave_up, node.prompts)
            case Lookup() as node, events.CaseFound(progress=progress):
                self.set(variables={**self.state.variables, "progress": progress}, lookups=0, outcome="informed")
                self.enter(node.found)
            case Lookup() as node, events.CaseNotFound():
                self.set(lookups=self.state.lookups + 1)
                self.enter(node.not_found if self.state.lookups < node.tries else node.gave_up)
            case Transfer() as node, events.LegsPlanned(legs=legs):
                self.set(legs=legs, leg=0)
                self.try_leg(node)
            case Transfer() as node, events.DialEnded(outcome=outcome) | events.QueueLeft(outcome=outcome):
                self.leg_ended(node, outcome)
            case Callback() as node, events.CallbackBooked():
                self.set(outcome="callback")
                self.enter(node.saved)
            case Callback() as node, events.CallbackImpossible():
                self.enter(node.no_number)
            case Voicemail() as node, _:
                self.voicemail(node, event)
            case _:
                self.enter(self.state.node)

    # --- nodes

    def enter(self, name: str) -> None:
        """Walk into a node and on, until something waits, a command is needed or the call ends."""
        while True:
            node = self.flow.nodes[name]
            self.set(node=name, phase="", tries=0, trace=(*self.state.trace, name))
            match node:
                case Announce():
                    self.verbs.append(Play(self.clips(node.prompts)))
                    name = node.next
                    continue
                case Menu() | Collect():
                    self.ask(node.prompts)
                case Lookup():
                    values = self.state.variables
                    self.command = LookUpCase(values.get(node.number, ""), values.get(node.code, ""))
                case Transfer():
                    if node.prompts:
                        self.verbs.append(Play(self.clips(node.prompts)))
                    self.command = PlanLegs(node.target, self.state.demand)
                case Callback():
                    self.command = BookCallback()
                case Voicemail():
                    self.record(node, node.prompts)
                case End():
                    self.end(node)
            return

    def ask(self, prompts: tuple[str, ...]) -> None:
        """Wait for the keys of the Menu or Collect where the call stands."""
        node = self.flow.nodes[self.state.node]
        timers = self.flow.timers
        self.verbs.append(
            Gather(
                self.clips(prompts),
                max_digits=node.digits if isinstance(node, Collect) else 1,
                first_digit_timeout_s=timers.first_digit_timeout_s,
                inter_digit_timeout_s=timers.inter_digit_timeout_s,
                terminator="#" if isinstance(node, Collect) else "",
            )
        )

    def again_or(self, tries: int, otherwise: str, prompts: tuple[str, ...]) -> None:
        """Ask the same again, or give up after `tries`."""
        self.set(tries=self.state.tries + 1)
        if self.state.tries >= tries:
            self.enter(otherwise)
        else:
            self.ask(prompts)

    def menu_key(self, node: Menu, key: str) -> None:
        choice = node.keys.get(key)
        if choice is None:
            self.again_or(node.tries, node.gave_up, (*self.flow.invalid, *node.prompts))
            return
        if choice.demand:
            self.set(demand=choice.demand)
        self.enter(choice.to)

    def collected(self, node: Collect, digits: str) -> None:
        if len(digits) != node.digits or not digits.isdecimal():
            self.again_or(node.tries, node.gave_up, (*self.flow.invalid, *node.prompts))
            return
        self.set(variables={**self.state.variables, node.variable: digits})
        self.enter(node.next)

    def try_leg(self, node: Transfer) -> None:
        if self.state.leg >= len(self.state.legs):
            self.enter(node.failed)
            return
        leg = self.state.legs[self.state.leg]
        self.set(leg_at=self.now.isoformat())
        self.verbs.append(Dial(leg) if leg.kind == "line" else Enqueue(leg))

    def note_leg(self, outcome: str, talk_s: int = 0, agent: str = "") -> None:
        """The leg under way, if any, is over."""
        if self.state.leg_at and self.state.leg < len(self.state.legs):
            began = datetime.fromisoformat(self.state.leg_at)
            leg = self.state.legs[self.state.leg]
            self.legs.append(EndedLeg(self.seq, leg, began, outcome, talk_s, agent))
        self.set(leg_at="")

    def leg_ended(self, node: Transfer, outcome: str) -> None:
        if outcome in ("answered", "transferred") and self.state.leg < len(self.state.legs):
            handed_on = outcome == "transferred" or self.state.legs[self.state.leg].kind == "line"
            self.set(outcome="transferred" if handed_on else "answered")
            self.enter(node.answered)
            return
        self.set(leg=self.state.leg + 1)
        if self.state.leg >= len(self.state.legs) and outcome in ("timeout", "full") and node.waited:
            self.enter(node.waited)
            return
        self.try_leg(node)

    def end(self, node: End) -> None:
        if self.state.recording:
            # A limit can end the call in the middle of a review: what was said is kept all the same.
            self.keep("ending")
            return
        if node.prompts:
            self.verbs.append(Play(self.clips(node.prompts), barge_in=False))
        self.verbs.append(Hangup())
        self.set(ended=True, outcome=self.state.outcome or node.outcome or "abandoned")

    # --- voicemail

    def record(self, node: Voicemail, prompts: tuple[str, ...]) -> None:
        self.set(phase="record")
        self.verbs.append(Record(self.clips(prompts), node.max_duration_s, node.max_silence_s))

    def voicemail(self, node: Voicemail, event: Event) -> None:
        match self.state.phase, event:
            case "record", events.Recorded():
                self.recorded(node, event)
            case "record", _:
                self.record(node, node.prompts)
            case "review", events.Digits(digits="2") if self.state.recording:
                self.verbs += [Play(self.clips(node.playback)), Playback(self.state.recording.path)]
                self.review(node.review)
            case "review", events.Digits(digits="3"):
                self.record(node, node.prompts)
            case "review", events.Digits(digits=digits) if digits != "1" and self.state.tries < 2:
                self.set(tries=self.state.tries + 1)
                self.review((*self.flow.invalid, *node.review))
            case _:
                self.keep("saving")

    def review(self, prompts: tuple[str, ...]) -> None:
        self.set(phase="review")
        self.ask(prompts)

    def recorded(self, node: Voicemail, event: events.Recorded) -> None:
        usable = bool(event.path) and (event.speech_ms is None or event.speech_ms >= node.min_speech_ms)
        if event.path:
            new = KeptRecording(event.path, event.duration_ms, event.speech_ms, event.sha256, usable, self.seq)
            self.recordings.append(new)
            if usable:
                if self.state.recording:
                    # Only now that the caller has said it again does the first one go.
                    self.recordings.append(replace(self.state.recording, kept=False))
                self.set(recording=new)
        if event.hung_up:
            self.gone()
        elif usable:
            self.set(tries=0)
            self.review(node.review)
        elif self.state.recording:
            self.keep("saving")
        else:
            self.set(tries=self.state.tries + 1)
            if self.state.tries >= 2:
                self.set(outcome="missed")
                self.enter(node.missed)
            else:
                self.record(node, node.again)

    def keep(self, phase: str) -> None:
        """Open the case of the kept recording; `phase` says what follows: saving, ending or gone."""
        if self.state.recording is None:
            node = self.flow.nodes[self.state.node]
            self.enter(node.missed if isinstance(node, Voicemail) else self.flow.limits.then)
            return
        self.set(phase=phase)
        self.command = OpenVoicemailCase(self.state.recording.path, self.state.demand)

    def saved(self, event: events.CaseOpened) -> None:
        phase = self.state.phase
        self.set(
            variables={
                **self.state.variables,
                "case_digits": "".join(filter(str.isdecimal, event.case_no)),
                "query_code": event.query_code,
            },
            recording=None,
            outcome="voicemail",
        )
        node = self.flow.nodes[self.state.node]
        if phase == "gone":
            self.finish()
        elif isinstance(node, Voicemail):
            self.enter(node.saved)
        else:
            self.enter(self.flow.limits.then)

    # --- the end

    def gone(self) -> None:
        """The caller hung up: keep what was said, or note how far the call came."""
        if self.state.recording:
            self.keep("gone")
        else:
            self.finish()

    def finish(self) -> None:
        node = self.flow.nodes.get(self.state.node)
        default = "missed" if isinstance(node, Voicemail) else "abandoned"
        self.verbs.append(Hangup())
        self.set(ended=True, outcome=self.state.outcome or default)

    # --- prompts

    def clips(self, prompts: tuple[str, ...]) -> tuple[str, ...]:
        """Clip names of prompts, with digits spelled out and variables filled in."""
        names: list[str] = []
        for prompt in prompts:
            if prompt.startswith("digits:"):
                names += spell(self.state.variables.get(prompt[7:], ""))
            elif "{" in prompt:
                names.append(prompt.format_map(self.state.variables))
            else:
                names.append(prompt)
        return tuple(names)
