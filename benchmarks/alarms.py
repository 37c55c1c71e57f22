"""Alarm words against written voicemails: python -m benchmarks.alarms [--phrases] [--spoken FOLDER]

Recall and false alarms, clean and with a recogniser's mistakes, by round of writing, by category and by phrase. Each
round of texts was first written, then tried, and only then used to improve the words: what the first try gave is in
docs/transcription.md; the figures here are those of texts that the words have been fitted to.

With --spoken, the texts as sound (python -m benchmarks.speak), through the recogniser of the HOTLINE_* settings.
"""

from __future__ import annotations

import argparse
import csv
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from config.city_words import load_reader
from config.model import load_transcriber
from config.settings import CITY, load
from tests.transcription.confusions import confuse
from transcription.alarms import Alarm, AlarmDetector
from transcription.evaluate import character_error_rate

ROOT = Path(__file__).parent.parent
TEXTS = ROOT / "tests" / "data" / "alarms" / "transcripts.tsv"
RATES = (0.0, 0.1, 0.2)
"""Share of the words that are misheard."""
SEEDS = 5


@dataclass
class Tally:
    """What was found in texts with an alarm, and in texts with none."""

    alarms: int = 0
    found: int = 0
    right_category: int = 0
    others: int = 0
    false: int = 0
    pairs: list[tuple[str, str]] = field(default_factory=list)

    @property
    def recall(self) -> float:
        """Texts with an alarm for which one was raised."""
        return self.found / self.alarms if self.alarms else 1.0

    @property
    def false_rate(self) -> float:
        """Other texts for which one was raised."""
        return self.false / self.others if self.others else 0.0

    def add(self, row: Mapping[str, str], heard: str, alarms: Sequence[Alarm]) -> None:
        """Count the alarms of a text as it was heard."""
        self.pairs.append((row["text"], heard))
        if row["label"] == "none":
            self.others += 1
            self.false += bool(alarms)
        else:
            self.alarms += 1
            self.found += bool(alarms)
            self.right_category += any(one.category == row["label"] for one in alarms)

    def line(self) -> str:
        """One line of the table."""
        return (
            f"CER {character_error_rate(self.pairs):5.1%}  recall {self.recall:6.1%} of {self.alarms:4}"
            f"  right category {self.right_category / max(1, self.alarms):6.1%}"
            f"  false alarms {self.false_rate:5.1%} of {self.others}"
        )


@dataclass
class Report:
    """Tallies of one rate of mistakes."""

    whole: Tally = field(default_factory=Tally)
    rounds: dict[str, Tally] = field(default_factory=dict)
    phrases: dict[tuple[str, str], Tally] = field(default_factory=dict)


def read_texts() -> list[dict[str, str]]:
    """Rows with round, label (a category, or none), phrase and text."""
    with TEXTS.open(encoding="utf-8") as file:
        return list(csv.DictReader(file, delimiter="\t"))


def measure(detector: AlarmDetector, rate: float, seeds: int) -> Report:
    """Every text, once for each seed when words are misheard."""
    report = Report()
    for row in read_texts():
        tallies = [
            report.whole,
            report.rounds.setdefault(row["round"], Tally()),
            report.phrases.setdefault((row["label"], row["phrase"]), Tally()),
        ]
        for seed in range(seeds if rate else 1):
            text = confuse(row["text"], rate, seed) if rate else row["text"]
            alarms = detector.alarms(text)
            for tally in tallies:
                tally.add(row, text, alarms)
    return report


def listen(folder: Path) -> Tally:
    """The texts that were made into sound, recognised and read as a voicemail is."""
    reader, transcriber, tally = load_reader(CITY), load_transcriber(load()), Tally()
    for n, row in enumerate(read_texts()):
        file = folder / f"{n:03}.wav"
        if not file.is_file():
            continue
        reading = reader.read(transcriber, file, datetime(2026, 11, 20, 10, 0))  # noqa: DTZ001 - local time
        tally.add(row, reading.transcript.text, [one.alarm for one in reading.alarms])
    return tally


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--phrases", action="store_true", help="a line for each phrase")
    parser.add_argument("--spoken", type=Path, help="folder with texts as sound, NNN.wav")
    arguments = parser.parse_args()
    if arguments.spoken:
        print(listen(arguments.spoken).line())
        return
    detector = AlarmDetector.load(CITY / "alarms.yaml")
    reports = {rate: measure(detector, rate, SEEDS) for rate in RATES}
    for rate, report in reports.items():
        print(f"{rate:.0%} of the words misheard: {report.whole.line()}")
        for name, tally in sorted(report.rounds.items()):
            print(f"    round {name}: {tally.line()}")
    clean, misheard = reports[RATES[0]], reports[RATES[1]]
    for category in sorted({label for label, _ in clean.phrases} - {"none"}):
        counts = [Counter[str](), Counter[str]()]
        for count, report in zip(counts, (clean, misheard), strict=True):
            for (label, _), tally in report.phrases.items():
                if label == category:
                    count.update(alarms=tally.alarms, found=tally.found)
        print(f"{category:11}" + "".join(f"  {one['found']:3} of {one['alarms']:3}" for one in counts))
    if arguments.phrases:
        for (label, phrase), tally in sorted(clean.phrases.items()):
            other = misheard.phrases[label, phrase]
            right, of = ("found", "alarms") if label != "none" else ("false", "others")
            print(
                f"{label:11} {phrase:8}  {getattr(tally, right)} of {getattr(tally, of)}"
                f"  misheard {getattr(other, right)} of {getattr(other, of)}"
            )


if __name__ == "__main__":
    main()
