"""Alarm words: what must be heard, and what must not."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.alarms import Tally, measure
from transcription.alarms import AlarmDetector, AlarmsError

CITY = Path(__file__).parents[2] / "config" / "city"


@pytest.fixture(scope="module")
def detector() -> AlarmDetector:
    return AlarmDetector.load(CITY / "alarms.yaml")


@pytest.mark.parametrize("rate", [0.0, 0.1])
def test_dangers_are_heard_and_little_else(detector: AlarmDetector, rate: float) -> None:
    """Rate 0.1: a tenth of the words misheard, about 5.5 % of the characters wrong."""
    whole: Tally = measure(detector, rate, seeds=2).whole
    assert whole.alarms >= 200
    assert whole.others >= 200
    assert whole.recall >= 0.95
    assert whole.false_rate <= 0.02


@pytest.mark.parametrize(
    ("text", "category"),
    [
        ("我家楼下着火了快来人", "fire"),
        ("我家楼下找火了快来人", "fire"),
        ("没有着火就是烟大", None),
        ("火车站的消防栓坏了", None),
        ("什么时候搞消防演练", None),
        ("这种行为是为了利益", None),
        ("我不想活了", "suicide"),
        ("我爱人大出血了", "medical"),  # where 大 may be read as in 人大
        ("", None),
        ("😀", None),
    ],
)
def test_single_texts(detector: AlarmDetector, text: str, category: str | None) -> None:
    found = {one.category for one in detector.alarms(text)}
    assert found == ({category} if category else set())


def test_an_alarm_names_the_words_it_came_from(detector: AlarmDetector) -> None:
    text = "喂，你好，我家厨房找火了，快来救命"
    [alarm] = detector.alarms(text)
    assert (alarm.phrase, alarm.quote, alarm.by) == ("着火", "找火", "sound")
    assert text[alarm.start : alarm.end] == alarm.quote
    assert alarm.severity == "emergency"


def test_an_urgent_word_or_a_setting_moves_the_score(detector: AlarmDetector) -> None:
    def score(text: str) -> float:
        return next(one.score for one in detector.findings(text) if one.category == "fire")

    assert score("请问着火怎么办") < score("着火怎么办") < score("救命着火怎么办")


def test_at_most_one_alarm_for_each_category(detector: AlarmDetector) -> None:
    found = detector.alarms("着火了，着大火了，浓烟滚滚，有人被砍伤了，满脸是血")
    categories = [one.category for one in found]
    assert sorted(categories) == sorted(set(categories))
    assert {"fire", "violence"} <= set(categories)
    assert [one.score for one in found] == sorted((one.score for one in found), reverse=True)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("threshold: 1\n", "Field required"),
        ("[", "alarms.yaml"),
        ("threshold: high\nurgent: []\ndenials: []\nsettings: []\nnever: []\ncategories: []\n", "threshold"),
    ],
)
def test_a_wrong_file_is_one_sentence(tmp_path: Path, content: str, says: str) -> None:
    path = tmp_path / "alarms.yaml"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(AlarmsError, match=says) as error:
        AlarmDetector.load(path)
    assert "\n" not in str(error.value)


def test_a_missing_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(AlarmsError, match=r"alarms\.yaml"):
        AlarmDetector.load(tmp_path / "alarms.yaml")
