"""A case and its orders between rows and `CaseRecord`."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache, lru_cache
from typing import Any

from sqlalchemy import Connection, Select, insert, select, update

from casebook.handling.record import CASE_FIELDS, ORDER_FIELDS, CaseRecord, OrderRecord, case_changes
from casebook.store.casework_schema import order_
from casebook.store.driver import Driver
from casebook.store.schema import case_

_CASE_NAMES = ("case_no", *CASE_FIELDS)
_CASE_COLUMNS = tuple(case_.c[name] for name in _CASE_NAMES)
ORDER_COLUMNS: tuple[Any, ...] = tuple(order_.c[name] for name in ORDER_FIELDS)
"""The columns of an order, in the order in which `read_order` takes their values."""


def select_case() -> Select[Any]:
    """Row id and every field of a case."""
    return select(case_.c.id, *_CASE_COLUMNS)


def load_orders(connection: Connection, case_id: int) -> tuple[OrderRecord, ...]:
    """The orders of a case, first to last."""
    statement = select(*ORDER_COLUMNS).where(order_.c.case_id == case_id).order_by(order_.c.seq)
    return tuple(read_order(row) for row in connection.execute(statement))


def read_case(row: Sequence[Any], orders: tuple[OrderRecord, ...]) -> CaseRecord:
    """The case of a row that `select_case` found."""
    # By position: rows are read by the hundred, and to look each value up by its name takes five times as long.
    values: dict[str, Any] = dict(zip(_CASE_NAMES, row[1 : len(_CASE_NAMES) + 1], strict=True))
    return CaseRecord(orders=orders, **values)


def read_order(row: Sequence[Any]) -> OrderRecord:
    """The order of a row that begins with ORDER_COLUMNS."""
    values: dict[str, Any] = dict(zip(ORDER_FIELDS, row[: len(ORDER_FIELDS)], strict=True))
    return OrderRecord(**values)


def write_new_case(driver: Driver, row: dict[str, Any], first: dict[str, Any]) -> None:
    """A case's row and its first event: one round trip to PostgreSQL; SQLite knows no such statement and gets two.

    What the database fills in by itself is left out: of a new case that is most columns.
    """
    row = {name: value for name, value in row.items() if value or value != _filled_in(name)}
    if driver.is_sqlite:
        case_id = driver.execute(_insert("case_", tuple(row)), driver.values(row)).lastrowid
        first = {"case_id": case_id, **first}
        driver.execute(_insert("event", tuple(first)), driver.values(first))
    else:
        values = driver.values(row) + driver.values(first)
        driver.execute(_insert_case_and_event(tuple(row), tuple(first)), values)


@lru_cache(64)
def _insert(table: str, names: tuple[str, ...]) -> str:
    return f"INSERT INTO {table} ({', '.join(names)}) VALUES ({', '.join('?' * len(names))})"  # noqa: S608 - our names


@lru_cache(64)
def _insert_case_and_event(row: tuple[str, ...], first: tuple[str, ...]) -> str:
    return (
        f"WITH made AS ({_insert('case_', row)} RETURNING id) INSERT INTO event (case_id, {', '.join(first)})"  # noqa: S608
        f" SELECT id, {', '.join('?' * len(first))} FROM made"
    )


@cache
def _filled_in(name: str) -> Any:
    """What a new case's column holds where nothing is said of it; NotImplemented for one that must be said."""
    column = case_.c[name]
    if column.server_default is not None:
        return column.type.python_type()
    return None if column.nullable else NotImplemented


def write_case(connection: Connection, case_id: int, before: CaseRecord, after: CaseRecord) -> None:
    """Bring the rows from one form to the other."""
    if values := case_changes(before, after):
        connection.execute(update(case_).where(case_.c.id == case_id).values(values))
    old = {one.seq: one for one in before.orders}
    for order in after.orders:
        was = old.get(order.seq)
        if was is None:
            row = {name: getattr(order, name) for name in ORDER_FIELDS}
            connection.execute(insert(order_).values(case_id=case_id, **row))
        elif was != order:
            row = {name: getattr(order, name) for name in ORDER_FIELDS if getattr(order, name) != getattr(was, name)}
            connection.execute(update(order_).where(order_.c.case_id == case_id, order_.c.seq == order.seq).values(row))
