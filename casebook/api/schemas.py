"""Bodies of requests and responses. Times are ISO 8601 with a zone, lengths are milliseconds, confidences 0 to 1."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, StringConstraints

from casebook.store.users import User


def _without_nul(text: str) -> str:
    """PostgreSQL's text holds every character but this one."""
    if "\0" in text:
        raise ValueError("a NUL character")
    return text


Text = Annotated[str, StringConstraints(strip_whitespace=True), AfterValidator(_without_nul)]
Title = Annotated[Text, StringConstraints(min_length=1, max_length=100)]
Body = Annotated[Text, StringConstraints(min_length=1, max_length=5000)]
Reason = Annotated[Text, StringConstraints(max_length=500)]
State = Literal["DRAFT", "REGISTERED", "DISCARDED"]
Demand = Literal["consult", "help", "complaint", "report", "opinion", "suggestion", "criticism", "praise", "other"]


class _FromStore(BaseModel):
    model_config = ConfigDict(from_attributes=True)


class SignInBody(BaseModel):
    """Name and password."""

    name: Annotated[Text, StringConstraints(min_length=1, max_length=64)]
    password: Annotated[SecretStr, StringConstraints(min_length=1, max_length=256)]


class UserBody(BaseModel):
    """Who is signed in."""

    name: str
    display_name: str
    role: str
    unit: str
    """Code of the unit for which the person acts; empty for none."""
    extension: str = ""
    """Of the telephone at the person's usual desk; empty for none."""
    must_change: bool = False
    """The password was made by an administrator: nothing is open but its change."""


class SessionBody(BaseModel):
    """A session that is open."""

    user: UserBody

    @classmethod
    def of(cls, user: User) -> SessionBody:
        """The session of a user."""
        return cls(user=UserBody.model_validate(user, from_attributes=True))


class SignInWaysBody(BaseModel):
    """Ways to sign in beside name and password."""

    oidc: bool


class PasswordBody(BaseModel):
    """One's own password, old and new."""

    old: Annotated[SecretStr, StringConstraints(min_length=1, max_length=256)]
    new: Annotated[SecretStr, StringConstraints(min_length=1, max_length=256)]


class OwnSessionBody(_FromStore):
    """Where the person is signed in: address and browser as they were then."""

    id: str
    opened_at: datetime | None
    expires_at: datetime
    address: str
    browser: str
    current: bool = False


class OwnSessionsBody(BaseModel):
    """Open sessions, the latest first."""

    items: list[OwnSessionBody]


class AlertBody(_FromStore):
    """A danger that a voicemail speaks of: `quote` is what was heard, `phrase` the danger word it was taken for."""

    id: int
    case_no: str | None
    category: str
    name: str
    severity: Literal["emergency", "risk"]
    phrase: str
    quote: str
    found_by: Literal["text", "sound", "n-best"]
    start_ms: int
    raised_at: datetime
    acknowledged_at: datetime | None
    acknowledged_by: str | None
    note: str | None
    masked_number: str
    call_started_at: datetime


class AlertListBody(_FromStore):
    """Alerts, newest first."""

    items: list[AlertBody]


class NoticeBody(_FromStore):
    """A notice to a person of the house."""

    id: int
    kind: str
    case_no: str
    title: str
    text: str
    sent_at: datetime
    read_at: datetime | None


class NoticeListBody(_FromStore):
    """Notices, newest first."""

    items: list[NoticeBody]


class ClaimBody(_FromStore):
    """Who is reviewing a voicemail, and until when if they do nothing more."""

    reviewer: str
    name: str
    until: datetime


class VoicemailItemBody(_FromStore):
    """A line of the list."""

    case_no: str
    state: str
    demand: str
    call_id: str
    masked_number: str
    started_at: datetime
    ended_at: datetime | None
    recording_id: str | None
    sound_deleted: bool
    """By age."""
    duration_ms: int
    transcript_text: str | None
    transcript_state: Literal["pending", "done", "rejected", "failed"]
    transcript_error: str | None
    transcript_confidence: float | None
    title: str
    body: str
    version: int
    matter: str
    region: str
    place: str
    alerts: list[AlertBody]
    claim: ClaimBody | None
    call_back: bool
    """An agent is to call this number back, or does so now."""


class VoicemailPageBody(_FromStore):
    """A page of the list; `next_cursor` is opaque, None on the last page. `waiting`: how many wait for a review."""

    items: list[VoicemailItemBody]
    next_cursor: str | None
    waiting: int


class WordBody(_FromStore):
    """A piece of the text, and what the recogniser heard there; times count from the start of the recording."""

    text: str
    start_ms: int
    end_ms: int
    confidence: float | None
    heard: str
    after: str


class SuggestionBody(_FromStore):
    """A value for a field of the case, and the words that it came from."""

    kind: Literal["phone", "place", "matter", "time"]
    value: str
    quote: str
    start_ms: int
    end_ms: int
    confidence: float


class EventBody(_FromStore):
    """An event of the case's history."""

    seq: int
    type: str
    actor: str
    at: datetime
    from_state: str
    to_state: str
    payload: dict[str, Any]


class CorrectionBody(_FromStore):
    """The text as a reviewer heard it."""

    text: str
    by: str
    at: datetime


class VoicemailBody(VoicemailItemBody):
    """A voicemail in full. `chain_ok` is False where the history was tampered with."""

    words: list[WordBody]
    heard: str | None
    engine: str | None
    model: str | None
    quality: dict[str, float | None]
    suggestions: list[SuggestionBody]
    correction: CorrectionBody | None
    events: list[EventBody]
    chain_ok: bool


class NextBody(BaseModel):
    """Which voicemails this reviewer wants to leave for later."""

    skip: Annotated[
        list[Annotated[str, StringConstraints(pattern=r"^[A-Z]{1,8}\d{8,20}$")]], Field(max_length=500)
    ] = []


class NextVoicemailBody(BaseModel):
    """The voicemail that the reviewer holds now; None where none is left."""

    item: VoicemailBody | None


class RegisterBody(BaseModel):
    """What the reviewer registers; `version` is the one that was read."""

    version: int
    title: Title
    body: Body
    demand: Demand
    matter: Annotated[Text, StringConstraints(max_length=64)] = ""
    region: Annotated[Text, StringConstraints(max_length=32)] = ""
    place: Annotated[Text, StringConstraints(max_length=200)] = ""
    phone: Annotated[Text, StringConstraints(max_length=32)] = ""
    """A number to be called at; empty for the one that called."""


class AgainBody(RegisterBody):
    """A demand that another case has already."""

    master_no: Annotated[str, StringConstraints(strip_whitespace=True, pattern=r"^[A-Z]{1,8}\d{8,20}$")]


class CorrectBody(BaseModel):
    """The text as the reviewer heard it."""

    text: Annotated[Text, StringConstraints(max_length=5000)]


class CallBackBody(BaseModel):
    """What an agent is to ask the caller."""

    note: Reason = ""


class DiscardBody(BaseModel):
    """Why there is no demand in it."""

    version: int
    reason: Reason


class AcknowledgeBody(BaseModel):
    """What was done about the danger."""

    note: Reason


class RevealBody(BaseModel):
    """Why the number has to be seen."""

    reason: Reason


class NumberBody(BaseModel):
    """A caller's number in full."""

    number: str


class ReadyBody(BaseModel):
    """Each part: "ok" or its problem."""

    status: Literal["ok", "unready"]
    checks: dict[str, str]
