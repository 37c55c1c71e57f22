"""What is urged and reminded of, and when: units that help too, after a return too, never on a holiday."""

from __future__ import annotations

import json
from datetime import datetime, timedelta

import pytest
from sqlalchemy import select

from casebook import states
from casebook.calendar import Calendar, SpecialDay
from casebook.handling import commands as do
from casebook.handling.clocks import light, yellow_at
from casebook.numbering import ZONE
from casebook.roles import Actor
from casebook.store.schema import notice, outbox
from tests.casebook.conftest import Desk
from tests.casebook.play import AGENT, CALLER_BACK, DISPATCHER, SECOND, SUPERVISOR, deputy, liaison, register
from tests.casebook.test_handling import FEEDBACK, OK, RETURN, dispatched, fed_back


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZONE)


NATIONAL_DAY = Calendar(
    [SpecialDay(at(f"2026-10-0{n}").date(), False, "国庆节") for n in range(1, 8)]
    + [SpecialDay(at(day).date(), True, "国庆节调休") for day in ("2026-09-20", "2026-10-10")],
    {2026: "announced"},
)


@pytest.mark.parametrize(
    ("start", "due", "yellow"),
    [
        # Two days after Wednesday 30 September: Thursday the 8th and Friday the 9th; 1.4 of them are over on the 9th.
        ("2026-09-30T17:00", "2026-10-10", "2026-10-09"),
        # Five: 8 9 10 (a Saturday on which people work) 12 13; 3.5 of them are over on the fourth, Monday the 12th.
        ("2026-09-30T17:00", "2026-10-14", "2026-10-12"),
        # Four, before a weekend: 8 9 10 12; 2.8 of them are over on the third, the make-up Saturday.
        ("2026-09-30T17:00", "2026-10-13", "2026-10-10"),
        # Five after Friday the 13th of November: Monday to Friday; 3.5 of them are over on Thursday.
        ("2026-11-13T10:00", "2026-11-21", "2026-11-19"),
        # Two, with a weekend before them: Monday and Tuesday; 1.4 of them are over on Tuesday.
        ("2026-11-13T10:00", "2026-11-18", "2026-11-17"),
        # Ten after the 13th: seven are over (the 16th to the 24th) when the 25th begins.
        ("2026-11-13T10:00", "2026-11-28", "2026-11-25"),
        # Fifteen after the 30th of September: 8 9 10 12 13 14 15 16 19 20 21; 10.5 of them are over on the 21st.
        ("2026-09-30T10:00", "2026-10-28", "2026-10-21"),
        # One: the whole of it is the last day.
        ("2026-11-13T10:00", "2026-11-17", "2026-11-16"),
    ],
)
def test_yellow_begins_with_a_working_day(start: str, due: str, yellow: str) -> None:
    found = yellow_at(at(start), at(due), calendar=NATIONAL_DAY, in_days=True)
    assert found == at(yellow)
    for now, shown in ((found - timedelta(seconds=1), "green"), (found, "yellow"), (at(due), "yellow")):
        assert light(at(start), at(due), now, calendar=NATIONAL_DAY, in_days=True) == shown


def test_yellow_of_hours_is_seven_tenths_of_them() -> None:
    start = at("2026-10-01T08:00")
    found = yellow_at(start, start + timedelta(hours=10), calendar=NATIONAL_DAY, in_days=False)
    assert found == at("2026-10-01T15:00")


def urgings(desk: Desk, case_no: str) -> list[tuple[str, int]]:
    return [(one.unit, one.urgings) for one in desk.case(case_no).orders]


def told(desk: Desk, kind: str) -> list[str]:
    with desk.engine.begin() as connection:
        return list(connection.scalars(select(notice.c.title).where(notice.c.kind == kind).order_by(notice.c.id)))


def test_nobody_is_urged_in_the_holidays(desk: Desk) -> None:
    desk.now = at("2026-09-30T17:00")
    case_no = desk.open(demand="consult", matter="物业管理")
    desk.do(case_no, AGENT, do.ToTriage())
    desk.do(case_no, DISPATCHER, do.Dispatch())
    desk.later(days=8)  # the 8th of October, 17:00
    assert urgings(desk, case_no) == [("haizhou", 0), ("zhujian", 0)]
    desk.later(hours=16, minutes=1)  # the 9th, just after 9:00
    assert urgings(desk, case_no) == [("haizhou", 1), ("zhujian", 1)]


def test_a_unit_that_helps_is_urged_as_the_lead_is(desk: Desk) -> None:
    case_no = dispatched(desk)
    desk.later(days=21)
    lead, helping = desk.case(case_no).orders
    assert (lead.urgings, helping.urgings) == (2, 2)
    assert desk.case(case_no).supervision


def test_after_a_return_was_judged_late_everybody_is_urged_and_signs(desk: Desk) -> None:
    case_no = dispatched(desk)
    desk.do(case_no, liaison("haizhou"), RETURN)
    desk.later(days=20)
    desk.do(case_no, SECOND, do.RejectReturn(note="属地管理"))
    desk.later(minutes=1)
    case = desk.case(case_no)
    assert case.state == states.HANDLING
    assert all(one.signed_at is not None for one in case.orders)
    assert urgings(desk, case_no) == [("haizhou", 1), ("zhujian", 1)]  # at once, and red alone


def test_an_urging_that_fell_into_the_review_is_made_up_for(desk: Desk) -> None:
    case_no = dispatched(desk)
    fed_back(desk, case_no)
    desk.later(days=10)  # past yellow
    desk.do(case_no, DISPATCHER, do.ReviewBack(defect="perfunctory", note="没有说明怎么修的"))
    due = desk.case(case_no).orders[0].due_at
    assert due is not None
    desk.later(seconds=(due - desk.now).total_seconds() - 60)
    assert desk.case(case_no).orders[0].urgings == 1


def test_who_was_urged_already_is_not_urged_again_for_the_same_moment(desk: Desk) -> None:
    case_no = dispatched(desk)
    desk.later(days=11)  # past yellow
    assert urgings(desk, case_no) == [("haizhou", 1), ("zhujian", 1)]
    desk.do(case_no, liaison("zhujian"), do.CoFeedback(internal="已督促物业"))
    desk.do(case_no, liaison("haizhou"), FEEDBACK)
    desk.do(case_no, deputy("haizhou"), do.SignFeedback())
    desk.do(case_no, DISPATCHER, do.ReviewBack(defect="perfunctory", note="没有说明怎么修的"))
    desk.later(hours=1)
    assert urgings(desk, case_no) == [("haizhou", 1), ("zhujian", 1)]


def test_a_return_that_was_judged_early_makes_nobody_urged_twice_for_one_moment(desk: Desk) -> None:
    case_no = dispatched(desk)
    desk.do(case_no, liaison("haizhou"), RETURN)
    desk.later(hours=1)
    desk.do(case_no, SECOND, do.RejectReturn(note="属地管理"))
    desk.later(days=11)  # past yellow, for which timers of the dispatch and of the judgement waited
    assert urgings(desk, case_no) == [("haizhou", 1), ("zhujian", 1)]
    desk.later(days=2)
    assert not desk.case(case_no).supervision
    desk.later(days=2)  # past red
    assert urgings(desk, case_no) == [("haizhou", 2), ("zhujian", 2)]


def test_what_the_lead_is_given_the_helping_units_are_given(desk: Desk) -> None:
    case_no = dispatched(desk)
    desk.do(case_no, liaison("haizhou"), do.Sign())
    first = desk.case(case_no).orders[1].due_at
    asked = do.RequestExtension(days=2, reason="等配件", law="热线办法", citizen_informed=True)
    desk.do(case_no, liaison("haizhou"), asked)
    desk.do(case_no, deputy("haizhou"), do.SignExtension())
    lead, helping = desk.do(case_no, DISPATCHER, do.ApproveExtension()).orders
    assert lead.due_at == helping.due_at
    assert first is not None
    assert helping.due_at is not None
    assert helping.due_at > first
    until = desk.now + timedelta(days=20)
    desk.do(case_no, DISPATCHER, do.Suspend(cause="objective", until=until, note="等材料"))
    desk.later(days=20, minutes=1)
    lead, helping = desk.case(case_no).orders
    assert desk.case(case_no).state == states.HANDLING
    assert lead.due_at == helping.due_at
    assert helping.due_at is not None
    assert helping.due_at > desk.now


def test_who_feeds_back_while_the_case_stands_still_is_not_late(desk: Desk) -> None:
    case_no = dispatched(desk)
    desk.do(case_no, liaison("haizhou"), do.Sign())
    desk.do(case_no, liaison("zhujian"), do.CoSign())
    until = desk.now + timedelta(days=60)
    desk.do(case_no, DISPATCHER, do.Suspend(cause="objective", until=until, note="等材料"))
    desk.later(days=40)
    assert not desk.do(case_no, liaison("zhujian"), do.CoFeedback(internal="已配合")).orders[1].late


def test_the_hotline_is_reminded_of_each_limit_of_its_own(desk: Desk) -> None:
    refusal = desk.open(1)
    desk.do(refusal, AGENT, do.Refuse(reason="litigation", told=True))
    extension = dispatched(desk, n=2)
    desk.do(extension, liaison("haizhou"), do.Sign())
    asked = do.RequestExtension(days=2, reason="等配件", law="热线办法", citizen_informed=True)
    desk.do(extension, liaison("haizhou"), asked)
    desk.do(extension, deputy("haizhou"), do.SignExtension())
    rework = dispatched(desk, n=3)
    fed_back(desk, rework)
    desk.do(rework, DISPATCHER, do.ReviewBack(defect="off_the_point", note="答非所问", elsewhere=True))
    supervised = dispatched(desk, n=4)
    report_by = desk.now + timedelta(days=1)
    desk.do(supervised, SUPERVISOR, do.Supervise(leader="张局长", report_by=report_by))
    desk.later(days=2)
    assert set(told(desk, "own_limit")) == {"不予受理审核已超时", "延期审批已超时", "重办派单已超时", "督办报告已超时"}


def test_whoever_did_in_time_what_was_waited_for_is_reminded_of_nothing(desk: Desk) -> None:
    case_no = desk.open()
    desk.do(case_no, AGENT, do.Refuse(reason="litigation", told=True))
    desk.do(case_no, DISPATCHER, do.DeclineRefusal(note="受理"))
    desk.do(case_no, DISPATCHER, do.Dispatch())
    fed_back(desk, case_no)
    desk.do(case_no, DISPATCHER, OK)
    again = do.Callback(result="reached", contacted=True, solved="no", satisfied=1, satisfied_hotline=3)
    desk.do(case_no, CALLER_BACK, again)
    desk.do(case_no, DISPATCHER, do.Dispatch())
    desk.later(days=3)
    assert told(desk, "own_limit") == []


def test_of_a_demand_that_came_by_itself_the_dispatchers_hear(desk: Desk) -> None:
    web = Actor("citizen", "citizen")
    made = desk.casework.register(register(1), channel="web", actor=web, idempotency_key="w")
    assert "新诉求待分办" in told(desk, "triage")
    desk.later(days=1)
    assert told(desk, "own_limit") == ["分办已超时"]
    with desk.engine.begin() as connection:
        rows = connection.scalars(select(outbox.c.payload).where(outbox.c.kind == "case_timer")).all()
    assert made.case_no in {json.loads(one)["case_no"] for one in rows}
