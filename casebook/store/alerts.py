"""Alerts: a voicemail speaks of danger, somebody is told at once and says what was done about it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Engine, Row, Select, select, update

from casebook.errors import CaseError
from casebook.store.cases import SYSTEM
from casebook.store.engine import insert_for, reading
from casebook.store.history import append_event
from casebook.store.notices import Notice, Routes, send
from casebook.store.schema import alert, call, case_, recording

NOTICE_KIND = "alert"
_SHOWN = 200


@dataclass(frozen=True, slots=True)
class FoundAlarm:
    """A danger that a transcript speaks of; `start_ms` from the start of the recording."""

    category: str
    name: str
    severity: str
    phrase: str
    quote: str
    found_by: str
    score: float
    start_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertItem:
    """An alert as the console shows it."""

    id: int
    case_no: str | None
    category: str
    name: str
    severity: str
    phrase: str
    quote: str
    found_by: str
    start_ms: int
    raised_at: datetime
    acknowledged_at: datetime | None
    acknowledged_by: str | None
    note: str | None
    masked_number: str
    call_started_at: datetime


def raise_alerts(
    connection: Connection, recording_id: int, alarms: Sequence[FoundAlarm], routes: Routes, now: datetime
) -> None:
    """Write the alerts of a recording, once for each category, their notices, and the case's history."""
    case = connection.execute(
        select(case_.c.id, case_.c.case_no, case_.c.state)
        .join(recording, recording.c.call_id == case_.c.call_id)
        .where(recording.c.id == recording_id)
        # An event is appended below: the case must not change meanwhile.
        .with_for_update(of=case_)
    ).first()
    for one in alarms:
        added = connection.execute(
            insert_for(connection, alert)
            .values(
                recording_id=recording_id,
                case_id=case.id if case else None,
                category=one.category,
                name=one.name,
                severity=one.severity,
                phrase=one.phrase,
                quote=one.quote,
                found_by=one.found_by,
                score=one.score,
                start_ms=one.start_ms,
                raised_at=now,
            )
            .on_conflict_do_nothing(index_elements=["recording_id", "category"])
            .returning(alert.c.id)
        ).first()
        if added is None:
            continue
        case_no = case.case_no if case else ""
        title = f"留言预警：{one.name}"
        text = f"留言{case_no}疑似{one.name}（“{one.quote}”），请立即核听处置。"
        send(connection, Notice(NOTICE_KIND, f"alert:{added.id}", case_no, title, text), routes, now)
        if case:
            _note_in_history(
                connection, case, "raise_alert", SYSTEM, now, {"category": one.category, "quote": one.quote}
            )


class Alerts:
    """The console's side of it."""

    def __init__(self, engine: Engine, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._engine = engine
        self._clock = clock

    def items(self, *, unacknowledged: bool) -> list[AlertItem]:
        """The newest two hundred, newest first."""
        statement = _items().order_by(alert.c.id.desc()).limit(_SHOWN)
        if unacknowledged:
            statement = statement.where(alert.c.acknowledged_at.is_(None))
        with reading(self._engine) as connection:
            return [_item(row) for row in connection.execute(statement)]

    def acknowledge(self, alert_id: int, actor: str, note: str) -> AlertItem:
        """Say what was done. A second one changes nothing. Raises CaseError not_found, missing_reason."""
        if not note.strip():
            raise CaseError("missing_reason", "请填写处置情况。")
        now = self._clock()
        with self._engine.begin() as connection:
            changed = connection.execute(
                update(alert)
                .where(alert.c.id == alert_id, alert.c.acknowledged_at.is_(None))
                .values(acknowledged_at=now, acknowledged_by=actor, note=note)
            )
            row = connection.execute(_items().where(alert.c.id == alert_id)).first()
            if row is None:
                raise CaseError("not_found", "没有这条预警。")
            if changed.rowcount and row.case_id is not None:
                case = connection.execute(
                    select(case_.c.id, case_.c.case_no, case_.c.state)
                    .where(case_.c.id == row.case_id)
                    .with_for_update()
                ).one()
                payload = {"category": row.category, "note": note}
                _note_in_history(connection, case, "acknowledge_alert", actor, now, payload)
        return _item(row)


def alerts_of(connection: Connection, case_ids: Sequence[int]) -> dict[int, list[AlertItem]]:
    """The alerts of cases, oldest first."""
    found: dict[int, list[AlertItem]] = {}
    for row in connection.execute(_items().where(alert.c.case_id.in_(case_ids)).order_by(alert.c.id)):
        found.setdefault(row.case_id, []).append(_item(row))
    return found


def _note_in_history(
    connection: Connection, case: Any, kind: str, actor: str, now: datetime, payload: dict[str, Any]
) -> None:
    append_event(
        connection,
        case.id,
        case.case_no,
        kind=kind,
        actor=actor,
        now=now,
        from_state=case.state,
        to_state=case.state,
        payload=payload,
    )


def _items() -> Select[Any]:
    return (
        select(alert, case_.c.case_no, call.c.ani_masked, call.c.started_at)
        .join(recording, recording.c.id == alert.c.recording_id)
        .join(call, call.c.call_id == recording.c.call_id)
        .outerjoin(case_, case_.c.id == alert.c.case_id)
    )


def _item(row: Row[Any]) -> AlertItem:
    return AlertItem(
        id=row.id,
        case_no=row.case_no,
        category=row.category,
        name=row.name,
        severity=row.severity,
        phrase=row.phrase,
        quote=row.quote,
        found_by=row.found_by,
        start_ms=row.start_ms,
        raised_at=row.raised_at,
        acknowledged_at=row.acknowledged_at,
        acknowledged_by=row.acknowledged_by,
        note=row.note,
        masked_number=row.ani_masked,
        call_started_at=row.started_at,
    )
