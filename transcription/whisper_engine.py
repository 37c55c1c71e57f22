"""The second recogniser: faster-whisper (extra `[whisper]`), for machines that can afford it.

It writes traditional characters now and then, and invents text where nobody speaks: the first are converted, and it
gets only what holds a voice.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import accumulate, pairwise
from pathlib import Path
from typing import Any

import numpy as np

from transcription.audio import blocks, survey
from transcription.engine import Transcript, Word, join, mean_confidence
from transcription.model import ModelMissing
from transcription.voice import Samples, Span

_RATE = 16000
_SOFT_DBFS = -45.0
_LIFTED_DBFS = -26.0
"""Only a soft voice is lifted: what Whisper makes of others changes with their level, but gets no better."""
_WINDOW_MS = 30_000
_LONGEST_MS = 300_000
"""Longer stretches are cut, so that half an hour of speech takes no more memory than five minutes."""
_FILES = ("model.bin", "config.json", "tokenizer.json")


class WhisperTranscriber:
    """A Whisper model in CTranslate2's format, on the processor. Raises ModelMissing."""

    engine = "whisper"

    def __init__(self, model: Path, threads: int = 1) -> None:
        if missing := [name for name in _FILES if not (model / name).is_file()]:
            raise ModelMissing(
                f"{model} holds no Whisper model in CTranslate2's format: {', '.join(missing)} is missing."
            )
        try:
            import av  # noqa: PLC0415 - comes with faster-whisper
            from faster_whisper import WhisperModel  # noqa: PLC0415 - an extra, and slow to import
            from opencc import OpenCC  # noqa: PLC0415
        except ImportError as error:
            raise ModelMissing("The Whisper engine is not installed: pip install 'hotline12345[whisper]'.") from error
        self.model = model.name
        self._av: Any = av
        self._whisper: Any = WhisperModel(str(model), device="cpu", compute_type="int8", cpu_threads=threads)
        self._simplified = OpenCC("t2s")

    def transcribe(self, path: Path) -> Transcript:
        """Transcribe a recording of any length in bounded memory. Raises AudioError."""
        found = survey(path)
        spans = found.spans
        if spans and found.duration_ms <= _WINDOW_MS:
            # One window costs the same however short the sound in it is, and silence around a voice does it good.
            # To the very end: a duration leaves out what follows its last whole millisecond.
            spans = (Span(0, found.duration_ms + 1),)
        gain = found.gain(_LIFTED_DBFS, only_below_dbfs=_SOFT_DBFS)
        words = [word for span in spans for part in _cut(span) for word in self._words(path, found.rate, part, gain)]
        return Transcript(
            join([word.text for word in words]),
            tuple(words),
            self.engine,
            self.model,
            mean_confidence(words),
            found.quality,
        )

    def alternatives(self, path: Path, span: Span, count: int) -> tuple[str, ...]:  # noqa: ARG002
        """None: faster-whisper gives its best reading only."""
        return ()

    def listen_for(self, path: Path, span: Span, phrases: Sequence[str]) -> Word | None:  # noqa: ARG002
        """None: the vocabulary cannot be narrowed."""
        return None

    def _words(self, path: Path, rate: int, span: Span, gain: float) -> list[Word]:
        segments, _ = self._whisper.transcribe(
            self._samples(path, rate, span, gain),
            language="zh",
            word_timestamps=True,
            # One misheard sentence must not lead the next ones astray.
            condition_on_previous_text=False,
        )
        return [word for segment in segments for word in self._of_segment(segment, span)]

    def _samples(self, path: Path, rate: int, span: Span, gain: float) -> Samples:
        """The span at Whisper's rate, by the resampler that faster-whisper itself uses."""
        resampler = self._av.AudioResampler(format="s16", layout="mono", rate=_RATE)
        parts = []
        for block in blocks(path, rate, span, gain):
            frame = self._av.AudioFrame.from_ndarray(np.frombuffer(block, "<i2")[None, :], format="s16", layout="mono")
            frame.sample_rate = rate
            parts += resampler.resample(frame)
        parts += resampler.resample(None)
        sound = np.concatenate([part.to_ndarray()[0] for part in parts]) if parts else np.zeros(0, np.int16)
        return sound.astype(np.float32) / np.float32(32768)

    def _of_segment(self, segment: Any, span: Span) -> list[Word]:
        said = [word for word in segment.words or () if word.word.strip()]
        # Converted together: which simplified character is meant often depends on the word before or behind.
        text = self._simplified.convert("".join(word.word.strip() for word in said))
        ends = list(accumulate(len(word.word.strip()) for word in said))
        if ends and len(text) == ends[-1]:
            texts = [text[start:end] for start, end in pairwise([0, *ends])]
        else:
            texts = [self._simplified.convert(word.word.strip()) for word in said]
        return [self._word(word, text, span) for word, text in zip(said, texts, strict=True)]

    def _word(self, word: Any, text: str, span: Span) -> Word:
        start_ms, end_ms = (min(span.start_ms + int(edge * 1000), span.end_ms) for edge in (word.start, word.end))
        return Word(text, start_ms, end_ms, round(float(word.probability), 4))


def _cut(span: Span) -> list[Span]:
    parts = math.ceil((span.end_ms - span.start_ms) / _LONGEST_MS)
    size = math.ceil((span.end_ms - span.start_ms) / max(parts, 1))
    return [Span(start, min(start + size, span.end_ms)) for start in range(span.start_ms, span.end_ms, max(size, 1))]
