"""What an agent does with a call: hold, transfers with and without a word before, three-party calls, supervision.

Nothing is remembered here: each operation asks the PBX which channels there are, then moves them. The citizen's channel
is the one whose UNIQUEID is the call; an attended transfer or a three-party call meets in a room of that name. Whatever
fails on the way, the dialplan leads the citizen back to the agent or into a queue (asterisk_conf/templates).
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from call_router.ami import Ami, AmiError, Fields
from call_router.leg_events import CALLBACK_ACTION, LEG_ACTION
from call_router.plan import CallRouter
from call_router.telephones import BROWSER, extension_of, interface
from casebook.errors import CaseError
from casebook.store.desk import DeskAction, DeskLog
from casebook.store.legs import LegRow, Legs
from ivr.verbs import Leg

Listening = Literal["listen", "whisper", "barge"]
_SPY = {"listen": "qES", "whisper": "qwES", "barge": "qBES"}
_UP = "Up"
_CONSULTING = "agent-consult"
_IN_ROOM = ("party-room", "hotline-room", "agent-hold", _CONSULTING)


@dataclass(frozen=True, slots=True)
class Channel:
    """A channel of the PBX."""

    name: str
    unique_id: str
    context: str
    up: bool
    bridge: str

    @classmethod
    def of(cls, event: Fields) -> Channel:
        """From an event of CoreShowChannels."""
        return cls(
            event.get("Channel", ""),
            event.get("Uniqueid", ""),
            event.get("Context", ""),
            event.get("ChannelStateDesc") == _UP,
            event.get("BridgeId", ""),
        )


@dataclass(frozen=True, slots=True)
class Talk:
    """An agent with a citizen, and whoever else is bridged with the agent."""

    call_id: str
    citizen: Channel
    agent: Channel
    other: Channel | None = None


class Desk:
    """The operations. Each raises CaseError: no_call, closed, pbx_away, missing_reason, bad_state."""

    def __init__(self, ami: Ami, router: CallRouter, legs: Legs, log: DeskLog, clock: Callable[[], datetime]) -> None:
        self._ami = ami
        self._router = router
        self._legs = legs
        self._log = log
        self._clock = clock

    # --- transfers

    async def blind(self, extension: str, line: str, actor: str) -> str:
        """Hand the citizen to a line. Unanswered, the citizen comes back to this agent, else to the line's queue."""
        talk = await self._talk(extension)
        leg, last = self._plan(line)
        key = await self._begin(talk, "line", leg, actor, extension)
        last_legs = self._router.plan(last, "", self._clock())
        variables = self._dial(leg) | {
            "HL_LEG": key,
            "HL_HANDOVER": self._router.directory.lines[line].handover,
            "HL_BACK": interface(extension),
            "HL_LAST": last_legs[0].number if last_legs else "agents",
            "HL_LAST_S": str(last_legs[0].timeout_s if last_legs else 120),
        }
        try:
            await self._set(talk.citizen, variables)
            await self._move(talk.citizen, "hotline-xfer", talk.agent, "agent-free")
        except CaseError:
            await asyncio.to_thread(self._legs.end, key, "failed", self._clock())
            raise
        return await self._done(talk, actor, "blind", line=line)

    async def consult(self, extension: str, line: str, actor: str) -> str:
        """Ask a line while the citizen waits with music. Nobody there: the agent is back with the citizen."""
        talk = await self._talk(extension)
        leg, _ = self._plan(line)
        key = await self._begin(talk, "consult", leg, actor, extension)
        variables = self._dial(leg) | {"HL_CONSULT": key, "HL_ROOM": talk.call_id, "HL_LEG": ""}
        try:
            await self._set(talk.agent, variables)
            await self._move(talk.citizen, "hotline-room", talk.agent, _CONSULTING)
        except CaseError:
            await asyncio.to_thread(self._legs.end, key, "failed", self._clock())
            raise
        return await self._done(talk, actor, "consult", line=line)

    async def complete(self, extension: str, actor: str) -> str:
        """End a consultation by giving the citizen to the line."""
        talk = await self._consulting(extension)
        assert talk.other is not None  # noqa: S101 - `_consulting` has looked
        key = await self._ami_variable(talk.agent, "HL_CONSULT")
        await self._set(talk.citizen, {"HL_HANDED": "1"})
        await self._set(talk.other, {"HL_ROOM": talk.call_id, "HL_LEG": key})
        # Without this the agent, whose own dialling ends now, would fall back into the room.
        await self._set(talk.agent, {"HL_COMPLETE": "1"})
        await self._move(talk.other, "party-room")
        return await self._done(talk, actor, "complete")

    async def come_back(self, extension: str, actor: str) -> str:
        """Be with the citizen again, after holding or instead of going on with a consultation."""
        talk = await self._talk(extension)
        if talk.agent.context == _CONSULTING:
            key = await self._ami_variable(talk.agent, "HL_CONSULT")
            outcome = "answered" if talk.other else "withdrawn"
            await asyncio.to_thread(self._legs.end, key, outcome, self._clock())
        await self._set(talk.agent, {"HL_ROOM": talk.call_id})
        await self._move(talk.agent, "party-room")
        return await self._done(talk, actor, "return")

    async def three(self, extension: str, line: str, actor: str) -> str:
        """A three-party call: with the line that is being asked, or with one that is called now (`line`)."""
        if not line:
            talk = await self._consulting(extension)
            assert talk.other is not None  # noqa: S101 - `_consulting` has looked
            key = await self._ami_variable(talk.agent, "HL_CONSULT")
            await self._set(talk.other, {"HL_ROOM": talk.call_id, "HL_LEG": key})
            await self._move(talk.agent, "party-room", talk.other, "party-room")
            return await self._done(talk, actor, "three")
        talk = await self._talk(extension)
        leg, _ = self._plan(line)
        key = await self._begin(talk, "conference", leg, actor, extension)
        try:
            if talk.agent.context not in _IN_ROOM:
                await self._set(talk.agent, {"HL_ROOM": talk.call_id})
                await self._move(talk.citizen, "hotline-room", talk.agent, "party-room")
            await self._call_into_room(talk, leg, key)
        except CaseError:
            await asyncio.to_thread(self._legs.end, key, "failed", self._clock())
            raise
        return await self._done(talk, actor, "three", line=line)

    async def leave(self, extension: str, actor: str) -> str:
        """Leave a three-party call: the citizen and the line go on."""
        talk = await self._talk(extension)
        if talk.agent.context != "party-room":
            raise CaseError("bad_state", "There is no three-party call.")
        await self._set(talk.citizen, {"HL_HANDED": "1"})
        await self._act("Hangup", Channel=talk.agent.name, Cause="16")
        return await self._done(talk, actor, "leave")

    # --- during a call

    async def calls_at(self, extension: str) -> dict[str, bool]:
        """The citizens' calls at an agent's telephones, and whether each was answered there (else it rings)."""
        found: dict[str, bool] = {}
        for one in await self._channels():
            if one.name.startswith("PJSIP/") and extension_of(one.name) == extension:
                call_id = await self._ami_variable(one, "HOTLINE_CALL")
                if call_id:
                    found[call_id] = found.get(call_id, False) or one.up
        return found

    async def retake(self, extension: str, actor: str) -> str:
        """Ring the browser again with the citizen's call, after its page was loaded anew and lost the sound.

        The citizen waits with music meanwhile.
        """
        talk = await self._talk(extension)
        variables = [f"HL_ROOM={talk.call_id}", f"__HOTLINE_CALL={talk.call_id}"]
        variables += [f"PJSIP_HEADER(add,X-Hotline-Call)={talk.call_id}"]
        if talk.citizen.context != "hotline-room":
            await self._move(talk.citizen, "hotline-room", talk.agent, "agent-free")
        else:
            await self._act("Hangup", Channel=talk.agent.name, Cause="16")
        await self._act(
            "Originate",
            Channel=f"PJSIP/{extension}{BROWSER}",
            Context="party-room",
            Exten="s",
            Priority="1",
            CallerID="12345",
            Timeout="30000",
            Async="true",
            Variable=variables,
        )
        return await self._done(talk, actor, "retake")

    async def hold(self, extension: str, actor: str) -> str:
        """The citizen hears music until the agent comes back."""
        talk = await self._talk(extension)
        await self._set(talk.agent, {"HL_ROOM": talk.call_id})
        await self._move(talk.citizen, "hotline-room", talk.agent, "agent-hold")
        return await self._done(talk, actor, "hold")

    async def mute(self, extension: str, actor: str, *, muted: bool) -> str:
        """Nobody hears the agent, or everybody again."""
        talk = await self._talk(extension)
        state = "on" if muted else "off"
        await self._act("MuteAudio", Channel=talk.agent.name, Direction="in", State=state)
        return await self._done(talk, actor, "mute", state=state)

    async def pause_recording(self, extension: str, actor: str, *, paused: bool) -> str:
        """Keep something out of the recording (an identity card's number): both channels are silent meanwhile."""
        talk = await self._talk(extension)
        state = "1" if paused else "0"
        await self._act("MixMonitorMute", Channel=talk.citizen.name, Direction="both", State=state)
        return await self._done(talk, actor, "pause_recording", state=state)

    async def end(self, extension: str, actor: str, reason: str) -> str:
        """End a call for the caller's conduct (规范挂断): announced, and with a reason in the record."""
        if not reason.strip():
            raise CaseError("missing_reason", "A call that is ended needs a reason.")
        talk = await self._talk(extension)
        await self._move(talk.citizen, "hotline-conduct", talk.agent, "agent-free")
        return await self._done(talk, actor, "end", reason=reason)

    async def supervise(self, supervisor: str, extension: str, how: Listening, actor: str) -> str:
        """Ring the supervisor's telephone and let it listen, whisper to the agent, or speak to both."""
        talk = await self._talk(extension)
        # In a room there are not two to speak to: whoever barges in becomes one of those who are there.
        joins = how == "barge" and talk.agent.context in _IN_ROOM
        spies = {"Application": "ChanSpy", "Data": f"{talk.agent.name},{_SPY[how]}"}
        meets = {"Context": "party-room", "Exten": "s", "Priority": "1", "Variable": f"HL_ROOM={talk.call_id}"}
        await self._act("Originate", Channel=interface(supervisor), Async="true", **(meets if joins else spies))
        return await self._done(talk, actor, how, agent=extension)

    async def call_back(self, extension: str, task_id: int, number: str, trunk: str, our: str, actor: str) -> None:
        """Ring the agent's telephone, then the citizen's. The task ends, or is open again, with the PBX's word."""
        variables = {
            "HL_DIAL": f"PJSIP/{number}@{trunk}",
            "HL_TASK": str(task_id),
            "HL_ACTOR": actor,
            "HL_OUR_NUMBER": our,
        }
        await self._act(
            "Originate",
            action_id=f"{CALLBACK_ACTION}{task_id}-{actor}",
            Channel=interface(extension),
            Context="callback",
            Exten="s",
            Priority="1",
            CallerID=our,
            Async="true",
            Variable=[f"{name}={value}" for name, value in variables.items()],
        )

    # --- the PBX

    async def _talk(self, extension: str) -> Talk:
        """The agent's conversation as the PBX has it now."""
        channels = await self._channels()
        by_id = {channel.unique_id: channel for channel in channels}
        for agent in channels:
            if agent.up and agent.name.startswith("PJSIP/") and extension_of(agent.name) == extension:
                call_id = await self._ami_variable(agent, "HOTLINE_CALL")
                citizen = by_id.get(call_id)
                if citizen is not None and citizen is not agent:
                    same = (one for one in channels if one.bridge and one.bridge == agent.bridge)
                    # A room has a channel of its own for announcements: nobody is there.
                    others = (one for one in same if one.name.startswith("PJSIP/") and one not in (agent, citizen))
                    other = next(others, None)
                    return Talk(call_id, citizen, agent, other)
        raise CaseError("no_call", f"{extension} has no call.")

    async def _channels(self) -> list[Channel]:
        try:
            events = await self._ami.list_action("CoreShowChannels", "CoreShowChannelsComplete")
        except AmiError as error:
            raise CaseError("pbx_away", "The PBX cannot be asked now.") from error
        return [Channel.of(event) for event in events if event.get("Event") == "CoreShowChannel"]

    async def _consulting(self, extension: str) -> Talk:
        talk = await self._talk(extension)
        if talk.agent.context != _CONSULTING or talk.other is None:
            raise CaseError("bad_state", "Nobody who is being asked has answered.")
        return talk

    def _plan(self, line: str) -> tuple[Leg, str]:
        plan = self._router.whole_plan(f"line:{line}", "", self._clock())
        if not plan.legs:
            raise CaseError("closed", f"The line {line} is unknown or closed now.")
        return plan.legs[0], plan.last_resort

    @staticmethod
    def _dial(leg: Leg) -> dict[str, str]:
        return {
            "HL_DIAL": f"PJSIP/{leg.number}@{leg.trunk}",
            "HL_RINGS_S": str(leg.timeout_s),
            "HL_EMERGENCY": "1" if leg.emergency else "",
        }

    async def _begin(self, talk: Talk, kind: str, leg: Leg, actor: str, extension: str) -> str:
        """Note the attempt before the PBX is told; its key."""
        key = f"{talk.call_id}:{secrets.token_hex(6)}"
        now = self._clock()
        row = LegRow(
            key, talk.call_id, kind, leg.target, leg.number, actor, extension, leg.emergency, now, None, None, ""
        )
        await asyncio.to_thread(self._legs.begin, row)
        return key

    async def _call_into_room(self, talk: Talk, leg: Leg, key: str) -> None:
        variables = [f"HL_ROOM={talk.call_id}", f"HL_LEG={key}", f"HOTLINE_CALL={talk.call_id}"]
        variables.append(f"PJSIP_HEADER(add,X-Hotline-Call)={talk.call_id}")
        if leg.emergency:
            variables += ["PJSIP_HEADER(add,Priority)=emergency", "PJSIP_HEADER(add,Resource-Priority)=esnet.1"]
        await self._act(
            "Originate",
            action_id=f"{LEG_ACTION}{key}",
            Channel=f"PJSIP/{leg.number}@{leg.trunk}",
            Context="party-room",
            Exten="s",
            Priority="1",
            CallerID=await self._ami_variable(talk.citizen, "HOTLINE_CLI"),
            Timeout=str(leg.timeout_s * 1000),
            Async="true",
            Variable=variables,
        )

    async def _move(
        self, channel: Channel, context: str, second: Channel | None = None, second_context: str = ""
    ) -> None:
        """Send one channel, or two at the same moment, to the start of a context."""
        target = {"Channel": channel.name, "Context": context, "Exten": "s", "Priority": "1"}
        if second is not None:
            target |= {"ExtraChannel": second.name, "ExtraContext": second_context}
            target |= {"ExtraExten": "s", "ExtraPriority": "1"}
        await self._act("Redirect", **target)

    async def _set(self, channel: Channel, variables: dict[str, str]) -> None:
        for name, value in variables.items():
            await self._act("Setvar", Channel=channel.name, Variable=name, Value=value)

    async def _ami_variable(self, channel: Channel, name: str) -> str:
        try:
            return await self._ami.variable(channel.name, name)
        except AmiError as error:
            raise CaseError("pbx_away", "The PBX cannot be asked now.") from error

    async def _act(self, action: str, /, *, action_id: str = "", **fields: str | list[str]) -> None:
        try:
            await self._ami.action(action, action_id=action_id, **fields)
        except AmiError as error:
            code = "bad_state" if self._ami.connected.is_set() else "pbx_away"
            raise CaseError(code, f"The PBX did not do it: {error}.") from error

    async def _done(self, talk: Talk, actor: str, action: str, **detail: str) -> str:
        entry = DeskAction(talk.call_id, self._clock(), actor, action, detail, "ok")
        await asyncio.to_thread(self._log.note, entry)
        return talk.call_id
