"""Agents in the PBX's queues: what the store says of them is the truth, and the PBX is brought to agree.

Compared whole at every connection (after a restart of the PBX, after lost events) and after every change: no guess.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import structlog

from call_router.ami import Ami, AmiError, Fields
from call_router.telephones import extension_of, interface, state_interface
from casebook.store.presence import AgentState, Presence

_SYNC_S = 5.0
OUT = "out"


@dataclass(frozen=True, slots=True)
class AgentQueues:
    """An agent's telephone and its queues with their penalties. `static`: the PBX's configuration holds them."""

    extension: str
    name: str
    queues: tuple[tuple[str, int], ...]
    static: bool


@dataclass(frozen=True, slots=True)
class Member:
    """An agent in a queue, as it is or as it should be."""

    paused: bool
    reason: str
    penalty: int = 0
    static: bool = False


@dataclass(frozen=True, slots=True)
class Change:
    """An action of the manager interface that brings one membership in order."""

    action: str
    fields: Mapping[str, str]


Members = Mapping[tuple[str, str], Member]
"""By queue and interface (telephones.interface)."""


def wanted(agents: Iterable[AgentQueues], states: Mapping[str, AgentState]) -> dict[tuple[str, str], Member]:
    """The memberships that should be. Who never said anything is on duty with the telephone, or not at all."""
    members = {}
    for agent in agents:
        state = states.get(agent.extension)
        word = state.state if state else ("ready" if agent.static else OUT)
        if word == OUT and not agent.static:
            continue
        reason = "" if word == "ready" else (state.reason if state and state.reason else word)
        for queue, penalty in agent.queues:
            members[queue, interface(agent.extension)] = Member(word != "ready", reason, penalty, agent.static)
    return members


def changes(target: Members, actual: Members, names: Mapping[str, str]) -> list[Change]:
    """What turns `actual` into `target`; nothing for what agrees. `names` are the agents' by interface."""
    found = []
    for (queue, telephones), member in target.items():
        now = actual.get((queue, telephones))
        fields = {"Queue": queue, "Interface": telephones}
        if now is None and not member.static:
            fields |= {"Penalty": str(member.penalty), "MemberName": names.get(telephones, telephones)}
            fields |= {
                "StateInterface": state_interface(extension_of(telephones)),
                "Paused": "true" if member.paused else "false",
            }
            found.append(Change("QueueAdd", fields))
            now = Member(member.paused, "", member.penalty)
        if now and (now.paused, now.reason) != (member.paused, member.reason):
            word = {"Paused": "true" if member.paused else "false", "Reason": member.reason}
            found.append(Change("QueuePause", {"Queue": queue, "Interface": telephones, **word}))
    found += [
        Change("QueueRemove", {"Queue": queue, "Interface": telephones})
        for (queue, telephones), member in actual.items()
        if (queue, telephones) not in target and not member.static
    ]
    return found


class Memberships:
    """Keeps the PBX's queues as the store says."""

    def __init__(self, ami: Ami, presence: Presence, agents: Iterable[AgentQueues]) -> None:
        self._ami = ami
        self._presence = presence
        self._agents = tuple(agents)
        self._names = {interface(agent.extension): agent.name for agent in self._agents}
        self._log = structlog.get_logger()

    async def run(self) -> None:
        """Bring the PBX in order until cancelled: at once after each connection, then every few seconds."""
        while True:
            await self._ami.connected.wait()
            try:
                await self.sync()
            except AmiError as error:
                self._log.warning("queues not compared", reason=str(error))
            except Exception as error:  # noqa: BLE001 - a database that is away comes back
                self._log.error("queues not compared", error=type(error).__name__)
            await asyncio.sleep(_SYNC_S)

    async def sync(self) -> int:
        """Compare and mend; how much was mended. Raises AmiError."""
        states = await asyncio.to_thread(self._presence.states)
        actual = _members(await self._ami.list_action("QueueStatus", "QueueStatusComplete"))
        todo = changes(wanted(self._agents, states), actual, self._names)
        for change in todo:
            await self._ami.action(change.action, **dict(change.fields))
        if todo:
            self._log.info("queues mended", changes=len(todo))
        return len(todo)


def _members(events: Iterable[Fields]) -> dict[tuple[str, str], Member]:
    return {
        (event["Queue"], event["Location"]): Member(
            event.get("Paused") == "1",
            event.get("PausedReason", ""),
            int(event.get("Penalty", "0")),
            event.get("Membership") == "static",
        )
        for event in events
        if event.get("Event") == "QueueMember"
    }
