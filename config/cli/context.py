"""What every command needs: the settings, and errors as one plain sentence."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

import typer

from config.settings import Settings, load
from config.wiring import Hotline


class CommandError(Exception):
    """A command cannot do what it was asked; the message is the sentence that the user reads."""


def settings() -> Settings:
    """The settings of this process. Raises SettingsError."""
    return load()


@contextmanager
def hotline() -> Iterator[Hotline]:
    """The parts of this process, let go of at the end."""
    parts = Hotline(load())
    try:
        yield parts
    finally:
        parts.close()


def fail(message: str) -> NoReturn:
    """Write one sentence to standard error and end with status 1."""
    typer.echo(message, err=True)
    raise typer.Exit(1)
