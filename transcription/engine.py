"""What a recogniser does: a recording becomes words with times and confidences."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from transcription.voice import Quality, Span

_BETWEEN_CHINESE = re.compile(r"(?<=[⺀-鿿豈-﫿]) +(?=[⺀-鿿豈-﫿])")


@dataclass(frozen=True, slots=True)
class Word:
    """A recognised word: times from the start of the recording, confidence 0 to 1."""

    text: str
    start_ms: int
    end_ms: int
    confidence: float


@dataclass(frozen=True, slots=True)
class Transcript:
    """What was said, as the recogniser heard it; empty text where nothing was recognised."""

    text: str
    words: tuple[Word, ...]
    engine: str
    model: str
    confidence: float | None
    """Mean confidence of the words; None without words."""
    quality: Quality


class Transcriber(Protocol):
    """Turns a recording into text."""

    @property
    def engine(self) -> str:
        """Name of the engine: vosk, whisper."""

    @property
    def model(self) -> str:
        """Name of the model."""

    def transcribe(self, path: Path) -> Transcript:
        """Raises AudioError for a file that is no sound."""

    def alternatives(self, path: Path, span: Span, count: int) -> tuple[str, ...]:
        """Up to `count` readings of a span, best first; none where the engine has only one. Raises AudioError."""

    def listen_for(self, path: Path, span: Span, phrases: Sequence[str]) -> Word | None:
        """Which of the phrases the span is, where the model's vocabulary can be narrowed to them; else None."""


def mean_confidence(words: Sequence[Word]) -> float | None:
    """Mean confidence of words; None without any."""
    return round(sum(word.confidence for word in words) / len(words), 4) if words else None


def join(texts: Sequence[str]) -> str:
    """Words as running text: no spaces between Chinese characters."""
    return _BETWEEN_CHINESE.sub("", " ".join(texts))
