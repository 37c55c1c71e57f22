"""A hundred people call at once and leave a message, while the worker transcribes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import func, select

from casebook.store.schema import call, call_session, transcript
from casebook.store.verify import verify_chains
from tests.e2e.conftest import EVERYTHING, Said
from tests.e2e.hotline import TestLine, running
from tests.pbx.audio import Key, Silence, Speech, Timeline, likeness, read_samples

GROUPS, EACH = 4, 25


@pytest.fixture
def busy_line(tmp_path: Path, pbx_prefix: Path) -> Iterator[TestLine]:
    with running(TestLine(tmp_path, pbx_prefix), *EVERYTHING) as started:
        yield started


def unhurried(said: Said) -> Timeline:
    """As `leave_message`, with more patience between the keys."""
    keys: Timeline = [Silence(1.5), Key("2"), Silence(2.0), Key("1"), Silence(2.5), Key("1"), Silence(1.2)]
    return [*keys, Speech(said.samples), Silence(0.3), Key("#"), Silence(2.0), Key("1"), Silence(3.0)]


@pytest.mark.alone
@pytest.mark.timeout(600)
def test_a_hundred_calls_at_once_are_a_hundred_cases(busy_line: TestLine, speech: list[Said]) -> None:
    line, spoken = busy_line, speech[:GROUPS]
    started = [
        line.caller.start(
            unhurried(said), calls=EACH, rate=5, hang_up=True, limit_s=150, number=f"1360{n}00[call_number]"
        )
        for n, said in enumerate(spoken)
    ]
    most = 0

    def all_over() -> bool:
        nonlocal most
        most = max(most, len(line.channels()))
        return all(process.poll() is not None for process, _ in started)

    line.wait(all_over, 180, "callers stay on the line")
    results = [line.caller.result(folder) for _, folder in started]
    assert [(r.successful, r.failed) for r in results] == [(EACH, 0)] * GROUPS, results[0].output[-2000:]
    assert most >= 90, f"only {most} calls were there at once"
    line.wait(lambda: not line.channels(), 20, "channels stay")

    items = line.wait_voicemails(GROUPS * EACH, 40)
    assert len({item.case_no for item in items}) == len(items) == GROUPS * EACH
    heard: Counter[int] = Counter()
    for item in items:
        kept = read_samples(line.recording(item))
        likes = [likeness(said.samples, kept).correlation for said in spoken]
        assert max(likes) > 0.99, f"{item.case_no}: correlation {max(likes):.3f}"
        heard[likes.index(max(likes))] += 1
    assert set(heard.values()) == {EACH}

    def transcribed() -> bool:
        return all(item.transcript_state == "done" for item in line.voicemails())

    line.wait(transcribed, 200, "not all transcribed")
    per_recording = select(func.count()).select_from(transcript).group_by(transcript.c.recording_id)
    assert [row[0] for row in line.rows(per_recording)] == [1] * GROUPS * EACH
    open_sessions = select(func.count()).select_from(call_session).where(call_session.c.ended_at.is_(None))
    assert line.rows(open_sessions) == [(0,)]
    assert line.rows(select(call.c.outcome).distinct()) == [("voicemail",)]
    assert verify_chains(line.engine) == []
