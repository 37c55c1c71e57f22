"""The web process, real and on a port of its own, that a test may kill."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2

from tests.conftest import free_port
from tests.pbx.rig import wait_for
from tests.twilio.conftest import PBX, SECRET
from tests.twilio.fake_cloud import ACCOUNT_SID, TOKEN
from tests.twilio.fake_twilio import PUBLIC_URL


class Web:
    """`hotline web` with its settings in the environment."""

    def __init__(self, folder: Path, **environment: str) -> None:
        self.port = int(environment.get("HOTLINE_HTTP_PORT") or free_port())
        self.url = f"http://127.0.0.1:{self.port}"
        self._folder = folder
        self._environment = {**os.environ, **environment, "HOTLINE_HTTP_PORT": str(self.port)}
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and wait until it answers."""
        with (self._folder / "web.log").open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "config.cli", "web"],
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        wait_for(self._answers, 180, "the web process does not answer")

    @property
    def process(self) -> subprocess.Popen[bytes]:
        """The process that was started last."""
        assert self._process is not None
        return self._process

    def kill(self) -> None:
        """kill -9."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def stop(self) -> None:
        """SIGTERM, then kill -9."""
        if self._process is None or self._process.poll() is not None:
            return
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self.kill()

    def log(self) -> str:
        """What it has logged."""
        return (self._folder / "web.log").read_text(errors="replace")

    def _answers(self) -> bool:
        try:
            return httpx2.get(f"{self.url}/healthz", timeout=5).status_code == 200
        except httpx2.HTTPError:
            return False


def environment(folder: Path, **more: str) -> dict[str, str]:
    """The settings of a line that is at Twilio."""
    return {
        "HOTLINE_DATA_DIR": str(folder),
        "HOTLINE_SECRET_KEY": SECRET,
        "HOTLINE_PUBLIC_URL": PUBLIC_URL,
        "HOTLINE_TWILIO_ACCOUNT_SID": ACCOUNT_SID,
        "HOTLINE_TWILIO_AUTH_TOKEN": TOKEN,
        "HOTLINE_TWILIO_PBX": PBX,
        # Nobody listens there: a test that would ask the cloud is told so at once.
        "HOTLINE_TWILIO_API": "http://127.0.0.1:9",
        **more,
    }


@contextmanager
def running(web: Web) -> Iterator[Web]:
    """A web process for as long as the block lasts."""
    try:
        web.start()
        yield web
    finally:
        web.stop()
