"""Where somebody speaks, how loud, how badly clipped; and what of it is recognised."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from tests.pbx.audio import RATE, Samples, voice_like, write_wav
from transcription.audio import Survey, blocks, survey
from transcription.voice import Quality, Span


def surveyed(tmp_path: Path, *parts: Samples) -> Survey:
    write_wav(tmp_path / "a.wav", np.concatenate(parts))
    return survey(tmp_path / "a.wav")


def silence(seconds: float) -> Samples:
    return np.zeros(int(seconds * RATE), np.int16)


def test_long_silences_are_left_out_and_short_pauses_are_not(tmp_path: Path) -> None:
    found = surveyed(
        tmp_path, silence(5), voice_like(3), silence(1), voice_like(2), silence(20), voice_like(3), silence(4)
    )
    assert len(found.spans) == 2
    first, second = found.spans
    assert first.start_ms <= 5000
    assert 11000 <= first.end_ms < 13000
    assert 29000 <= second.start_ms <= 31000
    assert second.end_ms <= found.duration_ms


def test_silence_has_no_span(tmp_path: Path) -> None:
    found = surveyed(tmp_path, silence(4))
    assert found.spans == ()
    assert found.quality.speech_dbfs is None
    assert found.gain(-26) == 1.0


@pytest.mark.parametrize(("factor", "wanted"), [(0.02, 10 ** (30 / 20)), (1.0, 1.0)])
def test_only_soft_voices_are_lifted_and_never_by_more_than_30_db(tmp_path: Path, factor: float, wanted: float) -> None:
    found = surveyed(tmp_path, silence(1), (voice_like(3) * factor).astype(np.int16), silence(1))
    gain = found.gain(-20.0, only_below_dbfs=-48.0)
    assert gain == pytest.approx(wanted, rel=0.4)


def test_the_level_is_brought_to_the_one_wanted(tmp_path: Path) -> None:
    found = surveyed(tmp_path, silence(1), voice_like(3), silence(1))
    level = found.quality.speech_dbfs
    assert level is not None
    pcm = b"".join(blocks(tmp_path / "a.wav", RATE, Span(0, found.duration_ms), found.gain(level - 12)))
    write_wav(tmp_path / "b.wav", np.frombuffer(pcm, "<i2"))
    lowered = survey(tmp_path / "b.wav").quality.speech_dbfs
    assert lowered == pytest.approx(level - 12, abs=2.0)


def test_clipping_is_told(tmp_path: Path) -> None:
    loud = np.clip(voice_like(3).astype(np.int32) * 30, -32768, 32767).astype(np.int16)
    assert surveyed(tmp_path, silence(1), loud).quality.clipped_share > 0.01
    quality: Quality = surveyed(tmp_path, silence(1), voice_like(3)).quality
    assert quality.clipped_share == 0


def test_spans_are_in_order_and_within_the_recording(shared_dir: Path) -> None:
    for file in sorted((shared_dir / "data" / "speech").glob("*.wav")):
        found = survey(file)
        assert found.spans, file.name
        assert found.spans[0].start_ms >= 0
        assert found.spans[-1].end_ms <= found.duration_ms
        assert all(one.end_ms < two.start_ms for one, two in pairwise(found.spans))
