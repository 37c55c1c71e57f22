"""A citizen calls the line at Twilio: what is heard, and what the store holds at the end."""

from __future__ import annotations

import re
import threading
from datetime import timedelta

import pytest
from sqlalchemy import select

from casebook.store.schema import call_session, outbox
from casebook.store.telephone import Telephone
from config import twilio
from config.wiring import utc_now
from ivr.service import CallService
from ivr.twilio import routes
from tests.twilio.conftest import Scripted, TwilioLine
from tests.twilio.fake_twilio import Delivery, FakeTwilio

VOICEMAIL = ("2", "busy", ("say", 3), "1", "")


def test_a_voicemail_becomes_the_case_whose_number_is_read(line: TwilioLine) -> None:
    made = line.call(*VOICEMAIL)
    (case,) = line.cases(made.call_sid)
    assert case.case_no == "LYG" + made.heard.digits[:14]
    assert (case.demand, case.state) == ("complaint", "DRAFT")
    assert made.heard.clips[:2] == ["welcome", "menu_main"]
    assert made.heard.clips[-1] == "goodbye"
    assert made.heard.dialled == ["sip:queue-agents@pbx.example:5060"]
    assert line.outcome(made.call_sid) == "voicemail"


def test_a_key_skips_what_is_said_before_a_recording(line: TwilioLine) -> None:
    made = line.call(*VOICEMAIL, skipping=True)
    beeps = [text for text in made.heard.documents if text.count("<Record") and "<Gather" not in text]
    assert len(beeps) == 1
    assert "<Play" not in beeps[0]
    assert line.outcome(made.call_sid) == "voicemail"


def test_a_voicemail_can_be_heard_before_it_has_been_fetched(line: TwilioLine) -> None:
    made = line.call("2", "busy", ("say", 3), "2", "1", "")
    assert "recording" in made.heard.clips
    assert line.outcome(made.call_sid) == "voicemail"


def test_silence_after_the_beep_is_asked_again_and_then_a_missed_call(line: TwilioLine) -> None:
    made = line.call("2", "busy", "silence", "silence")
    assert made.heard.clips[-1] == "voicemail_missed"
    assert line.outcome(made.call_sid) == "missed"
    assert line.cases(made.call_sid) == []


def test_hanging_up_in_the_recording_keeps_it(line: TwilioLine) -> None:
    made = line.call("4", "busy", ("say and leave", 3))
    assert [case.demand for case in line.cases(made.call_sid)] == ["help"]
    line.work()
    assert line.ended(made.call_sid)


@pytest.mark.parametrize("line", [{"twilio_pbx": ""}], indirect=True)
def test_without_a_pbx_callers_wait_in_a_queue_and_short_numbers_lead_back_to_a_person(line: TwilioLine) -> None:
    made = line.call("9", "1", "bridged")
    assert made.heard.dialled == ["queue:urgent"]
    assert "transfer_110" in made.heard.clips
    assert line.outcome(made.call_sid) == "answered"


@pytest.mark.parametrize("line", [{"twilio_pbx": ""}], indirect=True)
def test_stays_in_a_queue_of_twilio_s_are_counted_once(line: TwilioLine) -> None:
    answered, gone = line.call("9", "1", "bridged"), line.call("0")
    for _ in range(2):
        twilio.reaper(line.hotline).sweep()
    visits = Telephone(line.hotline.engine).visits(utc_now() - timedelta(hours=1), utc_now())
    assert [(one.call_id, one.queue, one.outcome) for one in visits] == [
        (answered.call_sid, "urgent", "answered"),
        (gone.call_sid, "agents", "abandoned"),
    ]
    assert visits[0].talk_s is not None
    assert visits[1].answered_at is None


def test_stays_in_the_pbx_s_queue_are_counted_by_the_pbx(line: TwilioLine) -> None:
    line.call("0", "completed")
    twilio.reaper(line.hotline).sweep()
    assert Telephone(line.hotline.engine).visits(utc_now() - timedelta(hours=1), utc_now()) == []


@pytest.mark.parametrize(
    ("does", "outcome"),
    [
        (("0", "completed"), "answered"),
        (("9", "1", "completed"), "transferred"),
        (("9", "1", "failed", "busy", ("say", 2), "1"), "voicemail"),
        (("9", "1"), "abandoned"),
        (("0",), "abandoned"),
    ],
)
def test_a_transfer_that_is_not_answered_comes_back(line: TwilioLine, does: tuple[object, ...], outcome: str) -> None:
    made = line.call(*does)
    line.work()
    assert line.outcome(made.call_sid) == outcome
    assert line.ended(made.call_sid)


# --- reports late, twice, out of order

ORDERS = [
    Delivery(twice=True),
    Delivery(replays=2, seed=3),
    Delivery(status_first=True, recording_first=True),
    Delivery(twice=True, replays=1, status_first=True, recording_first=True, seed=5),
]
CALLS = [
    (VOICEMAIL, "voicemail", 1),
    (("2", "busy", ("say", 2), "3", ("say", 4), "1", "1", ""), "voicemail", 1),
    (("2", "busy", ("say and leave", 3)), "voicemail", 1),
    (("9", "1", "completed"), "transferred", 0),
    (("0", "busy"), "missed", 0),
    (("8", "1", "busy"), "abandoned", 0),
]


@pytest.mark.parametrize("delivery", ORDERS, ids=["twice", "replayed", "early", "all"])
@pytest.mark.parametrize(("does", "outcome", "cases"), CALLS)
def test_reports_twice_late_and_out_of_order_change_nothing(
    line: TwilioLine, does: tuple[object, ...], outcome: str, cases: int, delivery: Delivery
) -> None:
    made = line.call(*does, delivery=delivery)
    line.work()
    assert set(made.heard.statuses) == {200}
    assert line.outcome(made.call_sid) == outcome
    assert len(line.cases(made.call_sid)) == cases
    ended = line.ended(made.call_sid)
    assert ended
    late = FakeTwilio(line.send, line.cloud, Scripted(["9", "1", "completed"]))
    late.call_sid = made.call_sid
    assert late.call().documents[0].endswith("<Hangup /></Response>")
    assert line.ended(made.call_sid) == ended
    assert all(row.sha256 and row.duration_ms for row in line.recordings(made.call_sid))


def test_a_hang_up_that_is_reported_before_the_answered_transfer_does_not_make_it_an_abandoned_call(
    line: TwilioLine,
) -> None:
    made = FakeTwilio(line.send, line.cloud, Scripted(["9", "1", "completed and left"]), Delivery(status_first=True))
    with_status_first = made.call()
    assert with_status_first.violations == []
    assert line.ended(made.call_sid) is not None
    line.work()
    assert line.outcome(made.call_sid) == "transferred"


# --- when something is away


def test_while_the_store_is_away_the_caller_reaches_the_agents_or_leaves_a_message_that_becomes_a_case(
    line: TwilioLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise OSError("no database")

    with monkeypatch.context() as away:
        away.setattr(CallService, "start", broken)
        away.setattr(CallService, "pending", broken)
        made = line.call("busy", ("say", 3))
    assert made.heard.clips == ["fallback_queue", "fallback_record", "fallback_thanks"]
    assert made.heard.dialled == ["sip:queue-agents@pbx.example:5060"]
    line.work()
    (case,) = line.cases(made.call_sid)
    assert case.state == "DRAFT"
    assert line.outcome(made.call_sid) == "voicemail"


def test_a_step_of_a_call_that_nobody_knows_begins_it(line: TwilioLine) -> None:
    made = FakeTwilio(line.send, line.cloud, Scripted(["9", "1", "completed"]))
    heard = made.call("/twilio/step/4/gather", Digits="9")
    assert heard.clips[:2] == ["welcome", "menu_main"]


def test_the_documents_are_the_same_for_the_same_step(line: TwilioLine) -> None:
    made = line.call(*VOICEMAIL, delivery=Delivery(twice=True))
    steps = [int(seq) for text in made.heard.documents for seq in re.findall(r"step/(\d+)/(?:gather|dial|queue)", text)]
    assert steps == sorted(steps)
    (session,) = line.rows(select(call_session.c.seq).where(call_session.c.call_id == made.call_sid))
    assert session.seq == max(steps) + 1


def test_a_recording_is_fetched_once_however_often_it_is_reported(line: TwilioLine) -> None:
    made = line.call(*VOICEMAIL, delivery=Delivery(twice=True, replays=2, recording_first=True))
    line.work()
    fetches = line.rows(select(outbox.c.state).where(outbox.c.kind == "fetch_recording"))
    assert [row.state for row in fetches] == ["done"]
    assert len(line.recordings(made.call_sid)) == 1
    transcriptions = line.rows(select(outbox.c.key).where(outbox.c.kind == "transcribe"))
    assert len(transcriptions) == 1


def test_a_store_that_does_not_answer_in_time_is_treated_as_away(
    line: TwilioLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    answered = threading.Event()
    monkeypatch.setattr(routes, "_ANSWER_WITHIN_S", 0.2)
    monkeypatch.setattr(CallService, "start", lambda *_: answered.wait(20))
    try:
        made = FakeTwilio(line.send, line.cloud, Scripted([]))
        assert made.call().clips == ["fallback_queue"]
    finally:
        answered.set()
