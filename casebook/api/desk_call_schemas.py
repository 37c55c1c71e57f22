"""Bodies of an agent's calls: who calls, and what comes of it."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, StringConstraints

from casebook.api.case_schemas import CaseLineBody, RegisterCaseBody
from casebook.api.schemas import Reason
from casebook.handling import commands as do
from casebook.store.desk_calls import Disposition

CallId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.-]{1,64}$")]


class _FromStore(BaseModel):
    model_config = ConfigDict(from_attributes=True)


class PhoneBody(_FromStore):
    """What the agent's own browser registers its telephone with."""

    extension: str
    url: str
    uri: str
    name: str
    password: str


class LiveBody(BaseModel):
    """A call at the agent's telephones."""

    call_id: str
    state: Literal["ringing", "up"]


class LiveListBody(BaseModel):
    """The calls that are at the agent's telephones now."""

    items: list[LiveBody]


class CallerCardBody(_FromStore):
    """Who calls: the number masked, the last cases, the open ones first. `known`: there is a number."""

    call_id: str
    masked_number: str
    started_at: datetime | None
    known: bool
    cases: list[CaseLineBody]


class DeskCallBody(_FromStore):
    """A call that the agent answered, without a case and without a word so far."""

    call_id: str
    masked_number: str
    started_at: datetime | None
    answered_at: datetime
    ended_at: datetime | None


class DeskCallListBody(BaseModel):
    """The oldest first."""

    items: list[DeskCallBody]


class CallCaseBody(RegisterCaseBody):
    """A demand that a caller makes. Who calls is known from the call; `phone` is another number to be reached at."""

    channel: do.Channel = "phone"


class DispositionBody(BaseModel):
    """Why no case comes of a call; `other` needs a note."""

    disposition: Disposition
    note: Reason = ""
