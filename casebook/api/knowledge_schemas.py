"""Bodies of the knowledge base and of the suggestions. Days are ISO 8601 days of the city."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from casebook.api.schemas import Body, Reason, Text, Title
from casebook.knowledge import Content, EntryDetail

Name = Annotated[Text, StringConstraints(max_length=32)]
UnitName = Annotated[Text, StringConstraints(min_length=1, max_length=64)]
Keyword = Annotated[Text, StringConstraints(min_length=1, max_length=30)]
Question = Annotated[Text, StringConstraints(min_length=1, max_length=500)]
CaseNumber = Annotated[str, StringConstraints(pattern=r"^[A-Z]{1,8}\d{8,20}$", max_length=20)]
Day = Annotated[date, Field(ge=date(2009, 1, 1), le=date(2200, 1, 1))]
VersionNumber = Annotated[int, Field(ge=1, le=1_000_000)]


class _FromStore(BaseModel):
    model_config = ConfigDict(from_attributes=True)


class ContentBody(_FromStore):
    """What a version of an entry says."""

    title: Title
    answer: Body
    keywords: Annotated[list[Keyword], Field(max_length=20)] = []
    basis: Reason = ""
    valid_from: Day | None = None
    valid_to: Day | None = None
    on_the_spot: bool = True

    def content(self) -> Content:
        """As the store takes it."""
        return Content(**(self.model_dump() | {"keywords": tuple(self.keywords)}))


class NewEntryBody(BaseModel):
    """A new entry."""

    content: ContentBody
    matter: Name = ""
    owner_unit: UnitName
    review_due: Day


class ReviseBody(BaseModel):
    """The next version; `version` is the entry's that was read."""

    version: VersionNumber
    content: ContentBody


class PublishBody(BaseModel):
    """Which version is found from now on, and when somebody has to look at it again."""

    version: VersionNumber
    n: VersionNumber
    review_due: Day


class ReviewBody(BaseModel):
    """It was looked at and is still true."""

    version: VersionNumber
    review_due: Day
    note: Reason = ""


class WithdrawBody(BaseModel):
    """Why it is not to be found any more."""

    version: VersionNumber
    reason: Reason


class UseBody(BaseModel):
    """A case was answered with it; whether the caller said that it helped."""

    case_no: CaseNumber
    useful: bool | None = None


class EntryBody(_FromStore):
    """An entry; `published_n` is the version that is found."""

    id: int
    state: Literal["draft", "published", "withdrawn"]
    matter: str
    owner_unit: str
    review_due: date
    published_n: int | None
    latest_n: int
    version: int
    updated_at: datetime
    uses: int
    useful: int
    not_useful: int


class EntryListBody(_FromStore):
    """Entries, the first to be looked at again first."""

    items: list[EntryBody]


class SavedContentBody(_FromStore):
    """What a version says."""

    title: str
    answer: str
    keywords: list[str]
    basis: str
    valid_from: date | None
    valid_to: date | None
    on_the_spot: bool


class EntryVersionBody(_FromStore):
    """A version; it never changes."""

    n: int
    content: SavedContentBody
    author: str
    written_at: datetime


class HappeningBody(_FromStore):
    """A line of the entry's history."""

    at: datetime
    actor: str
    what: str
    n: int | None
    note: str


class EntryDetailBody(EntryBody):
    """An entry in full. To roles that do not write, only the published version is shown."""

    versions: list[EntryVersionBody]
    history: list[HappeningBody]

    @classmethod
    def of(cls, detail: EntryDetail, *, everything: bool) -> EntryDetailBody:
        """The entry as somebody may see it."""
        shown = [one for one in detail.versions if everything or one.n == detail.entry.published_n]
        return cls(
            **EntryBody.model_validate(detail.entry).model_dump(),
            versions=[EntryVersionBody.model_validate(one) for one in shown],
            history=[HappeningBody.model_validate(one) for one in detail.history] if everything else [],
        )


class HitBody(_FromStore):
    """A found entry."""

    id: int
    n: int
    title: str
    excerpt: str
    matter: str
    owner_unit: str
    on_the_spot: bool
    in_force: bool
    review_overdue: bool


class HitListBody(_FromStore):
    """Found entries, best first."""

    items: list[HitBody]


class AnswerBody(_FromStore):
    """What is told to the caller, word for word."""

    entry_id: int
    n: int
    title: str
    text: str
    basis: str


class GapBody(_FromStore):
    """A question that no entry answers."""

    id: int
    question: str
    matter: str
    times: int
    first_at: datetime
    last_at: datetime
    state: Literal["open", "filled", "dismissed"]
    entry_id: int | None
    closed_by: str | None
    reason: str | None


class GapListBody(_FromStore):
    """Gaps, the most asked first."""

    items: list[GapBody]


class NewGapBody(BaseModel):
    """A question that no entry answers, and the case in which it was asked."""

    question: Question
    matter: Name = ""
    case_no: CaseNumber | None = None


class CloseGapBody(BaseModel):
    """The entry that answers it, or the reason why there is to be none."""

    entry_id: Annotated[int, Field(ge=1, le=2**53)] | None = None
    reason: Reason = ""


class AskBody(BaseModel):
    """A demand that is being written down. `case_no` or `call_id` tells who calls."""

    text: Annotated[Text, StringConstraints(min_length=1, max_length=5000)]
    matter: Name = ""
    region: Name = ""
    place: Annotated[Text, StringConstraints(max_length=200)] = ""
    case_no: CaseNumber | None = None
    call_id: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.-]{1,64}$")] | None = None


class MatterGuessBody(_FromStore):
    """A matter and how probable it is. `accepted` is False where the caller is told where it belongs instead."""

    name: str
    group: str
    probability: float
    accepted: bool


class PlaceGuessBody(_FromStore):
    """A place that the text names."""

    region: str
    place: str
    quote: str


class UnitGuessBody(_FromStore):
    """The unit that the catalogue names, and why."""

    unit: str
    name: str
    co_units: list[str]
    basis: str
    closable: bool


class DuplicateBody(_FromStore):
    """A case that may be the same demand. Its title is empty for roles that see only their own cases."""

    case_no: str
    state: str
    received_at: datetime
    title: str
    reasons: list[Literal["caller", "place", "text"]]
    likeness: float


class GroupAlarmBody(_FromStore):
    """Many citizens speak of the same within `hours`; `usual` would be usual."""

    citizens: int
    hours: int
    usual: float
    chance: float


class AdviceBody(_FromStore):
    """What is suggested; a person decides. `model` is empty while the model is being made: then no matter is."""

    matters: list[MatterGuessBody]
    fill_in: str
    place: PlaceGuessBody | None
    unit: UnitGuessBody | None
    duplicates: list[DuplicateBody]
    group: GroupAlarmBody | None
    model: str


class ChoiceBody(BaseModel):
    """What was offered, best first, and what a person took; empty for none of them."""

    kind: Literal["matter", "region", "unit", "duplicate"]
    offered: Annotated[list[Annotated[Text, StringConstraints(min_length=1, max_length=64)]], Field(max_length=10)]
    chosen: Annotated[Text, StringConstraints(max_length=64)]


class DecisionsBody(BaseModel):
    """What a person decided about the suggestions for a case. `model` is the one of the advice."""

    model: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{0,64}$")]
    choices: Annotated[list[ChoiceBody], Field(min_length=1, max_length=4)]


class AgreementBody(_FromStore):
    """Of `decided` suggestions, how many people took as the first offer, and how many as any offer."""

    kind: str
    decided: int
    first: int
    offered: int


class AgreementListBody(_FromStore):
    """By kind of suggestion."""

    items: list[AgreementBody]
