"""The clock of every part."""

from __future__ import annotations

from datetime import UTC, datetime


def utc_now() -> datetime:
    """Now."""
    return datetime.now(UTC)
