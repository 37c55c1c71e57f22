"""Commands of the intake: E1 to E6."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import ClassVar

from casebook.handling.command import PRIVATE, Command


@dataclass(frozen=True, slots=True, kw_only=True)
class Register(Command):
    """E1 登记. A case that is a DRAFT already has its place and contact from its call."""

    EVENT: ClassVar[str] = "register"
    demand: str
    title: str
    body: str
    place: str = ""
    """无地点 where there is none."""
    matter: str = ""
    region: str = ""
    name: str = field(default="", metadata=PRIVATE)
    phone: str = field(default="", metadata=PRIVATE)
    reference: str = ""
    """The call, or the channel's own number of the demand."""
    anonymous: bool = False
    secret: bool = False
    urgent: bool = False
    about_unit: str = ""
    commitment: str = ""
    occurred_at: datetime | None = None
    lat: float | None = None
    lng: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Discard(Command):
    """作废."""

    EVENT: ClassVar[str] = "discard"
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerNow(Command):
    """E2 现场答复. Without an entry of the knowledge base the answer shows a gap in it."""

    EVENT: ClassVar[str] = "answer_now"
    answer: str
    entry: str = ""
    confirmed: bool = False
    """The caller said that it answers the question."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Transfer(Command):
    """E3 转接: only what was answered there; whoever receives a call first accepts it."""

    EVENT: ClassVar[str] = "transfer"
    line: str
    answered: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Refuse(Command):
    """E4 不予受理, proposed. `told` says that the caller heard where the matter belongs."""

    EVENT: ClassVar[str] = "refuse"
    reason: str
    told: bool
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfirmRefusal(Command):
    """E4, confirmed by somebody else."""

    EVENT: ClassVar[str] = "confirm_refusal"
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeclineRefusal(Command):
    """E4, not confirmed: the matter is the hotline's."""

    EVENT: ClassVar[str] = "decline_refusal"
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ToTriage(Command):
    """E5 转后台."""

    EVENT: ClassVar[str] = "to_triage"
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Merge(Command):
    """E6 并单."""

    EVENT: ClassVar[str] = "merge"
    master_no: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Unmerge(Command):
    """E6u: the case is one of its own again."""

    EVENT: ClassVar[str] = "unmerge"
    reason: str
