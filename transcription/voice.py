"""What is in a sound: where somebody speaks, how loud, and how badly it is clipped."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Samples = npt.NDArray[np.float32]
_FRAME_S = 0.02
_FRAME_MS = 20
_MIN_VOICE_FRAMES = 3
"""Three frames in a row, 60 ms: shorter sounds are clicks."""
_GAP_FRAMES = 10
"""Pauses up to 200 ms belong to the speech around them."""
_NOISE_FACTOR = 3.0
_VOICE_FLOOR = 0.001
"""Root mean square below which nothing is a voice: -60 dBFS."""
_HEARD_FACTOR = 1.5
_HEARD_FLOOR = 0.0003
"""For recognition a soft voice must not be cut off: rather some noise too much."""
_BEFORE_FRAMES = 20
_AFTER_FRAMES = 30
_SILENCE_FRAMES = 100
"""Two seconds without a voice are left out; a shorter pause tells the recogniser where a sentence ends."""
_FULL_SCALE = 0.985
_TONE_SHARE = 0.8
_DTMF_HZ = np.array([697, 770, 852, 941, 1209, 1336, 1477, 1633])


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of a recording, in milliseconds from its start."""

    start_ms: int
    end_ms: int


@dataclass(frozen=True, slots=True)
class Quality:
    """How well a recording can be understood. Levels are root mean squares in dB of full scale."""

    speech_ms: int
    speech_dbfs: float | None
    """None without speech."""
    noise_dbfs: float
    clipped_share: float
    """Share of the samples at full scale; a voice that is clipped for more than 1 % is hard to recognise."""


class VoiceMeter:
    """Finds frames with a voice: louder than the quietest tenth of the recording, no click, no DTMF tone.

    Keeps one level and one flag for each 20 ms frame: 30 minutes are 90 000 of them.
    """

    def __init__(self) -> None:
        self._levels: list[npt.NDArray[np.float32]] = []
        self._tones: list[npt.NDArray[np.bool_]] = []
        self._rest = np.zeros(0, np.float32)
        self._samples = 0
        self._clipped = 0

    def add(self, block: Samples, rate: int) -> None:
        """Take in a block of mono samples between -1 and 1."""
        self._samples += block.size
        self._clipped += int(np.count_nonzero(np.abs(block) >= _FULL_SCALE))
        size = int(rate * _FRAME_S)
        samples = np.concatenate([self._rest, block])
        count = samples.size // size
        frames = samples[: count * size].reshape(count, size)
        self._rest = samples[count * size :]
        if not count:
            return
        frames = frames - frames.mean(axis=1, keepdims=True)
        levels = np.sqrt((frames**2).mean(axis=1))
        loud = levels > _HEARD_FLOOR
        tones = np.zeros(count, np.bool_)
        if loud.any():
            tones[loud] = _is_dtmf(frames[loud], rate)
        self._levels.append(levels)
        self._tones.append(tones)

    def speech_ms(self) -> int:
        """Milliseconds with a voice in them."""
        starts, ends = self._voiced(_VOICE_FLOOR, _NOISE_FACTOR)
        pauses = starts[1:] - ends[:-1]
        frames = (ends - starts).sum() + pauses[pauses <= _GAP_FRAMES].sum()
        return int(frames * _FRAME_MS)

    def spans(self) -> tuple[Span, ...]:
        """What to recognise: every voice with some sound around it, without the silences of two seconds and more."""
        starts, ends = self._voiced(_HEARD_FLOOR, _HEARD_FACTOR)
        if not starts.size:
            return ()
        total = sum(part.size for part in self._levels)
        starts, ends = np.maximum(starts - _BEFORE_FRAMES, 0), np.minimum(ends + _AFTER_FRAMES, total)
        cuts = np.flatnonzero(starts[1:] - ends[:-1] >= _SILENCE_FRAMES)
        firsts, lasts = np.concatenate([[0], cuts + 1]), np.concatenate([cuts, [starts.size - 1]])
        return tuple(
            Span(int(starts[first]) * _FRAME_MS, int(ends[last]) * _FRAME_MS)
            for first, last in zip(firsts, lasts, strict=True)
        )

    def quality(self) -> Quality:
        """Levels of the voice and of what is behind it."""
        levels, _ = self._frames()
        starts, ends = self._voiced(_VOICE_FLOOR, _NOISE_FACTOR)
        voice = np.concatenate([levels[a:b] for a, b in zip(starts, ends, strict=True)]) if starts.size else None
        return Quality(
            speech_ms=self.speech_ms(),
            speech_dbfs=None if voice is None else _dbfs(float(np.sqrt((voice**2).mean()))),
            noise_dbfs=_dbfs(float(np.quantile(levels, 0.1)) if levels.size else 0.0),
            clipped_share=round(self._clipped / self._samples, 5) if self._samples else 0.0,
        )

    def _frames(self) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_]]:
        if not self._levels:
            return np.zeros(0), np.zeros(0, np.bool_)
        return np.concatenate(self._levels).astype(np.float64), np.concatenate(self._tones)

    def _voiced(self, floor: float, factor: float) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
        """Where voices start and end, in frames."""
        levels, tones = self._frames()
        if not levels.size:
            return np.zeros(0, np.intp), np.zeros(0, np.intp)
        # A recording that is all speech has no quiet tenth: the ceiling keeps its own voice from counting as noise.
        noise = min(float(np.quantile(levels, 0.1)), 0.02)
        starts, ends = _runs((levels > max(floor, noise * factor)) & ~tones)
        long = ends - starts >= _MIN_VOICE_FRAMES
        return starts[long], ends[long]


def _dbfs(level: float) -> float:
    return round(20 * math.log10(max(level, 1e-5)), 1)


def _runs(flags: npt.NDArray[np.bool_]) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """Where runs of True start, and where they end."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], flags.astype(np.int8), [0]])))
    return edges[::2], edges[1::2]


def _is_dtmf(frames: npt.NDArray[np.float32], rate: int) -> npt.NDArray[np.bool_]:
    """Frames nearly all of whose power lies in the eight tones of a telephone's keys (ITU-T Q.23)."""
    size = frames.shape[1]
    window = np.hanning(size).astype(np.float32)
    power = np.abs(np.fft.rfft(frames * window, axis=1)) ** 2
    hz = np.fft.rfftfreq(size, 1 / rate)
    near = (np.abs(hz[:, None] - _DTMF_HZ[None, :]) <= 60).any(axis=1)
    low = near & (hz < 1050)
    total = power.sum(axis=1) + 1e-12
    share = power[:, near].sum(axis=1) / total
    low_share = power[:, low].sum(axis=1) / total
    # Two tones at once, one of each group: a voice has its power in one group, or outside both.
    tones: npt.NDArray[np.bool_] = (share > _TONE_SHARE) & (low_share > 0.1) & (share - low_share > 0.1)
    return tones
