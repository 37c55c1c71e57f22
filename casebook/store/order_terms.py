"""Parts of statements about orders: which are overdue or silent, and whose work an event of a case is about."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, DateTime, String, and_, cast, func, select, text, type_coerce

from casebook.calendar import Calendar, end_of_day
from casebook.handling.record import LEAD
from casebook.rulebook import city_day
from casebook.store.casework_schema import order_
from casebook.store.schema import event

LEADS = order_.c.role == LEAD
OUTCOME_EVENTS = text("event.type IN ('callback', 'reopen', 'close', 'confirm_close')")
BY_INDEX = "INDEXED BY ix_event_outcome"
"""The hint by which SQLite finds them."""


def overdue(cut_off: datetime) -> ColumnElement[bool]:
    """The order's time is over, and nothing was fed back."""
    return and_(order_.c.fed_back_at.is_(None), order_.c.suspended_at.is_(None), order_.c.due_at < cut_off)


def silent(cut_off: datetime, calendar: Calendar) -> ColumnElement[bool]:
    """The unit was urged twice and has not answered for a whole working day."""
    return and_(
        order_.c.urgings >= 2,
        order_.c.unanswered >= 1,
        order_.c.urged_at < before_working_days(cut_off, 1, calendar),
    )


def before_working_days(now: datetime, n: int, calendar: Calendar) -> datetime:
    """The end of the last day after which `n` whole working days have passed before today."""
    today = city_day(now)
    day = today - timedelta(days=1)
    while calendar.nth_workday(day, n) >= today:
        day -= timedelta(days=1)
    return end_of_day(day)


def holder(connection: Connection) -> ColumnElement[str]:
    """The unit whose finished work an event of the case is about: the last lead order dispatched before it."""
    return (
        select(order_.c.unit)
        .where(
            order_.c.case_id == event.c.case_id,
            LEADS,
            order_.c.result == "done",
            comparable(connection, order_.c.dispatched_at) <= moment(connection, event.c.at),
        )
        .order_by(order_.c.seq.desc())
        .limit(1)
        .correlate(event)
        .scalar_subquery()
    )


def moment(connection: Connection, at: ColumnElement[str]) -> ColumnElement[Any]:
    """An event's moment, to be compared with `comparable` ones."""
    return cast(at, DateTime(timezone=True)) if connection.dialect.name == "postgresql" else func.substr(at, 1, 23)


def comparable(connection: Connection, column: ColumnElement[datetime]) -> ColumnElement[Any]:
    """A column of moments, to be compared with an event's."""
    if connection.dialect.name == "postgresql":
        return column
    return func.substr(type_coerce(column, String), 1, 23)
