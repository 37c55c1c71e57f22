"""The recogniser: libvosk. One model a process, a recogniser a recording; the interpreter is free while it works."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import vosk

from transcription.audio import Survey, blocks, survey
from transcription.engine import Transcript, Word, join, mean_confidence
from transcription.model import find_model, is_adaptable, name_of
from transcription.voice import Span

_FREQUENCY = re.compile(r"--sample-frequency=(\d+)")
_SUBSAMPLING = re.compile(r"--frame-subsampling-factor=(\d+)")
_USUAL_SUBSAMPLING = 3
"""libvosk counts 30 ms a decoder frame, whatever the model's factor is."""
_USUAL_FRAME_S = 0.03
_MOST_FRAMES = 20_000
_SOFT_DBFS = -48.0
_LIFTED_DBFS = -40.0
"""A very soft voice is lifted to where models still work well; louder ones are left as the model expects them."""
_UNKNOWN = "[unk]"
_NOISE_WORDS = frozenset({"<UNK>", _UNKNOWN, "<SIL>", "!SIL"})


class VoskTranscriber:
    """libvosk with one model; threads share it. Raises ModelMissing for a folder that holds none."""

    engine = "vosk"

    def __init__(self, model: Path) -> None:
        vosk.SetLogLevel(-1)
        folder = find_model(model)
        self.model = name_of(folder)
        self._rate = _conf_value(folder / "conf" / "mfcc.conf", _FREQUENCY, 16000)
        factor = _conf_value(folder / "conf" / "model.conf", _SUBSAMPLING, _USUAL_SUBSAMPLING)
        self._time_scale = factor / _USUAL_SUBSAMPLING
        self._adaptable = is_adaptable(folder)
        self._model: Any = vosk.Model(str(folder))

    def transcribe(self, path: Path) -> Transcript:
        """Transcribe a recording of any length in bounded memory: its silences are left out. Raises AudioError."""
        found = survey(path)
        gain = _gain(found)
        recognizer = vosk.KaldiRecognizer(self._model, self._rate)
        recognizer.SetWords(True)
        clock = _Clock(self._rate, self._time_scale)
        words = []
        for span in found.spans:
            clock.begin(span)
            ended = True
            for block in blocks(path, self._rate, span, gain):
                ended = recognizer.AcceptWaveform(block)
                clock.fed += len(block) // 2
                if ended:
                    words += clock.words(json.loads(recognizer.Result()))
                    clock.utterance_ends()
            words += clock.words(json.loads(recognizer.FinalResult()))
            if not ended:  # else it had nothing to finish, and its count goes on
                clock.start_over()
        return Transcript(
            join([word.text for word in words]),
            tuple(words),
            self.engine,
            self.model,
            mean_confidence(words),
            found.quality,
        )

    def alternatives(self, path: Path, span: Span, count: int) -> tuple[str, ...]:
        """Decodes the span again, for its n best readings: libvosk gives either these or confidences, never both."""
        recognizer = vosk.KaldiRecognizer(self._model, self._rate)
        recognizer.SetMaxAlternatives(count)
        readings = [""] * count
        for result in self._results(recognizer, path, span):
            texts = [_spoken(one["text"].split()) for one in result.get("alternatives", ())] or [""]
            # An utterance with fewer readings repeats its best one.
            readings = [have + texts[min(n, len(texts) - 1)] for n, have in enumerate(readings)]
        return tuple(dict.fromkeys(reading for reading in readings if reading))

    def listen_for(self, path: Path, span: Span, phrases: Sequence[str]) -> Word | None:
        """Decodes the span again with a grammar of the phrases, each of words that the model knows.

        None for a model whose graph is fixed (libvosk would ignore the grammar without a word), and where the span is
        none of the phrases: a model without the word [unk] may give one of them nevertheless.
        """
        spelled = {" ".join(words): phrase for phrase in phrases if (words := self._in_vocabulary(phrase))}
        if not self._adaptable or not spelled:
            return None
        known = [_UNKNOWN] if self._model.vosk_model_find_word(_UNKNOWN) >= 0 else []
        grammar = json.dumps([*spelled, *known], ensure_ascii=False)
        recognizer = vosk.KaldiRecognizer(self._model, self._rate, grammar)
        recognizer.SetWords(True)
        found = [word for result in self._results(recognizer, path, span) for word in result.get("result", ())]
        phrase = spelled.get(" ".join(word["word"] for word in found))
        if phrase is None:
            return None
        confidence = min(float(word["conf"]) for word in found)
        return Word(phrase, span.start_ms, span.end_ms, round(confidence, 4))

    def _results(self, recognizer: Any, path: Path, span: Span) -> Iterator[dict[str, Any]]:
        for block in blocks(path, self._rate, span, _gain(survey(path))):
            if recognizer.AcceptWaveform(block):
                yield json.loads(recognizer.Result())
        yield json.loads(recognizer.FinalResult())

    def _in_vocabulary(self, phrase: str) -> list[str]:
        """A phrase as the longest words of the model's dictionary; empty where a part of it is not in there."""
        words, rest = [], phrase
        while rest:
            size = next((n for n in range(len(rest), 0, -1) if self._model.vosk_model_find_word(rest[:n]) >= 0), 0)
            if not size:
                return []
            words.append(rest[:size])
            rest = rest[size:]
        return words


@dataclass(slots=True)
class _Clock:
    """Turns libvosk's times, which count what it was fed, into times of the recording.

    libvosk counts decoder frames from where its feature pipeline began, as 30 ms each (recognizer.cc).
    """

    rate: int
    scale: float
    fed: int = 0
    _began: int = 0
    """What had been fed when the pipeline began."""
    _span: Span = field(default_factory=lambda: Span(0, 0))
    _span_began: int = 0

    def begin(self, span: Span) -> None:
        """The next stretch of the recording is fed from here on."""
        self._span, self._span_began = span, self.fed

    def utterance_ends(self) -> None:
        """At the end of an utterance, libvosk drops a pipeline that has decoded many frames."""
        if (self.fed - self._began) / self.rate > _MOST_FRAMES * _USUAL_FRAME_S * self.scale:
            self.start_over()

    def start_over(self) -> None:
        """A new pipeline counts from here on."""
        self._began = self.fed

    def words(self, result: dict[str, Any]) -> list[Word]:
        """The words of an utterance that has ended."""
        return [
            Word(one["word"], self._at(one["start"]), self._at(one["end"]), round(float(one["conf"]), 4))
            for one in result.get("result", ())
            if one["word"] not in _NOISE_WORDS
        ]

    def _at(self, time_s: float) -> int:
        began_s = self._began / self.rate
        heard_s = began_s + (time_s - began_s) * self.scale
        at_ms = self._span.start_ms + int((heard_s - self._span_began / self.rate) * 1000)
        # The decoder's last frames may lie behind the end of the sound.
        return max(self._span.start_ms, min(at_ms, self._span.end_ms))


def _gain(found: Survey) -> float:
    return found.gain(_LIFTED_DBFS, only_below_dbfs=_SOFT_DBFS)


def _conf_value(file: Path, pattern: re.Pattern[str], default: int) -> int:
    """A number of the model's configuration; not every model accepts another rate than its own."""
    match = pattern.search(file.read_text(encoding="utf-8")) if file.is_file() else None
    return int(match[1]) if match else default


def _spoken(words: list[str]) -> str:
    return join([word for word in words if word not in _NOISE_WORDS])
