"""The casework at full size: seven years of cases with their orders, and what people wait for.

    python -m benchmarks.casebook [--cases 6000000] [--sqlite-cases 600000] [--only postgresql|sqlite]

Each of our operations runs beside the bare statement that it cannot do without, on the same database, in turn: the
screen pop for a caller, a unit's work list, a registration. PostgreSQL runs with its default durability (fsync on).
"""

from __future__ import annotations

import argparse
import hashlib
import os
import random
import shutil
import sqlite3
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
from sqlalchemy import Engine, text

from casebook.handling import commands as do
from casebook.privacy import Privacy
from casebook.roles import AGENT, LIAISON, Actor
from casebook.rulebook import load_rulebook
from casebook.store import open_engine, upgrade
from casebook.store.casework import Casework
from casebook.store.queries import Cases
from config.settings import CITY
from tests.conftest import free_port
from tests.store.databases import server_programs

NOW = datetime(2026, 11, 24, 2, 0, tzinfo=UTC)
YEARS = 7
OPEN_SHARE = 0.01
CITIZENS_PER_CASE = 0.25
TURN = 50
SECRET = "a secret of the benchmark, forty letters."
CASE = (
    "id case_no channel state demand title body query_code_enc query_code_hmac received_at clock_started_at"
    " registered_at registered_by version matter region place citizen_id due_at first_due_at lead_unit outcome"
    " closed_at"
).split()
ORDER = (
    "id case_id seq unit role basis rule dispatched_at sign_due_at signed_at due_at first_due_at fed_back_at result"
    " ended_at contact_granted"
).split()
CITIZEN = ["id", "phone_enc", "phone_hmac", "phone_masked", "created_at"]
TITLE, PLACE = "小区电梯坏了三天没有人来修", "海州区幸福小区"
BODY = "来电人反映小区电梯坏了三天，物业一直不来修，家里有老人，上下楼很不方便，希望尽快处理。"
INDEXES = ("ix_case__received_at", "ix_case__state", "ix_case__citizen_id", "ix_case__matter", "ix_order__unit")


class World:
    """The rows, made by number: the same each time."""

    def __init__(self, cases: int, privacy: Privacy) -> None:
        self.cases = cases
        self.citizens = max(1, int(cases * CITIZENS_PER_CASE))
        self._privacy = privacy
        self.book = load_rulebook(CITY)
        self.units = [unit.code for unit in self.book.units if unit.valid_to is None]
        self._matters = sorted(self.book.matters())
        self._regions = [one.name for one in self.book.regions if one.valid_to is None]

    def phone(self, n: int) -> str:
        """The number of citizen n."""
        return f"+86138{n:08d}"

    def citizen_rows(self) -> Iterator[tuple[int, bytes, str, str, str]]:
        """id, phone_enc, phone_hmac, phone_masked, created_at."""
        for n in range(1, self.citizens + 1):
            index = self._privacy.index(self.phone(n), "ani")
            yield n, b"\x01" + bytes(40), index, "138****0000", "2019-11-25T00:00:00.000000+00:00"

    def rows(self) -> Iterator[tuple[tuple[Any, ...], tuple[Any, ...]]]:
        """A case and its lead order; times as ISO text, which both databases read."""
        dice = random.Random(1)
        first_open, days = int(self.cases * (1 - OPEN_SHARE)), 365 * YEARS
        n = 0
        for day in range(days):
            date = NOW - timedelta(days=days - 1 - day)
            today, ended, due = (f"{date + timedelta(days=more):%Y-%m-%d}" for more in (0, 7, 14))
            number = f"LYG{date:%Y%m%d}"
            for of_day in range(1, self.cases * (day + 1) // days - self.cases * day // days + 1):
                n += 1
                second = of_day * 7 % 86_400
                clock = f"T{second // 3600:02d}:{second // 60 % 60:02d}:{second % 60:02d}.000000+00:00"
                began, due_at, done = today + clock, due + clock, n <= first_open
                ended_at = ended + clock if done else None
                unit = self.units[int(dice.random() * len(self.units))]
                matter = self._matters[int(dice.random() * len(self._matters))]
                region = self._regions[n % len(self._regions)]
                state, outcome, result = ("CLOSED", "solved", "done") if done else ("HANDLING", "", "")
                citizen = 1 + int(dice.random() * self.citizens)
                said = (n, f"{number}{of_day:06d}", "phone", state, "complaint", TITLE, BODY, b"0" * 33, "0" * 64)
                where = (began, began, began, "agent1", 8, matter, region, PLACE, citizen, due_at, due_at)
                order = (n, n, 1, unit, "lead", "R001", "complaint", began, due_at, began, due_at, due_at)
                yield (*said, *where, unit, outcome, ended_at), (*order, ended_at, result, ended_at, True)


def _line(row: tuple[Any, ...]) -> str:
    """A row as COPY reads it; none of our texts holds a tab, a backslash or a new line."""
    return "\t".join(
        "\\N" if value is None else f"\\\\x{value.hex()}" if isinstance(value, bytes) else str(value) for value in row
    )


def _copy(cursor: Any, table: str, names: list[str], lines: Iterable[str]) -> None:
    with cursor.copy(f"COPY {table} ({', '.join(names)}) FROM STDIN") as copy:
        block: list[str] = []
        for line in lines:
            block.append(line)
            if len(block) == 2000:
                copy.write("\n".join(block) + "\n")
                block.clear()
        copy.write("".join(f"{line}\n" for line in block))


def fill_postgres(url: str, world: World) -> None:
    """By COPY, without looking up foreign keys, the indexes afterwards."""
    with psycopg.connect(url.replace("+psycopg", "")) as connection, tempfile.TemporaryFile("w+") as orders:
        cursor = connection.cursor()
        cursor.execute("SET session_replication_role = replica")
        kept = cursor.execute(
            "SELECT indexname, indexdef FROM pg_indexes WHERE indexname = ANY(%s)", (list(INDEXES),)
        ).fetchall()
        for name, _ in kept:
            cursor.execute(f'DROP INDEX "{name}"')
        _copy(cursor, "citizen", CITIZEN, map(_line, world.citizen_rows()))

        def cases() -> Iterator[str]:
            # A connection carries one COPY at a time: the orders wait in a file.
            for case, order in world.rows():
                orders.write(_line(order) + "\n")
                yield _line(case)

        _copy(cursor, "case_", CASE, cases())
        orders.seek(0)
        _copy(cursor, "order_", ORDER, (line.rstrip("\n") for line in orders))
        for _, definition in kept:
            cursor.execute(definition)
        for table in ("case_", "order_", "citizen"):
            cursor.execute(f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), max(id)) FROM {table}")
        connection.commit()
        connection.autocommit = True
        cursor.execute("VACUUM (ANALYZE) case_, order_, citizen")


def fill_sqlite(path: Path, world: World) -> None:
    """In one transaction."""

    def insert(table: str, names: list[str]) -> str:
        return f"INSERT INTO {table} ({', '.join(names)}) VALUES ({', '.join('?' * len(names))})"

    connection = sqlite3.connect(path)
    with connection:
        connection.executemany(insert("citizen", CITIZEN), world.citizen_rows())
        held: list[tuple[Any, ...]] = []

        def cases() -> Iterator[tuple[Any, ...]]:
            for case, order in world.rows():
                held.append(order)
                yield case

        connection.executemany(insert("case_", CASE), cases())
        connection.executemany(insert("order_", ORDER), held)
    connection.execute("ANALYZE")
    connection.close()


def timed(run: Callable[[int], object], times: int) -> list[float]:
    """Milliseconds of each run."""
    found = []
    for n in range(times):
        began = time.perf_counter()
        run(n)
        found.append((time.perf_counter() - began) * 1000)
    return found


def show(what: str, ours: list[float], bare: list[float]) -> None:
    """A line: p50 and p99 of both."""

    def quantiles(values: list[float]) -> str:
        cut = statistics.quantiles(values, n=100)
        return f"p50 {cut[49]:7.3f} ms  p99 {cut[98]:7.3f} ms"

    print(f"  {what:28} ours {quantiles(ours)}   bare {quantiles(bare)}", flush=True)


def measure(engine: Engine, world: World, privacy: Privacy, times: int) -> None:
    """The three operations, each beside its bare statement."""
    cases = Cases(engine, privacy, world.book, lambda: NOW)
    # The day after the last one that was filled in: its numbers are all free.
    casework = Casework(engine, privacy, world.book, lambda: NOW + timedelta(days=1))
    agent, dice = Actor("agent1", AGENT), random.Random(2)
    people = [dice.randrange(1, world.citizens + 1) for _ in range(times)]
    liaisons = [Actor("l", LIAISON, dice.choice(world.units)) for _ in range(times)]
    with engine.connect() as held, held.execution_options(isolation_level="AUTOCOMMIT") as connection:
        raw = connection.connection.dbapi_connection
        assert raw is not None
        cursor: Any = raw.cursor()
        mark = "?" if engine.dialect.name == "sqlite" else "%s"
        pop = (
            "SELECT case_no, state, demand, title, matter, region, lead_unit, registered_at, due_at FROM citizen"
            f" JOIN case_ ON case_.citizen_id = citizen.id WHERE phone_hmac = {mark}"
            " ORDER BY registered_at DESC LIMIT 10"
        )
        indexes = [privacy.index(world.phone(n), "ani") for n in people]
        work = (
            "SELECT order_.*, case_no, title, state FROM order_ JOIN case_ ON case_.id = order_.case_id"
            f" WHERE unit = {mark} AND ended_at IS NULL ORDER BY order_.due_at LIMIT 100"
        )
        for what, ours, statement, values in (
            ("screen pop by phone", lambda n: cases.caller(world.phone(people[n]), agent), pop, indexes),
            ("work list of a unit (100)", lambda n: cases.work(liaisons[n]), work, [one.unit for one in liaisons]),
        ):
            bare = timed(lambda n, s=statement, v=values: cursor.execute(s, (v[n],)).fetchall(), times)  # type: ignore[misc]
            timed(ours, 20)
            show(what, timed(ours, times), bare)
    _measure_registration(engine, casework, agent, max(300, times // 2))


def _measure_registration(engine: Engine, casework: Casework, agent: Actor, times: int) -> None:
    def register(n: int) -> None:
        command = do.Register(
            demand="complaint",
            title="小区电梯坏了",
            body="小区电梯坏了三天，物业一直不来修。",
            place="海州区幸福小区",
            matter="物业管理",
            region="海州区",
            phone=f"139{n:08d}",
        )
        casework.register(command, channel="phone", actor=agent, idempotency_key=f"bench{n}")

    register(99_999_999)
    raw = engine.raw_connection()
    plain = Plain(raw, engine.dialect.name == "sqlite")
    contenders: dict[str, Callable[[int], None]] = {"row": plain.case_row, "ours": register, "rows": plain.all_rows}
    # In short turns, each compared with the ones beside it: a disk that is slow for a while is slow for all.
    rates: dict[str, list[float]] = {name: [] for name in contenders}
    for turn in range(3 * times // TURN):
        for name, run in contenders.items():
            began = time.perf_counter()
            for n in range(TURN):
                run(turn * TURN + n)
            rates[name].append(TURN / (time.perf_counter() - began))
    raw.close()
    print(f"  {'registrations':28} ours {statistics.median(rates['ours']):7.0f}/s", flush=True)
    for name, what in (("row", "bare INSERT of the case's row"), ("rows", "bare INSERTs of all its rows")):
        ratio = statistics.median(one / other for one, other in zip(rates["ours"], rates[name], strict=True))
        print(f"    {what:31} {statistics.median(rates[name]):7.0f}/s   ours {ratio:.2f}x", flush=True)


class Plain:
    """The rows of the last registration, written again under other numbers by the driver alone, with bound values.

    Of two rows that PostgreSQL can write in one trip it gets them in one, as from ours.
    """

    def __init__(self, raw: Any, sqlite: bool) -> None:
        self._raw, self._sqlite, self._cursor = raw, sqlite, raw.cursor()
        self._mark = "?" if sqlite else "%s"
        rows = {table: self._last(table) for table in ("citizen", "case_", "event")}
        self._citizen, self._case, self._event = rows.values()
        self._cursor.execute("SELECT max(day) FROM case_counter")
        (self._day,) = self._cursor.fetchone()
        raw.commit()
        self._insert = {table: self._statement(table, row) for table, row in rows.items()}
        self._count = f"UPDATE case_counter SET n = n + 1 WHERE day = {self._mark}"
        names = [name for name in self._event if name != "case_id"]
        self._citizen_and_count = (
            f"WITH new AS ({self._insert['citizen']} RETURNING id), counted AS ({self._count} RETURNING n)"
            " SELECT id FROM new, counted"
        )
        self._case_and_event = (
            f"WITH made AS ({self._insert['case_']} RETURNING id) INSERT INTO event (case_id, {', '.join(names)})"
            f" SELECT id, {', '.join([self._mark] * len(names))} FROM made"
        )

    def _last(self, table: str) -> dict[str, Any]:
        """What the newest row of a table says; of a case without what the database fills in."""
        self._cursor.execute(f"SELECT * FROM {table} ORDER BY id DESC LIMIT 1")
        found = zip(self._cursor.description, self._cursor.fetchone(), strict=True)
        said = ((name[0], value) for name, value in found if name[0] != "id" and value is not None)
        return {name: value for name, value in said if value or table != "case_"}

    def _statement(self, table: str, row: dict[str, Any]) -> str:
        return f"INSERT INTO {table} ({', '.join(row)}) VALUES ({', '.join([self._mark] * len(row))})"

    def case_row(self, n: int) -> None:
        """The case's row alone, in a transaction."""
        self._case["case_no"] = f"A{n}"
        self._begin()
        self._cursor.execute(self._insert["case_"], tuple(self._case.values()))
        self._raw.commit()

    def all_rows(self, n: int) -> None:
        """The rows of all four tables, in a transaction."""
        self._case["case_no"] = self._event["idempotency_key"] = f"B{n}"
        # As from ours: a digest, whose place in the index is anywhere.
        self._citizen["phone_hmac"] = hashlib.sha256(self._case["case_no"].encode()).hexdigest()
        self._begin()
        execute = self._cursor.execute
        if self._sqlite:
            self._case["citizen_id"] = execute(self._insert["citizen"], tuple(self._citizen.values())).lastrowid
            execute(self._count, (self._day,))
            self._event["case_id"] = execute(self._insert["case_"], tuple(self._case.values())).lastrowid
            execute(self._insert["event"], tuple(self._event.values()))
        else:
            made = execute(self._citizen_and_count, (*self._citizen.values(), self._day)).fetchone()
            self._case["citizen_id"] = made[0]
            event = (value for name, value in self._event.items() if name != "case_id")
            execute(self._case_and_event, (*self._case.values(), *event))
        self._raw.commit()

    def _begin(self) -> None:
        if self._sqlite:
            self._cursor.execute("BEGIN IMMEDIATE")


@contextmanager
def postgres() -> Iterator[str]:
    """A server of its own, with PostgreSQL's default durability."""
    programs = server_programs()
    if programs is None:
        raise SystemExit("no PostgreSQL server programs (install postgresql)")
    as_user = ["runuser", "-u", "postgres", "--"] if os.getuid() == 0 else []
    folder, port = Path(tempfile.mkdtemp(prefix="hotline-bench-")), free_port()
    folder.chmod(0o700)
    if as_user:
        shutil.chown(folder, "postgres", "postgres")
    settings = (
        f"-c listen_addresses=127.0.0.1 -c port={port} -c unix_socket_directories= -c shared_buffers=512MB"
        " -c max_wal_size=8GB -c maintenance_work_mem=512MB"
    )
    control = [*as_user, str(programs / "pg_ctl"), "-D", str(folder / "data")]
    quiet: dict[str, Any] = {"stdout": subprocess.DEVNULL, "cwd": "/"}
    try:
        initdb = [str(programs / "initdb"), "-D", str(folder / "data"), "-U", "hotline", "-A", "trust", "-E", "UTF8"]
        subprocess.run([*as_user, *initdb], check=True, **quiet)
        subprocess.run([*control, "-w", "-l", str(folder / "log"), "-o", settings, "start"], check=True, **quiet)
        try:
            yield f"postgresql+psycopg://hotline@127.0.0.1:{port}/postgres"
        finally:
            subprocess.run([*control, "-m", "immediate", "stop"], check=True, **quiet)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def run(url: str, cases: int, times: int, fill: Callable[[World], None]) -> None:
    """Fill and measure one database."""
    privacy = Privacy(SECRET)
    engine = open_engine(url)
    upgrade(engine)
    world = World(cases, privacy)
    began = time.perf_counter()
    fill(world)
    with engine.connect() as connection:
        count = connection.execute(text("SELECT count(*) FROM case_")).scalar_one()
    print(f"{engine.dialect.name}: {count} cases, filled in {time.perf_counter() - began:.0f} s", flush=True)
    measure(engine, world, privacy, times)
    engine.dispose()


def main() -> None:
    """Both databases, one after the other."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=6_000_000)
    parser.add_argument("--sqlite-cases", type=int, default=600_000)
    parser.add_argument("--times", type=int, default=2000)
    parser.add_argument("--only", choices=("postgresql", "sqlite"))
    options = parser.parse_args()
    if options.only != "postgresql":
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "bench.db"
            run(f"sqlite:///{path}", options.sqlite_cases, options.times, lambda world: fill_sqlite(path, world))
    if options.only != "sqlite":
        with postgres() as url:
            run(url, options.cases, options.times, lambda world: fill_postgres(url, world))


if __name__ == "__main__":
    main()
