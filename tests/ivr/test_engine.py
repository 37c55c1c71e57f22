"""What a caller meets on the city's flow, step by step."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ivr import events
from ivr.events import Event
from ivr.spelling import spell
from ivr.verbs import WAITS, Dial, Enqueue, Gather, Hangup, Play, Playback, Record
from tests.ivr.line import CASE_NO, CODE, Line


def clips(line: Line) -> list[str]:
    return [clip for verb in line.verbs if isinstance(verb, Play | Gather | Record) for clip in verb.prompts]


def to_voicemail(line: Line) -> None:
    line.press("2")
    line.take(events.QueueLeft("join_empty"))


def test_the_welcome_is_followed_by_the_menu() -> None:
    line = Line()
    assert clips(line) == ["welcome", "menu_main"]
    assert isinstance(line.verbs[-1], Gather)
    assert line.verbs[-1].max_digits == 1


@pytest.mark.parametrize(("key", "number"), [("1", "110"), ("2", "119"), ("3", "120"), ("4", "122")])
def test_an_emergency_line_is_two_keys_away(key: str, number: str) -> None:
    line = Line()
    line.press("9", key)
    last = line.verbs[-1]
    assert isinstance(last, Dial)
    assert last.leg.number == number
    assert f"transfer_{number}" in clips(line)


def test_an_unanswered_emergency_comes_back_to_the_agents_then_to_voicemail() -> None:
    line = Line()
    line.press("9", "1")
    line.take(events.DialEnded("busy"))
    assert isinstance(line.verbs[-1], Enqueue)
    line.take(events.QueueLeft("join_empty"))
    assert isinstance(line.verbs[-1], Record)


def test_an_answered_transfer_ends_the_call() -> None:
    line = Line()
    line.press("9", "3")
    line.take(events.DialEnded("answered"))
    assert line.verbs == (Hangup(),)
    assert line.state.outcome == "transferred"


def test_doing_nothing_leads_to_a_person() -> None:
    line = Line()
    line.take(events.NoInput())
    assert isinstance(line.verbs[-1], Enqueue)


def test_an_unknown_key_leads_to_a_person() -> None:
    line = Line()
    line.press("7")
    assert isinstance(line.verbs[-1], Enqueue)


def test_an_unknown_key_in_a_submenu_is_said_and_asked_again() -> None:
    line = Line()
    line.press("8", "9")
    assert clips(line)[0] == "invalid_key"
    assert isinstance(line.verbs[-1], Gather)


def test_a_kept_voicemail_becomes_a_case_whose_number_is_read() -> None:
    line = Line()
    to_voicemail(line)
    assert clips(line) == ["no_agent", "voicemail_intro"]
    line.say()
    assert clips(line) == ["voicemail_review"]
    line.press("1")
    assert line.cases[0].demand == "complaint"
    assert line.cases[0].path == "d/a.wav"
    said = clips(line)
    assert "".join(clip[-1] for clip in said if clip.startswith("digits/")) == CASE_NO[3:] + CODE
    line.take(events.NoInput())
    assert line.verbs == (Play(("goodbye",), barge_in=False), Hangup())
    assert line.state.outcome == "voicemail"


def test_the_number_can_be_heard_again() -> None:
    line = Line()
    to_voicemail(line)
    line.say()
    line.press("1")
    first = clips(line)
    line.press("1")
    assert clips(line) == first
    assert len(line.cases) == 1


def test_no_key_after_the_recording_keeps_it() -> None:
    line = Line()
    to_voicemail(line)
    line.say()
    line.take(events.NoInput())
    assert len(line.cases) == 1


def test_a_voicemail_can_be_heard_again() -> None:
    line = Line()
    to_voicemail(line)
    line.say()
    line.press("2")
    assert Playback("d/a.wav") in line.verbs
    assert isinstance(line.verbs[-1], Gather)


def test_recording_again_replaces_the_first_only_when_there_is_a_second() -> None:
    line = Line()
    to_voicemail(line)
    line.say(path="d/a.wav")
    line.press("3")
    assert isinstance(line.verbs[-1], Record)
    assert line.recordings["d/a.wav"].kept
    line.say(path="d/b.wav")
    assert not line.recordings["d/a.wav"].kept
    line.press("1")
    assert [case.path for case in line.cases] == ["d/b.wav"]


def test_hanging_up_while_recording_again_keeps_the_first() -> None:
    line = Line()
    to_voicemail(line)
    line.say(path="d/a.wav")
    line.press("3")
    line.say(0, path="d/b.wav", hung_up=True)
    assert [case.path for case in line.cases] == ["d/a.wav"]
    assert line.state.ended


def test_hanging_up_in_the_recording_keeps_it() -> None:
    line = Line()
    to_voicemail(line)
    line.say(hung_up=True)
    assert len(line.cases) == 1
    assert line.state.ended
    assert line.state.outcome == "voicemail"


def test_hanging_up_in_the_review_keeps_the_recording() -> None:
    line = Line()
    to_voicemail(line)
    line.say()
    line.take(events.CallerGone())
    assert len(line.cases) == 1


def test_silence_is_asked_again_then_kept_as_a_missed_call() -> None:
    line = Line()
    to_voicemail(line)
    line.say(300, path="d/a.wav")
    assert clips(line) == ["voicemail_again"]
    line.say(300, path="d/b.wav")
    assert clips(line) == ["voicemail_missed"]
    assert line.state.outcome == "missed"
    assert line.cases == []
    assert not any(recording.kept for recording in line.recordings.values())


def test_a_carrier_that_cannot_measure_speech_is_believed() -> None:
    line = Line()
    to_voicemail(line)
    line.take(events.Recorded("d/a.wav", 4000, None, "00", hung_up=False))
    assert clips(line) == ["voicemail_review"]


def test_progress_by_number_and_code() -> None:
    line = Line()
    line.press("5", CASE_NO[3:], CODE)
    assert "progress_handling" in clips(line)
    assert line.state.outcome == "informed"


def test_three_wrong_numbers_lead_to_an_agent() -> None:
    line = Line()
    line.press("5", "20261123999999", "0000")
    assert clips(line) == ["case_not_found", "ask_case_number"]
    line.press("20261123999999", "0000")
    line.press("20261123999999", "0000")
    assert isinstance(line.verbs[-1], Enqueue)


def test_a_short_number_is_asked_again() -> None:
    line = Line()
    line.press("5", "123")
    assert clips(line)[0] == "invalid_key"


def test_hanging_up_in_the_menu_is_an_abandoned_call() -> None:
    line = Line()
    line.take(events.CallerGone())
    assert line.state.outcome == "abandoned"
    assert line.state.ended


def test_an_ended_call_answers_nothing_but_hang_up() -> None:
    line = Line()
    line.take(events.CallerGone())
    line.press("1")
    assert line.verbs == (Hangup(),)


def test_a_call_has_an_absolute_limit() -> None:
    line = Line()
    line.take(events.Digits("8"), after_s=31 * 60)
    assert line.verbs[-1] == Hangup()


def test_the_limit_in_a_review_keeps_the_recording() -> None:
    line = Line()
    to_voicemail(line)
    line.say()
    line.take(events.Digits("2"), after_s=31 * 60)
    assert len(line.cases) == 1
    assert line.verbs[-1] == Hangup()


def test_digits_are_read_in_groups() -> None:
    assert spell("0817") == ["digits/0", "digits/8", "digits/1", "digits/7"]
    assert spell(CASE_NO[3:]).count("pause") == 3


KEYS = st.text("0123456789*#", max_size=15)
OUTCOMES = st.sampled_from(
    ["answered", "busy", "no_answer", "unavailable", "timeout", "join_empty", "full", "nonsense"]
)
EVENTS: st.SearchStrategy[Event] = st.one_of(
    st.builds(events.Digits, KEYS),
    st.just(events.NoInput()),
    st.builds(events.DialEnded, OUTCOMES),
    st.builds(events.QueueLeft, OUTCOMES),
    st.builds(
        events.Recorded,
        st.sampled_from(["", "d/x.wav", "d/y.wav"]),
        st.integers(0, 180_000),
        st.none() | st.integers(0, 5000),
        st.just("00"),
        st.booleans(),
    ),
    st.just(events.CallerGone()),
)


@settings(max_examples=150)
@given(st.lists(EVENTS, max_size=40))
def test_any_sequence_of_events_has_one_wait_at_most_one_case_and_an_end(happened: list[Event]) -> None:
    line = Line()
    for event in happened:
        line.take(event)
        assert line.verbs
        assert isinstance(line.verbs[-1], (*WAITS, Hangup))
        assert not any(isinstance(verb, (*WAITS, Hangup)) for verb in line.verbs[:-1])
    for _ in range(line.flow.limits.steps + 5):
        if line.state.ended:
            break
        line.take(events.NoInput())
    assert line.state.ended
    assert line.verbs[-1] == Hangup()
    assert len(line.cases) <= 1
    assert line.state.outcome


# --- attempts, and what follows a long wait


def test_every_attempt_is_reported_with_its_times() -> None:
    line = Line()
    line.press("9", "1")
    began = line.now
    line.take(events.DialEnded("busy"), after_s=7)
    line.take(events.QueueLeft("answered", talk_s=30, agent="1001"), after_s=40)
    first, second = line.legs
    assert (first.leg.target, first.outcome, first.started_at) == ("110", "busy", began)
    assert (second.leg.target, second.outcome, second.talk_s, second.agent) == ("urgent", "answered", 30, "1001")
    assert second.started_at == began + timedelta(seconds=7)


def test_a_caller_who_hangs_up_while_it_rings_ends_the_attempt() -> None:
    line = Line()
    line.press("9", "1")
    line.take(events.CallerGone())
    assert [(leg.leg.target, leg.outcome) for leg in line.legs] == [("110", "caller_gone")]
    assert line.state.outcome == "abandoned"


def test_a_hang_up_in_a_menu_is_no_attempt() -> None:
    line = Line()
    line.press("9")
    line.take(events.CallerGone())
    assert line.legs == []


def test_an_agent_who_hands_the_caller_on_makes_it_a_transfer() -> None:
    line = Line()
    line.press("0")
    line.take(events.QueueLeft("transferred", 20, "1001"))
    assert line.state.outcome == "transferred"


@pytest.mark.parametrize("outcome", ["timeout", "full"])
def test_a_long_wait_offers_a_call_back(outcome: str) -> None:
    line = Line()
    line.press("0")
    line.take(events.QueueLeft(outcome))
    assert line.state.node == "callback_offer"
    line.press("1")
    assert line.state.outcome == "callback"
    assert line.state.ended
    assert Play(("callback_saved",), barge_in=False) in line.verbs


@pytest.mark.parametrize("outcome", ["join_empty", "leave_empty", "withdrawn"])
def test_where_nobody_is_there_no_call_back_is_offered(outcome: str) -> None:
    line = Line()
    line.press("0")
    line.take(events.QueueLeft(outcome))
    assert line.state.node == "voicemail"


def test_who_withholds_the_number_leaves_a_voicemail_instead() -> None:
    line = Line()
    line.number_known = False
    line.press("0")
    line.take(events.QueueLeft("timeout"))
    line.press("1")
    assert line.state.node == "voicemail"


def test_whoever_goes_on_waiting_is_put_into_the_queue_again_and_who_says_nothing_leaves_a_voicemail() -> None:
    line = Line()
    line.press("0")
    line.take(events.QueueLeft("timeout"))
    line.press("2")
    assert isinstance(line.verbs[-1], Enqueue)
    line.take(events.QueueLeft("timeout"))
    line.take(events.NoInput())
    assert line.state.node == "voicemail"
