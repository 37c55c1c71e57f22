"""What lies between a voice and the recogniser: rooms, noise, the telephone.

Everything works on float samples at 8 kHz, full scale 1.0.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.signal import fftconvolve, firwin, lfilter, resample_poly

from transcription.model_recipe.features import RATE

Samples = npt.NDArray[np.float32]
_A = 87.6
_LOG_A = 1 + np.log(_A)


def a_law(audio: Samples) -> Samples:
    """Through the telephone's eight bits and back (ITU-T G.711, A-law)."""
    size = np.minimum(np.abs(audio), 1.0)
    packed = np.where(size < 1 / _A, _A * size / _LOG_A, (1 + np.log(np.maximum(_A * size, 1.0))) / _LOG_A)
    packed = (np.floor(packed * 128).clip(0, 127) + 0.5) / 128
    opened = np.where(packed < 1 / _LOG_A, packed * _LOG_A / _A, np.exp(packed * _LOG_A - 1) / _A)
    return np.asarray(np.sign(audio) * opened, dtype=np.float32)


def band(audio: Samples, low_hz: float = 300, high_hz: float = 3400) -> Samples:
    """The telephone's band. No delay is added."""
    taps = firwin(129, [low_hz, high_hz], fs=RATE, pass_zero=False)
    return np.asarray(fftconvolve(audio, taps, mode="same"), dtype=np.float32)


def telephone(audio: Samples, dbfs: float = -22) -> Samples:
    """A voice at a level, through band and A-law."""
    return a_law(level(band(audio), dbfs))


def level(audio: Samples, dbfs: float) -> Samples:
    """At a level, without clipping anything but peaks."""
    rms = float(np.sqrt(np.mean(audio**2))) + 1e-9
    return np.clip(audio * (10 ** (dbfs / 20) / rms), -1, 1).astype(np.float32)


def stretch(audio: Samples, percent: int) -> Samples:
    """Played at `percent` of its speed: pitch, formants and pace move together."""
    return np.asarray(resample_poly(audio, 100, percent), dtype=np.float32)


def noise(length: int, r: np.random.Generator) -> Samples:
    """White, rosy or brown noise, or a mains hum."""
    kind = r.random()
    if kind < 0.1:
        t = np.arange(length) / RATE
        hum = sum(np.sin(2 * np.pi * 50 * k * t + r.uniform(0, 6)) / k for k in range(1, 12))
        return np.asarray(hum + 0.05 * r.standard_normal(length), dtype=np.float32)
    colour = r.uniform(0, 0.98)
    return np.asarray(lfilter([1], [1, -colour], r.standard_normal(length)), dtype=np.float32)


def room(audio: Samples, r: np.random.Generator) -> Samples:
    """A room's decay after the direct sound."""
    decay_s = r.uniform(0.08, 0.5)
    t = np.arange(int(decay_s * RATE)) / RATE
    tail = r.standard_normal(len(t)) * np.exp(-6.9 * t / decay_s)
    tail *= r.uniform(0.1, 0.7) / (np.sqrt(np.sum(tail**2)) + 1e-9)
    tail[0] = 1
    return np.asarray(fftconvolve(audio, tail)[: len(audio)], dtype=np.float32)


def degrade(audio: Samples, babble: Samples, r: np.random.Generator) -> Samples:
    """A call as it may come: any of room, noise, other voices, tilt, band, level, clipping, A-law."""
    if r.random() < 0.3:
        audio = room(audio, r)
    if r.random() < 0.65:
        sound = babble if r.random() < 0.3 else noise(len(audio), r)
        sound = np.resize(sound, len(audio))
        ratio = 10 ** (-r.uniform(6, 35) / 20) * np.sqrt(np.mean(audio**2) / (np.mean(sound**2) + 1e-12))
        audio = audio + np.float32(ratio) * sound
    if r.random() < 0.6:
        tilt = r.uniform(-0.6, 0.6)
        audio = np.asarray(lfilter([1, tilt], [1], audio), dtype=np.float32)
    if r.random() < 0.8:
        audio = band(audio, r.uniform(150, 380), r.uniform(3000, 3800))
    audio = level(audio, r.uniform(-38, -14) if r.random() < 0.95 else -6)
    return a_law(audio) if r.random() < 0.9 else audio
