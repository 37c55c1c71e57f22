"""Commands from the dispatch to the feedback: E7 to E15."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Literal

from casebook.handling.command import Command, Solved


@dataclass(frozen=True, slots=True, kw_only=True)
class Dispatch(Command):
    """E7 派单. No unit: the catalogue's. Another than the catalogue's needs a written basis; after a consultation, the
    minutes.
    """

    EVENT: ClassVar[str] = "dispatch"
    unit: str = ""
    co_units: tuple[str, ...] = ()
    basis: str = ""
    limit_rule: str = ""
    minutes: str = ""
    contact_granted: bool = False
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recall(Command):
    """收回: the case went to the wrong unit, or may not be its alone; it is dispatched anew."""

    EVENT: ClassVar[str] = "recall"
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Sign(Command):
    """E8 签收."""

    EVENT: ClassVar[str] = "sign"


@dataclass(frozen=True, slots=True, kw_only=True)
class CoSign(Command):
    """E8 by a unit that helps; the system names the unit."""

    EVENT: ClassVar[str] = "co_sign"
    unit: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReturnOrder(Command):
    """E9 退单."""

    EVENT: ClassVar[str] = "return_order"
    code: Literal["not_ours", "other_region", "duplicate", "legal_procedure", "unclear"]
    law: str
    proposed_unit: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AcceptReturn(Command):
    """E10, accepted."""

    EVENT: ClassVar[str] = "accept_return"
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RejectReturn(Command):
    """E10, rejected: the unit has it for good (指定办理)."""

    EVENT: ClassVar[str] = "reject_return"
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CoReturn(Command):
    """E9 by a unit that helps."""

    EVENT: ClassVar[str] = "co_return"
    code: Literal["not_ours", "other_region", "duplicate", "legal_procedure", "unclear"]
    law: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AcceptCoReturn(Command):
    """E10 of a unit that helps, accepted: the others go on without it."""

    EVENT: ClassVar[str] = "accept_co_return"
    unit: str
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RejectCoReturn(Command):
    """E10 of a unit that helps, rejected: it helps for good."""

    EVENT: ClassVar[str] = "reject_co_return"
    unit: str
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Consult(Command):
    """E11 会商."""

    EVENT: ClassVar[str] = "consult"
    units: tuple[str, ...]
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contact(Command):
    """E12 联系群众."""

    EVENT: ClassVar[str] = "contact"
    contacted_at: datetime
    how: Literal["phone", "visit", "message"]
    result: str
    proof: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestExtension(Command):
    """E13 延期, asked for before expiry. `days` are working days."""

    EVENT: ClassVar[str] = "request_extension"
    days: int
    reason: str
    law: str
    citizen_informed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class SignExtension(Command):
    """E13, signed by the deputy."""

    EVENT: ClassVar[str] = "sign_extension"


@dataclass(frozen=True, slots=True, kw_only=True)
class DropExtension(Command):
    """E13, taken back by the liaison or not signed by the deputy."""

    EVENT: ClassVar[str] = "drop_extension"
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ApproveExtension(Command):
    """E13, granted."""

    EVENT: ClassVar[str] = "approve_extension"
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RejectExtension(Command):
    """E13, not granted."""

    EVENT: ClassVar[str] = "reject_extension"
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Suspend(Command):
    """E14 挂起."""

    EVENT: ClassVar[str] = "suspend"
    cause: Literal["citizen_material", "objective"]
    until: datetime
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Resume(Command):
    """E14, over."""

    EVENT: ClassVar[str] = "resume"


@dataclass(frozen=True, slots=True, kw_only=True)
class Feedback(Command):
    """E15 反馈, written by the liaison."""

    EVENT: ClassVar[str] = "feedback"
    true_claim: bool
    contacted: bool
    solved: Solved
    unsolved_reason: str = ""
    internal: str
    answer: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SignFeedback(Command):
    """E15, signed by the deputy: this moment counts."""

    EVENT: ClassVar[str] = "sign_feedback"


@dataclass(frozen=True, slots=True, kw_only=True)
class CoFeedback(Command):
    """E15 of a unit that helps."""

    EVENT: ClassVar[str] = "co_feedback"
    internal: str
