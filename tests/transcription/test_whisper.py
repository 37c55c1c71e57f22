"""The second recogniser. Skipped where its packages or a model are missing: HOTLINE_WHISPER_MODEL names one."""

from __future__ import annotations

import csv
import os
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.pbx.audio import RATE, write_wav
from transcription.audio import AudioError
from transcription.evaluate import character_error_rate
from transcription.model import ModelMissing
from transcription.voice import Span
from transcription.whisper_engine import WhisperTranscriber


@pytest.fixture(scope="module")
def whisper() -> WhisperTranscriber:
    model = os.environ.get("HOTLINE_WHISPER_MODEL")
    if not model:
        pytest.skip("HOTLINE_WHISPER_MODEL names no model")
    pytest.importorskip("faster_whisper")
    return WhisperTranscriber(Path(model))


def test_mandarin_is_understood_and_written_in_simplified_characters(
    whisper: WhisperTranscriber, shared_dir: Path
) -> None:
    folder = shared_dir / "data" / "speech"
    with (folder / "transcripts.tsv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))[:6]
    pairs = [(row["text"], whisper.transcribe(folder / f"{row['id']}.wav").text) for row in rows]
    assert character_error_rate(pairs) <= 0.40


def test_silence_is_no_text(whisper: WhisperTranscriber, tmp_path: Path) -> None:
    write_wav(tmp_path / "a.wav", np.zeros(5 * RATE, np.int16))
    assert whisper.transcribe(tmp_path / "a.wav").words == ()


def test_what_is_no_sound_is_rejected(whisper: WhisperTranscriber, tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(b"<xml/>")
    with pytest.raises(AudioError):
        whisper.transcribe(tmp_path / "a.wav")


def test_it_has_one_reading_only(whisper: WhisperTranscriber, tmp_path: Path) -> None:
    assert whisper.alternatives(tmp_path / "a.wav", Span(0, 1000), 5) == ()
    assert whisper.listen_for(tmp_path / "a.wav", Span(0, 1000), ["连云港"]) is None


def test_a_folder_without_a_model_names_what_is_missing(tmp_path: Path) -> None:
    (tmp_path / "model.bin").write_bytes(b"")
    with pytest.raises(ModelMissing, match=r"config\.json, tokenizer\.json is missing"):
        WhisperTranscriber(tmp_path)


def test_missing_packages_are_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("model.bin", "config.json", "tokenizer.json"):
        (tmp_path / name).write_bytes(b"")
    monkeypatch.setitem(sys.modules, "faster_whisper", None)
    with pytest.raises(ModelMissing, match=r"pip install 'hotline12345\[whisper\]'"):
        WhisperTranscriber(tmp_path)
