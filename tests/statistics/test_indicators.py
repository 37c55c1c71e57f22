"""The indicators of a November that was worked through by hand, on both databases."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, date, datetime, timedelta

import pytest

from casebook.handling import commands as do
from casebook.indicators.counts import percent
from casebook.indicators.periods import Period
from casebook.store.statistics import Figure, Statistics, UnitFigures
from tests.casebook.conftest import Desk, desk, postgres, url
from tests.casebook.play import DISPATCHER, SUPERVISOR, book
from tests.statistics.november import CHECKED, dispatched, play_november

__all__ = ["desk", "postgres", "url"]
NOVEMBER = Period(date(2026, 11, 1), date(2026, 11, 30))
DECEMBER = Period(date(2026, 12, 1), date(2026, 12, 31))


def statistics(desk: Desk) -> Statistics:
    return Statistics(desk.engine, book(), lambda: desk.now, keep_s=0)


def parts(unit: UnitFigures) -> dict[str, tuple[int, int | None]]:
    """Numerator and denominator of each indicator."""
    return {code: (figure.part, figure.whole) for code, figure in unit.figures.items()}


def test_november_by_hand(desk: Desk) -> None:
    cases = play_november(desk)
    counted = statistics(desk)
    table = counted.units(NOVEMBER)
    units = {one.code: one for one in table.units}
    assert parts(units["zhujian"]) == {
        "handled": (6, None),  # A B C E F, and E again; not D, which was not theirs
        "carried": (0, None),
        "in_hand": (6, None),
        "due": (3, None),  # A B F; C, and E with the time it was given back, are due in December
        "sign_rate": (5, 7),  # not B (signed by the hotline) and D (returned unsigned)
        "feedback_rate": (3, 3),
        "timely_rate": (2, 3),  # B came late
        "closing_rate": (2, 3),  # A B
        "on_time_rate": (2, 3),
        "first_time_rate": (2, 3),
        "satisfaction": (1, 2),  # A 5, E 1; B's answer is December's, F could not be reached
        "much_pleased": (1, 2),
        "solved_rate": (1, 2),
        "callback_rate": (2, 3),
        "contact_rate": (1, 6),
        "extension_rate": (0, 3),
        "return_rate": (1, 7),
        "wrong_return_rate": (0, 1),
        "rework_rate": (0, 1),
        "defects": (0, None),
        "urgings": (parts(units["zhujian"])["urgings"][0], None),  # counted below
        "silent": (1, None),  # the second E
        "overdue": (1, None),
        "long_overdue": (0, None),
        "supervised": (1, None),
        "co_handled": (0, None),
        "co_timely_rate": (0, 0),
    }
    other = parts(units["chengguan"])
    assert (other["handled"], other["feedback_rate"], other["overdue"], other["silent"]) == (
        (1, None), (0, 1), (1, None), (1, None),
    )  # fmt: skip
    assert (other["co_handled"], other["co_timely_rate"]) == ((1, None), (1, 1))
    assert units["gongan"].figures["feedback_rate"].value is None
    with_orders = [one for one in table.units if one.figures["handled"].part]
    assert {one.code for one in with_orders} == {"zhujian", "chengguan"}
    assert parts(table.total)["handled"] == (7, None)
    december = {one.code: parts(one) for one in counted.units(DECEMBER).units}
    assert december["zhujian"]["carried"] == (3, None)  # B C and the second E
    assert december["zhujian"]["due"] == (3, None)  # C, E on the 1st and the second E on the 4th
    assert december["zhujian"]["defects"] == (1, None)
    assert december["zhujian"]["extension_rate"] == (1, 3)
    assert december["zhujian"]["on_time_rate"] == (1, 3)  # E; C is fed back in time, and not accepted yet
    assert december["zhujian"]["timely_rate"] == (2, 3)
    assert december["zhujian"]["satisfaction"] == (0, 1)
    assert december["chengguan"]["carried"] == (1, None)
    # An accepted feedback counts by its own moment: C within the longer time, not within the first.
    desk.do(cases["C"], DISPATCHER, CHECKED)
    after = {one.code: parts(one) for one in counted.units(DECEMBER).units}["zhujian"]
    assert (after["on_time_rate"], after["first_time_rate"]) == ((2, 3), (1, 3))


def test_a_former_period_stands_beside(desk: Desk) -> None:
    play_november(desk)
    desk.later(days=25)  # January: November's orders are what December is compared with
    table = statistics(desk).units(DECEMBER)
    assert (table.before, table.year_before) == (NOVEMBER, Period(date(2025, 12, 1), date(2025, 12, 31)))
    figure = next(one for one in table.units if one.code == "zhujian").figures["handled"]
    assert figure == Figure(0, 0, None, 6, 0)
    rate = next(one for one in table.units if one.code == "zhujian").figures["feedback_rate"]
    assert (rate.before, rate.year_before) == (1.0, None)


def test_a_period_under_way_is_judged_up_to_now(desk: Desk) -> None:
    play_november(desk)
    desk.now -= timedelta(days=14)  # 26 November: what is due on the 30th is not missed
    unit = next(one for one in statistics(desk).units(NOVEMBER).units if one.code == "zhujian")
    assert parts(unit)["due"] == (0, None)
    assert percent(unit.figures["feedback_rate"].value) == "—"


def test_a_reopening_is_no_broken_closing(desk: Desk) -> None:
    cases = play_november(desk)
    counted = statistics(desk)
    before = next(one for one in counted.units(NOVEMBER).units if one.code == "zhujian")
    desk.do(cases["A"], SUPERVISOR, do.Reopen(reason="又坏了"))
    desk.later(seconds=1)
    after = next(one for one in counted.units(NOVEMBER).units if one.code == "zhujian")
    assert asdict(after) == asdict(before)
    december = next(one for one in counted.units(DECEMBER).units if one.code == "zhujian")
    assert (december.figures["rework_rate"].part, december.figures["rework_rate"].whole) == (1, 1)
    _, lines = counted.attention("reopened", DECEMBER)
    assert [(one.case_no, one.unit, one.note) for one in lines] == [(cases["A"], "zhujian", "重办")]


def test_matters_and_regions(desk: Desk) -> None:
    play_november(desk)
    counted = statistics(desk)
    (matter,) = counted.places(NOVEMBER, "matter").items
    assert (matter.name, matter.registered, matter.due, matter.on_time_rate) == ("物业管理", 6, 4, 0.5)
    assert (matter.satisfaction, matter.answers, matter.before, matter.change) == (0.5, 2, 0, None)
    (region,) = counted.places(NOVEMBER, "region").items
    assert (region.name, region.registered, region.closing_rate) == ("海州区", 6, 0.5)
    (own,) = counted.places(NOVEMBER, "matter", "chengguan").items
    assert (own.registered, own.due) == (2, 1)  # D, and F where it helps
    assert counted.places(NOVEMBER, "matter", "gongan").items == ()


@pytest.mark.parametrize(
    ("kind", "wanted"),
    [
        ("overdue", [("D", "chengguan"), ("E", "zhujian")]),
        ("returned", [("D", "zhujian")]),
        ("urged", [("D", "chengguan"), ("E", "zhujian")]),
        ("supervised", [("D", "chengguan"), ("E", "zhujian")]),
        ("reopened", []),
    ],
)
def test_what_needs_attention(desk: Desk, kind: str, wanted: list[tuple[str, str]]) -> None:
    cases = play_november(desk)
    counted = statistics(desk)
    _, lines = counted.attention(kind, NOVEMBER)  # type: ignore[arg-type]
    assert {(one.case_no, one.unit) for one in lines} == {(cases[name], unit) for name, unit in wanted}
    _, own = counted.attention(kind, NOVEMBER, "chengguan")  # type: ignore[arg-type]
    assert {one.unit for one in own} <= {"chengguan"}


def test_the_overview(desk: Desk) -> None:
    play_november(desk)
    shown = statistics(desk).overview(NOVEMBER)
    assert (shown.registered.part, shown.demands, shown.channels) == (6, {"help": 6}, {"phone": 6})
    assert (shown.on_the_spot.value, shown.on_the_spot.whole) == (0.0, 6)
    days = {day.isoformat(): counts for day, *counts in shown.trend}
    assert (days["2026-11-23"], days["2026-11-25"], days["2026-12-02"]) == ([6, 0], [0, 1], [0, 1])
    assert len(days) == 30
    assert shown.waiting["handling"] == 2
    assert shown.waiting["review"] == 1


def test_hot_matters_and_groups(desk: Desk) -> None:
    for n in range(1, 7):
        desk.open(n)
    desk.open(7, matter="噪声", place="海州区解放路")
    desk.now += timedelta(minutes=1)
    live = statistics(desk).live()
    assert [(one.matter, one.count, one.rising) for one in live.hot] == [("物业管理", 6, True), ("噪声", 1, False)]
    (group,) = live.groups
    assert (group.place, group.alarm.citizens) == ("海州区幸福小区", 6)
    assert live.today.registered == 7


def test_a_year_ends_at_midnight_of_the_city(desk: Desk) -> None:
    desk.now = datetime(2026, 12, 31, 15, 59, 59, tzinfo=UTC)
    dispatched(desk, 1)
    desk.now = datetime(2026, 12, 31, 16, 0, 0, tzinfo=UTC)
    dispatched(desk, 2)
    desk.now = datetime(2027, 1, 20, 1, 0, tzinfo=UTC)
    found = {}
    for year in (2026, 2027):
        table = statistics(desk).units(Period(date(year, 1, 1), date(year, 12, 31)))
        unit = parts(next(one for one in table.units if one.code == "zhujian"))
        found[year] = [unit[code][0] for code in ("handled", "carried", "in_hand", "due", "overdue")]
    # Both are due in January; how many are overdue is told of now, whatever the period.
    assert found == {2026: [1, 0, 1, 0, 2], 2027: [1, 1, 2, 2, 2]}


def test_a_dissolved_unit_keeps_its_line(desk: Desk) -> None:
    counted = statistics(desk)
    codes = {
        year: {one.code for one in counted.units(Period(date(year, 1, 1), date(year, 6, 30))).units}
        for year in (2014, 2026)
    }
    assert "xinpu" in codes[2014]
    assert codes[2014] - codes[2026] == {"xinpu"}


def test_a_minute_counts_once(desk: Desk) -> None:
    kept = Statistics(desk.engine, book(), lambda: desk.now, keep_s=60)
    assert kept.places(NOVEMBER, "matter").items == ()
    desk.open(1)
    assert kept.places(NOVEMBER, "matter").items == ()
    desk.now += timedelta(seconds=61)
    assert [one.registered for one in kept.places(NOVEMBER, "matter").items] == [1]
