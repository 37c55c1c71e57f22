"""Bodies of the desk's requests and answers."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, StringConstraints

from casebook.api.schemas import Reason

Extension = Annotated[str, StringConstraints(pattern=r"^[0-9]{2,8}$")]
LineId = Annotated[str, StringConstraints(pattern=r"^[a-z0-9_]{2,20}$")]


class _FromStore(BaseModel):
    model_config = ConfigDict(from_attributes=True)


class LoginBody(BaseModel):
    """The telephone at which an agent sits."""

    extension: Extension


class StateBody(BaseModel):
    """What an agent says of themselves; a pause needs a reason."""

    state: Literal["ready", "paused", "wrapup", "out"]
    reason: Reason = ""


class AgentBody(_FromStore):
    """An agent's own word."""

    extension: str
    user_name: str
    state: Literal["ready", "paused", "wrapup", "out"]
    reason: str
    since: datetime


class AgentListBody(BaseModel):
    """Everybody who logged in or paused."""

    items: list[AgentBody]
    extensions: list[str]
    """The telephones at which an agent may sit."""


class LineBody(BaseModel):
    """A line that a call can be handed to."""

    id: str
    name: str
    kind: str
    emergency: bool
    open: bool


class LineListBody(BaseModel):
    """The directory, emergencies first."""

    items: list[LineBody]


class ToLineBody(BaseModel):
    """Which line."""

    line: LineId


class ThreeBody(BaseModel):
    """Which line to call; without one, the line that is being asked."""

    line: LineId | None = None


class SwitchBody(BaseModel):
    """On or off."""

    on: bool


class EndBody(BaseModel):
    """Why the call is ended."""

    reason: Reason


class SuperviseBody(BaseModel):
    """Listen to both, whisper to the agent, or speak to both."""

    how: Literal["listen", "whisper", "barge"]


class DoneBody(BaseModel):
    """The call that it was done to."""

    call_id: str


class CallbackBody(_FromStore):
    """A call-back; `calls` counts the calls it stands for."""

    id: int
    ani_masked: str
    last_call_id: str
    reason: Literal["requested", "missed", "abandoned"]
    state: Literal["open", "claimed"]
    calls: int
    attempts: int
    created_at: datetime
    updated_at: datetime
    claimed_by: str | None
    note: str
    """What whoever asked for it wants to know."""


class CallbackListBody(BaseModel):
    """Open call-backs: requested ones first, then the oldest."""

    items: list[CallbackBody]


class CloseBody(BaseModel):
    """How a call-back ended; giving up needs a note."""

    reached: bool
    note: Reason = ""


class OverrideBody(BaseModel):
    """A decision of the shift leader for a while."""

    kind: Literal["on", "off", "night", "day"]
    agent: Annotated[str, StringConstraints(pattern=r"^[0-9]{0,8}$")] = ""
    starts_at: AwareDatetime
    ends_at: AwareDatetime


class OverrideItemBody(_FromStore):
    """An override that has not ended."""

    id: int
    kind: Literal["on", "off", "night", "day"]
    agent: str
    starts_at: datetime
    ends_at: datetime
    made_by: str


class OverrideListBody(BaseModel):
    """Overrides, in the order in which they were made."""

    items: list[OverrideItemBody]


class LegBody(_FromStore):
    """An attempt to reach somebody."""

    kind: str
    target: str
    begun_by: str
    agent: str
    urgent: bool
    started_at: datetime
    answered_at: datetime | None
    ended_at: datetime | None
    outcome: str


class ActionBody(_FromStore):
    """What was done with a call."""

    at: datetime
    actor: str
    action: str
    detail: dict[str, str]


class ConversationBody(_FromStore):
    """A recording: the citizen left, what the citizen heard right."""

    path: str
    duration_ms: int


class CallRecordBody(BaseModel):
    """A call's attempts, what was done with it, and its recordings."""

    call_id: str
    legs: list[LegBody]
    actions: list[ActionBody]
    conversations: list[ConversationBody]
