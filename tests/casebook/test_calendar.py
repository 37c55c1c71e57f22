"""Working days, counted against dates worked out by hand from the State Council's notices."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from casebook.calendar import Calendar, SpecialDay
from casebook.numbering import ZONE
from casebook.store import open_engine, upgrade
from casebook.store.calendar import load_calendar, replace_year
from casebook.store.schema import calendar_year


@pytest.fixture(scope="module")
def calendar(tmp_path_factory: pytest.TempPathFactory) -> Calendar:
    engine = open_engine(f"sqlite:///{tmp_path_factory.mktemp('calendar') / 'c.db'}")
    upgrade(engine)
    with engine.begin() as connection:
        found = load_calendar(connection)
    engine.dispose()
    return found


MOMENTS = st.datetimes(datetime(2009, 12, 29), datetime(2027, 11, 1), timezones=st.just(ZONE))  # noqa: DTZ001
GOLDEN = [
    # start (city's time), working days, last day of the limit
    ("2026-02-13T16:00", 5, "2026-02-27", "Friday before the Spring Festival"),
    ("2026-02-14T10:00", 1, "2026-02-24", "a Saturday on which people work"),
    ("2026-02-21T03:00", 1, "2026-02-24", "a Saturday of the festival"),
    ("2026-09-19T12:00", 1, "2026-09-20", "the next day is a Sunday on which people work"),
    ("2026-09-30T17:59", 2, "2026-10-09", "over the National Day"),
    ("2026-09-30T17:59", 3, "2026-10-10", "and into a Saturday on which people work"),
    ("2026-10-10T12:00", 1, "2026-10-12", "from that Saturday"),
    ("2026-04-30T23:59", 2, "2026-05-07", "a minute before May Day"),
    ("2026-11-20T18:00", 5, "2026-11-27", "an ordinary week"),
    ("2026-12-30T09:00", 2, "2027-01-04", "into a provisional year"),
    ("2009-12-31T09:00", 5, "2010-01-08", "two days after the line opened"),
]


@pytest.mark.parametrize(("start", "days", "last", "what"), GOLDEN, ids=[row[3] for row in GOLDEN])
def test_a_limit_ends_at_the_end_of_its_last_working_day(
    calendar: Calendar, start: str, days: int, last: str, what: str
) -> None:
    begun = datetime.fromisoformat(start).replace(tzinfo=ZONE)
    due = calendar.deadline(begun, days)
    assert due == datetime.fromisoformat(last).replace(tzinfo=ZONE) + timedelta(days=1)


def test_the_day_is_the_citys_and_not_greenwichs(calendar: Calendar) -> None:
    # 16:30 UTC on Thursday is half past midnight on Friday in the city.
    assert calendar.deadline(datetime(2026, 11, 19, 16, 30, tzinfo=UTC), 1).astimezone(ZONE).date() == date(
        2026, 11, 24
    )


def test_a_year_without_its_notice_is_provisional(calendar: Calendar) -> None:
    assert calendar.year_state(2026) == "announced"
    assert calendar.year_state(2027) == "provisional"
    assert calendar.year_state(2040) == "unknown"


def test_a_leap_day_is_a_day_like_another(calendar: Calendar) -> None:
    assert calendar.nth_workday(date(2028, 2, 28), 1) == date(2028, 2, 29)


@given(begun=MOMENTS, first=st.integers(1, 40), more=st.integers(1, 9))
def test_more_days_never_end_earlier(calendar: Calendar, begun: datetime, first: int, more: int) -> None:
    assert begun < calendar.deadline(begun, first) < calendar.deadline(begun, first + more)


@given(begun=MOMENTS, days=st.integers(1, 40))
def test_the_days_up_to_a_deadline_are_the_days_of_the_limit(calendar: Calendar, begun: datetime, days: int) -> None:
    end = calendar.deadline(begun, days) - timedelta(seconds=1)
    assert calendar.working_days(begun, end) == days


def test_a_corrected_year_is_not_seeded_again(tmp_path: Path) -> None:
    engine = open_engine(f"sqlite:///{tmp_path / 'c.db'}")
    upgrade(engine)
    with engine.begin() as connection:
        before = load_calendar(connection).version
        replace_year(connection, 2027, [SpecialDay(date(2027, 1, 3), True, "调休上班")], "通知", provisional=False)
    upgrade(engine)
    with engine.begin() as connection:
        after = load_calendar(connection)
        source = connection.scalars(select(calendar_year.c.source).where(calendar_year.c.year == 2027)).one()
    engine.dispose()
    assert (after.is_workday(date(2027, 1, 3)), after.year_state(2027), source) == (True, "announced", "通知")
    assert after.version != before
