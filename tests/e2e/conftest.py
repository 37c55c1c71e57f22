"""Fixtures of the end-to-end tests: speech, and a line with everything running."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.hotline import TestLine, running
from tests.pbx.rig import pbx_prefix
from tests.speech import Said, said_voicemails

__all__ = ["Said", "pbx_prefix"]
EVERYTHING = ("valkey", "agi-0", "agi-1", "worker", "router", "pbx")


@pytest.fixture(scope="session")
def speech() -> list[Said]:
    """Voicemails of the test, the shortest first: five to ten seconds each."""
    return list(said_voicemails()[:12])


@pytest.fixture(scope="module")
def line(tmp_path_factory: pytest.TempPathFactory, pbx_prefix: Path) -> Iterator[TestLine]:
    """A whole hotline; a test that kills a part starts it again."""
    with running(TestLine(tmp_path_factory.mktemp("line"), pbx_prefix), *EVERYTHING) as started:
        yield started
