"""What Twilio reports becomes an event; what is missing or nonsense becomes nothing worse than "nothing happened"."""

from __future__ import annotations

import pytest
from starlette.datastructures import FormData

from ivr.events import CallerGone, DialEnded, Digits, NoInput, QueueLeft, Recorded
from ivr.twilio import outcomes

EMPTY = FormData()


def form(**fields: str) -> FormData:
    return FormData({**fields})


def test_a_talk_is_as_long_as_twilio_says() -> None:
    answered = form(DialCallStatus="completed", DialBridged="true", DialCallDuration="42")
    assert outcomes.dialled(answered, EMPTY) == DialEnded("answered", 42)
    assert outcomes.left_queue(answered) == QueueLeft("answered", 42)
    nonsense = form(DialCallStatus="completed", DialCallDuration="-1")
    assert outcomes.dialled(nonsense, EMPTY) == DialEnded("answered", 0)


@pytest.mark.parametrize("keys", ["", "abc", "1 2", "9" * 65])
def test_what_is_no_key_is_silence(keys: str) -> None:
    assert outcomes.gathered(form(Digits=keys)) == NoInput()
    assert outcomes.gathered(EMPTY) == NoInput()
    assert outcomes.gathered(form(Digits="12#")) == Digits("12#")


@pytest.mark.parametrize("duration", ["", "0", "nonsense", "1e3", "9" * 12])
def test_a_recording_without_a_length_is_none(duration: str) -> None:
    assert outcomes.recorded(form(RecordingDuration=duration), "twilio/x.wav") == Recorded("", 0, 0, "", hung_up=False)
    assert outcomes.recorded(form(RecordingDuration=duration, Digits="hangup"), "twilio/x.wav") == CallerGone()


def test_a_caller_who_has_gone_is_gone_unless_somebody_was_reached() -> None:
    over = {"CallStatus": "completed"}
    assert outcomes.dialled(form(**over, DialCallStatus="no-answer"), EMPTY) == CallerGone()
    assert outcomes.dialled(form(**over, DialCallStatus="completed"), EMPTY) == DialEnded("answered")
    assert outcomes.left_queue(form(**over, QueueResult="hangup")) == CallerGone()
