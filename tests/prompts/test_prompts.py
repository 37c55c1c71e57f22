"""The prompts and their audio belong together, and sound as a telephone needs them."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import numpy as np
import pytest

from config.check import check_city
from config.prompts import PromptError, Samples, lint, load, render
from config.voice import spoken
from tests.conftest import REPOSITORY
from tests.pbx.audio import voice_like, write_wav

CITY = REPOSITORY / "config" / "city"


@pytest.fixture
def city(tmp_path: Path) -> Path:
    """A copy of the city that a test may spoil."""
    shutil.copytree(CITY, tmp_path / "city")
    return tmp_path / "city"


class Hum:
    """A voice that hums."""

    name = "hum"

    def speak(self, text: str) -> tuple[Samples, int]:
        return voice_like(0.3 + 0.1 * len(text)) / 32768, 8000


def test_the_citys_files_are_in_order() -> None:
    assert check_city(CITY) == []


def problems(city: Path) -> list[str]:
    return [str(finding) for finding in lint(city)]


def test_a_text_that_changed_is_found_until_it_is_rendered(city: Path) -> None:
    file = city / "prompts.zh.yaml"
    file.write_text(file.read_text(encoding="utf-8").replace("text: 按键有误。", "text: 按键错误。"), encoding="utf-8")
    assert problems(city) == [
        "prompts.zh.yaml: prompt 'invalid_key' has audio of another text: run `hotline prompts render`"
    ]
    made: list[str] = []
    assert render(city, Hum(), made.append) == 1
    assert made[0].startswith("invalid_key:")
    assert problems(city) == []


def test_audio_that_is_missing_changed_or_unfit_is_found(city: Path) -> None:
    prompts = city / "prompts"
    (prompts / "goodbye.wav").unlink()
    write_wav(prompts / "no_agent.wav", voice_like(1) // 30)
    write_wav(prompts / "queue_wait.wav", voice_like(1), rate=16000)
    write_wav(prompts / "to_agent.wav", np.concatenate([np.zeros(4000, np.int16), voice_like(1)]))
    write_wav(prompts / "beep.wav", np.full(800, 32767, np.int16))
    write_wav(prompts / "stray.wav", voice_like(1))
    found = "\n".join(problems(city))
    for words in (
        "'goodbye' has no audio",
        "'no_agent' has audio that was changed by hand",
        "'no_agent' speaks at",
        "'queue_wait' is not 8000 Hz mono 16-bit WAV",
        "'to_agent' begins with silence",
        "'beep' is louder than -1 dBFS",
        "'stray' has audio but no text",
    ):
        assert words in found


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("welcome: {}", "welcome"),
        ("welcome: {txt: a}", "welcome"),
        ("welcome: [", "not YAML"),
        ("a: {text: x, silence_ms: 3}", "a"),
    ],
)
def test_prompts_that_are_none_are_refused_in_one_sentence(city: Path, text: str, words: str) -> None:
    (city / "prompts.zh.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(PromptError, match=words) as refused:
        load(city)
    assert "\n" not in str(refused.value)
    assert check_city(city) != []


def test_a_text_cannot_be_rendered_without_a_voice(city: Path) -> None:
    with pytest.raises(PromptError, match="must be spoken"):
        render(city, None, lambda _: None, frozenset({"goodbye"}))
    with pytest.raises(PromptError, match="no prompt 'nonsense'"):
        render(city, None, lambda _: None, frozenset({"nonsense"}))
    assert render(city, None, lambda _: None, frozenset({"beep", "pause"})) == 2


@pytest.mark.parametrize("name", ["menu_main", "menu_emergency", "menu_lines", "voicemail_review", "repeat_number"])
def test_each_key_of_a_menu_is_named_once_and_after_its_matter(name: str) -> None:
    text = load(CITY)[name].text
    parts = [part for part in re.split("[，。]", text) if "请按" in part]
    keys = [re.fullmatch(r"[^\d]+请按(\d)", part) for part in parts]
    assert all(keys)
    named = [key[1] for key in keys if key]
    assert len(named) == len(set(named)) > 0
    assert len(re.findall(r"\d", text)) == len(named)


def test_numbers_are_read_as_people_say_them() -> None:
    assert spoken("连云港12345热线") == "连云港幺二三四五热线"
    assert spoken("转接110请按1，119请按9") == "转接幺幺零请按一，幺幺九请按九"
