"""E7 to E14: a unit gets the case, signs for it, returns it, asks for more time, waits."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from casebook import roles, states
from casebook.errors import CaseError
from casebook.handling import commands as do
from casebook.handling.clocks import Span, cleared, extended, resumed
from casebook.handling.intake import end_orders, judged_alone
from casebook.handling.record import CO, LEAD, CaseRecord, OrderRecord
from casebook.handling.scene import (
    Outcome,
    Scene,
    Timer,
    Told,
    due_timers,
    guard,
    lead_of,
    mark,
    needs,
    own_co,
    own_lead,
    rule_of,
    span_of,
)
from casebook.rulebook import LimitRule, Route, city_day

_FRONT_DESK = (roles.AGENT, roles.SHIFT_LEADER)
_MOST_CONSULTED = 12


def dispatch(case: CaseRecord, command: do.Dispatch, scene: Scene) -> Outcome:
    """The unit's clock starts now, whenever it signs."""
    guard(case.lead() is None, "退单还没有审核，不能派单。")
    guard(not case.refusal_by, "已有人提出不予受理，等待后台审核。")
    route = scene.book.route(case.matter, case.region, scene.now) if case.matter else None
    lead, helpers, basis = _receivers(case, command, route, scene)
    if case.state == states.CONSULT:
        needs(command.minutes, "请填写会商纪要。")
    elif case.state == states.TRIAGE:
        guard(len(set(case.returns.split(",")) - {""}) < 2, "已有两家单位退单，请先会商。")
    rule = _rule(case, command, scene)
    made = _orders(case, (lead, *helpers), basis, rule, scene, granted=command.contact_granted or not case.secret)
    sent = replace(case, lead_unit=lead, returns=case.returns if case.state == states.TRIAGE else "")
    for order in made:
        sent = sent.with_order(order)
    text = f"{case.case_no}：{case.title}"[:100]
    title = "领导交办：新工单待签收" if case.instructed_by else "新工单待签收"
    told = tuple(Told("order", f"unit:{order.unit}", title, text) for order in made)
    timers = tuple(
        Timer("auto_sign", order.sign_due_at or scene.now, order.seq, mark(order.sign_due_at or scene.now))
        for order in made
    )
    urgings = [timer for order in made for timer in due_timers(order, scene.now, scene)]
    return Outcome(sent, states.DISPATCHED, (*timers, *urgings), told)


def _receivers(
    case: CaseRecord, command: do.Dispatch, route: Route | None, scene: Scene
) -> tuple[str, tuple[str, ...], str]:
    """Lead unit, units that help, and the basis. Raises CaseError."""
    book, now = scene.book, scene.now
    by_catalogue = route is not None and command.unit in ("", route.unit)
    if scene.actor.role in _FRONT_DESK:
        plainly = by_catalogue and not (command.limit_rule or command.co_units or command.contact_granted)
        guard(plainly, "目录没有明确的事项，请转后台派单。")
    if by_catalogue and route is not None:
        lead = route.unit
        helpers = command.co_units or (route.co_units if not command.unit else ())
        basis = command.basis.strip() or f"{route.id} {route.basis}"
    else:
        if not command.unit:
            raise CaseError("bad_value", "目录里没有这个事项的承办单位，请指定。")
        needs(command.basis, "不按目录派单，请写明依据。")
        lead, helpers, basis = command.unit, command.co_units, command.basis.strip()
    lead = book.current_unit(lead, now).code
    helpers = tuple(dict.fromkeys(book.current_unit(code, now).code for code in helpers))
    guard(lead not in helpers, "主办单位不能同时是协办单位。")
    alone = judged_alone((case, *scene.children), lead, bool(helpers), scene)
    guard(not alone, "被投诉的单位不能单独办理，请加派协办单位或改派。")
    return lead, helpers, basis


def _rule(case: CaseRecord, command: do.Dispatch, scene: Scene) -> LimitRule:
    book = scene.book
    if not command.limit_rule:
        return book.limit_for(case.demand, case.matter, scene.now, urgent=case.urgent)
    rule = book.limit(command.limit_rule)
    guard(rule.holds(city_day(scene.now)), "这条时限规则现在不生效。")
    guard(not rule.demands or case.demand in rule.demands, "这条时限规则不适用于该诉求类型。")
    guard(rule.urgent is None or rule.urgent == case.urgent, "这条时限规则不适用于该紧急程度。")
    return rule


def _orders(
    case: CaseRecord, units: tuple[str, ...], basis: str, rule: LimitRule, scene: Scene, *, granted: bool
) -> list[OrderRecord]:
    now, calendar = scene.now, scene.calendar
    due = rule.handling.end(now, calendar)
    return [
        OrderRecord(
            seq=len(case.orders) + n + 1,
            unit=unit,
            role=LEAD if n == 0 else CO,
            basis=basis[:200],
            rule=rule.id,
            calendar_version=calendar.version,
            dispatched_by=scene.actor.name,
            dispatched_at=now,
            sign_due_at=Span.parse(rule.sign).end(now, calendar),
            due_at=due,
            first_due_at=due,
            contact_granted=granted,
        )
        for n, unit in enumerate(units)
    ]


def recall(case: CaseRecord, command: do.Recall, scene: Scene) -> Outcome:
    """The order was the hotline's mistake: it counts against no unit."""
    needs(command.reason, "请填写收回的理由。")
    lead_of(case)
    told = tuple(
        Told("recalled", f"unit:{one.unit}", "工单已收回", f"{case.case_no}：{command.reason}"[:200])
        for one in case.orders
        if one.open
    )
    return Outcome(end_orders(case, "replaced", scene), states.TRIAGE, told=told)


def sign(case: CaseRecord, _: do.Sign, scene: Scene) -> Outcome:
    order = lead_of(case) if scene.actor.role == roles.SYSTEM else own_lead(case, scene.actor)
    return Outcome(case.with_order(_signed(order, scene)), states.HANDLING)


def co_sign(case: CaseRecord, command: do.CoSign, scene: Scene) -> Outcome:
    order = own_co(case, command.unit if scene.actor.role == roles.SYSTEM else scene.actor.unit)
    guard(not order.return_pending, "退单还没有审核。")
    guard(order.signed_at is None, "这张协办工单已经签收。")
    return Outcome(case.with_order(_signed(order, scene)))


def _signed(order: OrderRecord, scene: Scene) -> OrderRecord:
    late = order.sign_due_at is not None and scene.now > order.sign_due_at
    signed = replace(order, signed_at=scene.now, signed_late=late or scene.actor.role == roles.SYSTEM)
    # A signature that the hotline gave itself is nothing that the unit did.
    return signed if scene.actor.role == roles.SYSTEM else cleared(signed)


def return_order(case: CaseRecord, command: do.ReturnOrder, scene: Scene) -> Outcome:
    order = own_lead(case, scene.actor)
    _check_return(order, command.law, scene)
    proposed = scene.book.current_unit(command.proposed_unit, scene.now).code
    guard(proposed != order.unit, "建议的承办单位不能是本单位。")
    returned = replace(order, return_code=command.code, returned_at=scene.now, feedback_pending=False, extension_wd=0)
    told = Told("return", f"role:{roles.DISPATCHER}", "退单待审核", f"{case.case_no}：{command.law}"[:100])
    return Outcome(case.with_order(cleared(returned)), states.TRIAGE, told=(told,))


def _check_return(order: OrderRecord, law: str, scene: Scene) -> None:
    guard(not order.final, "指定办理的工单不能退单。")
    needs(law, "请填写法律依据或三定条款。")
    last = extended(order.sign_due_at or scene.now, scene.book.deadlines.return_wd, scene.calendar)
    guard(scene.now <= last, "已超过可以退单的时间。")


def accept_return(case: CaseRecord, command: do.AcceptReturn, scene: Scene) -> Outcome:
    order = _returned(case, command.note, scene)
    ended = end_orders(case.with_order(replace(order, result="returned", ended_at=scene.now)), "replaced", scene)
    units = [code for code in case.returns.split(",") if code]
    told = Told("return_accepted", f"unit:{order.unit}", "退单已通过", case.case_no)
    return Outcome(replace(ended, returns=",".join([*units, order.unit])), told=(told,))


def reject_return(case: CaseRecord, command: do.RejectReturn, scene: Scene) -> Outcome:
    order = _returned(case, command.note, scene)
    told = Told("return_rejected", f"unit:{order.unit}", "退单未通过，指定办理", case.case_no)
    state = states.HANDLING if order.signed_at else states.DISPATCHED
    kept = case.with_order(replace(order, final=True))
    timers = [timer for one in kept.orders if one.open for timer in _timers_again(one, scene)]
    return Outcome(kept, state, tuple(timers), (told,))


def _timers_again(order: OrderRecord, scene: Scene) -> tuple[Timer, ...]:
    """Timers that were due while a return was judged found no unit to sign, and none to urge."""
    if order.return_pending:
        return ()
    return (*_sign_again(order, scene), *due_timers(order, order.dispatched_at or scene.now, scene))


def _sign_again(order: OrderRecord, scene: Scene) -> tuple[Timer, ...]:
    """The time for signing of an order that was returned in vain."""
    if order.signed_at is not None or order.sign_due_at is None:
        return ()
    # Marks of its own: the first timer may have come and gone while the return was judged.
    return (Timer("auto_sign", max(order.sign_due_at, scene.now), order.seq, f"final:{mark(scene.now)}"),)


def _returned(case: CaseRecord, note: str, scene: Scene) -> OrderRecord:
    needs(note, "请填写审核意见。")
    order = lead_of(case)
    guard(order.returned_at is not None, "没有待审核的退单。")
    guard(order.dispatched_by != scene.actor.name, "原派单人不能审核自己派出的工单。")
    return order


def co_return(case: CaseRecord, command: do.CoReturn, scene: Scene) -> Outcome:
    order = own_co(case, scene.actor.unit)
    guard(not order.return_pending, "退单还没有审核。")
    guard(order.fed_back_at is None, "这张协办工单已经反馈。")
    _check_return(order, command.law, scene)
    returned = replace(order, return_code=command.code, returned_at=scene.now)
    told = Told("return", f"role:{roles.DISPATCHER}", "协办退单待审核", f"{case.case_no}：{command.law}"[:100])
    return Outcome(case.with_order(cleared(returned)), told=(told,))


def accept_co_return(case: CaseRecord, command: do.AcceptCoReturn, scene: Scene) -> Outcome:
    order = _co_returned(case, command.unit, command.note, scene)
    helpers = [one for one in case.co_orders() if one.seq != order.seq]
    alone = judged_alone((case, *scene.children), case.lead_unit, bool(helpers), scene)
    guard(not alone, "被投诉的单位不能单独办理，协办单位不能退出。")
    told = (
        Told("return_accepted", f"unit:{order.unit}", "协办退单已通过", case.case_no),
        Told("return_accepted", f"unit:{case.lead_unit}", "一家协办单位已退出", case.case_no),
    )
    return Outcome(case.with_order(replace(order, result="returned", ended_at=scene.now)), told=told)


def reject_co_return(case: CaseRecord, command: do.RejectCoReturn, scene: Scene) -> Outcome:
    order = _co_returned(case, command.unit, command.note, scene)
    told = Told("return_rejected", f"unit:{order.unit}", "协办退单未通过，指定协办", case.case_no)
    kept = replace(order, final=True)
    return Outcome(case.with_order(kept), timers=_timers_again(kept, scene), told=(told,))


def _co_returned(case: CaseRecord, unit: str, note: str, scene: Scene) -> OrderRecord:
    needs(note, "请填写审核意见。")
    order = next((one for one in case.co_orders() if one.unit == unit and one.return_pending), None)
    if order is None:
        raise CaseError("guard", "没有待审核的协办退单。")
    guard(order.dispatched_by != scene.actor.name, "原派单人不能审核自己派出的工单。")
    return order


def consult(case: CaseRecord, command: do.Consult, scene: Scene) -> Outcome:
    guard(case.lead() is None, "退单还没有审核，不能会商。")
    units = {scene.book.current_unit(code, scene.now).code for code in command.units}
    guard(2 <= len(units) <= _MOST_CONSULTED, f"会商要有两家至{_MOST_CONSULTED}家单位。")
    text = f"{case.case_no}：{case.title}"[:100]
    told = tuple(Told("consult", f"unit:{code}", "请参加会商", text) for code in sorted(units))
    return Outcome(replace(case, consulted=",".join(sorted(units))), states.CONSULT, told=told)


def contact(case: CaseRecord, command: do.Contact, scene: Scene) -> Outcome:
    order = own_lead(case, scene.actor)
    needs(command.result, "请填写联系结果。")
    guard(command.contacted_at <= scene.now, "联系时间不能晚于现在。")
    return Outcome(case.with_order(cleared(replace(order, contacts=order.contacts + 1))))


def request_extension(case: CaseRecord, command: do.RequestExtension, scene: Scene) -> Outcome:
    order = own_lead(case, scene.actor)
    guard(order.due_at is not None and scene.now <= order.due_at, "延期必须在到期之前申请。")
    guard(not order.extension_wd, "已有延期申请等待审批。")
    guard(order.extensions < scene.book.deadlines.extensions, "这张工单的延期次数已用完。")
    longest = rule_of(order, scene.book).extend_wd
    guard(1 <= command.days <= longest, f"延期最多 {longest} 个工作日。")
    needs(command.reason, "请填写延期理由。")
    needs(command.law, "请填写延期依据。")
    guard(command.citizen_informed, "请先告知诉求人。")
    asked = replace(order, extension_wd=command.days, extension_signed=False)
    told = Told("extension_asked", f"unit:{order.unit}", "延期申请待签批", case.case_no)
    return Outcome(case.with_order(cleared(asked)), told=(told,))


def sign_extension(case: CaseRecord, _: do.SignExtension, scene: Scene) -> Outcome:
    order = own_lead(case, scene.actor)
    guard(order.extension_wd and not order.extension_signed, "没有待签批的延期申请。")
    judge = roles.LEADER if order.extensions else roles.DISPATCHER
    told = Told("extension_signed", f"role:{judge}", "延期申请待审批", case.case_no)
    return Outcome(case.with_order(replace(order, extension_signed=True)), told=(told,))


def drop_extension(case: CaseRecord, _: do.DropExtension, scene: Scene) -> Outcome:
    order = own_lead(case, scene.actor)
    guard(order.extension_wd, "没有延期申请。")
    told = Told("extension_dropped", f"unit:{order.unit}", "延期申请已撤回", case.case_no)
    return Outcome(case.with_order(replace(order, extension_wd=0, extension_signed=False)), told=(told,))


def approve_extension(case: CaseRecord, _: do.ApproveExtension, scene: Scene) -> Outcome:
    """The citizen's time grows with the unit's; both original times are kept."""
    order = _extension(case)
    guard(not order.extensions or scene.actor.role == roles.LEADER, "第二次延期由市领导审批。")
    if order.due_at is None or case.due_at is None:
        raise CaseError("guard", "案件没有办理时限。")
    days = order.extension_wd
    granted = replace(
        order,
        due_at=extended(order.due_at, days, scene.calendar),
        extensions=order.extensions + 1,
        extension_wd=0,
        extension_signed=False,
    )
    later = replace(case, due_at=extended(case.due_at, days, scene.calendar)).with_order(granted)
    timers = [*due_timers(granted, order.dispatched_at or scene.now, scene)]
    for one in _waited_for(case):
        helping = replace(one, due_at=extended(one.due_at or order.due_at, days, scene.calendar))
        later = later.with_order(helping)
        timers += due_timers(helping, one.dispatched_at or scene.now, scene)
    told = (
        Told("extension", "citizen", "办理延期", f"{case.case_no} 的办理时间延长 {days} 个工作日。"),
        Told("extension_decided", f"unit:{order.unit}", "延期已批准", f"{case.case_no}：{days} 个工作日"),
    )
    return Outcome(later, timers=tuple(timers), told=told)


def _waited_for(case: CaseRecord) -> list[OrderRecord]:
    """The helping orders that have not fed back: their time moves with the lead's."""
    return [one for one in case.co_orders() if one.fed_back_at is None]


def reject_extension(case: CaseRecord, command: do.RejectExtension, _: Scene) -> Outcome:
    order = _extension(case)
    needs(command.note, "请填写不批准的理由。")
    told = Told("extension_decided", f"unit:{order.unit}", "延期未批准", case.case_no)
    return Outcome(case.with_order(replace(order, extension_wd=0, extension_signed=False)), told=(told,))


def _extension(case: CaseRecord) -> OrderRecord:
    order = lead_of(case)
    guard(order.extension_wd and order.extension_signed, "没有经单位分管领导签批的延期申请。")
    return order


def suspend(case: CaseRecord, command: do.Suspend, scene: Scene) -> Outcome:
    order = lead_of(case)
    guard(not order.suspensions, "一张工单只能挂起一次。")
    needs(command.note, "请填写挂起原因。")
    guard(scene.now < command.until <= scene.now + _LONGEST_SUSPENSION, "挂起的截止时间应在今后一年之内。")
    held = replace(order, suspended_at=scene.now, resume_at=command.until, suspensions=1)
    told = (
        Told("suspended", f"unit:{order.unit}", "工单已挂起", case.case_no),
        Told("suspended", "citizen", "办理暂停", f"{case.case_no} 暂停办理：{command.note}"[:200]),
    )
    timer = Timer("resume", command.until, order.seq, mark(command.until))
    return Outcome(case.with_order(held), states.SUSPENDED, (timer,), told)


_LONGEST_SUSPENSION = timedelta(days=366)


def resume(case: CaseRecord, _: do.Resume, scene: Scene) -> Outcome:
    order = lead_of(case)
    due = resumed(order, span_of(order, scene.book), scene.now, scene.calendar)
    going = replace(order, due_at=due, suspended_at=None, resume_at=None)
    again, timers = case.with_order(going), [*due_timers(going, scene.now, scene)]
    told = [Told("resumed", f"unit:{order.unit}", "工单恢复办理", case.case_no)]
    for one in _waited_for(case):
        # The whole case stood still.
        stopped = replace(one, suspended_at=order.suspended_at)
        due = resumed(stopped, span_of(one, scene.book), scene.now, scene.calendar)
        helping = replace(one, due_at=due)
        again = again.with_order(helping)
        timers += due_timers(helping, scene.now, scene)
        told.append(Told("resumed", f"unit:{one.unit}", "工单恢复办理", case.case_no))
    return Outcome(again, states.HANDLING, tuple(timers), tuple(told))


def grant_contact(case: CaseRecord, command: do.GrantContact, _: Scene) -> Outcome:
    needs(command.reason, "请填写理由。")
    return Outcome(case.with_order(replace(lead_of(case), contact_granted=True)))
