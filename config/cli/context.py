"""What every command needs: the settings, and errors as one plain sentence."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

import typer

from config.settings import Settings, load


class CommandError(Exception):
    """A command cannot do what it was asked; the message is the sentence that the user reads."""


def settings() -> Settings:
    """The settings of this process. Raises SettingsError."""
    return load()


def fail(message: str) -> NoReturn:
    """Write one sentence to standard error and end with status 1."""
    typer.echo(message, err=True)
    raise typer.Exit(1)


@contextmanager
def plain_errors(*kinds: type[Exception]) -> Iterator[None]:
    """Turn the expected errors of a command into one sentence and status 1."""
    expected: tuple[type[Exception], ...] = (CommandError, *kinds)
    try:
        yield
    except expected as error:
        fail(str(error))
