"""Bodies of the casework. A command's body is made from the command: its fields, and the version that was read."""

from __future__ import annotations

import dataclasses
import typing
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints, create_model

from casebook.api.schemas import Body, EventBody, Text, Title
from casebook.handling import commands as do
from casebook.handling.commands import Command
from casebook.handling.running import What

_EARLIEST, _LATEST = 2009, 2100
_LONG = ("body", "answer", "internal", "minutes")
_LIMITS = {"title": 100, "place": 200, "basis": 200, "name": 64, "phone": 32, "commitment": 500, "reference": 64}


def _in_our_days(moment: datetime) -> datetime:
    if not _EARLIEST <= moment.year < _LATEST:
        raise ValueError("a year that is none of ours")
    return moment


Moment = Annotated[AwareDatetime, AfterValidator(_in_our_days)]
Version = Annotated[int, Field(ge=0, le=2**31)]


def body_of_command(kind: type[Command]) -> type[BaseModel]:
    """The request body of a command."""
    hints = typing.get_type_hints(kind)
    wanted: dict[str, Any] = {"version": (Version, ...)}
    for field in dataclasses.fields(kind):
        default = ... if field.default is dataclasses.MISSING else field.default
        wanted[field.name] = (_edge_type(field.name, hints[field.name]), default)
    model: type[BaseModel] = create_model(
        f"{kind.__name__}Command", __doc__=kind.__doc__, __config__=ConfigDict(extra="forbid"), **wanted
    )
    return model


def command_of(kind: type[Command], body: BaseModel) -> Command:
    """The command that a body asks for."""
    return kind(**{field.name: getattr(body, field.name) for field in dataclasses.fields(kind)})


def _edge_type(name: str, kind: Any) -> Any:
    if kind is str:
        longest = 5000 if name in _LONG else _LIMITS.get(name, 500)
        return Annotated[Text, StringConstraints(max_length=longest)]
    if kind == tuple[str, ...]:
        return Annotated[tuple[Annotated[Text, StringConstraints(max_length=32)], ...], Field(max_length=20)]
    if kind is int:
        return Annotated[int, Field(ge=0, le=1000)]
    if kind == int | None:
        return Annotated[int, Field(ge=1, le=5)] | None
    if kind is datetime:
        return Moment
    if kind == datetime | None:
        return Moment | None
    if kind == float | None:
        return Annotated[float, Field(ge=-180, le=180, allow_inf_nan=False)] | None
    return kind


class _FromStore(BaseModel):
    model_config = ConfigDict(from_attributes=True)


class RegisterCaseBody(BaseModel):
    """A demand that has no case yet (E1 登记)."""

    model_config = ConfigDict(extra="forbid")
    channel: do.Channel
    demand: Literal["consult", "help", "complaint", "report", "opinion", "suggestion", "criticism", "praise", "other"]
    title: Title
    body: Body
    place: Annotated[Text, StringConstraints(max_length=200)] = ""
    matter: Annotated[Text, StringConstraints(max_length=64)] = ""
    region: Annotated[Text, StringConstraints(max_length=32)] = ""
    name: Annotated[Text, StringConstraints(max_length=64)] = ""
    phone: Annotated[Text, StringConstraints(max_length=32)] = ""
    reference: Annotated[Text, StringConstraints(max_length=64)] = ""
    anonymous: bool = False
    secret: bool = False
    urgent: bool = False
    about_unit: Annotated[Text, StringConstraints(max_length=32)] = ""
    commitment: Annotated[Text, StringConstraints(max_length=500)] = ""
    occurred_at: Moment | None = None
    lat: Annotated[float, Field(ge=-90, le=90, allow_inf_nan=False)] | None = None
    lng: Annotated[float, Field(ge=-180, le=180, allow_inf_nan=False)] | None = None

    def command(self) -> do.Register:
        """As the casework takes it."""
        return do.Register(**self.model_dump(exclude={"channel"}))


class RegisteredBody(_FromStore):
    """What the citizen is told."""

    case_no: str
    query_code: str


class ImportedBody(BaseModel):
    """The cases of an imported table."""

    items: list[RegisteredBody]


class OrderBody(_FromStore):
    """An order (工单)."""

    seq: int
    unit: str
    role: Literal["lead", "co"]
    basis: str
    rule: str
    dispatched_by: str
    dispatched_at: datetime | None
    sign_due_at: datetime | None
    signed_at: datetime | None
    signed_late: bool
    due_at: datetime | None
    first_due_at: datetime | None
    final: bool
    return_code: str
    returned_at: datetime | None
    extension_wd: int
    extension_signed: bool
    extensions: int
    suspended_at: datetime | None
    resume_at: datetime | None
    contacts: int
    contact_granted: bool
    feedback_pending: bool
    fed_back_at: datetime | None
    late: bool
    defects: int
    urgings: int
    unanswered: int
    result: str
    ended_at: datetime | None


class CaseRecordBody(_FromStore):
    """A case (诉求), without anybody's name and number."""

    case_no: str
    channel: str
    version: int
    state: str
    demand: str
    title: str
    body: str
    matter: str
    region: str
    place: str
    reference: str
    lat: float | None
    lng: float | None
    occurred_at: datetime | None
    urgent: bool
    secret: bool
    anonymous: bool
    about_unit: str
    commitment: str
    received_at: datetime | None
    registered_at: datetime | None
    registered_by: str | None
    due_at: datetime | None
    first_due_at: datetime | None
    triage_due_at: datetime | None
    lead_unit: str
    answer: str
    refusal: str
    refusal_by: str
    supervision: str
    supervision_due_at: datetime | None
    instructed_by: str
    attempts: int
    reached: bool
    closing_by: str
    solved: str
    satisfied: int | None
    satisfied_hotline: int | None
    reopened: int
    outcome: str
    closed_at: datetime | None
    master_no: str
    orders: list[OrderBody]


class FileBody(_FromStore):
    """An attachment."""

    id: int
    file_name: str
    media_type: str
    size: int
    sha256: str
    added_by: str
    added_at: datetime


Light = Literal["green", "yellow", "red"]


class ClockBody(_FromStore):
    """A clock that runs: what is waited for, of which unit (empty: the hotline itself), until when."""

    what: What
    unit: str
    due: datetime
    light: Light


class RouteBody(_FromStore):
    """What the catalogue says of a matter in a region."""

    id: str
    unit: str
    co_units: list[str]
    basis: str
    closable: bool


class CaseBody(_FromStore):
    """A case as the reader may see it. `chain_ok` is False where the history was tampered with."""

    case: CaseRecordBody
    masked_number: str
    events: list[EventBody]
    files: list[FileBody]
    allowed: list[str]
    light: Light
    chain_ok: bool
    clocks: list[ClockBody]
    may_reveal: bool
    route: RouteBody | None
    people: dict[str, str]
    """The names of those who acted, by what they sign in with."""
    merged: list[str]
    """The cases that were merged into this one."""


class CaseLineBody(_FromStore):
    """A line of a list."""

    case_no: str
    state: str
    demand: str
    title: str
    matter: str
    region: str
    lead_unit: str
    urgent: bool
    registered_at: datetime | None
    due_at: datetime | None
    version: int
    supervision: str
    light: Light


class CasePageBody(_FromStore):
    """A page of the list; `next_cursor` is opaque, None on the last page."""

    items: list[CaseLineBody]
    next_cursor: str | None


class WorkLineBody(_FromStore):
    """An order of the reader's unit."""

    case_no: str
    title: str
    state: str
    order: OrderBody
    light: Light


class WorkBody(BaseModel):
    """A unit's open orders, the one with the least time first, and the cases about which it is to confer (会商)."""

    items: list[WorkLineBody]
    consultations: list[CaseLineBody]


class QueueLineBody(_FromStore):
    """A case that waits for the back office. `unit` to `extension_wd` are of its open lead order."""

    case: CaseLineBody
    clock: ClockBody | None
    route: RouteBody | None
    unit: str
    dispatched_by: str
    return_code: str
    extension_wd: int
    urgings: int
    unanswered: int
    own: bool
    """The reader did the step that another one is to judge now."""


class QueueBody(_FromStore):
    """The cases of a queue, the one with the least time first; `total` counts those that are left out too."""

    items: list[QueueLineBody]
    total: int


class QueuesBody(BaseModel):
    """How many cases wait in each queue that is the reader's."""

    totals: dict[str, int]


class ReplyQuery(BaseModel):
    """A public answer that is being written."""

    model_config = ConfigDict(extra="forbid")
    answer: Annotated[Text, StringConstraints(max_length=5000)]


class FindingBody(_FromStore):
    """What an answer lacks. `must`: for this a review sends it back."""

    code: Literal["short", "missing", "empty", "gap", "personal", "template"]
    must: bool
    message: str
    quote: str


class ReplyBody(BaseModel):
    """What an answer lacks, the gravest first; empty where nothing is found."""

    findings: list[FindingBody]


class CallerQuery(BaseModel):
    """Whose telephone rings. In a body, so that no log has it."""

    phone: Annotated[Text, StringConstraints(min_length=1, max_length=32)]


class CallerBody(_FromStore):
    """The caller's last cases, the open ones first."""

    citizen_id: int | None
    items: list[CaseLineBody]


class ContactBody(BaseModel):
    """A citizen's number and name in full."""

    number: str
    name: str


class RulesBody(BaseModel):
    """What forms offer: units, regions, matters, reasons of refusal, rules."""

    units: list[dict[str, str]]
    regions: list[str]
    groups: dict[str, list[str]]
    commitments: list[str]
    refusals: list[dict[str, str]]
    limits: list[str]
    roles: dict[str, str]
    """What each role is called."""
    provisional_years: list[int]
    """Years whose make-up days are not announced yet, among this one and the next."""
