"""Commands from the review to the archive: E16 to E25, and what goes with them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import ClassVar, Literal

from casebook.handling.command import PRIVATE, Command, Solved


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewOk(Command):
    """E16 审核通过: every point was looked at."""

    EVENT: ClassVar[str] = "review_ok"
    answers_demand: bool
    facts_given: bool
    law_cited: bool
    tone: bool
    no_template: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewBack(Command):
    """E17 退回重办; `elsewhere`: another unit is to do it."""

    EVENT: ClassVar[str] = "review_back"
    defect: Literal["off_the_point", "perfunctory", "not_contacted", "incomplete"]
    note: str
    elsewhere: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Callback(Command):
    """E18 回访. `explained`: not solved, and the back office is to judge whether it can be."""

    EVENT: ClassVar[str] = "callback"
    result: Literal["reached", "refused", "unreachable"]
    contacted: bool | None = None
    solved: Solved | None = None
    satisfied: int | None = None
    satisfied_hotline: int | None = None
    explained: bool = False
    recording: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate(Command):
    """E26 评价: what the citizen says by themselves, where no call-back asked before."""

    EVENT: ClassVar[str] = "rate"
    solved: Solved
    satisfied: int
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Close(Command):
    """E19 办结."""

    EVENT: ClassVar[str] = "close"
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProposeClose(Command):
    """E19 as 未解决-已解释, proposed."""

    EVENT: ClassVar[str] = "propose_close"
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfirmClose(Command):
    """E19 as 未解决-已解释, confirmed by somebody else."""

    EVENT: ClassVar[str] = "confirm_close"
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeclineClose(Command):
    """E19 as 未解决-已解释, declined; `rework`: it can be solved, and is to be done again."""

    EVENT: ClassVar[str] = "decline_close"
    note: str
    rework: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Reopen(Command):
    """E20 重办."""

    EVENT: ClassVar[str] = "reopen"
    reason: str
    reference: str = ""
    query_code: str = field(default="", metadata=PRIVATE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Urge(Command):
    """E21 催办."""

    EVENT: ClassVar[str] = "urge"
    note: str
    unit: str = ""
    """A unit that helps; empty for the lead."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerUrging(Command):
    """E21, answered."""

    EVENT: ClassVar[str] = "answer_urging"
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Supervise(Command):
    """E22 督办."""

    EVENT: ClassVar[str] = "supervise"
    leader: str
    """The leader of the unit who answers for it."""
    report_by: datetime
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportSupervision(Command):
    """E22, reported on by the unit: its clock stops."""

    EVENT: ClassVar[str] = "report_supervision"
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Instruct(Command):
    """领导交办."""

    EVENT: ClassVar[str] = "instruct"
    leader: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Withdraw(Command):
    """E23 撤回; `reference` is the call or the recording in which the citizen said so. The front desk, for a case that
    it may not read, names its own call with that citizen, or the query code.
    """

    EVENT: ClassVar[str] = "withdraw"
    reason: str
    reference: str
    query_code: str = field(default="", metadata=PRIVATE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Remind(Command):
    """提醒: the hotline itself has let one of its own limits pass (casebook.handling.running says which there are)."""

    EVENT: ClassVar[str] = "remind"
    what: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Archive(Command):
    """E24 归档."""

    EVENT: ClassVar[str] = "archive"


@dataclass(frozen=True, slots=True, kw_only=True)
class Correct(Command):
    """E25 更正. No correction moves a due time."""

    EVENT: ClassVar[str] = "correct"
    what: Literal[
        "demand", "matter", "region", "place", "title", "body", "about_unit", "commitment", "urgent", "secret"
    ]
    value: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CorrectContact(Command):
    """E25 of the number and the name that the case was registered with: who they are stays out of the history."""

    EVENT: ClassVar[str] = "correct_contact"
    phone: str = field(metadata=PRIVATE)
    name: str = field(default="", metadata=PRIVATE)
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GrantContact(Command):
    """The lead unit may see the name and number of somebody who wants to be kept secret."""

    EVENT: ClassVar[str] = "grant_contact"
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Attach(Command):
    """附件: the file itself lies beside the database, by its SHA-256."""

    EVENT: ClassVar[str] = "attach"
    file_name: str
    media_type: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Recount(Command):
    """重算时限: the calendar was corrected. `case_wd`, `orders_wd` ("1:10"), `signs_wd` (for signing) are the limits in
    working days of the calendar that the due times were made with. A case that has no due time gets the rulebook's, and
    its caller.
    """

    EVENT: ClassVar[str] = "recount"
    old_calendar: str
    new_calendar: str
    case_wd: int
    orders_wd: tuple[str, ...]
    signs_wd: tuple[str, ...] = ()
