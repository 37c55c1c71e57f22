"""CPU a call and first-command latency of the call server, beside bare pyst2, pyst2 with SQL, and a bare asyncio loop.

Each call is 20 AGI commands in 6 steps. `ours` is everything: call server, hardened AGI, CallService, engine, store on
SQLite. The client that plays Asterisk runs in processes of its own, whose CPU is not counted.

    python -m benchmarks.agi [--connections 50,500] [--calls 600]
"""

from __future__ import annotations

import argparse
import asyncio
import io
import multiprocessing
import os
import signal
import socketserver
import sqlite3
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import structlog
from asterisk.agi import AGI

from agi_scripts.driver import AgiDriver
from agi_scripts.server import AgiServer
from call_router.directory import Directory
from call_router.recordings import RecordingFolder
from casebook.privacy import Privacy
from casebook.store import open_engine, upgrade
from casebook.store.calls import SqlCallStore
from ivr.flow import parse
from ivr.service import CallService

STEPS = 6
COMMANDS = 20
THINK_S = 0.2
_SECRET = "a secret of forty characters, for bench.."
# Five menus and an end: six steps. A menu is SET AUTOHANGUP, its clips, and the key: 20 commands in all.
_FLOW = """
start: m1
invalid: [p]
timers: {first_digit_timeout_s: 5, inter_digit_timeout_s: 4}
limits: {steps: 60, minutes: 30, then: bye}
nodes:
  m1: {type: menu, prompts: [p, p], keys: {"1": {to: m2}}, no_input: bye, gave_up: bye}
  m2: {type: menu, prompts: [p, p], keys: {"1": {to: m3}}, no_input: bye, gave_up: bye}
  m3: {type: menu, prompts: [p], keys: {"1": {to: m4}}, no_input: bye, gave_up: bye}
  m4: {type: menu, prompts: [p], keys: {"1": {to: m5}}, no_input: bye, gave_up: bye}
  m5: {type: menu, prompts: [p], keys: {"1": {to: bye}}, no_input: bye, gave_up: bye}
  bye: {type: end, prompts: []}
"""


@dataclass(frozen=True)
class Figures:
    """What one server did."""

    cpu_ms: float
    p99_ms: float
    calls_s: float
    commands: float


# --- servers, each in a process of its own: they announce their port through the pipe


def serve_ours(folder: str, ready: Any) -> None:
    """The hotline's own call server."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    engine = open_engine(f"sqlite:///{folder}/ours.db")
    upgrade(engine)
    service = CallService(
        SqlCallStore(engine, Privacy(_SECRET)), Directory({}, {}), parse(_FLOW), lambda: datetime.now(UTC)
    )
    recordings = RecordingFolder(Path(folder), lambda _: None)
    driver = AgiDriver(service, recordings, Path(folder), lambda: datetime.now(UTC))
    server = AgiServer("127.0.0.1", 0, driver.handle, allowed_peers=frozenset({"127.0.0.1"}))
    ready.send(server.port)
    server.serve()


class _SocketAgi(AGI):  # type: ignore[misc]
    """pyst2 with the least that makes it work in a thread on a socket."""

    def __init__(self, request: Any) -> None:
        self.stdin = request.makefile("r", encoding="utf-8", newline="\n")
        self.stdout = request.makefile("w", encoding="utf-8", newline="\n")
        self.stderr = io.StringIO()
        self._got_sighup = False
        self.env: dict[str, str] = {}
        self._get_agi_env()


def _twenty_commands(agi: AGI, between: Callable[[], None]) -> None:
    for step in range(STEPS):
        between()
        if step == STEPS - 1:
            agi.set_autohangup(10)
            agi.set_variable("HOTLINE_NEXT", "hangup")
            agi.set_variable("HOTLINE_DONE", "1")
            return
        agi.set_autohangup(30)
        for _ in range(2 if step < 2 else 1):
            agi.stream_file("p", "0123456789*#")
        agi.wait_for_digit(5000)


def _serve_threads(handle: Callable[[Any], None], ready: Any) -> None:
    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            handle(self.request)

    class Server(socketserver.ThreadingTCPServer):
        allow_reuse_address = True
        daemon_threads = True
        request_queue_size = 1024

    with Server(("127.0.0.1", 0), Handler) as server:
        ready.send(server.server_address[1])
        server.serve_forever()


def serve_pyst2(folder: str, ready: Any) -> None:
    """Bare pyst2."""
    _ = folder
    _serve_threads(lambda request: _twenty_commands(_SocketAgi(request), lambda: None), ready)


def serve_pyst2_sql(folder: str, ready: Any) -> None:
    """Bare pyst2 and, at each of the six steps, one bare SQL transaction on SQLite as ours is set."""
    file = f"{folder}/bare.db"
    local = threading.local()

    def database() -> sqlite3.Connection:
        if not hasattr(local, "connection"):
            local.connection = sqlite3.connect(file, isolation_level=None, timeout=15)
            local.connection.execute("PRAGMA journal_mode = WAL")
            local.connection.execute("PRAGMA synchronous = FULL")
        connection: sqlite3.Connection = local.connection
        return connection

    database().execute("CREATE TABLE session (id TEXT PRIMARY KEY, version INTEGER, state TEXT, verbs TEXT)")
    database().execute("CREATE TABLE journal (id INTEGER PRIMARY KEY, call TEXT, seq INTEGER, at TEXT, event TEXT)")

    def handle(request: Any) -> None:
        agi = _SocketAgi(request)
        call = agi.env["agi_uniqueid"]
        connection = database()
        connection.execute("INSERT INTO session VALUES (?, 0, '{}', '[]')", (call,))
        step = iter(range(100))

        def transaction() -> None:
            n = next(step)
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("SELECT version, state, verbs FROM session WHERE id = ?", (call,)).fetchone()
            connection.execute(
                "UPDATE session SET version = version + 1, state = ?, verbs = ? WHERE id = ? AND version = ?",
                ("s" * 200, "v" * 200, call, n),
            )
            connection.execute(
                "INSERT INTO journal (call, seq, at, event) VALUES (?, ?, ?, ?)", (call, n, "2026-11-23", "e" * 40)
            )
            connection.execute("COMMIT")

        _twenty_commands(agi, transaction)
        connection.close()

    _serve_threads(handle, ready)


def serve_asyncio(folder: str, ready: Any) -> None:
    """A bare asyncio loop."""
    _ = folder

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while (await reader.readline()).strip():
            pass
        for n in range(COMMANDS):
            writer.write(b'STREAM FILE "p" "0123456789*#" 0\n' if n % 3 else b"WAIT FOR DIGIT 5000\n")
            if not await reader.readline():
                break
        writer.close()

    async def main() -> None:
        server = await asyncio.start_server(handle, "127.0.0.1", 0, backlog=1024)
        ready.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    asyncio.run(main())


# --- the client that plays Asterisk


def play(port: int, connections: int, calls: int, results: Any) -> None:
    """Place `calls` calls, `connections` at once; send (first-command latencies in ms, seconds, commands)."""
    results.send(asyncio.run(_play(port, connections, calls)))


async def _play(port: int, connections: int, calls: int) -> tuple[list[float], float, int]:
    latencies: list[float] = []
    left = iter(range(calls))
    commands = 0

    async def one(number: int) -> None:
        nonlocal commands
        began = time.perf_counter()
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(
            b"agi_network: yes\nagi_uniqueid: b-%d.%d\nagi_callerid: 13800138000\nagi_extension: 12345\n"
            b"agi_arg_1: start\nagi_arg_2: \nagi_arg_3: \nagi_arg_4: 0\nagi_arg_5: 0\n\n" % (1763900000, number)
        )
        first = True
        while line := await reader.readline():
            if first:
                latencies.append((time.perf_counter() - began) * 1000)
                first = False
            commands += 1
            if line.startswith(b"WAIT"):
                await asyncio.sleep(THINK_S)
                writer.write(b"200 result=49\n")
            elif line.startswith(b"STREAM"):
                writer.write(b"200 result=0 endpos=100\n")
            else:
                writer.write(b"200 result=1\n")
        writer.close()

    async def lane() -> None:
        for number in left:
            await one(number)

    began = time.perf_counter()
    await asyncio.gather(*(lane() for _ in range(connections)))
    return latencies, time.perf_counter() - began, commands


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def measure(serve: Callable[[str, Any], None], connections: int, calls: int) -> Figures:
    """Run one server and one client."""
    context = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory() as folder:
        ours, theirs = context.Pipe()
        server = context.Process(target=serve, args=(folder, theirs), daemon=True)
        server.start()
        port = ours.recv()
        try:
            before = _cpu_s(server.pid or 0)
            results, sending = context.Pipe()
            client = context.Process(target=play, args=(port, connections, calls, sending))
            client.start()
            latencies, seconds, commands = results.recv()
            client.join(30)
            time.sleep(0.3)
            cpu_s = _cpu_s(server.pid or 0) - before
        finally:
            os.kill(server.pid or 0, signal.SIGKILL)
            server.join(10)
    latencies.sort()
    return Figures(cpu_s * 1000 / calls, latencies[int(len(latencies) * 0.99) - 1], calls / seconds, commands / calls)


SERVERS: dict[str, Callable[[str, Any], None]] = {
    "ours": serve_ours,
    "pyst2": serve_pyst2,
    "pyst2 + SQL": serve_pyst2_sql,
    "asyncio": serve_asyncio,
}


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--connections", default="50,500")
    parser.add_argument("--calls", type=int, default=1500)
    options = parser.parse_args()
    for connections in map(int, options.connections.split(",")):
        print(f"\n{connections} connections, {options.calls} calls, {THINK_S * 1000:.0f} ms to each key")
        print(f"{'server':14}{'commands':>10}{'CPU ms/call':>13}{'p99 first ms':>14}{'calls/s':>10}")
        figures = {name: measure(serve, connections, options.calls) for name, serve in SERVERS.items()}
        for name, row in figures.items():
            print(f"{name:14}{row.commands:10.1f}{row.cpu_ms:13.2f}{row.p99_ms:14.1f}{row.calls_s:10.1f}")
        ratio = figures["ours"].cpu_ms / figures["pyst2 + SQL"].cpu_ms
        print(f"CPU of ours / (pyst2 + SQL): {ratio:.2f}")


if __name__ == "__main__":
    main()
