"""The city's names in their letters, sentences from pauses, nothing changed silently."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.repair import mishear, read_voicemails, words
from transcription.engine import Word
from transcription.evaluate import character_error_rate
from transcription.gazetteer import Gazetteer, GazetteerError, Place
from transcription.numbers import in_figures
from transcription.repair import Token, repair, spaced, written

CITY = Path(__file__).parents[2] / "config" / "city"


@pytest.fixture(scope="module")
def gazetteer() -> Gazetteer:
    return Gazetteer.load(CITY / "places.yaml")


def said(text: str, gazetteer: Gazetteer) -> str:
    return written(repair(words(text), gazetteer))


@pytest.mark.parametrize(
    ("heard", "right"),
    [
        ("海洲区的路灯坏了", "海州区的路灯坏了。"),
        ("干鱼区停水了", "赣榆区停水了。"),
        ("关云县一山镇", "灌云县伊山镇。"),
        ("联云等市第一人民医院收费太高", "连云港市第一人民医院收费太高。"),
        ("苍五路堵车", "苍梧路堵车。"),
    ],
)
def test_a_name_is_mended_by_its_sound(heard: str, right: str, gazetteer: Gazetteer) -> None:
    assert said(heard, gazetteer) == right


@pytest.mark.parametrize(
    "text",
    ["这就是政府的态度", "县自来水公司不管", "找水务局解决", "山东海鲜市场", "海州区海州区", "我从海州去上海",
     "西地省第二人民医院", "朝阳新村很吵"],
)  # fmt: skip
def test_what_may_be_something_else_is_left_alone(text: str, gazetteer: Gazetteer) -> None:
    assert said(text, gazetteer) == text + "。"


def test_a_sure_recogniser_is_believed(gazetteer: Gazetteer) -> None:
    text = "苍午路堵车"
    doubtful, sure = [0.6] * len(text), [1.0] * len(text)
    assert [one.name for one in gazetteer.mendings(text, doubtful)] == ["苍梧路"]
    assert gazetteer.mendings(text, sure) == []


def test_two_places_of_one_sound_are_not_guessed() -> None:
    gazetteer = Gazetteer([Place(name="长江路", kind="road"), Place(name="常江路", kind="road")])
    assert gazetteer.mendings("厂江路", [0.5] * 3) == []


def test_what_was_heard_is_kept(gazetteer: Gazetteer) -> None:
    tokens = repair(words("海洲区三号楼漏水"), gazetteer)
    assert written(tokens) == "海州区3号楼漏水。"
    assert "".join(token.heard for token in tokens) == "海洲区三号楼漏水"
    changed = [(token.heard, token.text) for token in tokens if token.heard != token.text]
    assert ("海洲区", "海州区") in changed
    assert all(one.end_ms <= two.start_ms for one, two in itertools.pairwise(tokens))


def test_sentences_end_at_pauses(gazetteer: Gazetteer) -> None:
    heard = [
        Word("楼上", 0, 400, 0.9),
        Word("漏水", 400, 800, 0.9),
        Word("三天", 1200, 1600, 0.9),
        Word("了", 1600, 1700, 0.9),
        Word("有", 2700, 2900, 0.9),
        Word("人", 2900, 3000, 0.9),
        Word("管", 3000, 3100, 0.9),
        Word("吗", 3100, 3200, 0.9),
    ]
    assert written(repair(heard, gazetteer)) == "楼上漏水，三天了。有人管吗？"


def test_the_recogniser_s_own_marks_are_kept(gazetteer: Gazetteer) -> None:
    heard = [
        Word("你好,", 0, 400, 0.9),
        Word("我叫", 400, 800, 0.9),
        Word("Tom", 800, 1000, 0.9),
        Word("7.", 1000, 1100, 0.9),
    ]
    heard.append(Word("05分。", 1100, 1300, 0.9))
    assert written(repair(heard, gazetteer)) == "你好，我叫Tom7.05分。"


def test_nothing_becomes_nothing(gazetteer: Gazetteer) -> None:
    assert repair([], gazetteer) == ()
    assert written([]) == ""


@given(st.lists(st.text(alphabet="海州洲区苍梧五路三号楼二一零幺十百 ,.。？7A", min_size=0, max_size=5), max_size=12))
def test_every_token_says_what_was_heard(parts: list[str]) -> None:
    gazetteer = Gazetteer([Place(name="海州区", kind="district"), Place(name="苍梧路", kind="road")])
    heard = [Word(part, n * 300, n * 300 + 250, 0.7) for n, part in enumerate(parts)]
    tokens: tuple[Token, ...] = repair(heard, gazetteer)
    assert len(spaced(tokens)) == len(tokens)
    left = "".join(token.heard for token in tokens)
    letters = [letter for part in parts for letter in part if letter.isalnum()]
    assert [letter for letter in left if letter.isalnum()] == letters


@pytest.mark.parametrize("rate", [0.0, 0.1, 0.3])
def test_repair_helps_the_domain_s_voicemails(rate: float, gazetteer: Gazetteer) -> None:
    outcomes = mishear(read_voicemails(), gazetteer, rate, seeds=2)

    def right(kind: str, text: str) -> int:
        return sum(name in getattr(one, text) for one in outcomes for name in getattr(one.voicemail, kind))

    assert right("numbers", "written") > right("numbers", "heard")
    assert right("places", "written") >= right("places", "heard") + (1 if rate else 0)
    before = [(in_figures(one.voicemail.spoken), in_figures(one.heard)) for one in outcomes]
    after = [(in_figures(one.voicemail.spoken), one.written) for one in outcomes]
    assert character_error_rate(after) <= character_error_rate(before)


def test_clean_text_is_written_without_a_mistake(gazetteer: Gazetteer) -> None:
    for one in mishear(read_voicemails(), gazetteer, 0.0, seeds=1):
        assert all(name in one.written for name in (*one.voicemail.numbers, *one.voicemail.places)), one.written


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("places: [{name: 海州区, kind: district}, {name: 海州区, kind: road}]", "stands for two places"),
        ("places: [{name: 苍梧路, kind: road, in: 海州}]", "no district"),
        ("places: [{name: 苍梧路, kind: street}]", "places.yaml"),
        ("places: [", "places.yaml"),
    ],
)
def test_a_wrong_gazetteer_is_one_sentence(tmp_path: Path, content: str, says: str) -> None:
    path = tmp_path / "places.yaml"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(GazetteerError, match=says) as error:
        Gazetteer.load(path)
    assert "\n" not in str(error.value)
