"""Who looked at whose number, and why (E26): written where it happens, read by the administrator and the bureau."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Engine, select

from casebook.store.cursors import make_cursor, read_cursor
from casebook.store.engine import reading
from casebook.store.schema import access_log, user_


@dataclass(frozen=True, slots=True)
class Access:
    """Somebody looked. `what` is citizen_contact, caller_number, caller_cases, call_back or linkage:<message>."""

    at: datetime
    actor: str
    name: str
    """How they are called; empty for an account that is gone."""
    case_no: str
    what: str
    reason: str


@dataclass(frozen=True, slots=True)
class AccessPage:
    """The latest first; `next_cursor` is None on the last page."""

    items: Sequence[Access]
    next_cursor: str | None


def accesses(
    engine: Engine,
    *,
    case_no: str | None = None,
    actor: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    cursor: str | None = None,
    limit: int = 50,
) -> AccessPage:
    """A page. Raises CaseError bad_value for a cursor that is none."""
    log = access_log.c
    statement = select(log.id, log.at, log.actor, user_.c.display_name, log.case_no, log.what, log.reason)
    statement = statement.outerjoin_from(access_log, user_, user_.c.name == log.actor)
    for column, value in ((log.case_no, case_no), (log.actor, actor)):
        if value is not None:
            statement = statement.where(column == value)
    if since is not None:
        statement = statement.where(log.at >= since)
    if until is not None:
        statement = statement.where(log.at < until)
    if cursor is not None:
        statement = statement.where(log.id < read_cursor(cursor))
    with reading(engine) as connection:
        rows = connection.execute(statement.order_by(log.id.desc()).limit(limit + 1)).all()
    items = [
        Access(row.at, row.actor, row.display_name or "", row.case_no, row.what, row.reason) for row in rows[:limit]
    ]
    return AccessPage(items, make_cursor(rows[limit - 1].id) if len(rows) > limit else None)
