"""Attempts to reach somebody (call_leg): those of the flow, written with their step, and those of the desk."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, Engine, insert, select, update

from casebook.store.engine import insert_for, reading
from casebook.store.router_tables import call_leg
from ivr.ports import EndedLeg

BY_FLOW = "flow"
_TALKED = ("answered", "transferred")


@dataclass(frozen=True, slots=True)
class LegRow:
    """An attempt as the record shows it. `ended_at` is None while it lasts."""

    key: str
    call_id: str
    kind: str
    target: str
    number: str
    begun_by: str
    agent: str
    urgent: bool
    started_at: datetime
    answered_at: datetime | None
    ended_at: datetime | None
    outcome: str


def write_ended_legs(connection: Connection, call_id: str, legs: Iterable[EndedLeg], now: datetime) -> None:
    """The legs that ended with a step; one that is there stays as it is."""
    for ended in legs:
        answered = now - timedelta(seconds=ended.talk_s) if ended.outcome in _TALKED else None
        row = {
            "key": f"{call_id}:{ended.seq}",
            "call_id": call_id,
            "kind": ended.leg.kind,
            "target": ended.leg.target,
            "number": ended.leg.number,
            "begun_by": BY_FLOW,
            "agent": ended.agent,
            "urgent": ended.leg.emergency,
            "started_at": ended.started_at,
            "answered_at": max(answered, ended.started_at) if answered else None,
            "ended_at": now,
            "outcome": ended.outcome,
        }
        connection.execute(
            insert_for(connection, call_leg).values(**row).on_conflict_do_nothing(index_elements=["key"])
        )


class Legs:
    """The desk's attempts, and the record of a call's."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def begin(self, leg: LegRow) -> None:
        """Note an attempt that begins. It is in the record before the PBX is told."""
        values = {name: getattr(leg, name) for name in LegRow.__dataclass_fields__}
        with self._engine.begin() as connection:
            connection.execute(insert(call_leg).values(**values))

    def answered(self, key: str, now: datetime) -> None:
        """The other side answered; told twice, the first time counts."""
        self._change(key, answered_at=now)

    def end(self, key: str, outcome: str, now: datetime, talk_s: int = 0) -> bool:
        """Close an attempt; False when it was closed before or nobody began it."""
        answered = {"answered_at": now - timedelta(seconds=talk_s)} if outcome in _TALKED else {}
        with self._engine.begin() as connection:
            open_leg = (call_leg.c.key == key) & call_leg.c.ended_at.is_(None)
            if answered:
                connection.execute(
                    update(call_leg).where(open_leg, call_leg.c.answered_at.is_(None)).values(**answered)
                )
            changed = connection.execute(update(call_leg).where(open_leg).values(ended_at=now, outcome=outcome))
        return changed.rowcount == 1

    def end_of_call(self, call_id: str, now: datetime) -> int:
        """Close what the end of a call left open: its outcome was never told."""
        with self._engine.begin() as connection:
            changed = connection.execute(
                update(call_leg)
                .where(call_leg.c.call_id == call_id, call_leg.c.ended_at.is_(None))
                .values(ended_at=now, outcome="call_ended")
            )
        return changed.rowcount

    def of_call(self, call_id: str) -> list[LegRow]:
        """Every attempt of a call, in order."""
        columns = [call_leg.c[name] for name in LegRow.__dataclass_fields__]
        statement = select(*columns).where(call_leg.c.call_id == call_id).order_by(call_leg.c.started_at, call_leg.c.id)
        with reading(self._engine) as connection:
            return [LegRow(*row) for row in connection.execute(statement)]

    def _change(self, key: str, *, answered_at: datetime) -> None:
        with self._engine.begin() as connection:
            connection.execute(
                update(call_leg)
                .where(call_leg.c.key == key, call_leg.c.answered_at.is_(None), call_leg.c.ended_at.is_(None))
                .values(answered_at=answered_at)
            )
