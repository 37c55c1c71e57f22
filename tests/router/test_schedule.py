"""Shifts: who is on duty at a moment, through midnights, holidays, make-up days and the shift leader's decisions."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import pytest

from call_router.schedule import Hours, Override, Rostered, Schedule, Shift
from tests.router.city import ZONE, Days, city_schedule

# The Spring Festival of 2026: 17 February is the first day; Saturday the 14th and the 28th are worked instead.
DAYS = Days(
    holidays=frozenset(date(2026, 2, day) for day in range(15, 24)),
    make_up=frozenset({date(2026, 2, 14), date(2026, 2, 28)}),
)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZONE)


def schedule(*agents: Rostered) -> Schedule:
    shifts = {
        "desk": Shift(name="白班", days="workdays", time="08:00-18:00"),
        "rest": Shift(name="假日班", days="restdays", time="08:00-18:00"),
        "night": Shift(name="夜班", days="workdays", time="18:00-08:00", night=True),
    }
    hours = {"office": Hours(workdays=("08:30-12:00", "14:00-18:00")), "bar": Hours(restdays=("20:00-02:00",))}
    return Schedule(hours, shifts, agents, DAYS, ZONE)


@pytest.mark.parametrize(
    ("moment", "shifts", "office"),
    [
        ("2026-02-13 08:00", {"desk"}, False),
        ("2026-02-13 08:30", {"desk"}, True),
        ("2026-02-13 11:59:59", {"desk"}, True),
        ("2026-02-13 12:00", {"desk"}, False),
        ("2026-02-13 17:59:59", {"desk"}, True),
        ("2026-02-13 18:00", {"night"}, False),
        ("2026-02-14 07:59", {"night"}, False),  # Friday's night
        ("2026-02-14 09:00", {"desk"}, True),  # a Saturday that is worked
        ("2026-02-15 07:00", {"night"}, False),  # the night of a day that was worked
        ("2026-02-15 09:00", {"rest"}, False),  # a Sunday of the festival
        ("2026-02-16 19:00", set(), False),  # nobody's night: the day is a holiday
        ("2026-02-17 09:00", {"rest"}, False),  # a Tuesday of the festival
        ("2026-02-24 09:00", {"desk"}, True),
    ],
)
def test_holidays_and_make_up_days_decide_who_works(moment: str, shifts: set[str], office: bool) -> None:
    duty = schedule().compute(at(moment))
    assert duty.shifts == shifts
    assert ("office" in duty.open_hours) == office
    assert duty.night == ("night" in shifts)


@pytest.mark.parametrize(
    ("moment", "is_open"),
    [("2026-02-22 20:00", True), ("2026-02-24 01:59", True), ("2026-02-24 02:00", False), ("2026-02-25 01:00", False)],
)
def test_hours_over_midnight_belong_to_the_day_on_which_they_begin(moment: str, is_open: bool) -> None:
    assert ("bar" in schedule().compute(at(moment)).open_hours) == is_open


def test_agents_and_skills_follow_the_shifts() -> None:
    duty = schedule(
        Rostered("1001", frozenset({"desk"}), frozenset({"complaint"})),
        Rostered("1002", frozenset({"night"}), frozenset({"dialect"})),
        Rostered("1003", frozenset(), frozenset({"foreign"})),
    ).compute(at("2026-02-13 10:00"))
    assert duty.agents == {"1001", "1003"}
    assert duty.skills == {"complaint", "foreign"}


def test_the_shift_leader_decides_for_a_while() -> None:
    now = at("2026-02-13 10:00")
    later = now + timedelta(hours=1)
    whole = schedule(Rostered("1001", frozenset({"desk"})), Rostered("1002", frozenset({"night"})))
    overrides = [
        Override("off", now, later, "1001"),
        Override("on", now, later, "1002"),
        Override("night", now, later),
    ]
    duty = whole.compute(now, overrides)
    assert duty.agents == {"1002"}
    assert duty.night
    duty = whole.compute(later, overrides)
    assert duty.agents == {"1001"}
    assert not duty.night


def test_the_same_moment_gives_the_same_duty_whatever_its_zone() -> None:
    now = at("2026-02-13 18:00")
    assert schedule().compute(now) == schedule().compute(now.astimezone(tz=None))


def test_the_citys_shifts_leave_no_minute_without_somebody() -> None:
    assert city_schedule().lint() == []
    assert city_schedule(calendar=DAYS).compute(at("2026-02-17 23:30")).night
