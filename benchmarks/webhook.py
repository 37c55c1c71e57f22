"""What a step of a call on Twilio costs beside an endpoint that checks the signature and does nothing else, in one run.

    python -m benchmarks.webhook [--connections N] [--calls N] [--rounds N]

Three servers answer the same signed requests of the same client, six steps a call (a call that comes in and five keys):

    bare      FastAPI, the form, twilio's RequestValidator, a fixed document
    sqlite    the application of `hotline web`: signature, session, journal, document; SQLite (WAL, synchronous = FULL)
    postgres  the same with PostgreSQL (HOTLINE_TEST_POSTGRES, or one that is started for this run, with fsync = off)

Each runs in one process of uvicorn. The client is a process of its own; its requests are made and signed beforehand.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import uvicorn
from fastapi import FastAPI, HTTPException, Request, Response
from twilio.request_validator import RequestValidator

FLOW = """
start: a
invalid: [invalid_key]
timers: {first_digit_timeout_s: 5, inter_digit_timeout_s: 4}
limits: {steps: 60, minutes: 30, then: bye}
nodes:
  a: {type: menu, prompts: [welcome, menu_main], keys: {"1": {to: b}}, no_input: bye, gave_up: bye}
  b: {type: menu, prompts: [welcome, menu_main], keys: {"1": {to: c}}, no_input: bye, gave_up: bye}
  c: {type: menu, prompts: [welcome, menu_main], keys: {"1": {to: d}}, no_input: bye, gave_up: bye}
  d: {type: menu, prompts: [welcome, menu_main], keys: {"1": {to: e}}, no_input: bye, gave_up: bye}
  e: {type: menu, prompts: [welcome, menu_main], keys: {"1": {to: bye}}, no_input: bye, gave_up: bye}
  bye: {type: end, prompts: [goodbye], outcome: informed}
"""
KEYS = 5
STEPS = KEYS + 1
PUBLIC_URL = "https://hotline.example"
ACCOUNT, TOKEN = "AC" + "5" * 32, "a token of thirty-two characters"
SERVERS = ("bare", "sqlite", "postgres")
GOAL = 0.5


# --- the servers


def bare_app() -> Any:
    """The least that a webhook must do."""
    app, validator = FastAPI(), RequestValidator(TOKEN)
    document = (
        '<?xml version="1.0" encoding="UTF-8"?><Response><Gather action="/twilio/step/1/gather" numDigits="1">'
        "<Play>/twilio/prompts/welcome.wav</Play></Gather></Response>"
    )

    async def webhook(request: Request) -> Response:
        url = PUBLIC_URL + request.url.path
        if not validator.validate(url, await request.form(), request.headers.get("X-Twilio-Signature", "")):
            raise HTTPException(403)
        return Response(document, media_type="text/xml")

    app.post("/twilio/voice")(webhook)
    app.post("/twilio/step/{seq}/gather")(webhook)
    return app


def our_app(folder: Path, database: str) -> Any:
    """The application of `hotline web`, over a city whose flow has as many menus as a call has keys."""
    from casebook.api.app import create_app  # noqa: PLC0415 - only what a server needs
    from config import twilio  # noqa: PLC0415
    from config.serving.web import api_deps  # noqa: PLC0415
    from config.settings import CITY, Settings  # noqa: PLC0415
    from config.wiring import Hotline  # noqa: PLC0415
    from ivr.twilio.routes import beside  # noqa: PLC0415
    from ivr.twilio.routes import create_app as create_webhooks  # noqa: PLC0415

    city = folder / "city"
    city.mkdir(exist_ok=True)
    for file in CITY.iterdir():
        if file.name != "flow.yaml" and not (city / file.name).exists():
            (city / file.name).symlink_to(file)
    (city / "flow.yaml").write_text(FLOW, encoding="utf-8")
    hotline = Hotline(
        Settings(
            data_dir=folder,
            city_dir=city,
            database_url=database,
            secret_key="a secret of forty characters, for benchmarks",
            public_url=PUBLIC_URL,
            twilio_account_sid=ACCOUNT,
            twilio_auth_token=TOKEN,
        )
    )
    hotline.upgrade()
    deps = api_deps(hotline)
    return beside(create_webhooks(twilio.webhooks(hotline, deps.registry)), create_app(deps))


def serve(which: str, folder: Path, database: str) -> None:
    """Run one of the servers; its port goes to standard output."""
    app = bare_app() if which == "bare" else our_app(folder, database)
    # With its protocol named: else asyncio leaves Nagle's algorithm on, and every answer waits 40 ms.
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(1024)
        print(listening.getsockname()[1], flush=True)
        config = uvicorn.Config(app, log_config=None, access_log=False, server_header=False, proxy_headers=False)
        uvicorn.Server(config).run(sockets=[listening])


# --- the client


@dataclass
class Load:
    """What the client does: `calls` calls, `connections` at a time; `prefix` (hex) keeps runs apart."""

    port: int
    connections: int
    calls: int
    prefix: str


def _request(call_sid: str, path: str, **extra: str) -> bytes:
    fields = {
        "AccountSid": ACCOUNT,
        "ApiVersion": "2010-04-01",
        "CallSid": call_sid,
        "CallStatus": "in-progress",
        "Called": "+8651812345000",
        "CalledCountry": "CN",
        "Caller": "+8613812345678",
        "CallerCountry": "CN",
        "CallerCity": "",
        "Direction": "inbound",
        "From": "+8613812345678",
        "To": "+8651812345000",
        **extra,
    }
    signature = RequestValidator(TOKEN).compute_signature(PUBLIC_URL + path, fields)
    body = urlencode(fields)
    head = (
        f"POST {path} HTTP/1.1\r\nHost: hotline.example\r\nUser-Agent: TwilioProxy/1.1\r\nAccept: */*\r\n"
        f"Content-Type: application/x-www-form-urlencoded; charset=UTF-8\r\nX-Twilio-Signature: {signature}\r\n"
        f"I-Twilio-Idempotency-Token: 5f4c1b1e-0000-4000-8000-000000000000\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return (head + body).encode()


def _calls(load: Load) -> list[list[bytes]]:
    sids = [f"CA{load.prefix}{number:0{32 - len(load.prefix)}x}" for number in range(load.calls)]
    return [
        [
            _request(sid, "/twilio/voice"),
            *(_request(sid, f"/twilio/step/{seq}/gather", Digits="1") for seq in range(1, KEYS + 1)),
        ]
        for sid in sids
    ]


async def _run_load(load: Load) -> dict[str, Any]:
    waiting = iter(_calls(load))
    latencies: list[float] = []
    wrong = 0

    async def caller() -> None:
        nonlocal wrong
        reader, writer = await asyncio.open_connection("127.0.0.1", load.port)
        for requests in waiting:
            for request in requests:
                began = time.perf_counter()
                writer.write(request)
                head = await reader.readuntil(b"\r\n\r\n")
                length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])
                body = await reader.readexactly(length)
                latencies.append(time.perf_counter() - began)
                wrong += not (head.startswith(b"HTTP/1.1 200") and b"<Response>" in body and b"fallback" not in body)
        writer.close()

    began = time.perf_counter()
    await asyncio.gather(*(caller() for _ in range(load.connections)))
    took_s = time.perf_counter() - began
    return {"took_s": took_s, "wrong": wrong, "p99_ms": statistics.quantiles(latencies, n=100)[98] * 1000}


# --- the comparison


@dataclass
class Result:
    """One server under one load."""

    requests_per_s: float
    p99_ms: float
    cpu_ms: float


def _client(load: Load) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks.webhook", "--client", json.dumps(vars(load))]
    result: dict[str, Any] = json.loads(subprocess.run(command, check=True, capture_output=True, timeout=600).stdout)
    if result["wrong"]:
        raise SystemExit(f"{result['wrong']} requests were not answered as they should be")
    return result


def _cpu_s(pid: int) -> float:
    """User and system time of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def measure(which: str, database: str, connections: int, calls: int) -> Result:
    """A fresh server over a fresh database: a warm-up, then the calls that count."""
    with tempfile.TemporaryDirectory(prefix="webhook-benchmark-") as folder:
        command = [sys.executable, "-m", "benchmarks.webhook", "--server", which, "--folder", folder]
        with subprocess.Popen([*command, "--database", database], stdout=subprocess.PIPE, text=True) as server:
            assert server.stdout is not None
            try:
                port = int(server.stdout.readline())
                _client(Load(port, connections, max(20, calls // 10), "aa"))
                before = _cpu_s(server.pid)
                result = _client(Load(port, connections, calls, "bb"))
                used_s = _cpu_s(server.pid) - before
            finally:
                server.kill()
        requests = calls * STEPS
        return Result(requests / result["took_s"], result["p99_ms"], used_s * 1000 / requests)


@contextmanager
def _databases(rounds: int) -> Iterator[list[str]]:
    """A fresh PostgreSQL database for each round."""
    from tests.store.databases import fresh_database, postgres_server  # noqa: PLC0415

    with postgres_server() as server, ExitStack() as stack:
        yield [stack.enter_context(fresh_database(server)) for _ in range(rounds)]


def compare(connections: int, calls: int, rounds: int) -> None:
    """Print the comparison."""
    results: dict[str, list[Result]] = {which: [] for which in SERVERS}
    with _databases(rounds) as databases:
        for database in databases:
            # Round by round, so that a busy minute of the machine falls on all of them.
            for which, of_server in results.items():
                address = database if which == "postgres" else ""
                of_server.append(measure(which, address, connections, calls))
    print(f"\n{connections} connections, {calls} calls of {STEPS} steps, median of {rounds} rounds")
    print(f"  {'':10}{'requests/s':>12}{'p99 ms':>10}{'CPU ms/request':>17}{'of bare':>10}")
    for which in SERVERS:
        rate, p99, cpu = (
            statistics.median(getattr(result, column) for result in results[which])
            for column in ("requests_per_s", "p99_ms", "cpu_ms")
        )
        share = statistics.median(
            ours.requests_per_s / bare.requests_per_s
            for ours, bare in zip(results[which], results[SERVERS[0]], strict=True)
        )
        print(f"  {which:10}{rate:>12.0f}{p99:>10.1f}{cpu:>17.2f}{share:>10.2f}")
    print(f"  the goal is {GOAL} of bare with PostgreSQL")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--calls", type=int, default=500, help="calls for each server and round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--server", choices=SERVERS, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--database", default="", help=argparse.SUPPRESS)
    parser.add_argument("--client", type=json.loads, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.server:
        serve(options.server, options.folder, options.database)
    elif options.client:
        print(json.dumps(asyncio.run(_run_load(Load(**options.client)))))
    else:
        compare(options.connections, options.calls, options.rounds)


if __name__ == "__main__":
    main()
