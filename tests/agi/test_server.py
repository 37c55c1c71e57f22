"""The FastAGI server: whom it serves, whom it closes on, how it drains."""

from __future__ import annotations

import contextlib
import json
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator

import pytest
from structlog.contextvars import merge_contextvars
from structlog.processors import format_exc_info
from structlog.testing import capture_logs

from agi_scripts.hardened import HotlineAGI
from tests.agi.conftest import Hotline, RunningServer
from tests.agi.fake_asterisk import Caller

Serve = Callable[..., RunningServer]
NUMBER = "13812345678"
ENV = f"agi_network: yes\nagi_uniqueid: lyg1-1763900000.1\nagi_callerid: {NUMBER}\n\n".encode()


@contextlib.contextmanager
def connected(server: RunningServer, data: bytes = b"") -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", server.port), 10) as connection:
        connection.sendall(data)
        yield connection


def closed(connection: socket.socket) -> bool:
    """Whether the server closed without a word."""
    try:
        return connection.recv(100) == b""
    except ConnectionResetError:
        return True


def eventually(holds: Callable[[], bool]) -> bool:
    """Whether it becomes true within some seconds."""
    deadline = time.monotonic() + 30
    while not holds():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.005)
    return True


def wait_for_a_key(agi: HotlineAGI) -> None:
    agi.reply_timeout_s = 30
    agi.wait_for_digit(20_000)


def answers(server: RunningServer) -> bool:
    """Whether a call is served now."""
    with connected(server, ENV) as connection:
        return connection.recv(100).startswith(b"WAIT FOR DIGIT")


def refuses(server: RunningServer) -> bool:
    """Whether nobody listens on the port any more."""
    try:
        socket.create_connection(("127.0.0.1", server.port), 5).close()
    except ConnectionError:
        return True
    return False


# --- who is served


def test_a_full_server_closes_at_once_and_serves_again_when_one_call_ends(serve: Serve) -> None:
    server = serve(wait_for_a_key, max_calls=2)
    with connected(server, ENV) as first, connected(server, ENV) as second:
        assert first.recv(100)
        assert second.recv(100)
        for _ in range(3):
            with connected(server, ENV) as third:
                assert closed(third)
        assert server.stats.refused_full == 3
        assert server.stats.active == 2
        first.sendall(b"200 result=49\n")
        assert closed(first)
        assert eventually(lambda: server.stats.active == 1)
        assert answers(server)
    assert eventually(lambda: server.stats.active == 0)


def test_connections_that_say_nothing_hold_their_places_for_a_short_time_only(serve: Serve) -> None:
    server = serve(wait_for_a_key, max_calls=3, env_timeout_s=2)
    with connected(server), connected(server), connected(server):
        # Each is counted, and then gives up its place.
        assert eventually(lambda: (server.stats.not_agi, server.stats.active) == (3, 0))
        assert answers(server)


def test_an_address_that_is_not_ours_is_closed_before_it_says_anything(serve: Serve) -> None:
    reached: list[str] = []
    server = serve(lambda agi: reached.append(agi.env["agi_uniqueid"]), allowed_peers=frozenset({"192.0.2.1"}))
    with connected(server, ENV) as connection:
        assert closed(connection)
    assert reached == []
    assert (server.stats.refused_peer, server.stats.accepted) == (1, 0)


def test_a_burst_of_calls_is_taken_whole(serve: Serve) -> None:
    server = serve(wait_for_a_key, max_calls=200)
    with contextlib.ExitStack() as stack:
        calls = [stack.enter_context(connected(server, ENV)) for _ in range(200)]
        assert all(one.recv(100).startswith(b"WAIT FOR DIGIT") for one in calls)
        assert server.stats.accepted == 200
    assert eventually(lambda: server.stats.active == 0)


# --- scans


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(range(256)),
        b"\n",
        b"\n" * 5000,
        b"GET / HTTP/1.1\r\nHost: hotline\r\nUser-Agent: scan\r\n\r\n",
        b"OPTIONS sip:hotline SIP/2.0\r\nVia: SIP/2.0/TCP scan\r\n\r\n",
        ENV[:40],
        ENV[:-1],
        b"agi_network: yes\n" + b"x" * 100_000,
        b"agi_network: yes\n\n",
    ],
    ids=["nothing", "TLS", "blank", "blanks", "HTTP", "SIP", "half a line", "half", "a long line", "no call id"],
)
@pytest.mark.parametrize("leaves", [True, False], ids=["leaves", "stays"])
def test_what_is_no_call_reaches_no_handler_and_keeps_no_thread(serve: Serve, data: bytes, leaves: bool) -> None:
    reached: list[str] = []
    server = serve(lambda agi: reached.append(agi.env["agi_uniqueid"]), env_timeout_s=0.2)
    before = threading.active_count()
    with contextlib.suppress(ConnectionError), connected(server, data) as connection:
        if leaves:
            with contextlib.suppress(OSError):  # the server may have reset the connection by now
                connection.shutdown(socket.SHUT_WR)
        assert closed(connection)
    assert eventually(lambda: server.stats.active == 0 and threading.active_count() <= before)
    assert reached == []
    assert server.stats.not_agi == 1
    assert server.stats.failed == 0


def test_a_reset_in_the_middle_of_the_environment_is_no_call(serve: Serve) -> None:
    server = serve(wait_for_a_key)
    with connected(server, ENV[:30]) as connection:
        assert eventually(lambda: server.stats.active == 1)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    assert eventually(lambda: server.stats.not_agi == 1)
    assert answers(server)


def test_a_slow_environment_is_waited_for(serve: Serve) -> None:
    server = serve(wait_for_a_key, env_timeout_s=10)
    with connected(server) as connection:
        for position in range(0, len(ENV), 10):
            connection.sendall(ENV[position : position + 10])
            time.sleep(0.01)
        assert connection.recv(100).startswith(b"WAIT FOR DIGIT")


@pytest.mark.parametrize("drop", [b"a", b"agi_x%d: y\n"], ids=["letter by letter", "line by line"])
def test_an_environment_that_drips_for_ever_is_cut_off(serve: Serve, drop: bytes) -> None:
    server = serve(wait_for_a_key, env_timeout_s=0.3)
    with contextlib.suppress(ConnectionError), connected(server, b"agi_network: yes\n") as connection:
        for number in range(50):
            connection.sendall(drop % number if b"%" in drop else drop)
            if server.stats.not_agi:
                break
            time.sleep(0.05)
        assert server.stats.not_agi == 1


def test_a_pbx_that_does_not_answer_is_given_up(serve: Serve) -> None:
    server = serve(lambda agi: agi.answer(), reply_timeout_s=0.2)
    with connected(server, ENV) as connection:
        assert connection.recv(100) == b"ANSWER\n"
        assert closed(connection)
    assert eventually(lambda: server.stats.failed == 1)


# --- when something fails


def test_a_handler_that_fails_gives_the_call_back(serve: Serve) -> None:
    def fail(agi: HotlineAGI) -> None:
        agi.set_variable("HOTLINE_NEXT", "queue")
        raise RuntimeError("a defect")

    server = serve(fail)
    with capture_logs() as logs, connected(server, ENV) as connection:
        assert connection.recv(100) == b'SET VARIABLE "HOTLINE_NEXT" "queue"\n'
        connection.sendall(b"200 result=1\n")
        assert closed(connection)
        assert eventually(lambda: server.stats.active == 0)
    assert server.stats.failed == 1
    assert [entry["error"] for entry in logs if entry["event"] == "call failed"] == ["RuntimeError"]


def test_a_store_that_fails_in_the_middle_gives_the_call_to_the_next_server(hotline: Hotline) -> None:
    broken, healthy = hotline.serve(), hotline.serve()
    asterisk = hotline.asterisk(Caller(keys=[("menu_main", "0")]), broken, healthy)

    def lose_the_table(words: list[str]) -> None:
        if words[:2] == ["STREAM", "FILE"]:
            asterisk.before_reply = give_it_back
            with hotline.engine.begin() as connection:
                connection.exec_driver_sql("ALTER TABLE call_session RENAME TO gone")

    def give_it_back(words: list[str]) -> None:
        if asterisk.failures:
            asterisk.before_reply = lambda _: None

    asterisk.before_reply = lose_the_table
    with capture_logs() as logs:
        assert asterisk.session().get("HOTLINE_DONE") == ""
        assert eventually(lambda: broken.stats.failed == 1)
    assert NUMBER not in str(logs)
    with hotline.engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE gone RENAME TO call_session")
    asterisk.failures = 1
    asterisk.caller.keys = [("menu_main", "0")]
    heard = asterisk.call()
    assert heard.violations == []
    assert heard.clips == ["welcome", "menu_main", "welcome", "menu_main", "queue_wait"]
    assert healthy.stats.failed == 0


def test_threads_end_with_their_calls(hotline: Hotline) -> None:
    server = hotline.serve()
    before = threading.active_count()
    for hang_up_at in (0, 1, 3, 8, None):
        hotline.asterisk(Caller(hang_up_at=hang_up_at), server).call()
    assert eventually(lambda: server.stats.active == 0 and threading.active_count() <= before)
    assert server.stats.accepted == 5


def test_a_hang_up_is_no_failure(serve: Serve) -> None:
    server = serve(lambda agi: agi.answer())
    with connected(server, ENV) as connection:
        assert connection.recv(100) == b"ANSWER\n"
    assert eventually(lambda: server.stats.active == 0)
    assert (server.stats.failed, server.stats.not_agi) == (0, 0)


# --- drain


def test_a_stopped_server_takes_no_call_and_lets_those_under_way_finish(serve: Serve) -> None:
    finished: list[str] = []

    def handle(agi: HotlineAGI) -> None:
        finished.append(agi.wait_for_digit(10_000))

    server = serve(handle)
    with connected(server, ENV) as connection:
        assert connection.recv(100)
        given_back: list[int] = []
        stopper = threading.Thread(target=lambda: given_back.append(server.stop(drain_s=30)))
        stopper.start()
        assert eventually(lambda: refuses(server))
        connection.sendall(b"200 result=49\n")
        assert closed(connection)
        stopper.join(10)
    assert finished == ["1"]
    assert given_back == [0]


def test_calls_that_last_too_long_are_given_back_and_nobody_is_told_that_the_caller_hung_up(hotline: Hotline) -> None:
    server = hotline.serve()
    asterisk = hotline.asterisk(Caller(keys=[("menu_main", "9")]), server)
    waiting, drained = threading.Event(), threading.Event()

    def hold(words: list[str]) -> None:
        if words[:3] == ["WAIT", "FOR", "DIGIT"]:
            waiting.set()
            assert drained.wait(20)

    asterisk.before_reply = hold
    session = threading.Thread(target=asterisk.session)
    session.start()
    assert waiting.wait(10)
    with capture_logs() as logs:
        assert server.stop(drain_s=0) == 1
    drained.set()
    session.join(10)
    assert asterisk.heard.sessions[0]["HOTLINE_DONE"] == ""
    assert not hotline.ended(asterisk.call_id)
    assert hotline.outcome(asterisk.call_id) == ""
    assert [entry["event"] for entry in logs] == ["call given back"]
    # The next server has the same answer for the caller.
    pending = hotline.service().pending(asterisk.call_id)
    assert pending is not None
    assert pending.verbs[-1].name == "gather"


def test_a_caller_who_hangs_up_while_the_server_drains_is_gone_all_the_same(hotline: Hotline) -> None:
    server = hotline.serve()
    asterisk = hotline.asterisk(Caller(keys=[("menu_main", "9")], hang_up_at=5), server)
    waiting, draining = threading.Event(), threading.Event()

    def hold(words: list[str]) -> None:
        if words[:3] == ["WAIT", "FOR", "DIGIT"]:
            waiting.set()
            assert draining.wait(20)

    asterisk.before_reply = hold
    session = threading.Thread(target=asterisk.session)
    session.start()
    assert waiting.wait(10)
    stopper = threading.Thread(target=server.stop)
    stopper.start()
    draining.set()
    session.join(10)
    stopper.join(20)
    assert asterisk.heard.hung_up
    assert hotline.ended(asterisk.call_id)
    assert hotline.outcome(asterisk.call_id) == "abandoned"


def test_an_idle_server_drains_at_once(serve: Serve) -> None:
    server = serve(wait_for_a_key)
    assert server.stop(drain_s=30) == 0
    assert refuses(server)


# --- logs


def test_no_log_line_names_the_caller(hotline: Hotline) -> None:
    def fail(agi: HotlineAGI) -> None:
        raise ValueError("a defect")

    servers = [hotline.serve(), hotline.serve(fail)]
    with capture_logs(processors=[merge_contextvars]) as logs:
        for server in servers:
            for hang_up_at in (None, 2, 9):
                caller = Caller(number=NUMBER, name=f"{NUMBER} Wang".encode(), hang_up_at=hang_up_at)
                hotline.asterisk(caller, server).call()
            with connected(server, ENV[:-10]):
                pass
            with connected(server, f"GET /{NUMBER} HTTP/1.1\r\n\r\n".encode()):
                pass
        assert eventually(lambda: all(one.stats.active == 0 and one.stats.not_agi == 2 for one in servers))
    assert len(logs) > 5
    text = json.dumps([{key: str(value) for key, value in entry.items()} for entry in logs])
    assert NUMBER not in text
    assert "Wang" not in text
    assert {"call failed", "connection without a call"} <= {entry["event"] for entry in logs}
    failed = next(entry for entry in logs if entry["event"] == "call failed")
    assert failed["call_id"].startswith("test-")


def test_the_traceback_of_a_failure_shows_code_and_no_values(serve: Serve) -> None:
    def fail(agi: HotlineAGI) -> None:
        number = agi.env["agi_callerid"]
        raise RuntimeError(f"cannot use {number[:3]}")

    server = serve(fail)
    with capture_logs(processors=[format_exc_info]) as logs, connected(server, ENV) as connection:
        assert closed(connection)
        assert eventually(lambda: server.stats.active == 0)
    assert "cannot use 138" in str(logs)
    assert NUMBER not in str(logs)
