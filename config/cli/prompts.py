"""`hotline prompts render`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from config.cli import context
from config.prompts import PromptError
from config.prompts import render as render_prompts
from config.voice import Kokoro

app = typer.Typer(help="What callers hear.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Keeps `render` a sub-command."""


@app.command()
def render(
    voice: Annotated[Path | None, typer.Option(help="Voice file of kokoro-js, e.g. voices/zf_xiaoxiao.bin.")] = None,
    only: Annotated[list[str] | None, typer.Option(help="Only this prompt; may be repeated.")] = None,
    again: Annotated[bool, typer.Option("--all", help="Also those whose text did not change.")] = False,
) -> None:
    """Make the audio of prompts whose text changed."""
    settings = context.settings()
    try:
        speaker = Kokoro(voice, settings.data_dir / "cache") if voice else None
        made = render_prompts(settings.city_dir, speaker, typer.echo, frozenset(only or ()), again=again)
    except PromptError as error:
        raise context.CommandError(str(error)) from error
    typer.echo(f"{made} prompts made.")
