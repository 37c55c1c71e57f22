"""Telephone audio for tests: A-law, streams of RTP with keys, and how alike two sounds are."""

from __future__ import annotations

import io
import struct
import wave
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile

RATE = 8000
_FRAME = 160
Samples = npt.NDArray[np.int16]


@dataclass(frozen=True)
class Silence:
    """Nothing said for a while."""

    seconds: float


@dataclass(frozen=True)
class Key:
    """A key pressed (RFC 4733)."""

    key: str


@dataclass(frozen=True)
class Speech:
    """Something said: 16-bit samples at 8 kHz."""

    samples: Samples


Timeline = list[Silence | Key | Speech]


def read_samples(path: Path) -> Samples:
    """Samples of an 8 kHz mono WAV, by the file's length: the header of a killed PBX's file says nothing."""
    data = path.read_bytes()
    start = data.index(b"data") + 8
    body = data[start:]
    return np.frombuffer(body[: len(body) // 2 * 2], "<i2")


def write_wav(path: Path, samples: Samples, rate: int = RATE) -> None:
    """A mono 16-bit WAV."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(samples.astype("<i2").tobytes())


def voice_like(seconds: float, seed: int = 1) -> Samples:
    """Sound with the rhythm and bandwidth of speech, different for each seed."""
    random = np.random.default_rng(seed)
    count = int(seconds * RATE)
    noise = np.fft.rfft(random.standard_normal(count))
    hz = np.fft.rfftfreq(count, 1 / RATE)
    noise[(hz < 300) | (hz > 3000)] = 0
    sound = np.fft.irfft(noise, count)
    time_s = np.arange(count) / RATE
    syllables = np.clip(np.sin(2 * np.pi * 3 * time_s + seed) + 0.6, 0.05, None)
    sound = sound * syllables
    samples: Samples = (sound / np.abs(sound).max() * 12000).astype(np.int16)
    return samples


def to_alaw(samples: Samples) -> bytes:
    """G.711 A-law."""
    coded = io.BytesIO()
    soundfile.write(coded, samples, RATE, format="RAW", subtype="ALAW")
    return coded.getvalue()


def write_pcap(path: Path, timeline: Timeline) -> float:
    """Write a timeline as one RTP stream (PCMA and telephone events) that SIPp plays; returns its seconds."""
    stream = _Stream()
    for part in timeline:
        match part:
            case Silence(seconds):
                stream.say(np.zeros(int(seconds * RATE), np.int16))
            case Speech(samples):
                stream.say(samples)
            case Key(key):
                stream.press(key)
    with path.open("wb") as file:
        file.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1))
        for at, packet in stream.packets:
            frame = _frame(packet)
            file.write(struct.pack("<IIII", 1700000000 + int(at), int(at % 1 * 1e6), len(frame), len(frame)) + frame)
    return stream.at


class _Stream:
    def __init__(self) -> None:
        self.packets: list[tuple[float, bytes]] = []
        self.at = 0.0
        self._sequence, self._timestamp, self._mark = 1000, 160000, True

    def say(self, samples: Samples) -> None:
        coded = to_alaw(np.concatenate([samples, np.zeros(-samples.size % _FRAME, np.int16)]))
        for start in range(0, len(coded), _FRAME):
            self._packet(8, coded[start : start + _FRAME], self._timestamp)
            self._timestamp += _FRAME
            self.at += 0.02

    def press(self, key: str, frames: int = 8) -> None:
        event, start = "0123456789*#".index(key), self._timestamp
        self._mark = True
        for n in range(frames):
            self._packet(101, struct.pack("!BBH", event, 10, _FRAME * (n + 1)), start)
            self.at += 0.02
        for _ in range(3):
            self._packet(101, struct.pack("!BBH", event, 0x8A, _FRAME * frames), start)
        self._timestamp += _FRAME * frames
        self._mark = True

    def _packet(self, payload_type: int, data: bytes, timestamp: int) -> None:
        head = struct.pack(
            "!BBHII", 0x80, (self._mark << 7) | payload_type, self._sequence & 0xFFFF, timestamp, 0x12345678
        )
        self.packets.append((self.at, head + data))
        self._sequence += 1
        self._mark = False


def _frame(packet: bytes) -> bytes:
    udp = struct.pack("!HHHH", 40000, 40000, 8 + len(packet), 0) + packet
    address = bytes([127, 0, 0, 1])
    ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), 0, 0, 64, 17, 0, address, address) + udp
    return b"\0" * 12 + b"\x08\0" + ip


@dataclass(frozen=True)
class Likeness:
    """How a recording holds a reference: where it begins, how alike it is, how much of it is there."""

    lag_s: float
    correlation: float
    overlap_s: float
    recording_s: float


def likeness(reference: Samples, recording: Samples) -> Likeness:
    """Best alignment of `reference` inside `recording` and the correlation there."""
    ref, rec = reference.astype(np.float64), recording.astype(np.float64)
    size = 1 << int(np.ceil(np.log2(ref.size + rec.size)))
    cross = np.fft.irfft(np.fft.rfft(rec, size) * np.conj(np.fft.rfft(ref, size)), size)
    lag = int(np.argmax(cross[: rec.size]))
    part = rec[lag : lag + ref.size]
    ref = ref[: part.size]
    power = float(np.sqrt((part @ part) * (ref @ ref)))
    return Likeness(lag / RATE, float(part @ ref) / power if power else 0.0, part.size / RATE, rec.size / RATE)
