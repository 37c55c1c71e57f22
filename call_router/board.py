"""The live board: which calls there are, who waits, what each agent does. A pure function of the PBX's events.

`reduce` takes one event of the manager interface, `from_lists` builds the board from what the PBX answers when it is
asked: after lost events the board is asked for again, never guessed. A moment that nobody can tell is None.

Traps (seen on Asterisk 22): QueueCallerAbandon comes for time-outs too, so it is not looked at; a hang-up is a Hangup.
A member's Status says nothing of wrap-up: that is a pause with its own reason. Numbers are masked before they get here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from call_router.calls_file import trunk_of
from call_router.telephones import extension_of, telephone
from casebook.privacy import mask_number

Fields = Mapping[str, str]

MENU, WAITING, RINGING, TALKING, LINE_RINGING, LINE = "menu", "waiting", "ringing", "talking", "line_ringing", "line"
OFFLINE, IDLE, PAUSED, WRAP_UP = "offline", "idle", "paused", "wrapup"
CALLERS = "hotline"
"""Contexts of the dialplan in which callers are begin with this."""
_STATUS = {"1": IDLE, "2": TALKING, "3": TALKING, "6": RINGING, "7": RINGING, "8": TALKING}
"""Device states as QueueMemberStatus gives them; every other one means that the telephone cannot be reached."""


@dataclass(frozen=True, slots=True)
class LiveCall:
    """A citizen's call. `stage`: menu, waiting, ringing (at an agent), talking, line_ringing, line."""

    call_id: str
    number: str
    """Masked."""
    began_at: datetime | None
    stage: str = MENU
    since: datetime | None = None
    queue: str = ""
    queued_at: datetime | None = None
    agent: str = ""
    """Interface of the agent who is called or talks."""
    line: str = ""
    """What was dialled of a linked line."""
    origin: str = ""
    """The trunk over which the call came."""


@dataclass(frozen=True, slots=True)
class LiveAgent:
    """A member of queues. `state`: offline, idle, ringing, talking, paused, wrapup."""

    interface: str
    name: str
    queues: tuple[str, ...]
    state: str
    since: datetime | None
    reason: str = ""
    call_id: str = ""


@dataclass(frozen=True, slots=True)
class LiveQueue:
    """A queue in figures; `longest_since`: when the one who waits longest entered it."""

    name: str
    waiting: int = 0
    longest_since: datetime | None = None
    signed_in: int = 0
    """Members whose telephone can be reached, paused ones included."""
    free: int = 0


@dataclass(frozen=True, slots=True)
class Board:
    """Everything live on one PBX."""

    calls: Mapping[str, LiveCall] = field(default_factory=dict)
    agents: Mapping[str, LiveAgent] = field(default_factory=dict)
    queues: Mapping[str, LiveQueue] = field(default_factory=dict)

    def entries(self) -> dict[str, dict[str, Any]]:
        """Each part under its name ("call:<id>", "agent:<interface>", "queue:<name>") as JSON has it."""
        parts: list[tuple[str, Mapping[str, Any]]] = [
            ("call", self.calls),
            ("agent", self.agents),
            ("queue", self.queues),
        ]
        return {f"{kind}:{key}": as_json(value) for kind, of_kind in parts for key, value in of_kind.items()}


def as_json(part: LiveCall | LiveAgent | LiveQueue) -> dict[str, Any]:
    """A part of the board; moments in ISO 8601."""
    return {
        name: value.isoformat(timespec="milliseconds") if isinstance(value, datetime) else value
        for name, value in asdict(part).items()
    }


def changes(old: Board, new: Board) -> dict[str, dict[str, Any] | None]:
    """What is different in `new`, under the names of `Board.entries`; None for what is not there any more."""
    found: dict[str, dict[str, Any] | None] = {}
    for kind, before, after in (
        ("call", old.calls, new.calls),
        ("agent", old.agents, new.agents),
        ("queue", old.queues, new.queues),
    ):
        if before is after:
            continue
        found |= {f"{kind}:{key}": None for key in before if key not in after}
        found |= {f"{kind}:{key}": as_json(value) for key, value in after.items() if before.get(key) != value}
    return found


def reduce(board: Board, event: Fields, at: datetime) -> Board:
    """The board after an event; the same one where the event says nothing of it."""
    handler = _HANDLERS.get(event.get("Event", ""))
    after = handler(board, event, at) if handler else board
    return board if after is board else counted(after)


# --- calls


def _arrived(board: Board, event: Fields, at: datetime) -> Board:
    call_id = event.get("Uniqueid", "")
    if not event.get("Context", "").startswith(CALLERS) or call_id != event.get("Linkedid"):
        return board
    number, origin = mask_number(event.get("CallerIDNum", "")), trunk_of(event.get("Channel", ""))
    call = LiveCall(call_id, number, at, since=at, origin=origin)
    return replace(board, calls={**board.calls, call_id: call})


def _gone(board: Board, event: Fields, _at: datetime) -> Board:
    call_id = event.get("Uniqueid", "")
    if call_id not in board.calls:
        return board
    return replace(board, calls={key: call for key, call in board.calls.items() if key != call_id})


def _moved(board: Board, event: Fields, **changed: Any) -> Board:
    call = board.calls.get(event.get("Uniqueid", ""))
    if call is None:
        return board
    return replace(board, calls={**board.calls, call.call_id: replace(call, **changed)})


def _joined(board: Board, event: Fields, at: datetime) -> Board:
    queue = event.get("Queue", "")
    board = replace(board, queues={queue: LiveQueue(queue), **board.queues})
    return _moved(board, event, stage=WAITING, since=at, queue=queue, queued_at=at, agent="", line="")


def _left(board: Board, event: Fields, at: datetime) -> Board:
    call = board.calls.get(event.get("Uniqueid", ""))
    if call is None or call.stage not in (WAITING, RINGING):
        return board
    return _moved(board, event, stage=MENU, since=at, queue="", queued_at=None, agent="")


def _called(board: Board, event: Fields, at: datetime) -> Board:
    call = board.calls.get(event.get("Uniqueid", ""))
    if call is None or call.stage not in (WAITING, RINGING):
        return board
    return _moved(board, event, stage=RINGING, since=at, agent=_of(event))


def _not_answered(board: Board, event: Fields, at: datetime) -> Board:
    call = board.calls.get(event.get("Uniqueid", ""))
    if call is None or call.stage != RINGING or call.agent != _of(event):
        return board
    return _moved(board, event, stage=WAITING, since=at, agent="")


def _connected(board: Board, event: Fields, at: datetime) -> Board:
    interface, call_id = _of(event), event.get("Uniqueid", "")
    board = _moved(board, event, stage=TALKING, since=at, queue=event.get("Queue", ""), queued_at=None, agent=interface)
    return _with_agent(board, interface, at, call_id=call_id)


def _completed(board: Board, event: Fields, at: datetime) -> Board:
    interface = _of(event)
    board = _with_agent(board, interface, at, call_id="")
    call = board.calls.get(event.get("Uniqueid", ""))
    if call is None or call.stage != TALKING or call.agent != interface:
        return board
    return _moved(board, event, stage=MENU, since=at, queue="", agent="")


def _dialling(board: Board, event: Fields, at: datetime) -> Board:
    call = board.calls.get(event.get("Uniqueid", ""))
    if call is None or call.stage not in (MENU, LINE_RINGING):
        return board
    return _moved(board, event, stage=LINE_RINGING, since=at, line=_dialled(event.get("DialString", "")))


def _dialled_out(board: Board, event: Fields, at: datetime) -> Board:
    call = board.calls.get(event.get("Uniqueid", ""))
    if call is None or call.stage != LINE_RINGING:
        return board
    if event.get("DialStatus") == "ANSWER":
        return _moved(board, event, stage=LINE, since=at)
    return _moved(board, event, stage=MENU, since=at, line="")


def _back(board: Board, event: Fields, at: datetime) -> Board:
    """The caller left a bridge: with a linked line, that conversation is over."""
    call = board.calls.get(event.get("Uniqueid", ""))
    if call is None or call.stage != LINE:
        return board
    return _moved(board, event, stage=MENU, since=at, line="")


def _dialled(text: str) -> str:
    """ "110" of "110@psap" and of "PJSIP/110@psap"."""
    return text.rpartition("/")[2].partition("@")[0]


# --- agents


def _of(event: Fields) -> str:
    """Whose telephone an event speaks of."""
    return telephone(event.get("Interface", "") or event.get("Location", ""))


def _member(board: Board, event: Fields, at: datetime) -> Board:
    interface = _of(event)
    if not interface:
        return board
    known = board.agents.get(interface)
    queue = event.get("Queue", "")
    queues = tuple(sorted({*(known.queues if known else ()), queue}))
    state, reason = _state_of(event)
    same = known is not None and (known.state, known.reason) == (state, reason)
    agent = LiveAgent(
        interface,
        event.get("MemberName", "") or event.get("Name", "") or interface,
        queues,
        state,
        known.since if known and same else at,
        reason,
        known.call_id if known else "",
    )
    board = replace(board, queues={queue: LiveQueue(queue), **board.queues})
    return board if agent == known else replace(board, agents={**board.agents, interface: agent})


def _state_of(event: Fields) -> tuple[str, str]:
    state = _STATUS.get(event.get("Status", ""), OFFLINE)
    if event.get("InCall") == "1":
        state = TALKING
    if event.get("Paused") != "1" or state in (TALKING, OFFLINE):
        return state, ""
    reason = event.get("PausedReason", "")
    return (WRAP_UP, "") if reason == WRAP_UP else (PAUSED, reason)


def _removed(board: Board, event: Fields, _at: datetime) -> Board:
    agent = board.agents.get(_of(event))
    if agent is None:
        return board
    queues = tuple(queue for queue in agent.queues if queue != event.get("Queue"))
    others = {key: other for key, other in board.agents.items() if key != agent.interface}
    return replace(board, agents={**others, agent.interface: replace(agent, queues=queues)} if queues else others)


def _with_agent(board: Board, interface: str, at: datetime, *, call_id: str) -> Board:
    agent = board.agents.get(interface)
    if agent is None or agent.call_id == call_id:
        return board
    if call_id and agent.state != TALKING:
        # The member's own status follows; until then the conversation says it.
        agent = replace(agent, state=TALKING, reason="", since=at)
    return replace(board, agents={**board.agents, interface: replace(agent, call_id=call_id)})


_HANDLERS = {
    "Newchannel": _arrived,
    "Hangup": _gone,
    "QueueCallerJoin": _joined,
    "QueueCallerLeave": _left,
    "AgentCalled": _called,
    "AgentRingNoAnswer": _not_answered,
    "AgentConnect": _connected,
    "AgentComplete": _completed,
    "DialBegin": _dialling,
    "DialEnd": _dialled_out,
    "BridgeLeave": _back,
    "QueueMemberAdded": _member,
    "QueueMemberStatus": _member,
    "QueueMemberPause": _member,
    "QueueMemberRemoved": _removed,
}
EVENTS = frozenset(_HANDLERS)
"""Names of the events that the board looks at."""


# --- queues


def counted(board: Board) -> Board:
    """The queues' figures, counted anew from calls and agents."""
    queues = {name: _count(board, name) for name in board.queues}
    return board if queues == board.queues else replace(board, queues=queues)


def _count(board: Board, name: str) -> LiveQueue:
    waiting = [call for call in board.calls.values() if call.queue == name and call.stage in (WAITING, RINGING)]
    members = [agent for agent in board.agents.values() if name in agent.queues and agent.state != OFFLINE]
    return LiveQueue(
        name,
        len(waiting),
        min((call.queued_at for call in waiting if call.queued_at), default=None),
        len(members),
        sum(agent.state == IDLE for agent in members),
    )


# --- what the PBX answers


def from_lists(channels: Iterable[Fields], queue_status: Iterable[Fields], at: datetime) -> Board:
    """The board from CoreShowChannels and QueueStatus, as they were answered at `at`."""
    listed = list(channels)
    board = Board(calls={call.call_id: call for row in listed if (call := _call_of(row, listed, at)) is not None})
    for row in queue_status:
        match row.get("Event"):
            case "QueueParams":
                name = row.get("Queue", "")
                board = replace(board, queues={**board.queues, name: LiveQueue(name)})
            case "QueueMember":
                board = _member(board, row, at)
            case "QueueEntry":
                board = _entry(board, row, at)
    for call in board.calls.values():
        if call.stage == TALKING and call.agent:
            board = _with_agent(board, call.agent, at, call_id=call.call_id)
    return counted(board)


def _entry(board: Board, row: Fields, at: datetime) -> Board:
    wait_s = int(row["Wait"]) if row.get("Wait", "").isdecimal() else 0
    queued_at, queue = at - timedelta(seconds=wait_s), row.get("Queue", "")
    return _moved(board, row, stage=WAITING, since=queued_at, queue=queue, queued_at=queued_at, agent="")


def _call_of(row: Fields, channels: list[Fields], at: datetime) -> LiveCall | None:
    call_id = row.get("Uniqueid", "")
    if not row.get("Context", "").startswith(CALLERS) or call_id != row.get("Linkedid"):
        return None
    number = mask_number(row.get("CallerIDNum", ""))
    origin = trunk_of(row.get("Channel", ""))
    call = LiveCall(call_id, number, _began(row.get("Duration", ""), at), origin=origin)
    others = [other for other in channels if other.get("Linkedid") == call_id and other.get("Uniqueid") != call_id]
    bridged = bool(row.get("BridgeId"))
    match row.get("Application"):
        case "Queue" | "ConfBridge" if bridged:
            agent = next((_interface(other) for other in others if other.get("BridgeId") == row["BridgeId"]), "")
            return replace(call, stage=TALKING, agent=agent, queue=row.get("ApplicationData", "").partition(",")[0])
        case "Dial":
            line = _dialled(row.get("ApplicationData", "").partition(",")[0])
            return replace(call, stage=LINE if bridged else LINE_RINGING, line=line)
    return call


def _interface(row: Fields) -> str:
    """PJSIP/1001 of the channels PJSIP/1001-0000002a and Local/1001@agent-phones-0000002a;1."""
    name = row.get("Channel", "")
    return telephone(name) if extension_of(name) else name.rpartition("-")[0]


def _began(duration: str, at: datetime) -> datetime | None:
    parts = duration.split(":")
    if len(parts) != 3 or not all(map(str.isdecimal, parts)):
        return None
    hours, minutes, seconds = map(int, parts)
    return at - timedelta(hours=hours, minutes=minutes, seconds=seconds)
