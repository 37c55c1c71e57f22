"""From a recording to text, suggestions and alarms, with recognisers that behave as told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import pytest

from config.city_words import load_reader
from transcription.engine import Transcript, Word, mean_confidence
from transcription.reading import Reader, Reading
from transcription.voice import Quality, Span

CITY = Path(__file__).parents[2] / "config" / "city"
SPOKEN_AT = datetime(2026, 11, 20, 10, 0)  # noqa: DTZ001 - the caller's local time


@dataclass
class Told:
    """A recogniser that hears what it is told, and notes what else it is asked."""

    words: Sequence[tuple[str, float]]
    readings: tuple[str, ...] = ()
    place: Word | None = None
    engine: str = "told"
    model: str = "told"
    asked: list[Span] = field(default_factory=list)
    listened: list[Span] = field(default_factory=list)

    def transcribe(self, path: Path) -> Transcript:
        words = tuple(Word(text, n * 600, n * 600 + 600, sure) for n, (text, sure) in enumerate(self.words))
        quality = Quality(speech_ms=600 * len(words), speech_dbfs=-25, noise_dbfs=-60, clipped_share=0)
        return Transcript(
            "".join(one.text for one in words), words, self.engine, self.model, mean_confidence(words), quality
        )

    def alternatives(self, path: Path, span: Span, count: int) -> tuple[str, ...]:
        self.asked.append(span)
        return self.readings[:count]

    def listen_for(self, path: Path, span: Span, phrases: Sequence[str]) -> Word | None:
        self.listened.append(span)
        return self.place


@pytest.fixture(scope="module")
def reader() -> Reader:
    return load_reader(CITY)


def read(reader: Reader, recogniser: Told) -> Reading:
    return reader.read(recogniser, Path("a.wav"), SPOKEN_AT)


def test_the_whole_way(reader: Reader) -> None:
    heard = [(text, 0.9) for text in ("我", "住", "苍梧小区", "三号楼", "这里", "着火", "了", "快来")]
    reading = read(reader, Told(heard))
    assert reading.text == "我住苍梧小区3号楼这里着火了快来。"
    assert reading.transcript.text == "我住苍梧小区三号楼这里着火了快来"
    assert ("place", "海州区苍梧小区3号楼") in {(one.kind, one.value) for one in reading.suggestions}
    [alarm] = reading.alarms
    assert (alarm.alarm.category, alarm.found_by, alarm.start_ms) == ("fire", "text", 3000)


def test_a_doubtful_danger_is_looked_for_in_the_other_readings(reader: Reader) -> None:
    recogniser = Told([("我家", 0.9), ("在", 0.9), ("冒烟", 0.6)], readings=("我家在冒烟", "我家着火了"))
    reading = read(reader, recogniser)
    assert [one.found_by for one in reading.alarms] == ["n-best"]
    [span] = recogniser.asked
    assert (span.start_ms, span.end_ms) == (0, 1800)


def test_a_clear_voicemail_is_not_decoded_twice(reader: Reader) -> None:
    recogniser = Told([("路灯", 0.9), ("坏", 0.9), ("了", 0.9)], readings=("着火了",))
    assert read(reader, recogniser).alarms == ()
    assert recogniser.asked == []
    assert recogniser.listened == []


def test_a_recogniser_that_understood_little_is_asked_for_all_of_it(reader: Reader) -> None:
    recogniser = Told([("路灯", 0.3), ("坏", 0.2), ("了", 0.3)], readings=("有人要跳楼",))
    assert [one.alarm.category for one in read(reader, recogniser).alarms] == ["suicide"]


def test_an_unsure_place_is_heard_again(reader: Reader) -> None:
    place = Word("苍梧路", 600, 1200, 0.97)
    recogniser = Told([("我在", 0.9), ("仓务路", 0.3), ("上", 0.9)], place=place)
    reading = read(reader, recogniser)
    assert reading.text == "我在苍梧路上。"
    assert reading.transcript.text == "我在仓务路上", "what was first heard stays"
    assert recogniser.listened == [Span(600, 1200)]


@pytest.mark.parametrize(
    "place",
    [None, Word("苍梧路", 600, 1200, 0.5), Word("花果山", 600, 1200, 1.0)],
    ids=["none", "unsure", "sounds different"],
)
def test_a_place_that_may_be_none_changes_nothing(reader: Reader, place: Word | None) -> None:
    recogniser = Told([("我在", 0.9), ("医务处", 0.3), ("上", 0.9)], place=place)
    assert read(reader, recogniser).text == "我在医务处上。"


def test_silence_is_nothing(reader: Reader) -> None:
    reading = read(reader, Told([]))
    assert (reading.text, reading.tokens, reading.suggestions, reading.alarms) == ("", (), (), ())
