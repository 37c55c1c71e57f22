"""What a recording holds: told from the sound, not from a header that may never have been finished."""

from __future__ import annotations

import struct
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests.pbx.audio import RATE, Samples, voice_like, write_wav
from transcription.audio import AudioError, blocks, probe


def tones(seconds: float) -> Samples:
    """A key held down: 770 and 1336 Hz."""
    time_s = np.arange(int(seconds * RATE)) / RATE
    sound = 6000 * (np.sin(2 * np.pi * 770 * time_s) + np.sin(2 * np.pi * 1336 * time_s))
    return sound.astype(np.int16)


def noise(seconds: float, level: float = 60) -> Samples:
    return (np.random.default_rng(2).standard_normal(int(seconds * RATE)) * level).astype(np.int16)


def test_length_and_speech_of_a_recording(tmp_path: Path) -> None:
    file = tmp_path / "a.wav"
    write_wav(file, np.concatenate([np.zeros(RATE, np.int16), voice_like(3), np.zeros(RATE, np.int16)]))
    facts = probe(file)
    assert facts
    assert facts.duration_ms == 5000
    assert 2400 <= facts.speech_ms <= 3200
    assert len(facts.sha256) == 64


@pytest.mark.parametrize("sound", [np.zeros(4 * RATE, np.int16), tones(3), noise(4)], ids=["silence", "keys", "noise"])
def test_silence_keys_and_line_noise_are_no_speech(tmp_path: Path, sound: Samples) -> None:
    file = tmp_path / "a.wav"
    write_wav(file, sound)
    facts = probe(file)
    assert facts
    assert facts.speech_ms < 200


def test_real_speech_is_speech(shared_dir: Path) -> None:
    files = sorted((shared_dir / "data" / "speech").glob("*.wav"))
    assert files
    for file in files:
        facts = probe(file)
        assert facts
        assert facts.speech_ms > 0.4 * facts.duration_ms, file.name


@pytest.mark.parametrize("frames", [0, 100, 0xFFFFFFFF // 2])
def test_a_header_that_was_never_finished_does_not_matter(tmp_path: Path, frames: int) -> None:
    file = tmp_path / "a.wav"
    write_wav(file, voice_like(3))
    data = bytearray(file.read_bytes())
    at = data.index(b"data") + 4
    if frames != 100:
        data[at : at + 4] = struct.pack("<I", frames * 2 & 0xFFFFFFFF)
        data[4:8] = struct.pack("<I", 36)
        file.write_bytes(bytes(data))
    facts = probe(file)
    assert facts
    assert facts.duration_ms == 3000
    assert len(b"".join(blocks(file, RATE))) == 2 * 3 * RATE


def test_what_is_no_sound_is_none(tmp_path: Path) -> None:
    assert probe(tmp_path / "missing.wav") is None
    for name, content in {
        "empty.wav": b"",
        "xml.wav": b"<?xml version='1.0'?><Error>not found</Error>",
        "head.wav": b"RIFF\x24\0\0\0WAVEfmt ",
        "zero.wav": b"\0" * 5000,
    }.items():
        (tmp_path / name).write_bytes(content)
        assert probe(tmp_path / name) is None, name
        with pytest.raises(AudioError):
            list(blocks(tmp_path / name, RATE))


@pytest.mark.parametrize(
    ("rate", "channels", "subtype"),
    [(8000, 1, "ALAW"), (8000, 1, "ULAW"), (44100, 2, "PCM_16"), (16000, 1, "PCM_16"), (8000, 1, "PCM_16")],
)
def test_every_form_of_wav_becomes_the_models(tmp_path: Path, rate: int, channels: int, subtype: str) -> None:
    file = tmp_path / "a.wav"
    mono = np.interp(np.arange(2 * rate) / rate, np.arange(2 * RATE) / RATE, voice_like(2) / 32768)
    soundfile.write(file, np.column_stack([mono] * channels), rate, subtype=subtype)
    pcm = np.frombuffer(b"".join(blocks(file, 16000)), "<i2")
    assert abs(pcm.size - 32000) < 320
    assert np.abs(pcm).max() > 5000


def test_half_an_hour_takes_no_more_memory_than_its_blocks(tmp_path: Path) -> None:
    file = tmp_path / "long.wav"
    minute = np.concatenate([voice_like(30), noise(30)])
    with soundfile.SoundFile(file, "w", RATE, 1, "PCM_16") as long:
        for _ in range(30):
            long.write(minute)
    tracemalloc.start()
    facts = probe(file)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert facts
    assert facts.duration_ms == 30 * 60 * 1000
    assert peak < 12_000_000
