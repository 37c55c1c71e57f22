"""Nothing half done, nothing twice, nothing lost, and no number left out: also when a process is killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

from sqlalchemy import func, select

from casebook.roles import THE_SYSTEM
from casebook.store.casework_schema import order_
from casebook.store.schema import case_, case_counter, event, outbox
from casebook.store.verify import verify_chains
from tests.casebook.conftest import Desk
from tests.casebook.hammer import TIMER
from tests.casebook.play import AGENT, register
from tests.conftest import REPOSITORY
from tests.store.databases import close_connections

COMMANDS = 1000
KILLS_AFTER = (90, 160, 140, 130, 210)
"""How many commands each process acknowledges before it is killed; then a last process does the rest."""


def start(url: str, first: int) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "tests.casebook.hammer", url, f"w{first}", str(first), str(COMMANDS)],
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
    )


def test_a_kill_in_the_middle_of_mixed_commands_leaves_every_case_whole(desk: Desk, url: str) -> None:
    acknowledged: list[str] = []
    first = 0
    for kill_after in (*KILLS_AFTER, None):
        with start(url, first) as process:
            assert process.stdout
            watchdog = threading.Timer(600, process.kill)
            watchdog.start()
            for told, line in enumerate(process.stdout, 1):
                acknowledged.append(line.strip())
                if told == kill_after:
                    process.send_signal(signal.SIGKILL)
                    break
            process.stdout.read()
            code = process.wait(30)
            watchdog.cancel()
        assert code == (0 if kill_after is None else -signal.SIGKILL)
        first = int(acknowledged[-1].split(":")[1]) + 1
        assert verify_chains(desk.engine) == []
    assert first >= COMMANDS - 50
    with desk.engine.begin() as connection:
        kept = {key.partition(":")[2] for key in connection.scalars(select(event.c.idempotency_key)) if key}
        leads = connection.execute(
            select(func.count())
            .select_from(order_)
            .where(order_.c.role == "lead", order_.c.ended_at.is_(None))
            .group_by(order_.c.case_id)
        )
        assert {row[0] for row in leads} <= {1}
        unsigned = select(order_.c.id).where(order_.c.signed_at.is_(None))
        timer = outbox.c.kind == "case_timer"
        if connection.execute(unsigned).first():
            assert connection.execute(select(func.count()).select_from(outbox).where(timer)).scalar_one() > 0
        done = set(connection.scalars(select(outbox.c.id).where(timer, outbox.c.state == "done")))
        fired = connection.execute(select(event.c.type, event.c.actor).distinct()).all()
    timers_done = {int(key.split(":")[2]) for key in acknowledged if key.startswith(f"{TIMER}:")}
    assert {key for key in acknowledged if not key.startswith(f"{TIMER}:")} <= kept
    assert timers_done
    assert timers_done <= done
    # The ways out and the timers were in it, so that they too were killed.
    assert {"withdraw", "merge", "refuse"} <= {kind for kind, _ in fired}
    assert {"sign", "urge", "archive"} <= {kind for kind, actor in fired if actor == THE_SYSTEM.name}


def test_sixteen_writers_get_every_number_of_the_day_once(desk: Desk) -> None:
    failures: list[BaseException] = []

    def write(writer: int) -> None:
        try:
            for n in range(15):
                if n == 7:
                    broken = register(1, demand="nonsense")  # refused: its number goes to somebody else
                    try:
                        desk.casework.register(broken, channel="phone", actor=AGENT, idempotency_key=f"{writer}x")
                    except Exception:  # noqa: BLE001, S112 - whatever it is, it must leave no gap
                        continue
                key = f"{writer}:{n}"
                desk.casework.register(register(writer), channel="phone", actor=AGENT, idempotency_key=key)
        except BaseException as error:  # noqa: BLE001 - told to the test
            failures.append(error)

    threads = [threading.Thread(target=write, args=(n,)) for n in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(200)
    assert failures == []
    with desk.engine.begin() as connection:
        numbers = sorted(connection.scalars(select(case_.c.case_no)))
        counted = connection.execute(select(case_counter.c.n)).scalar_one()
    assert numbers == [f"LYG20261123{n:06d}" for n in range(1, 16 * 14 + 1)]
    assert counted == 16 * 14


def test_a_registration_that_was_done_before_takes_no_number(desk: Desk) -> None:
    def once(_: int) -> str:
        return desk.casework.register(register(1), channel="phone", actor=AGENT, idempotency_key="same").case_no

    with ThreadPoolExecutor(8) as threads:
        assert set(threads.map(once, range(24))) == {"LYG20261123000001"}
    assert desk.open(2) == "LYG20261123000002"
    with desk.engine.begin() as connection:
        assert connection.execute(select(func.count()).select_from(case_)).scalar_one() == 2


def test_a_server_that_closed_its_connections_costs_a_registration_nothing(desk: Desk) -> None:
    desk.open(1)
    close_connections(desk.engine)
    assert desk.open(2) == "LYG20261123000002"
    assert verify_chains(desk.engine) == []


def test_the_next_day_begins_at_one_at_midnight_of_the_city(desk: Desk) -> None:
    desk.now = desk.now.replace(hour=15, minute=59)
    assert desk.open(1) == "LYG20261123000001"
    desk.now += timedelta(minutes=1)
    assert desk.open(2) == "LYG20261124000001"
