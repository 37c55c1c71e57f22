"""Call-back tasks (漏接回拨): callers who asked for a call, were missed or gave up; one open task a number."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from sqlalchemy import ColumnElement, Connection, Engine, and_, case, or_, select, update

from casebook.errors import CaseError
from casebook.privacy import Privacy
from casebook.store.engine import insert_for, reading
from casebook.store.router_tables import CALLBACK_OPEN, callback_task
from casebook.store.schema import access_log, call, outbound_call

Reason = Literal["requested", "missed", "abandoned"]
LOST = ("missed", "abandoned")
"""Outcomes of a call after which its caller is called back."""
REACHED = ("answered", "transferred", "voicemail")
"""Outcomes after which nobody needs to call that number back."""
_CLAIM_HOLDS = timedelta(minutes=10)
"""After that a claim is anybody's: the end of its call was never told."""
_RINGS_AGAIN_AFTER = timedelta(seconds=60)
"""Until then another claim of the same agent is the same click, sent twice."""
_IS_TOLD_WITHIN = timedelta(minutes=2)
"""A call that the line makes begins at most so long after it is tried."""


@dataclass(frozen=True, slots=True)
class CallbackTask:
    """A task. `calls` counts the calls of that number which it stands for."""

    id: int
    ani_masked: str
    last_call_id: str
    reason: str
    state: str
    calls: int
    attempts: int
    created_at: datetime
    updated_at: datetime
    claimed_by: str | None
    note: str


def book(connection: Connection, call_id: str, reason: Reason, now: datetime) -> bool:
    """Open a task for a call's number, or add the call to the open one; False for a withheld number."""
    row = connection.execute(select(call.c.ani_hmac, call.c.ani_masked).where(call.c.call_id == call_id)).first()
    if row is None or row.ani_hmac is None:
        return False
    statement = insert_for(connection, callback_task).values(
        ani_hmac=row.ani_hmac,
        ani_masked=row.ani_masked,
        last_call_id=call_id,
        reason=reason,
        state="open",
        calls=1,
        attempts=0,
        created_at=now,
        updated_at=now,
        note="",
    )
    same = callback_task.c.last_call_id == statement.excluded.last_call_id
    asked = (callback_task.c.reason == "requested", "requested")
    connection.execute(
        statement.on_conflict_do_update(
            index_elements=["ani_hmac"],
            index_where=CALLBACK_OPEN,
            set_={
                "calls": callback_task.c.calls + case((same, 0), else_=1),
                "last_call_id": statement.excluded.last_call_id,
                # Whoever asked for a call is not turned into somebody who was missed.
                "reason": case(asked, else_=statement.excluded.reason),
                # While a task is claimed, that is when it was claimed.
                "updated_at": case((callback_task.c.state == "claimed", callback_task.c.updated_at), else_=now),
            },
        )
    )
    return True


def settle(connection: Connection, call_id: str, outcome: str, now: datetime) -> None:
    """What the end of a call means for its number: a task where the caller was lost, none where one was reached.

    Whoever hangs up on a call that the line made has asked for nothing, and is no lost caller.
    """
    if outcome in LOST:
        if not _made_by_us(connection, call_id):
            book(connection, call_id, "missed" if outcome == "missed" else "abandoned", now)
    elif outcome in REACHED:
        number = select(call.c.ani_hmac).where(call.c.call_id == call_id).scalar_subquery()
        connection.execute(
            update(callback_task)
            .where(callback_task.c.ani_hmac == number, CALLBACK_OPEN)
            .values(state="reached", updated_at=now)
        )


def _made_by_us(connection: Connection, call_id: str) -> bool:
    """Whether the line made that call; the carrier's name of it may not be written yet, then its number says so."""
    of = connection.execute(select(call.c.ani_hmac, call.c.started_at).where(call.c.call_id == call_id)).first()
    if of is None:
        return False
    numbers = select(call.c.call_id).where(call.c.ani_hmac == of.ani_hmac)
    trying = and_(
        outbound_call.c.state == "trying",
        outbound_call.c.tried_at.between(of.started_at - _IS_TOLD_WITHIN, of.started_at),
        outbound_call.c.origin_call_id.in_(numbers),
    )
    made = select(outbound_call.c.id).where(or_(outbound_call.c.call_sid == call_id, trying))
    return connection.execute(made.limit(1)).first() is not None


class Callbacks:
    """The list of tasks, and what agents do with them."""

    def __init__(self, engine: Engine, privacy: Privacy) -> None:
        self._engine = engine
        self._privacy = privacy

    def open_tasks(self, limit: int = 200) -> list[CallbackTask]:
        """Open and claimed tasks: requested ones first, then the oldest."""
        first = case((callback_task.c.reason == "requested", 0), else_=1)
        statement = (
            select(*_COLUMNS).where(CALLBACK_OPEN).order_by(first, callback_task.c.created_at, callback_task.c.id)
        )
        with reading(self._engine) as connection:
            return [CallbackTask(*row) for row in connection.execute(statement.limit(limit))]

    def claim(self, task_id: int, actor: str, now: datetime) -> str:
        """Take a task to call its number; the number, and the look at it is logged. Raises CaseError.

        A claim that is older than ten minutes may be taken over. The agent who holds it may try again after a minute,
        which counts another attempt.
        """
        held, again = callback_task.c.claimed_by, callback_task.c.updated_at <= now - _RINGS_AGAIN_AFTER
        free = or_(held.is_(None), and_(held == actor, again), callback_task.c.updated_at <= now - _CLAIM_HOLDS)
        with self._engine.begin() as connection:
            row = connection.execute(
                update(callback_task)
                .where(callback_task.c.id == task_id, CALLBACK_OPEN, free)
                .values(state="claimed", claimed_by=actor, attempts=callback_task.c.attempts + 1, updated_at=now)
                .returning(callback_task.c.last_call_id)
            ).first()
            if row is None:
                raise self._refusal(connection, task_id)
            enc = connection.execute(select(call.c.ani_enc).where(call.c.call_id == row.last_call_id)).scalar_one()
            connection.execute(
                access_log.insert().values(actor=actor, case_no="", what="call_back", reason=str(task_id), at=now)
            )
        return self._privacy.decrypt(enc, f"call.ani:{row.last_call_id}")

    def close(self, task_id: int, actor: str, *, reached: bool, note: str, now: datetime) -> None:
        """End a claimed task as done, or give it up with a note. Raises CaseError."""
        if not reached and not note.strip():
            raise CaseError("missing_reason", "A call-back that is given up needs a note.")
        with self._engine.begin() as connection:
            changed = connection.execute(
                update(callback_task)
                .where(_held(task_id, actor))
                .values(state="done" if reached else "given_up", note=note, updated_at=now)
            )
            if changed.rowcount != 1:
                raise self._refusal(connection, task_id)

    def release(self, task_id: int, actor: str, now: datetime) -> None:
        """Give a claimed task back: nobody answered, somebody tries again later. Raises CaseError."""
        with self._engine.begin() as connection:
            changed = connection.execute(
                update(callback_task).where(_held(task_id, actor)).values(state="open", claimed_by=None, updated_at=now)
            )
            if changed.rowcount != 1:
                raise self._refusal(connection, task_id)

    @staticmethod
    def _refusal(connection: Connection, task_id: int) -> CaseError:
        found = connection.execute(select(callback_task.c.id).where(callback_task.c.id == task_id)).first()
        if found is None:
            return CaseError("not_found", "There is no such call-back.")
        return CaseError("bad_state", "The call-back is somebody else's, is being called now, or has ended.")


def _held(task_id: int, actor: str) -> ColumnElement[bool]:
    """The task, while somebody holds it."""
    return and_(callback_task.c.id == task_id, callback_task.c.state == "claimed", callback_task.c.claimed_by == actor)


_COLUMNS = tuple(callback_task.c[name] for name in CallbackTask.__dataclass_fields__)
