"""Both databases, real: SQLite in a file, PostgreSQL started for the test run."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import Engine, create_engine, text

from tests.conftest import free_port


def server_programs() -> Path | None:
    """Folder of initdb and pg_ctl."""
    found = shutil.which("initdb")
    places = [Path(found).resolve().parent] if found else []
    places += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    return next((place for place in places if (place / "pg_ctl").exists() and (place / "initdb").exists()), None)


@contextmanager
def postgres_server() -> Iterator[str]:
    """Address of a PostgreSQL server; skips, with a message, where none can be had."""
    if given := os.environ.get("HOTLINE_TEST_POSTGRES"):
        yield given
        return
    programs = server_programs()
    if programs is None:
        pytest.skip("no PostgreSQL server programs (install postgresql, or set HOTLINE_TEST_POSTGRES)")
    as_user = ["runuser", "-u", "postgres", "--"] if os.getuid() == 0 else []
    folder = Path(tempfile.mkdtemp(prefix="hotline-pg-"))
    folder.chmod(0o700)
    if as_user:
        shutil.chown(folder, "postgres", "postgres")
    control = [*as_user, str(programs / "pg_ctl"), "-D", str(folder / "data")]

    def run(command: list[str]) -> None:
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, timeout=300, cwd="/")

    try:
        run(
            [
                *as_user,
                str(programs / "initdb"),
                "-D",
                str(folder / "data"),
                "-U",
                "hotline",
                "-A",
                "trust",
                "-E",
                "UTF8",
                "--no-sync",
            ]
        )
        port = free_port()
        options = f"-c listen_addresses=127.0.0.1 -c port={port} -c unix_socket_directories= -c fsync=off"
        run([*control, "-w", "-l", str(folder / "log"), "-o", options, "start"])
        try:
            yield f"postgresql+psycopg://hotline@127.0.0.1:{port}/postgres"
        finally:
            run([*control, "-m", "immediate", "stop"])
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def fresh_database(server: str) -> Iterator[str]:
    """A new, empty database on a PostgreSQL server."""
    name = f"t{uuid4().hex}"
    admin = create_engine(server, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    try:
        yield server.rsplit("/", 1)[0] + f"/{name}"
    finally:
        with admin.connect() as connection:
            connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
        admin.dispose()


def close_connections(engine: Engine) -> None:
    """PostgreSQL closes every other connection to the database, as at a restart; SQLite has none to close."""
    if engine.dialect.name == "postgresql":
        with engine.connect() as connection:
            connection.execute(
                text(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
                )
            )
