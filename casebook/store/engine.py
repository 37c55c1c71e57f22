"""The database: SQLite in WAL mode by default, PostgreSQL in production."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Literal

from sqlalchemy import Connection, Engine, Table, create_engine, event, make_url
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import ArgumentError, DBAPIError, IntegrityError, NoSuchModuleError
from sqlalchemy.ext.asyncio import create_async_engine

from casebook.errors import CaseError

COLLIDED = ("40001", "40P01")
"""What PostgreSQL says to a transaction that it gave up for another one."""
BEGUN = "hotline_begun"
"""The option of a connection to SQLite whose transactions somebody else begins and ends."""
_READ_ONLY = "hotline_read_only"
_POOL_SIZE = 16
_BUSY_TIMEOUT_MS = 15_000


def open_engine(url: str, *, on_loop: bool = False) -> Engine:
    """An engine for a SQLAlchemy address. Raises CaseError for one that cannot be used.

    `on_loop`: of PostgreSQL, an engine for code that runs by `sqlalchemy.util.greenlet_spawn` on one event loop, where
    waiting for the database lets other requests go on, without a thread for each.
    """
    try:
        parsed = make_url(url)
        backend = parsed.get_backend_name()
        if backend == "postgresql":
            parsed = parsed.set(drivername="postgresql+psycopg")
        elif backend != "sqlite":
            raise CaseError("unsupported", "HOTLINE_DATABASE_URL must be a sqlite or a postgresql address")
        # A transaction always ends before its connection goes back: SQLite's driver need not roll back again.
        reset: Literal["rollback"] | None = None if backend == "sqlite" else "rollback"
        options: dict[str, Any] = {
            "pool_reset_on_return": reset,
            "pool_size": _POOL_SIZE,
            "max_overflow": _POOL_SIZE,
            "pool_timeout": 30,
            "hide_parameters": True,
        }
        if on_loop and backend == "postgresql":
            return create_async_engine(parsed, **options).sync_engine
        engine = create_engine(parsed, **options)
    except (ArgumentError, NoSuchModuleError) as error:
        raise CaseError("unsupported", "HOTLINE_DATABASE_URL is not an address of a database") from error
    if backend == "sqlite":
        event.listen(engine, "connect", _set_up_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
    return engine


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """A connection that only reads: on SQLite it takes no write lock, on PostgreSQL each statement stands by itself.

    READ COMMITTED shows each statement of a transaction the database as it is then, so nothing is lost, and two round
    trips are saved. Whoever needs one state for all statements takes a `snapshot`.
    """
    options: dict[str, Any] = {_READ_ONLY: True}
    if engine.dialect.name == "postgresql":
        options["isolation_level"] = "AUTOCOMMIT"
    with engine.execution_options(**options).begin() as connection:
        yield connection


@contextmanager
def snapshot(engine: Engine) -> Iterator[Connection]:
    """A transaction that only reads, and sees one state of the database whatever is written meanwhile."""
    options: dict[str, Any] = {_READ_ONLY: True}
    if engine.dialect.name == "postgresql":
        options["isolation_level"] = "REPEATABLE READ"
    with engine.execution_options(**options).begin() as connection:
        yield connection


@contextmanager
def contested(engine: Engine, refusal: str) -> Iterator[Connection]:
    """A transaction that another one may come before. Raises CaseError stale_version, which says `refusal`.

    Then a constraint is broken, or PostgreSQL ends a deadlock by giving this one up.
    """
    try:
        with engine.begin() as connection:
            yield connection
    except DBAPIError as error:
        if isinstance(error, IntegrityError) or getattr(error.orig, "sqlstate", None) in COLLIDED:
            raise CaseError("stale_version", refusal) from error
        raise


def insert_for(connection: Connection, table: Table) -> Any:
    """INSERT with ON CONFLICT, which both databases have and SQLAlchemy spells by dialect."""
    insert: Callable[[Table], Any] = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    return insert(table)


def in_parts(ids: Sequence[int]) -> list[Sequence[int]]:
    """Ids in parts that fit into one statement of either database."""
    return [ids[at : at + 500] for at in range(0, len(ids), 500)]


def _set_up_sqlite(connection: sqlite3.Connection, _record: Any) -> None:
    # The driver's own transactions begin at the first write, too late for "read, then write": SQLAlchemy begins ours.
    connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode = WAL")
    # FULL: a number that a caller has heard survives a power cut too, for one sync of the log a step.
    cursor.execute("PRAGMA synchronous = FULL")
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.execute(f"PRAGMA busy_timeout = {_BUSY_TIMEOUT_MS}")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    options = connection.get_execution_options()
    if BEGUN in options:
        return
    driver = connection.connection.dbapi_connection
    assert isinstance(driver, sqlite3.Connection)  # noqa: S101 - only SQLite's engine has this hook
    driver.execute("BEGIN" if options.get(_READ_ONLY, False) else "BEGIN IMMEDIATE")
