"""What a page offers: the events that the table allows somebody in a case's state, less those that the case as it
stands refuses whatever is written into the form. The decision itself looks at everything again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from casebook import roles, states
from casebook.handling.record import CaseRecord, OrderRecord
from casebook.handling.transitions import allowed
from casebook.roles import Actor


def offered(case: CaseRecord, actor: Actor) -> tuple[str, ...]:
    """The events that an actor may fire with a case now."""
    events = dict.fromkeys(allowed(case.state, actor.role))
    return tuple(one for one in events if one not in _STANDS or _STANDS[one](case, actor))


def _own_lead(case: CaseRecord, actor: Actor) -> OrderRecord | None:
    order = case.lead()
    return order if order is not None and order.unit == actor.unit else None


def _own_co(case: CaseRecord, actor: Actor) -> OrderRecord | None:
    return next((one for one in case.co_orders() if one.unit == actor.unit), None)


def _leads(case: CaseRecord, actor: Actor) -> bool:
    return _own_lead(case, actor) is not None


def _may_dispatch(case: CaseRecord, _: Actor) -> bool:
    returned_twice = case.state == states.TRIAGE and len(set(case.returns.split(",")) - {""}) >= 2
    return case.lead() is None and not case.refusal_by and not returned_twice


def _may_return(case: CaseRecord, actor: Actor) -> bool:
    order = _own_lead(case, actor)
    return order is not None and not order.final


def _may_judge_return(case: CaseRecord, actor: Actor) -> bool:
    order = case.lead()
    return order is not None and order.returned_at is not None and order.dispatched_by != actor.name


def _may_ask_extension(case: CaseRecord, actor: Actor) -> bool:
    order = _own_lead(case, actor)
    return order is not None and not order.extension_wd


def _may_sign_extension(case: CaseRecord, actor: Actor) -> bool:
    order = _own_lead(case, actor)
    return order is not None and order.extension_wd > 0 and not order.extension_signed


def _may_drop_extension(case: CaseRecord, actor: Actor) -> bool:
    order = _own_lead(case, actor)
    return order is not None and order.extension_wd > 0


def _extension_waits(case: CaseRecord, _: Actor) -> bool:
    order = case.lead()
    return order is not None and order.extension_wd > 0 and order.extension_signed


def _may_approve_extension(case: CaseRecord, actor: Actor) -> bool:
    order = case.lead()
    return _extension_waits(case, actor) and order is not None and (not order.extensions or actor.role == roles.LEADER)


def _may_suspend(case: CaseRecord, _: Actor) -> bool:
    order = case.lead()
    return order is not None and not order.suspensions


def _may_sign_feedback(case: CaseRecord, actor: Actor) -> bool:
    order = _own_lead(case, actor)
    return order is not None and order.feedback_pending


def _may_co_sign(case: CaseRecord, actor: Actor) -> bool:
    order = _own_co(case, actor)
    return order is not None and order.signed_at is None and not order.return_pending


def _may_co_return(case: CaseRecord, actor: Actor) -> bool:
    order = _own_co(case, actor)
    return order is not None and order.fed_back_at is None and order.returned_at is None


def _may_judge_co_return(case: CaseRecord, actor: Actor) -> bool:
    return any(one.return_pending and one.dispatched_by != actor.name for one in case.co_orders())


def _may_co_feed_back(case: CaseRecord, actor: Actor) -> bool:
    order = _own_co(case, actor)
    if order is None or order.return_pending:
        return False
    return order.signed_at is not None and order.fed_back_at is None


def _may_answer_urging(case: CaseRecord, actor: Actor) -> bool:
    order = _own_lead(case, actor) or _own_co(case, actor)
    return order is not None and order.unanswered > 0


def _may_close(case: CaseRecord, _: Actor) -> bool:
    return not case.closing_by and (case.reached or case.attempts > 0)


def _may_grant(case: CaseRecord, _: Actor) -> bool:
    order = case.lead()
    return case.secret and order is not None and not order.contact_granted


def _may_attach(case: CaseRecord, actor: Actor) -> bool:
    return actor.role not in (roles.LIAISON, roles.DEPUTY) or bool(_own_lead(case, actor) or _own_co(case, actor))


_STANDS: Mapping[str, Callable[[CaseRecord, Actor], bool]] = {
    "to_triage": lambda case, _: not case.refusal_by,
    "refuse": lambda case, _: not case.refusal_by and case.lead() is None,
    "confirm_refusal": lambda case, actor: bool(case.refusal_by) and case.refusal_by != actor.name,
    "decline_refusal": lambda case, _: bool(case.refusal_by),
    "merge": lambda case, _: case.lead() is None,
    "dispatch": _may_dispatch,
    "consult": lambda case, _: case.lead() is None,
    "recall": lambda case, _: case.lead() is not None,
    "sign": _leads,
    "co_sign": _may_co_sign,
    "return_order": _may_return,
    "accept_return": _may_judge_return,
    "reject_return": _may_judge_return,
    "contact": _leads,
    "co_return": _may_co_return,
    "accept_co_return": _may_judge_co_return,
    "reject_co_return": _may_judge_co_return,
    "request_extension": _may_ask_extension,
    "sign_extension": _may_sign_extension,
    "drop_extension": _may_drop_extension,
    "approve_extension": _may_approve_extension,
    "reject_extension": _extension_waits,
    "suspend": _may_suspend,
    "feedback": _leads,
    "sign_feedback": _may_sign_feedback,
    "co_feedback": _may_co_feed_back,
    "callback": lambda case, _: not case.reached,
    "close": _may_close,
    "propose_close": lambda case, _: not case.closing_by,
    "confirm_close": lambda case, actor: bool(case.closing_by) and case.closing_by != actor.name,
    "decline_close": lambda case, _: bool(case.closing_by) or case.solved == "no",
    "urge": lambda case, _: case.lead() is not None,
    "answer_urging": _may_answer_urging,
    "supervise": lambda case, _: case.supervision_due_at is None,
    "report_supervision": lambda case, actor: (
        case.supervision_due_at is not None and bool(_own_lead(case, actor) or _own_co(case, actor))
    ),
    "grant_contact": _may_grant,
    "attach": _may_attach,
}
