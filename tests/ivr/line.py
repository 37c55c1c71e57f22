"""A line for tests of the pure engine: takes steps and answers commands as a store and a router would."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from ivr import events
from ivr.engine import CallState, StepResult, dump_state, load_state, step
from ivr.events import Event
from ivr.flow import Flow, parse
from ivr.ports import BookCallback, Command, EndedLeg, KeptRecording, LookUpCase, OpenVoicemailCase, PlanLegs
from ivr.verbs import Leg, Verb

CITY_FLOW = Path(__file__).resolve().parents[2] / "config" / "city" / "flow.yaml"
START = datetime(2026, 11, 23, 22, 0, tzinfo=UTC)
CASE_NO, CODE = "LYG20261123000042", "0817"


def city_flow() -> Flow:
    """The flow that the project ships."""
    return parse(CITY_FLOW.read_text(encoding="utf-8"))


class Line:
    """One call against the engine. `verbs` is the last answer, `cases` what was opened, `recordings` what was kept."""

    def __init__(self, flow: Flow | None = None) -> None:
        self.flow = flow or city_flow()
        self.state = CallState()
        self.now = START
        self.seq = 0
        self.verbs: tuple[Verb, ...] = ()
        self.cases: list[OpenVoicemailCase] = []
        self.recordings: dict[str, KeptRecording] = {}
        self.legs: list[EndedLeg] = []
        self.number_known = True
        self.take(events.Started())

    def take(self, event: Event, after_s: float = 1) -> tuple[Verb, ...]:
        """Apply an event; commands are answered at once. The state goes through its JSON form, as in a store."""
        self.now += timedelta(seconds=after_s)
        verbs: tuple[Verb, ...] = ()
        while True:
            state = load_state(dump_state(self.state))
            result: StepResult = step(self.flow, state, event, self.now, seq=self.seq)
            self.state = result.state
            verbs += result.verbs
            self.recordings |= {recording.path: recording for recording in result.recordings}
            self.legs += result.legs
            if result.command is None:
                break
            event = self.execute(result.command)
        self.seq += 1
        self.verbs = verbs
        return verbs

    def execute(self, command: Command) -> Event:
        match command:
            case OpenVoicemailCase():
                self.cases.append(command)
                return events.CaseOpened(CASE_NO, CODE)
            case LookUpCase(digits=digits, query_code=code):
                found = digits == CASE_NO.removeprefix("LYG") and code == CODE
                return events.CaseFound("handling") if found else events.CaseNotFound()
            case BookCallback():
                return events.CallbackBooked() if self.number_known else events.CallbackImpossible()
            case PlanLegs(target=target):
                kind, _, name = target.partition(":")
                if kind == "queue":
                    return events.LegsPlanned((Leg("queue", name, name, "", 60),))
                return events.LegsPlanned((Leg("line", name, name, "psap", 20),))

    def press(self, *keys: str) -> tuple[Verb, ...]:
        """One Digits event for each argument."""
        for key in keys:
            self.take(events.Digits(key))
        return self.verbs

    def say(self, speech_ms: int = 5000, path: str = "d/a.wav", *, hung_up: bool = False) -> tuple[Verb, ...]:
        """A recording ends."""
        return self.take(events.Recorded(path, speech_ms + 500, speech_ms, "00", hung_up))
