"""Deleting the sound of voicemails and conversations by age. Rows, transcripts and cases stay."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import structlog
from sqlalchemy import ColumnElement, Engine, Table, and_, exists, or_, select, tuple_, update

from casebook import states
from casebook.store.engine import reading
from casebook.store.router_tables import conversation, desk_call
from casebook.store.schema import case_, recording

_BATCH = 200
"""Rows that one short transaction marks."""
_LOG = structlog.get_logger()


def delete_old_sound(engine: Engine, folder: Path, keep: timedelta, now: datetime) -> int:
    """Delete the files in `folder` that are older than `keep`, and write down when; how many.

    Kept longer: what belongs to a case that is not over, or was not before `now - keep`; for good: what belongs to a
    case under supervision. A file goes before its row says so: cut off in between, the next night says it. One that
    cannot be deleted is logged, and tried again the next night.
    """
    root = folder.resolve()
    if not root.is_dir() or not any(root.iterdir()):
        # A disk that is not mounted holds nothing, and nothing of it was deleted.
        return 0
    return sum(_delete(engine, root, table, now - keep, now) for table in (recording, conversation))


def _delete(engine: Engine, root: Path, table: Table, before: datetime, now: datetime) -> int:
    place = tuple_(table.c.created_at, table.c.id)
    old = (
        select(table.c.id, table.c.path, table.c.created_at)
        .where(table.c.created_at <= before, table.c.erased_at.is_(None), ~_needed(table, before))
        .order_by(table.c.created_at, table.c.id)
        .limit(_BATCH)
    )
    count, page = 0, old
    while True:
        with reading(engine) as connection:
            rows = connection.execute(page).all()
        gone = [row.id for row in rows if _unlinked(root, row.path)]
        if gone:
            with engine.begin() as connection:
                connection.execute(update(table).where(table.c.id.in_(gone)).values(erased_at=now))
            count += len(gone)
        if len(rows) < _BATCH:
            return count
        page = old.where(place > (rows[-1].created_at, rows[-1].id))


def _unlinked(root: Path, path: str) -> bool:
    """Whether the file is not there any more."""
    file = (root / path).resolve()
    try:
        if not file.is_relative_to(root):
            raise OSError("outside of the recordings folder")
        file.unlink(missing_ok=True)
    except OSError as error:
        _LOG.warning("recording not deleted", path=path, error=type(error).__name__)
        return False
    return True


def _needed(table: Table, before: datetime) -> ColumnElement[bool]:
    """A case still needs the sound: the call's own, one that an agent made of it, or the master of such a case."""
    own, made, master = case_.alias("own"), case_.alias("made"), case_.alias("master")

    def holds(case: Any) -> ColumnElement[bool]:
        merged_into = exists().where(master.c.case_no == case.c.master_no, _not_over(master, before))
        return or_(_not_over(case, before), merged_into)

    of_the_call = exists().where(own.c.call_id == table.c.call_id, holds(own))
    of_an_agent = desk_call.c.call_id == table.c.call_id, desk_call.c.case_no == made.c.case_no
    return or_(of_the_call, exists().where(*of_an_agent, holds(made)))


def _not_over(case: Any, before: datetime) -> ColumnElement[bool]:
    return and_(
        case.c.state != states.DISCARDED,
        or_(case.c.closed_at.is_(None), case.c.closed_at > before, case.c.supervision != ""),
    )
