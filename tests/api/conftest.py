"""The application over a real SQLite store, and somebody who is signed in."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from tests.api.night import PASSWORD, REVIEWER, Night

OWN_PAGE = {"X-Hotline-Client": "test"}


@pytest.fixture
def night(tmp_path: Path) -> Iterator[Night]:
    """An empty night."""
    made = Night(tmp_path)
    yield made
    made.engine.dispose()


@pytest.fixture
def visitor(night: Night) -> Iterator[TestClient]:
    """Nobody yet: no cookie."""
    with TestClient(night.app(), headers=OWN_PAGE) as client:
        yield client


@pytest.fixture
def reviewer(visitor: TestClient) -> TestClient:
    """A reviewer who has signed in."""
    sign_in(visitor)
    return visitor


def sign_in(client: TestClient) -> None:
    """Sign the reviewer in."""
    answer = client.post("/api/v1/session", json={"name": REVIEWER, "password": PASSWORD})
    assert answer.status_code == 200, answer.text
