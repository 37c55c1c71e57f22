"""What an agent is shown while a demand is written down; what people decided is kept."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import func, select

from casebook.errors import CaseError
from casebook.store.knowledge_schema import suggestion_decision
from casebook.store.suggestions import Choice
from casebook.suggest.adviser import Question
from tests.suggest.conftest import PLACES, Desk

LAMP = "海州区苍梧路的路灯坏了一排，晚上走路看不见"


def test_matter_place_region_and_unit_of_a_demand(desk: Desk) -> None:
    advice = desk.adviser.advise(Question("海州区苍梧小区物业收了钱不打扫楼道，电梯也总是坏"))
    assert advice.matters[0].name == "物业管理"
    assert advice.matters[0].group == "城乡建设与住房"
    assert advice.place is not None
    assert (advice.place.region, advice.place.place) == ("海州区", "苍梧小区")
    assert advice.unit is not None
    assert (advice.unit.unit, advice.unit.co_units) == ("haizhou", ("zhujian",))
    assert advice.model == "a" * 16


def test_what_a_person_chose_is_taken_as_it_is(desk: Desk) -> None:
    advice = desk.adviser.advise(Question(LAMP, matter="供气", region="东海县"))
    assert advice.unit is not None
    assert advice.unit.unit == "ranqi"


def test_only_what_is_sure_and_accepted_may_be_filled_in(desk: Desk) -> None:
    assert desk.adviser.advise(Question("小区停水两天了，自来水公司没有通知")).fill_in == "供水排水"
    refused = desk.adviser.advise(Question("我要举报村书记贪污集体的钱"))
    assert (refused.matters[0].name, refused.matters[0].accepted, refused.fill_in) == ("纪检监察", False, "")
    assert desk.adviser.advise(Question("嗯")).fill_in == ""


def test_without_a_model_the_rest_is_still_suggested(desk: Desk) -> None:
    desk.model.loaded = None
    advice = desk.adviser.advise(Question(LAMP, matter="道路设施"))
    assert (advice.matters, advice.fill_in, advice.model, advice.duplicates) == ((), "", "", ())
    assert advice.place is not None
    assert advice.unit is not None


@pytest.mark.parametrize(
    ("text", "region", "place"),
    [
        ("我住海州区苍梧小区三号楼", "海州区", "苍梧小区"),
        ("赣榆县青口镇黄海路", "赣榆区", "青口镇黄海路"),
        ("经济技术开发区猴嘴那边", "市开发区", "猴嘴街道"),
        ("东海县", "东海县", ""),
        ("我要投诉市教育局", None, None),
        ("没有说地方", None, None),
    ],
)
def test_the_place_that_a_text_names(text: str, region: str | None, place: str | None) -> None:
    found = PLACES(text)
    assert (found.region if found else None, found.place if found else None) == (region, place)


def test_the_same_caller_with_the_same_thing_is_found_whatever_the_channel(desk: Desk) -> None:
    earlier = desk.case(LAMP, matter="道路设施", region="海州区", phone="13812345678")
    desk.case("公积金贷款额度怎么计算呢，想问一下", matter="住房保障与公积金", phone="13812345678")
    advice = desk.adviser.advise(Question("路灯还是没有修好，就是苍梧路那一排", caller=desk.caller("13812345678")))
    assert [(one.case_no, "caller" in one.reasons) for one in advice.duplicates] == [(earlier, True)]


def test_another_citizen_at_the_same_place_about_the_same_is_found(desk: Desk) -> None:
    earlier = desk.case("路灯不亮好几天了，请修一修", matter="道路设施", region="海州区", place="海州区苍梧路8号")
    advice = desk.adviser.advise(Question(LAMP, matter="道路设施"))
    assert [(one.case_no, one.reasons[0]) for one in advice.duplicates] == [(earlier, "place")]


def test_the_same_words_about_the_same_matter_in_the_region_are_found(desk: Desk) -> None:
    earlier = desk.case("晚上走路看不见，一排路灯坏了没有人修", matter="道路设施", region="海州区")
    desk.case("绿化带的树枝太长了，挡住了人行道", matter="道路设施", region="海州区")
    advice = desk.adviser.advise(Question("一排路灯坏了，晚上走路看不见", matter="道路设施", region="海州区"))
    assert [(one.case_no, one.reasons) for one in advice.duplicates] == [(earlier, ("text",))]


def test_old_discarded_and_own_cases_are_no_duplicates(desk: Desk) -> None:
    desk.case(LAMP, matter="道路设施", region="海州区", place="苍梧路", days_ago=31)
    own = desk.case(LAMP, matter="道路设施", region="海州区", place="苍梧路")
    assert desk.adviser.advise(Question(LAMP, matter="道路设施", case_no=own)).duplicates == ()


def test_a_percent_sign_in_a_place_is_no_pattern(desk: Desk) -> None:
    desk.case(LAMP, matter="道路设施", region="海州区", place="苍梧路")
    assert desk.suggestions.arrivals("道路设施", "海州区", "%", desk.now - timedelta(days=1)) == []


def test_three_citizens_in_a_day_raise_the_group_alarm(desk: Desk) -> None:
    for n in range(2):
        desk.case(LAMP, matter="道路设施", region="海州区", place="海州区苍梧路", phone=f"1381111000{n}")
    question = Question(LAMP, matter="道路设施", caller=desk.caller("13811110009"))
    alarm = desk.adviser.advise(question).group
    assert alarm is not None
    assert (alarm.citizens, alarm.hours) == (3, 24)
    same = Question(LAMP, matter="道路设施", caller=desk.caller("13811110000"))
    assert desk.adviser.advise(same).group is None


def test_every_decision_is_kept_with_what_was_offered(desk: Desk) -> None:
    case_no = desk.case(LAMP)
    choices = {
        "matter": Choice(("供电", "道路设施", "园林绿化"), "道路设施"),
        "region": Choice(("海州区",), "海州区"),
        "unit": Choice(("chengguan",), "gongdian"),
        "duplicate": Choice((), ""),
    }
    for _ in range(2):
        desk.suggestions.decide(case_no, choices, model="a" * 16, actor="zhang", idempotency_key="k")  # type: ignore[arg-type]
    with desk.engine.connect() as connection:
        assert connection.execute(select(func.count()).select_from(suggestion_decision)).scalar_one() == 4
    figures = {
        one.kind: (one.decided, one.first, one.offered)
        for one in desk.suggestions.agreement(desk.now - timedelta(hours=1), desk.now + timedelta(hours=1))
    }
    assert figures == {"matter": (1, 0, 1), "region": (1, 1, 1), "unit": (1, 0, 0), "duplicate": (1, 0, 0)}


def test_the_last_decision_of_a_case_is_the_lesson(desk: Desk) -> None:
    case_no = desk.case(LAMP)
    for n, matter in enumerate(("供电", "道路设施")):
        desk.suggestions.decide(
            case_no, {"matter": Choice((), matter)}, model="", actor="zhang", idempotency_key=str(n)
        )
    lessons = desk.suggestions.lessons()
    assert [(one.matter, LAMP in one.text) for one in lessons] == [("道路设施", True)]


def test_a_key_of_another_case_and_an_unknown_case_are_refused(desk: Desk) -> None:
    first, second = desk.case(LAMP), desk.case(LAMP)
    choice = {"matter": Choice((), "供电")}
    desk.suggestions.decide(first, choice, model="", actor="zhang", idempotency_key="k")  # type: ignore[arg-type]
    for case_no, code in ((second, "key_reused"), ("LYG20260101000001", "not_found")):
        with pytest.raises(CaseError) as refused:
            desk.suggestions.decide(case_no, choice, model="", actor="zhang", idempotency_key="k")  # type: ignore[arg-type]
        assert refused.value.code == code


def test_an_agent_decides_on_the_own_cases_only(desk: Desk) -> None:
    case_no = desk.case(LAMP)
    with pytest.raises(CaseError) as refused:
        desk.suggestions.decide(
            case_no,
            {"matter": Choice((), "供电")},
            model="",
            actor="another",
            idempotency_key="k",
            own_only=True,
        )
    assert refused.value.code == "not_found"
