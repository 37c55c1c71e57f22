"""E15 to E20: what the unit says, whether it is enough, what the citizen says, the end, and another beginning."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from casebook import roles, states
from casebook.errors import CaseError
from casebook.handling import commands as do
from casebook.handling.clocks import cleared, handed_back
from casebook.handling.intake import archive_timer, end_orders, on_its_own
from casebook.handling.record import CaseRecord
from casebook.handling.scene import (
    Outcome,
    Scene,
    Told,
    due_timers,
    guard,
    lead_of,
    needs,
    own_co,
    own_lead,
    span_of,
)
from casebook.rulebook import Deadlines, city_day


def feedback(case: CaseRecord, command: do.Feedback, scene: Scene) -> Outcome:
    order = own_lead(case, scene.actor)
    needs(command.answer, "请填写公开答复。")
    needs(command.internal, "请填写办理情况。")
    guard(command.solved == "yes" or command.unsolved_reason.strip(), "请填写未解决的原因。")
    guard(not command.contacted or order.contacts, "没有联系记录，请先登记联系群众的情况。")
    # Who is done needs no more time: a request that is still waited for is over.
    written = cleared(replace(order, feedback_pending=True, extension_wd=0, extension_signed=False))
    told = Told("feedback_written", f"unit:{order.unit}", "反馈待签批", case.case_no)
    return Outcome(replace(case, answer=command.answer).with_order(written), told=(told,))


def sign_feedback(case: CaseRecord, _: do.SignFeedback, scene: Scene) -> Outcome:
    """The unit's clock stops."""
    order = own_lead(case, scene.actor)
    guard(order.feedback_pending, "承办人还没有填写反馈。")
    guard(all(one.fed_back_at for one in case.co_orders()), "协办单位还没有全部反馈。")
    late = order.late or (order.due_at is not None and scene.now > order.due_at)
    done = cleared(replace(order, feedback_pending=False, fed_back_at=scene.now, late=late))
    told = Told("fed_back", f"role:{roles.DISPATCHER}", "反馈待审核", case.case_no)
    return Outcome(case.with_order(done), states.FED_BACK, told=(told,))


def co_feedback(case: CaseRecord, command: do.CoFeedback, scene: Scene) -> Outcome:
    order = own_co(case, scene.actor.unit)
    guard(not order.return_pending, "退单还没有审核。")
    guard(order.fed_back_at is None, "这张协办工单已经反馈。")
    guard(order.signed_at is not None, "请先签收。")
    needs(command.internal, "请填写办理情况。")
    lead = case.lead()
    # While the case is suspended, time stands still since the suspension.
    now = (lead.suspended_at if lead else None) or scene.now
    late = order.due_at is not None and now > order.due_at
    return Outcome(case.with_order(cleared(replace(order, fed_back_at=scene.now, late=late))))


def review_ok(case: CaseRecord, command: do.ReviewOk, scene: Scene) -> Outcome:
    points = (
        command.answers_demand,
        command.facts_given,
        command.law_cited,
        command.tone,
        command.no_template,
    )
    guard(all(points), "审核要点没有全部通过，请退回重办。")
    lead_of(case)
    ended = end_orders(case, "done", scene)
    fresh = replace(ended, attempts=0, attempt_days="", reached=False, closing_by="")
    told = Told("callback", f"role:{roles.CALLBACK_AGENT}", "待回访", case.case_no)
    return Outcome(fresh, states.CALLBACK, told=(told,))


def review_back(case: CaseRecord, command: do.ReviewBack, scene: Scene) -> Outcome:
    needs(command.note, "请填写退回的理由。")
    order = lead_of(case)
    told = (Told("handed_back", f"unit:{order.unit}", "反馈被退回", f"{case.case_no}：{command.note}"[:200]),)
    marked = replace(order, defects=order.defects + 1)
    if command.elsewhere:
        return Outcome(end_orders(case.with_order(marked), "reworked", scene), states.REWORK, told=told)
    due = handed_back(order, span_of(order, scene.book), scene.now, scene.calendar)
    again = replace(marked, due_at=due, fed_back_at=None)
    return Outcome(case.with_order(again), states.HANDLING, due_timers(again, scene.now, scene), told)


def callback(case: CaseRecord, command: do.Callback, scene: Scene) -> Outcome:
    """The citizen of a merged case is called too, once its master is closed; who is not helped by it goes on alone."""
    limits = scene.book.deadlines
    merged = case.state == states.MERGED
    guard(not merged or _master_closed(scene), "主案件还没有办结，暂不回访。")
    guard(not case.reached, "已经回访到诉求人，请办结。")
    guard(case.attempts < limits.attempts or not _tried_enough(case, scene), "回访次数已满，请办结。")
    answers = (command.solved, command.satisfied, command.satisfied_hotline, command.contacted)
    if command.result == "reached":
        guard(None not in answers, "请填写回访的每一个问题。")
    else:
        guard(not any(one is not None for one in answers), "没有回访到，不能填写回答。")
    for grade in (command.satisfied, command.satisfied_hotline):
        if grade is not None and not 1 <= grade <= 5:
            raise CaseError("bad_value", "满意度是 1 到 5。")
    days = {*filter(None, case.attempt_days.split(",")), f"{city_day(scene.now):%Y%m%d}"}
    tried = replace(
        case,
        attempts=case.attempts + 1,
        attempt_days=",".join(sorted(days)),
        reached=command.result != "unreachable",
        solved=command.solved or "",
        satisfied=command.satisfied,
        satisfied_hotline=command.satisfied_hotline,
    )
    if command.solved == "no" and not command.explained:
        told = Told("rework", f"role:{roles.DISPATCHER}", "回访未解决，重办", case.case_no)
        again = (on_its_own(_not_called(tried)), case.merged_from) if merged else (tried, states.REWORK)
        return Outcome(*again, told=(told,))
    return Outcome(tried)


def _not_called(case: CaseRecord) -> CaseRecord:
    """The case before the call-backs of another round."""
    return replace(
        case,
        attempts=0,
        attempt_days="",
        reached=False,
        solved="",
        satisfied=None,
        satisfied_hotline=None,
        closing_by="",
    )


def _master_closed(scene: Scene) -> bool:
    return scene.other is not None and scene.other.state == states.CLOSED


def rate(case: CaseRecord, command: do.Rate, scene: Scene) -> Outcome:
    """Once for each answer: whoever is not content has the case handled again, and may then say so anew."""
    guard(case.state != states.MERGED or _master_closed(scene), "这件诉求还没有办结。")
    guard(case.satisfied is None, "这件诉求已经评价过了，谢谢您。")
    if not 1 <= command.satisfied <= 5:
        raise CaseError("bad_value", "满意度是 1 到 5。")
    return Outcome(replace(case, solved=command.solved, satisfied=command.satisfied))


def _tried_enough(case: CaseRecord, scene: Scene) -> bool:
    limits = scene.book.deadlines
    days = [day for day in case.attempt_days.split(",") if day]
    return case.attempts >= limits.attempts and len(days) >= limits.attempt_days


def close(case: CaseRecord, _: do.Close, scene: Scene) -> Outcome:
    guard(not case.closing_by, "后台已提出按“未解决-已解释”办结，等待审核。")
    if case.reached:
        guard(case.solved != "no", "诉求没有解决：请退回重办，或由后台按“未解决-已解释”办结。")
        outcome = {"yes": "solved", "partly": "partly"}.get(case.solved, "refused_to_say")
    else:
        guard(_tried_enough(case, scene), "回访次数不够：至少三次，分在两天。")
        outcome = "unreachable"
    return _closed(case, outcome, scene)


def propose_close(case: CaseRecord, command: do.ProposeClose, scene: Scene) -> Outcome:
    needs(command.reason, "请填写不能解决的原因和解释情况。")
    guard(not case.closing_by, "已有人提出，等待审核。")
    told = Told("closing", f"role:{roles.SUPERVISOR}", "未解决-已解释待审核", case.case_no)
    return Outcome(replace(case, closing_by=scene.actor.name), told=(told,))


def decline_close(case: CaseRecord, command: do.DeclineClose, _: Scene) -> Outcome:
    """Also without a proposal, where the citizen said that it is not solved and the back office finds it can be."""
    needs(command.note, "请填写理由。")
    guard(case.closing_by or (case.solved == "no" and command.rework), "没有人提出按“未解决-已解释”办结。")
    if not command.rework:
        return Outcome(replace(case, closing_by=""))
    told = Told("rework", f"role:{roles.DISPATCHER}", "可以解决，重办", f"{case.case_no}：{command.note}"[:200])
    return Outcome(replace(case, closing_by=""), states.REWORK, told=(told,))


def confirm_close(case: CaseRecord, _: do.ConfirmClose, scene: Scene) -> Outcome:
    guard(case.closing_by, "没有人提出按“未解决-已解释”办结。")
    guard(case.closing_by != scene.actor.name, "提出人不能自己审核。")
    return _closed(case, "explained", scene)


def _closed(case: CaseRecord, outcome: str, scene: Scene) -> Outcome:
    told = [Told("closed", "citizen", "诉求已办结", f"{case.case_no} 已办结。{case.answer}"[:280])]
    if case.instructed_by:
        words = f"{case.case_no}（{case.instructed_by}）：{case.title}"[:200]
        told.append(Told("instructed", f"role:{roles.LEADER}", "领导交办件已办结", words))
    closed = replace(case, outcome=outcome, closed_at=scene.now)
    return Outcome(closed, states.CLOSED, (archive_timer(scene),), tuple(told))


def last_reopening(closed_at: datetime, limits: Deadlines) -> datetime:
    """Until when a citizen may have a closed case taken up again."""
    return closed_at + timedelta(days=limits.reopen_d)


def reopenings_left(reopened: int, supervision: str, limits: Deadlines) -> bool:
    """Whether a case may be taken up once more: any number of times only under supervision."""
    return reopened < limits.reopens or supervision != ""


def reopen(case: CaseRecord, command: do.Reopen, scene: Scene) -> Outcome:
    """The case keeps its number and its clock; what is done now is another round."""
    needs(command.reason, "请填写新情况或没有办好的依据。")
    limits = scene.book.deadlines
    if scene.actor.role not in roles.BACK_OFFICE:
        in_time = scene.now <= last_reopening(case.closed_at or scene.now, limits)
        guard(in_time, f"办结已超过 {limits.reopen_d} 天，请登记新的诉求。")
    guard(reopenings_left(case.reopened, case.supervision, limits), "重办次数已满，请先督办。")
    again = replace(_not_called(case), reopened=case.reopened + 1, closed_at=None, outcome="")
    told = Told("rework", f"role:{roles.DISPATCHER}", "诉求重办", f"{case.case_no}：{command.reason}"[:200])
    return Outcome(again, states.REWORK, told=(told,))
