"""The recogniser: libvosk. One model a process, a recogniser a recording; the interpreter is free while it works."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import vosk

from transcription.audio import blocks
from transcription.model import find_model

_BETWEEN_CHINESE = re.compile(r"(?<=[⺀-鿿豈-﫿]) +(?=[⺀-鿿豈-﫿])")
_FREQUENCY = re.compile(r"--sample-frequency=(\d+)")


@dataclass(frozen=True, slots=True)
class Word:
    """A recognised word: times from the start of the recording, confidence 0 to 1."""

    text: str
    start_ms: int
    end_ms: int
    confidence: float


@dataclass(frozen=True, slots=True)
class Transcript:
    """What was said; empty text where nothing was recognised."""

    text: str
    words: tuple[Word, ...]
    engine: str
    model: str
    confidence: float | None
    """Mean confidence of the words; None without words."""


class Transcriber(Protocol):
    """Turns a recording into text."""

    def transcribe(self, path: Path) -> Transcript:
        """Raises AudioError for a file that is no sound."""


class VoskTranscriber:
    """libvosk with one model; threads share it. Raises ModelMissing for a folder that holds none."""

    def __init__(self, model: Path) -> None:
        vosk.SetLogLevel(-1)
        folder = find_model(model)
        self._name = folder.name
        self._rate = _model_rate(folder)
        self._model: Any = vosk.Model(str(folder))

    def transcribe(self, path: Path) -> Transcript:
        """Transcribe a recording of any length in bounded memory. Raises AudioError."""
        recognizer = vosk.KaldiRecognizer(self._model, self._rate)
        recognizer.SetWords(True)
        parts: list[dict[str, Any]] = []
        samples = 0
        for block in blocks(path, self._rate):
            samples += len(block) // 2
            if recognizer.AcceptWaveform(block):
                parts.append(json.loads(recognizer.Result()))
        parts.append(json.loads(recognizer.FinalResult()))
        length_ms = samples * 1000 // self._rate
        words = tuple(_word(found, length_ms) for part in parts for found in part.get("result", ()))
        text = "".join(_joined(part.get("text", "")) for part in parts)
        confidence = sum(word.confidence for word in words) / len(words) if words else None
        return Transcript(text, words, "vosk", self._name, confidence)


def _model_rate(folder: Path) -> int:
    """The rate that the model was trained for; not every model accepts another."""
    file = folder / "conf" / "mfcc.conf"
    match = _FREQUENCY.search(file.read_text(encoding="utf-8")) if file.is_file() else None
    return int(match[1]) if match else 16000


def _word(found: dict[str, Any], length_ms: int) -> Word:
    # The decoder's last frames may lie behind the end of the sound.
    start_ms, end_ms = (min(int(found[edge] * 1000), length_ms) for edge in ("start", "end"))
    return Word(found["word"], start_ms, end_ms, round(float(found["conf"]), 4))


def _joined(text: str) -> str:
    """Text without the spaces that the recogniser puts between Chinese words."""
    return _BETWEEN_CHINESE.sub("", text.replace("<UNK>", "").strip())
