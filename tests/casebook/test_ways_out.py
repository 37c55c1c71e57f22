"""Nobody gets stuck: what was proposed is declined, what went wrong is taken back or put right."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sqlalchemy import select

from casebook import states
from casebook.handling import commands as do
from casebook.roles import Actor
from casebook.store.casework_schema import citizen
from casebook.store.queries import Cases
from casebook.store.queues import Queues
from casebook.store.schema import event, notice
from casebook.store.verify import verify_chains
from tests.casebook.conftest import Desk
from tests.casebook.play import AGENT, CALLER_BACK, DISPATCHER, LEADER, SECOND, SUPERVISOR, book, deputy, liaison
from tests.casebook.test_handling import FEEDBACK, OK, SATISFIED, dispatched, fed_back, refused

ASKED = do.RequestExtension(days=2, reason="等配件", law="热线办法", citizen_informed=True)
NOT_SOLVED = do.Callback(
    result="reached", contacted=True, solved="no", satisfied=1, satisfied_hotline=3, explained=True
)


def called_back(desk: Desk) -> str:
    case_no = dispatched(desk)
    fed_back(desk, case_no)
    desk.do(case_no, DISPATCHER, OK)
    return case_no


def titles(desk: Desk, audience: str) -> list[str]:
    with desk.engine.begin() as connection:
        return list(connection.scalars(select(notice.c.title).where(notice.c.audience == audience)))


def test_a_closing_that_the_second_person_does_not_want_is_declined(desk: Desk) -> None:
    case_no = called_back(desk)
    assert refused(desk, case_no, SECOND, do.DeclineClose(note="没有人提出")) == "guard"
    desk.do(case_no, DISPATCHER, do.ProposeClose(reason="政策不允许"))
    case = desk.do(case_no, SECOND, do.DeclineClose(note="请先回访"))
    assert (case.state, case.closing_by) == (states.CALLBACK, "")
    desk.do(case_no, CALLER_BACK, SATISFIED)
    assert desk.do(case_no, CALLER_BACK, do.Close()).outcome == "solved"


def test_what_is_not_solved_but_could_be_is_done_again(desk: Desk) -> None:
    case_no = called_back(desk)
    assert desk.do(case_no, CALLER_BACK, NOT_SOLVED).state == states.CALLBACK
    assert refused(desk, case_no, CALLER_BACK, do.Close()) == "guard"
    assert desk.do(case_no, SECOND, do.DeclineClose(note="可以解决", rework=True)).state == states.REWORK


def test_who_was_not_helped_twice_is_helped_again_under_supervision(desk: Desk) -> None:
    case_no = called_back(desk)
    for again in range(3):
        desk.do(case_no, CALLER_BACK, SATISFIED)
        desk.do(case_no, CALLER_BACK, do.Close())
        if again == 2:
            break
        desk.do(case_no, DISPATCHER, do.Reopen(reason="又坏了"))
        desk.do(case_no, DISPATCHER, do.Dispatch())
        fed_back(desk, case_no)
        desk.do(case_no, DISPATCHER, OK)
    assert refused(desk, case_no, DISPATCHER, do.Reopen(reason="又坏了")) == "guard"
    desk.do(case_no, SUPERVISOR, do.Supervise(leader="张局长", report_by=desk.now + timedelta(days=5)))
    assert desk.do(case_no, DISPATCHER, do.Reopen(reason="又坏了")).state == states.REWORK


def test_an_extension_that_is_not_wanted_any_more_is_in_nobodys_way(desk: Desk) -> None:
    case_no = dispatched(desk)
    desk.do(case_no, liaison("haizhou"), do.Sign())
    assert refused(desk, case_no, deputy("haizhou"), do.DropExtension()) == "guard"
    desk.do(case_no, liaison("haizhou"), ASKED)
    order = desk.do(case_no, deputy("haizhou"), do.DropExtension(note="来得及")).orders[0]
    assert (order.extension_wd, order.extensions) == (0, 0)
    desk.do(case_no, liaison("haizhou"), ASKED)
    desk.do(case_no, deputy("haizhou"), do.SignExtension())
    order = desk.do(case_no, liaison("haizhou"), FEEDBACK).orders[0]
    assert (order.extension_wd, order.extension_signed, order.feedback_pending) == (0, False, True)
    assert refused(desk, case_no, DISPATCHER, do.ApproveExtension()) == "guard"


def test_an_order_that_went_to_the_wrong_unit_is_taken_back_and_counts_against_nobody(desk: Desk) -> None:
    case_no = dispatched(desk)
    case = desk.do(case_no, DISPATCHER, do.Recall(reason="派错了"))
    assert (case.state, case.lead_unit) == (states.TRIAGE, "")
    assert {one.result for one in case.orders} == {"replaced"}
    assert "工单已收回" in titles(desk, "unit:haizhou")
    assert "工单已收回" in titles(desk, "unit:zhujian")
    desk.later(days=3)
    assert desk.case(case_no).state == states.TRIAGE  # nobody signs for what was taken back
    due = desk.case(case_no).due_at
    again = desk.do(case_no, DISPATCHER, do.Dispatch(unit="chengguan", basis="职责"))
    assert (again.lead_unit, again.due_at) == ("chengguan", due)


def test_a_case_of_more_than_nine_orders_is_what_its_history_makes_it(desk: Desk) -> None:
    case_no = dispatched(desk)
    for _ in range(4):
        desk.do(case_no, DISPATCHER, do.Recall(reason="派错了"))
        case = desk.do(case_no, DISPATCHER, do.Dispatch())
    # One event made the last two, and its payload holds "10" before "9".
    assert [one.seq for one in case.orders] == list(range(1, 11))
    assert verify_chains(desk.engine) == []


def test_a_supervision_order_is_reported_on_and_may_be_followed_by_another(desk: Desk) -> None:
    case_no = dispatched(desk)
    order = do.Supervise(leader="张局长", report_by=desk.now + timedelta(days=5))
    assert refused(desk, case_no, liaison("haizhou"), do.ReportSupervision(text="正在整改")) == "guard"
    first = desk.do(case_no, SUPERVISOR, order).supervision
    assert refused(desk, case_no, SUPERVISOR, order) == "guard"
    assert refused(desk, case_no, liaison("chengguan"), do.ReportSupervision(text="不是承办单位")) == "forbidden"
    case = desk.do(case_no, liaison("haizhou"), do.ReportSupervision(text="正在整改"))
    assert (case.supervision, case.supervision_due_at) == (first, None)
    assert f"督办单 {first} 已报告" in titles(desk, "role:supervisor")
    assert desk.do(case_no, SUPERVISOR, order).supervision > first


def test_what_a_leader_wants_done_stands_apart_and_is_reported_at_the_end(desk: Desk) -> None:
    case_no = desk.open()
    desk.do(case_no, AGENT, do.ToTriage())
    desk.do(case_no, LEADER, do.Instruct(leader="李市长", text="请尽快解决"))
    queues = Queues(Cases(desk.engine, desk.privacy, book(), lambda: desk.now))
    assert [one.case.case_no for one in queues.get("instructed", SUPERVISOR, limit=9).items] == [case_no]
    desk.do(case_no, DISPATCHER, do.Dispatch())
    assert "领导交办：新工单待签收" in titles(desk, "unit:haizhou")
    fed_back(desk, case_no)
    desk.do(case_no, DISPATCHER, OK)
    desk.do(case_no, CALLER_BACK, SATISFIED)
    desk.do(case_no, CALLER_BACK, do.Close())
    assert "领导交办件已办结" in titles(desk, "role:leader")
    assert queues.totals(SUPERVISOR)["instructed"] == 0


def payload_of_last(desk: Desk, case_no: str) -> str:
    with desk.engine.begin() as connection:
        return str(connection.scalars(select(event.c.payload).order_by(event.c.id.desc()).limit(1)).one())


def test_a_correction_keeps_what_stood_there_before(desk: Desk) -> None:
    case_no = desk.open(place="幸福小区")
    due = desk.case(case_no).due_at
    desk.do(case_no, DISPATCHER, do.Correct(what="place", value="幸福花园", reason="听错了"))
    assert '"old":"幸福小区"' in payload_of_last(desk, case_no)
    case = desk.do(case_no, DISPATCHER, do.Correct(what="urgent", value="yes", reason="有人被困"))
    assert (case.urgent, case.due_at) == (True, due)


def test_a_mistyped_number_is_put_right_and_nobodys_number_is_in_the_history(desk: Desk) -> None:
    case_no = desk.open(phone="13800000001", name="王女士")
    before = desk.case(case_no).citizen_id
    wrong = do.CorrectContact(phone="没有", reason="听错了")
    assert refused(desk, case_no, DISPATCHER, wrong) == "bad_value"
    case = desk.do(case_no, DISPATCHER, do.CorrectContact(phone="13900000002", name="王先生", reason="听错了"))
    assert case.citizen_id not in (None, before)
    assert name_of(desk, case.citizen_id) == "王先生"
    desk.do(case_no, DISPATCHER, do.CorrectContact(phone="13900000002", name="王建国", reason="名字也听错了"))
    assert name_of(desk, case.citizen_id) == "王建国"
    said = payload_of_last(desk, case_no)
    assert "王" not in said
    assert "139" not in said
    assert verify_chains(desk.engine) == []


def name_of(desk: Desk, citizen_id: Any) -> str:
    with desk.engine.begin() as connection:
        row = connection.execute(select(citizen).where(citizen.c.id == citizen_id)).one()
    return desk.privacy.decrypt(row.name_enc, f"citizen.name:{row.phone_hmac}")


def test_a_unit_that_handles_a_case_alone_does_not_become_the_one_complained_of(desk: Desk) -> None:
    case_no = desk.open()
    desk.do(case_no, AGENT, do.ToTriage())
    desk.do(case_no, DISPATCHER, do.Dispatch(unit="zhujian", basis="部门职责"))
    about = do.Correct(what="about_unit", value="zhujian", reason="来电人说明")
    assert refused(desk, case_no, DISPATCHER, about) == "guard"
    desk.do(case_no, DISPATCHER, do.Recall(reason="另派"))
    assert desk.do(case_no, DISPATCHER, about).about_unit == "zhujian"


def test_nobody_but_the_back_office_takes_an_order_back(desk: Desk) -> None:
    case_no = dispatched(desk)
    for actor in (AGENT, liaison("haizhou"), LEADER, Actor("cb", CALLER_BACK.role)):
        assert refused(desk, case_no, actor, do.Recall(reason="不想办")) == "forbidden"
