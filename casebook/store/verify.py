"""`hotline db verify` and `hotline db backup`."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Engine, select

from casebook.errors import CaseError
from casebook.hashchain import first_break
from casebook.store.engine import reading
from casebook.store.history import body_of
from casebook.store.schema import case_, event


@dataclass(frozen=True, slots=True)
class Finding:
    """A case whose history was changed: `seq` is the first event that does not fit."""

    case_no: str
    seq: int

    def __str__(self) -> str:
        return f"{self.case_no}: the history does not fit from event {self.seq} on"


def verify_chains(engine: Engine) -> list[Finding]:
    """Check the chain of every case, one case at a time; also that none lacks its history or state."""
    findings = []
    with reading(engine) as connection:
        cases = connection.execute(select(case_.c.id, case_.c.case_no, case_.c.state).order_by(case_.c.id)).all()
        for case in cases:
            rows = connection.execute(select(event).where(event.c.case_id == case.id).order_by(event.c.seq)).all()
            broken = first_break((body_of(case.case_no, row), row.prev_hash, row.hash) for row in rows)
            if broken is not None:
                findings.append(Finding(case.case_no, broken + 1))
            elif not rows or rows[-1].to_state != case.state:
                findings.append(Finding(case.case_no, len(rows) + 1))
    return findings


def backup(engine: Engine, target: Path) -> None:
    """Copy a SQLite database that is in use. Raises CaseError for another database or a target that exists."""
    if engine.dialect.name != "sqlite":
        raise CaseError("unsupported", "Only SQLite is backed up by this command; use pg_dump for PostgreSQL.")
    if target.exists():
        raise CaseError("bad_value", f"{target} exists already.")
    with closing(sqlite3.connect(str(engine.url.database))) as source, closing(sqlite3.connect(target)) as copy:
        source.backup(copy)
