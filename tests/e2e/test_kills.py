"""kill -9 of any process at any moment: the call goes on, nothing is lost, nothing is there twice."""

from __future__ import annotations

import time

import numpy as np
from sqlalchemy import func, select

from casebook.store.schema import call_journal, case_, outbox, transcript
from tests.e2e.calls import leave_message, to_the_beep
from tests.e2e.conftest import Said
from tests.e2e.hotline import TestLine
from tests.pbx.audio import Key, Samples, Silence, Speech, Timeline, likeness, read_samples


def cases(line: TestLine) -> int:
    return int(line.rows(select(func.count()).select_from(case_))[0][0])


def several(speech: list[Said], count: int) -> Samples:
    """One long message of several clips."""
    return np.concatenate([said.samples for said in speech[:count]])


def test_a_call_server_killed_in_the_menu_costs_a_repeated_prompt(line: TestLine, speech: list[Said]) -> None:
    before = cases(line)
    said = speech[0]
    timeline = [Silence(5.0), *leave_message(said.samples)]
    process, _ = line.caller.start(timeline, hang_up=True, limit_s=90, number="13900000001")
    line.wait(lambda: line.pending() == "gather" and line.serving() != "", 15, "no call in the menu")
    time.sleep(1)
    victim = line.serving()
    line.kill(victim)
    line.wait(lambda: line.serving() not in ("", victim), 60, "nobody took over")
    process.wait(100)
    line.start(victim)
    item = line.wait_voicemails(before + 1, 20)[0]
    assert likeness(said.samples, read_samples(line.recording(item))).correlation > 0.99
    assert line.outcome_of("13900000001") == "voicemail"
    assert cases(line) == before + 1


def test_a_call_server_killed_in_the_recording_does_not_make_the_caller_speak_again(
    line: TestLine, speech: list[Said]
) -> None:
    before = cases(line)
    said = several(speech, 2)
    then: Timeline = [Silence(2.0), Key("1"), Silence(3.0)]
    process, _ = line.caller.start(leave_message(said, then=then), hang_up=True, limit_s=90, number="13900000002")
    line.wait(lambda: line.pending() == "record", 20, "no recording")
    line.wait(lambda: any(line.settings.recordings_dir.rglob("*.wav")), 10, "no file")
    time.sleep(2.5)
    victim = line.serving()
    line.kill(victim)
    process.wait(100)
    line.start(victim)
    item = line.wait_voicemails(before + 1, 20)[0]
    assert likeness(said, read_samples(line.recording(item))).correlation > 0.99
    events = [
        row.event for row in line.rows(select(call_journal.c.event).where(call_journal.c.call_id == item.call_id))
    ]
    assert sum('"recorded"' in event for event in events) == 1
    assert line.outcome_of("13900000002") == "voicemail"
    assert cases(line) == before + 1


def test_with_no_call_server_the_pbx_answers_alone_and_the_recording_becomes_a_case(
    line: TestLine, speech: list[Said]
) -> None:
    before = cases(line)
    line.kill("agi-0")
    line.kill("agi-1")
    said = speech[3]
    # Tries, waits, two prompts and the beep: the recording begins about 19 s after the answer.
    timeline: Timeline = [Silence(22.0), Speech(said.samples), Silence(0.5), Key("#"), Silence(4.0)]
    result = line.caller.place(timeline, limit_s=60, number="13900000003")
    assert result.successful == 1, result.output
    item = line.wait_voicemails(before + 1, 30)[0]
    line.start("agi-0", "agi-1")
    assert likeness(said.samples, read_samples(line.recording(item))).correlation > 0.99
    assert item.masked_number == "139****0003"
    assert line.outcome_of("13900000003") == "voicemail"
    line.wait(lambda: line.voicemails()[0].transcript_state == "done", 60, "no transcript")
    assert cases(line) == before + 1


def test_a_call_is_taken_up_by_the_restarted_server(line: TestLine, speech: list[Said]) -> None:
    before = cases(line)
    timeline = [Silence(8.0), *leave_message(speech[4].samples)]
    process, _ = line.caller.start(timeline, hang_up=True, limit_s=90, number="13900000004")
    line.wait(lambda: line.pending() == "gather" and line.serving() != "", 15, "no call in the menu")
    line.kill("agi-0")
    line.kill("agi-1")
    line.start("agi-0")
    process.wait(100)
    line.start("agi-1")
    line.wait(lambda: line.outcome_of("13900000004") == "voicemail", 40, "the call was lost")
    assert cases(line) == before + 1


def test_a_worker_killed_in_a_transcription_is_replaced_within_a_minute(line: TestLine, speech: list[Said]) -> None:
    said = several(speech, 4)
    before = cases(line)
    jobs = select(func.count()).select_from(outbox).where(outbox.c.kind == "transcribe")
    left = jobs.where(outbox.c.state.in_(("waiting", "leased")))
    # Another call's transcription would be killed in this one's stead, while this caller is still talking.
    line.wait(lambda: line.rows(left)[0][0] == 0, 60, "earlier voicemails are still being transcribed")
    process, _ = line.caller.start([*to_the_beep(), Speech(said)], hang_up=True, limit_s=120, number="13900000005")
    leased = jobs.where(outbox.c.state == "leased")
    deadline = time.monotonic() + 120
    while line.rows(leased)[0][0] == 0:
        assert time.monotonic() < deadline, "no transcription began"
        time.sleep(0.02)
    line.kill("worker")
    killed = time.monotonic()
    process.wait(60)
    item = line.voicemails()[0]
    assert item.transcript_state == "pending"
    line.start("worker")
    line.wait(lambda: line.voicemails()[0].transcript_state == "done", 60, "not transcribed within 60 s")
    took_s = time.monotonic() - killed
    rows = line.rows(select(transcript.c.id).where(transcript.c.recording_id == int(item.recording_id or 0)))
    assert len(rows) == 1
    assert took_s <= 60
    assert cases(line) == before + 1


def test_a_hang_up_that_nobody_saw_is_found_at_the_next_start(line: TestLine) -> None:
    line.kill("router")
    process, _ = line.caller.start([Silence(7.0)], hang_up=True, limit_s=60, number="13900000006")
    line.wait(lambda: line.pending() == "gather" and line.serving() != "", 15, "no call in the menu")
    line.kill("agi-0")
    line.kill("agi-1")
    process.wait(60)
    line.wait(lambda: not line.channels(), 60, "channels stay")
    assert line.outcome_of("13900000006") == ""
    line.start("agi-0", "agi-1", "router")
    line.wait(lambda: line.outcome_of("13900000006") == "abandoned", 120, "the call has no end")


def test_a_pbx_killed_in_a_recording_loses_only_its_last_seconds(line: TestLine, speech: list[Said]) -> None:
    said = several(speech, 4)
    before = cases(line)
    process, _ = line.caller.start([*to_the_beep(), Speech(said)], hang_up=True, limit_s=60, number="13900000007")
    line.wait(lambda: line.pending() == "record", 20, "no recording")
    time.sleep(10)
    line.kill("pbx")
    process.kill()
    process.wait()
    line.start("pbx")
    item = line.wait_voicemails(before + 1, 40)[0]
    kept = read_samples(line.recording(item))
    assert kept.size / 8000 >= 4
    assert likeness(kept, np.concatenate([np.zeros(16000, np.int16), said])).correlation > 0.9
    line.wait(lambda: line.outcome_of("13900000007") == "voicemail", 120, "the call has no end")
    assert cases(line) == before + 1


def test_the_broker_lost_with_all_its_data_costs_nothing(line: TestLine, speech: list[Said]) -> None:
    before = cases(line)
    line.kill("valkey")
    for file in line.folder.glob("appendonlydir/*"):
        file.unlink()
    line.caller.place([*to_the_beep(), Speech(speech[5].samples)], hang_up=True, limit_s=60)
    line.wait_voicemails(before + 1, 20)
    line.start("valkey")
    line.wait(lambda: line.voicemails()[0].transcript_state == "done", 60, "no transcript")
    assert cases(line) == before + 1
