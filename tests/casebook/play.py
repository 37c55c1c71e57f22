"""People who handle cases, and what each could sensibly do next: the stuff of which random courses are made."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import count
from pathlib import Path

from casebook import roles
from casebook.calendar import Calendar, SpecialDay
from casebook.handling import commands as do
from casebook.handling.record import CaseRecord
from casebook.handling.scene import Scene
from casebook.handling.transitions import allowed
from casebook.roles import Actor
from casebook.rulebook import Rulebook, load_rulebook
from config.settings import CITY

START = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)
"""Monday, nine o'clock in the city."""
AGENT = Actor("话务甲", roles.AGENT)
REVIEWER = Actor("审核甲", roles.REVIEWER)
DISPATCHER = Actor("派单甲", roles.DISPATCHER)
SECOND = Actor("派单乙", roles.DISPATCHER)
SUPERVISOR = Actor("督办甲", roles.SUPERVISOR)
CALLER_BACK = Actor("回访甲", roles.CALLBACK_AGENT)
LEADER = Actor("市领导", roles.LEADER)
SYSTEM = roles.THE_SYSTEM


def liaison(unit: str) -> Actor:
    """The one who handles a unit's orders."""
    return Actor(f"承办-{unit}", roles.LIAISON, unit)


def deputy(unit: str) -> Actor:
    """The one who signs for a unit."""
    return Actor(f"分管-{unit}", roles.DEPUTY, unit)


@cache
def book(city: Path = CITY) -> Rulebook:
    """The city's rules."""
    return load_rulebook(city)


def register(n: int = 1, **other: object) -> do.Register:
    """A complaint about a property manager."""
    values: dict[str, object] = {
        "demand": "complaint",
        "title": "物业不修电梯",
        "body": f"小区电梯坏了三天，物业一直不来修。第 {n} 次反映。",
        "place": "海州区幸福小区",
        "matter": "物业管理",
        "region": "海州区",
        "phone": f"138{n:08d}",
        "name": "王女士",
        **other,
    }
    return do.Register(**values)  # type: ignore[arg-type]


def scene(actor: Actor, now: datetime, other: CaseRecord | None = None) -> Scene:
    """A scene under the city's rules, in a year without holidays but for one."""
    numbers = count(1)
    holiday = SpecialDay(datetime(2026, 12, 2, tzinfo=UTC).date(), False, "假日")
    calendar = Calendar([holiday], {2026: "announced"})
    return Scene(actor, now, book(), calendar, lambda: f"DB2026-{next(numbers):04d}", other)


def moves(case: CaseRecord, now: datetime) -> Iterator[tuple[Actor, do.Command]]:
    """Everything that somebody could try with a case in its state, well filled in; guards may still refuse it."""
    units = [one.unit for one in case.orders if one.open] or ["zhujian"]
    people = [AGENT, DISPATCHER, SECOND, SUPERVISOR, CALLER_BACK, LEADER, SYSTEM]
    people += [make(unit) for unit in units for make in (liaison, deputy)]
    for actor in people:
        for event in allowed(case.state, actor.role):
            for command in filled(event, case, actor, now):
                yield actor, command


def filled(event: str, case: CaseRecord, actor: Actor, now: datetime) -> list[do.Command]:
    """Commands of an event, well filled in."""
    kind = do.COMMANDS.get(event)
    if kind is None:
        return []
    simple: dict[str, list[do.Command]] = {
        "register": [register()],
        "discard": [do.Discard(reason="没有声音")],
        "answer_now": [do.AnswerNow(answer="请带身份证到窗口办理。", confirmed=True)],
        "transfer": [do.Transfer(line="12315", answered=True)],
        "refuse": [do.Refuse(reason="litigation", told=True)],
        "decline_refusal": [do.DeclineRefusal(note="属于热线受理范围")],
        "merge": [do.Merge(master_no="LYG20261123999999", reason="同一件事")],
        "unmerge": [do.Unmerge(reason="不是同一件事")],
        "dispatch": [do.Dispatch(), do.Dispatch(unit="chengguan", basis="会商决定", minutes="会商纪要")],
        "co_sign": [do.CoSign(unit=one.unit) for one in case.co_orders()],
        "return_order": [do.ReturnOrder(code="not_ours", law="三定方案第三条", proposed_unit="chengguan")],
        "accept_return": [do.AcceptReturn(note="同意")],
        "reject_return": [do.RejectReturn(note="属于你单位职责")],
        "co_return": [do.CoReturn(code="not_ours", law="三定方案第三条")],
        "accept_co_return": [do.AcceptCoReturn(unit=one.unit, note="同意") for one in case.co_orders()],
        "reject_co_return": [do.RejectCoReturn(unit=one.unit, note="需要你单位配合") for one in case.co_orders()],
        "consult": [do.Consult(units=("zhujian", "chengguan"))],
        "contact": [do.Contact(contacted_at=now, how="phone", result="已说明进展")],
        "request_extension": [do.RequestExtension(days=3, reason="等配件", law="热线办法", citizen_informed=True)],
        "reject_extension": [do.RejectExtension(note="理由不足")],
        "suspend": [do.Suspend(cause="citizen_material", until=now + timedelta(days=3), note="等材料")],
        "feedback": [
            do.Feedback(true_claim=True, contacted=False, solved="yes", internal="已更换主板", answer="电梯已修好。")
        ],
        "co_feedback": [do.CoFeedback(internal="已配合")],
        "review_ok": [do.ReviewOk(answers_demand=True, facts_given=True, law_cited=True, tone=True, no_template=True)],
        "review_back": [
            do.ReviewBack(defect="perfunctory", note="没有说明怎么修的"),
            do.ReviewBack(defect="off_the_point", note="答非所问", elsewhere=True),
        ],
        "recall": [do.Recall(reason="派错了单位")],
        "decline_close": [do.DeclineClose(note="可以解决", rework=True), do.DeclineClose(note="再解释一次")],
        "report_supervision": [do.ReportSupervision(text="已到现场，正在整改")],
        "correct_contact": [do.CorrectContact(phone="13900000001", name="王先生", reason="登记错了")],
        "callback": [
            do.Callback(result="unreachable"),
            do.Callback(result="reached", contacted=True, solved="yes", satisfied=5, satisfied_hotline=5),
            do.Callback(result="reached", contacted=True, solved="no", satisfied=1, satisfied_hotline=4),
        ],
        "propose_close": [do.ProposeClose(reason="政策不允许，已解释")],
        "reopen": [do.Reopen(reason="又坏了")],
        "urge": [do.Urge(note="请抓紧")],
        "answer_urging": [do.AnswerUrging(text="正在办")],
        "supervise": [do.Supervise(leader="张局长", report_by=now + timedelta(days=5))],
        "instruct": [do.Instruct(leader="李市长", text="请尽快解决")],
        "withdraw": [do.Withdraw(reason="已自行解决", reference="lyg1-1.1")],
        "correct": [
            do.Correct(what="urgent", value="no" if case.urgent else "yes", reason="听错了"),
            do.Correct(what="place", value=f"{now:%H%M%S}号楼", reason="听错了"),
            do.Correct(what="secret", value="no" if case.secret else "yes", reason="来电人要求"),
        ],
        "remind": [do.Remind(what="review")],
        "recount": [
            do.Recount(
                old_calendar="a",
                new_calendar="b",
                case_wd=11,
                orders_wd=tuple(f"{one.seq}:{12}" for one in case.orders if one.open),
                signs_wd=tuple(f"{one.seq}:{2}" for one in case.orders if one.open),
            )
        ],
        "grant_contact": [do.GrantContact(reason="需要上门")],
        "attach": [do.Attach(file_name="照片.jpg", media_type="image/jpeg", size=10, sha256="0" * 64)],
    }
    return simple[event] if event in simple else [kind()]
