"""Whom the line calls back: no claim lasts for ever, none rings twice, and nobody whom the line itself rang."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from sqlalchemy import insert, select

from casebook.errors import CaseError
from casebook.indicators_telephone import ANSWERED
from casebook.privacy import Privacy
from casebook.store.callbacks import Callbacks
from casebook.store.outbound import OutboundCalls
from casebook.store.schema import call, outbound_call
from casebook.store.telephone_tables import queue_visit
from ivr.ports import NewCall
from tests.store.conftest import NOW, SECRET, Store
from tests.store.test_router_store import call_ends

NUMBER = "+8613800138000"


def callbacks(store: Store) -> Callbacks:
    return Callbacks(store.engine, Privacy(SECRET))


def claimed(store: Store) -> int:
    """A task that li holds since NOW."""
    call_ends(store, "a-1.1", NUMBER, "abandoned")
    (task,) = callbacks(store).open_tasks()
    callbacks(store).claim(task.id, "li", NOW)
    return task.id


def refused(store: Store, task: int, actor: str, after: timedelta) -> bool:
    try:
        callbacks(store).claim(task, actor, NOW + after)
    except CaseError as error:
        return error.code == "bad_state"
    return False


@pytest.mark.parametrize("actor", ["li", "wang"])
def test_a_claim_whose_end_was_never_told_is_taken_over_after_ten_minutes(store: Store, actor: str) -> None:
    task = claimed(store)
    assert refused(store, task, "wang", timedelta(minutes=9, seconds=59))
    assert not refused(store, task, actor, timedelta(minutes=10))
    assert [(one.claimed_by, one.attempts) for one in callbacks(store).open_tasks()] == [(actor, 2)]


def test_another_claim_of_the_same_agent_within_a_minute_is_refused(store: Store) -> None:
    task = claimed(store)
    assert refused(store, task, "li", timedelta(seconds=59))
    assert not refused(store, task, "li", timedelta(seconds=60))


def test_whoever_calls_again_meanwhile_does_not_make_the_claim_last_longer(store: Store) -> None:
    task = claimed(store)
    later = NewCall("a-2.1", "asterisk", NUMBER, "12345", NOW)
    store.intake.record_call(later, ended_at=NOW + timedelta(minutes=9), talk_s=3)
    assert [one.calls for one in callbacks(store).open_tasks()] == [2]
    assert not refused(store, task, "wang", timedelta(minutes=10))


def ask_and_try(store: Store, tried_at: datetime, sid: str | None) -> None:
    """The line calls NUMBER about an earlier call; `sid` is written once the carrier has told it."""
    call_ends(store, "a-1.1", NUMBER, "answered")
    calls = OutboundCalls(store.calls)
    assert calls.call_back("a-1.1", NOW)
    with store.engine.connect() as connection:
        row = connection.execute(select(outbound_call.c.id)).scalar_one()
    assert calls.begin(row, tried_at)
    if sid:
        with store.engine.begin() as connection:
            calls.made(connection, row, sid)


@pytest.mark.parametrize("sid", ["CA1", None])
@pytest.mark.parametrize("outcome", ["missed", "abandoned"])
def test_hanging_up_on_the_lines_own_call_opens_no_task(store: Store, outcome: str, sid: str | None) -> None:
    ask_and_try(store, NOW - timedelta(minutes=2), sid)
    call_ends(store, "CA1", NUMBER, outcome)
    assert callbacks(store).open_tasks() == []


@pytest.mark.parametrize(
    ("number", "tried_at", "sid"),
    [
        (NUMBER, NOW - timedelta(minutes=1), "CA2"),
        (NUMBER, NOW - timedelta(minutes=2, seconds=1), None),
        (NUMBER, NOW + timedelta(seconds=1), None),
        ("+8613800138001", NOW - timedelta(minutes=1), None),
    ],
)
def test_a_lost_call_beside_the_lines_own_is_a_task(
    store: Store, number: str, tried_at: datetime, sid: str | None
) -> None:
    ask_and_try(store, tried_at, sid)
    call_ends(store, "CA1", number, "abandoned")
    assert [task.last_call_id for task in callbacks(store).open_tasks()] == ["CA1"]


def test_a_call_that_the_dialplan_alone_led_to_an_agent_was_answered(store: Store) -> None:
    call_ends(store, "a-1.1", NUMBER, "abandoned")
    visit = {"source": "a", "call_id": "a-2.1", "queue": "agents", "entered_at": NOW, "agent": "1001"}
    with store.engine.begin() as connection:
        connection.execute(insert(queue_visit).values(**visit, outcome=ANSWERED))
    store.intake.record_call(NewCall("a-2.1", "asterisk", NUMBER, "12345", NOW), ended_at=NOW, talk_s=60)
    with store.engine.connect() as connection:
        kept = connection.execute(select(call.c.outcome, call.c.talk_s).where(call.c.call_id == "a-2.1")).one()
    assert tuple(kept) == ("answered", 60)
    assert callbacks(store).open_tasks() == []
