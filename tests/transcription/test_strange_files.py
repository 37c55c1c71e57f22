"""Files that a carrier, a disk or a caller's trick may leave: one clear answer each, and the recogniser goes on."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests.pbx.audio import RATE, voice_like, write_wav
from transcription.audio import AudioError, survey
from transcription.model import BUNDLED
from transcription.vosk_engine import VoskTranscriber

Maker = Callable[[Path], object]


def _broken(path: Path) -> None:
    write_wav(path, voice_like(2))
    data = path.read_bytes()
    path.write_bytes(data[:8] + os.urandom(28) + data[36:])


def _half_a_header(path: Path) -> None:
    write_wav(path, voice_like(2))
    path.write_bytes(path.read_bytes()[:30])


def _mp3(path: Path) -> None:
    samples = voice_like(4).astype(np.float64) / 32768
    soundfile.write(path, samples, RATE, format="MP3", subtype="MPEG_LAYER_III")


def _stereo(path: Path) -> None:
    samples = np.repeat(voice_like(4).astype(np.float64) / 32768, 6)[: 4 * 44100]
    soundfile.write(path, np.stack([samples, samples], axis=1), 44100, subtype="PCM_16")


REJECTED: dict[str, tuple[Maker, str]] = {
    "missing": (lambda _: None, "missing"),
    "empty": (lambda path: path.write_bytes(b""), "empty"),
    "header only": (_half_a_header, "not_audio"),
    "broken": (_broken, "not_audio"),
    "encrypted": (lambda path: path.write_bytes(os.urandom(50_000)), "not_audio"),
    "xml": (lambda path: path.write_text("<?xml version='1.0'?><Error>404</Error>" * 50), "not_audio"),
    "text": (lambda path: path.write_text("RIFF" * 20), "not_audio"),
}
ACCEPTED: dict[str, Maker] = {"mp3 named wav": _mp3, "44.1 kHz stereo": _stereo}


@pytest.fixture(scope="module")
def recogniser() -> VoskTranscriber:
    return VoskTranscriber(BUNDLED)


@pytest.mark.parametrize("name", REJECTED)
def test_what_is_no_sound_is_rejected_in_one_sentence(name: str, recogniser: VoskTranscriber, tmp_path: Path) -> None:
    make, reason = REJECTED[name]
    path = tmp_path / "a.wav"
    make(path)
    with pytest.raises(AudioError) as error:
        recogniser.transcribe(path)
    assert error.value.reason == reason
    assert "\n" not in str(error.value)
    assert str(path) not in str(error.value), "a folder's name is nobody's business"


@pytest.mark.parametrize("name", ACCEPTED)
def test_other_formats_are_read(name: str, recogniser: VoskTranscriber, tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    ACCEPTED[name](path)
    found = survey(path)
    assert found.duration_ms == pytest.approx(4000, abs=150)
    assert found.quality.speech_ms > 1500
    recogniser.transcribe(path)


def test_two_hours_are_read_in_bounded_memory(tmp_path: Path) -> None:
    """Two hours at 8 kHz are 115 MB; one block of half a second is held."""
    path = tmp_path / "a.wav"
    with soundfile.SoundFile(path, "w", RATE, 1, subtype="PCM_16") as file:
        voice = voice_like(3)
        for _ in range(60):
            file.write(voice)
            file.write(np.zeros(117 * RATE, np.int16))
    found = survey(path)
    assert found.duration_ms == 7_200_000
    assert len(found.spans) == 60
    assert sum(one.end_ms - one.start_ms for one in found.spans) < 60 * 6000
