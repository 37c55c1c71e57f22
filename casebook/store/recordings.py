"""Deleting the sound of recordings by age."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import Connection, exists, or_, select, update

from casebook import states
from casebook.store.schema import case_, recording

_BATCH = 5000
"""Files a night: the transaction stays short, and a store that is years behind is done within weeks."""


def delete_old_sound(connection: Connection, folder: Path, keep: timedelta, now: datetime) -> int:
    """Delete the files in `folder` of recordings older than `keep`; how many. Rows, transcripts and cases stay.

    Kept longer: what belongs to a case that is not over, or was not before `now - keep`; for good: what belongs to a
    case under supervision. A file goes before its row says so: cut off in between, the next night says it.
    """
    before = now - keep
    needed = exists().where(
        case_.c.recording_id == recording.c.id,
        case_.c.state != states.DISCARDED,
        or_(case_.c.closed_at.is_(None), case_.c.closed_at > before, case_.c.supervision != ""),
    )
    old = connection.execute(
        select(recording.c.id, recording.c.path)
        .where(recording.c.created_at <= before, recording.c.erased_at.is_(None), ~needed)
        .order_by(recording.c.created_at)
        .limit(_BATCH)
    ).all()
    root = folder.resolve()
    for row in old:
        path = (root / row.path).resolve()
        if path.is_relative_to(root):
            path.unlink(missing_ok=True)
        connection.execute(update(recording).where(recording.c.id == row.id).values(erased_at=now))
    return len(old)
