"""Opening a voicemail's case, in the transaction of whoever keeps the recording."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, insert, select, text, update

from casebook.handling.record import plain
from casebook.hashchain import canonical
from casebook.numbering import case_number, day_of, new_query_code
from casebook.privacy import Privacy
from casebook.states import DRAFT
from casebook.store.engine import insert_for
from casebook.store.history import append_event
from casebook.store.schema import call, case_, outbox, recording
from ivr.events import CaseOpened

NEXT_NUMBER = text(
    "INSERT INTO case_counter (day, n) VALUES (:day, 1)"
    " ON CONFLICT (day) DO UPDATE SET n = case_counter.n + 1 RETURNING n"
)
QUERY_CODE = "case.query_code"
SYSTEM = "system"


def next_number(connection: Connection, now: datetime) -> str:
    """The next case number of the day. A rolled back transaction gives it back."""
    day = day_of(now)
    return case_number(day, connection.execute(NEXT_NUMBER, {"day": day}).scalar_one())


def master_of(connection: Connection, master_no: str) -> tuple[str, str] | None:
    """State and outcome of the case that another was merged into; None without one."""
    if not master_no:
        return None
    row = connection.execute(select(case_.c.state, case_.c.outcome).where(case_.c.case_no == master_no)).first()
    return (row.state, row.outcome) if row else None


def open_draft(
    connection: Connection, privacy: Privacy, *, call_id: str, path: str, demand: str, now: datetime
) -> CaseOpened:
    """The call's DRAFT case for a kept recording, or the one that the call has already.

    Schedules its transcription; that of a recording which must be fetched first is left to whoever fetches it.
    """
    existing = connection.execute(
        select(case_.c.case_no, case_.c.query_code_enc).where(case_.c.call_id == call_id)
    ).first()
    if existing:
        return CaseOpened(
            existing.case_no, privacy.decrypt(existing.query_code_enc, f"{QUERY_CODE}:{existing.case_no}")
        )
    # Locked: whoever fetches it meanwhile finds either the case or a digest that is written.
    recording_id, digest = connection.execute(
        select(recording.c.id, recording.c.sha256).where(recording.c.path == path).with_for_update()
    ).one()
    case_no, code = next_number(connection, now), new_query_code()
    case_id = connection.execute(
        insert(case_)
        .values(
            case_no=case_no,
            channel="voicemail",
            call_id=call_id,
            recording_id=recording_id,
            state=DRAFT,
            demand=demand,
            title="",
            body="",
            query_code_enc=privacy.encrypt(code, f"{QUERY_CODE}:{case_no}"),
            query_code_hmac=privacy.index(code, f"{QUERY_CODE}:{case_no}"),
            received_at=now,
            version=1,
        )
        .returning(case_.c.id)
    ).scalar_one()
    append_event(
        connection,
        case_id,
        case_no,
        kind="open_by_voicemail",
        actor=SYSTEM,
        now=now,
        from_state="",
        to_state=DRAFT,
        payload={"call_id": call_id, "recording": path, "demand": demand},
    )
    if digest:
        schedule_transcription(connection, recording_id, path, now)
    return CaseOpened(case_no, code)


def start_clock(connection: Connection, call_id: str, ended_at: datetime, now: datetime) -> None:
    """The clock of a voicemail's case runs from the end of its call, also where that is learnt a day later."""
    row = connection.execute(
        select(case_.c.id, case_.c.case_no, case_.c.state).where(
            case_.c.call_id == call_id, case_.c.clock_started_at.is_(None)
        )
    ).first()
    if row is None:
        return
    connection.execute(update(case_).where(case_.c.id == row.id).values(clock_started_at=ended_at))
    append_event(
        connection,
        row.id,
        row.case_no,
        kind="start_clock",
        actor=SYSTEM,
        now=now,
        from_state=row.state,
        to_state=row.state,
        payload={"call_id": call_id, "ended_at": plain(ended_at)},
    )


def schedule_transcription(connection: Connection, recording_id: int, path: str, now: datetime) -> None:
    """An outbox row, once for each recording. It says when the caller spoke, so that 昨天 in the text has a date."""
    spoken_at = connection.execute(
        select(call.c.started_at)
        .join(recording, recording.c.call_id == call.c.call_id)
        .where(recording.c.id == recording_id)
    ).scalar_one()
    payload = {"recording_id": recording_id, "path": path, "spoken_at": spoken_at.isoformat(timespec="seconds")}
    add_effect(connection, "transcribe", f"transcribe:{recording_id}", payload, now)


def add_effect(connection: Connection, kind: str, key: str, payload: Mapping[str, Any], run_at: datetime) -> None:
    """An outbox row, due at `run_at`; one that is there stays as it is."""
    connection.execute(
        insert_for(connection, outbox)
        .values(kind=kind, key=key, payload=canonical(payload), state="waiting", attempts=0, run_at=run_at)
        .on_conflict_do_nothing(index_elements=["key"])
    )
