"""The driver's own cursor, for the few statements that calls and registrations wait for.

SQLAlchemy's share of each would be several times the database's; everything else in the store is SQLAlchemy Core.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import psycopg
from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

TAKEN = (IntegrityError, sqlite3.IntegrityError, psycopg.IntegrityError)
"""What breaks a constraint, whoever ran the statement."""


class Driver:
    """The driver's cursor within a transaction, and its forms of a mark and of a moment."""

    def __init__(self, connection: Connection) -> None:
        self._cursor = connection.connection.cursor()
        self.is_sqlite = connection.dialect.name == "sqlite"
        self.begun = self.is_sqlite

    def begin(self) -> None:
        """What follows is one transaction. On PostgreSQL a statement before this, or without it, stands by itself.

        The session is read so: at READ COMMITTED that sees the same, and its version tells who was first. A key press
        then goes to the server twice instead of four times.
        """
        if not self.begun:
            self._cursor.execute("BEGIN")
            self.begun = True

    def execute(self, statement: str, values: tuple[Any, ...]) -> Any:
        """Run a statement; the cursor."""
        self._cursor.execute(statement if self.is_sqlite else statement.replace("?", "%s"), values)
        return self._cursor

    def moment(self, value: datetime | None) -> Any:
        """As UtcDateTime binds it."""
        return value.astimezone(UTC).isoformat(timespec="microseconds") if value and self.is_sqlite else value

    def read_moment(self, value: Any) -> datetime | None:
        """As UtcDateTime reads it."""
        return datetime.fromisoformat(value) if value and self.is_sqlite else value

    def values(self, row: Mapping[str, Any]) -> tuple[Any, ...]:
        """The values of a row, its moments as UtcDateTime binds them."""
        return tuple(self.moment(value) if isinstance(value, datetime) else value for value in row.values())
