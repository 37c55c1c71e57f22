"""Twenty-four hours, two thousand calls: every call ends in exactly one way, and every sum agrees to the call."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from statistics import mean

import pytest
from sqlalchemy import func, select

from call_router.queue_log import QueueLog
from casebook.indicators_telephone import REFUSED, Visit
from casebook.store.schema import call, call_session, case_
from casebook.store.telephone import Telephone
from casebook.store.telephone_figures import Report, TelephoneFigures
from casebook.store.verify import verify_chains
from config.settings import CITY
from config.wiring import load_flow
from ivr.service import CallService
from tests.router.city import city_router
from tests.simulation.day import Citizen, Clock, Day
from tests.simulation.queue import Queue, Stay
from tests.store.conftest import Store, open_store

CALLS = 2000
MIDNIGHT = datetime(2026, 11, 22, 16, 0, tzinfo=UTC)
"""Of a Monday in 连云港."""
DAY_SHIFT = [f"座席{1001 + n}" for n in range(10)]
NIGHT_SHIFT = ["座席1011", "座席1012"]
ENDS = {"answered", "transferred", "voicemail", "callback", "abandoned", "missed", "informed"}
WANTS = ("agent",) * 74 + ("line",) * 9 + ("emergency",) * 3 + ("progress",) * 6 + ("nothing",) * 4 + ("regret",) * 4
BY_HOUR = (8, 5, 4, 12, 8, 8, 20, 60, 150, 190, 180, 150, 90, 120, 150, 170, 150, 130, 90, 80, 80, 70, 40, 20)
"""How a day's calls are spread; the evening's peak meets two agents."""


@dataclass(frozen=True)
class Lived:
    """The day, when it is over: the store, and what the world saw."""

    store: Store
    citizens: list[Citizen]
    stays: list[Stay]
    report: Report
    visits: list[Visit]


def hour(hours: float) -> datetime:
    return MIDNIGHT + timedelta(hours=hours)


def shifts(clock: Clock, queue: Queue) -> None:
    """Two by night, ten from 8:00 to 20:00; a break of both at night and of all at ten, when nobody is there at all."""
    for name in NIGHT_SHIFT:
        clock.at(hour(0), lambda name=name: queue.sign_in(name))  # type: ignore[misc]
        clock.at(hour(3), lambda name=name: queue.pause(name, "休息", 5400))  # type: ignore[misc]
        clock.at(hour(8), lambda name=name: queue.sign_out(name))  # type: ignore[misc]
        clock.at(hour(20), lambda name=name: queue.sign_in(name))  # type: ignore[misc]
        clock.at(hour(24), lambda name=name: queue.sign_out(name))  # type: ignore[misc]
    for n, name in enumerate(DAY_SHIFT):
        clock.at(hour(8), lambda name=name: queue.sign_in(name))  # type: ignore[misc]
        clock.at(hour(11.5 + n * 0.2), lambda name=name: queue.pause(name, "用餐", 1800))  # type: ignore[misc]
        clock.at(hour(10), lambda name=name: queue.pause(name, "班会", 420))  # type: ignore[misc]
        clock.at(hour(20), lambda name=name: queue.sign_out(name))  # type: ignore[misc]


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lived]:
    folder: Path = tmp_path_factory.mktemp("day")
    store = open_store(f"sqlite:///{folder / 'hotline.db'}")
    random = Random(12345)
    clock = Clock(MIDNIGHT)
    queue = Queue(clock, random, folder / "queue_log", DAY_SHIFT + NIGHT_SHIFT)
    service = CallService(store.calls, city_router(), load_flow(CITY), clock)
    day = Day(service, clock, queue, random)
    telephone = Telephone(store.engine)
    log = QueueLog(folder, telephone, "lyg1")
    figures = TelephoneFigures(store.engine)
    shifts(clock, queue)
    for n, of_hour in enumerate(random.choices(range(24), BY_HOUR, k=CALLS)):
        citizen = Citizen(f"lyg1-{n}.{n}", f"138{random.randint(0, 99999999):08d}", random.choice(WANTS))
        moment = hour(of_hour) + timedelta(seconds=random.randint(0, 3599))
        clock.at(moment, lambda citizen=citizen: day.call(citizen))  # type: ignore[misc]

    def record() -> None:
        log.take_in()
        figures.keep(clock.now)

    for half_hour in range(1, 49):
        clock.at(hour(half_hour / 2) + timedelta(minutes=1), record)
    clock.run()
    log.take_in()
    figures.keep(clock.now + timedelta(hours=1))
    report = figures.report(MIDNIGHT, hour(24), "", clock.now)
    yield Lived(store, day.citizens, queue.stays, report, telephone.visits(MIDNIGHT, hour(25)))
    store.engine.dispose()


def test_every_call_ends_and_in_exactly_one_way(lived: Lived) -> None:
    with lived.store.engine.connect() as connection:
        rows = connection.execute(select(call.c.call_id, call.c.outcome, call.c.ended_at)).all()
        still_open = select(func.count()).select_from(call_session).where(call_session.c.ended_at.is_(None))
        assert connection.execute(still_open).scalar_one() == 0
    assert len(rows) == CALLS
    assert all(row.ended_at is not None and row.outcome in ENDS for row in rows)
    assert {row.call_id: row.outcome for row in rows} == {one.call_id: one.end for one in lived.citizens}
    # A day in which something never happens would prove nothing of it.
    assert set(Counter(row.outcome for row in rows)) == ENDS


def test_every_voicemail_is_one_case_and_nothing_else_is(lived: Lived) -> None:
    left = {one.call_id for one in lived.citizens if one.end == "voicemail"}
    with lived.store.engine.connect() as connection:
        rows = connection.execute(select(case_.c.call_id, case_.c.case_no)).all()
    assert len(left) > 50
    assert {row.call_id for row in rows} == left
    assert len({row.case_no for row in rows}) == len(rows) == len(left)
    assert verify_chains(lived.store.engine) == []


def test_every_stay_in_the_queue_is_in_the_store_as_it_was(lived: Lived) -> None:
    seen = [
        (one.citizen.call_id, one.entered_at, one.outcome, one.wait_s, one.agent, one.talk_s, one.acw_s)
        for one in lived.stays
        if one.outcome not in REFUSED
    ]
    stored = [
        (one.call_id, one.entered_at, one.outcome, one.wait_s, one.agent, one.talk_s, one.acw_s)
        for one in lived.visits
        if one.outcome not in REFUSED
    ]
    assert sorted(stored) == sorted(seen)
    assert {one.outcome for one in lived.stays} == {"answered", "abandoned", "timeout", "leave_empty", "join_empty"}


def test_the_indicators_agree_with_the_calls_to_the_call(lived: Lived) -> None:
    total, ends = lived.report.total, Counter(one.end for one in lived.citizens)
    let_in = [one for one in lived.stays if one.outcome not in REFUSED]
    answered = [one for one in let_in if one.outcome == "answered"]
    short = [one for one in let_in if one.outcome == "abandoned" and one.wait_s < 5]
    hung_up = [one for one in let_in if one.outcome == "abandoned" and one.wait_s >= 5]
    assert total.offered == len(let_in)
    assert total.answered == len(answered) == ends["answered"]
    assert total.short_abandoned == len(short)
    assert (total.abandoned, total.hung_up) == (len(let_in) - len(answered) - len(short), len(hung_up))
    assert (total.waiting, total.turned_away) == (0, len(lived.stays) - len(let_in))
    assert total.offered == total.answered + total.short_abandoned + total.abandoned
    assert total.connection_rate == len(answered) / (len(let_in) - len(short))
    assert total.asa_s == pytest.approx(mean(one.wait_s for one in answered))
    assert total.aht_s == pytest.approx(mean((one.talk_s or 0) + (one.acw_s or 0) for one in answered))
    gone_in_15 = sum(one.outcome == "abandoned" and one.wait_s <= 15 for one in let_in)
    in_15 = sum(one.wait_s <= 15 for one in answered)
    assert total.service_levels[0].rate == in_15 / (len(let_in) - gone_in_15)


def test_the_half_hours_add_up_to_the_day(lived: Lived) -> None:
    halves, total = [figures for _, figures in lived.report.intervals], lived.report.total
    assert len(halves) == 48
    for name in ("offered", "answered", "short_abandoned", "abandoned", "hung_up", "turned_away"):
        assert sum(getattr(one, name) for one in halves) == getattr(total, name), name
    assert all(one.occupancy is None or 0 <= one.occupancy <= 1 for one in halves)
    # Somebody is signed in all day long, but for an hour and a half of the night both take a break.
    nobody = {began_at for began_at, one in lived.report.intervals if one.occupancy is None}
    assert {hour(3.5)} <= nobody <= {hour(3), hour(3.5), hour(4)}


def test_what_was_kept_half_hour_by_half_hour_is_what_is_counted_now(lived: Lived) -> None:
    figures = TelephoneFigures(lived.store.engine)
    for began_at, counted in lived.report.intervals:
        kept = figures.kept(began_at)
        assert kept, began_at
        assert [kept[-1][1][name] for name in ("offered", "answered", "abandoned", "asa_s")] == [
            counted.offered,
            counted.answered,
            counted.abandoned,
            counted.asa_s,
        ]
