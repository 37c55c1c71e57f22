"""The outbox: work that can wait, written with what causes it, leased by workers, done once.

A row is waiting, leased, done or dead. A lease that is not renewed runs out, and the row is due again; completing needs
the lease, and writes the result in the same transaction: whoever was presumed dead and comes back writes nothing.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, Engine, and_, or_, select, update

from casebook.store.engine import reading
from casebook.store.schema import outbox

MAX_ATTEMPTS = 8
_SEND_AGAIN_S = 15
"""A message that nobody took in this time is taken for lost."""


@dataclass(frozen=True, slots=True)
class Job:
    """A row of the outbox."""

    id: int
    kind: str
    payload: Mapping[str, Any]
    attempts: int


class Outbox:
    """Rows of work."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def due(self, now: datetime, limit: int) -> list[Job]:
        """Jobs to send now, each marked as sent; the same one comes again when nobody took it."""
        condition = _due(now)
        with reading(self._engine) as connection:
            if connection.execute(select(outbox.c.id).where(condition).limit(1)).first() is None:
                return []
        with self._engine.begin() as connection:
            self._bury(connection, now)
            chosen = (
                select(outbox.c.id)
                .where(condition)
                .order_by(outbox.c.run_at)
                .limit(limit)
                .with_for_update(skip_locked=True)
            )
            rows = connection.execute(
                update(outbox).where(outbox.c.id.in_(chosen)).values(sent_at=now).returning(*_JOB_COLUMNS)
            )
            return [_job(row) for row in rows]

    def lease(self, job_id: int, owner: str, now: datetime, lease_s: float) -> Job | None:
        """Take a job for `lease_s` seconds; None when it is done, dead, not due, or somebody else's."""
        with self._engine.begin() as connection:
            row = connection.execute(
                update(outbox)
                .where(outbox.c.id == job_id, outbox.c.run_at <= now, _free(now), outbox.c.attempts < MAX_ATTEMPTS)
                .values(
                    state="leased",
                    lease_owner=owner,
                    lease_until=now + timedelta(seconds=lease_s),
                    attempts=outbox.c.attempts + 1,
                )
                .returning(*_JOB_COLUMNS)
            ).first()
        return _job(row) if row else None

    def renew(self, job_id: int, owner: str, now: datetime, lease_s: float) -> bool:
        """Hold a lease longer; False when it is lost."""
        return self._change(job_id, owner, lease_until=now + timedelta(seconds=lease_s))

    def complete(self, job_id: int, owner: str, now: datetime, writes: Callable[[Connection], None]) -> bool:
        """Write the result and mark the job done, both or neither; False when the lease is lost."""
        with self._engine.begin() as connection:
            done = connection.execute(
                update(outbox)
                .where(_held(job_id, owner))
                .values(state="done", done_at=now, lease_owner=None, lease_until=None, last_error=None)
            )
            if done.rowcount != 1:
                return False
            writes(connection)
        return True

    def fail(self, job_id: int, owner: str, error: str, retry_at: datetime) -> bool:
        """Give a job back for another attempt, or bury it after the last; False when the lease is lost."""
        with self._engine.begin() as connection:
            row = connection.execute(select(outbox.c.attempts).where(_held(job_id, owner))).first()
            if row is None:
                return False
            state = "dead" if row.attempts >= MAX_ATTEMPTS else "waiting"
            connection.execute(
                update(outbox)
                .where(_held(job_id, owner))
                .values(
                    state=state,
                    last_error=error[:500],
                    run_at=retry_at,
                    sent_at=None,
                    lease_owner=None,
                    lease_until=None,
                )
            )
        return True

    def postpone(self, job_id: int, owner: str, run_at: datetime) -> bool:
        """Give a job back without counting the attempt; False when the lease is lost."""
        return self._change(
            job_id,
            owner,
            state="waiting",
            run_at=run_at,
            sent_at=None,
            attempts=outbox.c.attempts - 1,
            lease_owner=None,
            lease_until=None,
        )

    def _change(self, job_id: int, owner: str, **values: Any) -> bool:
        with self._engine.begin() as connection:
            changed = connection.execute(update(outbox).where(_held(job_id, owner)).values(**values))
        return changed.rowcount == 1

    def _bury(self, connection: Connection, now: datetime) -> None:
        """A job that took every one of its workers with it is dead, not due for ever."""
        connection.execute(
            update(outbox)
            .where(outbox.c.state == "leased", outbox.c.lease_until <= now, outbox.c.attempts >= MAX_ATTEMPTS)
            .values(state="dead", last_error="no worker came back from it", lease_owner=None, lease_until=None)
        )


_JOB_COLUMNS = (outbox.c.id, outbox.c.kind, outbox.c.payload, outbox.c.attempts)


def _job(row: Any) -> Job:
    return Job(row.id, row.kind, json.loads(row.payload), row.attempts)


def _held(job_id: int, owner: str) -> ColumnElement[bool]:
    return and_(outbox.c.id == job_id, outbox.c.state == "leased", outbox.c.lease_owner == owner)


def _free(now: datetime) -> ColumnElement[bool]:
    return or_(outbox.c.state == "waiting", and_(outbox.c.state == "leased", outbox.c.lease_until <= now))


def _due(now: datetime) -> ColumnElement[bool]:
    lost = now - timedelta(seconds=_SEND_AGAIN_S)
    return and_(outbox.c.run_at <= now, _free(now), or_(outbox.c.sent_at.is_(None), outbox.c.sent_at <= lost))
