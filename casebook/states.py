"""States of a case (诉求), what each means, and what a citizen hears of it. What leads from one to another is in
`casebook.handling.transitions`.
"""

from __future__ import annotations

from collections.abc import Mapping

NEW = ""
"""There is no case yet."""
DRAFT = "DRAFT"
"""登记中: the number was issued, a person has not judged it yet."""
REGISTERED = "REGISTERED"
"""已登记."""
ANSWERED = "ANSWERED"
"""现场答复办结: answered on the line."""
TRANSFERRED = "TRANSFERRED"
"""已转接: an emergency or linked line took the caller."""
NOT_ACCEPTED = "NOT_ACCEPTED"
"""不予受理: the citizen was told where the matter belongs."""
MERGED = "MERGED"
"""已并单: handled with another case."""
TRIAGE = "TRIAGE"
"""待分办."""
CONSULT = "CONSULT"
"""会商中: several units talk over who takes it."""
DISPATCHED = "DISPATCHED"
"""待签收."""
HANDLING = "HANDLING"
"""办理中."""
SUSPENDED = "SUSPENDED"
"""挂起."""
FED_BACK = "FED_BACK"
"""已反馈待审核."""
CALLBACK = "CALLBACK"
"""待回访."""
REWORK = "REWORK"
"""重办."""
CLOSED = "CLOSED"
"""已办结."""
WITHDRAWN = "WITHDRAWN"
"""诉求人撤回."""
ARCHIVED = "ARCHIVED"
"""已归档."""
DISCARDED = "DISCARDED"
"""已作废: no demand in it; the number stays used."""

HANDLED = (DISPATCHED, HANDLING, SUSPENDED)
"""A unit has the case."""
OPEN = (TRIAGE, CONSULT, *HANDLED, FED_BACK, CALLBACK, REWORK)
"""Accepted, and not over."""
OVER = (ANSWERED, TRANSFERRED, NOT_ACCEPTED, MERGED, CLOSED, WITHDRAWN)
"""Waits for the archive."""
STATES = (DRAFT, REGISTERED, *OPEN, *OVER, ARCHIVED, DISCARDED)

DEMANDS = ("consult", "help", "complaint", "report", "opinion", "suggestion", "criticism", "praise", "other")
"""诉求类型: 咨询 求助 投诉 举报 意见 建议 批评 表扬 其他."""

PROGRESS: Mapping[str, str] = {
    DRAFT: "received",
    REGISTERED: "handling",
    **dict.fromkeys(OPEN, "handling"),
    ANSWERED: "answered",
    TRANSFERRED: "answered",
    CLOSED: "closed",
    WITHDRAWN: "closed",
    ARCHIVED: "closed",
    MERGED: "handling",
    NOT_ACCEPTED: "not_accepted",
    DISCARDED: "not_accepted",
}
"""What a citizen hears of each state (ivr.ports.PROGRESS)."""
_ENDED_AS = {"refused": "not_accepted", "answered": "answered"}


def progress(state: str, outcome: str = "", master: tuple[str, str] | None = None) -> str:
    """What a citizen hears of a case: of an archived one how it ended, of a merged one what its `master` (state and
    outcome) has come to.
    """
    if outcome == "merged" and master is not None:
        return progress(*master)
    if state == ARCHIVED:
        return "answered" if outcome.startswith("line:") else _ENDED_AS.get(outcome, PROGRESS[state])
    return PROGRESS[state]
