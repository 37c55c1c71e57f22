"""The voicemails of tests/data/voicemails: what two voices say that no model was trained on, and their texts."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tests.conftest import REPOSITORY
from tests.pbx.audio import Samples, read_samples

VOICEMAILS = REPOSITORY / "tests" / "data" / "voicemails"


@dataclass(frozen=True)
class Said:
    """Something that a caller says."""

    file: Path
    samples: Samples
    text: str


@cache
def said_voicemails() -> tuple[Said, ...]:
    """All of them, the short ones first."""
    with (VOICEMAILS / "transcripts.tsv").open(encoding="utf-8", newline="") as rows:
        read = [(VOICEMAILS / f"{row['id']}.wav", row["text"]) for row in csv.DictReader(rows, delimiter="\t")]
    said = [Said(file, read_samples(file), text) for file, text in read]
    return tuple(sorted(said, key=lambda one: one.samples.size))
