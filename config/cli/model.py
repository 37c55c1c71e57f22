"""`hotline model fetch|info`."""

from __future__ import annotations

from typing import Annotated

import typer

from config.cli import context
from config.model import fetched_model, model_path
from transcription import model
from transcription.model import ModelMissing, ModelRefused

app = typer.Typer(help="The speech model.", no_args_is_help=True)


@app.command()
def fetch(
    source: Annotated[str, typer.Argument(help="A known model's name, an address, or a zip file.")] = (
        "vosk-model-small-cn-0.22"
    ),
    sha256: Annotated[str, typer.Option(help="Its SHA-256; known models bring theirs.")] = "",
) -> None:
    """Bring a Vosk model, check its SHA-256, and put it where the worker finds it."""
    entry = model.known().get(source)
    expected = sha256 or (entry["sha256"] if entry else "")
    if not expected:
        raise context.CommandError("Give the model's --sha256, or one of: " + ", ".join(model.known()))
    destination = fetched_model(context.settings())
    try:
        model.fetch(entry["url"] if entry else source, expected, destination, typer.echo)
    except ModelRefused as error:
        raise context.CommandError(str(error)) from error
    typer.echo(f"The model is in {destination}.")


@app.command()
def info() -> None:
    """Say which model is used."""
    try:
        for name, value in model.info(model_path(context.settings())).items():
            typer.echo(f"{name}: {value}")
    except ModelMissing as error:
        raise context.CommandError(str(error)) from error
