"""CallService: one transaction a step. Loads the session, lets the engine step, saves state, answer and effects.

Drivers hand back the `seq` of the answer whose outcome they report. An outcome is applied once per seq: asked again
with an older one (a repeated webhook, a server that took over a call), the service answers what is pending.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from threading import Lock
from typing import TypeVar

from ivr import events
from ivr.engine import CallState, dump_state, load_state, step
from ivr.events import CommandResult, DriverEvent, Event
from ivr.flow import Flow, parse
from ivr.ports import (
    BookCallback,
    CallStore,
    Command,
    Effect,
    EndedLeg,
    LookUpCase,
    NewCall,
    OpenVoicemailCase,
    PlanLegs,
    Router,
    SessionRow,
    StaleSession,
    StepWrites,
    UnitOfWork,
)
from ivr.verbs import Hangup, Verb

_REMEMBERED = 1000
"""Sessions that a process remembers, those that moved last."""
T = TypeVar("T")
_RACES = 5
"""How often a step is tried again when another process took it first."""


class UnknownCall(LookupError):
    """No session of this call exists."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the driver does now; `seq` comes back with the outcome."""

    call_id: str
    seq: int
    verbs: tuple[Verb, ...]


class CallService:
    """The calls of this line. Safe to share between threads.

    Holds no state of a call: what it remembers of one saves the reading of it, and is written under its version.
    """

    def __init__(self, store: CallStore, router: Router, flow: Flow, clock: Callable[[], datetime]) -> None:
        self._store = store
        self._router = router
        self._clock = clock
        self._flow = flow
        self._flows = {flow.rev: flow}
        self._remembered: OrderedDict[str, SessionRow] = OrderedDict()
        self._remembering = Lock()
        self._flow_is_kept = False

    def start(self, call: NewCall) -> Answer:
        """Answer a new call; a call that is known gets its pending answer again."""
        row, is_new = self._racing(lambda unit: self._start(unit, call))
        self._flow_is_kept |= is_new
        return self._answer(row)

    def step(self, call_id: str, seq: int, event: DriverEvent) -> Answer:
        """Apply the outcome of answer `seq`. Raises UnknownCall."""
        row = self._recall(call_id)
        if row is not None and row.seq == seq:
            # Whoever took the step meanwhile has changed the version, and it is read after all.
            try:
                with self._store.transaction() as unit:
                    self._advance(unit, row, event)
            except StaleSession:
                pass
            else:
                return self._answer(row)
        return self._answer(self._racing(lambda unit: self._step(unit, call_id, seq, event)))

    def pending(self, call_id: str) -> Answer | None:
        """The answer that the call waits with; None for a call that is unknown or ended."""
        row = self._racing(lambda unit: unit.load_session(call_id))
        return Answer(call_id, row.seq, row.verbs) if row and row.ended_at is None else None

    def _answer(self, row: SessionRow) -> Answer:
        """The answer of a session that was just written or read."""
        with self._remembering:
            self._remembered.pop(row.call_id, None)
            if row.ended_at is None:
                self._remembered[row.call_id] = row
                if len(self._remembered) > _REMEMBERED:
                    self._remembered.popitem(last=False)
        return Answer(row.call_id, row.seq, row.verbs)

    def _recall(self, call_id: str) -> SessionRow | None:
        """A session as this process last knew it, to be changed."""
        row = self._remembered.get(call_id)
        return replace(row) if row else None

    def _racing(self, work: Callable[[UnitOfWork], T]) -> T:
        for _ in range(_RACES - 1):
            try:
                with self._store.transaction() as unit:
                    return work(unit)
            except StaleSession:
                continue
        with self._store.transaction() as unit:
            return work(unit)

    def _start(self, unit: UnitOfWork, call: NewCall) -> tuple[SessionRow, bool]:
        row = unit.load_session(call.call_id)
        is_new = row is None
        if row is None:
            if not self._flow_is_kept:
                unit.save_flow(self._flow.rev, self._flow.source)
            row = SessionRow(call.call_id, self._flow.rev, version=0, seq=0, state={}, verbs=())
            unit.create_call(call, row)
            self._advance(unit, row, events.Started())
        return row, is_new

    def _step(self, unit: UnitOfWork, call_id: str, seq: int, event: DriverEvent) -> SessionRow:
        row = unit.load_session(call_id)
        if row is None:
            raise UnknownCall(call_id)
        # A hang-up counts whenever it comes; any other outcome only for the answer that it belongs to.
        if row.ended_at is None and (seq == row.seq or isinstance(event, events.CallerGone)):
            self._advance(unit, row, event)
        return row

    def _advance(self, unit: UnitOfWork, row: SessionRow, event: Event) -> None:
        now = self._clock()
        flow = self._flow_of(unit, row.flow_rev)
        state = load_state(row.state) if row.state else CallState()
        journal: list[Event] = [event]
        verbs: list[Verb] = []
        effects: list[Effect] = []
        legs: list[EndedLeg] = []
        while True:
            result = step(flow, state, event, now, seq=row.seq)
            state = result.state
            verbs += result.verbs
            effects += result.effects
            legs += result.legs
            for recording in result.recordings:
                unit.save_recording(row.call_id, recording, now)
            if result.command is None:
                break
            event = self._execute(unit, row.call_id, result.command, now)
            journal.append(event)
        row.seq += 1
        row.state = dump_state(state)
        row.verbs = tuple(verbs) or (Hangup(),)
        row.ended_at = now if state.ended else None
        writes = StepWrites(tuple(journal), tuple(effects), state.outcome if state.ended else "", tuple(legs))
        unit.save_step(row, writes, now)

    def _execute(self, unit: UnitOfWork, call_id: str, command: Command, now: datetime) -> CommandResult:
        match command:
            case OpenVoicemailCase():
                return unit.open_by_voicemail(call_id, command, now)
            case LookUpCase():
                return unit.look_up_case(command)
            case BookCallback():
                return unit.book_callback(call_id, now)
            case PlanLegs():
                return events.LegsPlanned(self._router.plan(command.target, command.demand, now))

    def _flow_of(self, unit: UnitOfWork, rev: str) -> Flow:
        flow = self._flows.get(rev)
        if flow is None:
            source = unit.load_flow(rev)
            flow = self._flows[rev] = parse(source) if source else self._flow
        return flow
