"""Rates, scores and periods against numbers that others published or that were worked out by hand."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from casebook.errors import CaseError
from casebook.indicators.counts import AnswerCounts, CaseCounts, OrderCounts, percent, rate, total, wilson
from casebook.indicators.definitions import INDICATORS, JUDGED, ON_THE_SPOT, value
from casebook.indicators.hot import change, hot
from casebook.indicators.periods import Period, before, period_of, so_far, year_before
from casebook.indicators.scoring import SCORE_RULES, score, standard_rank

JULY_2021, FEBRUARY_2022, AUGUST_2022 = date(2021, 7, 31), date(2022, 2, 28), date(2022, 8, 31)


@pytest.mark.parametrize(
    ("part", "whole", "shown"),
    [
        (25_783, 29_186, "88.34%"),  # the city's June 2019
        (24_165, 29_186, "82.80%"),
        (45_868, 108_088, "42.44%"),  # the first half of 2018
        (1, 1, "100.00%"),
        (99_999, 100_000, "99.99%"),  # nobody has done everything who has not
        (0, 3, "0.00%"),
        (1, 8, "12.50%"),
        (5, 100_000, "0.01%"),
        (0, 0, "—"),
    ],
)
def test_rates_as_the_city_prints_them(part: int, whole: int, shown: str) -> None:
    assert percent(rate(part, whole)) == shown


def test_the_answers_on_the_line() -> None:
    assert percent(value(ON_THE_SPOT, CaseCounts(190_637, 108_088, 45_868))) == "42.44%"


def test_every_indicator_can_be_counted() -> None:
    counts = (OrderCounts(), AnswerCounts())
    assert {one.code: value(one, *counts) for one in INDICATORS if not one.whole} == {
        one.code: 0 for one in INDICATORS if not one.whole
    }
    assert all(value(one, *counts) is None for one in INDICATORS if one.whole)
    assert set(JUDGED) <= {one.code for one in INDICATORS}
    assert len({one.code for one in INDICATORS}) == len(INDICATORS)


def test_counts_add_up() -> None:
    added = total([OrderCounts(handled=2, due=1), OrderCounts(handled=3, closed=4)], OrderCounts)
    assert added == OrderCounts(handled=5, due=1, closed=4)


def test_the_interval_of_few_answers() -> None:
    low, high = wilson(8, 10) or (0, 0)
    assert (round(low, 4), round(high, 4)) == (0.4902, 0.9433)
    assert wilson(0, 0) is None
    low, high = wilson(0, 4) or (1, 0)
    assert (low, round(high, 4)) == (0, 0.4899)


@pytest.mark.parametrize(
    ("indicator", "found", "day", "points"),
    [
        ("on_time_rate", 0.8982, JULY_2021, 14.82),
        ("on_time_rate", 0.80, JULY_2021, 5),
        ("on_time_rate", 0.6667, JULY_2021, 0),
        ("on_time_rate", 1.0, JULY_2021, 20),
        ("sign_rate", 0.80, JULY_2021, 0),
        ("sign_rate", 6 / 7, JULY_2021, 0.71),
        ("satisfaction", 0.875, AUGUST_2022, 19.75),
        ("satisfaction", 5 / 6, AUGUST_2022, 17.67),
        ("satisfaction", 0.75, AUGUST_2022, 13.5),
        ("satisfaction", 0.7059, FEBRUARY_2022, 12.8),
        ("satisfaction", 0.50, FEBRUARY_2022, 12.5),
    ],
)
def test_points_that_the_city_published(indicator: str, found: float, day: date, points: float) -> None:
    assert score({indicator: found}, day).points[indicator] == pytest.approx(points, abs=0.006)


def test_a_unit_that_the_city_published() -> None:
    """连云港铁塔, August 2021: 6 of 7 signed in time, 5 of 6 on time: 78.04 of 100, one point lost elsewhere."""
    found = score({"sign_rate": 6 / 7, "on_time_rate": 5 / 6, "satisfaction": 1.0}, date(2021, 8, 31))
    assert found.total is not None
    assert 100 - (found.full - found.total) - 1 == pytest.approx(78.04, abs=0.01)


def test_no_data_is_no_full_score() -> None:
    assert score({"sign_rate": None, "on_time_rate": None, "satisfaction": None}, AUGUST_2022).total is None
    assert score({"sign_rate": 1.0, "on_time_rate": None, "satisfaction": 1.0}, AUGUST_2022).total is None


def test_rules_of_a_day_do_not_overlap() -> None:
    for day in (date(2010, 1, 1), JULY_2021, date(2022, 7, 31), date(2022, 8, 1), date(2030, 1, 1)):
        held = [one.indicator for one in SCORE_RULES if one.valid_from <= day <= (one.valid_to or day)]
        assert sorted(held) == ["on_time_rate", "satisfaction", "sign_rate"]


def test_equals_share_a_rank() -> None:
    assert standard_rank({"a": 55.0, "b": 50.0, "c": 55.0, "d": None}) == {"a": 1, "b": 3, "c": 1, "d": None}


@pytest.mark.parametrize(
    ("first", "last", "month_on_month", "year_on_year"),
    [
        ("2026-11-01", "2026-11-30", ("2026-10-01", "2026-10-31"), ("2025-11-01", "2025-11-30")),
        ("2026-11-01", "2026-11-24", ("2026-10-01", "2026-10-24"), ("2025-11-01", "2025-11-24")),
        ("2026-03-01", "2026-03-30", ("2026-02-01", "2026-02-28"), ("2025-03-01", "2025-03-30")),
        ("2024-02-01", "2024-02-29", ("2024-01-01", "2024-01-31"), ("2023-02-01", "2023-02-28")),
        ("2025-02-01", "2025-02-28", ("2025-01-01", "2025-01-31"), ("2024-02-01", "2024-02-29")),
        ("2026-01-01", "2026-12-31", ("2025-01-01", "2025-12-31"), ("2025-01-01", "2025-12-31")),
        ("2026-01-01", "2026-12-10", ("2025-01-01", "2025-12-10"), ("2025-01-01", "2025-12-10")),
        ("2026-01-01", "2026-01-31", ("2025-12-01", "2025-12-31"), ("2025-01-01", "2025-01-31")),
        ("2026-11-20", "2026-11-24", ("2026-11-15", "2026-11-19"), ("2025-11-20", "2025-11-24")),
        ("2024-02-29", "2024-02-29", ("2024-02-28", "2024-02-28"), ("2023-02-28", "2023-02-28")),
    ],
)
def test_what_a_period_is_compared_with(
    first: str, last: str, month_on_month: tuple[str, str], year_on_year: tuple[str, str]
) -> None:
    period = Period(date.fromisoformat(first), date.fromisoformat(last))
    assert before(period) == Period(*map(date.fromisoformat, month_on_month))
    assert year_before(period) == Period(*map(date.fromisoformat, year_on_year))


def test_nothing_reaches_back_before_the_line_opened() -> None:
    assert before(Period(date(2009, 12, 29), date(2010, 1, 10))) is None
    assert year_before(Period(date(2010, 1, 1), date(2010, 12, 31))) is None
    with pytest.raises(CaseError, match="开通"):
        period_of(date(2009, 12, 28), date(2009, 12, 31))
    with pytest.raises(CaseError, match="早于"):
        period_of(date(2026, 1, 2), date(2026, 1, 1))
    with pytest.raises(CaseError, match="一年"):
        period_of(date(2024, 1, 1), date(2025, 1, 1))
    assert period_of(date(2024, 1, 1), date(2024, 12, 31)).days == 366


def test_a_period_ends_at_midnight_of_the_city() -> None:
    period = Period(date(2026, 11, 1), date(2026, 11, 30))
    assert period.end == datetime(2026, 11, 30, 16, tzinfo=UTC)
    assert period.start == datetime(2026, 10, 31, 16, tzinfo=UTC)
    assert period.reached(datetime(2026, 11, 5, tzinfo=UTC)) == datetime(2026, 11, 5, tzinfo=UTC)
    assert period.reached(datetime(2027, 1, 1, tzinfo=UTC)) == period.end
    assert so_far(period, date(2026, 11, 24)) == Period(date(2026, 11, 1), date(2026, 11, 24))


def test_what_rises_is_beyond_its_own_habit() -> None:
    found = hot({"噪声": 40, "供热": 30, "路灯": 3}, {"噪声": 320, "供热": 16})
    assert [(one.matter, one.usual, one.rising) for one in found] == [
        ("噪声", 40.0, False), ("供热", 2.0, True), ("路灯", 0.0, False),
    ]  # fmt: skip
    assert found[1].z == pytest.approx(28 / (2 * 1.125) ** 0.5, abs=0.01)


def test_a_change_of_a_small_base_is_not_shown() -> None:
    assert change(45, 30) == 0.5
    assert change(45, 29) is None
    assert change(45, None) is None
