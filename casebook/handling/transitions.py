"""The table of events: which one leads from which state to which, and who may fire it."""

from __future__ import annotations

from dataclasses import dataclass

from casebook import roles, states
from casebook.errors import CaseError

_DESK = (roles.AGENT, roles.SHIFT_LEADER)
_FRONT = (*_DESK, roles.OPERATOR)
_BACK = roles.BACK_OFFICE
_UNIT = (roles.LIAISON, roles.DEPUTY)
_SYSTEM = (roles.SYSTEM,)
_JUDGES = (*_BACK, roles.LEADER)
_FOR_CITIZEN = (*_DESK, roles.CALLBACK_AGENT, *_BACK, roles.CITIZEN)
_INTAKE = (*_FRONT, roles.REVIEWER, *_BACK, roles.ADMIN)


@dataclass(frozen=True, slots=True)
class Transition:
    """An event that may happen in `sources`. No `targets`: the state stays."""

    event: str
    sources: tuple[str, ...]
    targets: tuple[str, ...]
    roles: tuple[str, ...]


TRANSITIONS = (
    Transition("open_by_voicemail", (states.NEW,), (states.DRAFT,), _SYSTEM),
    Transition("start_clock", (states.DRAFT, states.DISCARDED), (), _SYSTEM),
    Transition("discard", (states.DRAFT,), (states.DISCARDED,), (roles.REVIEWER, *_BACK, roles.ADMIN)),
    # E1 登记
    Transition("register", (states.NEW,), (states.REGISTERED,), (*_INTAKE, roles.CITIZEN, roles.SYSTEM)),
    Transition("register", (states.DRAFT,), (states.REGISTERED,), _INTAKE),
    # E2 现场答复, E3 转接
    Transition("answer_now", (states.REGISTERED,), (states.ANSWERED,), (*_FRONT, *_BACK)),
    Transition("transfer", (states.REGISTERED,), (states.TRANSFERRED,), _FRONT),
    # E4 不予受理: one proposes, another confirms
    Transition("refuse", (states.REGISTERED,), (), (*_FRONT, roles.REVIEWER, *_BACK)),
    Transition("refuse", (states.TRIAGE,), (), _BACK),
    Transition("confirm_refusal", (states.REGISTERED, states.TRIAGE), (states.NOT_ACCEPTED,), _BACK),
    Transition("decline_refusal", (states.REGISTERED, states.TRIAGE), (states.TRIAGE,), _BACK),
    # E5 转后台
    Transition("to_triage", (states.REGISTERED,), (states.TRIAGE,), (*_INTAKE, roles.SYSTEM)),
    # E6 并单
    Transition("merge", (states.REGISTERED, states.TRIAGE), (states.MERGED,), _BACK),
    Transition("unmerge", (states.MERGED,), (states.REGISTERED, states.TRIAGE), (*_BACK, roles.SYSTEM)),
    # E7 派单: the front desk only what the catalogue is sure of
    Transition("dispatch", (states.TRIAGE,), (states.DISPATCHED,), (*_DESK, *_BACK)),
    Transition("dispatch", (states.CONSULT, states.REWORK), (states.DISPATCHED,), _BACK),
    Transition("recall", states.HANDLED, (states.TRIAGE,), _BACK),
    # E8 签收
    Transition("sign", (states.DISPATCHED,), (states.HANDLING,), (*_UNIT, roles.SYSTEM)),
    Transition("co_sign", states.HANDLED, (), (*_UNIT, roles.SYSTEM)),
    # E9 退单, E10 审核退单
    Transition("return_order", (states.DISPATCHED, states.HANDLING), (states.TRIAGE,), (roles.LIAISON,)),
    Transition("accept_return", (states.TRIAGE,), (), _BACK),
    Transition("reject_return", (states.TRIAGE,), (states.DISPATCHED, states.HANDLING), _BACK),
    Transition("co_return", (states.DISPATCHED, states.HANDLING), (), (roles.LIAISON,)),
    Transition("accept_co_return", states.HANDLED, (), _BACK),
    Transition("reject_co_return", states.HANDLED, (), _BACK),
    # E11 会商
    Transition("consult", (states.TRIAGE,), (states.CONSULT,), _BACK),
    # E12 联系群众
    Transition("contact", (states.HANDLING,), (), (roles.LIAISON,)),
    # E13 延期: asked, signed, decided
    Transition("request_extension", (states.HANDLING,), (), (roles.LIAISON,)),
    Transition("sign_extension", (states.HANDLING,), (), (roles.DEPUTY,)),
    Transition("drop_extension", (states.HANDLING,), (), _UNIT),
    Transition("approve_extension", (states.HANDLING,), (), _JUDGES),
    Transition("reject_extension", (states.HANDLING,), (), _JUDGES),
    # E14 挂起
    Transition("suspend", (states.HANDLING,), (states.SUSPENDED,), _BACK),
    Transition("resume", (states.SUSPENDED,), (states.HANDLING,), (*_BACK, roles.SYSTEM)),
    # E15 反馈: the liaison writes, the deputy signs
    Transition("feedback", (states.HANDLING,), (), (roles.LIAISON,)),
    Transition("sign_feedback", (states.HANDLING,), (states.FED_BACK,), (roles.DEPUTY,)),
    Transition("co_feedback", states.HANDLED, (), _UNIT),
    # E16 审核通过, E17 退回重办
    Transition("review_ok", (states.FED_BACK,), (states.CALLBACK,), _BACK),
    Transition("review_back", (states.FED_BACK,), (states.HANDLING, states.REWORK), _BACK),
    # E18 回访, E19 办结
    Transition("callback", (states.CALLBACK,), (states.CALLBACK, states.REWORK), (roles.CALLBACK_AGENT, roles.SYSTEM)),
    Transition("callback", (states.MERGED,), (states.REGISTERED, states.TRIAGE), (roles.CALLBACK_AGENT,)),
    Transition("close", (states.CALLBACK,), (states.CLOSED,), (roles.CALLBACK_AGENT,)),
    Transition("propose_close", (states.CALLBACK,), (), _BACK),
    Transition("confirm_close", (states.CALLBACK,), (states.CLOSED,), _BACK),
    Transition("decline_close", (states.CALLBACK,), (states.REWORK,), _BACK),
    # 评价: by number and query code, on the public page
    Transition("rate", (states.ANSWERED, states.MERGED, states.CLOSED), (), (roles.CITIZEN,)),
    # E20 重办
    Transition("reopen", (states.CLOSED,), (states.REWORK,), _FOR_CITIZEN),
    # E21 催办, E22 督办, 领导交办
    Transition("urge", states.HANDLED, (), (*_BACK, roles.SYSTEM)),
    Transition("answer_urging", states.HANDLED, (), _UNIT),
    Transition("supervise", states.OPEN, (), (*_JUDGES, roles.SYSTEM)),
    # A case that was done again often enough is supervised before it is done once more.
    Transition("supervise", (states.CLOSED,), (), _JUDGES),
    Transition("report_supervision", (*states.HANDLED, states.FED_BACK), (), _UNIT),
    Transition("instruct", (states.REGISTERED, *states.OPEN), (), _JUDGES),
    # E23 撤回, E24 归档, E25 更正
    Transition("withdraw", (states.REGISTERED, *states.OPEN), (states.WITHDRAWN,), _FOR_CITIZEN),
    Transition("archive", states.OVER, (states.ARCHIVED,), _SYSTEM),
    Transition("correct", (states.REGISTERED, *states.OPEN, *states.OVER), (), _BACK),
    Transition("correct_contact", (states.REGISTERED, *states.OPEN, *states.OVER), (), _BACK),
    Transition("grant_contact", states.HANDLED, (), _BACK),
    Transition("remind", (states.REGISTERED, *states.OPEN), (), _SYSTEM),
    Transition("recount", (states.REGISTERED, *states.OPEN), (), _SYSTEM),
    # 附件
    Transition("attach", (states.DRAFT,), (), _INTAKE),
    Transition("attach", (states.REGISTERED,), (), (*_FRONT, roles.REVIEWER, *_BACK)),
    Transition("attach", (states.ANSWERED, states.TRANSFERRED), (), (*_FRONT, *_BACK)),
    Transition("attach", (states.TRIAGE,), (), (*_DESK, *_BACK)),
    Transition("attach", (*states.HANDLED, states.FED_BACK), (), (*_UNIT, *_BACK)),
    Transition("attach", (states.CALLBACK, states.CLOSED), (), (roles.CALLBACK_AGENT, *_BACK)),
    Transition(
        "attach",
        (states.NOT_ACCEPTED, states.MERGED, states.CONSULT, states.REWORK, states.WITHDRAWN),
        (),
        _BACK,
    ),
)
EVENTS = tuple(dict.fromkeys(transition.event for transition in TRANSITIONS))


def find(event: str, state: str) -> Transition | None:
    """What `event` does in `state`; None where it cannot happen."""
    for transition in TRANSITIONS:
        if transition.event == event and state in transition.sources:
            return transition
    return None


def check(event: str, state: str, role: str) -> Transition:
    """The transition. Raises CaseError bad_state where the state forbids it, forbidden where the role does."""
    transition = find(event, state)
    if transition is None:
        raise CaseError("bad_state", f"案件当前状态为 {state}，不能执行此操作。")
    if role not in transition.roles:
        raise CaseError("forbidden", "您的岗位不能执行此操作。")
    return transition


def allowed(state: str, role: str) -> list[str]:
    """The events that a role may fire in a state: what a page offers."""
    return [one.event for one in TRANSITIONS if state in one.sources and role in one.roles]
