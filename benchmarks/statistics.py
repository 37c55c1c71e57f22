"""How long the statistics take at the city's full density: 42 000 orders a month, each with its call-back and closing.

    python -m benchmarks.statistics [--cases 1000000] [--years 2]

PostgreSQL alone: a city of this size runs on it. Counting goes by indexes over the period asked for, so what counts is
how many orders a period has, not how many years lie before it.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from datetime import UTC, date, datetime

from sqlalchemy import Engine, text

from casebook.indicators.periods import Period
from casebook.rulebook import load_rulebook
from casebook.store import open_engine, upgrade
from casebook.store.statistics import Statistics
from config.settings import CITY
from tests.store.databases import fresh_database, postgres_server

NOW = datetime(2026, 11, 24, 2, 0, tzinfo=UTC)
_ISO = "to_char({} AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24\\:MI\\:SS.MS') || '+00:00'"

_MOMENT = "(:now - make_interval(secs => (:cases - n) * :step))"
FILL = (
    """
    INSERT INTO citizen (id, phone_hmac, phone_masked, created_at)
    SELECT n, md5(n::text), '138****0000', :now FROM generate_series(1, :cases / 4) n
    """,
    f"""
    INSERT INTO case_ (id, case_no, channel, state, demand, title, body, query_code_enc, query_code_hmac, received_at,
      clock_started_at, registered_at, registered_by, version, matter, region, place, citizen_id, due_at, first_due_at,
      outcome, closed_at)
    SELECT n, 'LYG' || lpad(n::text, 14, '0'), 'phone', CASE WHEN over THEN 'CLOSED' ELSE 'HANDLING' END, 'help',
      '小区电梯坏了三天没有人来修', repeat('来电人反映小区电梯坏了三天，物业一直不来修。', 3), '\\x30', repeat('0', 64),
      at, at, at, 'agent1', 8, (CAST(:matters AS text[]))[1 + n * 7919 % :matter_count],
      (CAST(:regions AS text[]))[1 + n % :region_count], '小区' || n % 20000, 1 + n * 31 % (:cases / 4),
      at + interval '7 days', at + interval '7 days', CASE WHEN over THEN 'solved' ELSE '' END,
      CASE WHEN over THEN at + interval '6 days' END
    FROM (SELECT n::bigint n, n <= :cases * 0.98 AS over, {_MOMENT} AS at FROM generate_series(1, :cases) n) made
    """,
    """
    INSERT INTO order_ (id, case_id, seq, unit, role, rule, dispatched_at, sign_due_at, signed_at, due_at, first_due_at,
      fed_back_at, result, ended_at, late, contacts)
    SELECT id, id, 1, (CAST(:units AS text[]))[1 + id * 104729 % :unit_count], 'lead', 'help', registered_at,
      registered_at + interval '1 day', registered_at + interval '5 hours', due_at, due_at,
      CASE WHEN state = 'CLOSED' THEN registered_at + interval '5 days' END,
      CASE WHEN state = 'CLOSED' THEN 'done' ELSE '' END,
      CASE WHEN state = 'CLOSED' THEN registered_at + interval '5 days' END, id % 20 = 0, 1
    FROM case_
    """,
    f"""
    INSERT INTO event (case_id, seq, type, actor, at, from_state, to_state, payload, prev_hash, hash)
    SELECT c.id, e.seq, e.type, 'callback', {_ISO.format("c.closed_at")}, 'CALLBACK', 'CLOSED',
      CASE e.type WHEN 'callback'
        THEN '{{"result":"reached","satisfied":' || 1 + c.id % 5 || ',"solved":"yes"}}' ELSE '{{}}' END,
      repeat('0', 64), repeat('0', 64)
    FROM case_ c,
      (VALUES (1, 'register'), (2, 'dispatch'), (3, 'sign'), (4, 'callback'), (5, 'close')) e (seq, type)
    WHERE c.closed_at IS NOT NULL
    """,
    "ANALYZE",
)
"""Cases evenly over the years, the last fiftieth still open; five events of each, for the indexes to pass over."""


def fill(engine: Engine, cases: int, years: int) -> None:
    """Write all of it."""
    book = load_rulebook(CITY)
    lists = {
        "matters": sorted(book.matters()),
        "regions": [one.name for one in book.regions if one.valid_to is None],
        "units": [one.code for one in book.units if one.valid_to is None],
    }
    counts = {f"{name[:-1]}_count": len(values) for name, values in lists.items()}
    values = {"now": NOW, "cases": cases, "step": years * 365 * 86_400 / cases, **lists, **counts}
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        for statement in FILL:
            named = text(statement)
            connection.execute(named, {name: values[name] for name in named.compile().params})


def measure(name: str, ask: Callable[[], object], times: int = 3) -> None:
    """The best and the worst of a few."""
    lasted = []
    for _ in range(times):
        began = time.perf_counter()
        ask()
        lasted.append(time.perf_counter() - began)
    print(f"{name:<44}{min(lasted):>8.2f} s{max(lasted):>8.2f} s")


def main() -> None:
    """Fill, ask, print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--cases", type=int, default=1_000_000)
    parser.add_argument("--years", type=int, default=2)
    asked = parser.parse_args()
    with postgres_server() as server, fresh_database(server) as url:
        engine = open_engine(url)
        upgrade(engine)
        fill(engine, asked.cases, asked.years)
        found = Statistics(engine, load_rulebook(CITY), lambda: NOW, keep_s=0)
        month, year = Period(date(2026, 10, 1), date(2026, 10, 31)), Period(date(2026, 1, 1), date(2026, 12, 31))
        print(f"{asked.cases} cases in {asked.years} years{'':<20}    best    worst")
        measure("units of a month, with 环比 and 同比", lambda: found.units(month))
        measure("units of a year, with 环比 and 同比", lambda: found.units(year), 2)
        measure("one unit of a month", lambda: found.units(month, "zhujian"))
        measure("matters of a month", lambda: found.places(month, "matter"))
        measure("overview of a month", lambda: found.overview(month))
        measure("overdue orders", lambda: found.attention("overdue", month))
        measure("wallboard", found.live)
        engine.dispose()


if __name__ == "__main__":
    main()
