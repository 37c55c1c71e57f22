"""From a recording to what the reviewer sees: text, suggestions, alarms."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from transcription.alarms import Alarm, AlarmDetector
from transcription.engine import Transcriber, Transcript, Word
from transcription.extraction import Matter, Suggestion, suggestions
from transcription.gazetteer import Gazetteer
from transcription.pinyin import unlikeness
from transcription.repair import Token, repair, written
from transcription.voice import Span

_DOUBTFUL_SCORE = 0.4
_DOUBTFUL_CONFIDENCE = 0.5
_READINGS = 10
_AROUND_MS = 3000
_LONGEST_SECOND_LOOK_MS = 120_000
_UNSURE = 0.5
_PLACE_MS = (400, 3000)
_MOST_SPANS = 5
_PLACE_SURE = 0.9
_MOST_UNLIKE = 0.5


@dataclass(frozen=True, slots=True)
class SpokenAlarm:
    """An alarm, and when it was said; `found_by` is text, sound or n-best."""

    alarm: Alarm
    start_ms: int
    found_by: str


@dataclass(frozen=True, slots=True)
class Reading:
    """A transcript and what follows from it."""

    transcript: Transcript
    tokens: tuple[Token, ...]
    text: str
    suggestions: tuple[Suggestion, ...]
    alarms: tuple[SpokenAlarm, ...]


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads recordings with the words of a city."""

    gazetteer: Gazetteer
    detector: AlarmDetector
    matters: Sequence[Matter]

    def read(self, transcriber: Transcriber, path: Path, spoken_at: datetime) -> Reading:
        """`spoken_at` is the local time of the call. Raises AudioError."""
        transcript = transcriber.transcribe(path)
        words = self._places_heard_again(transcriber, path, transcript.words)
        tokens = repair(words, self.gazetteer)
        return Reading(
            transcript,
            tokens,
            written(tokens),
            suggestions(tokens, self.gazetteer, self.matters, spoken_at),
            self._alarms(transcriber, path, transcript, tokens),
        )

    def _places_heard_again(self, transcriber: Transcriber, path: Path, words: Sequence[Word]) -> list[Word]:
        """Where the recogniser was unsure, it listens again for the city's names alone, if its model can."""
        out = list(words)
        names = [name for place in self.gazetteer.places for name in (place.name, *place.short)]
        for first, last in _unsure(words)[:_MOST_SPANS]:
            heard = transcriber.listen_for(path, Span(words[first].start_ms, words[last].end_ms), names)
            if heard is None or heard.confidence < _PLACE_SURE:
                continue
            # Where a model has no word for "none of these", it names some place whatever was said.
            if unlikeness(heard.text, "".join(word.text for word in words[first : last + 1])) > _MOST_UNLIKE:
                continue
            at = out.index(words[first])
            out[at : at + last - first + 1] = [heard]
        return out

    def _alarms(
        self, transcriber: Transcriber, path: Path, transcript: Transcript, tokens: Sequence[Token]
    ) -> tuple[SpokenAlarm, ...]:
        text = "".join(token.heard + token.after for token in tokens)
        owners = [token for token in tokens for _ in token.heard + token.after]
        found = {
            one.category: SpokenAlarm(one, owners[one.start].start_ms, one.by) for one in self.detector.alarms(text)
        }
        for span in self._doubtful(transcript, text, owners):
            for reading in transcriber.alternatives(path, span, _READINGS):
                for one in self.detector.alarms(reading):
                    if one.by == "text":
                        found.setdefault(one.category, SpokenAlarm(one, span.start_ms, "n-best"))
        return tuple(sorted(found.values(), key=lambda one: -one.alarm.score))

    def _doubtful(self, transcript: Transcript, text: str, owners: Sequence[Token]) -> list[Span]:
        """Where other readings are worth their time: nearly an alarm, or a recogniser that understood little."""
        if not owners:
            return []
        end_ms = owners[-1].end_ms
        if transcript.confidence is not None and transcript.confidence < _DOUBTFUL_CONFIDENCE:
            return [Span(0, min(end_ms, _LONGEST_SECOND_LOOK_MS))]
        sure = {one.category for one in self.detector.alarms(text)}
        near = [
            one for one in self.detector.findings(text) if one.category not in sure and one.score >= _DOUBTFUL_SCORE
        ]
        return [
            Span(
                max(0, owners[one.start].start_ms - _AROUND_MS),
                min(end_ms, owners[one.end - 1].end_ms + _AROUND_MS),
            )
            for one in near[:_MOST_SPANS]
        ]


def _unsure(words: Sequence[Word]) -> list[tuple[int, int]]:
    """First and last word of each stretch of unsure ones that is as long as a name."""
    stretches: list[tuple[int, int]] = []
    for n, word in enumerate(words):
        if word.confidence >= _UNSURE:
            continue
        if stretches and stretches[-1][1] == n - 1:
            stretches[-1] = (stretches[-1][0], n)
        else:
            stretches.append((n, n))
    shortest, longest = _PLACE_MS
    return [(a, b) for a, b in stretches if shortest <= words[b].end_ms - words[a].start_ms <= longest]
