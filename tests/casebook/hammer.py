"""A process that does mixed commands on cases, and says after each one that it is done; the test kills it."""

from __future__ import annotations

import random
import sys
from dataclasses import replace
from datetime import timedelta

from sqlalchemy import Connection, select

from casebook.errors import CaseError
from casebook.handling import commands as do
from casebook.roles import SYSTEM
from casebook.store import open_engine
from casebook.store.schema import outbox
from casebook.store.timer_jobs import run_timer
from tests.casebook.conftest import Desk
from tests.casebook.play import AGENT, START, moves, register

WAYS_OUT = (do.Withdraw, do.Merge, do.Refuse)
TIMER = "timer"


def hammer(url: str, name: str, first: int, last: int) -> None:
    """Commands `first` to `last` of a worker, by a die that falls alike each time it starts at the same number."""
    engine = open_engine(url)
    desk = Desk(engine)
    mine: list[str] = []
    for n in range(last):
        # The clock is that of all workers: it goes on where the one that was killed left it.
        desk.now = (START if n == 0 else desk.now) + timedelta(minutes=random.Random(n).choice((1, 60, 900)))
        if n < first:
            continue
        dice = random.Random(f"{name}:{n}")
        key = f"{name}:{n}"
        if dice.random() < 0.25 and (job := _timer(desk, name)):
            key = f"{TIMER}:{n}:{job}"
        elif not mine or dice.random() < 0.1:
            made = desk.casework.register(register(n), channel="phone", actor=AGENT, idempotency_key=key)
            mine.append(made.case_no)
        elif not _step(desk, mine, key, dice):
            continue
        sys.stdout.write(f"{key}\n")
        sys.stdout.flush()
    engine.dispose()


def _timer(desk: Desk, worker: str) -> int | None:
    """Run a timer that is due, as a worker does; also one whose worker was killed. None where nothing is due."""
    due = (outbox.c.kind == "case_timer") & (outbox.c.run_at <= desk.now) & outbox.c.state.in_(("waiting", "leased"))
    with desk.engine.begin() as connection:
        job_id = connection.scalar(select(outbox.c.id).where(due).order_by(outbox.c.run_at, outbox.c.id).limit(1))
    job = desk.outbox.lease(job_id, worker, desk.now, 30) if job_id else None
    if job is None:
        return None

    def work(connection: Connection) -> None:
        run_timer(connection, desk.casework, job.payload, desk.now)

    assert desk.outbox.complete(job.id, worker, desk.now, work)
    return job.id


def _step(desk: Desk, mine: list[str], key: str, dice: random.Random) -> bool:
    case = desk.case(dice.choice(mine))
    leaves = dice.random() < 0.2  # more often, and hardly any course would get far
    choices = [
        one for one in moves(case, desk.now) if one[0].role != SYSTEM and (leaves or not isinstance(one[1], WAYS_OUT))
    ]
    dice.shuffle(choices)
    merges = leaves and dice.random() < 0.4
    choices.sort(key=lambda one: one[1].EVENT in ("attach", "correct", "instruct", "urge"))
    choices.sort(key=lambda one: isinstance(one[1], do.Merge) is not merges)
    for actor, found in choices:
        command = replace(found, master_no=dice.choice(mine)) if isinstance(found, do.Merge) else found
        try:
            desk.casework.execute(case.case_no, command, version=case.version, actor=actor, idempotency_key=key)
        except CaseError:
            continue
        return True
    return False


if __name__ == "__main__":
    hammer(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
