"""What the PBX plays by itself: music for those who wait, announcements while a line rings, Chinese numbers."""

from __future__ import annotations

import wave
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import numpy.typing as npt

_RATE = 8000
_HOLD_PAUSE_S = 8
_RING_S = 60
_TEN = 10
_RING_HZ, _RING_ON_S, _RING_PERIOD_S, _RING_LEVEL = 450, 1, 5, 3000
"""GB/T 3380: ring-back is 450 Hz, one second on, four off."""
Samples = npt.NDArray[np.int16]


def make_sounds(prompts: Path, directory: Path, packaged: Path, announcements: Iterable[str]) -> None:
    """Fill `directory`: moh/ (hold music), moh-<prompt>/ (announcement, then ring-back), data/ (what Asterisk reads).

    A prompt that has no audio is left out: `hotline check` says so.
    """
    if (hold := _read(prompts / "hold.wav")) is not None:
        _write(directory / "moh" / "hold.wav", np.concatenate([hold, np.zeros(_HOLD_PAUSE_S * _RATE, np.int16)]))
    for name in announcements:
        if (spoken := _read(prompts / f"{name}.wav")) is not None:
            _write(directory / f"moh-{name}" / "ring.wav", np.concatenate([spoken, _ring_back()]))
    _link_data(directory / "data", packaged)
    _chinese_numbers(prompts, directory / "data" / "sounds" / "zh" / "digits")


def _ring_back() -> Samples:
    time_s = np.arange(_RING_S * _RATE) / _RATE
    ringing = (time_s % _RING_PERIOD_S) < _RING_ON_S
    tone: Samples = (np.sin(2 * np.pi * _RING_HZ * time_s) * ringing * _RING_LEVEL).astype(np.int16)
    return tone


def _link_data(data: Path, packaged: Path) -> None:
    """Asterisk's own data by links, but for the folder of sounds, which gets a language more."""
    (data / "sounds").mkdir(parents=True, exist_ok=True)
    for folder, target in ((packaged, data), (packaged / "sounds", data / "sounds")):
        for entry in sorted(folder.glob("*")):
            link = target / entry.name
            if entry.name not in ("sounds", "zh") and not link.is_symlink():
                link.symlink_to(entry)


def _chinese_numbers(prompts: Path, folder: Path) -> None:
    """Clips that SayNumber wants: 0 to 9 as they are counted, and the tens."""
    counted = {n: _read(prompts / ("count/1.wav" if n == 1 else f"digits/{n}.wav")) for n in range(_TEN)}
    ten = _read(prompts / "count" / "10.wav")
    for n, clip in counted.items():
        if clip is not None:
            _write(folder / f"{n}.wav", clip)
        if n and clip is not None and ten is not None:
            _write(folder / f"{n * _TEN}.wav", ten if n == 1 else np.concatenate([clip, ten]))


def _read(file: Path) -> Samples | None:
    if not file.is_file():
        return None
    with wave.open(str(file)) as audio:
        return np.frombuffer(audio.readframes(audio.getnframes()), "<i2")


def _write(file: Path, samples: Samples) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    draft = file.with_suffix(".new")
    with wave.open(str(draft), "wb") as audio:
        audio.setnchannels(1)
        audio.setsampwidth(2)
        audio.setframerate(_RATE)
        audio.writeframes(samples.tobytes())
    draft.rename(file)
