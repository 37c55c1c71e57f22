"""Asterisk's manager interface: one connection that comes back by itself, actions and events.

After a loss nothing is known: whoever keeps a picture of the PBX waits for `connected` and asks for all of it again.
Nothing that a caller can write (names, numbers) gets into the log.
"""

from __future__ import annotations

import asyncio
import itertools
import ssl
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

import structlog

from call_router.ami_protocol import LINE_BYTES, Decoder, Fields, ProtocolError, Values, encode

__all__ = ["Ami", "AmiError", "Fields"]
_CONNECT_S = 10
_ANSWER_S = 10
_PING_S = 15
_BACKOFF_S = (0.5, 1, 2, 5)
_READ_BYTES = 64 * 1024


class AmiError(Exception):
    """The manager interface is away, refused us, or did not answer."""


@dataclass(slots=True)
class _Waiting:
    done: asyncio.Future[Fields]
    ends_with: str
    """Event that ends a list; empty for an action with a single answer."""
    events: list[Fields] = field(default_factory=list)


class Ami:
    """A client. `run` keeps the connection, `on_event` gets every event. `tls` encrypts it and proves the peer."""

    def __init__(
        self,
        host: str,
        port: int,
        user: str,
        secret: str,
        *,
        on_event: Callable[[Fields], None] | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._address = (host, port)
        self._user, self._secret = user, secret
        self._on_event = on_event
        self._tls = tls
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
            except (OSError, TimeoutError, AmiError, ProtocolError, asyncio.LimitOverrunError, ValueError) as error:
                if failures == 0:
                    structlog.get_logger().warning("manager interface away", error=type(error).__name__)
                failures += 1
            await asyncio.sleep(_BACKOFF_S[min(failures, len(_BACKOFF_S) - 1)])

    async def action(self, name: str, /, *, action_id: str = "", **fields: str | list[str]) -> Fields:
        """Send an action; its answer. Raises AmiError when it is refused or nothing comes.

        `action_id` comes back with whatever the action leads to later (OriginateResponse).
        """
        answer, _ = await self._send(name, "", fields, action_id)
        return answer

    async def list_action(self, name: str, ends_with: str, **fields: str) -> list[Fields]:
        """Send an action that is answered by a list of events, up to the one named `ends_with`. Raises AmiError."""
        _, events = await self._send(name, ends_with, fields)
        return events

    async def channels(self) -> set[str]:
        """UNIQUEIDs of the channels there are. Raises AmiError: then nothing is known."""
        found = await self.list_action("CoreShowChannels", "CoreShowChannelsComplete")
        return {event["Uniqueid"] for event in found if "Uniqueid" in event}

    async def variable(self, channel: str, name: str) -> str:
        """A variable of a channel; empty where there is no such channel or variable. Raises AmiError when away."""
        try:
            return (await self.action("Getvar", Channel=channel, Variable=name)).get("Value", "")
        except AmiError:
            if self.connected.is_set():
                return ""
            raise

    async def database_get(self, family: str, key: str) -> str | None:
        """A value of Asterisk's own database; None where there is none."""
        try:
            found = await self.list_action("DBGet", "DBGetComplete", Family=family, Key=key)
        except AmiError:
            return None
        return found[0].get("Val") if found else None

    async def _session(self) -> None:
        async with asyncio.timeout(_CONNECT_S):
            reader, writer = await asyncio.open_connection(*self._address, limit=LINE_BYTES, ssl=self._tls)
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
        decoder = Decoder()
        while data := await reader.read(_READ_BYTES):
            for block in decoder.feed(data):
                self._take(block)
        raise AmiError("the connection was closed")

    def _take(self, block: Fields) -> None:
        waiting = self._waiting.get(block.get("ActionID", ""))
        if waiting is None:
            if "Event" in block and self._on_event is not None:
                self._on_event(block)
        elif "Response" in block and "Event" not in block:
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

    async def _send(
        self, name: str, ends_with: str, fields: Values, action_id: str = ""
    ) -> tuple[Fields, list[Fields]]:
        writer = self._writer
        if writer is None:
            raise AmiError("the manager interface is away")
        action_id = action_id or f"hotline-{next(self._ids)}"
        block = encode(name, action_id, fields)
        waiting = _Waiting(asyncio.get_running_loop().create_future(), ends_with)
        self._waiting[action_id] = waiting
        try:
            writer.write(block)
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
