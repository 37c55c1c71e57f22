"""The PBX's own log of its queues (queue_log): durable, and complete where events of the manager interface get lost.

A line is `seconds|call|queue|agent|event|data...` (docs.asterisk.org, Queue Logs). The file grows, or is rotated away:
a position is the file's inode and how many bytes of it were read. Rotated files are read first, to their end, and then
removed: lines of ENTERQUEUE hold callers' numbers, which are not taken and shall not lie about.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import structlog

from casebook.indicators_telephone import ABANDONED, PAUSED, STAFFED, WRAP_UP
from casebook.store.telephone import (
    AgentChanged,
    Completed,
    Connected,
    Entered,
    Left,
    Position,
    QueueEvent,
    Restarted,
    Telephone,
)

NAME = "queue_log"
WRAP_UP_REASON = "wrapup"
"""The reason with which an agent is paused after a conversation."""
_BATCH_BYTES = 64 * 1024
# Where each event keeps the seconds of waiting among its data.
_LEFT = {
    "ABANDON": (ABANDONED, 2),
    "EXITWITHTIMEOUT": ("timeout", 2),
    "EXITEMPTY": ("leave_empty", 2),
    "EXITWITHKEY": ("key", 3),
    "WITHDRAW": ("withdrawn", 2),
}
_REFUSED = {"JOINEMPTY": "join_empty", "FULL": "full"}
# Talking ends: the seconds of conversation come last but one.
_COMPLETED = ("COMPLETEAGENT", "COMPLETECALLER", "TRANSFER", "BLINDTRANSFER", "ATTENDEDTRANSFER")


class QueueLog:
    """Reads a PBX's log into the store. `source` is the PBX's name; calls of others are not in its log."""

    def __init__(self, folder: Path, telephone: Telephone, source: str) -> None:
        self._folder = folder
        self._telephone = telephone
        self._source = source

    def take_in(self) -> int:
        """Read what is new; how many events there were."""
        rotated = sorted(self._folder.glob(f"{NAME}.*"), key=lambda path: path.stat().st_mtime)
        current = self._folder / NAME
        taken = 0
        for file in rotated:
            taken += self._read(file)
            file.unlink()
        return taken + (self._read(current) if current.is_file() else 0)

    def _read(self, file: Path) -> int:
        taken = 0
        position, inode = self._telephone.position(self._source), file.stat().st_ino
        for events, end in _batches(file, position.bytes if position and position.file == inode else 0):
            self._telephone.take_in(self._source, events, Position(inode, end))
            taken += len(events)
        return taken


def _batches(file: Path, offset: int) -> Iterator[tuple[list[QueueEvent], int]]:
    """Whole lines from `offset` on, as events, with the offset after them."""
    with file.open("rb") as log:
        if offset > file.stat().st_size:
            # The file was emptied in place.
            offset = 0
        log.seek(offset)
        while lines := log.readlines(_BATCH_BYTES):
            unfinished = not lines[-1].endswith(b"\n")
            if unfinished:
                lines.pop()
            if not lines:
                return
            offset += sum(map(len, lines))
            yield [event for line in lines if (event := parse(line.decode("utf-8", "replace"))) is not None], offset
            if unfinished:
                return


def parse(line: str) -> QueueEvent | None:
    """The event of a line; None for one that says nothing of visits or agents."""
    fields = line.rstrip("\r\n").split("|")
    if len(fields) < 5:
        return None
    try:
        return _event(datetime.fromtimestamp(int(fields[0]), UTC), fields[1:5], fields[5:])
    except (ValueError, IndexError, OverflowError):
        structlog.get_logger().warning("a line of the queues' log cannot be read", kind=fields[4][:32])
        return None


def _event(at: datetime, head: list[str], data: list[str]) -> QueueEvent | None:
    call_id, queue, agent, name = head
    if name in _LEFT:
        outcome, place = _LEFT[name]
        return Left(at, call_id, queue, outcome, int(data[place]))
    if name in _COMPLETED:
        return Completed(at, call_id, queue, int(data[-2]))
    if name in _REFUSED:
        return Left(at, call_id, queue, _REFUSED[name], 0)
    match name:
        case "ENTERQUEUE":
            return Entered(at, call_id, queue)
        case "CONNECT":
            return Connected(at, call_id, queue, agent, int(data[0]))
        case "ADDMEMBER" | "REMOVEMEMBER":
            return AgentChanged(at, agent, queue, STAFFED, name == "ADDMEMBER")
        case "PAUSE" | "UNPAUSE":
            reason = data[0] if data else ""
            return AgentChanged(
                at, agent, queue, WRAP_UP if reason == WRAP_UP_REASON else PAUSED, name == "PAUSE", reason
            )
        case "QUEUESTART":
            return Restarted(at)
    return None
