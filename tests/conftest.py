"""Fixtures that every suite shares."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

REPOSITORY = Path(__file__).resolve().parent.parent

# How long an example takes says how busy the machine is.
settings.register_profile("hotline", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("hotline")


@pytest.fixture(scope="session")
def shared_dir() -> Path:
    """Evaluation data kept beside the project; without it, the tests that need it are skipped with this message."""
    path = Path(os.environ.get("HOTLINE_SHARED_DIR", REPOSITORY.parent / "shared"))
    if not (path / "data").is_dir():
        pytest.skip(f"no evaluation data at {path} (set HOTLINE_SHARED_DIR)")
    return path


def free_port(kind: int = socket.SOCK_STREAM) -> int:
    """A port of 127.0.0.1 that was free a moment ago."""
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
