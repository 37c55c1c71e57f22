"""Cases that are merged into another: each citizen is answered, whatever becomes of the master."""

from __future__ import annotations

import json

import pytest
from sqlalchemy import select

from casebook import states
from casebook.handling import commands as do
from casebook.store.calls import SqlCallStore
from casebook.store.public import Progress, PublicQuery
from casebook.store.queries import Cases
from casebook.store.queues import Queues
from casebook.store.schema import notice, outbox
from casebook.store.verify import verify_chains
from ivr.events import CaseFound
from ivr.ports import LookUpCase
from tests.casebook.conftest import Desk
from tests.casebook.play import AGENT, CALLER_BACK, DISPATCHER, book, deputy, liaison, register
from tests.casebook.test_handling import OK, SATISFIED, dispatched, fed_back, refused

SAME = "同一部电梯"


def merged(desk: Desk, master: str, n: int = 2, **other: object) -> str:
    child = desk.open(n, **other)
    desk.do(child, DISPATCHER, do.Merge(master_no=master, reason=SAME))
    return child


def messages(desk: Desk, case_no: str) -> list[str]:
    """The texts to a case's citizen, from the outbox."""
    with desk.engine.begin() as connection:
        rows = connection.execute(select(outbox.c.kind, outbox.c.payload).order_by(outbox.c.id)).all()
    found = [json.loads(row.payload) for row in rows if row.kind not in ("case_timer", "transcribe")]
    return [one["text"] for one in found if one.get("case_no") == case_no]


def close(desk: Desk, case_no: str) -> None:
    fed_back(desk, case_no)
    desk.do(case_no, DISPATCHER, OK)
    desk.do(case_no, CALLER_BACK, SATISFIED)
    desk.do(case_no, CALLER_BACK, do.Close())


def test_every_citizen_hears_of_the_end_under_their_own_number(desk: Desk) -> None:
    master = dispatched(desk, n=1)
    child = merged(desk, master)
    close(desk, master)
    assert messages(desk, child)[-1] == f"{child} 已办结。电梯已修好。"
    assert messages(desk, master)[-1] == f"{master} 已办结。电梯已修好。"


def test_the_citizen_of_a_merged_case_hears_of_an_extension_too(desk: Desk) -> None:
    master = dispatched(desk, n=1)
    child = merged(desk, master)
    desk.do(master, liaison("haizhou"), do.Sign())
    asked = do.RequestExtension(days=2, reason="等配件", law="热线办法", citizen_informed=True)
    desk.do(master, liaison("haizhou"), asked)
    desk.do(master, deputy("haizhou"), do.SignExtension())
    desk.do(master, DISPATCHER, do.ApproveExtension())
    assert messages(desk, child)[-1] == f"{child} 的办理时间延长 2 个工作日。"


def test_what_is_answered_on_the_line_is_told_to_those_whose_cases_were_merged_into_it_and_to_nobody_twice(
    desk: Desk,
) -> None:
    master = desk.open(1, demand="consult")
    child = merged(desk, master)
    before = messages(desk, master)
    desk.do(master, AGENT, do.AnswerNow(answer="请到窗口办理。", confirmed=True))
    assert messages(desk, child)[-1] == f"{child} 已答复。请到窗口办理。"
    assert messages(desk, master) == before


@pytest.mark.parametrize("way", ["withdrawn", "refused", "transferred"])
def test_of_a_master_that_ends_without_an_answer_the_others_go_on(desk: Desk, way: str) -> None:
    master = desk.open(1)
    children = [merged(desk, master, 2), merged(desk, master, 3)]
    if way == "withdrawn":
        desk.do(master, AGENT, do.Withdraw(reason="已解决", reference="lyg1-1.1"))
    elif way == "transferred":
        desk.do(master, AGENT, do.Transfer(line="12315", answered=True))
    else:
        desk.do(master, AGENT, do.Refuse(reason="litigation", told=True))
        desk.do(master, DISPATCHER, do.ConfirmRefusal())
    for child in children:
        case = desk.case(child)
        assert (case.state, case.master_no, case.outcome) == (states.REGISTERED, "", "")
        assert desk.events(child)[-1] == "unmerge"
    with desk.engine.begin() as connection:
        told = connection.scalars(select(notice.c.case_no).where(notice.c.title == "并入的诉求退回分办")).all()
    assert sorted(told) == sorted(children)
    assert verify_chains(desk.engine) == []
    desk.later(days=40)
    assert all(desk.case(child).state == states.REGISTERED for child in children)


def test_a_case_into_which_others_were_merged_is_not_merged_away(desk: Desk) -> None:
    master, other = desk.open(1), desk.open(3)
    merged(desk, master)
    assert refused(desk, master, DISPATCHER, do.Merge(master_no=other, reason=SAME)) == "guard"


def test_whose_case_was_merged_is_called_back_once_the_master_is_closed(desk: Desk) -> None:
    master = dispatched(desk, n=1)
    helped, other = merged(desk, master, 2), merged(desk, master, 3)
    queues = Queues(Cases(desk.engine, desk.privacy, book(), lambda: desk.now))
    assert refused(desk, helped, CALLER_BACK, SATISFIED) == "guard"
    close(desk, master)
    waiting = [one.case.case_no for one in queues.get("callbacks", CALLER_BACK, limit=9).items]
    assert sorted(waiting) == sorted([helped, other])
    assert desk.do(helped, CALLER_BACK, SATISFIED).state == states.MERGED
    not_helped = do.Callback(result="reached", contacted=True, solved="no", satisfied=1, satisfied_hotline=3)
    case = desk.do(other, CALLER_BACK, not_helped)
    assert (case.state, case.master_no, case.closed_at, case.attempts) == (states.REGISTERED, "", None, 0)
    assert queues.totals(CALLER_BACK)["callbacks"] == 0
    assert verify_chains(desk.engine) == []


def test_the_citizen_of_a_merged_case_hears_by_number_and_code_how_far_the_master_is(desk: Desk) -> None:
    master = dispatched(desk, n=1)
    made = desk.casework.register(register(2), channel="phone", actor=AGENT, idempotency_key="child")
    desk.do(made.case_no, DISPATCHER, do.Merge(master_no=master, reason=SAME))
    public = PublicQuery(desk.engine, desk.privacy, lambda: desk.now)
    calls = SqlCallStore(desk.engine, desk.privacy)

    def asked() -> tuple[Progress, CaseFound]:
        on_the_page = public.progress(made.case_no, made.query_code, "192.0.2.1")
        with calls.transaction() as unit:
            by_telephone = unit.look_up_case(LookUpCase(made.case_no.removeprefix("LYG"), made.query_code))
        assert isinstance(on_the_page, Progress)
        assert isinstance(by_telephone, CaseFound)
        return on_the_page, by_telephone

    page, heard = asked()
    assert (page.progress, page.may_rate, heard.progress) == ("handling", False, "handling")
    close(desk, master)
    page, heard = asked()
    assert (page.progress, page.may_rate, heard.progress) == ("closed", True, "closed")


def test_the_public_hears_of_an_archived_case_how_it_ended(desk: Desk) -> None:
    made = desk.casework.register(register(1), channel="phone", actor=AGENT, idempotency_key="one")
    desk.do(made.case_no, AGENT, do.Refuse(reason="litigation", told=True))
    desk.do(made.case_no, DISPATCHER, do.ConfirmRefusal())
    desk.later(days=31)
    assert desk.case(made.case_no).state == states.ARCHIVED
    found = PublicQuery(desk.engine, desk.privacy, lambda: desk.now).progress(
        made.case_no, made.query_code, "192.0.2.1"
    )
    assert isinstance(found, Progress)
    assert found.progress == "not_accepted"


def test_a_complaint_is_not_merged_into_what_the_unit_complained_of_handles_alone(desk: Desk) -> None:
    master = desk.open(1)
    desk.do(master, AGENT, do.ToTriage())
    desk.do(master, DISPATCHER, do.Dispatch(unit="zhujian", basis="部门职责"))
    about = desk.open(2, about_unit="zhujian")
    assert refused(desk, about, DISPATCHER, do.Merge(master_no=master, reason=SAME)) == "guard"
    desk.do(master, DISPATCHER, do.Recall(reason="需要协办"))
    desk.do(about, DISPATCHER, do.Merge(master_no=master, reason=SAME))
    alone = do.Dispatch(unit="zhujian", basis="部门职责")
    assert refused(desk, master, DISPATCHER, alone) == "guard"
    helped = do.Dispatch(unit="zhujian", co_units=("chengguan",), basis="部门职责")
    assert desk.do(master, DISPATCHER, helped).state == states.DISPATCHED
