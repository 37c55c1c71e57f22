"""What happens when a case's timer is due: what is found then decides. A timer whose moment has been overtaken (signed,
extended, reopened) does nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, select

from casebook import states
from casebook.errors import CaseError
from casebook.handling import commands as do
from casebook.handling.record import LEAD, CaseRecord, OrderRecord, whole_ms
from casebook.handling.scene import Timer, due_of, mark
from casebook.roles import THE_SYSTEM
from casebook.store.casework import Casework
from casebook.store.casework_schema import unit_post
from casebook.store.history import moments
from casebook.store.records import load_orders, read_case, select_case
from casebook.store.schema import case_, user_
from casebook.store.timers import set_timers, short

_CHIEF = "单位主要负责人"


def run_timer(connection: Connection, casework: Casework, payload: Mapping[str, Any], now: datetime) -> None:
    """Do what a timer is for, where it still means the same; within the transaction that marks its job as done."""
    case_no, kind = str(payload["case_no"]), str(payload["kind"])
    row = connection.execute(select_case().where(case_.c.case_no == case_no).with_for_update()).first()
    if row is None:
        return
    case = read_case(row, load_orders(connection, row.id))
    order = next((one for one in case.orders if one.seq == int(payload["order"]) and one.open), None)
    command = _command(connection, casework, case, order, kind, str(payload["marks"]), now)
    if command is None:
        return
    # Of several timers for one due time the first does it: a unit is urged once at yellow and once at red.
    key = f"{THE_SYSTEM.name}:{kind}:{case_no}:{payload['order']}:{short(due_of(str(payload['marks'])))}"
    at = whole_ms(now)
    try:
        casework.apply(connection, case_no, command, version=None, actor=THE_SYSTEM, key=key, now=at)
    except CaseError as error:
        # Decided before anything is written: the case is not in a state for it any more.
        if error.code not in ("bad_state", "guard"):
            raise
        if kind == "archive" and error.code == "guard":
            # Its master is not over, say: looked at again after as long a time. The number makes the timer another one.
            again = now + timedelta(days=casework.book.deadlines.archive_d)
            set_timers(connection, case_no, [Timer("archive", again, int(payload["order"]) + 1, str(payload["marks"]))])


def _command(
    connection: Connection,
    casework: Casework,
    case: CaseRecord,
    order: OrderRecord | None,
    kind: str,
    marks: str,
    now: datetime,
) -> do.Command | None:
    match kind:
        case "archive":
            return do.Archive() if case.closed_at is not None and mark(case.closed_at) == marks else None
        case "auto_sign" if order is not None and _should_have_signed(order, now):
            return do.Sign() if order.role == LEAD else do.CoSign(unit=order.unit)
        case "resume" if order is not None and order.suspended_at is not None:
            return do.Resume()
        case "urge_yellow" | "urge_red" if order is not None and _stands(case, order, marks):
            words = "即将到期，请抓紧办理。" if kind == "urge_yellow" else "已超期，请立即办理。"
            return do.Urge(note=words, unit="" if order.role == LEAD else order.unit)
        case "remind" if _waits(connection, casework, case, marks, now):
            return do.Remind(what=marks.partition(":")[0])
        case "supervise" if order is not None and order.unanswered >= 2 and case.supervision_due_at is None:
            report_by = casework.report_by(connection, now)
            leader = _chief(connection, order.unit)
            return do.Supervise(leader=leader, report_by=report_by, note="两次催办没有答复")
    return None


def _should_have_signed(order: OrderRecord, now: datetime) -> bool:
    """Whether the unit's time for signing is over, wherever a corrected calendar has moved its end."""
    over = order.sign_due_at is None or order.sign_due_at <= now
    return over and order.signed_at is None and not order.return_pending


def _stands(case: CaseRecord, order: OrderRecord, marks: str) -> bool:
    """Whether the unit still has the order under the due time for which the timer was set."""
    due = mark(order.due_at) if order.due_at else ""
    stands = due == due_of(marks) and order.fed_back_at is None and not order.return_pending
    return case.state in (states.DISPATCHED, states.HANDLING) and stands


def _waits(connection: Connection, casework: Casework, case: CaseRecord, marks: str, now: datetime) -> bool:
    """Whether the clock that has run out is still the one that was set."""
    case_id = connection.execute(select(case_.c.id).where(case_.c.case_no == case.case_no)).scalar_one()
    clocks = casework.clocks(connection, case, now, moments(connection, [case_id]).get(case_id, {}))
    return marks in [f"{one.what}:{mark(one.due)}" for one in clocks]


def _chief(connection: Connection, unit: str) -> str:
    found = connection.execute(
        select(user_.c.display_name)
        .join(unit_post, unit_post.c.user_id == user_.c.id)
        .where(unit_post.c.unit == unit, unit_post.c.kind == "chief", unit_post.c.to_at.is_(None))
        .order_by(unit_post.c.id.desc())
        .limit(1)
    ).scalar_one_or_none()
    return found or _CHIEF
