"""Numbers and places of the domain's voicemails before and after repair: python -m benchmarks.repair [--spoken FOLDER]

Without a recogniser, words are misheard by tests/transcription/confusions.py. With --spoken, FOLDER holds 000.wav,
001.wav ... (made by benchmarks.speak), and the recogniser of the settings hears them (HOTLINE_ENGINE,
HOTLINE_VOSK_MODEL ...). A number is right when the text has it in figures, a place when the text has its name, in
the right letters.
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from pathlib import Path

import jieba

from config.city_words import load_reader
from config.model import load_transcriber
from config.settings import load
from tests.transcription.confusions import confuse
from transcription.engine import Word
from transcription.evaluate import character_error_rate
from transcription.gazetteer import Gazetteer
from transcription.numbers import in_figures
from transcription.repair import repair, written

ROOT = Path(__file__).parent.parent
CITY = ROOT / "config" / "city"
TEXTS = ROOT / "tests" / "data" / "domain_voicemails.tsv"
RATES = (0.0, 0.1, 0.2, 0.3)
SEEDS = 5
_MS_A_CHARACTER = 220
_CONFIDENCE = 0.8


@dataclass(frozen=True, slots=True)
class Voicemail:
    """A voicemail as it is said, the places that it names and its numbers in figures."""

    spoken: str
    places: tuple[str, ...]
    numbers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Outcome:
    """A voicemail, what was heard and what was written."""

    voicemail: Voicemail
    heard: str
    written: str


def read_voicemails() -> list[Voicemail]:
    """Rows of tests/data/domain_voicemails.tsv."""
    with TEXTS.open(encoding="utf-8") as file:
        return [
            Voicemail(row["spoken"], _list(row["places"]), _list(row["numbers"]))
            for row in csv.DictReader(file, delimiter="\t")
        ]


def _list(cell: str) -> tuple[str, ...]:
    return () if cell == "_" else tuple(cell.split("|"))


def mishear(voicemails: Sequence[Voicemail], gazetteer: Gazetteer, rate: float, seeds: int) -> list[Outcome]:
    """Each voicemail with its words misheard, and repaired."""
    return [
        Outcome(one, heard, written(repair(words(heard), gazetteer)))
        for one in voicemails
        for seed in range(seeds if rate else 1)
        for heard in [confuse(one.spoken, rate, seed) if rate else one.spoken]
    ]


def words(text: str) -> list[Word]:
    """A text as a recogniser gives it, said evenly."""
    parts = list(jieba.cut(text, HMM=False))
    ends = [0]
    for part in parts:
        ends.append(ends[-1] + len(part) * _MS_A_CHARACTER)
    return [Word(part, start, end, _CONFIDENCE) for part, (start, end) in zip(parts, pairwise(ends), strict=True)]


def line(outcomes: Iterable[Outcome]) -> str:
    """Figures before and after repair."""
    outcomes = list(outcomes)
    out = []
    for kind in ("numbers", "places"):
        wanted = [(name, one) for one in outcomes for name in getattr(one.voicemail, kind)]
        before = sum(name in one.heard for name, one in wanted)
        after = sum(name in one.written for name, one in wanted)
        out.append(f"{kind} {before / len(wanted):6.1%} -> {after / len(wanted):6.1%} of {len(wanted)}")
    before_cer = character_error_rate([(in_figures(one.voicemail.spoken), in_figures(one.heard)) for one in outcomes])
    after_cer = character_error_rate([(in_figures(one.voicemail.spoken), one.written) for one in outcomes])
    return f"{'   '.join(out)}   CER {before_cer:5.1%} -> {after_cer:5.1%}"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--spoken", type=Path, help="folder with the voicemails as sound")
    parser.add_argument("--show", action="store_true", help="each text whose numbers or places are wrong after repair")
    arguments = parser.parse_args()
    voicemails = read_voicemails()
    reader = load_reader(CITY)
    if arguments.spoken:
        transcriber = load_transcriber(load())
        outcomes = []
        for n, one in enumerate(voicemails):
            reading = reader.read(transcriber, arguments.spoken / f"{n:03}.wav", datetime(2026, 11, 20, 10, 0))  # noqa: DTZ001
            outcomes.append(Outcome(one, reading.transcript.text, reading.text))
        sets = {f"{transcriber.engine} {transcriber.model}": outcomes}
    else:
        sets = {
            f"{rate:.0%} of the words misheard": mishear(voicemails, reader.gazetteer, rate, SEEDS) for rate in RATES
        }
    for name, outcomes in sets.items():
        print(f"{name}: {line(outcomes)}")
        for outcome in outcomes if arguments.show else ():
            wanted = (*outcome.voicemail.numbers, *outcome.voicemail.places)
            if missing := [name for name in wanted if name not in outcome.written]:
                print("  ", missing, outcome.heard, "|", outcome.written)


if __name__ == "__main__":
    main()
