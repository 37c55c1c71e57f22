"""E21, E22, E25 and what else accompanies a case without moving it: urging, supervision, corrections, files."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from casebook import roles, states
from casebook.errors import CaseError
from casebook.handling import commands as do
from casebook.handling.clocks import Span, cleared
from casebook.handling.intake import check_matter, judged_alone
from casebook.handling.record import CaseRecord, OrderRecord, whole_ms
from casebook.handling.scene import Outcome, Scene, Timer, Told, due_timers, guard, lead_of, mark, needs, own_co

MAX_FILE_BYTES = 20 * 1024 * 1024


def urge(case: CaseRecord, command: do.Urge, scene: Scene) -> Outcome:
    """The second urging that a unit leaves unanswered leads to a supervision order."""
    needs(command.note, "请填写催办内容。")
    order = own_co(case, command.unit) if command.unit else lead_of(case)
    urged = replace(order, urgings=order.urgings + 1, unanswered=order.unanswered + 1, urged_at=scene.now)
    told = Told("urging", f"unit:{order.unit}", f"第 {urged.urgings} 次催办", f"{case.case_no}：{command.note}"[:200])
    timers: tuple[Timer, ...] = ()
    if urged.unanswered >= 2:
        answer_by = scene.calendar.deadline(scene.now, scene.book.deadlines.urging_answer_wd)
        timers = (Timer("supervise", answer_by, order.seq, str(urged.urgings)),)
    return Outcome(case.with_order(urged), timers=timers, told=(told,))


def answer_urging(case: CaseRecord, command: do.AnswerUrging, scene: Scene) -> Outcome:
    needs(command.text, "请填写答复。")
    lead = case.lead()
    order = lead if lead is not None and lead.unit == scene.actor.unit else own_co(case, scene.actor.unit)
    guard(order.unanswered, "没有待答复的催办。")
    return Outcome(case.with_order(cleared(order)))


def supervise(case: CaseRecord, command: do.Supervise, scene: Scene) -> Outcome:
    needs(command.leader, "请写明责任领导。")
    guard(case.supervision_due_at is None, f"督办单 {case.supervision} 还没有报告。")
    guard(command.report_by > scene.now, "督办的报告时间应在今后。")
    number = scene.next_supervision()
    seen = replace(case, supervision=number, supervision_due_at=command.report_by)
    told = [Told("supervised", f"role:{roles.SUPERVISOR}", f"督办单 {number}", case.case_no)]
    for order in case.orders:
        if order.open:
            words = f"{case.case_no}：{command.leader}"
            told.append(Told("supervised", f"unit:{order.unit}", f"督办单 {number}", words))
    return Outcome(seen, told=tuple(told))


def report_supervision(case: CaseRecord, command: do.ReportSupervision, scene: Scene) -> Outcome:
    """The supervision's clock stops; if that is not enough, there is another."""
    lead = case.lead()
    order = lead if lead is not None and lead.unit == scene.actor.unit else own_co(case, scene.actor.unit)
    needs(command.text, "请填写督办办理情况。")
    guard(case.supervision_due_at is not None, "没有待报告的督办单。")
    words = f"{case.case_no}：{command.text}"[:200]
    told = Told("supervision_reported", f"role:{roles.SUPERVISOR}", f"督办单 {case.supervision} 已报告", words)
    return Outcome(replace(case, supervision_due_at=None).with_order(cleared(order)), told=(told,))


def instruct(case: CaseRecord, command: do.Instruct, _: Scene) -> Outcome:
    needs(command.leader, "请写明交办领导。")
    needs(command.text, "请填写交办内容。")
    order = case.lead()
    told = (
        (Told("instructed", f"unit:{order.unit}", "领导交办", f"{case.case_no}：{command.text}"[:200]),)
        if order
        else ()
    )
    return Outcome(replace(case, instructed_by=command.leader), told=told)


_OWN_LIMITS = {
    "refusal": "不予受理审核已超时",
    "extension": "延期审批已超时",
    "rework": "重办派单已超时",
    "report": "督办报告已超时",
    "triage": "分办已超时",
    "return": "退单审核已超时",
    "consult": "会商已超时",
    "review": "反馈审核已超时",
    "callback": "回访已超时",
}


def remind(case: CaseRecord, command: do.Remind, _: Scene) -> Outcome:
    words = _OWN_LIMITS.get(command.what, "办理环节已超时")
    return Outcome(
        case, told=(Told("own_limit", f"role:{roles.SUPERVISOR}", words, f"{case.case_no}：{case.title}"[:100]),)
    )


def correct(case: CaseRecord, command: do.Correct, scene: Scene) -> Outcome:
    needs(command.reason, "请填写更正理由。")
    value: Any = command.value.strip()
    match command.what:
        case "demand":
            if value not in states.DEMANDS:
                raise CaseError("bad_value", "诉求类型不正确。")
        case "matter":
            check_matter(value, scene.book)
        case "region":
            value = scene.book.region(value, scene.now) if value else ""
        case "about_unit":
            value = scene.book.unit(value).code if value else ""
            lead = case.lead()
            alone = lead is not None and judged_alone(
                [replace(case, about_unit=value)], lead.unit, bool(case.co_orders()), scene
            )
            guard(not alone, "这家单位正在单独办理本案，请先收回工单，再更正。")
        case "secret" | "urgent":
            if value not in ("yes", "no"):
                raise CaseError("bad_value", "只能是 yes 或 no。")
            value = value == "yes"
        case "title" | "body":
            guard(value, "标题和内容不能为空。")
    old = getattr(case, command.what)
    guard(old != value, "更正前后相同。")
    # New values by a name that the command's type has checked.
    fresh: dict[str, Any] = {command.what: value}
    changed = replace(case, **fresh)
    if command.what == "secret" and value:
        for order in case.orders:
            if order.open:
                changed = changed.with_order(replace(order, contact_granted=False))
    return Outcome(changed, facts={"old": {True: "yes", False: "no"}.get(old, old)})


def correct_contact(case: CaseRecord, command: do.CorrectContact, _: Scene) -> Outcome:
    """Whoever has the number that was given is the case's citizen already: the store has seen to it."""
    needs(command.reason, "请填写更正理由。")
    if case.citizen_id is None:
        raise CaseError("bad_value", "请填写正确的联系电话。")
    return Outcome(replace(case, anonymous=False))


def attach(case: CaseRecord, command: do.Attach, scene: Scene) -> Outcome:
    guard(0 < command.size <= MAX_FILE_BYTES, "附件不能为空，也不能超过 20 MB。")
    if scene.actor.role in (roles.LIAISON, roles.DEPUTY):
        lead = case.lead()
        if lead is None or lead.unit != scene.actor.unit:
            own_co(case, scene.actor.unit)
    return Outcome(case)


def recount(case: CaseRecord, command: do.Recount, scene: Scene) -> Outcome:
    """No due time gets earlier by a corrected calendar: neither the unit nor the citizen could have known."""
    later = case if case.due_at is not None else _with_limits(case, scene)
    if command.case_wd and case.due_at is not None and case.clock_started_at is not None:
        due = scene.calendar.deadline(case.clock_started_at, command.case_wd)
        later = replace(later, due_at=max(case.due_at, due))
    timers: list[Timer] = []
    for order, days in _counted(later, command.orders_wd):
        if order.dispatched_at is not None and order.due_at is not None:
            due = max(order.due_at, scene.calendar.deadline(order.dispatched_at, days))
            moved = replace(order, due_at=due, calendar_version=command.new_calendar)
            later = later.with_order(moved)
            timers += due_timers(moved, order.dispatched_at, scene)
    for order, days in _counted(later, command.signs_wd):
        if order.signed_at is None and order.dispatched_at is not None and order.sign_due_at is not None:
            due = max(order.sign_due_at, scene.calendar.deadline(order.dispatched_at, days))
            later = later.with_order(replace(order, sign_due_at=due, calendar_version=command.new_calendar))
            timers.append(Timer("auto_sign", due, order.seq, mark(due)))
    return Outcome(later, timers=tuple(timers))


def _counted(case: CaseRecord, spans: tuple[str, ...]) -> list[tuple[OrderRecord, int]]:
    """The open orders that `spans` ("1:10") name by their numbers, each with its working days."""
    days = {int(seq): int(n) for seq, _, n in (one.partition(":") for one in spans)}
    return [(order, days[order.seq]) for order in case.orders if order.open and order.seq in days]


def _with_limits(case: CaseRecord, scene: Scene) -> CaseRecord:
    """The limits of a case that was registered before there were any: today's rule, counted from its own moments."""
    registered = case.registered_at or scene.now
    started = case.clock_started_at or registered
    rule = scene.book.limit_for(case.demand, case.matter, scene.now, urgent=case.urgent)
    due = whole_ms(rule.handling.end(started, scene.calendar))
    return replace(
        case,
        clock_started_at=started,
        due_at=due,
        first_due_at=due,
        triage_due_at=case.triage_due_at or whole_ms(Span.parse(rule.triage).end(registered, scene.calendar)),
    )
