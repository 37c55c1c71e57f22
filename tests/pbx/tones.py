"""The tones in a recording of two channels, frame by frame."""

from __future__ import annotations

import wave
from pathlib import Path

import numpy as np

FRAME_S = 0.02


def sides(file: Path) -> tuple[list[set[int]], list[set[int]]]:
    """For each frame of the left and of the right channel the tones in it."""
    with wave.open(str(file)) as audio:
        assert (audio.getnchannels(), audio.getframerate()) == (2, 8000)
        both = np.frombuffer(audio.readframes(audio.getnframes()), "<i2").reshape(-1, 2)
    return tones(both[:, 0]), tones(both[:, 1])


def tones(samples: np.ndarray[tuple[int], np.dtype[np.int16]]) -> list[set[int]]:
    frames = samples[: samples.size // 160 * 160].astype(np.float64).reshape(-1, 160)
    power = np.abs(np.fft.rfft(frames, axis=1)) ** 2
    return [{int(n) * 50 for n in np.flatnonzero(row > (8000 * 80) ** 2 / 30)} for row in power]


def share(frames: list[set[int]], hz: int) -> float:
    return sum(hz in frame for frame in frames) / len(frames)


def first(frames: list[set[int]], hz: int) -> int:
    return next(n for n, frame in enumerate(frames) if hz in frame)


def last(frames: list[set[int]], hz: int) -> int:
    return max(n for n, frame in enumerate(frames) if hz in frame)
