"""`hotline transcribe`."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from config.cli import context
from config.model import model_path
from transcription.audio import AudioError
from transcription.model import ModelMissing
from transcription.vosk_engine import VoskTranscriber


def transcribe(
    files: Annotated[list[Path], typer.Argument(help="Sound files.")],
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line, with words and times.")] = False,
) -> None:
    """Write down what is said in sound files."""
    try:
        transcriber = VoskTranscriber(model_path(context.settings()))
    except ModelMissing as error:
        raise context.CommandError(str(error)) from error
    failed = False
    for file in files:
        try:
            transcript = transcriber.transcribe(file)
        except AudioError as error:
            typer.echo(f"{file}: {error}", err=True)
            failed = True
            continue
        if as_json:
            typer.echo(json.dumps({"file": str(file), **asdict(transcript)}, ensure_ascii=False))
        else:
            typer.echo(f"{file}: {transcript.text}" if len(files) > 1 else transcript.text)
    if failed:
        raise typer.Exit(1)
