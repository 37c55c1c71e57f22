"""The plan of a transfer: whom to try, in which order, for how long, and who takes the caller in the end. Pure.

Outcomes are not told apart here: whatever a leg ends with (busy, no answer, congestion, unreachable), the next one is
tried, then the last resort, which is a queue of agents; the flow leads on from there to a call-back or a voicemail.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from call_router.directory import Directory, Line, Queue
from call_router.schedule import Duty, Override, Schedule
from ivr.verbs import Leg

DEFAULT_QUEUE = "agents"
_RACE_S = 15
"""Time in the common queue for a caller whose skilled agents have all gone meanwhile."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Legs to try in order, and the queue that takes the caller when none of them answers."""

    legs: tuple[Leg, ...]
    last_resort: str = f"queue:{DEFAULT_QUEUE}"


@dataclass(frozen=True, slots=True)
class Staff:
    """Who is there: what agents said of themselves, and what the shift leader decided."""

    ready: frozenset[str] = frozenset()
    """Extensions of those who logged in and take calls."""
    away: frozenset[str] = frozenset()
    """Extensions of those who logged out or paused."""
    overrides: tuple[Override, ...] = ()


class StaffSource(Protocol):
    """Tells who is there."""

    def staff(self, now: datetime) -> Staff:
        """The staff at a moment; cheap, as it is asked at every transfer."""


@dataclass(frozen=True, slots=True)
class AgentEntry:
    """An agent of agents.yaml: on duty while the telephone is registered (`by_phone`), or from log-in to log-out."""

    extension: str
    name: str
    skills: frozenset[str] = field(default_factory=frozenset)
    by_phone: bool = True


def plan(directory: Directory, duty: Duty, skills: frozenset[str], target: str, demand: str) -> Plan:
    """The plan for a target ("line:110", "queue:agents") and the caller's demand.

    `skills` are those of the agents who are there now. No legs: the target is unknown or closed.
    """
    kind, _, name = target.partition(":")
    if kind == "queue" and name in directory.queues:
        return Plan(_queue_legs(directory, duty, skills, name, demand))
    if kind == "line" and (line := directory.lines.get(name)):
        names = [name, *(other for other in line.alternates if other in directory.lines)]
        lines = [(other, directory.lines[other]) for other in names]
        legs = tuple(_line_leg(directory, other, entry) for other, entry in lines if _is_open(entry, duty))
        return Plan(legs, f"queue:{line.fallback}")
    return Plan(())


def _queue_legs(directory: Directory, duty: Duty, skills: frozenset[str], name: str, demand: str) -> tuple[Leg, ...]:
    queues = directory.queues
    if name == DEFAULT_QUEUE:
        skilled = (other for other, queue in queues.items() if demand in queue.demands and queue.skill in skills)
        name = next(skilled, name)
    queue = queues[name]
    if queue.skill and queue.skill not in skills and DEFAULT_QUEUE in queues:
        name, queue = DEFAULT_QUEUE, queues[DEFAULT_QUEUE]
    legs: tuple[Leg, ...] = (_queue_leg(name, queue, duty),)
    if queue.skill and DEFAULT_QUEUE in queues:
        common = _queue_leg(DEFAULT_QUEUE, queues[DEFAULT_QUEUE], duty)
        legs += (common if not queue.others else Leg("queue", DEFAULT_QUEUE, DEFAULT_QUEUE, "", _RACE_S),)
    return legs


def _queue_leg(name: str, queue: Queue, duty: Duty) -> Leg:
    timeout_s = queue.night_timeout_s if duty.night and queue.night_timeout_s else queue.timeout_s
    return Leg("queue", name, name, "", timeout_s, queue.emergency)


def _line_leg(directory: Directory, name: str, line: Line) -> Leg:
    number, pstn = directory.number(name), line.twilio or ""
    return Leg("line", name, number, line.trunk, line.timeout_s, line.emergency, pstn)


def _is_open(line: Line, duty: Duty) -> bool:
    return line.hours is None or line.hours in duty.open_hours


class CallRouter:
    """Implements ivr.ports.Router: the directory, the schedule and the staff of the moment."""

    def __init__(
        self,
        directory: Directory,
        schedule: Schedule,
        agents: Mapping[str, AgentEntry],
        staff: StaffSource,
    ) -> None:
        self.directory = directory
        self._schedule = schedule
        self._agents = agents
        self._staff = staff

    def plan(self, target: str, demand: str, now: datetime) -> tuple[Leg, ...]:
        """The legs of a target; empty for one that is unknown or closed."""
        return self.whole_plan(target, demand, now).legs

    def whole_plan(self, target: str, demand: str, now: datetime) -> Plan:
        """The legs of a target and its last resort."""
        staff = self._staff.staff(now)
        duty = self._schedule.compute(now, staff.overrides)
        return plan(self.directory, duty, self.skills(duty, staff), target, demand)

    def skills(self, duty: Duty, staff: Staff) -> frozenset[str]:
        """Skills of the agents who are there."""
        there = {
            extension
            for extension, agent in self._agents.items()
            if extension in staff.ready or (agent.by_phone and extension in duty.agents and extension not in staff.away)
        }
        return frozenset(skill for extension in there for skill in self._agents[extension].skills)
