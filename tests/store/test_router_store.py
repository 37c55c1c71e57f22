"""Attempts to reach somebody, call-backs, presence and the desk's log, on both databases."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from sqlalchemy import select

from casebook.errors import CaseError
from casebook.privacy import Privacy
from casebook.store.callbacks import Callbacks
from casebook.store.desk import ConversationRow, DeskAction, DeskLog
from casebook.store.legs import LegRow, Legs
from casebook.store.presence import Presence
from casebook.store.schema import access_log
from ivr.events import CallbackBooked, CallbackImpossible, CallerGone
from ivr.ports import EndedLeg, NewCall, SessionRow, StepWrites
from ivr.verbs import Leg
from tests.store.conftest import NOW, SECRET, Store

POLICE = Leg("line", "110", "110", "psap", 20, True)


def call_ends(store: Store, call_id: str, number: str, outcome: str, legs: tuple[EndedLeg, ...] = ()) -> None:
    """A call that ends with an outcome."""
    session = SessionRow(call_id, "rev", 0, 0, {}, ())
    with store.calls.transaction() as unit:
        unit.save_flow("rev", "")
        unit.create_call(NewCall(call_id, "asterisk", number, "12345", NOW), session)
        session.ended_at = NOW
        session.seq = 1
        unit.save_step(session, StepWrites((CallerGone(),), outcome=outcome, legs=legs), NOW)


def callbacks(store: Store) -> Callbacks:
    return Callbacks(store.engine, Privacy(SECRET))


# --- attempts


def test_an_attempt_is_written_with_its_step_and_only_once(store: Store) -> None:
    began = NOW - timedelta(seconds=30)
    ended = EndedLeg(4, POLICE, began, "answered", talk_s=12)
    call_ends(store, "a-1.1", "13800138000", "transferred", (ended, ended))
    (row,) = Legs(store.engine).of_call("a-1.1")
    assert (row.kind, row.target, row.number, row.begun_by, row.urgent) == ("line", "110", "110", "flow", True)
    assert (row.started_at, row.answered_at, row.ended_at) == (began, NOW - timedelta(seconds=12), NOW)
    assert row.outcome == "answered"


def test_an_attempt_that_nobody_answered_has_no_time_of_answer(store: Store) -> None:
    call_ends(store, "a-1.1", "13800138000", "abandoned", (EndedLeg(4, POLICE, NOW, "busy"),))
    (row,) = Legs(store.engine).of_call("a-1.1")
    assert (row.answered_at, row.outcome) == (None, "busy")


def test_the_desks_attempt_is_open_until_it_is_told_or_the_call_ends(store: Store) -> None:
    legs = Legs(store.engine)
    begun = LegRow("k1", "a-1.1", "consult", "12315", "12315", "li", "1001", False, NOW, None, None, "")
    legs.begin(begun)
    legs.begin(replace(begun, key="k2"))
    legs.answered("k1", NOW + timedelta(seconds=5))
    legs.answered("k1", NOW + timedelta(seconds=9))
    assert legs.end("k1", "answered", NOW + timedelta(seconds=60), talk_s=40)
    assert not legs.end("k1", "busy", NOW)
    assert not legs.end("nobody", "busy", NOW)
    assert legs.end_of_call("a-1.1", NOW + timedelta(seconds=70)) == 1
    first, second = legs.of_call("a-1.1")
    assert (first.answered_at, first.outcome) == (NOW + timedelta(seconds=5), "answered")
    assert (second.answered_at, second.outcome) == (None, "call_ended")


# --- call-backs


@pytest.mark.parametrize("outcome", ["missed", "abandoned"])
def test_lost_callers_become_tasks_merged_by_number(store: Store, outcome: str) -> None:
    call_ends(store, "a-1.1", "13800138000", outcome)
    call_ends(store, "a-2.1", "+8613800138000", outcome)
    call_ends(store, "a-3.1", "13800138001", outcome)
    call_ends(store, "a-4.1", "", outcome)
    tasks = callbacks(store).open_tasks()
    assert [(task.ani_masked, task.calls, task.last_call_id, task.reason) for task in tasks] == [
        ("138****8000", 2, "a-2.1", outcome),
        ("138****8001", 1, "a-3.1", outcome),
    ]


@pytest.mark.parametrize("outcome", ["answered", "transferred", "voicemail"])
def test_a_number_that_was_reached_meanwhile_is_not_called_back(store: Store, outcome: str) -> None:
    call_ends(store, "a-1.1", "13800138000", "abandoned")
    call_ends(store, "a-2.1", "13800138000", outcome)
    assert callbacks(store).open_tasks() == []
    call_ends(store, "a-3.1", "13800138000", "abandoned")
    assert [task.calls for task in callbacks(store).open_tasks()] == [1]


def test_who_asked_for_a_call_comes_first_and_stays_asked(store: Store) -> None:
    call_ends(store, "a-1.1", "13800138000", "abandoned")
    with store.calls.transaction() as unit:
        unit.create_call(
            NewCall("a-2.1", "asterisk", "13800138001", "12345", NOW), SessionRow("a-2.1", "rev", 0, 0, {}, ())
        )
        unit.create_call(NewCall("a-3.1", "asterisk", "", "12345", NOW), SessionRow("a-3.1", "rev", 0, 0, {}, ()))
        assert unit.book_callback("a-2.1", NOW) == CallbackBooked()
        assert unit.book_callback("a-2.1", NOW) == CallbackBooked()
        assert unit.book_callback("a-3.1", NOW) == CallbackImpossible()
    call_ends(store, "a-4.1", "13800138001", "abandoned")
    tasks = callbacks(store).open_tasks()
    assert [(task.last_call_id, task.reason, task.calls) for task in tasks] == [
        ("a-4.1", "requested", 2),
        ("a-1.1", "abandoned", 1),
    ]


def test_a_task_is_one_agents_and_the_look_at_its_number_is_logged(store: Store) -> None:
    call_ends(store, "a-1.1", "13800138000", "abandoned")
    tasks = callbacks(store)
    (task,) = tasks.open_tasks()
    assert tasks.claim(task.id, "li", NOW) == "+8613800138000"
    with pytest.raises(CaseError) as refused:
        tasks.claim(task.id, "wang", NOW)
    assert refused.value.code == "bad_state"
    with pytest.raises(CaseError) as refused:
        tasks.close(task.id, "li", reached=False, note=" ", now=NOW)
    assert refused.value.code == "missing_reason"
    tasks.release(task.id, "li", NOW)
    assert tasks.claim(task.id, "wang", NOW) == "+8613800138000"
    assert [(one.state, one.attempts) for one in tasks.open_tasks()] == [("claimed", 2)]
    tasks.close(task.id, "wang", reached=True, note="", now=NOW)
    assert tasks.open_tasks() == []
    with pytest.raises(CaseError) as refused:
        tasks.close(task.id, "wang", reached=True, note="", now=NOW)
    assert refused.value.code == "bad_state"
    with pytest.raises(CaseError) as refused:
        tasks.claim(999, "li", NOW)
    assert refused.value.code == "not_found"
    with store.engine.connect() as connection:
        looks = connection.execute(select(access_log.c.actor, access_log.c.what)).all()
    assert [tuple(look) for look in looks] == [("li", "call_back"), ("wang", "call_back")]


def test_a_call_that_the_pbx_alone_has_seen_is_a_task_too(store: Store) -> None:
    new = NewCall("a-9.1", "asterisk", "13800138009", "12345", NOW)
    store.intake.record_call(new, ended_at=NOW, talk_s=3)
    store.intake.record_call(new, ended_at=NOW, talk_s=3)
    assert [(task.reason, task.calls) for task in callbacks(store).open_tasks()] == [("missed", 1)]


# --- presence and the desk


def test_an_agents_word_is_kept_and_a_pause_needs_a_reason(store: Store) -> None:
    presence = Presence(store.engine)
    presence.set("1001", "li", "ready", "", NOW)
    with pytest.raises(CaseError) as refused:
        presence.set("1001", "li", "paused", " ", NOW)
    assert refused.value.code == "missing_reason"
    presence.set("1001", "li", "paused", "午餐", NOW + timedelta(minutes=1))
    state = presence.states()["1001"]
    assert (state.state, state.reason, state.since) == ("paused", "午餐", NOW + timedelta(minutes=1))


def test_overrides_hold_until_they_end_or_are_taken_back(store: Store) -> None:
    presence = Presence(store.engine)

    def until(hours: int) -> datetime:
        return NOW + timedelta(hours=hours)

    first = presence.override("off", "1001", NOW, until(1), "leader", NOW)
    presence.override("night", "", NOW, until(2), "leader", NOW)
    assert [one.kind for one in presence.overrides(NOW)] == ["off", "night"]
    assert [one.kind for one in presence.overrides(until(1))] == ["night"]
    presence.cancel_override(first)
    assert [one.kind for one in presence.overrides(NOW)] == ["night"]
    for kind, agent, ends in (("on", "", until(1)), ("day", "1001", until(1)), ("on", "1001", NOW)):
        with pytest.raises(CaseError):
            presence.override(kind, agent, NOW, ends, "leader", NOW)  # type: ignore[arg-type]


def test_what_was_done_with_a_call_and_its_recordings_are_in_the_log(store: Store) -> None:
    log = DeskLog(store.engine)
    done = DeskAction("a-1.1", NOW, "li", "blind", {"line": "110"}, "ok")
    log.note(done)
    assert log.of_call("a-1.1") == [done]
    row = ConversationRow("a-1.1", "conversations/20261123/a-1.1-1.wav", 1000, "00", NOW)
    log.keep_conversation(row)
    log.keep_conversation(replace(row, duration_ms=5))
    assert log.conversations("a-1.1") == [row]
    assert log.known_conversations([row.path, "other"]) == {row.path}
