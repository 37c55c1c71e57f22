"""A case from the first word to the archive, on both databases, and what is refused on the way."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from casebook import states
from casebook.errors import CaseError
from casebook.handling import commands as do
from casebook.numbering import ZONE
from casebook.store.calls import SqlCallStore
from casebook.store.cases import start_clock
from casebook.store.casework_schema import citizen
from casebook.store.schema import notice, outbox
from casebook.store.verify import rebuild, verify_chains
from ivr.ports import KeptRecording, NewCall, OpenVoicemailCase, SessionRow
from tests.casebook.conftest import Desk
from tests.casebook.play import AGENT, CALLER_BACK, DISPATCHER, LEADER, REVIEWER, SECOND, deputy, liaison, register

OK = do.ReviewOk(answers_demand=True, facts_given=True, law_cited=True, tone=True, no_template=True)
FEEDBACK = do.Feedback(true_claim=True, contacted=False, solved="yes", internal="已换主板", answer="电梯已修好。")
SATISFIED = do.Callback(result="reached", contacted=True, solved="yes", satisfied=5, satisfied_hotline=4)
RETURN = do.ReturnOrder(code="not_ours", law="三定方案第三条", proposed_unit="chengguan")


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZONE)


def dispatched(desk: Desk, **other: Any) -> str:
    """A case with the district as lead and the housing bureau helping."""
    case_no = desk.open(**other)
    desk.do(case_no, AGENT, do.ToTriage())
    desk.do(case_no, DISPATCHER, do.Dispatch())
    return case_no


def fed_back(desk: Desk, case_no: str) -> None:
    desk.do(case_no, liaison("haizhou"), do.Sign())
    desk.do(case_no, liaison("zhujian"), do.CoSign())
    desk.do(case_no, liaison("zhujian"), do.CoFeedback(internal="已督促物业"))
    desk.do(case_no, liaison("haizhou"), FEEDBACK)
    desk.do(case_no, deputy("haizhou"), do.SignFeedback())


def refused(desk: Desk, case_no: str, actor: object, command: do.Command) -> str:
    before = desk.case(case_no)
    with pytest.raises(CaseError) as error:
        desk.do(case_no, actor, command)  # type: ignore[arg-type]
    assert desk.case(case_no) == before
    return error.value.code


def test_a_case_goes_from_the_call_to_the_archive(desk: Desk) -> None:
    case_no = dispatched(desk)
    case = desk.case(case_no)
    assert (case.state, case.lead_unit) == (states.DISPATCHED, "haizhou")
    assert [(one.unit, one.role) for one in case.orders] == [("haizhou", "lead"), ("zhujian", "co")]
    assert case.due_at == at("2026-12-08")  # registered on Monday the 23rd: ten working days, to the end of the 7th
    fed_back(desk, case_no)
    desk.do(case_no, DISPATCHER, OK)
    desk.do(case_no, CALLER_BACK, SATISFIED)
    closed = desk.do(case_no, CALLER_BACK, do.Close())
    assert (closed.state, closed.outcome, closed.satisfied, closed.answer) == ("CLOSED", "solved", 5, "电梯已修好。")
    desk.later(days=31)
    assert desk.case(case_no).state == states.ARCHIVED
    assert refused(desk, case_no, DISPATCHER, do.Correct(what="place", value="别处", reason="听错")) == "bad_state"
    assert verify_chains(desk.engine) == []
    case = desk.case(case_no)
    with desk.engine.begin() as connection:
        assert rebuild(connection, case_no) == case


def test_the_citizens_clock_runs_from_registration_and_the_units_from_dispatch_never_from_signing(desk: Desk) -> None:
    desk.now = at("2026-09-30T17:59")
    case_no = desk.open(demand="help")
    desk.now = at("2026-10-09T08:30")
    desk.do(case_no, AGENT, do.ToTriage())
    desk.do(case_no, DISPATCHER, do.Dispatch())
    desk.now = at("2026-10-09T16:00")
    case = desk.do(case_no, liaison("haizhou"), do.Sign())
    # Five working days after the 30th: the 8th, 9th, 10th (a Saturday on which people work), 12th and 13th of October;
    # after the 9th: the 10th, 12th, 13th, 14th and 15th.
    assert case.due_at == at("2026-10-14")
    assert case.orders[0].due_at == at("2026-10-16")


def test_who_does_not_sign_in_time_has_signed_late_and_the_order_goes_on(desk: Desk) -> None:
    case_no = dispatched(desk)
    desk.later(days=2)
    case = desk.case(case_no)
    assert (case.state, case.orders[0].signed_late) == (states.HANDLING, True)
    assert case.orders[0].signed_at == case.orders[0].sign_due_at
    assert case.orders[1].signed_late


def test_a_unit_returns_once_with_reasons_and_another_person_judges(desk: Desk) -> None:
    case_no = dispatched(desk)
    assert refused(desk, case_no, liaison("zhujian"), RETURN) == "forbidden"
    desk.do(case_no, liaison("haizhou"), RETURN)
    assert refused(desk, case_no, DISPATCHER, do.AcceptReturn(note="同意")) == "guard"  # who dispatched it
    assert refused(desk, case_no, SECOND, do.Dispatch()) == "guard"  # not judged yet
    case = desk.do(case_no, SECOND, do.RejectReturn(note="属地管理"))
    assert (case.state, case.orders[0].final) == (states.DISPATCHED, True)
    assert refused(desk, case_no, liaison("haizhou"), RETURN) == "guard"
    assert case.due_at == desk.case(case_no).first_due_at


def test_after_two_returned_orders_the_units_consult(desk: Desk) -> None:
    case_no = dispatched(desk)
    desk.do(case_no, liaison("haizhou"), RETURN)
    desk.do(case_no, SECOND, do.AcceptReturn(note="同意"))
    desk.do(case_no, DISPATCHER, do.Dispatch(unit="chengguan", basis="建议单位"))
    other = do.ReturnOrder(code="not_ours", law="三定方案第五条", proposed_unit="zhujian")
    desk.do(case_no, liaison("chengguan"), other)
    desk.do(case_no, SECOND, do.AcceptReturn(note="同意"))
    assert refused(desk, case_no, DISPATCHER, do.Dispatch(unit="zhujian", basis="再派")) == "guard"
    desk.do(case_no, DISPATCHER, do.Consult(units=("haizhou", "chengguan", "zhujian")))
    assert refused(desk, case_no, DISPATCHER, do.Dispatch(unit="haizhou", basis="兜底")) == "missing_reason"
    case = desk.do(case_no, DISPATCHER, do.Dispatch(unit="haizhou", basis="兜底", minutes="区政府兜底办理"))
    assert [(one.unit, one.result) for one in case.orders if one.role == "lead"] == [
        ("haizhou", "returned"),
        ("chengguan", "returned"),
        ("haizhou", ""),
    ]
    assert case.due_at == case.first_due_at


def test_an_extension_is_asked_before_expiry_signed_and_granted_and_the_citizen_hears_of_it(desk: Desk) -> None:
    case_no = dispatched(desk)
    before = desk.do(case_no, liaison("haizhou"), do.Sign())
    ask = do.RequestExtension(days=3, reason="等配件", law="热线办法第九条", citizen_informed=True)
    desk.do(case_no, liaison("haizhou"), ask)
    assert refused(desk, case_no, DISPATCHER, do.ApproveExtension()) == "guard"  # not signed: silence is no consent
    desk.do(case_no, deputy("haizhou"), do.SignExtension())
    case = desk.do(case_no, DISPATCHER, do.ApproveExtension())
    assert case.orders[0].due_at == at("2026-12-11")  # 7th to the 10th of December, Tuesday to Thursday
    assert case.orders[0].first_due_at == before.orders[0].due_at
    with desk.engine.begin() as connection:
        told = connection.scalars(select(outbox.c.payload).where(outbox.c.kind == "notify")).all()
    assert any("延长 3 个工作日" in one and '"to":"citizen:' in one for one in told)
    desk.do(case_no, liaison("haizhou"), ask)
    desk.do(case_no, deputy("haizhou"), do.SignExtension())
    assert refused(desk, case_no, DISPATCHER, do.ApproveExtension()) == "guard"  # the second is for a leader
    desk.do(case_no, LEADER, do.ApproveExtension())
    assert refused(desk, case_no, liaison("haizhou"), ask) == "guard"


def test_after_expiry_nothing_is_extended(desk: Desk) -> None:
    case_no = dispatched(desk)
    desk.do(case_no, liaison("haizhou"), do.Sign())
    desk.later(days=30)
    ask = do.RequestExtension(days=3, reason="等配件", law="热线办法第九条", citizen_informed=True)
    assert refused(desk, case_no, liaison("haizhou"), ask) == "guard"


def test_a_suspension_pauses_the_units_clock_once_and_ends_by_itself(desk: Desk) -> None:
    case_no = dispatched(desk)
    desk.do(case_no, liaison("haizhou"), do.Sign())
    due = desk.case(case_no).due_at
    until = desk.now + timedelta(days=7)
    held = do.Suspend(cause="citizen_material", until=until, note="等身份证明")
    desk.do(case_no, DISPATCHER, held)
    desk.later(days=8)
    case = desk.case(case_no)
    assert case.state == states.HANDLING
    assert case.due_at == due  # the citizen's clock went on
    assert case.orders[0].due_at == at("2026-12-15")  # five working days later than the 7th
    assert refused(desk, case_no, DISPATCHER, held) == "guard"


def test_a_refused_feedback_gives_back_what_was_left_and_lateness_stays(desk: Desk) -> None:
    case_no = dispatched(desk)
    desk.do(case_no, liaison("haizhou"), do.Sign())
    desk.do(case_no, liaison("zhujian"), do.CoSign())
    desk.do(case_no, liaison("zhujian"), do.CoFeedback(internal="已配合"))
    desk.later(days=16)  # the 9th of December: two days late
    desk.do(case_no, liaison("haizhou"), FEEDBACK)
    assert desk.do(case_no, deputy("haizhou"), do.SignFeedback()).orders[0].late
    case = desk.do(case_no, DISPATCHER, do.ReviewBack(defect="perfunctory", note="没有说明怎么修"))
    assert (case.state, case.orders[0].due_at, case.orders[0].defects) == (states.HANDLING, at("2026-12-11"), 1)
    desk.do(case_no, liaison("haizhou"), FEEDBACK)
    assert desk.do(case_no, deputy("haizhou"), do.SignFeedback()).orders[0].late


def test_the_lead_feeds_back_after_every_unit_that_helps(desk: Desk) -> None:
    case_no = dispatched(desk)
    desk.do(case_no, liaison("haizhou"), do.Sign())
    desk.do(case_no, liaison("haizhou"), FEEDBACK)
    assert refused(desk, case_no, deputy("haizhou"), do.SignFeedback()) == "guard"


def test_a_citizen_who_is_not_helped_is_helped_again(desk: Desk) -> None:
    case_no = dispatched(desk)
    fed_back(desk, case_no)
    desk.do(case_no, DISPATCHER, OK)
    again = do.Callback(result="reached", contacted=True, solved="no", satisfied=1, satisfied_hotline=3)
    assert desk.do(case_no, CALLER_BACK, again).state == states.REWORK
    case = desk.do(case_no, DISPATCHER, do.Dispatch())
    assert [one.result for one in case.orders if one.role == "lead"] == ["done", ""]


def test_nobody_is_unreachable_before_three_tries_on_two_days(desk: Desk) -> None:
    case_no = dispatched(desk)
    fed_back(desk, case_no)
    desk.do(case_no, DISPATCHER, OK)
    for _ in range(3):
        desk.do(case_no, CALLER_BACK, do.Callback(result="unreachable"))
    assert refused(desk, case_no, CALLER_BACK, do.Close()) == "guard"
    desk.later(days=1)
    desk.do(case_no, CALLER_BACK, do.Callback(result="unreachable"))
    closed = desk.do(case_no, CALLER_BACK, do.Close())
    assert (closed.outcome, closed.satisfied) == ("unreachable", None)  # no default satisfaction


def test_what_cannot_be_solved_is_closed_by_two_persons(desk: Desk) -> None:
    case_no = dispatched(desk)
    fed_back(desk, case_no)
    desk.do(case_no, DISPATCHER, OK)
    desk.do(case_no, DISPATCHER, do.ProposeClose(reason="政策不允许，已解释"))
    assert refused(desk, case_no, DISPATCHER, do.ConfirmClose()) == "guard"
    assert desk.do(case_no, SECOND, do.ConfirmClose()).outcome == "explained"


def test_a_closed_case_is_reopened_for_fifteen_days_under_its_number(desk: Desk) -> None:
    case_no = dispatched(desk)
    fed_back(desk, case_no)
    desk.do(case_no, DISPATCHER, OK)
    desk.do(case_no, CALLER_BACK, SATISFIED)
    due = desk.do(case_no, CALLER_BACK, do.Close()).due_at
    desk.later(days=16)
    assert refused(desk, case_no, AGENT, do.Reopen(reason="又坏了")) == "guard"
    case = desk.do(case_no, DISPATCHER, do.Reopen(reason="又坏了"))
    assert (case.state, case.reopened, case.due_at) == (states.REWORK, 1, due)
    desk.later(days=31)
    assert desk.case(case_no).state == states.REWORK  # the old archive timer means nothing


def test_a_refusal_names_the_channel_and_takes_two_persons(desk: Desk) -> None:
    case_no = desk.open()
    assert refused(desk, case_no, AGENT, do.Refuse(reason="discipline", told=False)) == "guard"
    desk.do(case_no, AGENT, do.Refuse(reason="discipline", told=True))
    assert refused(desk, case_no, AGENT, do.ConfirmRefusal()) == "forbidden"
    assert desk.do(case_no, DISPATCHER, do.ConfirmRefusal()).state == states.NOT_ACCEPTED


def test_an_unanswered_transfer_stays_with_who_received_the_call(desk: Desk) -> None:
    case_no = desk.open()
    assert refused(desk, case_no, AGENT, do.Transfer(line="12315", answered=False)) == "guard"
    assert desk.do(case_no, AGENT, do.ToTriage()).state == states.TRIAGE


def test_a_unit_that_is_complained_of_is_never_the_only_judge(desk: Desk) -> None:
    case_no = desk.open(about_unit="zhujian")
    desk.do(case_no, AGENT, do.ToTriage())
    alone = do.Dispatch(unit="zhujian", basis="部门职责")
    assert refused(desk, case_no, DISPATCHER, alone) == "guard"
    together = do.Dispatch(unit="zhujian", co_units=("haizhou",), basis="部门职责")
    assert desk.do(case_no, DISPATCHER, together).state == states.DISPATCHED


def test_the_front_desk_dispatches_only_what_the_catalogue_is_sure_of(desk: Desk) -> None:
    case_no = desk.open(matter="", region="")
    desk.do(case_no, AGENT, do.ToTriage())
    assert refused(desk, case_no, AGENT, do.Dispatch(unit="zhujian", basis="我觉得")) == "guard"
    sure = desk.open()
    desk.do(sure, AGENT, do.ToTriage())
    assert desk.do(sure, AGENT, do.Dispatch()).lead_unit == "haizhou"


def test_units_are_urged_at_yellow_and_red_and_silence_leads_to_supervision(desk: Desk) -> None:
    case_no = dispatched(desk)
    desk.do(case_no, liaison("haizhou"), do.Sign())
    desk.later(days=20)
    events = desk.events(case_no)
    assert events.count("urge") == 4  # both units, twice each
    assert events.count("supervise") == 1
    case = desk.case(case_no)
    assert (case.supervision, case.orders[0].urgings) == ("DB2026-0001", 2)
    with desk.engine.begin() as connection:
        shown = connection.scalars(select(notice.c.title).where(notice.c.audience == "unit:haizhou")).all()
    assert "第 2 次催办" in shown
    assert "督办单 DB2026-0001" in shown


def test_who_did_something_meanwhile_is_urged_and_not_supervised(desk: Desk) -> None:
    case_no = dispatched(desk)
    desk.do(case_no, liaison("haizhou"), do.Sign())
    desk.do(case_no, liaison("zhujian"), do.CoSign())
    desk.do(case_no, liaison("zhujian"), do.CoFeedback(internal="已督促物业"))
    desk.later(days=12)
    desk.do(case_no, liaison("haizhou"), do.AnswerUrging(text="配件在路上"))
    desk.later(days=8)
    assert desk.events(case_no).count("urge") == 2
    assert "supervise" not in desk.events(case_no)


def test_a_merged_case_waits_for_its_master_is_told_and_can_come_back(desk: Desk) -> None:
    master, child = dispatched(desk, n=1), desk.open(2)
    desk.do(child, DISPATCHER, do.Merge(master_no=master, reason="同一部电梯"))
    assert desk.case(child).state == states.MERGED
    assert refused(desk, desk.open(3), DISPATCHER, do.Merge(master_no=child, reason="同上")) == "guard"
    assert desk.do(child, DISPATCHER, do.Unmerge(reason="不是同一部")).state == states.REGISTERED
    desk.do(child, DISPATCHER, do.Merge(master_no=master, reason="还是同一部"))
    fed_back(desk, master)
    desk.do(master, DISPATCHER, OK)
    desk.do(master, CALLER_BACK, SATISFIED)
    desk.do(master, CALLER_BACK, do.Close())
    with desk.engine.begin() as connection:
        keys = connection.scalars(select(outbox.c.key).where(outbox.c.kind == "notify")).all()
    assert len([key for key in keys if ":closed:" in key and key.endswith(child)]) == 1
    assert desk.events(child).count("merge") == 2
    desk.later(days=62)
    assert (desk.case(master).state, desk.case(child).state) == (states.ARCHIVED, states.ARCHIVED)


def test_a_correction_keeps_the_old_value_and_moves_no_due_time(desk: Desk) -> None:
    case_no = desk.open()
    due = desk.case(case_no).due_at
    case = desk.do(case_no, DISPATCHER, do.Correct(what="demand", value="consult", reason="是咨询"))
    assert (case.demand, case.due_at) == ("consult", due)


def test_the_same_key_registers_one_case(desk: Desk) -> None:
    first = desk.casework.register(register(), channel="phone", actor=AGENT, idempotency_key="x")
    assert desk.casework.register(register(), channel="phone", actor=AGENT, idempotency_key="x") == first
    assert len(first.query_code) == 4
    with desk.engine.begin() as connection:
        people = connection.execute(select(citizen)).all()
    assert len(people) == 1
    assert people[0].phone_masked == "138****0001"
    assert b"138" not in people[0].phone_enc


def test_of_two_who_change_a_case_at_once_one_is_told(desk: Desk) -> None:
    case_no = desk.open()
    version = desk.case(case_no).version
    desk.casework.execute(case_no, do.ToTriage(), version=version, actor=AGENT, idempotency_key="a")
    with pytest.raises(CaseError) as error:
        desk.casework.execute(case_no, do.ToTriage(), version=version, actor=AGENT, idempotency_key="b")
    assert error.value.code == "stale_version"


def test_a_return_that_is_rejected_after_the_time_for_signing_is_signed_by_the_hotline(desk: Desk) -> None:
    case_no = dispatched(desk)
    desk.do(case_no, liaison("haizhou"), RETURN)
    desk.later(days=3)
    desk.do(case_no, SECOND, do.RejectReturn(note="属地管理"))
    desk.later(minutes=1)
    assert desk.case(case_no).state == states.HANDLING


def test_a_merged_case_whose_master_takes_longer_is_archived_later(desk: Desk) -> None:
    master, child = dispatched(desk, n=1), desk.open(2)
    desk.do(child, DISPATCHER, do.Merge(master_no=master, reason="同一部电梯"))
    desk.later(days=31)
    assert desk.case(child).state == states.MERGED
    desk.do(master, liaison("zhujian"), do.CoFeedback(internal="已督促物业"))  # both have been signed for long
    desk.do(master, liaison("haizhou"), FEEDBACK)
    desk.do(master, deputy("haizhou"), do.SignFeedback())
    desk.do(master, DISPATCHER, OK)
    desk.do(master, CALLER_BACK, SATISFIED)
    desk.do(master, CALLER_BACK, do.Close())
    desk.later(days=31)
    assert desk.case(child).state == states.ARCHIVED


def test_who_wants_to_be_nobody_is_kept_nowhere(desk: Desk) -> None:
    desk.open(anonymous=True)
    with desk.engine.begin() as connection:
        assert connection.execute(select(citizen)).all() == []


def test_a_voicemails_clock_runs_from_the_end_of_its_call_also_where_that_is_learnt_later(desk: Desk) -> None:
    calls = SqlCallStore(desk.engine, desk.privacy)
    ended = desk.now + timedelta(minutes=2)
    with calls.transaction() as unit:
        unit.create_call(
            NewCall("c1", "asterisk", "13812345678", "12345", desk.now), SessionRow("c1", "r", 0, 0, {}, ())
        )
        unit.save_recording("c1", KeptRecording("d/a.wav", 5000, 4000, "00", True, 3), desk.now)
        unit.open_by_voicemail("c1", OpenVoicemailCase("d/a.wav", "help"), desk.now)
        start_clock(unit.connection, "c1", ended, ended + timedelta(days=1))
    case_no = "LYG20261123000001"
    desk.now += timedelta(days=2)
    case = desk.do(case_no, REVIEWER, do.Register(demand="help", title="路灯", body="路灯不亮"))
    assert (case.clock_started_at, case.due_at) == (ended, at("2026-12-01"))
    assert case.citizen_id is not None
    assert verify_chains(desk.engine) == []
