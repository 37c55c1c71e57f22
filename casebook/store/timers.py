"""Timers of cases: outbox rows that are due when something is to be looked at."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from sqlalchemy import Connection

from casebook.handling.scene import Timer
from casebook.store.cases import add_effect

JOB = "case_timer"


def set_timers(connection: Connection, case_no: str, timers: Iterable[Timer]) -> None:
    """Rows of the outbox; the same timer is set once."""
    for timer in timers:
        payload = {"case_no": case_no, "kind": timer.kind, "order": timer.order, "marks": timer.marks}
        key = f"{JOB}:{case_no}:{timer.kind}:{timer.order}:{short(timer.marks)}"
        add_effect(connection, JOB, key, payload, timer.run_at)


def short(marks: str) -> str:
    """A timer's marks in a key of limited width."""
    return hashlib.blake2b(marks.encode(), digest_size=8).hexdigest()
