"""The manager interface's client against a peer that answers, drops, lies and floods."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

from call_router.ami import Ami, AmiError
from call_router.ami_protocol import Decoder, encode

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
async def pbx(peer: Peer, tls: ssl.SSLContext | None = None) -> AsyncIterator[int]:
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

    server = await asyncio.start_server(session, "127.0.0.1", 0, ssl=tls)
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


# --- the language itself


@pytest.mark.parametrize("mark", ["\r\nAction: Originate", "\n", "\r", "\0"])
@pytest.mark.parametrize("where", ["name", "value", "list", "id"])
def test_no_field_can_become_another_action(mark: str, where: str) -> None:
    fields: dict[str, str | list[str]] = {f"Channel{mark}" if where == "name" else "Channel": "PJSIP/1001"}
    fields["Variable"] = ["A=1", f"B=2{mark}"] if where == "list" else ["A=1"]
    fields["Value"] = f"x{mark}" if where == "value" else "x"
    with pytest.raises(ValueError, match="one line"):
        encode("Setvar", f"1{mark}" if where == "id" else "1", fields)


def test_a_field_of_several_values_is_as_many_lines() -> None:
    block = encode("Originate", "7", {"Channel": "PJSIP/1001", "Variable": ["A=1", "B=张三"]})
    assert block.decode() == (
        "Action: Originate\r\nActionID: 7\r\nChannel: PJSIP/1001\r\nVariable: A=1\r\nVariable: B=张三\r\n\r\n"
    )


@given(st.lists(st.integers(1, 40), min_size=1))
def test_however_the_stream_is_cut_the_blocks_are_the_same(sizes: list[int]) -> None:
    stream = "Event: A\r\nName: 张三: x\r\n\r\n\r\nEvent: B\r\nVariable: 1\r\nVariable: 2\r\n\r\nEvent: C\r\n".encode()
    decoder, blocks, rest = Decoder(), [], stream
    for size in sizes:
        part, rest = rest[:size], rest[size:]
        blocks += decoder.feed(part)
    blocks += decoder.feed(rest)
    assert blocks == [{"Event": "A", "Name": "张三: x"}, {"Event": "B", "Variable": "1"}]


def test_a_peer_that_answers_nothing_is_left_and_tried_again() -> None:
    async def mute(block: Block, writer: asyncio.StreamWriter) -> None:
        if block["Action"] == "Login":
            await answer(block, writer)
        elif block["Action"] == "Ping":
            writer.close()

    async def main() -> None:
        async with pbx(mute) as port, connected(port) as ami:
            waiting = asyncio.create_task(ami.channels())
            await asyncio.sleep(0)
            with pytest.raises(AmiError):
                await ami.action("Ping")
            with pytest.raises(AmiError, match="lost"):
                await waiting
            async with asyncio.timeout(10):
                await ami.connected.wait()

    asyncio.run(main())


def test_over_tls_the_peer_must_be_who_it_says(tmp_path: Path) -> None:
    async def main() -> None:
        server, client = certificate(tmp_path, "127.0.0.1")
        stranger = ssl.create_default_context()
        async with pbx(answer, server) as port:
            ami = Ami("127.0.0.1", port, "u", "s", tls=client)
            task = asyncio.create_task(ami.run())
            async with asyncio.timeout(10):
                await ami.connected.wait()
            assert await ami.channels() == {"a-1.1", "a-2.1"}
            refusing = Ami("127.0.0.1", port, "u", "s", tls=stranger)
            other = asyncio.create_task(refusing.run())
            with suppress(TimeoutError):
                async with asyncio.timeout(1):
                    await refusing.connected.wait()
            assert not refusing.connected.is_set()
            for running in (task, other):
                running.cancel()
                with suppress(asyncio.CancelledError):
                    await running

    asyncio.run(main())


def certificate(folder: Path, address: str) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """Contexts of a server with a certificate of its own, and of a client that trusts it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "pbx")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address(address))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    file = folder / "pbx.pem"
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file.write_bytes(secret + made.public_bytes(serialization.Encoding.PEM))
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(file)
    trusted = folder / "ca.pem"
    trusted.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    return server, ssl.create_default_context(cafile=str(trusted))
