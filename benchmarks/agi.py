"""What the hotline's AGI server costs beside bare pyst2, in one run on one machine.

    python -m benchmarks.agi [--connections 50,500] [--calls N] [--rounds N] [--key-ms N]

Four servers carry the same call, 20 AGI commands, for the same client. The client is a process of its own and its
processor time counts for nobody. Servers a and c make six transactions a call on SQLite (WAL, synchronous = FULL).

    a  ours: AgiServer, HotlineAGI, AgiDriver, CallService, SqlCallStore; a flow of six steps
    b  bare pyst2 in a ThreadingTCPServer, no store
    c  b, and six transactions by hand through sqlite3: read the session, update it, append to the journal
    d  bare asyncio with a line protocol of its own, no store

A caller takes --key-ms to press each of five keys. With 0, or with more connections than a server can follow, it is
always full, and its latency is what queueing makes it.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import io
import json
import os
import queue
import socketserver
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import asterisk.agi

FLOW = """
start: a
invalid: [say]
timers: {first_digit_timeout_s: 5, inter_digit_timeout_s: 4}
limits: {steps: 60, minutes: 30, then: bye}
nodes:
  a: {type: menu, prompts: [say, choose], keys: {"1": {to: b}}, no_input: bye, gave_up: bye}
  b: {type: menu, prompts: [say, choose], keys: {"1": {to: c}}, no_input: bye, gave_up: bye}
  c: {type: menu, prompts: [say, choose], keys: {"1": {to: d}}, no_input: bye, gave_up: bye}
  d: {type: menu, prompts: [say, choose], keys: {"1": {to: e}}, no_input: bye, gave_up: bye}
  e: {type: menu, prompts: [say, choose], keys: {"1": {to: bye}}, no_input: bye, gave_up: bye}
  bye: {type: end, prompts: [say, say], outcome: informed}
"""
STEPS = 6
COMMANDS = 20
SERVERS = {
    "a": "ours",
    "b": "bare pyst2, no store",
    "c": "bare pyst2 and six transactions",
    "d": "bare asyncio, no store",
}
KEYS = "0123456789*#"
_SOUND = "/prompts/"
_BACKLOG = 1024


# --- a: ours


class _NoLines:
    def plan(self, target: str, demand: str, now: datetime) -> tuple[Any, ...]:  # noqa: ARG002 - the port's signature
        return ()


def serve_ours(folder: Path) -> None:
    """The hotline's own server."""
    from agi_scripts.driver import AgiDriver  # noqa: PLC0415 - each server pays for its own imports only
    from agi_scripts.server import AgiServer  # noqa: PLC0415
    from call_router.recordings import RecordingFolder  # noqa: PLC0415
    from casebook.privacy import Privacy  # noqa: PLC0415
    from casebook.store import open_engine, upgrade  # noqa: PLC0415
    from casebook.store.calls import SqlCallStore  # noqa: PLC0415
    from ivr.flow import parse  # noqa: PLC0415
    from ivr.service import CallService  # noqa: PLC0415
    from transcription.audio import probe  # noqa: PLC0415

    def now() -> datetime:
        return datetime.now(UTC)

    engine = open_engine(f"sqlite:///{folder / 'ours.db'}")
    upgrade(engine)
    store = SqlCallStore(engine, Privacy("a secret of forty characters, for benchmarks"))
    service = CallService(store, _NoLines(), parse(FLOW), now)
    driver = AgiDriver(service, RecordingFolder(folder, probe), Path(_SOUND), now)
    server = AgiServer(
        "127.0.0.1",
        0,
        driver.handle,
        allowed_peers=frozenset({"127.0.0.1"}),
        max_calls=2000,
        env_timeout_s=60,
        reply_timeout_s=60,
    )
    print(server.port, flush=True)
    server.serve()


# --- b and c: pyst2 as it is


class _ThreadingServer(socketserver.ThreadingTCPServer):
    request_queue_size = _BACKLOG
    daemon_threads = True
    # What pyst2 writes to standard error is part of it; it goes nowhere, as with a service whose log is off.
    dump = io.open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115, UP020 - open for as long as the process


class _Pyst2Handler(socketserver.StreamRequestHandler):
    disable_nagle_algorithm = True

    def handle(self) -> None:
        with self.connection.makefile("r", encoding="utf-8") as read, self.connection.makefile("w") as write:
            agi = asterisk.agi.AGI(read, write, _ThreadingServer.dump)
            for step in range(STEPS):
                self.transaction(agi, step)
                agi.set_autohangup(30)
                if step < STEPS - 1:
                    agi.stream_file(f"{_SOUND}say", KEYS)
                    agi.stream_file(f"{_SOUND}choose", KEYS)
            agi.stream_file(f"{_SOUND}say")
            agi.stream_file(f"{_SOUND}say")
            agi.set_variable("HOTLINE_NEXT", "hangup")
            agi.set_variable("HOTLINE_DONE", "1")

    def transaction(self, agi: asterisk.agi.AGI, step: int) -> None:
        """Nothing is kept."""


class _StoringHandler(_Pyst2Handler):
    pool: queue.SimpleQueue[sqlite3.Connection]

    def transaction(self, agi: asterisk.agi.AGI, step: int) -> None:
        call_id, now = agi.env["agi_uniqueid"], datetime.now(UTC).isoformat()
        connection = self.pool.get()
        try:
            connection.execute("BEGIN IMMEDIATE")
            if step == 0:
                connection.execute("INSERT INTO session VALUES (?, 0, ?, '[]', ?)", (call_id, _STATE, now))
            row = connection.execute("SELECT seq, state, verbs FROM session WHERE call_id = ?", (call_id,)).fetchone()
            seq = row[0]
            connection.execute(
                "UPDATE session SET seq = ?, state = ?, verbs = ?, updated_at = ? WHERE call_id = ? AND seq = ?",
                (seq + 1, _STATE, _VERBS, now, call_id, seq),
            )
            connection.execute(
                "INSERT INTO journal (call_id, seq, at, event) VALUES (?, ?, ?, ?)",
                (call_id, seq, now, '{"event":"digits","digits":"1"}'),
            )
            connection.execute("COMMIT")
        finally:
            self.pool.put(connection)


_STATE = '{"node":"c","started_at":"2026-11-23T22:00:00+00:00","trace":["a","b","c"],"steps":2}'
_VERBS = (
    '[{"verb":"gather","prompts":["say","choose"],"max_digits":1,"first_digit_timeout_s":5,'
    '"inter_digit_timeout_s":4,"terminator":""}]'
)
"""What ours writes at such a step."""


def serve_pyst2(folder: Path, handler: type[_Pyst2Handler]) -> None:
    """pyst2 with the least that lets it run on sockets in threads: text streams, and no signal handler."""
    asterisk.agi.signal = SimpleNamespace(signal=lambda *_: None, SIGHUP=1)
    if handler is _StoringHandler:
        _StoringHandler.pool = queue.SimpleQueue()
        for _ in range(32):
            connection = sqlite3.connect(folder / "bare.db", isolation_level=None, check_same_thread=False)
            for pragma in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON", "busy_timeout = 15000"):
                connection.execute(f"PRAGMA {pragma}")
            connection.execute(
                "CREATE TABLE IF NOT EXISTS session"
                " (call_id TEXT PRIMARY KEY, seq INTEGER NOT NULL, state TEXT NOT NULL,"
                " verbs TEXT NOT NULL, updated_at TEXT NOT NULL)"
            )
            connection.execute(
                "CREATE TABLE IF NOT EXISTS journal (id INTEGER PRIMARY KEY,"
                " call_id TEXT NOT NULL REFERENCES session,"
                " seq INTEGER NOT NULL, at TEXT NOT NULL, event TEXT NOT NULL)"
            )
            connection.execute("CREATE INDEX IF NOT EXISTS ix_journal ON journal (call_id)")
            _StoringHandler.pool.put(connection)
    threading.stack_size(512 * 1024)
    with _ThreadingServer(("127.0.0.1", 0), handler) as server:
        print(server.server_address[1], flush=True)
        server.serve_forever()


# --- d: asyncio


class _LineProtocol(asyncio.Protocol):
    """The same 20 commands without a library or a store."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: Any = transport
        self._received = b""
        self._started = False
        self._commands = _commands()

    def data_received(self, data: bytes) -> None:
        self._received += data
        if not self._started:
            if b"\n\n" not in self._received:
                return
            block, _, self._received = self._received.partition(b"\n\n")
            self.env = dict(line.split(": ", 1) for line in block.decode().split("\n"))
            self._started = True
            self._transport.write(next(self._commands))
        while b"\n" in self._received:
            reply, _, self._received = self._received.partition(b"\n")
            if not reply.startswith(b"200 result="):
                self._transport.close()
                return
            command = next(self._commands, None)
            if command is None:
                self._transport.close()
                return
            self._transport.write(command)


def _commands() -> Iterator[bytes]:
    for step in range(STEPS):
        yield b"SET AUTOHANGUP 30\n"
        if step < STEPS - 1:
            yield f'STREAM FILE {_SOUND}say "{KEYS}" 0\n'.encode()
            yield f'STREAM FILE {_SOUND}choose "{KEYS}" 0\n'.encode()
    yield f'STREAM FILE {_SOUND}say "" 0\n'.encode()
    yield f'STREAM FILE {_SOUND}say "" 0\n'.encode()
    yield b'SET VARIABLE "HOTLINE_NEXT" "hangup"\n'
    yield b'SET VARIABLE "HOTLINE_DONE" "1"\n'


async def _serve_asyncio() -> None:
    server = await asyncio.get_running_loop().create_server(_LineProtocol, "127.0.0.1", 0, backlog=_BACKLOG)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


def serve(which: str, folder: Path) -> None:
    """Run one of the servers; its port goes to standard output."""
    match which:
        case "a":
            serve_ours(folder)
        case "b":
            serve_pyst2(folder, _Pyst2Handler)
        case "c":
            serve_pyst2(folder, _StoringHandler)
        case "d":
            asyncio.run(_serve_asyncio())


# --- the client


@dataclass
class Load:
    """What the client does: `calls` calls, `connections` of them at a time."""

    port: int
    connections: int
    calls: int
    key_s: float
    prefix: str


async def _run_load(load: Load) -> dict[str, Any]:
    numbers = iter(range(load.calls))
    latencies: list[float] = []
    commands: list[int] = []

    async def caller() -> None:
        for number in numbers:
            await call(f"{load.prefix}-{1763900000 + number}.{number}")

    async def call(call_id: str) -> None:
        env = (
            "agi_network: yes\nagi_network_script: hotline\nagi_request: agi://127.0.0.1/hotline\n"
            f"agi_channel: PJSIP/trunk-00000001\nagi_language: zh\nagi_type: PJSIP\nagi_uniqueid: {call_id}\n"
            "agi_version: 22.6.0\nagi_callerid: 13812345678\nagi_calleridname: Citizen\nagi_callingpres: 0\n"
            "agi_dnid: 12345\nagi_context: hotline\nagi_extension: s\nagi_priority: 9\nagi_enhanced: 0.0\n"
            "agi_accountcode: \nagi_threadid: 140000000000000\nagi_arg_1: start\nagi_arg_2: \nagi_arg_3: \n"
            "agi_arg_4: 0\nagi_arg_5: 0\n\n"
        ).encode()
        started = time.perf_counter()
        reader, writer = await asyncio.open_connection("127.0.0.1", load.port)
        writer.write(env)
        count, done = 0, False
        while line := await reader.readline():
            if not count:
                latencies.append(time.perf_counter() - started)
            count += 1
            done = b"HOTLINE_DONE" in line
            if b"choose" in line:
                if load.key_s:
                    await asyncio.sleep(load.key_s)
                writer.write(b"200 result=49 endpos=8000\n")
            elif line.startswith(b"STREAM"):
                writer.write(b"200 result=0 endpos=8000\n")
            else:
                writer.write(b"200 result=1\n" if b"VARIABLE" in line else b"200 result=0\n")
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()
        commands.append(count if done else -1)

    started = time.perf_counter()
    await asyncio.gather(*(caller() for _ in range(min(load.connections, load.calls))))
    took_s = time.perf_counter() - started
    wrong = sum(count != COMMANDS for count in commands)
    return {"took_s": took_s, "wrong": wrong, "p99_ms": statistics.quantiles(latencies, n=100)[98] * 1000}


# --- the comparison


@dataclass
class Result:
    """One server under one load."""

    cpu_ms: float
    p99_ms: float
    calls_per_s: float


def _cpu_s(pid: int) -> float:
    """User and system time of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _client(load: Load) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks.agi", "--client", json.dumps(vars(load))]
    result: dict[str, Any] = json.loads(subprocess.run(command, check=True, capture_output=True, timeout=1800).stdout)
    if result["wrong"]:
        raise SystemExit(f"{result['wrong']} calls did not have {COMMANDS} commands")
    return result


def measure(which: str, connections: int, calls: int, key_s: float) -> Result:
    """A fresh server over a fresh database: a warm-up, then the calls that count."""
    with tempfile.TemporaryDirectory(prefix="agi-benchmark-") as folder:
        command = [sys.executable, "-m", "benchmarks.agi", "--server", which, "--folder", folder]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
            assert server.stdout is not None
            try:
                port = int(server.stdout.readline())
                _client(Load(port, min(connections, 20), max(100, calls // 10), 0, "warm"))
                before = _cpu_s(server.pid)
                result = _client(Load(port, connections, calls, key_s, "call"))
                used_s = _cpu_s(server.pid) - before
            finally:
                server.kill()
        return Result(used_s * 1000 / calls, result["p99_ms"], calls / result["took_s"])


def compare(connections: int, calls: int, rounds: int, key_s: float) -> float:
    """Print the comparison at one number of connections; returns ours / c in processor time."""
    results: dict[str, list[Result]] = {which: [] for which in SERVERS}
    for _ in range(rounds):
        # Round by round, so that a busy minute of the machine falls on all of them.
        for which, of_server in results.items():
            of_server.append(measure(which, connections, calls, key_s))
    keys = f"{key_s * 1000:.0f} ms to each key"
    print(f"\n{connections} connections, {calls} calls of {COMMANDS} commands, {keys}, median of {rounds} rounds")
    print(f"  {'':34}{'CPU ms/call':>12}{'p99 first command ms':>23}{'calls/s':>10}")
    for which, name in SERVERS.items():
        cpu, p99, rate = (
            statistics.median(getattr(result, column) for result in results[which])
            for column in ("cpu_ms", "p99_ms", "calls_per_s")
        )
        print(f"  {which}  {name:31}{cpu:>12.2f}{p99:>23.1f}{rate:>10.0f}")
    ratio = statistics.median(ours.cpu_ms / bare.cpu_ms for ours, bare in zip(results["a"], results["c"], strict=True))
    print(f"  CPU of a / c: {ratio:.2f} (the goal is 1.3 at most)")
    return ratio


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--connections", default="50,500", help="calls at a time, one comparison for each")
    parser.add_argument("--calls", type=int, default=1500, help="calls for each server and round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--key-ms", type=float, default=200, help="how long a caller takes to press a key")
    parser.add_argument("--server", choices=SERVERS, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--client", type=json.loads, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.server:
        serve(options.server, options.folder)
    elif options.client:
        print(json.dumps(asyncio.run(_run_load(Load(**options.client)))))
    else:
        for connections in map(int, options.connections.split(",")):
            compare(connections, options.calls, options.rounds, options.key_ms / 1000)


if __name__ == "__main__":
    main()
