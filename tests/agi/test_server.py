"""The call server: bounded, quick to refuse, hard to annoy, and polite when it stops."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from agi_scripts.errors import CallerGone, TransportError
from agi_scripts.hardened import HotlineAGI
from agi_scripts.server import AgiServer
from tests.pbx.rig import wait_for

ENV = b"agi_network: yes\nagi_uniqueid: lyg1-1763910000.1\nagi_callerid: 13800138000\n\n"


@contextmanager
def serving(handler: Callable[[HotlineAGI], None], **options: object) -> Iterator[AgiServer]:
    allowed = frozenset({"127.0.0.1"})
    server = AgiServer("127.0.0.1", 0, handler, **{"allowed_peers": allowed, "env_timeout_s": 1.0, **options})  # type: ignore[arg-type]
    thread = threading.Thread(target=server.serve)
    thread.start()
    try:
        yield server
    finally:
        server.stop()
        thread.join(10)
        server.drain(0.1)


def connect(server: AgiServer, data: bytes = ENV) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", server.port), 5)
    connection.settimeout(10)
    connection.sendall(data)
    return connection


def closed(connection: socket.socket) -> bool:
    try:
        return connection.recv(4096) == b""
    except ConnectionResetError:
        return True


def test_a_full_server_closes_at_once() -> None:
    leave = threading.Event()
    with serving(lambda _: (leave.wait(20), None)[1], max_calls=2) as server:
        held = [connect(server), connect(server)]
        wait_for(lambda: server.stats.active == 2, 5, "calls are not taken")
        with connect(server) as third:
            assert closed(third)
        assert server.stats.refused_full == 1
        leave.set()
        assert all(closed(one) for one in held)
        for one in held:
            one.close()
        wait_for(lambda: server.stats.active == 0, 5, "a call stays")
        with connect(server) as again:
            assert closed(again)
        assert server.stats.accepted == 3


def test_strangers_are_refused() -> None:
    with serving(lambda _: None, allowed_peers=frozenset({"192.0.2.1"})) as server:
        with connect(server) as stranger:
            assert closed(stranger)
        assert server.stats.refused_peer == 1
        assert server.stats.accepted == 0


@pytest.mark.parametrize(
    "data", [b"", b"\x16\x03\x01", b"GET / HTTP/1.1\r\n\r\n", b"agi_network: yes\n", b"\xff" * 9000]
)
def test_a_port_scan_ends_and_costs_no_thread(data: bytes) -> None:
    taken: list[HotlineAGI] = []
    with serving(taken.append) as server:
        before = threading.active_count()
        with connect(server, data) as scanner:
            assert closed(scanner)
        wait_for(lambda: server.stats.active == 0, 5, "a thread stays")
        wait_for(lambda: threading.active_count() <= before, 5, "a thread stays")
        assert taken == []
        assert server.stats.not_agi == 1


def test_a_handler_that_fails_gives_the_call_back(capfd: pytest.CaptureFixture[str]) -> None:
    def fail(_: HotlineAGI) -> None:
        raise RuntimeError("13800138000")

    with serving(fail) as server, connect(server) as call:
        assert closed(call)
        assert server.stats.failed == 1
    assert "agi_callerid" not in capfd.readouterr().out


def test_draining_lets_calls_finish() -> None:
    def talk(agi: HotlineAGI) -> None:
        agi.execute("NOOP")

    with serving(talk) as server, connect(server) as call:
        assert call.recv(100) == b"NOOP\n"
        server.stop()
        drained: list[int] = []
        thread = threading.Thread(target=lambda: drained.append(server.drain(10)))
        thread.start()
        time.sleep(0.2)
        with pytest.raises(OSError, match="refused"):
            connect(server)
        call.sendall(b"200 result=0\n")
        thread.join(10)
        assert drained == [0]


def test_what_does_not_finish_is_given_back_and_is_no_hang_up() -> None:
    seen: list[Exception] = []

    def talk(agi: HotlineAGI) -> None:
        try:
            agi.reply_timeout_s = 30
            agi.execute("WAIT FOR DIGIT", 60000)
        except (CallerGone, TransportError) as error:
            seen.append(error)
            raise

    with serving(talk) as server, connect(server) as call:
        assert call.recv(100).startswith(b"WAIT FOR DIGIT")
        server.stop()
        assert server.drain(0.2) == 1
        assert closed(call)
    assert isinstance(seen[0], TransportError)


def test_a_hang_up_is_not_an_error() -> None:
    with serving(lambda agi: agi.noop()) as server:
        call = connect(server)
        assert call.recv(100) == b"NOOP\n"
        call.close()
        wait_for(lambda: server.stats.active == 0, 5, "a thread stays")
        assert server.stats.failed == 0
