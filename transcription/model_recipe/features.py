"""Log-mel features as Kaldi computes them, and the way from its MFCC back to them.

libvosk feeds its network with MFCC. With as many coefficients as mel bins, MFCC is a fixed linear map of the log-mel
energies: training works on those, and the exported network begins with the inverse map.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import numpy.typing as npt

RATE = 8000
BINS = 40
LOW_HZ, HIGH_HZ = 100.0, 3800.0
WINDOW, SHIFT, FFT = 200, 80, 256
STRIDE, FIRST_CONTEXT, SKIP = 3, 4, 0.66
"""The network's shape, for its training and its export: frames an output, frames on each side of the first layer, the
share of a layer's input that goes around it."""
_LIFTER = 22.0
_FULL_SCALE = 32768.0
CONF = (
    "--use-energy=false\n--sample-frequency=8000\n--num-mel-bins=40\n--num-ceps=40\n--low-freq=100\n--high-freq=3800\n"
    "--dither=0\n--allow-downsample=true\n"
)
"""libvosk's conf/mfcc.conf for these features."""

Floats = npt.NDArray[np.float32]


def _mel(hz: npt.ArrayLike) -> npt.NDArray[np.float64]:
    return 1127.0 * np.log(1.0 + np.asarray(hz, dtype=np.float64) / 700.0)


@cache
def _mel_bank(tract: int) -> Floats:
    edges = np.linspace(_mel(LOW_HZ), _mel(HIGH_HZ), BINS + 2)
    hz = np.arange(FFT // 2) * RATE / FFT * tract / 100
    # Above the bend the scale is compressed or spread so that its end stays.
    bend = min(3000.0, 3000.0 * tract / 100)
    top = RATE / 2
    hz = np.where(hz <= bend, hz, bend + (hz - bend) * (top - bend) / (top * tract / 100 - bend))
    at = _mel(hz)
    left, middle, right = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    bank = np.minimum((at - left) / (middle - left), (right - at) / (right - middle)).clip(0)
    return np.concatenate([bank, np.zeros((BINS, 1))], axis=1).astype(np.float32)


@cache
def _window() -> Floats:
    return ((0.5 - 0.5 * np.cos(2 * np.pi * np.arange(WINDOW) / (WINDOW - 1))) ** 0.85).astype(np.float32)


def log_mel(audio: Floats, tract: int = 100) -> Floats:
    """Samples at 8 kHz, full scale 1.0, to frames x 40: one frame each 10 ms, the first centred on sample 100.

    `tract`: where the formants, and what else the spectrum has, come to lie, in percent of where they lay.
    """
    count = max(0, 1 + (len(audio) - WINDOW) // SHIFT)
    frames = np.lib.stride_tricks.sliding_window_view(audio * np.float32(_FULL_SCALE), WINDOW)[::SHIFT][:count]
    frames = frames - frames.mean(axis=1, keepdims=True)
    emphasised = frames - 0.97 * np.concatenate([frames[:, :1], frames[:, :-1]], axis=1)
    power = np.abs(np.fft.rfft(emphasised * _window(), FFT)) ** 2
    energies = power.astype(np.float32) @ _mel_bank(tract).T
    return np.log(np.maximum(energies, np.finfo(np.float32).eps)).astype(np.float32)


def from_mfcc() -> npt.NDArray[np.float64]:
    """The 40 x 40 matrix that takes a frame's MFCC back to its log-mel energies."""
    n, k = np.arange(BINS), np.arange(BINS)[:, None]
    dct = np.sqrt(2.0 / BINS) * np.cos(np.pi / BINS * (n + 0.5) * k)
    dct[0] = np.sqrt(1.0 / BINS)
    lifter = 1.0 + 0.5 * _LIFTER * np.sin(np.pi * np.arange(BINS) / _LIFTER)
    return np.linalg.inv(lifter[:, None] * dct)
