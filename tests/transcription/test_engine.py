"""Mandarin out of real sound by a real libvosk."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest

from tests.pbx.audio import RATE, write_wav
from tests.speech import said_voicemails
from transcription.audio import AudioError
from transcription.engine import Transcript
from transcription.evaluate import character_error_rate, edit_distance, normalise
from transcription.model import BUNDLED, ModelMissing
from transcription.voice import Span
from transcription.vosk_engine import VoskTranscriber

LIMIT = 0.18


@pytest.fixture(scope="module")
def mandarin() -> VoskTranscriber:
    return VoskTranscriber(BUNDLED)


def test_voicemails_of_unknown_voices_and_texts_are_understood(mandarin: VoskTranscriber) -> None:
    some = said_voicemails()[::3]
    assert len(some) >= 12
    assert character_error_rate([(one.text, mandarin.transcribe(one.file).text) for one in some]) <= LIMIT


def test_words_have_times_and_confidence(mandarin: VoskTranscriber) -> None:
    said = said_voicemails()[10]
    transcript = mandarin.transcribe(said.file)
    assert " " not in transcript.text
    assert "".join(word.text for word in transcript.words) == transcript.text
    ends = [0]
    for word in transcript.words:
        assert ends[-1] <= word.start_ms <= word.end_ms <= said.samples.size / 8
        assert 0 <= word.confidence <= 1
        ends.append(word.start_ms)
    assert transcript.confidence
    assert transcript.confidence > 0.5


def test_a_transcript_says_which_model_it_is_of(mandarin: VoskTranscriber) -> None:
    said = said_voicemails()[0]
    assert mandarin.transcribe(said.file).model == (BUNDLED / "name").read_text().strip()


def test_silence_is_no_text(mandarin: VoskTranscriber, tmp_path: Path) -> None:
    write_wav(tmp_path / "a.wav", np.zeros(3 * RATE, np.int16))
    assert mandarin.transcribe(tmp_path / "a.wav").words == ()


def test_what_is_no_sound_is_said_in_one_sentence(mandarin: VoskTranscriber, tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(b"<xml/>")
    with pytest.raises(AudioError, match="no sound"):
        mandarin.transcribe(tmp_path / "a.wav")


def test_threads_share_one_model(mandarin: VoskTranscriber) -> None:
    files = [one.file for one in said_voicemails()[:4]]
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


def test_a_narrowed_vocabulary_finds_the_phrase_that_was_heard(mandarin: VoskTranscriber) -> None:
    path = PROMPTS / "ask_query_code.wav"
    words = mandarin.transcribe(path).words
    longest = max(words, key=lambda word: word.end_ms - word.start_ms)
    heard = mandarin.listen_for(path, Span(longest.start_ms, longest.end_ms), [longest.text, "垃圾", "路灯"])
    assert heard is not None
    assert (heard.text, heard.start_ms, heard.end_ms) == (longest.text, longest.start_ms, longest.end_ms)


def test_phrases_of_unknown_words_cannot_be_listened_for(mandarin: VoskTranscriber) -> None:
    assert mandarin.listen_for(PROMPTS / "ask_query_code.wav", Span(0, 1000), ["안녕하세요"]) is None


def test_a_fixed_vocabulary_is_left_alone(shared_dir: Path) -> None:
    fixed = VoskTranscriber(shared_dir / "models" / "vosk-tiny-cn-proof")
    path = shared_dir / "data" / "speech" / "BAC009S0150W0323.wav"
    word = fixed.transcribe(path).words[0]
    assert fixed.listen_for(path, Span(word.start_ms, word.end_ms), [word.text]) is None


def test_other_readings_differ(mandarin: VoskTranscriber) -> None:
    path = PROMPTS / "fallback_record.wav"
    readings = mandarin.alternatives(path, Span(0, 7000), 5)
    assert 2 <= len(readings) <= 5
    assert len(set(readings)) == len(readings)
    assert all(readings)


def test_words_of_a_long_recording_are_where_they_were_said(mandarin: VoskTranscriber, tmp_path: Path) -> None:
    """The same sentence twice, with a silence between that is left out: its words come twice, 60 seconds apart."""
    sentence = said_voicemails()[0].samples
    gap = np.zeros(60 * RATE - sentence.size, np.int16)
    write_wav(tmp_path / "a.wav", np.concatenate([sentence, gap, sentence]))
    words = mandarin.transcribe(tmp_path / "a.wav").words
    first = [word for word in words if word.start_ms < 30_000]
    second = [word for word in words if word.start_ms >= 30_000]
    assert [word.text for word in first] == [word.text for word in second]
    for one, two in zip(first, second, strict=True):
        assert two.start_ms - one.start_ms == pytest.approx(60_000, abs=250)
