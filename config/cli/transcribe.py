"""`hotline transcribe`."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from config.cli import context
from transcription.audio import AudioError
from transcription.model import ModelMissing

if TYPE_CHECKING:
    from transcription.engine import Transcriber
    from transcription.evaluate import Result
    from transcription.reading import Reader

_MOST_CONFUSIONS = 20


def transcribe(
    files: Annotated[list[Path] | None, typer.Argument(help="Sound files.")] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON object a line: words, times, suggestions, alarms.")
    ] = False,
    evaluate: Annotated[
        Path | None, typer.Option(help="Measure on a folder's recordings and its transcripts.tsv (id or file, text).")
    ] = None,
) -> None:
    """Write down what is said in sound files, as the reviewer will see it."""
    if bool(files) == bool(evaluate):
        raise context.CommandError("Name sound files, or a folder with --evaluate.")
    # The recogniser and the dictionaries are slow to import; no other command needs them.
    from config.city_words import load_reader  # noqa: PLC0415
    from config.model import load_transcriber  # noqa: PLC0415

    settings = context.settings()
    try:
        transcriber = load_transcriber(settings)
    except ModelMissing as error:
        raise context.CommandError(str(error)) from error
    reader = load_reader(settings.city_dir)
    if evaluate is not None:
        _evaluate(evaluate, transcriber, reader)
    elif not _write_down(files or [], transcriber, reader, as_json=as_json):
        raise typer.Exit(1)


def _write_down(files: Sequence[Path], transcriber: Transcriber, reader: Reader, *, as_json: bool) -> bool:
    good = True
    for file in files:
        try:
            reading = reader.read(transcriber, file, datetime.now())  # noqa: DTZ005 - local time of the caller
        except AudioError as error:
            typer.echo(f"{file}: {error}", err=True)
            good = False
            continue
        if as_json:
            typer.echo(json.dumps({"file": str(file), **asdict(reading)}, ensure_ascii=False))
        else:
            typer.echo(f"{file}: {reading.text}" if len(files) > 1 else reading.text)
    return good


def _evaluate(folder: Path, transcriber: Transcriber, reader: Reader) -> None:
    from transcription import evaluate as measure  # noqa: PLC0415 - see above

    results: list[Result] = []
    typer.echo(f"{transcriber.engine}, {transcriber.model}")
    typer.echo("   CER  figures  written  seconds  file")
    try:
        for result in measure.evaluate(folder, transcriber, reader):
            results.append(result)
            typer.echo(_line([result], result.file))
    except (measure.EvaluationError, AudioError) as error:
        raise context.CommandError(str(error)) from error
    typer.echo(_line(results, f"all {len(results)}"))
    seconds = sum(one.duration_ms for one in results) / 1000
    typer.echo(f"{seconds / sum(one.cpu_s for one in results):.1f} seconds of sound in a second of one core")
    found: Counter[tuple[str, str]] = Counter()
    for one in results:
        found += measure.confusions(measure.normalise(one.reference), measure.normalise(one.heard))
    typer.echo("said, heard, times:")
    for (said, heard), times in found.most_common(_MOST_CONFUSIONS):
        typer.echo(f"  {said} {heard} {times}")


def _line(results: Sequence[Result], name: str) -> str:
    from transcription.evaluate import rates  # noqa: PLC0415 - see above

    rate = rates(results)
    seconds = sum(one.duration_ms for one in results) / 1000
    return f"{rate.heard:6.1%}  {rate.heard_in_figures:7.1%}  {rate.written:7.1%}  {seconds:7.1f}  {name}"
