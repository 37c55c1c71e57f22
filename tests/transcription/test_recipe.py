"""The test's voicemails stand alone, and the recipe's parts fit libvosk's."""

from __future__ import annotations

import random

import pytest

from tests.speech import VOICEMAILS, said_voicemails
from transcription.model_recipe.texts import SLOT_GRAM, Reserved, fill, number, sentences, spoken, tuning


def test_nothing_of_the_tests_voicemails_is_in_the_sentences() -> None:
    reserved = Reserved()
    assert len(sentences()) > 10_000
    assert [sentence for sentence in (*sentences(), *tuning()) if reserved.found_in(sentence)] == []


def test_what_is_spoken_and_counted_keeps_free_of_them() -> None:
    """A filled slot may come upon what the test has; such a sentence is not given out."""
    reserved = Reserved()
    slot = max(reserved.grams)
    assert len(slot) == SLOT_GRAM
    assert reserved.found_in(f"我住在{slot}旁边") == slot
    assert reserved.found_in(said_voicemails()[-1].text)
    made = spoken(random.Random(1), reserved)
    assert not any(reserved.found_in(next(made)) for _ in range(2000))


def test_a_sentence_is_for_tuning_or_for_training() -> None:
    assert not set(tuning()) & set(sentences())
    assert len(tuning()) > 100


def test_the_voicemails_are_what_the_pipeline_gets() -> None:
    said = said_voicemails()
    assert len(said) >= 30
    assert all(5 <= one.samples.size / 8000 <= 25 for one in said)
    assert {one.file for one in said} == set(VOICEMAILS.glob("*.wav"))


@pytest.mark.parametrize(
    ("value", "read"),
    [
        (7, "七"),
        (10, "十"),
        (15, "十五"),
        (110, "一百一十"),
        (205, "二百零五"),
        (10_080, "一万零八十"),
        (3600, "三千六百"),
    ],
)
def test_numbers_are_read(value: int, read: str) -> None:
    assert number(value) == read


def test_every_slot_of_the_sentences_can_be_filled() -> None:
    r = random.Random(2)
    assert not any("{" in fill(sentence, r) for sentence in sentences())
