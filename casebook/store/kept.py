"""Connections that are kept for short transactions: taking one from the pool costs as much as such a transaction."""

from __future__ import annotations

import sqlite3
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Lock
from typing import Any

from sqlalchemy import Connection, Engine, event
from sqlalchemy.exc import SQLAlchemyError

from casebook.store.engine import BEGUN


class ConnectionLost(Exception):
    """PostgreSQL closed the connection: whether the transaction was kept is not known."""


class Kept:
    """The kept connections of an engine, `most` at the same time.

    `autocommit`: on PostgreSQL each statement stands by itself until `Driver.begin`, and whoever begins commits.
    """

    def __init__(self, engine: Engine, most: int, *, autocommit: bool = False) -> None:
        self._sqlite = engine.dialect.name == "sqlite"
        self._autocommit = autocommit and not self._sqlite
        self._engine = engine.execution_options(isolation_level="AUTOCOMMIT") if self._autocommit else engine
        self._most = most
        self._idle: deque[Connection] = deque()
        # SQLite has one writer at a time: threads share one connection, and wait here in turn instead of polling the
        # database's lock.
        self._turn = Lock()
        self._shared: Connection | None = None
        event.listen(engine, "engine_disposed", lambda _: self._let_go())

    @contextmanager
    def connection(self) -> Iterator[Connection]:
        """A connection for one short transaction, which ends with the block. Raises ConnectionLost."""
        if self._sqlite:
            with self._sqlite_transaction() as connection:
                yield connection
            return
        try:
            connection = self._idle.pop()
        except IndexError:
            connection = self._engine.connect()
        try:
            yield connection
            if not self._autocommit:
                (connection if connection.in_transaction() else connection.connection).commit()
        except BaseException as error:
            gone = _gone(connection)
            if gone:
                # Those that are kept have gone with it.
                connection.invalidate()
                self._let_go()
            # The pool rolls back what it gets.
            connection.close()
            # What was given up is not done again.
            if gone and isinstance(error, Exception):
                raise ConnectionLost from error
            raise
        if len(self._idle) < self._most:
            self._idle.append(connection)
        else:
            connection.close()

    @contextmanager
    def _sqlite_transaction(self) -> Iterator[Connection]:
        with self._turn:
            if self._shared is None:
                self._shared = self._engine.connect().execution_options(**{BEGUN: True})
            # By the driver: SQLAlchemy's own beginning and end cost as much as the statements of a key press.
            driver = self._shared.connection
            try:
                driver.cursor().execute("BEGIN IMMEDIATE")
                yield self._shared
                driver.commit()
            except BaseException as error:
                driver.rollback()
                if isinstance(error, SQLAlchemyError | sqlite3.Error):
                    self._let_go()
                raise

    def _let_go(self) -> None:
        connection, self._shared = self._shared, None
        if connection is not None:
            connection.close()
        with suppress(IndexError):
            while True:
                idle = self._idle.pop()
                idle.invalidate()
                idle.close()


def _gone(connection: Connection) -> bool:
    """Whether PostgreSQL closed a connection."""
    driver: Any = None if connection.invalidated else connection.connection.driver_connection
    return driver is None or bool(driver.closed)
