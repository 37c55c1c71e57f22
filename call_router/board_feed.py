"""Puts the live board into Redis: a hash with all of it, and each change on a channel of the same name.

Who follows subscribes first, then reads the hash, then drops changes up to the version that it read. Versions count
within an epoch; a gap or a new epoch means: read again. Redis holds nothing that cannot be lost: after it was away the
whole board is written anew. The hash expires, and the channel falls silent, when this process dies; while the PBX
cannot be heard the board says so and shows nothing that may not be true any more.
"""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Protocol

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from call_router import board
from call_router.ami import AmiError
from call_router.board import Board, Fields

PREFIX = "hotline:board:"
BOARDS = "hotline:boards"
"""The set of the PBXs that have a board."""
META = "meta"
"""The hash's field with epoch, version and whether the PBX is heard."""
SILENT_S = 10.0
"""After so long without a word the publisher is taken for dead."""
_BEAT_S = 3.0
_RESYNC_S = 30.0
_POLL_S = 0.2
_BATCH = 200


class Manager(Protocol):
    """The manager interface, as far as it is needed here."""

    connected: asyncio.Event

    async def list_action(self, name: str, ends_with: str, **fields: str) -> list[Fields]:
        """An action that is answered by a list. Raises AmiError."""


class BoardFeed:
    """Follows one PBX, named `system`."""

    def __init__(
        self, manager: Manager, redis: Redis, system: str, clock: Callable[[], datetime], *, resync_s: float = _RESYNC_S
    ) -> None:
        self._manager = manager
        self._redis = redis
        self._system = system
        self._clock = clock
        self._resync_s = resync_s
        self._events: asyncio.Queue[tuple[Fields, datetime]] = asyncio.Queue()
        self._board = Board()
        self._heard = False
        self._epoch, self._version = "", 0
        self._written = False

    def on_event(self, event: Fields) -> None:
        """Take an event of the manager interface."""
        if event.get("Event") in board.EVENTS:
            self._events.put_nowait((event, self._clock()))

    async def run(self) -> None:
        """Follow until cancelled."""
        async with self._redis:
            while True:
                try:
                    await self._follow()
                except Exception as error:  # noqa: BLE001 - without a board calls go on; it is asked for anew
                    structlog.get_logger().error("board failed", error=type(error).__name__)
                    self._board, self._heard, self._written = Board(), False, False
                    await asyncio.sleep(_POLL_S)

    async def _follow(self) -> None:
        loop = asyncio.get_running_loop()
        resync_at = beat_at = loop.time()
        while True:
            if not self._manager.connected.is_set():
                if self._heard:
                    await self._show(Board(), heard=False)
            elif not self._heard or loop.time() >= resync_at:
                await self._resync()
                resync_at = loop.time() + self._resync_s
            new = await self._reduced()
            if new is not self._board:
                await self._show(new, heard=self._heard)
            if loop.time() >= beat_at or not self._written:
                await self._write({})
                beat_at = loop.time() + _BEAT_S

    async def _reduced(self) -> Board:
        """The board after the events that are there; waits a little for the first."""
        try:
            async with asyncio.timeout(_POLL_S):
                taken = [await self._events.get()]
        except TimeoutError:
            return self._board
        while len(taken) < _BATCH and not self._events.empty():
            taken.append(self._events.get_nowait())
        new = self._board
        if self._heard:
            for event, at in taken:
                new = board.reduce(new, event, at)
        return new

    async def _resync(self) -> None:
        """Ask the PBX. Events that come meanwhile are taken afterwards: the last one about each thing decides."""
        known = self._board
        while not self._events.empty():
            event, at = self._events.get_nowait()
            known = board.reduce(known, event, at)
        if self._heard:
            await self._show(known, heard=True)
        try:
            channels = await self._manager.list_action("CoreShowChannels", "CoreShowChannelsComplete")
            status = await self._manager.list_action("QueueStatus", "QueueStatusComplete")
        except AmiError as error:
            structlog.get_logger().warning("the board cannot be asked for", error=str(error))
            await asyncio.sleep(_POLL_S)
            return
        asked = board.from_lists(channels, status, self._clock())
        # What is new is new to who looks: `known` may hold what was never shown.
        await self._show(_with_known_moments(asked, known), heard=True)

    async def _show(self, new: Board, *, heard: bool) -> None:
        found = board.changes(self._board, new)
        spoke, self._heard = self._heard, heard
        self._board = new
        if found or spoke is not heard:
            await self._write(found)

    # --- Redis

    async def _write(self, found: Mapping[str, Any]) -> None:
        """Write changes, or only the sign of life; everything, where the last writing failed."""
        key = PREFIX + self._system
        whole = not self._written
        if whole:
            self._epoch, self._version, found = secrets.token_hex(8), 0, self._board.entries()
        elif found:
            self._version += 1
        meta = {"epoch": self._epoch, "v": self._version, "heard": self._heard}
        gone = [name for name, value in found.items() if value is None]
        there = {name: json.dumps(value, ensure_ascii=False) for name, value in found.items() if value is not None}
        message = {**meta, "pbx": self._system, "changes": {} if whole else found}
        try:
            async with self._redis.pipeline(transaction=True) as pipe:
                if whole:
                    pipe.delete(key)
                    pipe.sadd(BOARDS, self._system)
                if gone and not whole:
                    pipe.hdel(key, *gone)
                pipe.hset(key, META, json.dumps(meta))
                for name, text in there.items():
                    pipe.hset(key, name, text)
                pipe.expire(key, int(SILENT_S))
                pipe.publish(key, json.dumps(message, ensure_ascii=False))
                await pipe.execute()
        except (RedisError, OSError) as error:
            if self._written:
                structlog.get_logger().warning("the board is not published", error=type(error).__name__)
            self._written = False
            await asyncio.sleep(_POLL_S)
        else:
            self._written = True


def _with_known_moments(asked: Board, known: Board) -> Board:
    """What the PBX does not tell, but we saw: since when. Only for what is still the same."""
    calls = {
        key: known.calls[key] if key in known.calls and _same_place(call, known.calls[key]) else call
        for key, call in asked.calls.items()
    }
    agents = {
        key: known.agents[key] if key in known.agents and _same_state(agent, known.agents[key]) else agent
        for key, agent in asked.agents.items()
    }
    return board.counted(Board(calls, agents, asked.queues))


def _same_place(one: board.LiveCall, other: board.LiveCall) -> bool:
    # QueueStatus does not tell whether somebody's telephone rings for the one who waits.
    waits = (board.WAITING, board.RINGING)
    stage = one.stage == other.stage or (one.stage in waits and other.stage in waits)
    return stage and (one.queue, one.line) == (other.queue, other.line)


def _same_state(one: board.LiveAgent, other: board.LiveAgent) -> bool:
    return (one.name, one.queues, one.state, one.reason) == (other.name, other.queues, other.state, other.reason)
