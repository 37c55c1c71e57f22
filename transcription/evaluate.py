"""How well a recogniser and the repair after it do on recordings whose text is known.

The measure is the character error rate, over texts without spaces and punctuation, digits read as hanzi, 两 as 二
and 幺 as 一. What the repair wrote is compared after the figures of the reference were written by the same rules:
二十五块 in the reference and 25块 in the text are no error.
"""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from time import process_time

import soundfile

from transcription.engine import Transcriber
from transcription.numbers import in_figures
from transcription.reading import Reader

_HANZI_DIGITS = str.maketrans("0123456789两幺", "零一二三四五六七八九二一")
_NOT_TEXT = re.compile(r"[^\w]|_")
NOTHING = "∅"
"""Stands for the character that is not there, in a confusion."""


class EvaluationError(Exception):
    """The folder cannot be evaluated; the message is one sentence."""


@dataclass(frozen=True, slots=True)
class Result:
    """One recording: its text, what was heard, what was written."""

    file: str
    reference: str
    heard: str
    written: str
    duration_ms: int
    cpu_s: float


def evaluate(folder: Path, transcriber: Transcriber, reader: Reader) -> Iterator[Result]:
    """Read every recording of a folder's transcripts.tsv (columns id or file, and text).

    Raises EvaluationError, and AudioError for a recording that is none.
    """
    for name, reference in _references(folder):
        began = process_time()
        reading = reader.read(transcriber, folder / name, datetime.now())  # noqa: DTZ005 - local time
        yield Result(
            name,
            reference,
            reading.transcript.text,
            reading.text,
            round(soundfile.info(folder / name).duration * 1000),
            process_time() - began,
        )


def _references(folder: Path) -> list[tuple[str, str]]:
    table = folder / "transcripts.tsv"
    try:
        with table.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file, delimiter="\t"))
    except (OSError, UnicodeDecodeError) as error:
        raise EvaluationError(f"{table} cannot be read: {error}") from error
    names = [row.get("file") or f"{row.get('id')}.wav" for row in rows]
    if not rows or any(not row.get("text") for row in rows):
        raise EvaluationError(f"{table} must have the columns id (or file) and text, and a text in every row.")
    missing = [name for name in names if not (folder / name).is_file()]
    if missing:
        raise EvaluationError(f"{folder} lacks {missing[0]}, which transcripts.tsv names.")
    return [(name, row["text"]) for name, row in zip(names, rows, strict=True)]


def normalise(text: str) -> str:
    """Text without spaces and punctuation, digits read as hanzi, 两 as 二 and 幺 as 一."""
    return _NOT_TEXT.sub("", text).lower().translate(_HANZI_DIGITS)


def edit_distance(reference: str, hypothesis: str) -> int:
    """Fewest insertions, deletions and substitutions (Levenshtein 1966)."""
    return _distances(reference, hypothesis)[-1][-1]


def confusions(reference: str, hypothesis: str) -> Counter[tuple[str, str]]:
    """What was taken for what, on one shortest way from the reference to the hypothesis."""
    rows = _distances(reference, hypothesis)
    found: Counter[tuple[str, str]] = Counter()
    i, j = len(reference), len(hypothesis)
    while i or j:
        here = rows[i][j]
        if i and j and here == rows[i - 1][j - 1] + (reference[i - 1] != hypothesis[j - 1]):
            i, j = i - 1, j - 1
            if reference[i] != hypothesis[j]:
                found[reference[i], hypothesis[j]] += 1
        elif i and here == rows[i - 1][j] + 1:
            i -= 1
            found[reference[i], NOTHING] += 1
        else:
            j -= 1
            found[NOTHING, hypothesis[j]] += 1
    return found


def _distances(reference: str, hypothesis: str) -> list[list[int]]:
    """Distances between all beginnings of the two texts."""
    rows = [list(range(len(hypothesis) + 1))]
    for i, wanted in enumerate(reference, 1):
        row = [i]
        for j, got in enumerate(hypothesis, 1):
            row.append(min(row[-1] + 1, rows[-1][j] + 1, rows[-1][j - 1] + (wanted != got)))
        rows.append(row)
    return rows


def character_error_rate(pairs: Sequence[tuple[str, str]]) -> float:
    """Errors over characters of the references, over all pairs (reference, hypothesis). ValueError without any."""
    normalised = [(normalise(reference), normalise(hypothesis)) for reference, hypothesis in pairs]
    characters = sum(len(reference) for reference, _ in normalised)
    if not characters:
        raise ValueError("there is no reference text")
    return sum(edit_distance(*pair) for pair in normalised) / characters


@dataclass(frozen=True, slots=True)
class Rates:
    """Character error rates of some results."""

    heard: float
    """Of the recogniser's own text."""
    heard_in_figures: float
    """The same with numbers in figures, in the reference and in the text: what `written` is compared with."""
    written: float
    """Of the text after repair."""


def rates(results: Sequence[Result]) -> Rates:
    """ValueError without results."""
    return Rates(
        character_error_rate([(one.reference, one.heard) for one in results]),
        character_error_rate([(in_figures(one.reference), in_figures(one.heard)) for one in results]),
        character_error_rate([(in_figures(one.reference), one.written) for one in results]),
    )
