"""A process that does mixed commands on cases, and says after each one that it is done; the test kills it."""

from __future__ import annotations

import random
import sys
from datetime import timedelta

from casebook.errors import CaseError
from casebook.handling import commands as do
from casebook.roles import SYSTEM
from casebook.store import open_engine
from tests.casebook.conftest import Desk
from tests.casebook.play import AGENT, moves, register


def hammer(url: str, name: str, first: int, last: int) -> None:
    """Commands `first` to `last` of a worker, by a die that falls alike each time it starts at the same number."""
    engine = open_engine(url)
    desk = Desk(engine)
    mine: list[str] = []
    for n in range(first, last):
        dice = random.Random(f"{name}:{n}")
        desk.now += timedelta(minutes=dice.choice((1, 60, 900)))
        key = f"{name}:{n}"
        if not mine or dice.random() < 0.1:
            made = desk.casework.register(register(n), channel="phone", actor=AGENT, idempotency_key=key)
            mine.append(made.case_no)
        elif not _step(desk, dice.choice(mine), key, dice):
            continue
        sys.stdout.write(f"{key}\n")
        sys.stdout.flush()
    engine.dispose()


def _step(desk: Desk, case_no: str, key: str, dice: random.Random) -> bool:
    case = desk.case(case_no)
    choices = [
        one
        for one in moves(case, desk.now)
        if one[0].role != SYSTEM and not isinstance(one[1], do.Withdraw | do.Merge | do.Refuse)
    ]
    dice.shuffle(choices)
    choices.sort(key=lambda one: one[1].EVENT in ("attach", "correct", "instruct", "urge"))
    for actor, command in choices:
        try:
            desk.casework.execute(case_no, command, version=case.version, actor=actor, idempotency_key=key)
        except CaseError:
            continue
        return True
    return False


if __name__ == "__main__":
    hammer(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
