"""A day of a hotline on a fast clock: citizens, agents and a carrier around the real CallService and the real store.

Everything happens in whole seconds, in the order of the clock. What the world saw is kept in `Citizen` and `Stay`,
apart from what the store was told: a test compares the two.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random

from ivr.events import CallerGone, DialEnded, Digits, DriverEvent, NoInput, QueueLeft, Recorded
from ivr.ports import NewCall
from ivr.service import Answer, CallService
from ivr.verbs import Dial, Enqueue, Gather, Hangup, Record
from tests.simulation.queue import Queue

_LINE_OUTCOMES = ("answered",) * 7 + ("busy", "no_answer", "congestion", "unavailable")
_TWICE = 0.02
"""How many steps a carrier reports twice."""


class Clock:
    """Time, and what is going to happen."""

    def __init__(self, start: datetime) -> None:
        self.now = start
        self._order = itertools.count()
        self._events: list[tuple[datetime, int, Callable[[], None]]] = []

    def __call__(self) -> datetime:
        return self.now

    def after(self, seconds: int, happen: Callable[[], None]) -> None:
        """Something happens `seconds` from now."""
        self.at(self.now + timedelta(seconds=seconds), happen)

    def at(self, moment: datetime, happen: Callable[[], None]) -> None:
        """Something happens at a moment."""
        heapq.heappush(self._events, (moment, next(self._order), happen))

    def run(self) -> None:
        """Until nothing is left to happen."""
        while self._events:
            self.now, _, happen = heapq.heappop(self._events)
            happen()


@dataclass(eq=False)
class Citizen:
    """Somebody who calls, what they want, and how the call ended as they would tell it."""

    call_id: str
    number: str
    wants: str
    """agent, line, emergency, progress, nothing (presses no key) or regret (hangs up in the menu)."""
    end: str = "abandoned"
    known_case: tuple[str, str] | None = None
    answers: int = 0
    over: bool = False
    heard: list[str] = field(default_factory=list)


class Day:
    """The world. `service` is told what happens; the queue writes the PBX's log."""

    def __init__(self, service: CallService, clock: Clock, queue: Queue, random: Random) -> None:
        self.service, self.clock, self.queue, self.random = service, clock, queue, random
        self.citizens: list[Citizen] = []
        self.cases: list[tuple[str, str]] = []
        queue.tell = self.tell

    def call(self, citizen: Citizen) -> None:
        """A call arrives."""
        self.citizens.append(citizen)
        new = NewCall(citizen.call_id, "asterisk", citizen.number, "12345", self.clock.now)
        self._go_on(citizen, self.service.start(new))

    def tell(self, citizen: Citizen, answer: Answer, event: DriverEvent) -> None:
        """The carrier reports an outcome, now and then twice."""
        if citizen.over:
            return
        following = self.service.step(citizen.call_id, answer.seq, event)
        if self.random.random() < _TWICE:
            assert self.service.step(citizen.call_id, answer.seq, event) == following
        if isinstance(event, CallerGone) or (isinstance(event, Recorded) and event.hung_up):
            citizen.over = True
            return
        self._go_on(citizen, following)

    def _go_on(self, citizen: Citizen, answer: Answer) -> None:
        citizen.answers += 1
        match answer.verbs[-1]:
            case Hangup():
                citizen.over = True
            case Gather() as gather:
                event = self._press(citizen, gather)
                self.clock.after(self.random.randint(3, 12), lambda: self.tell(citizen, answer, event))
            case Record():
                if citizen.end == "abandoned":
                    citizen.end = "missed"
                event = self._speak(citizen, answer)
                self.clock.after(self.random.randint(5, 60), lambda: self.tell(citizen, answer, event))
            case Dial():
                self._dial(citizen, answer)
            case Enqueue(leg=leg):
                self.queue.join(citizen, answer, leg)

    def _dial(self, citizen: Citizen, answer: Answer) -> None:
        outcome = self.random.choice(_LINE_OUTCOMES)
        seconds = self.random.randint(2, 20)
        if self.random.random() < 0.05:
            # Gives up while it rings.
            self.clock.after(seconds, lambda: self.tell(citizen, answer, CallerGone()))
            return
        if outcome == "answered":
            citizen.end = "transferred"
            seconds += self.random.randint(20, 240)
        self.clock.after(seconds, lambda: self.tell(citizen, answer, DialEnded(outcome)))

    # --- what a citizen does

    def _press(self, citizen: Citizen, gather: Gather) -> DriverEvent:
        prompts, random = gather.prompts, self.random
        if "case_number_is" in prompts:
            return self._note_number(gather)
        if random.random() < 0.02:
            return CallerGone()
        if "menu_main" in prompts:
            keys = {"agent": "12340", "line": "8", "emergency": "9", "progress": "5"}
            if citizen.wants == "regret":
                return CallerGone()
            return NoInput() if citizen.wants == "nothing" else Digits(random.choice(keys[citizen.wants]))
        if "menu_emergency" in prompts or "menu_lines" in prompts:
            return Digits(random.choice("1234")) if random.random() < 0.9 else NoInput()
        if "ask_case_number" in prompts:
            citizen.known_case = random.choice(self.cases) if self.cases and random.random() < 0.8 else None
            return Digits(citizen.known_case[0] if citizen.known_case else "20250101000001")
        if "ask_query_code" in prompts:
            if citizen.known_case:
                citizen.end = "informed"
                return Digits(citizen.known_case[1])
            return Digits("0000")
        if "callback_offer" in prompts:
            key = random.choice("1233")
            if key == "1":
                citizen.end = "callback"
            return Digits(key)
        if "voicemail_review" in prompts:
            key = random.choice("1111113279-h")
            return Digits(key) if key.isdecimal() else NoInput() if key == "-" else CallerGone()
        return NoInput()

    def _note_number(self, gather: Gather) -> DriverEvent:
        """The citizen writes down the number and the code that are read."""
        digits = "".join(clip.removeprefix("digits/") for clip in gather.prompts if clip.startswith("digits/"))
        self.cases.append((digits[:14], digits[14:18]))
        return NoInput() if self.random.random() < 0.7 else CallerGone()

    def _speak(self, citizen: Citizen, answer: Answer) -> DriverEvent:
        kind = self.random.random()
        if kind < 0.05:
            return CallerGone()
        speech_ms = 300 if kind < 0.2 else self.random.randint(3000, 40_000)
        if speech_ms > 1000:
            citizen.end = "voicemail"
        path = f"sim/{citizen.call_id}-{answer.seq:03d}-1.wav"
        return Recorded(path, speech_ms + 800, speech_ms, "0" * 64, hung_up=self.random.random() < 0.2)


__all__ = ["Citizen", "Clock", "Day", "QueueLeft"]
