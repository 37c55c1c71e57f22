"""The hotline as a PBX sees it: real servers and the real driver over a real store, with a router of a few lines."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, func, select

from agi_scripts.driver import AgiDriver
from agi_scripts.server import AgiServer, Handler
from call_router.recordings import RecordingFolder
from casebook.privacy import Privacy
from casebook.store import open_engine, upgrade
from casebook.store.calls import SqlCallStore
from casebook.store.schema import call, call_session, case_, recording
from ivr.service import CallService
from ivr.verbs import Leg
from tests.agi.fake_asterisk import Caller, FakeAsterisk, Heard
from tests.ivr.line import city_flow
from transcription.audio import probe

PROMPTS = Path(__file__).resolve().parents[2] / "config" / "city" / "prompts"
SECRET = "a secret of forty characters, for tests.."
LOOPBACK = frozenset({"127.0.0.1"})


def utc_now() -> datetime:
    return datetime.now(UTC)


class FewLines:
    """A router that knows one queue and the lines by their number."""

    def plan(self, target: str, demand: str, now: datetime) -> tuple[Leg, ...]:
        kind, _, name = target.partition(":")
        if kind == "queue":
            return (Leg("queue", name, name, "", 60),)
        return (Leg("line", name, name, "psap", 20, emergency=name == "110"),)


class RunningServer:
    """An AgiServer that serves in a thread."""

    def __init__(self, handler: Handler, **limits: Any) -> None:
        self.server = AgiServer("127.0.0.1", 0, handler, **({"allowed_peers": LOOPBACK} | limits))
        self.port = self.server.port
        self.stats = self.server.stats
        self._thread = threading.Thread(target=self.server.serve, name="accept")
        self._thread.start()
        self._stopped = False

    def stop(self, drain_s: float = 10) -> int:
        """Stop and drain; how many calls were given back. Fails where a call's thread stays."""
        if self._stopped:
            return 0
        self._stopped = True
        self.server.stop()
        self._thread.join(10)
        assert not self._thread.is_alive()
        given_back = self.server.drain(drain_s)
        assert self.stats.active == 0
        return given_back


class Hotline:
    """Store, recordings and servers of one test."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.engine: Engine = open_engine(f"sqlite:///{folder / 'hotline.db'}")
        stack.callback(self.engine.dispose)
        self.store = SqlCallStore(self.engine, Privacy(SECRET))
        self.recordings = RecordingFolder(folder / "recordings", probe)
        self._stack = stack

    def service(self) -> CallService:
        """What one process of the hotline has: nothing but the store is shared with another."""
        return CallService(self.store, FewLines(), city_flow(), utc_now)

    def driver(self) -> AgiDriver:
        return AgiDriver(self.service(), self.recordings, PROMPTS, utc_now)

    def serve(self, handler: Handler | None = None, **limits: Any) -> RunningServer:
        """Another server over the same store."""
        server = RunningServer(handler or self.driver().handle, **limits)
        self._stack.callback(server.stop)
        return server

    def asterisk(self, caller: Caller, *servers: RunningServer) -> FakeAsterisk:
        """A PBX that knows these servers; by default a new one."""
        ports = [server.port for server in servers or (self.serve(),)]
        return FakeAsterisk(ports, PROMPTS, caller)

    def call(self, caller: Caller, *servers: RunningServer) -> tuple[str, Heard]:
        """A whole call by the rules: its id and what was heard."""
        asterisk = self.asterisk(caller, *servers)
        heard = asterisk.call()
        assert heard.violations == []
        return asterisk.call_id, heard

    # --- what the store says

    def outcome(self, call_id: str) -> str:
        return str(self.one(select(call.c.outcome).where(call.c.call_id == call_id)))

    def ended(self, call_id: str) -> bool:
        return self.one(select(call_session.c.ended_at).where(call_session.c.call_id == call_id)) is not None

    def cases(self, call_id: str) -> list[Any]:
        return self.rows(select(case_).where(case_.c.call_id == call_id))

    def kept(self, call_id: str) -> dict[str, bool]:
        """Paths of the call's recordings, and whether each is kept."""
        rows = self.rows(select(recording.c.path, recording.c.kept).where(recording.c.call_id == call_id))
        return {row.path: row.kept for row in rows}

    def count_calls(self) -> int:
        return int(self.one(select(func.count()).select_from(call)))

    def rows(self, statement: Any) -> list[Any]:
        with self.engine.connect() as connection:
            return list(connection.execute(statement))

    def one(self, statement: Any) -> Any:
        with self.engine.connect() as connection:
            return connection.execute(statement).scalar_one_or_none()


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with the current schema, copied by every test."""
    path = tmp_path_factory.mktemp("schema") / "hotline.db"
    engine = open_engine(f"sqlite:///{path}")
    upgrade(engine)
    engine.dispose()
    return path


@pytest.fixture
def hotline(tmp_path: Path, empty_database: Path) -> Iterator[Hotline]:
    shutil.copy(empty_database, tmp_path / "hotline.db")
    (tmp_path / "recordings").mkdir()
    with ExitStack() as stack:
        yield Hotline(tmp_path, stack)


@pytest.fixture
def serve() -> Iterator[Any]:
    """Servers without a store: serve(handler, **limits)."""
    with ExitStack() as stack:

        def start(handler: Handler, **limits: Any) -> RunningServer:
            server = RunningServer(handler, **limits)
            stack.callback(server.stop)
            return server

        yield start
