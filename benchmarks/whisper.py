"""The Whisper engine beside bare faster-whisper on the same files and the same model, in one run.

    python -m benchmarks.whisper --model FOLDER --speech FOLDER

FOLDER of --speech holds WAV files and a transcripts.tsv (columns id, text). Character error rates are of what was
heard, both in simplified characters; `written` is ours after repair. Needs the extra `whisper`.
"""

from __future__ import annotations

import argparse
import csv
from pathlib import Path
from time import process_time
from typing import Any

from config.city_words import load_reader
from config.settings import CITY
from transcription.evaluate import Result, character_error_rate, evaluate, rates
from transcription.whisper_engine import WhisperTranscriber

BEAMS = (1, 5)
"""Greedy, and faster-whisper's default."""


def bare(model: Path, speech: Path, beam: int) -> tuple[list[tuple[str, str]], float]:
    """References with what faster-whisper hears by itself on one thread, and its processor time."""
    from faster_whisper import WhisperModel  # noqa: PLC0415 - an extra
    from opencc import OpenCC  # noqa: PLC0415

    simplified: Any = OpenCC("t2s")
    loaded: Any = WhisperModel(str(model), device="cpu", compute_type="int8", cpu_threads=1)
    pairs = []
    began = process_time()
    with (speech / "transcripts.tsv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file, delimiter="\t"):
            segments, _ = loaded.transcribe(str(speech / f"{row['id']}.wav"), language="zh", beam_size=beam)
            pairs.append((row["text"], simplified.convert("".join(segment.text for segment in segments))))
    return pairs, process_time() - began


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", type=Path, required=True, help="folder of a model in CTranslate2's format")
    parser.add_argument("--speech", type=Path, required=True)
    arguments = parser.parse_args()
    results: list[Result] = list(evaluate(arguments.speech, WhisperTranscriber(arguments.model), load_reader(CITY)))
    print(f"{arguments.model.name} on {len(results)} files of {arguments.speech.name}")
    for beam in BEAMS:
        pairs, bare_s = bare(arguments.model, arguments.speech, beam)
        print(f"bare faster-whisper, beam {beam}  CER {character_error_rate(pairs):6.1%}  {bare_s:6.1f} core seconds")
    found = rates(results)
    ours_s = sum(one.cpu_s for one in results)
    print(f"ours                         CER {found.heard:6.1%}  {ours_s:6.1f} core seconds")
    print(f"numbers in figures: ours {found.heard_in_figures:6.1%}, written after repair {found.written:6.1%}")


if __name__ == "__main__":
    main()
