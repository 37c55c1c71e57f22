"""The manager interface's client against a peer that answers, drops, lies and floods."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

import pytest

from call_router.ami import Ami, AmiError

Block = dict[str, str]
Peer = Callable[[Block, asyncio.StreamWriter], Awaitable[None]]


async def answer(block: Block, writer: asyncio.StreamWriter) -> None:
    """A PBX with two channels."""
    lines = [f"Response: Success\r\nActionID: {block['ActionID']}\r\n\r\n"]
    if block["Action"] == "CoreShowChannels":
        for n in (1, 2):
            lines.append(f"Event: CoreShowChannel\r\nActionID: {block['ActionID']}\r\nUniqueid: a-{n}.1\r\n\r\n")
        lines.append(f"Event: CoreShowChannelsComplete\r\nActionID: {block['ActionID']}\r\n\r\n")
    if block["Action"] == "DBGet":
        lines = [f"Response: Error\r\nActionID: {block['ActionID']}\r\nMessage: Database entry not found\r\n\r\n"]
    # Byte by byte: nothing may depend on how the stream is cut.
    for byte in "".join(lines).encode():
        writer.write(bytes([byte]))
    await writer.drain()


@asynccontextmanager
async def pbx(peer: Peer) -> AsyncIterator[int]:
    async def session(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"Asterisk Call Manager/11.0.0\r\n")
        block: Block = {}
        with suppress(ConnectionError):
            while line := (await reader.readline()).decode():
                if line.strip():
                    name, _, value = line.strip().partition(": ")
                    block[name] = value
                elif block:
                    await peer(block, writer)
                    block = {}
        writer.close()

    server = await asyncio.start_server(session, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


@asynccontextmanager
async def connected(port: int, events: list[Block] | None = None) -> AsyncIterator[Ami]:
    taken = events if events is not None else []
    ami = Ami("127.0.0.1", port, "u", "s", on_event=lambda event: taken.append(dict(event)))
    task = asyncio.create_task(ami.run())
    try:
        async with asyncio.timeout(10):
            await ami.connected.wait()
        yield ami
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def test_actions_lists_and_refusals() -> None:
    async def main() -> None:
        async with pbx(answer) as port, connected(port) as ami:
            assert await ami.channels() == {"a-1.1", "a-2.1"}
            assert (await ami.action("Ping"))["Response"] == "Success"
            assert await ami.database_get("family", "key") is None
            with pytest.raises(ValueError, match="one line"):
                await ami.action("Setvar", Value="a\r\nAction: Originate")

    asyncio.run(main())


def test_events_reach_whoever_listens() -> None:
    async def tell(block: Block, writer: asyncio.StreamWriter) -> None:
        await answer(block, writer)
        if block["Action"] == "Ping":
            writer.write(b"Event: UserEvent\r\nUserEvent: HotlineEnd\r\nUniqueid: a-1.1\r\n\r\n")

    async def main() -> None:
        events: list[Block] = []
        async with pbx(tell) as port, connected(port, events) as ami:
            await ami.action("Ping")
            async with asyncio.timeout(5):
                while not events:
                    await asyncio.sleep(0.01)
            assert events[0]["UserEvent"] == "HotlineEnd"

    asyncio.run(main())


def test_a_connection_that_is_dropped_comes_back_and_fails_what_waits() -> None:
    async def drop(block: Block, writer: asyncio.StreamWriter) -> None:
        if block["Action"] == "Login":
            await answer(block, writer)
        else:
            writer.close()

    async def main() -> None:
        async with pbx(drop) as port, connected(port) as ami:
            with pytest.raises(AmiError):
                await ami.channels()
            async with asyncio.timeout(10):
                await ami.connected.wait()

    asyncio.run(main())


@pytest.mark.parametrize("noise", [b"x" * 200_000 + b"\n", b"\xff\xfe\n" * 3000])
def test_a_flood_ends_the_session_and_not_the_client(noise: bytes) -> None:
    async def flood(block: Block, writer: asyncio.StreamWriter) -> None:
        if block["Action"] == "Login":
            await answer(block, writer)
        else:
            writer.write(noise)

    async def main() -> None:
        async with pbx(flood) as port, connected(port) as ami:
            with pytest.raises(AmiError):
                await ami.channels()
            async with asyncio.timeout(10):
                await ami.connected.wait()

    asyncio.run(main())


def test_without_a_pbx_actions_say_so() -> None:
    async def main() -> None:
        with pytest.raises(AmiError, match="away"):
            await Ami("127.0.0.1", 1, "u", "s").channels()

    asyncio.run(main())
