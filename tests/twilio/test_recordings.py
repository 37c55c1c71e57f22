"""A recording lies in Twilio's cloud: fetched, checked, it becomes a case and a transcription; once."""

from __future__ import annotations

import hashlib
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from casebook.store.router_tables import callback_task
from casebook.store.schema import call, case_, outbox
from config import twilio
from config.wiring import utc_now
from ivr.ports import NewCall
from ivr.twilio.cloud import Account, CloudError, Media
from tests.twilio.conftest import Scripted, TwilioLine
from tests.twilio.fake_cloud import ACCOUNT_SID, TOKEN, FakeCloud
from tests.twilio.fake_twilio import Delivery, FakeTwilio
from transcription.audio import probe

LEFT = ("2", "busy", ("say and leave", 3))
KEPT = ("2", "busy", ("say", 3), "1", "")


def jobs(line: TwilioLine, kind: str) -> list[tuple[str, int]]:
    return [(row.state, row.attempts) for row in line.rows(select(outbox).where(outbox.c.kind == kind))]


def file_of(line: TwilioLine, call_sid: str) -> Path:
    (row,) = line.recordings(call_sid)
    return line.hotline.settings.recordings_dir / str(row.path)


def test_a_recording_is_fetched_measured_and_transcribed_like_any_other(line: TwilioLine) -> None:
    made = line.call(*KEPT)
    assert jobs(line, "transcribe") == []
    line.work()
    (row,) = line.recordings(made.call_sid)
    held = line.cloud.recordings[row.path[-38:-4]]
    file = file_of(line, made.call_sid)
    assert file.read_bytes() == held.media
    assert row.sha256 == hashlib.sha256(held.media).hexdigest()
    assert 2500 <= row.duration_ms <= 3500
    assert row.speech_ms >= 1000
    assert row.kept
    assert jobs(line, "transcribe") == [("waiting", 0)]
    (case,) = line.cases(made.call_sid)
    assert case.recording_id == row.id


def test_a_recording_that_is_not_there_yet_is_asked_for_again(line: TwilioLine) -> None:
    line.cloud.refusals = [404, 503]
    made = line.call(*LEFT)
    line.work(later_s=0.1)
    assert jobs(line, "fetch_recording") == [("waiting", 1)]
    line.work(later_s=60)
    line.work(later_s=120)
    assert jobs(line, "fetch_recording") == [("done", 3)]
    assert line.recordings(made.call_sid)[0].sha256


@pytest.mark.parametrize("fault", ["error page", "cut short", "no sound", "empty"])
def test_what_is_no_recording_is_not_kept_as_one(line: TwilioLine, fault: str) -> None:
    made = line.call(*KEPT)
    (held,) = line.cloud.recordings.values()
    whole = held.media
    match fault:
        case "error page":
            held.media, held.content_type = b"<TwilioResponse/>", "application/xml"
        case "cut short":
            held.cut_short = True
        case "no sound":
            held.media = b"<TwilioResponse/>" * 40
        case "empty":
            held.media = b""
    line.work(later_s=1)
    assert jobs(line, "fetch_recording") == [("waiting", 1)]
    assert list(line.hotline.settings.recordings_dir.rglob("*.wav*")) == []
    held.media, held.content_type, held.cut_short = whole, "audio/x-wav", False
    line.work(later_s=300)
    assert file_of(line, made.call_sid).read_bytes() == whole


def test_a_recording_whose_step_was_never_reported_becomes_a_case_when_the_call_is_over(line: TwilioLine) -> None:
    line.call("0", "completed")
    made = line.call("2", "busy")
    sid = line.cloud.record(made.call_sid, 3)
    fields = {"RecordingSid": sid, "RecordingStatus": "completed"}
    made._report("https://hotline.example/twilio/recording", fields)
    line.work()
    (case,) = line.cases(made.call_sid)
    assert line.outcome(made.call_sid) == "voicemail"
    assert case.clock_started_at


def test_while_the_call_goes_on_a_recording_waits_for_its_step(line: TwilioLine) -> None:
    line.hotline.outbox  # noqa: B018 - built before the call
    made = line.call("2", "busy", ("say", 3), "1", "", delivery=Delivery(recording_first=True))
    line.work()
    assert len(line.cases(made.call_sid)) == 1
    assert [row.kept for row in line.recordings(made.call_sid)] == [True]


def test_reports_that_were_all_lost_are_made_good_by_comparing_with_the_cloud(line: TwilioLine) -> None:
    delivery = Delivery(recording_lost=True, status_lost=True)
    made = line.call("2", "busy", delivery=delivery)
    line.cloud.record(made.call_sid, 3)
    assert line.ended(made.call_sid) is None
    reaper = twilio.reaper(line.hotline)
    reaper.sweep()
    assert line.ended(made.call_sid) is None, "it was heard of a moment ago"
    reaper._clock = lambda: utc_now() + timedelta(minutes=6)
    reaper.sweep()
    assert line.ended(made.call_sid)
    line.work(later_s=600)
    assert len(line.cases(made.call_sid)) == 1
    before = len(line.cloud.asked)
    reaper.sweep()
    listed = [path.removeprefix(f"/2010-04-01/Accounts/{ACCOUNT_SID}/") for _, path in line.cloud.asked[before:]]
    assert listed == ["Calls.json", "Recordings.json"]


def test_a_call_that_goes_on_is_not_ended_by_the_comparison(line: TwilioLine) -> None:
    made = line.call("2", "busy", delivery=Delivery(status_lost=True))
    line.cloud.calls[made.call_sid]["status"] = "in-progress"
    reaper = twilio.reaper(line.hotline)
    reaper._clock = lambda: utc_now() + timedelta(minutes=6)
    reaper.sweep()
    assert line.ended(made.call_sid) is None


@pytest.mark.parametrize("line", [{"twilio_delete_recordings": True}], indirect=True)
def test_a_recording_is_deleted_in_the_cloud_only_when_it_is_here(line: TwilioLine) -> None:
    made = line.call(*KEPT)
    (held,) = line.cloud.recordings.values()
    assert not held.deleted
    line.work()
    assert held.deleted
    assert file_of(line, made.call_sid).read_bytes() == held.media


def test_by_default_nothing_is_deleted_in_the_cloud(line: TwilioLine) -> None:
    line.call(*KEPT)
    line.work()
    assert [held.deleted for held in line.cloud.recordings.values()] == [False]


def test_the_token_goes_to_twilios_host_alone_whatever_address_a_form_names(line: TwilioLine) -> None:
    # The fake sends RecordingUrl=https://attacker.example/...; every request arrives at the account's own host.
    line.call(*KEPT)
    line.work()
    assert jobs(line, "fetch_recording") == [("done", 1)]
    assert {path.split("/Recordings")[0] for _, path in line.cloud.asked} == {f"/2010-04-01/Accounts/{ACCOUNT_SID}"}


def test_while_the_token_is_being_changed_the_second_one_serves(cloud: FakeCloud, tmp_path: Path) -> None:
    sid = cloud.record("CA" + "1" * 32, 2)
    path = f"twilio/11/CA{'1' * 32}-{sid}.wav"
    media = Media(
        Account(ACCOUNT_SID, ("not yet", TOKEN), cloud.address), tmp_path, lambda file: probe(file) is not None
    )
    assert media.bring(path).is_file()
    cloud.tokens.clear()
    (tmp_path / path).unlink()
    with pytest.raises(CloudError, match="401"):
        media.bring(path)


@pytest.mark.parametrize("path", ["twilio/../../etc/passwd", "20261123/x.wav", f"twilio/11/CA{'1' * 32}-RE1.wav"])
def test_a_path_that_is_none_is_not_fetched(cloud: FakeCloud, tmp_path: Path, path: str) -> None:
    media = Media(Account(ACCOUNT_SID, (TOKEN,), cloud.address), tmp_path, lambda _: True)
    with pytest.raises(CloudError, match="not the path"):
        media.bring(path)
    assert cloud.asked == []


def test_a_recording_that_never_comes_leaves_its_case_and_is_shown_as_failed(line: TwilioLine) -> None:
    made = line.call(*KEPT)
    for held in line.cloud.recordings.values():
        held.refusals = [404] * 20
    for n in range(1, 10):
        line.work(later_s=n * 10_000)
    assert jobs(line, "fetch_recording") == [("dead", 8)]
    (case,) = line.cases(made.call_sid)
    assert line.rows(select(case_.c.state)) == [("DRAFT",)]
    assert line.hotline.voicemails.get(case.case_no).transcript_state == "failed"


def test_a_recording_that_was_given_up_is_fetched_when_the_cloud_has_it_after_all(line: TwilioLine) -> None:
    made = line.call(*KEPT)
    (held,) = line.cloud.recordings.values()
    held.refusals = [503] * 8
    for n in range(1, 10):
        line.work(later_s=n * 10_000)
    assert jobs(line, "fetch_recording") == [("dead", 8)]
    twilio.reaper(line.hotline).sweep()
    line.work()
    assert jobs(line, "fetch_recording") == [("done", 1)]
    assert file_of(line, made.call_sid).read_bytes() == held.media
    assert len(line.cases(made.call_sid)) == 1


def test_a_call_that_the_cloud_does_not_know_keeps_no_other_from_its_end(line: TwilioLine) -> None:
    line.hotline.service.start(NewCall("CA" + "7" * 32, "twilio", "", "12345", utc_now() - timedelta(minutes=9)))
    made = line.call("2", "busy", delivery=Delivery(status_lost=True))
    line.cloud.record(made.call_sid, 3)
    reaper = twilio.reaper(line.hotline)
    reaper._clock = lambda: utc_now() + timedelta(minutes=6)
    reaper.sweep()
    assert line.ended(made.call_sid)
    assert jobs(line, "fetch_recording") == [("waiting", 0)]


def test_two_who_fetch_a_recording_at_once_do_not_get_in_each_others_way(cloud: FakeCloud, tmp_path: Path) -> None:
    sid = cloud.record("CA" + "1" * 32, 2)
    path = f"twilio/11/CA{'1' * 32}-{sid}.wav"
    account = Account(ACCOUNT_SID, (TOKEN,), cloud.address)
    second = Media(account, tmp_path, lambda file: probe(file) is not None)
    first = Media(account, tmp_path, lambda _: second.bring(path).is_file())
    assert first.bring(path).read_bytes() == cloud.recordings[sid].media
    assert [file.name for file in tmp_path.rglob("*") if file.is_file()] == [Path(path).name]


def test_a_call_that_only_the_cloud_knows_of_becomes_a_record_once_with_a_call_back(line: TwilioLine) -> None:
    made = line.call("0", "completed")
    unheard = FakeTwilio(line.send, line.cloud, Scripted([]))
    lost, elsewhere = unheard.call_sid, "CA" + "9" * 32
    for call_sid, number in ((lost, unheard.line), (elsewhere, "+8651800000000")):
        line.cloud.begin(call_sid, unheard.number, number)
    unheard._end()
    line.cloud.end(elsewhere)
    reaper = twilio.reaper(line.hotline)
    reaper.sweep()
    assert line.rows(select(call.c.call_id)) == [(made.call_sid,)], "it began a moment ago and may still be reported"
    reaper._clock = lambda: utc_now() + timedelta(minutes=6)
    reaper.sweep()
    reaper.sweep()
    (row,) = line.rows(select(call).where(call.c.call_id != made.call_sid))
    assert (row.call_id, row.carrier, row.outcome, row.talk_s) == (lost, "twilio", "missed", 40)
    assert row.ended_at == row.started_at + timedelta(seconds=40)
    assert line.rows(select(callback_task.c.last_call_id, callback_task.c.calls)) == [(lost, 1)]
