"""The real web process behind a reverse proxy: it is configured as a city would, and kept when it is killed."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx2 as httpx
import pytest

from tests.conftest import REPOSITORY, free_port
from tests.public.test_open311 import NEW

_BOUND_S = 120


class Web:
    """`hotline web` over a data folder."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self._environment = os.environ | {
            "HOTLINE_DATA_DIR": str(folder),
            "HOTLINE_SECRET_KEY": "a secret of forty characters, for tests..",
            "HOTLINE_HTTP_PORT": str(self.port),
            "HOTLINE_HTTP_PROXIES": "127.0.0.1",
            "HOTLINE_OPEN311_KEYS": f"app={NEW['api_key']}",
        }
        self._environment.pop("HOTLINE_DATABASE_URL", None)
        self._log = (folder / "web.log").open("ab")
        subprocess.run(
            self._command("db", "upgrade"), env=self._environment, check=True, cwd=REPOSITORY, timeout=_BOUND_S
        )
        self.process = self._start()

    def restart_after_kill(self) -> None:
        """kill -9, and a new process."""
        self.process.kill()
        self.process.wait(_BOUND_S)
        self.process = self._start()

    def post(self, path: str, *, citizen: str, **body: object) -> httpx.Response:
        """A request that the proxy passes on for a citizen's address."""
        headers = {"X-Forwarded-For": citizen, "X-Hotline-Client": "web"}
        return httpx.post(f"http://127.0.0.1:{self.port}{path}", headers=headers, timeout=60, **body)  # type: ignore[arg-type]

    def close(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(_BOUND_S)
        finally:
            self.process.kill()
            self._log.close()

    def _command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "config.cli", *arguments]

    def _start(self) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            self._command("web"), env=self._environment, cwd=REPOSITORY, stdout=self._log, stderr=self._log
        )
        deadline = time.monotonic() + _BOUND_S
        while time.monotonic() < deadline and process.poll() is None:
            try:
                if httpx.get(f"http://127.0.0.1:{self.port}/healthz", timeout=5).is_success:
                    return process
            except httpx.HTTPError:
                time.sleep(0.2)
        process.kill()
        raise AssertionError("the web process does not answer")


@pytest.fixture
def web(tmp_path: Path) -> Iterator[Web]:
    running = Web(tmp_path)
    yield running
    running.close()


def test_a_case_by_open311_its_progress_and_a_lock_that_outlives_a_kill(web: Web) -> None:
    made = web.post("/open311/v2/requests.json", citizen="203.0.113.1", data=NEW).json()[0]
    number, code = made["service_request_id"], made["service_notice"].split("查询码 ")[1][:4]
    right = {"case_no": number, "query_code": code}
    wrong = {"case_no": number, "query_code": f"{(int(code) + 1) % 10_000:04d}"}

    def progress(body: dict[str, str], citizen: str) -> int:
        return web.post("/api/v1/public/progress", citizen=citizen, json=body).status_code

    assert progress(right, "203.0.113.2") == 200
    assert [progress({**right, "case_no": f"LYG2026010100000{n}"}, "203.0.113.3") for n in range(3)] == [404] * 3
    assert progress(right, "203.0.113.3") == 429, "the citizen's address is locked, not the proxy's"
    assert progress(right, "203.0.113.2") == 200
    assert [progress(wrong, f"203.0.113.{n}") for n in (4, 5, 6)] == [404] * 3
    web.restart_after_kill()
    assert progress(right, "203.0.113.2") == 429, "the number is locked for everybody"
    again = web.post("/open311/v2/requests.json", citizen="203.0.113.1", data=NEW).json()[0]
    assert again == made, "sent again after the kill, it is the same case"
