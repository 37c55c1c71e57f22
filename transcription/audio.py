"""Recordings as the PBX leaves them: facts of a file, and its sound as a stream of blocks.

Asterisk finishes a WAV header only when it closes the file. After a kill the header says "no frames", and the length of
the file is the truth.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile
import soxr

from ivr.ports import RecordingFacts

Samples = npt.NDArray[np.float32]
_BLOCK_S = 0.5
_FRAME_S = 0.02
_MIN_VOICE_FRAMES = 3
"""Three frames in a row, 60 ms: shorter sounds are clicks."""
_GAP_FRAMES = 10
"""Pauses up to 200 ms belong to the speech around them."""
_NOISE_FACTOR = 3.0
_VOICE_FLOOR = 0.001
"""Root mean square below which nothing is a voice: -60 dBFS."""
_TONE_SHARE = 0.8
_DTMF_HZ = np.array([697, 770, 852, 941, 1209, 1336, 1477, 1633])
_LONGEST_HEADER = 64 * 1024
_ENCODINGS = {(1, 8): "PCM_U8", (1, 16): "PCM_16", (1, 24): "PCM_24", (6, 8): "ALAW", (7, 8): "ULAW"}


class AudioError(Exception):
    """A file holds no sound that can be read; the message is one sentence."""


@dataclass(frozen=True, slots=True)
class _Layout:
    """Where the samples lie in a WAV file, told by its header's format and the file's own length."""

    rate: int
    channels: int
    encoding: str
    offset: int


def probe(path: Path) -> RecordingFacts | None:
    """Length, speech and digest of a recording; None when the file is missing, empty or no sound."""
    try:
        frames = 0
        voices = _VoiceCounter()
        rate = 8000
        for block, rate in _read(path):
            frames += block.size
            voices.add(block, rate)
        digest = _digest(path)
    except (AudioError, OSError):
        return None
    if not frames:
        return None
    return RecordingFacts(frames * 1000 // rate, voices.speech_ms(), digest)


def blocks(path: Path, rate: int) -> Iterator[bytes]:
    """The sound as blocks of 16-bit mono PCM at `rate`; memory does not grow with its length. Raises AudioError."""
    resampler: soxr.ResampleStream | None = None
    for block, source_rate in _read(path):
        if source_rate == rate:
            yield _to_pcm(block)
            continue
        resampler = resampler or soxr.ResampleStream(source_rate, rate, 1, dtype="float32")
        yield _to_pcm(resampler.resample_chunk(block))
    if resampler is not None:
        yield _to_pcm(resampler.resample_chunk(np.zeros(0, np.float32), last=True))


def _read(path: Path) -> Iterator[tuple[Samples, int]]:
    """Mono blocks of half a second, and their rate."""
    try:
        size = path.stat().st_size
    except OSError as error:
        raise AudioError("the file is missing") from error
    if size == 0:
        raise AudioError("the file is empty")
    layout = _layout(path)
    try:
        if layout is None:
            source = soundfile.SoundFile(path)
        else:
            raw = path.open("rb")
            raw.seek(layout.offset)
            # Read past the header, as raw samples: its length field may never have been written.
            source = soundfile.SoundFile(
                _Tail(raw, layout.offset, size),
                samplerate=layout.rate,
                channels=layout.channels,
                format="RAW",
                subtype=layout.encoding,
                endian="LITTLE",
            )
    except (soundfile.LibsndfileError, RuntimeError) as error:
        raise AudioError("the file is no sound that can be read") from error
    with source:
        length = int(source.samplerate * _BLOCK_S)
        try:
            while (block := source.read(length, dtype="float32", always_2d=True)).size:
                yield block.mean(axis=1, dtype=np.float32), source.samplerate
        except (soundfile.LibsndfileError, RuntimeError) as error:
            raise AudioError("the file breaks off in the middle of its coding") from error
        finally:
            if layout is not None:
                raw.close()


class _Tail:
    """A file from an offset on, as a file of its own."""

    def __init__(self, file: object, offset: int, size: int) -> None:
        self._file, self._offset, self._size = file, offset, size

    def seek(self, position: int, whence: int = 0) -> int:
        base = {0: self._offset, 2: self._size}.get(whence)
        if base is None:
            base = self._file.tell()  # type: ignore[attr-defined]
        return int(self._file.seek(base + position)) - self._offset  # type: ignore[attr-defined]

    def tell(self) -> int:
        return int(self._file.tell()) - self._offset  # type: ignore[attr-defined]

    def read(self, count: int = -1) -> bytes:
        return bytes(self._file.read(count))  # type: ignore[attr-defined]

    def readinto(self, buffer: bytearray) -> int:
        return int(self._file.readinto(buffer))  # type: ignore[attr-defined]


def _layout(path: Path) -> _Layout | None:
    """The layout of a RIFF WAV whose samples can be read raw; None for everything else."""
    with path.open("rb") as file:
        head = file.read(_LONGEST_HEADER)
    if head[:4] != b"RIFF" or head[8:12] != b"WAVE":
        return None
    position, found = 12, None
    while position + 8 <= len(head):
        name, length = struct.unpack_from("<4sI", head, position)
        body = position + 8
        if name == b"fmt " and length >= 16:
            tag, channels, rate, _, _, bits = struct.unpack_from("<HHIIHH", head, body)
            encoding = _ENCODINGS.get((tag, bits))
            if encoding is None or not 1 <= channels <= 8 or not 4000 <= rate <= 192_000:
                return None
            found = (rate, channels, encoding)
        elif name == b"data":
            # Chunks after the samples (LIST ...) are there only when the length is: then libsndfile reads it well.
            whole = length and body + length <= path.stat().st_size
            return None if found is None or whole else _Layout(*found, offset=body)
        position = body + length + length % 2
    return None


def _to_pcm(samples: Samples) -> bytes:
    return (np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes()


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class _VoiceCounter:
    """Counts frames with a voice: louder than the quietest tenth of the recording, no click, no DTMF tone.

    Keeps one level and one flag for each 20 ms frame: 30 minutes are 90 000 of them.
    """

    def __init__(self) -> None:
        self._levels: list[npt.NDArray[np.float64]] = []
        self._tones: list[npt.NDArray[np.bool_]] = []
        self._rest = np.zeros(0, np.float32)

    def add(self, block: Samples, rate: int) -> None:
        """Take in a block."""
        size = int(rate * _FRAME_S)
        samples = np.concatenate([self._rest, block])
        count = samples.size // size
        frames = samples[: count * size].reshape(count, size).astype(np.float64)
        self._rest = samples[count * size :]
        if not count:
            return
        frames = frames - frames.mean(axis=1, keepdims=True)
        self._levels.append(np.sqrt((frames**2).mean(axis=1)))
        self._tones.append(_is_dtmf(frames, rate))

    def speech_ms(self) -> int:
        """Milliseconds with a voice in them."""
        if not self._levels:
            return 0
        levels, tones = np.concatenate(self._levels), np.concatenate(self._tones)
        # A recording that is all speech has no quiet tenth: the ceiling keeps its own voice from counting as noise.
        noise = min(float(np.quantile(levels, 0.1)), 0.02)
        voiced = (levels > max(_VOICE_FLOOR, noise * _NOISE_FACTOR)) & ~tones
        starts, ends = _runs(voiced)
        long = ends - starts >= _MIN_VOICE_FRAMES
        starts, ends = starts[long], ends[long]
        pauses = starts[1:] - ends[:-1]
        frames = (ends - starts).sum() + pauses[pauses <= _GAP_FRAMES].sum()
        return int(frames * _FRAME_S * 1000)


def _runs(flags: npt.NDArray[np.bool_]) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """Where runs of True start, and where they end."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], flags.astype(np.int8), [0]])))
    return edges[::2], edges[1::2]


def _is_dtmf(frames: npt.NDArray[np.float64], rate: int) -> npt.NDArray[np.bool_]:
    """Frames nearly all of whose power lies in the eight tones of a telephone's keys (ITU-T Q.23)."""
    size = frames.shape[1]
    window = np.hanning(size)
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
