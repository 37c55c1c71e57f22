"""A limit or a catalogue row holds from its first day in the city to its last; what was dispatched keeps its own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from casebook.calendar import end_of_day
from casebook.errors import CaseError
from casebook.handling import commands as do
from casebook.numbering import ZONE
from casebook.rulebook import LimitRule, Route, Rulebook, city_day
from tests.casebook.conftest import Desk
from tests.casebook.play import AGENT, DISPATCHER, book, deputy, liaison
from tests.casebook.rest import House, house

LAST = date(2026, 11, 30)
MIDNIGHT = datetime(2026, 12, 1, tzinfo=ZONE)
"""In UTC it is four in the afternoon of the last day."""
BEFORE = MIDNIGHT - timedelta(milliseconds=1)


def changing(last: date) -> Rulebook:
    """The city's rules, with a limit and a row that are replaced after a last day. There is more time before."""
    first = last + timedelta(days=1)
    limits = (
        LimitRule(id="old", demands=("complaint",), handle="5wd", sign="1wd", extend_wd=5, valid_to=last),
        LimitRule(id="new", demands=("complaint",), handle="2wd", sign="1wd", extend_wd=1, valid_from=first),
        *book().limits,
    )
    routes = (
        Route(id="OLD", matter="物业管理", region="海州区", unit="haizhou", basis="旧目录", valid_to=last),
        Route(id="NEW", matter="物业管理", region="海州区", unit="zhujian", basis="新目录", valid_from=first),
        *(one for one in book().routes if (one.matter, one.region) != ("物业管理", "海州区")),
    )
    return replace(book(), limits=limits, routes=routes)


@pytest.mark.parametrize(("moment", "limit", "route"), [(BEFORE, "old", "OLD"), (MIDNIGHT, "new", "NEW")])
def test_the_day_of_the_city_decides_which_one_holds(moment: datetime, limit: str, route: str) -> None:
    rules = changing(LAST)
    for at in (moment, moment.astimezone(UTC)):
        assert rules.limit_for("complaint", "物业管理", at, urgent=False).id == limit
        found = rules.route("物业管理", "海州区", at)
        assert found is not None
        assert found.id == route


def test_what_holds_no_more_or_not_yet_leaves_the_matter_to_the_general_rule() -> None:
    day = timedelta(days=1)
    rules = replace(changing(LAST), limits=tuple(one for one in changing(LAST).limits if one.id != "new"))
    assert rules.limit_for("complaint", "", MIDNIGHT, urgent=False).id == "complaint"
    later = Route(id="LATER", matter="供电", region="海州区", unit="zhujian", basis="b", valid_from=LAST + day)
    rules = replace(rules, routes=(*rules.routes, later))
    units = [getattr(rules.route("供电", "海州区", at), "unit", "") for at in (BEFORE, MIDNIGHT)]
    assert units == ["gongdian", "zhujian"]


def test_a_case_keeps_the_limit_and_the_unit_under_which_it_was_dispatched(desk: Desk) -> None:
    desk.casework.book = changing(LAST)
    desk.now = BEFORE
    old, new = dispatched(desk, 1), desk.open(2)
    desk.do(new, AGENT, do.ToTriage())
    desk.now = MIDNIGHT
    # Registered under the old limit, but sent to its unit under the new one.
    after = desk.do(new, DISPATCHER, do.Dispatch())
    before = desk.case(old)
    assert [(one.rule, one.basis, one.unit) for one in before.orders] == [("old", "OLD 旧目录", "haizhou")]
    assert [(one.rule, one.basis, one.unit) for one in after.orders] == [("new", "NEW 新目录", "zhujian")]
    assert before.orders[0].due_at == end_of_day(date(2026, 12, 7))
    assert after.orders[0].due_at == end_of_day(date(2026, 12, 3))
    asked = do.RequestExtension(days=4, reason="等配件", law="热线办法", citizen_informed=True)
    for case_no, unit in ((old, "haizhou"), (new, "zhujian")):
        desk.do(case_no, liaison(unit), do.Sign())
    with pytest.raises(CaseError, match="延期最多 1 个工作日"):
        desk.do(new, liaison("zhujian"), asked)
    desk.do(old, liaison("haizhou"), asked)
    desk.do(old, deputy("haizhou"), do.SignExtension())
    longer = desk.do(old, DISPATCHER, do.ApproveExtension())
    assert (longer.orders[0].rule, longer.orders[0].due_at) == ("old", end_of_day(date(2026, 12, 11)))


def dispatched(desk: Desk, n: int) -> str:
    case_no = desk.open(n)
    desk.do(case_no, AGENT, do.ToTriage())
    desk.do(case_no, DISPATCHER, do.Dispatch())
    return case_no


@pytest.fixture
def people(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with house(tmp_path_factory.mktemp("house")) as opened:
        yield opened


def test_forms_offer_what_holds_on_the_day_of_the_city(people: House) -> None:
    today = city_day(people.night.clock())
    rules = changing(today - timedelta(days=1))
    named = {"name": "新海州区", "valid_from": today}
    regions = (*rules.regions, rules.regions[0].model_copy(update=named))
    people.night.casework.book = replace(rules, regions=regions)
    midnight = end_of_day(today - timedelta(days=1))
    for moment, limit, is_new in ((midnight - timedelta(seconds=1), "old", False), (midnight, "new", True)):
        people.night.now = moment.astimezone(UTC)
        offered = people.get("dispatcher", "/rules").json()
        assert [one for one in offered["limits"] if one in ("old", "new")] == [limit]
        assert ("新海州区" in offered["regions"]) == is_new
        assert ("新海州区" in people.get("dispatcher", "/public/offer").json()["regions"]) == is_new


def test_no_limit_is_chosen_by_name_that_does_not_hold(desk: Desk) -> None:
    desk.casework.book = changing(LAST)
    desk.now = MIDNIGHT
    case_no = desk.open()
    desk.do(case_no, AGENT, do.ToTriage())
    with pytest.raises(CaseError, match="现在不生效"):
        desk.do(case_no, DISPATCHER, do.Dispatch(limit_rule="old"))
    assert desk.do(case_no, DISPATCHER, do.Dispatch(limit_rule="new")).orders[0].rule == "new"
