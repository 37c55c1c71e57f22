"""One decision: a case, a command, a scene; what comes of it, or a refusal. No I/O, no clock of its own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from casebook.handling import closing, intake, orders, oversight
from casebook.handling import commands as do
from casebook.handling.record import CaseRecord, changes, with_values
from casebook.handling.running import reminders
from casebook.handling.scene import Outcome, Scene, Timer, Told
from casebook.handling.transitions import check

_HANDLERS: dict[str, Callable[[CaseRecord, Any, Scene], Outcome]] = {
    do.Register.EVENT: intake.register,
    do.Discard.EVENT: intake.discard,
    do.AnswerNow.EVENT: intake.answer_now,
    do.Transfer.EVENT: intake.transfer,
    do.Refuse.EVENT: intake.refuse,
    do.ConfirmRefusal.EVENT: intake.confirm_refusal,
    do.DeclineRefusal.EVENT: intake.decline_refusal,
    do.ToTriage.EVENT: intake.to_triage,
    do.Merge.EVENT: intake.merge,
    do.Unmerge.EVENT: intake.unmerge,
    do.Withdraw.EVENT: intake.withdraw,
    do.Archive.EVENT: intake.archive,
    do.Dispatch.EVENT: orders.dispatch,
    do.Recall.EVENT: orders.recall,
    do.Sign.EVENT: orders.sign,
    do.CoSign.EVENT: orders.co_sign,
    do.ReturnOrder.EVENT: orders.return_order,
    do.AcceptReturn.EVENT: orders.accept_return,
    do.RejectReturn.EVENT: orders.reject_return,
    do.CoReturn.EVENT: orders.co_return,
    do.AcceptCoReturn.EVENT: orders.accept_co_return,
    do.RejectCoReturn.EVENT: orders.reject_co_return,
    do.Consult.EVENT: orders.consult,
    do.Contact.EVENT: orders.contact,
    do.RequestExtension.EVENT: orders.request_extension,
    do.SignExtension.EVENT: orders.sign_extension,
    do.DropExtension.EVENT: orders.drop_extension,
    do.ApproveExtension.EVENT: orders.approve_extension,
    do.RejectExtension.EVENT: orders.reject_extension,
    do.Suspend.EVENT: orders.suspend,
    do.Resume.EVENT: orders.resume,
    do.GrantContact.EVENT: orders.grant_contact,
    do.Feedback.EVENT: closing.feedback,
    do.SignFeedback.EVENT: closing.sign_feedback,
    do.CoFeedback.EVENT: closing.co_feedback,
    do.ReviewOk.EVENT: closing.review_ok,
    do.ReviewBack.EVENT: closing.review_back,
    do.Callback.EVENT: closing.callback,
    do.Rate.EVENT: closing.rate,
    do.Close.EVENT: closing.close,
    do.ProposeClose.EVENT: closing.propose_close,
    do.ConfirmClose.EVENT: closing.confirm_close,
    do.DeclineClose.EVENT: closing.decline_close,
    do.Reopen.EVENT: closing.reopen,
    do.Urge.EVENT: oversight.urge,
    do.AnswerUrging.EVENT: oversight.answer_urging,
    do.Supervise.EVENT: oversight.supervise,
    do.ReportSupervision.EVENT: oversight.report_supervision,
    do.Instruct.EVENT: oversight.instruct,
    do.Remind.EVENT: oversight.remind,
    do.Correct.EVENT: oversight.correct,
    do.CorrectContact.EVENT: oversight.correct_contact,
    do.Attach.EVENT: oversight.attach,
    do.Recount.EVENT: oversight.recount,
}


@dataclass(frozen=True, slots=True)
class Decision:
    """What a command comes to: the case after it, and what the event carries."""

    case: CaseRecord
    payload: dict[str, Any]
    timers: tuple[Timer, ...]
    told: tuple[Told, ...]


def decide(case: CaseRecord, command: do.Command, scene: Scene) -> Decision:
    """Raises CaseError: bad_state, forbidden, guard, missing_reason, bad_value."""
    transition = check(command.EVENT, case.state, scene.actor.role)
    outcome = _HANDLERS[command.EVENT](case, command, scene)
    state = outcome.state or case.state
    if state != case.state and state not in transition.targets:
        raise ValueError(f"{command.EVENT} led from {case.state} to {state}, which the table does not know")
    after = with_values(outcome.case, {"state": state, "version": case.version + 1})
    payload: dict[str, Any] = {
        **command.facts(),
        **outcome.facts,
        "by": {"role": scene.actor.role},
        **changes(case, after),
    }
    if scene.actor.unit:
        payload["by"]["unit"] = scene.actor.unit
    timers = (*outcome.timers, *reminders(case, after, scene, command.EVENT))
    return Decision(after, payload, timers, outcome.told)
