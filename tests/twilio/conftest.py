"""The line at Twilio: the application as `hotline web` builds it, its jobs, and a cloud on loopback."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from sqlalchemy import select
from starlette.testclient import TestClient

from casebook.store import open_engine, upgrade
from casebook.store.schema import call, call_session, case_, recording
from config import twilio
from config.jobs import Jobs, run_job
from config.settings import Settings
from config.wiring import Hotline, utc_now
from ivr.twilio.routes import create_app
from tests.twilio.fake_cloud import ACCOUNT_SID, TOKEN, FakeCloud, fake_cloud
from tests.twilio.fake_twilio import PUBLIC_URL, CallerLeft, Delivery, FakeTwilio

SECRET = "a secret of forty characters, for tests.."
PBX = "pbx.example:5060"


@dataclass
class Scripted:
    """A person who does what the script says, and hangs up when it is over.

    `does`: keys at a question ("" for none); ("say", seconds) or ("say and leave", seconds) after the beep; an outcome
    at an attempt to reach somebody.
    """

    does: list[Any]
    skipping: bool = False

    def press(self) -> str:
        return str(self._next())

    def skips(self) -> bool:
        return self.skipping

    def say(self) -> tuple[float, bool]:
        what = self._next()
        return (float(what[1]), what[0] == "say and leave") if isinstance(what, tuple) else (0.0, False)

    def reach(self, kind: str) -> str:
        return str(self._next())

    def _next(self) -> Any:
        if not self.does:
            raise CallerLeft
        return self.does.pop(0)


@dataclass
class TwilioLine:
    """The webhooks of one installation, in this process."""

    hotline: Hotline
    cloud: FakeCloud
    client: TestClient

    def send(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Any:
        """One request, as the proxy passes it on: another host, the path as it was."""
        return self.client.request(method, path, headers=dict(headers), content=body)

    def call(self, *does: Any, delivery: Delivery | None = None, skipping: bool = False) -> FakeTwilio:
        """A whole call by the rules."""
        made = FakeTwilio(self.send, self.cloud, Scripted(list(does), skipping), delivery)
        heard = made.call()
        assert heard.violations == []
        return made

    def work(self, later_s: float = 60) -> int:
        """Do the jobs that are due by then, again and again until none is; how many were tried."""
        tried = 0
        jobs = Jobs(self.hotline.outbox, twilio.handlers(self.hotline), lambda: utc_now() + timedelta(seconds=later_s))
        while due := [job for job in self.hotline.outbox.due(jobs.clock(), 100) if job.kind in jobs.handlers]:
            for job in due:
                run_job(jobs, job.id, "test")
                tried += 1
            if tried > 50:
                break
        return tried

    # --- what the store says

    def rows(self, statement: Any) -> list[Any]:
        with self.hotline.engine.connect() as connection:
            return list(connection.execute(statement))

    def outcome(self, call_id: str) -> str:
        return str(self.rows(select(call.c.outcome).where(call.c.call_id == call_id))[0][0])

    def ended(self, call_id: str) -> datetime | None:
        ended: datetime | None = self.rows(select(call_session.c.ended_at).where(call_session.c.call_id == call_id))[0][
            0
        ]
        return ended

    def cases(self, call_id: str) -> list[Any]:
        return self.rows(select(case_).where(case_.c.call_id == call_id))

    def recordings(self, call_id: str) -> list[Any]:
        return self.rows(select(recording).where(recording.c.call_id == call_id).order_by(recording.c.seq))


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with the current schema, copied by every test."""
    path = tmp_path_factory.mktemp("schema") / "hotline.db"
    engine = open_engine(f"sqlite:///{path}")
    upgrade(engine)
    engine.dispose()
    return path


@pytest.fixture
def cloud() -> Iterator[FakeCloud]:
    with fake_cloud() as listening:
        yield listening
        assert listening.violations == []


def settings(folder: Path, cloud: FakeCloud, **changes: Any) -> Settings:
    """Settings of a line that is at Twilio."""
    values: dict[str, Any] = {
        "data_dir": folder,
        "secret_key": SECRET,
        "public_url": PUBLIC_URL,
        "twilio_account_sid": ACCOUNT_SID,
        "twilio_auth_token": TOKEN,
        "twilio_api": cloud.address,
        "twilio_number": "+8651812345000",
        "twilio_pbx": PBX,
    }
    return Settings(**{**values, **changes})


def open_line(hotline: Hotline, cloud: FakeCloud) -> TwilioLine:
    """The webhooks over a store that is there."""
    app = create_app(twilio.webhooks(hotline, CollectorRegistry()))
    return TwilioLine(hotline, cloud, TestClient(app, base_url="http://10.0.0.7:8000", raise_server_exceptions=True))


@pytest.fixture
def line(
    tmp_path: Path, empty_database: Path, cloud: FakeCloud, request: pytest.FixtureRequest
) -> Iterator[TwilioLine]:
    """A line over SQLite; parametrize it with settings to change."""
    shutil.copy(empty_database, tmp_path / "hotline.db")
    hotline = Hotline(settings(tmp_path, cloud, **getattr(request, "param", {})))
    opened = open_line(hotline, cloud)
    with opened.client:
        yield opened
    hotline.close()
