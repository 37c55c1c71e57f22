"""A case and its orders between rows and `CaseRecord`."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, RowMapping, Select, insert, select, update

from casebook.handling.record import CASE_FIELDS, ORDER_FIELDS, CaseRecord, OrderRecord
from casebook.store.schema import case_, order_

_CASE_COLUMNS = tuple(case_.c[name] for name in ("case_no", *CASE_FIELDS))
_ORDER_COLUMNS = tuple(order_.c[name] for name in ORDER_FIELDS)


def select_case() -> Select[Any]:
    """Row id and every field of a case."""
    return select(case_.c.id, *_CASE_COLUMNS)


def load_orders(connection: Connection, case_id: int) -> tuple[OrderRecord, ...]:
    """The orders of a case, first to last."""
    statement = select(*_ORDER_COLUMNS).where(order_.c.case_id == case_id).order_by(order_.c.seq)
    return tuple(read_order(row._mapping) for row in connection.execute(statement))


def read_case(row: RowMapping, orders: tuple[OrderRecord, ...]) -> CaseRecord:
    """The case of a row that `select_case` found."""
    values = {name: row[name] for name in CASE_FIELDS}
    return CaseRecord(case_no=row["case_no"], orders=orders, **values)


def read_order(row: RowMapping) -> OrderRecord:
    """The order of a row."""
    return OrderRecord(**{name: row[name] for name in ORDER_FIELDS})


def case_values(before: CaseRecord, after: CaseRecord) -> dict[str, Any]:
    """The columns of the case's row that differ."""
    return {name: getattr(after, name) for name in CASE_FIELDS if getattr(before, name) != getattr(after, name)}


def write_case(connection: Connection, case_id: int, before: CaseRecord, after: CaseRecord) -> None:
    """Bring the rows from one form to the other."""
    if values := case_values(before, after):
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
