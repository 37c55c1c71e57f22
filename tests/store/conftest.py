"""Every store test runs on SQLite and on PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import Engine

from casebook.privacy import Privacy
from casebook.rulebook import load_rulebook
from casebook.store import open_engine, upgrade
from casebook.store.calls import SqlCallStore
from casebook.store.casework import Casework
from casebook.store.intake import CallIntake
from casebook.store.outbox import Outbox
from casebook.store.users import Users
from casebook.store.voicemails import Voicemails
from config.settings import CITY
from tests.store.databases import fresh_database, postgres_server

NOW = datetime(2026, 11, 23, 15, 0, tzinfo=UTC)
SECRET = "a secret of forty characters, for tests.."


@dataclass(frozen=True)
class Store:
    """The whole store over one database."""

    url: str
    engine: Engine
    calls: SqlCallStore
    intake: CallIntake
    outbox: Outbox
    voicemails: Voicemails
    users: Users


def open_store(url: str) -> Store:
    """A store with the current schema."""
    engine = open_engine(url)
    upgrade(engine)
    privacy = Privacy(SECRET)
    calls = SqlCallStore(engine, privacy)
    casework = Casework(engine, privacy, load_rulebook(CITY), lambda: NOW)
    voicemails = Voicemails(engine, privacy, casework, lambda: NOW)
    return Store(url, engine, calls, CallIntake(calls), Outbox(engine), voicemails, Users(engine))


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    with postgres_server() as address:
        yield address


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'hotline.db'}"
        return
    with fresh_database(request.getfixturevalue("postgres")) as address:
        yield address


@pytest.fixture
def store(url: str) -> Iterator[Store]:
    opened = open_store(url)
    yield opened
    opened.engine.dispose()
