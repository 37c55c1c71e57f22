"""Which cases may be the same demand, and when many citizens speak of one thing: pure rules."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from casebook.suggest.duplicates import Neighbour, Subject, duplicates
from casebook.suggest.groups import Arrival, group_alarm, poisson_tail

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
MINE = Subject("路灯坏了", "道路设施", "海州区", "苍梧路", "caller-1")


def other(case_no: str = "LYG1", **changes: str) -> Neighbour:
    blank = {"text": "", "matter": "", "region": "", "place": "", "caller": ""}
    return Neighbour(case_no, "TRIAGE", NOW, Subject(**(blank | changes)))


@pytest.mark.parametrize(
    ("neighbour", "likeness", "reasons"),
    [
        ({"caller": "caller-1", "matter": "道路设施"}, 0.0, ("caller",)),
        ({"caller": "caller-1", "matter": "供电"}, 0.2, ("caller",)),
        ({"caller": "caller-1", "matter": "供电"}, 0.1, ()),
        ({"caller": "caller-2", "matter": "道路设施"}, 0.0, ()),
        ({"place": "苍梧路12号", "matter": "道路设施"}, 0.0, ("place",)),
        ({"place": "苍梧路12号", "matter": "噪声"}, 0.3, ()),
        ({"matter": "道路设施", "region": "海州区"}, 0.35, ("text",)),
        ({"matter": "道路设施", "region": "海州区"}, 0.34, ()),
        ({"matter": "道路设施", "region": "连云区"}, 0.5, ()),
        ({"matter": "供电", "region": "连云区"}, 0.8, ("text",)),
        ({}, 0.8, ("text",)),
        (
            {"caller": "caller-1", "place": "苍梧路", "matter": "道路设施", "region": "海州区"},
            0.9,
            ("caller", "place", "text"),
        ),
    ],
)
def test_reasons(neighbour: dict[str, str], likeness: float, reasons: tuple[str, ...]) -> None:
    found = duplicates(MINE, [other(**neighbour)], lambda _text, _others: [likeness])
    assert [one.reasons for one in found] == ([reasons] if reasons else [])


def test_unknown_callers_and_places_are_no_reason() -> None:
    mine = Subject("路灯坏了", "道路设施")
    assert duplicates(mine, [other(matter="道路设施", region="海州区")], lambda _text, _others: [0.0]) == []


def test_more_reasons_come_first_then_the_more_alike() -> None:
    near = {"matter": "道路设施", "region": "海州区"}
    neighbours = [other("A", **near), other("B", **near), other("C", caller="caller-1", place="苍梧路", **near)]
    found = duplicates(MINE, neighbours, lambda _text, _others: [0.5, 0.7, 0.4])
    assert [one.case_no for one in found] == ["C", "B", "A"]


def calls(*ages: tuple[timedelta, str]) -> list[Arrival]:
    return [Arrival(NOW - age, caller) for age, caller in ages]


def hours(n: float) -> timedelta:
    return timedelta(hours=n)


def test_three_citizens_in_a_day_about_what_is_quiet_else_are_a_group() -> None:
    alarm = group_alarm(calls((hours(1), "a"), (hours(5), "b"), (hours(23), "c")), NOW)
    assert alarm is not None
    assert (alarm.citizens, alarm.hours) == (3, 24)
    assert alarm.chance < 0.001


def test_ten_calls_of_one_citizen_are_no_group_nor_are_callers_whom_nobody_knows() -> None:
    assert group_alarm(calls(*((hours(n), "a") for n in range(10))), NOW) is None
    assert group_alarm(calls(*((hours(n), "") for n in range(10))), NOW) is None


def test_two_citizens_are_no_group() -> None:
    assert group_alarm(calls((hours(1), "a"), (hours(2), "b")), NOW) is None


def test_five_citizens_in_a_week_are_a_group() -> None:
    alarm = group_alarm(calls(*((timedelta(days=n, hours=1), f"c{n}") for n in range(5))), NOW)
    assert alarm is not None
    assert (alarm.citizens, alarm.hours) == (5, 168)


def test_what_is_usual_there_is_no_alarm() -> None:
    """Three a day, every day for nine weeks: today's three are as ever."""
    usual = [(timedelta(days=day, hours=hour), f"{day}-{hour}") for day in range(64) for hour in (1, 9, 17)]
    assert group_alarm(calls(*usual), NOW) is None
    today = [(hours(0.1 * n), f"new{n}") for n in range(12)]
    alarm = group_alarm(calls(*usual, *today), NOW)
    assert alarm is not None
    assert alarm.usual == pytest.approx(3, abs=0.2)


@pytest.mark.parametrize(
    ("k", "mean", "tail"), [(0, 1.0, 1.0), (1, 1.0, 0.6321206), (3, 0.5, 0.0143877), (10, 1.0, 1.1142e-7)]
)
def test_the_tail_of_the_poisson_distribution(k: int, mean: float, tail: float) -> None:
    assert poisson_tail(k, mean) == pytest.approx(tail, rel=1e-4)


@given(st.integers(0, 60), st.floats(0.001, 60))
def test_the_tail_is_a_probability_that_falls_with_k(k: int, mean: float) -> None:
    assert 0 <= poisson_tail(k + 1, mean) <= poisson_tail(k, mean) <= 1
