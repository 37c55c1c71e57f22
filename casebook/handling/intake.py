"""E1 to E6: a demand comes in, is answered, passed on, refused, merged, or goes to the back office."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta

from casebook import roles, states
from casebook.errors import CaseError
from casebook.handling import commands as do
from casebook.handling.clocks import Span
from casebook.handling.record import CaseRecord, with_values
from casebook.handling.scene import Outcome, Scene, Timer, Told, guard, mark, needs
from casebook.rulebook import Rulebook

NO_PLACE = "无地点"
_VOICEMAIL = "voicemail"
_IN_SOMEBODYS_HANDS = ("phone", _VOICEMAIL)
"""Channels whose demands a person has before them: of others the back office is told."""


def register(case: CaseRecord, command: do.Register, scene: Scene) -> Outcome:
    """The citizen's clock starts: at the end of the call for a voicemail, else now."""
    book, now = scene.book, scene.now
    spoken = case.channel == _VOICEMAIL
    if not command.title.strip() or not command.body.strip():
        raise CaseError("bad_value", "请填写标题和内容。")
    if command.demand not in states.DEMANDS:
        raise CaseError("bad_value", "诉求类型不正确。")
    # What a voicemail demands is in its recording; what is typed in is all there is.
    guard(spoken or len(command.body.strip()) >= book.deadlines.text_min, "诉求内容太短，请写清楚事情。")
    guard(spoken or command.place.strip(), f"请填写地点；没有地点的填“{NO_PLACE}”。")
    guard(spoken or command.phone.strip() or command.anonymous, "请留联系电话，或标明匿名。")
    check_matter(command.matter, book)
    region = book.region(command.region, now) if command.region else ""
    if command.about_unit:
        book.unit(command.about_unit)
    guard(
        command.matter not in book.commitments or command.commitment.strip(),
        "违示违诺的诉求，请写明所违反的公开承诺。",
    )
    rule = book.limit_for(command.demand, command.matter, now, urgent=command.urgent)
    started = case.clock_started_at or now
    due = rule.handling.end(started, scene.calendar)
    same = {name: getattr(command, name) for name in _SAID}
    new = {
        "region": region,
        "received_at": case.received_at or now,
        "clock_started_at": started,
        "registered_at": now,
        "registered_by": scene.actor.name,
        "due_at": due,
        "first_due_at": due,
        "triage_due_at": Span.parse(rule.triage).end(now, scene.calendar),
    }
    registered = with_values(case, {**same, **new})
    words = f"您的诉求已登记，编号 {case.case_no}。"
    told = [Told("registered", "citizen", "诉求已登记", words)]
    if case.channel not in _IN_SOMEBODYS_HANDS:
        title = f"{case.case_no}：{command.title}"[:100]
        told.append(Told("triage", f"role:{roles.DISPATCHER}", "新诉求待分办", title))
    return Outcome(registered, states.REGISTERED, told=tuple(told))


_SAID = (
    "demand",
    "title",
    "body",
    "place",
    "matter",
    "reference",
    "anonymous",
    "secret",
    "urgent",
    "about_unit",
    "commitment",
    "occurred_at",
    "lat",
    "lng",
)


def check_matter(matter: str, book: Rulebook) -> None:
    """Raises CaseError bad_value for a matter that is none; empty is not known yet."""
    if matter and not book.group_of(matter):
        raise CaseError("bad_value", "没有这个事项。")


def discard(case: CaseRecord, command: do.Discard, scene: Scene) -> Outcome:
    needs(command.reason, "请填写作废原因。")
    return Outcome(replace(case, discarded_at=scene.now, discard_reason=command.reason), states.DISCARDED)


def answer_now(case: CaseRecord, command: do.AnswerNow, scene: Scene) -> Outcome:
    route = scene.book.route(case.matter, case.region, scene.now)
    closable = case.demand == "consult" or (route is not None and route.closable)
    guard(closable, "只有咨询和目录允许的事项可以现场答复办结。")
    needs(command.answer, "请填写答复内容。")
    guard(command.confirmed, "来电人没有确认答复，请转后台。")
    told = Told("answered", "merged", "诉求已答复", f"{case.case_no} 已答复。{command.answer}"[:280])
    return _over(case, scene, states.ANSWERED, outcome="answered", answer=command.answer, told=(told,))


def transfer(case: CaseRecord, command: do.Transfer, scene: Scene) -> Outcome:
    needs(command.line, "请填写转接到哪条线路。")
    guard(command.answered, "对方没有接通：首接负责，请转后台受理。")
    return _over(case, scene, states.TRANSFERRED, outcome=f"line:{command.line}"[:32])


def refuse(case: CaseRecord, command: do.Refuse, scene: Scene) -> Outcome:
    guard(not case.refusal_by, "已有人提出不予受理，等待后台审核。")
    guard(case.lead() is None, "退单待审核的案件不能不予受理。")
    reason = scene.book.refusal(command.reason)
    guard(command.told, f"请先告知来电人：{reason.channel}。")
    told = Told("refusal", "role:dispatcher", "不予受理待审核", f"{case.case_no}：{reason.name}")
    return Outcome(replace(case, refusal=reason.code, refusal_by=scene.actor.name), told=(told,))


def confirm_refusal(case: CaseRecord, _: do.ConfirmRefusal, scene: Scene) -> Outcome:
    guard(case.refusal_by, "没有人提出不予受理。")
    guard(case.refusal_by != scene.actor.name, "提出人不能自己审核。")
    reason = scene.book.refusal(case.refusal)
    told = Told("refused", "citizen", "诉求不予受理", f"{case.case_no}：{reason.name}。{reason.channel}。")
    return _over(case, scene, states.NOT_ACCEPTED, outcome="refused", told=(told,))


def decline_refusal(case: CaseRecord, command: do.DeclineRefusal, _: Scene) -> Outcome:
    guard(case.refusal_by, "没有人提出不予受理。")
    needs(command.note, "请填写受理理由。")
    return Outcome(replace(case, refusal="", refusal_by=""), states.TRIAGE)


def to_triage(case: CaseRecord, _: do.ToTriage, _scene: Scene) -> Outcome:
    guard(not case.refusal_by, "已有人提出不予受理，等待后台审核。")
    told = Told("triage", f"role:{roles.DISPATCHER}", "待分办", f"{case.case_no}：{case.title}"[:100])
    return Outcome(case, states.TRIAGE, told=(told,))


def merge(case: CaseRecord, command: do.Merge, scene: Scene) -> Outcome:
    needs(command.reason, "请填写并单理由。")
    guard(case.lead() is None, "退单待审核的案件不能并单。")
    guard(not scene.children, "已有诉求并入本案，不能再并入别的案件；请把对方并入本案。")
    master = scene.other
    if master is None or master.case_no != command.master_no:
        raise CaseError("bad_value", "没有要并入的案件。")
    guard(master.case_no != case.case_no, "案件不能并入自己。")
    guard(master.state in (states.REGISTERED, *states.OPEN), "要并入的案件已经办完或已被并入别的案件。")
    lead = master.lead()
    alone = lead is not None and judged_alone([case], lead.unit, bool(master.co_orders()), scene)
    guard(not alone, "主案件由被投诉的单位单独办理，不能并入。")
    kept = replace(case, master_no=master.case_no, merged_from=case.state)
    return _over(kept, scene, states.MERGED, outcome="merged")


def judged_alone(cases: Iterable[CaseRecord], lead: str, helped: bool, scene: Scene) -> bool:
    """Whether the unit that some of the cases complain of would be the only one to handle them."""
    book, now = scene.book, scene.now
    about = {book.current_unit(case.about_unit, now).code for case in cases if case.about_unit}
    return not helped and book.current_unit(lead, now).code in about


def unmerge(case: CaseRecord, command: do.Unmerge, scene: Scene) -> Outcome:
    """By a person; or by the hotline, where the master has ended without an answer to this one's citizen."""
    needs(command.reason, "请填写撤销并单的理由。")
    told = Told("triage", f"role:{roles.DISPATCHER}", "并入的诉求退回分办", f"{case.case_no}：{command.reason}"[:200])
    return Outcome(on_its_own(case), case.merged_from, told=(told,) if scene.actor.role == roles.SYSTEM else ())


def on_its_own(case: CaseRecord) -> CaseRecord:
    """A merged case that is to be handled by itself again."""
    return replace(case, master_no="", merged_from="", closed_at=None, outcome="")


def archive(case: CaseRecord, _: do.Archive, scene: Scene) -> Outcome:
    waited = timedelta(days=scene.book.deadlines.archive_d)
    guard(case.closed_at is not None and scene.now - case.closed_at >= waited, "还没有到归档时间。")
    guard(case.outcome, "缺少办理结果，不能归档。")
    guard(case.state != states.CLOSED or case.answer, "缺少公开答复，不能归档。")
    guard(
        case.state != states.MERGED or (scene.other is not None and scene.other.state in _ENDED),
        "主案件还没有办完，不能归档。",
    )
    return Outcome(replace(case, archived_at=scene.now), states.ARCHIVED)


_ENDED = (*states.OVER, states.ARCHIVED)


def withdraw(case: CaseRecord, command: do.Withdraw, scene: Scene) -> Outcome:
    needs(command.reason, "请填写撤回原因。")
    needs(command.reference, "请填写撤回来电的编号或录音编号。")
    ended = end_orders(case, "withdrawn", scene)
    told = tuple(
        Told("withdrawn", f"unit:{one.unit}", "诉求人已撤回", f"{case.case_no} 不再需要办理。")
        for one in case.orders
        if one.open
    )
    return _over(ended, scene, states.WITHDRAWN, outcome="withdrawn", told=told)


def end_orders(case: CaseRecord, result: str, scene: Scene) -> CaseRecord:
    """The case with every open order ended."""
    for order in case.orders:
        if order.open:
            ended = replace(order, result=result, ended_at=scene.now, feedback_pending=False, extension_wd=0)
            case = case.with_order(ended)
    return replace(case, lead_unit="")


def _over(
    case: CaseRecord, scene: Scene, state: str, *, outcome: str, answer: str = "", told: tuple[Told, ...] = ()
) -> Outcome:
    over = replace(case, closed_at=scene.now, outcome=outcome, answer=answer or case.answer)
    return Outcome(over, state, timers=(archive_timer(scene),), told=told)


def archive_timer(scene: Scene) -> Timer:
    """When a case that is over now goes to the archive."""
    run_at = scene.now + timedelta(days=scene.book.deadlines.archive_d)
    return Timer("archive", run_at, marks=mark(scene.now))
