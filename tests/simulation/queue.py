"""A queue of agents with the semantics of the PBX's, writing the log that the PBX would write."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

from ivr.events import CallerGone, DriverEvent, QueueLeft
from ivr.service import Answer
from ivr.verbs import Leg

if TYPE_CHECKING:
    from tests.simulation.day import Citizen, Clock

_WRAP_UP_S = (10, 40)


@dataclass(eq=False)
class Stay:
    """A citizen's stay in the queue, as the world saw it."""

    citizen: Citizen
    answer: Answer
    entered_at: datetime
    outcome: str = ""
    wait_s: int = 0
    agent: str = ""
    talk_s: int | None = None
    acw_s: int | None = None
    ringing: bool = False


@dataclass(eq=False)
class Agent:
    """An agent. `free_since` is None while not free."""

    name: str
    signed_in: bool = False
    paused: bool = False
    wants_pause: str = ""
    wants_out: bool = False
    busy: bool = False
    free_since: datetime | None = None
    signed_in_at: datetime | None = None


class Queue:
    """Longest idle first; whoever waits hangs up when patience ends."""

    def __init__(self, clock: Clock, random: Random, log: Path, agents: list[str]) -> None:
        self._clock, self._random, self._log = clock, random, log
        self.agents = {name: Agent(name) for name in agents}
        self.stays: list[Stay] = []
        self.waiting: list[Stay] = []
        self.tell: Callable[[Citizen, Answer, DriverEvent], None]

    # --- agents

    def sign_in(self, name: str) -> None:
        """A shift begins."""
        agent = self.agents[name]
        agent.signed_in, agent.paused, agent.wants_out = True, False, False
        agent.free_since = self._clock.now
        self._write("MANAGER", name, "ADDMEMBER", "")
        self._dispatch()

    def sign_out(self, name: str) -> None:
        """A shift ends; a conversation is finished first."""
        agent = self.agents[name]
        if agent.busy:
            agent.wants_out = True
            return
        agent.signed_in, agent.free_since = False, None
        self._write("MANAGER", name, "REMOVEMEMBER", "")
        self._leave_empty()

    def pause(self, name: str, reason: str, seconds: int) -> None:
        """A break; a conversation is finished first."""
        agent = self.agents[name]
        self._clock.after(seconds, lambda: self._resume(agent))
        if agent.busy:
            agent.wants_pause = reason
        else:
            self._pause(agent, reason)

    def _pause(self, agent: Agent, reason: str) -> None:
        agent.paused, agent.free_since, agent.wants_pause = True, None, ""
        self._write("NONE", agent.name, "PAUSE", reason)
        self._leave_empty()

    def _resume(self, agent: Agent) -> None:
        agent.wants_pause = ""
        if not agent.paused:
            return
        agent.paused, agent.free_since = False, self._clock.now
        self._write("NONE", agent.name, "UNPAUSE", "")
        self._dispatch()

    def _anybody(self) -> bool:
        """Somebody who could answer: whoever is signed in and takes no break, talking or not."""
        return any(agent.signed_in and (not agent.paused or agent.busy) for agent in self.agents.values())

    # --- callers

    def join(self, citizen: Citizen, answer: Answer, leg: Leg) -> None:
        """A caller comes to the queue."""
        stay = Stay(citizen, answer, self._clock.now)
        self.stays.append(stay)
        if not self._anybody():
            stay.outcome = "join_empty"
            self._write(citizen.call_id, "NONE", "JOINEMPTY", "")
            self._clock.after(1, lambda: self.tell(citizen, answer, QueueLeft("join_empty")))
            return
        self._write(citizen.call_id, "NONE", "ENTERQUEUE", "", citizen.number, len(self.waiting) + 1)
        self.waiting.append(stay)
        patience_s = max(1, int(self._random.expovariate(1 / 240)))
        self._clock.after(patience_s, lambda: self._end(stay, "abandoned", "ABANDON", CallerGone()))
        timed_out = QueueLeft("timeout")
        self._clock.after(leg.timeout_s, lambda: self._end(stay, "timeout", "EXITWITHTIMEOUT", timed_out))
        self._dispatch()

    def _end(self, stay: Stay, outcome: str, name: str, event: DriverEvent) -> None:
        """The waiting ends without an agent."""
        if stay.outcome:
            return
        position = self.waiting.index(stay) + 1
        self.waiting.remove(stay)
        stay.outcome, stay.wait_s = outcome, self._seconds_since(stay.entered_at)
        self._write(stay.citizen.call_id, "NONE", name, position, position, stay.wait_s)
        self.tell(stay.citizen, stay.answer, event)

    def _leave_empty(self) -> None:
        if not self._anybody():
            for stay in list(self.waiting):
                self._end(stay, "leave_empty", "EXITEMPTY", QueueLeft("leave_empty"))

    def _dispatch(self) -> None:
        while True:
            stay = next((stay for stay in self.waiting if not stay.ringing), None)
            free = [agent for agent in self.agents.values() if agent.free_since is not None]
            if stay is None or not free:
                return
            agent = min(free, key=lambda one: one.free_since or self._clock.now)
            agent.busy, agent.free_since, stay.ringing = True, None, True
            ring_s = self._random.randint(2, 8)
            answers = self._random.random() < 0.95
            self._clock.after(ring_s, lambda s=stay, a=agent, r=ring_s, y=answers: self._rang(s, a, r, y))  # type: ignore[misc]

    def _rang(self, stay: Stay, agent: Agent, ring_s: int, answers: bool) -> None:
        stay.ringing = False
        if stay.outcome or not answers:
            if not stay.outcome:
                self._write(stay.citizen.call_id, agent.name, "RINGNOANSWER", ring_s * 1000)
            self._free(agent)
            return
        self.waiting.remove(stay)
        stay.outcome, stay.agent, stay.wait_s = "answered", agent.name, self._seconds_since(stay.entered_at)
        stay.citizen.end = "answered"
        self._write(stay.citizen.call_id, agent.name, "CONNECT", stay.wait_s, "x-1.1", ring_s)
        talk_s = max(5, int(self._random.lognormvariate(5.1, 0.6)))
        self._clock.after(talk_s, lambda: self._talked(stay, agent, talk_s))

    def _talked(self, stay: Stay, agent: Agent, talk_s: int) -> None:
        stay.talk_s = talk_s
        who = self._random.choice(["COMPLETEAGENT", "COMPLETECALLER"])
        self._write(stay.citizen.call_id, agent.name, who, stay.wait_s, talk_s, 1)
        # Whoever hangs up, the outcome is told: by the dialplan's return, or by the reaper.
        self.tell(stay.citizen, stay.answer, QueueLeft("answered"))
        self._write("NONE", agent.name, "PAUSE", "wrapup")
        acw_s = self._random.randint(*_WRAP_UP_S)
        self._clock.after(acw_s, lambda: self._wrapped_up(stay, agent, acw_s))

    def _wrapped_up(self, stay: Stay, agent: Agent, acw_s: int) -> None:
        stay.acw_s = acw_s
        self._write("NONE", agent.name, "UNPAUSE", "")
        self._free(agent)

    def _free(self, agent: Agent) -> None:
        agent.busy, agent.free_since = False, self._clock.now
        if agent.wants_out:
            self.sign_out(agent.name)
        elif agent.wants_pause:
            self._pause(agent, agent.wants_pause)
        self._dispatch()

    # --- the log

    def _seconds_since(self, moment: datetime) -> int:
        return int((self._clock.now - moment).total_seconds())

    def _write(self, call: str, agent: str, *event: object) -> None:
        line = "|".join(map(str, (int(self._clock.now.timestamp()), call, "agents", agent, *event)))
        with self._log.open("a", encoding="utf-8") as out:
            out.write(line + "\n")
