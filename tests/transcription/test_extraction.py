"""What a text suggests to the reviewer, with the words it came from."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pytest

from benchmarks.repair import words
from transcription.extraction import Matter, MattersError, load_matters, suggestions
from transcription.gazetteer import Gazetteer
from transcription.repair import repair, spaced

CITY = Path(__file__).parents[2] / "config" / "city"
SPOKEN_AT = datetime(2026, 11, 20, 10, 0)  # noqa: DTZ001 - the caller's local time
GAZETTEER = Gazetteer.load(CITY / "places.yaml")
MATTERS = load_matters(CITY / "matters.yaml")


def suggest(text: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for one in suggestions(repair(words(text), GAZETTEER), GAZETTEER, MATTERS, SPOKEN_AT):
        found.setdefault(one.kind, []).append(one.value)
    return found


def test_a_whole_voicemail() -> None:
    assert suggest("我住海州区苍梧小区三号楼二单元五零一室电话幺三八幺二三四五六七八昨天晚上八点半停水") == {
        "phone": ["13812345678"],
        "place": ["海州区苍梧小区3号楼2单元501室"],
        "matter": ["供水排水"],
        "time": ["2026-11-19T20:30"],
    }


@pytest.mark.parametrize(
    ("text", "phones"),
    [
        ("电话八五四一二三四五", ["85412345"]),
        ("编号八五四一二三四五", []),
        ("零五一八八五四一二三四五", ["051885412345"]),
        ("幺二三四五六七八九零幺二", []),
        ("电话一三八一二三四五六七八再说一遍一三八一二三四五六七八", ["13812345678"]),
    ],
)
def test_telephone_numbers(text: str, phones: list[str]) -> None:
    assert suggest(text).get("phone", []) == phones


@pytest.mark.parametrize(
    ("text", "times"),
    [
        ("十一月三号下午两点施工", ["2026-11-03T14:00"]),
        ("今天早上七点四十停电", ["2026-11-20T07:40"]),
        ("前天停电", ["2026-11-18"]),
        ("二月三十号停电", ["2月30号"]),
        ("晚上十二点还在施工", ["晚上12点"]),
        ("停电了", []),
    ],
)
def test_times(text: str, times: list[str]) -> None:
    assert suggest(text).get("time", []) == times


def test_a_unit_is_no_place() -> None:
    assert "place" not in suggest("连云港市公安局的电话打不通")


def test_each_suggestion_names_its_words() -> None:
    tokens = repair(words("海州区苍梧小区停水"), GAZETTEER)
    text = "".join(spaced(tokens))
    for one in suggestions(tokens, GAZETTEER, MATTERS, SPOKEN_AT):
        assert one.quote in text
        assert 0 <= one.start_ms < one.end_ms <= tokens[-1].end_ms
        assert one.confidence == 0.8


def test_no_more_than_three_matters() -> None:
    matters = [Matter(name=str(n), words=("水" * (n + 1),)) for n in range(5)]
    found = [one.value for one in suggestions(repair(words("水" * 6), GAZETTEER), GAZETTEER, matters, SPOKEN_AT)]
    assert found == ["4", "3", "2"]


def test_a_wrong_file_is_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "matters.yaml"
    path.write_text("matters: [{name: 噪声}]", encoding="utf-8")
    with pytest.raises(MattersError, match=r"matters\.yaml") as error:
        load_matters(path)
    assert "\n" not in str(error.value)
