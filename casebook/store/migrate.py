"""Brings a database to the current schema."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, Engine, text

from casebook.errors import CaseError
from casebook.store.calendar import seed_calendar

_LOCK = 12345


def alembic_config() -> Config:
    """Alembic's configuration; the connection is handed over in its attributes."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.set_main_option("path_separator", "os")
    return config


def upgrade(engine: Engine) -> None:
    """Upgrade in one transaction; of several processes that start together, one does it and the others wait."""
    config = alembic_config()
    with engine.connect() as connection:
        if engine.dialect.name == "sqlite":
            # SQLite changes a table by copying it, and would delete what refers to the old one.
            _foreign_keys(connection, on=False)
        try:
            with connection.begin():
                if engine.dialect.name == "postgresql":
                    connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
                config.attributes["connection"] = connection
                command.upgrade(config, "head")
                seed_calendar(connection)
                if engine.dialect.name == "sqlite" and connection.execute(text("PRAGMA foreign_key_check")).first():
                    raise CaseError("unsupported", "The database has rows that refer to nothing; nothing was changed.")
        finally:
            if engine.dialect.name == "sqlite":
                _foreign_keys(connection, on=True)


def _foreign_keys(connection: Connection, *, on: bool) -> None:
    driver = connection.connection.dbapi_connection
    assert isinstance(driver, sqlite3.Connection)  # noqa: S101 - asked for on SQLite alone
    driver.execute(f"PRAGMA foreign_keys = {'ON' if on else 'OFF'}")
