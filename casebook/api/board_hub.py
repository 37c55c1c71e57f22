"""One follower of the live board for all the consoles of this process: it reads Redis, they share what it read.

A console gets the whole board first, then changes. Whatever makes the follower unsure (a gap in the versions, a new
epoch, Redis away) ends in a new whole board, never in a guess; a publisher that fell silent is shown as silent.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from typing import Any

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from call_router.board_feed import BOARDS, META, PREFIX, SILENT_S

_GATHER_S = 0.05
"""Changes of so long go to the consoles together: a hundred consoles cost two thousand messages a second at most."""
_AGAIN_S = 0.5
_POLL_S = 1.0
_QUEUED = 200
"""A console that lags by so many messages gets the whole board instead."""
_ALIVE_S = 15.0

Changes = dict[str, Any]


@dataclass(slots=True)
class _Pbx:
    """What is known of one PBX's board."""

    epoch: str
    version: int
    heard: bool
    entries: dict[str, Any]
    last_word: float = field(default_factory=time.monotonic)


@dataclass(eq=False, slots=True)
class _Console:
    messages: asyncio.Queue[bytes | None]
    """None ends the stream."""
    loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.get_running_loop)
    lags: bool = False


class BoardHub:
    """Follows while anybody looks."""

    def __init__(self, redis_url: str) -> None:
        self._redis_url = redis_url
        self._consoles: set[_Console] = set()
        self._following: asyncio.Task[None] | None = None
        self._stopping: set[asyncio.Task[None]] = set()
        self._pbxs: dict[str, _Pbx] = {}
        self._connected = False
        self._pending: Changes = {}

    async def stream(self) -> AsyncGenerator[bytes]:
        """Server-sent events (WHATWG HTML, 9.2): `board` with everything, `changes`, and a comment every 15 s."""
        console = _Console(asyncio.Queue(_QUEUED))
        console.messages.put_nowait(self._whole())
        self._consoles.add(console)
        if self._following is None:
            self._following = asyncio.create_task(self._follow())
        try:
            while True:
                message: bytes | None
                try:
                    message = await asyncio.wait_for(console.messages.get(), _ALIVE_S)
                except TimeoutError:
                    message = b": alive\n\n"
                if message is None:
                    return
                yield message
                if console.lags and console.messages.empty():
                    console.lags = False
                    yield self._whole()
        finally:
            self._consoles.discard(console)
            if not self._consoles:
                self._stop()

    def end_streams(self) -> None:
        """Let the consoles go: a server that stops does not wait for them. Safe from a signal handler or a thread."""
        for console in tuple(self._consoles):
            console.loop.call_soon_threadsafe(self._end, console)

    @staticmethod
    def _end(console: _Console) -> None:
        if console.messages.full():
            console.messages.get_nowait()
        console.messages.put_nowait(None)

    async def close(self) -> None:
        """Let go of Redis; called when the application stops, also while consoles still look."""
        self._stop()
        await asyncio.gather(*self._stopping, return_exceptions=True)

    def _stop(self) -> None:
        task, self._following = self._following, None
        self._connected = False
        self._pbxs.clear()
        self._pending.clear()
        if task is not None:
            task.cancel()
            self._stopping.add(task)
            task.add_done_callback(self._stopping.discard)

    # --- to the consoles

    def _whole(self) -> bytes:
        return _event("board", {"connected": self._connected, "pbxs": {n: _shown(p) for n, p in self._pbxs.items()}})

    def _send(self, message: bytes) -> None:
        for console in self._consoles:
            if console.lags:
                continue
            try:
                console.messages.put_nowait(message)
            except asyncio.QueueFull:
                console.lags = True

    def _flush(self) -> None:
        pending, self._pending = self._pending, {}
        if pending:
            self._send(_event("changes", {"pbxs": pending}))

    # --- from Redis

    async def _follow(self) -> None:
        while True:
            try:
                await self._session()
            except (RedisError, OSError) as error:
                was_connected, self._connected = self._connected, False
                self._pbxs.clear()
                self._pending.clear()
                if was_connected:
                    structlog.get_logger().warning("the board is away", error=type(error).__name__)
                    self._send(self._whole())
            await asyncio.sleep(_AGAIN_S)

    async def _session(self) -> None:
        client = Redis.from_url(self._redis_url, socket_connect_timeout=2, decode_responses=True)
        async with client as redis, redis.pubsub() as pubsub:
            await pubsub.psubscribe(f"{PREFIX}*")
            for name in await redis.smembers(BOARDS):
                await self._load(redis, str(name))
            self._connected = True
            self._send(self._whole())
            flush_at: float | None = None
            while True:
                wait_s = _POLL_S if flush_at is None else max(flush_at - time.monotonic(), 0)
                message = await pubsub.get_message(ignore_subscribe_messages=True, timeout=wait_s)
                if message is not None:
                    await self._take(redis, json.loads(message["data"]))
                    if self._pending and flush_at is None:
                        flush_at = time.monotonic() + _GATHER_S
                if flush_at is not None and time.monotonic() >= flush_at:
                    self._flush()
                    flush_at = None
                self._note_silence()

    async def _take(self, redis: Redis, message: dict[str, Any]) -> None:
        name = message["pbx"]
        known = self._pbxs.get(name)
        step = message["v"] - known.version if known and known.epoch == message["epoch"] else None
        if known is None or step is None or step > 1 or known.heard is not message["heard"]:
            await self._load(redis, name)
            self._pending.clear()
            self._send(self._whole())
            return
        known.last_word = time.monotonic()
        if step != 1:
            return
        known.version = message["v"]
        for key, value in message["changes"].items():
            if value is None:
                known.entries.pop(key, None)
            else:
                known.entries[key] = value
        self._pending.setdefault(name, {}).update(message["changes"])

    async def _load(self, redis: Redis, name: str) -> None:
        """Read a PBX's board; without its hash there is none."""
        found = await redis.hgetall(PREFIX + name)
        meta = found.pop(META, None)
        if meta is None:
            self._pbxs.pop(name, None)
            return
        facts = json.loads(meta)
        entries = {str(key): json.loads(value) for key, value in found.items()}
        self._pbxs[name] = _Pbx(facts["epoch"], facts["v"], facts["heard"], entries)

    def _note_silence(self) -> None:
        """Nobody knows what goes on at a PBX whose publisher is silent."""
        silent = [name for name, pbx in self._pbxs.items() if time.monotonic() - pbx.last_word > SILENT_S]
        for name in silent:
            del self._pbxs[name]
        if silent:
            self._pending.clear()
            self._send(self._whole())


def _shown(pbx: _Pbx) -> dict[str, Any]:
    return {"heard": pbx.heard, "entries": pbx.entries}


def _event(name: str, data: Changes) -> bytes:
    return f"event: {name}\ndata: {json.dumps(data, ensure_ascii=False, separators=(',', ':'))}\n\n".encode()
