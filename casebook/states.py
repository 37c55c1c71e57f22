"""States of a case and what may happen in each, as data. A voicemail's case begins as a DRAFT for a reviewer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from casebook.errors import CaseError

DRAFT = "DRAFT"
"""登记中: the number was issued, a person has not judged it yet."""
REGISTERED = "REGISTERED"
"""已登记."""
DISCARDED = "DISCARDED"
"""已作废: no demand in it; the number stays used."""

STATES = (DRAFT, REGISTERED, DISCARDED)
DEMANDS = ("consult", "help", "complaint", "report", "opinion", "suggestion", "criticism", "praise", "other")
"""诉求类型: 咨询 求助 投诉 举报 意见 建议 批评 表扬 其他."""

PROGRESS: Mapping[str, str] = {DRAFT: "received", REGISTERED: "handling", DISCARDED: "not_accepted"}
"""What a citizen hears of each state (ivr.ports.PROGRESS)."""


@dataclass(frozen=True, slots=True)
class Transition:
    """An event that moves a case."""

    event: str
    sources: tuple[str, ...]
    target: str


TRANSITIONS = (
    Transition("register", (DRAFT,), REGISTERED),
    Transition("discard", (DRAFT,), DISCARDED),
)


def target_of(event: str, state: str) -> str:
    """The state to which `event` leads from `state`. Raises CaseError bad_state where it is not allowed."""
    for transition in TRANSITIONS:
        if transition.event == event and state in transition.sources:
            return transition.target
    raise CaseError("bad_state", f"案件当前状态为 {state}，不能执行此操作。")
