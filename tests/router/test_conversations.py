"""Two files of a conversation become one in two channels; a crash in between repeats it and loses nothing."""

from __future__ import annotations

import os
import time
import wave
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from call_router.conversations import Conversations
from casebook.store import open_engine, upgrade
from casebook.store.desk import DeskLog
from tests.pbx.audio import write_wav

CALL = "lyg1-1763900000.12"
NOW = datetime(2026, 11, 23, tzinfo=UTC)


@pytest.fixture
def log(tmp_path: Path) -> DeskLog:
    engine = open_engine(f"sqlite:///{tmp_path / 'hotline.db'}")
    upgrade(engine)
    return DeskLog(engine)


def sides(root: Path, left: int, right: int, age_s: float = 60) -> None:
    for name, size in (("in", left), ("out", right)):
        file = root / "conversations" / f"{CALL}-1-{name}.wav"
        write_wav(file, np.full(size, 1000 if name == "in" else 2000, np.int16))
        os.utime(file, (time.time() - age_s, time.time() - age_s))


def take_in(root: Path, log: DeskLog, live: set[str] | None = None) -> int:
    return Conversations(root, log, lambda: NOW).take_in(live or set(), lambda call_id: call_id.startswith("lyg1-"))


def test_the_citizen_is_left_and_the_shorter_side_is_filled_up(tmp_path: Path, log: DeskLog) -> None:
    sides(tmp_path, 8000, 16000)
    assert take_in(tmp_path, log) == 1
    (row,) = log.conversations(CALL)
    assert (row.path, row.duration_ms) == (f"conversations/20251123/{CALL}-1.wav", 2000)
    with wave.open(str(tmp_path / row.path)) as audio:
        assert (audio.getnchannels(), audio.getframerate(), audio.getnframes()) == (2, 8000, 16000)
        both = np.frombuffer(audio.readframes(16000), "<i2").reshape(-1, 2)
    assert (both[:8000, 0] == 1000).all()
    assert (both[8000:, 0] == 0).all()
    assert (both[:, 1] == 2000).all()
    assert list((tmp_path / "conversations").glob("*.wav")) == []


def test_a_header_that_was_never_finished_does_not_matter(tmp_path: Path, log: DeskLog) -> None:
    sides(tmp_path, 8000, 8000)
    file = tmp_path / "conversations" / f"{CALL}-1-in.wav"
    data = bytearray(file.read_bytes())
    data[4:8] = data[40:44] = bytes(4)
    file.write_bytes(data)
    os.utime(file, (time.time() - 60, time.time() - 60))
    assert take_in(tmp_path, log) == 1
    assert log.conversations(CALL)[0].duration_ms == 1000


def test_a_crash_before_the_files_were_removed_makes_no_second_row(tmp_path: Path, log: DeskLog) -> None:
    sides(tmp_path, 8000, 8000)
    take_in(tmp_path, log)
    sides(tmp_path, 8000, 8000)
    take_in(tmp_path, log)
    assert len(log.conversations(CALL)) == 1


@pytest.mark.parametrize(("live", "age_s"), [({CALL}, 60), (set(), -60)])
def test_what_is_still_being_written_is_left_alone(tmp_path: Path, log: DeskLog, live: set[str], age_s: float) -> None:
    sides(tmp_path, 8000, 8000, age_s)
    assert take_in(tmp_path, log, live) == 0
    assert log.conversations(CALL) == []


def test_a_conversation_of_nobody_leaves_no_row(tmp_path: Path, log: DeskLog) -> None:
    sides(tmp_path, 0, 0)
    take_in(tmp_path, log)
    assert log.conversations(CALL) == []
    assert list((tmp_path / "conversations").glob("*.wav")) == []
