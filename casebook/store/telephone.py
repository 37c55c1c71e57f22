"""The telephone service for good: visits to queues and agents' times as the PBX tells of them.

What the PBX tells comes in order, and how far it was read is written in the same transaction: a process that dies in
between takes nothing in twice and leaves nothing out. What nobody can tell (the length of a conversation that the PBX
did not survive) stays empty.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, Engine, or_, select, update

from casebook.indicators_telephone import ABANDONED, ANSWERED, REFUSED, STAFFED, WAITING, WRAP_UP, AgentTime, Visit
from casebook.store.engine import insert_for, reading
from casebook.store.legs import BY_FLOW
from casebook.store.router_tables import call_leg
from casebook.store.schema import call
from casebook.store.telephone_tables import agent_time, queue_visit, reading_position

LOST = "lost"
"""The PBX died, or the call ended unseen, while the citizen waited."""
_WRAP_UP_FOLLOWS = timedelta(minutes=2)
"""A wrap-up that begins later than this after a conversation is not of it."""
_SECOND = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Entered:
    """A caller entered a queue."""

    at: datetime
    call_id: str
    queue: str


@dataclass(frozen=True, slots=True)
class Connected:
    """An agent answered after `wait_s` seconds."""

    at: datetime
    call_id: str
    queue: str
    agent: str
    wait_s: int


@dataclass(frozen=True, slots=True)
class Completed:
    """The conversation with the agent is over; it took `talk_s` seconds."""

    at: datetime
    call_id: str
    queue: str
    talk_s: int


@dataclass(frozen=True, slots=True)
class Left:
    """The waiting ended without an agent: abandoned, timeout, leave_empty, key, withdrawn, join_empty, full."""

    at: datetime
    call_id: str
    queue: str
    outcome: str
    wait_s: int


@dataclass(frozen=True, slots=True)
class AgentChanged:
    """A stretch of an agent's time begins or ends; `kind` as in AgentTime."""

    at: datetime
    agent: str
    queue: str
    kind: str
    begins: bool
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Restarted:
    """The PBX started anew: whoever was in a queue is not any more."""

    at: datetime


QueueEvent = Entered | Connected | Completed | Left | AgentChanged | Restarted


@dataclass(frozen=True, slots=True)
class Position:
    """How far a source was read: which file (its inode), and how many bytes of it."""

    file: int
    bytes: int


class Telephone:
    """Takes in what PBXs tell. `source` names the PBX: what one tells changes nothing of another's."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def position(self, source: str) -> Position | None:
        """How far `source` was read; None where it never was."""
        statement = select(reading_position.c.file, reading_position.c.bytes).where(reading_position.c.source == source)
        with reading(self._engine) as connection:
            row = connection.execute(statement).first()
        return Position(*row) if row else None

    def take_in(self, source: str, events: Sequence[QueueEvent], position: Position) -> None:
        """Write events and the position after them, all or nothing."""
        with self._engine.begin() as connection:
            for event in events:
                _write(connection, source, event)
            values = {"source": source, "file": position.file, "bytes": position.bytes}
            statement = insert_for(connection, reading_position).values(values)
            connection.execute(statement.on_conflict_do_update(index_elements=["source"], set_=values))

    def give_up(self, source: str, live: set[str], before: datetime) -> int:
        """Close visits that began before `before` and whose call is not among `live`; how many there were.

        For what the PBX's log does not tell any more. `live` is older than the last `take_in`: a call that ended in
        between was closed by its own events.
        """
        with self._engine.begin() as connection:
            rows = connection.execute(
                select(queue_visit.c.id, queue_visit.c.call_id).where(
                    queue_visit.c.source == source, queue_visit.c.left_at.is_(None), queue_visit.c.entered_at < before
                )
            )
            gone = [row.id for row in rows if row.call_id not in live]
            if gone:
                _lose(connection, queue_visit.c.id.in_(gone), before)
        return len(gone)

    def visits(self, since: datetime, until: datetime) -> list[Visit]:
        """Visits that began in [since, until), oldest first."""
        statement = (
            select(*(queue_visit.c[name] for name in _VISIT))
            .where(queue_visit.c.entered_at >= since, queue_visit.c.entered_at < until)
            .order_by(queue_visit.c.entered_at, queue_visit.c.id)
        )
        with reading(self._engine) as connection:
            return [Visit(*row) for row in connection.execute(statement)]

    def agent_times(self, since: datetime, until: datetime) -> list[AgentTime]:
        """Stretches that touch [since, until)."""
        statement = (
            select(agent_time.c.agent, agent_time.c.kind, agent_time.c.began_at, agent_time.c.ended_at)
            .where(agent_time.c.began_at < until, or_(agent_time.c.ended_at.is_(None), agent_time.c.ended_at > since))
            .order_by(agent_time.c.began_at, agent_time.c.id)
        )
        with reading(self._engine) as connection:
            return [AgentTime(*row) for row in connection.execute(statement)]


def take_in_cloud_queues(connection: Connection, carrier: str, since: datetime) -> int:
    """Visits to queues of a carrier's own, from the record of its calls: those that ended since; how many are new.

    A queue of the PBX's tells of its visits itself; a cloud's tells only each call's outcome.
    """
    known = select(queue_visit.c.id).where(
        queue_visit.c.call_id == call_leg.c.call_id, queue_visit.c.entered_at == call_leg.c.started_at
    )
    legs = connection.execute(
        select(call_leg)
        .join(call, call.c.call_id == call_leg.c.call_id)
        .where(
            call.c.carrier == carrier,
            call_leg.c.kind == "queue",
            call_leg.c.begun_by == BY_FLOW,
            call_leg.c.ended_at >= since,
            ~known.exists(),
        )
    ).all()
    for leg in legs:
        until = leg.answered_at or leg.ended_at
        row = {
            "source": carrier,
            "call_id": leg.call_id,
            "queue": leg.target,
            "entered_at": leg.started_at,
            "outcome": ANSWERED if leg.answered_at else _CLOUD_OUTCOMES.get(leg.outcome, leg.outcome),
            "wait_s": int((until - leg.started_at).total_seconds()),
            "answered_at": leg.answered_at,
            "agent": leg.agent,
            "talk_s": int((leg.ended_at - leg.answered_at).total_seconds()) if leg.answered_at else None,
            "left_at": leg.ended_at,
        }
        connection.execute(
            insert_for(connection, queue_visit)
            .values(**row)
            .on_conflict_do_nothing(index_elements=["call_id", "queue", "entered_at"])
        )
    return len(legs)


_CLOUD_OUTCOMES = {"caller_gone": ABANDONED}
_VISIT = ("call_id", "queue", "entered_at", "outcome", "wait_s", "answered_at", "agent", "talk_s", "acw_s")


def _write(connection: Connection, source: str, event: QueueEvent) -> None:
    match event:
        case Entered():
            _enter(connection, source, event, WAITING, None)
        case Left(outcome=outcome) if outcome in REFUSED:
            _enter(connection, source, Entered(event.at, event.call_id, event.queue), outcome, event.at)
        case Left(outcome=outcome, wait_s=wait_s):
            _change(connection, event, outcome=outcome, wait_s=wait_s, left_at=event.at)
        case Connected(agent=agent, wait_s=wait_s):
            _change(connection, event, outcome=ANSWERED, wait_s=wait_s, answered_at=event.at, agent=agent)
        case Completed(talk_s=talk_s):
            _change(connection, event, talk_s=talk_s, left_at=event.at)
        case AgentChanged():
            _change_agent(connection, source, event)
        case Restarted(at=at):
            mine = (queue_visit.c.source == source) & queue_visit.c.left_at.is_(None)
            _lose(connection, mine & (queue_visit.c.entered_at <= at), at)


def _enter(connection: Connection, source: str, event: Entered, outcome: str, left_at: datetime | None) -> None:
    values = {"call_id": event.call_id, "queue": event.queue, "entered_at": event.at, "outcome": outcome}
    statement = insert_for(connection, queue_visit).values(source=source, agent="", left_at=left_at, **values)
    connection.execute(statement.on_conflict_do_nothing(index_elements=["call_id", "queue", "entered_at"]))


def _change(connection: Connection, event: Connected | Completed | Left, **values: Any) -> None:
    """The newest visit of the call to the queue is meant: nobody waits twice at once."""
    newest = (
        select(queue_visit.c.id)
        .where(
            queue_visit.c.call_id == event.call_id,
            queue_visit.c.queue == event.queue,
            queue_visit.c.entered_at <= event.at,
        )
        .order_by(queue_visit.c.id.desc())
        .limit(1)
    )
    connection.execute(update(queue_visit).where(queue_visit.c.id == newest.scalar_subquery()).values(**values))


def _lose(connection: Connection, which: ColumnElement[bool], at: datetime) -> None:
    waiting = which & (queue_visit.c.outcome == WAITING)
    connection.execute(update(queue_visit).where(waiting).values(outcome=LOST, left_at=at))
    connection.execute(update(queue_visit).where(which, queue_visit.c.left_at.is_(None)).values(left_at=at))


def _change_agent(connection: Connection, source: str, event: AgentChanged) -> None:
    """End what is open: a pause and a wrap-up end each other, as one is paused for one reason; signing out ends all."""
    same = (agent_time.c.agent == event.agent) & (agent_time.c.queue == event.queue)
    if event.kind != STAFFED:
        same &= agent_time.c.kind != STAFFED
    elif event.begins and _is_open(connection, same & (agent_time.c.kind == STAFFED)):
        return
    ended = connection.execute(
        update(agent_time)
        .where(same, agent_time.c.ended_at.is_(None))
        .values(ended_at=event.at)
        .returning(agent_time.c.kind, agent_time.c.began_at)
    ).all()
    for kind, began_at in ended:
        if kind == WRAP_UP:
            _add_wrap_up(connection, event.agent, began_at, event.at)
    if event.begins:
        values = {"agent": event.agent, "queue": event.queue, "kind": event.kind, "began_at": event.at}
        statement = insert_for(connection, agent_time).values(source=source, reason=event.reason[:64], **values)
        connection.execute(statement.on_conflict_do_nothing())


def _is_open(connection: Connection, same: ColumnElement[bool]) -> bool:
    return connection.execute(select(agent_time.c.id).where(same, agent_time.c.ended_at.is_(None))).first() is not None


def _add_wrap_up(connection: Connection, agent: str, began_at: datetime, ended_at: datetime) -> None:
    """Wrap-up belongs to the conversation that it follows."""
    visit = connection.execute(
        select(queue_visit.c.id, queue_visit.c.acw_s)
        .where(
            queue_visit.c.agent == agent,
            queue_visit.c.left_at.is_not(None),
            queue_visit.c.left_at <= began_at + _SECOND,
            queue_visit.c.left_at >= began_at - _WRAP_UP_FOLLOWS,
        )
        .order_by(queue_visit.c.left_at.desc())
        .limit(1)
    ).first()
    if visit is not None and visit.acw_s is None:
        seconds = int((ended_at - began_at).total_seconds())
        connection.execute(update(queue_visit).where(queue_visit.c.id == visit.id).values(acw_s=seconds))
