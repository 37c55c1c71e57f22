"""A case's history: events appended in the transaction that changes the case, each chained to the one before."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Row, func, insert, select

from casebook.handling.record import CaseRecord
from casebook.handling.running import SINCE
from casebook.hashchain import GENESIS, canonical, digest
from casebook.rights import Rights
from casebook.store.engine import in_parts
from casebook.store.schema import event


def append_event(
    connection: Connection,
    case_id: int,
    case_no: str,
    *,
    kind: str,
    actor: str,
    now: datetime,
    from_state: str,
    to_state: str,
    payload: Mapping[str, Any],
    idempotency_key: str | None = None,
) -> None:
    """Append to the case's chain. The caller holds the case: its row is locked or was written in this transaction."""
    last = connection.execute(
        select(event.c.seq, event.c.hash).where(event.c.case_id == case_id).order_by(event.c.seq.desc()).limit(1)
    ).first()
    values = event_values(
        case_no,
        (last.seq, last.hash) if last else FIRST,
        kind=kind,
        actor=actor,
        now=now,
        from_state=from_state,
        to_state=to_state,
        payload=payload,
        idempotency_key=idempotency_key,
    )
    connection.execute(insert(event), {"case_id": case_id, **values})


FIRST = (0, GENESIS)
"""What the first event of a case is chained to."""


def event_values(
    case_no: str,
    last: tuple[int, str],
    *,
    kind: str,
    actor: str,
    now: datetime,
    from_state: str,
    to_state: str,
    payload: Mapping[str, Any],
    idempotency_key: str | None,
) -> dict[str, Any]:
    """The columns of an event but for its case's id; `last` is number and digest of the event before."""
    seq, previous = last[0] + 1, last[1]
    values: dict[str, Any] = {
        "seq": seq,
        "type": kind,
        "actor": actor,
        "at": now.astimezone(UTC).isoformat(timespec="milliseconds"),
        "from_state": from_state,
        "to_state": to_state,
        "payload": canonical(payload),
    }
    values["hash"] = digest(previous, {"case_no": case_no, **values})
    return {"prev_hash": previous, "idempotency_key": idempotency_key, **values}


def moments(connection: Connection, ids: Sequence[int]) -> dict[int, dict[str, datetime]]:
    """By case, when the events last happened from which clocks run that the case itself does not tell of."""
    found: dict[int, dict[str, datetime]] = {}
    for some in in_parts(ids):
        statement = (
            select(event.c.case_id, event.c.type, func.max(event.c.at))
            .where(event.c.case_id.in_(some), event.c.type.in_(SINCE))
            .group_by(event.c.case_id, event.c.type)
        )
        for case_id, kind, at in connection.execute(statement):
            found.setdefault(case_id, {})[kind] = datetime.fromisoformat(at)
    return found


def body_of(case_no: str, row: Any) -> dict[str, Any]:
    """What an event's digest was taken over."""
    names = ("seq", "type", "actor", "at", "from_state", "to_state", "payload")
    return {"case_no": case_no, **{name: getattr(row, name) for name in names}}


@dataclass(frozen=True, slots=True)
class HistoryEvent:
    """An event of a case's history."""

    seq: int
    type: str
    actor: str
    at: datetime
    from_state: str
    to_state: str
    payload: dict[str, Any]


def read_history(row: Row[Any], rights: Rights, case: CaseRecord | None = None) -> HistoryEvent:
    """A row of the table of events, as a reader may see it."""
    payload = rights.payload(row.type, json.loads(row.payload), case)
    at = datetime.fromisoformat(row.at)
    return HistoryEvent(row.seq, row.type, row.actor, at, row.from_state, row.to_state, payload)
