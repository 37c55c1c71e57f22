"""Asterisk's manager interface: one connection that comes back by itself, actions and events.

Protocol: blocks of "Name: value" lines ended by a blank one; an answer carries the action's id, a list ends with an
event that says so. Nothing that a caller can write (names, numbers) gets into the log.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field

import structlog

_LINE_BYTES = 64 * 1024
_BLOCK_LINES = 2000
_ANSWER_S = 10
_PING_S = 15
_BACKOFF_S = (0.5, 1, 2, 5)
Fields = Mapping[str, str]


class AmiError(Exception):
    """The manager interface is away, refused us, or did not answer."""


@dataclass(slots=True)
class _Waiting:
    done: asyncio.Future[Fields]
    ends_with: str
    """Event that ends a list; empty for an action with a single answer."""
    events: list[Fields] = field(default_factory=list)


class Ami:
    """A client. `run` keeps the connection; `on_connect` is awaited after each log-in, `on_event` gets every event."""

    def __init__(
        self, host: str, port: int, user: str, secret: str, *, on_event: Callable[[Fields], None] | None = None
    ) -> None:
        self._address = (host, port)
        self._user, self._secret = user, secret
        self._on_event = on_event
        self._writer: asyncio.StreamWriter | None = None
        self._ids = itertools.count(1)
        self._waiting: dict[str, _Waiting] = {}
        self.connected = asyncio.Event()

    async def run(self) -> None:
        """Connect, read, and connect again, until cancelled."""
        failures = 0
        while True:
            try:
                await self._session()
                failures = 0
            except (OSError, AmiError, asyncio.LimitOverrunError, asyncio.IncompleteReadError, ValueError) as error:
                if failures == 0:
                    structlog.get_logger().warning("manager interface away", error=type(error).__name__)
                failures += 1
            await asyncio.sleep(_BACKOFF_S[min(failures, len(_BACKOFF_S) - 1)])

    async def action(self, name: str, **fields: str) -> Fields:
        """Send an action; its answer. Raises AmiError when it is refused or nothing comes."""
        answer, _ = await self._send(name, "", fields)
        return answer

    async def list_action(self, name: str, ends_with: str, **fields: str) -> list[Fields]:
        """Send an action that is answered by a list of events, up to the one named `ends_with`. Raises AmiError."""
        _, events = await self._send(name, ends_with, fields)
        return events

    async def channels(self) -> set[str]:
        """UNIQUEIDs of the channels there are. Raises AmiError: then nothing is known."""
        found = await self.list_action("CoreShowChannels", "CoreShowChannelsComplete")
        return {event["Uniqueid"] for event in found if "Uniqueid" in event}

    async def database_get(self, family: str, key: str) -> str | None:
        """A value of Asterisk's own database; None where there is none."""
        try:
            found = await self.list_action("DBGet", "DBGetComplete", Family=family, Key=key)
        except AmiError:
            return None
        return found[0].get("Val") if found else None

    async def _session(self) -> None:
        reader, writer = await asyncio.open_connection(*self._address, limit=_LINE_BYTES)
        self._writer = writer
        beat: asyncio.Task[None] | None = None
        try:
            async with asyncio.timeout(_ANSWER_S):
                await reader.readline()
            reading = asyncio.create_task(self._read(reader))
            try:
                await self.action("Login", Username=self._user, Secret=self._secret)
                self.connected.set()
                structlog.get_logger().info("manager interface connected")
                beat = asyncio.create_task(self._ping(writer))
                await reading
            finally:
                reading.cancel()
                with suppress(asyncio.CancelledError, Exception):
                    await reading
        finally:
            self.connected.clear()
            if beat is not None:
                beat.cancel()
            self._fail_waiting()
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()
            self._writer = None

    async def _ping(self, writer: asyncio.StreamWriter) -> None:
        """A peer that does not answer a ping is no peer: closing ends the session, and a new one begins."""
        while True:
            await asyncio.sleep(_PING_S)
            try:
                await self.action("Ping")
            except AmiError:
                writer.close()
                return

    async def _read(self, reader: asyncio.StreamReader) -> None:
        while True:
            block: dict[str, str] = {}
            for _ in range(_BLOCK_LINES):
                line = await reader.readline()
                if not line:
                    raise AmiError("the connection was closed")
                text = line.decode("utf-8", "replace").rstrip("\r\n")
                if not text:
                    break
                name, _, value = text.partition(":")
                block.setdefault(name, value.strip())
            else:
                raise AmiError("a block without an end")
            if block:
                self._take(block)

    def _take(self, block: Fields) -> None:
        waiting = self._waiting.get(block.get("ActionID", ""))
        if waiting is None:
            if "Event" in block and self._on_event is not None:
                self._on_event(block)
        elif "Response" in block:
            if block["Response"] == "Error":
                self._finish(waiting, AmiError(block.get("Message", "refused")))
            elif not waiting.ends_with:
                self._finish(waiting, block)
        elif block.get("Event") == waiting.ends_with:
            self._finish(waiting, block)
        else:
            waiting.events.append(block)

    @staticmethod
    def _finish(waiting: _Waiting, result: Fields | AmiError) -> None:
        if waiting.done.done():
            return
        if isinstance(result, AmiError):
            waiting.done.set_exception(result)
        else:
            waiting.done.set_result(result)

    async def _send(self, name: str, ends_with: str, fields: Mapping[str, str]) -> tuple[Fields, list[Fields]]:
        writer = self._writer
        if writer is None:
            raise AmiError("the manager interface is away")
        if any("\r" in value or "\n" in value for value in fields.values()):
            raise ValueError("a field of an action is one line")
        action_id = f"hotline-{next(self._ids)}"
        waiting = _Waiting(asyncio.get_running_loop().create_future(), ends_with)
        self._waiting[action_id] = waiting
        try:
            lines = {"Action": name, "ActionID": action_id, **fields}
            writer.write("".join(f"{key}: {value}\r\n" for key, value in lines.items()).encode() + b"\r\n")
            async with asyncio.timeout(_ANSWER_S):
                await writer.drain()
                return await waiting.done, waiting.events
        except TimeoutError as error:
            raise AmiError(f"no answer to {name}") from error
        except OSError as error:
            raise AmiError("the connection was lost") from error
        finally:
            self._waiting.pop(action_id, None)

    def _fail_waiting(self) -> None:
        for waiting in list(self._waiting.values()):
            self._finish(waiting, AmiError("the connection was lost"))
