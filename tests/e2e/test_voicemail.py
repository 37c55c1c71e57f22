"""A real SIP call through real Asterisk becomes a case: recorded, numbered, transcribed, found by the reviewer."""

from __future__ import annotations

from sqlalchemy import select

from casebook.store.schema import call, recording
from casebook.store.verify import verify_chains
from ivr.ports import LookUpCase
from tests.e2e.calls import LEAD_S, TRAIL_S, digits_heard, heard_file, leave_message, to_the_beep
from tests.e2e.conftest import Said
from tests.e2e.hotline import TestLine
from tests.pbx.audio import Key, Silence, Speech, Timeline, likeness, read_samples
from transcription.evaluate import character_error_rate


def listen(line: TestLine) -> None:
    """Record what the one caller hears from now on."""
    line.wait(lambda: len(line.channels()) == 1, 15, "no call")
    target = heard_file(line.folder)
    line.pbx.cli(f"mixmonitor start {line.channels()[0]} {line.folder / 'both.wav'},t({target})")


def test_a_call_becomes_a_case_whose_number_the_caller_hears(line: TestLine, speech: list[Said]) -> None:
    said = speech[1]
    before = len(line.voicemails())
    process, _ = line.caller.start(
        leave_message(said.samples, then=[Silence(1.0), Key("1"), Silence(20)]), limit_s=90, number="13812345678"
    )
    listen(line)
    item = line.wait_voicemails(before + 1, 40)[0]
    process.wait(100)
    assert item.demand == "complaint"
    assert item.masked_number == "138****5678"

    kept = likeness(said.samples, read_samples(line.recording(item)))
    assert kept.correlation > 0.99
    expected_s = LEAD_S + said.samples.size / 8000 + TRAIL_S
    assert abs(kept.recording_s - expected_s) <= 0.3
    assert abs(item.duration_ms / 1000 - kept.recording_s) < 0.05

    heard = read_samples(heard_file(line.folder))
    assert digits_heard(heard, "case_number_is", 14) == item.case_no.removeprefix("LYG")
    code = digits_heard(heard, "query_code_is", 4)
    with line.parts.store.transaction() as unit:
        assert unit.look_up_case(LookUpCase(item.case_no.removeprefix("LYG"), code)).name == "case_found"

    line.wait(lambda: line.voicemails()[0].transcript_state == "done", 60, "no transcript")
    assert line.rows(select(call.c.outcome).where(call.c.call_id == item.call_id)) == [("voicemail",)]


def test_several_voicemails_are_transcribed_well_enough(line: TestLine, speech: list[Said]) -> None:
    spoken = speech[2:10]
    before = len(line.voicemails())
    processes = [line.caller.start(leave_message(said.samples), limit_s=90)[0] for said in spoken]
    for process in processes:
        process.wait(120)
    items = line.wait_voicemails(before + len(spoken), 30)[: len(spoken)]
    line.wait(lambda: all(i.transcript_state == "done" for i in line.voicemails()), 90, "not all transcribed")
    texts = {item.case_no: item.transcript_text or "" for item in line.voicemails()}
    pairs = []
    for item in items:
        kept = read_samples(line.recording(item))
        said = max(spoken, key=lambda one: likeness(one.samples, kept).correlation)
        assert likeness(said.samples, kept).correlation > 0.99
        pairs.append((said.text, texts[item.case_no]))
    assert character_error_rate(pairs) <= 0.25
    assert len({item.case_no for item in items}) == len(spoken)


def test_hanging_up_in_the_recording_keeps_the_voicemail(line: TestLine, speech: list[Said]) -> None:
    said = speech[0]
    before = len(line.voicemails())
    result = line.caller.place([*to_the_beep(), Speech(said.samples)], hang_up=True, limit_s=60)
    assert result.successful == 1, result.output
    item = line.wait_voicemails(before + 1, 15)[0]
    assert likeness(said.samples, read_samples(line.recording(item))).correlation > 0.99
    assert line.rows(select(call.c.outcome).where(call.c.call_id == item.call_id)) == [("voicemail",)]
    line.wait(lambda: not line.channels(), 10, "channels stay")


def test_silence_is_asked_again_and_then_a_missed_call(line: TestLine) -> None:
    before = len(line.voicemails())
    ending: Timeline = [Silence(3.0), Key("#"), Silence(1.5), Key("1"), Silence(3.0), Key("#"), Silence(3.0)]
    line.caller.place([*to_the_beep("4"), *ending], limit_s=60, number="13700000001")
    newest = select(call.c.call_id, call.c.outcome).order_by(call.c.started_at.desc()).limit(1)
    ((call_id, outcome),) = line.rows(newest)
    assert outcome == "missed"
    assert line.rows(select(recording.c.kept).where(recording.c.call_id == call_id)) == [(False,), (False,)]
    assert len(line.voicemails()) == before


def test_every_history_is_whole(line: TestLine) -> None:
    assert line.voicemails()
    assert verify_chains(line.engine) == []
