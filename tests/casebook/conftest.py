"""Casework over both databases, with a clock that the test moves."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, select

from casebook.handling import commands as do
from casebook.handling.record import CaseRecord
from casebook.privacy import Privacy
from casebook.roles import Actor
from casebook.store import open_engine, upgrade
from casebook.store.casework import Casework
from casebook.store.outbox import Outbox
from casebook.store.records import load_orders, read_case, select_case
from casebook.store.schema import case_, event, outbox
from casebook.store.timer_jobs import run_timer
from tests.casebook.play import AGENT, START, book, register
from tests.store.conftest import SECRET, postgres, url

__all__ = ["postgres", "url"]


@dataclass
class Desk:
    """Everybody who handles cases, over one store."""

    engine: Engine
    now: datetime = START
    keys: Iterator[int] = field(default_factory=lambda: count(1))

    def __post_init__(self) -> None:
        self.privacy = Privacy(SECRET)
        channels = {"citizen": ("sms",), "unit": ("in_app",)}
        self.casework = Casework(self.engine, self.privacy, book(), lambda: self.now, channels)
        self.outbox = Outbox(self.engine)

    def open(self, n: int = 1, **other: Any) -> str:
        """A demand by telephone, registered."""
        key = f"k{next(self.keys)}"
        command = register(n, **other)
        return self.casework.register(command, channel="phone", actor=AGENT, idempotency_key=key).case_no

    def do(self, case_no: str, actor: Actor, command: do.Command) -> CaseRecord:
        """Do something with the case as it is now."""
        version = self.case(case_no).version
        self.casework.execute(case_no, command, version=version, actor=actor, idempotency_key=f"k{next(self.keys)}")
        return self.case(case_no)

    def case(self, case_no: str) -> CaseRecord:
        """The case as it stands."""
        with self.engine.begin() as connection:
            row = connection.execute(select_case().where(case_.c.case_no == case_no)).one()
            return read_case(row, load_orders(connection, row.id))

    def events(self, case_no: str) -> list[str]:
        """The types of its events."""
        statement = (
            select(event.c.type)
            .join(case_, case_.c.id == event.c.case_id)
            .where(case_.c.case_no == case_no)
            .order_by(event.c.seq)
        )
        with self.engine.begin() as connection:
            return list(connection.scalars(statement))

    def later(self, **length: float) -> None:
        """Let time pass, with every timer that comes due in it, each at its moment."""
        end = self.now + timedelta(**length)
        while due := self._next_timer(end):
            run_at, job_id, payload = due
            self.now = max(self.now, run_at)
            assert self.outbox.lease(job_id, "test", self.now, 30)
            self._run(job_id, payload)
        self.now = end

    def _run(self, job_id: int, payload: dict[str, object]) -> None:
        def work(connection: Connection) -> None:
            run_timer(connection, self.casework, payload, self.now)

        assert self.outbox.complete(job_id, "test", self.now, work)

    def _next_timer(self, end: datetime) -> tuple[datetime, int, dict[str, object]] | None:
        statement = (
            select(outbox.c.run_at, outbox.c.id, outbox.c.payload)
            .where(outbox.c.kind == "case_timer", outbox.c.state == "waiting", outbox.c.run_at <= end)
            .order_by(outbox.c.run_at, outbox.c.id)
            .limit(1)
        )
        with self.engine.begin() as connection:
            row = connection.execute(statement).first()
        return (row.run_at, row.id, json.loads(row.payload)) if row else None


@pytest.fixture
def desk(url: str) -> Iterator[Desk]:
    engine = open_engine(url)
    upgrade(engine)
    yield Desk(engine)
    engine.dispose()
