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
import soundfile
import soxr

from ivr.ports import RecordingFacts
from transcription.voice import Quality, Samples, Span, VoiceMeter

_BLOCK_S = 0.5
_MOST_GAIN_DB = 30.0
_LONGEST_HEADER = 64 * 1024
_ENCODINGS = {(1, 8): "PCM_U8", (1, 16): "PCM_16", (1, 24): "PCM_24", (6, 8): "ALAW", (7, 8): "ULAW"}


class AudioError(Exception):
    """A file holds no sound that can be read; the message is one sentence.

    `reason` is its code: missing, empty, not_audio or broken.
    """

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Survey:
    """What a recording holds, before it is recognised."""

    duration_ms: int
    rate: int
    """Samples a second, as the file has them."""
    spans: tuple[Span, ...]
    """Where somebody speaks."""
    quality: Quality

    def gain(self, wanted_dbfs: float, only_below_dbfs: float = 0.0) -> float:
        """The factor that brings the voice to a level, for voices softer than a limit; 1 for any other.

        Recognisers are trained with many levels: only below one of their own do they hear badly.
        """
        level = self.quality.speech_dbfs
        if level is None or level > only_below_dbfs:
            return 1.0
        return float(10 ** (min(wanted_dbfs - level, _MOST_GAIN_DB) / 20))


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
        found = survey(path)
        digest = _digest(path)
    except (AudioError, OSError):
        return None
    if not found.duration_ms:
        return None
    return RecordingFacts(found.duration_ms, found.quality.speech_ms, digest)


def survey(path: Path) -> Survey:
    """Read a recording once, in bounded memory. Raises AudioError."""
    meter = VoiceMeter()
    frames, rate = 0, 8000
    for block, rate in _read(path):
        frames += block.size
        meter.add(block, rate)
    return Survey(frames * 1000 // rate, rate, meter.spans(), meter.quality())


def blocks(path: Path, rate: int, span: Span | None = None, gain: float = 1.0) -> Iterator[bytes]:
    """The sound, or a span of it, as blocks of 16-bit mono PCM at `rate` Hz; memory does not grow with its length.

    Raises AudioError.
    """
    resampler: soxr.ResampleStream | None = None
    for block, source_rate in _read(path, span):
        sound = block if gain == 1.0 else block * np.float32(gain)
        if source_rate == rate:
            yield _to_pcm(sound)
            continue
        resampler = resampler or soxr.ResampleStream(source_rate, rate, 1, dtype="float32")
        yield _to_pcm(resampler.resample_chunk(sound))
    if resampler is not None:
        yield _to_pcm(resampler.resample_chunk(np.zeros(0, np.float32), last=True))


def _read(path: Path, span: Span | None = None) -> Iterator[tuple[Samples, int]]:
    """Mono blocks of half a second, and their rate."""
    try:
        size = path.stat().st_size
    except OSError as error:
        raise AudioError("missing", "the file is missing") from error
    if size == 0:
        raise AudioError("empty", "the file is empty")
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
        raise AudioError("not_audio", "the file is no sound that can be read") from error
    with source:
        length = int(source.samplerate * _BLOCK_S)
        left = -1
        try:
            if span is not None:
                left = (span.end_ms - span.start_ms) * source.samplerate // 1000
                source.seek(span.start_ms * source.samplerate // 1000)
            while left and (block := source.read(_next(length, left), dtype="float32", always_2d=True)).size:
                left -= len(block) if left > 0 else 0
                yield block.mean(axis=1, dtype=np.float32), source.samplerate
        except (soundfile.LibsndfileError, RuntimeError) as error:
            raise AudioError("broken", "the file breaks off in the middle of its coding") from error
        finally:
            if layout is not None:
                raw.close()


def _next(length: int, left: int) -> int:
    return length if left < 0 else min(length, left)


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
        if name == b"fmt " and length >= 16 and body + 16 <= len(head):
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
    # Samples of 16 bits come out as they went in.
    return np.clip(np.rint(samples * 32768), -32768, 32767).astype("<i2").tobytes()


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
