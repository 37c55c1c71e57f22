"""Calls that the line makes: asked for once, made once, and their answer is the record of the call."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select

from casebook.errors import CaseError
from casebook.store.outbound import OutboundCalls
from casebook.store.schema import outbound_call, outbox
from config.wiring import utc_now
from ivr.ports import NewCall
from tests.twilio.conftest import Scripted, TwilioLine
from tests.twilio.fake_cloud import call_problems
from tests.twilio.fake_twilio import FakeTwilio


def row(line: TwilioLine) -> Any:
    (only,) = line.rows(select(outbound_call))
    return only


def answer(line: TwilioLine, purpose: str, *does: Any, **fields: str) -> FakeTwilio:
    """Whoever was called takes the call."""
    made = FakeTwilio(line.send, line.cloud, Scripted(list(does)))
    made.call_sid = line.cloud.made[-1]["sid"]
    made.number, made.line = "+8651812345000", "+8613812345678"
    heard = made.call(f"/twilio/made/{purpose}", **fields)
    assert heard.violations == []
    return made


def missed_call(line: TwilioLine) -> str:
    return line.call("0").call_sid


def test_a_missed_call_is_called_back_and_reaches_a_person(line: TwilioLine) -> None:
    calls, call_id = OutboundCalls(line.hotline.store), missed_call(line)
    assert calls.call_back(call_id, utc_now())
    assert not calls.call_back(call_id, utc_now())
    line.work()
    (asked,) = line.cloud.made
    assert (asked["To"], asked["From"]) == ("+8613812345678", "+8651812345000")
    assert asked["Url"] == "https://hotline.example/twilio/made/call_back"
    assert asked["StatusCallback"] == "https://hotline.example/twilio/status"
    assert (row(line).state, row(line).call_sid) == ("made", asked["sid"])
    made = answer(line, "call_back", "completed")
    assert made.heard.clips == ["callback_intro"]
    assert made.heard.dialled == ["sip:queue-agents@pbx.example:5060"]
    assert line.outcome(made.call_sid) == "answered"


def test_the_one_who_is_called_back_may_leave_a_message_when_nobody_is_there(line: TwilioLine) -> None:
    OutboundCalls(line.hotline.store).call_back(missed_call(line), utc_now())
    line.work()
    made = answer(line, "call_back", "busy", ("say", 3), "1", "")
    line.work()
    assert len(line.cases(made.call_sid)) == 1
    assert line.outcome(made.call_sid) == "voicemail"


@pytest.mark.parametrize(
    ("keys", "outcome"),
    [(["1"], "satisfied"), (["2"], "fair"), (["9", "3"], "dissatisfied"), (["", ""], "no_reply"), ([], "abandoned")],
)
def test_the_answer_to_the_survey_is_the_outcome_of_its_call(line: TwilioLine, keys: list[str], outcome: str) -> None:
    (case,) = line.cases(line.call("2", "busy", ("say", 3), "1", "").call_sid)
    OutboundCalls(line.hotline.store).survey(case.case_no, utc_now())
    line.work()
    made = answer(line, "survey", *keys)
    assert line.outcome(made.call_sid) == outcome
    assert (row(line).case_no, row(line).call_sid) == (case.case_no, made.call_sid)


@pytest.mark.parametrize("told", [True, False])
def test_who_hangs_up_on_a_call_of_the_lines_own_is_not_called_back_for_that(line: TwilioLine, told: bool) -> None:
    (case,) = line.cases(line.call("2", "busy", ("say", 3), "1", "").call_sid)
    OutboundCalls(line.hotline.store).survey(case.case_no, utc_now())
    line.cloud.lose_answers_to_calls = not told
    line.work(later_s=1)
    assert row(line).state == ("made" if told else "trying")
    made = answer(line, "survey")
    assert line.outcome(made.call_sid) == "abandoned"
    assert line.hotline.callbacks.open_tasks() == []


@pytest.mark.parametrize("status", ["busy", "no-answer", "failed"])
def test_a_call_that_nobody_takes_is_noted(line: TwilioLine, status: str) -> None:
    OutboundCalls(line.hotline.store).call_back(missed_call(line), utc_now())
    line.work()
    made = FakeTwilio(line.send, line.cloud, Scripted([]))
    made.call_sid, made._status = line.cloud.made[0]["sid"], status
    made._report("https://hotline.example/twilio/status", {})
    assert (row(line).state, row(line).result) == ("over", status)


def test_a_mailbox_that_takes_the_call_is_hung_up_on(line: TwilioLine) -> None:
    OutboundCalls(line.hotline.store).call_back(missed_call(line), utc_now())
    line.work()
    made = answer(line, "call_back", AnsweredBy="machine_start")
    assert made.heard.clips == []
    assert (row(line).state, row(line).result) == ("over", "machine")


def test_a_worker_that_died_after_the_call_was_made_does_not_make_it_twice(line: TwilioLine) -> None:
    OutboundCalls(line.hotline.store).call_back(missed_call(line), utc_now())
    line.cloud.lose_answers_to_calls = True
    line.work(later_s=1)
    assert row(line).state == "trying"
    line.cloud.lose_answers_to_calls = False
    line.work(later_s=120)
    assert len(line.cloud.made) == 1
    assert (row(line).state, row(line).call_sid) == ("made", line.cloud.made[0]["sid"])


@pytest.mark.parametrize("line", [{"twilio_number": ""}], indirect=True)
def test_without_a_number_to_call_from_the_call_waits(line: TwilioLine) -> None:
    OutboundCalls(line.hotline.store).call_back(missed_call(line), utc_now())
    line.work(later_s=1)
    states = line.rows(select(outbox.c.state, outbox.c.attempts).where(outbox.c.kind == "outbound_call"))
    assert [tuple(state) for state in states] == [("waiting", 0)]
    assert line.cloud.made == []


def test_who_cannot_be_called_is_refused_in_a_sentence(line: TwilioLine) -> None:
    calls = OutboundCalls(line.hotline.store)
    line.hotline.service.start(NewCall("CA" + "9" * 32, "twilio", "", "12345", utc_now()))
    for call_id, code in (("CA0", "not_found"), ("CA" + "9" * 32, "no_number")):
        with pytest.raises(CaseError) as refused:
            calls.call_back(call_id, utc_now())
        assert refused.value.code == code
    with pytest.raises(CaseError) as refused:
        calls.survey("LYG0", utc_now())
    assert refused.value.code == "not_found"


def test_a_number_that_cannot_be_dialled_from_abroad_is_over_before_it_is_tried(line: TwilioLine) -> None:
    line.hotline.service.start(NewCall("CA" + "8" * 32, "twilio", "10086", "12345", utc_now()))
    OutboundCalls(line.hotline.store).call_back("CA" + "8" * 32, utc_now())
    line.work()
    assert line.cloud.made == []
    assert (row(line).state, row(line).result) == ("over", "no_number")


def test_the_check_of_a_request_finds_what_the_library_does_not_know() -> None:
    right = {"To": "+8613812345678", "From": "+8651812345000", "Url": "https://hotline.example/twilio/made/survey"}
    assert call_problems(right) == []
    for wrong in ({**right, "Urll": ""}, {**right, "To": "13812345678"}, {"To": right["To"], "From": right["From"]}):
        assert call_problems(wrong)
