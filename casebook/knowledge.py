"""The knowledge base: entries with versions, owners and review dates, and the gaps that questions show in it.

Who may do what (GB/T 44191-2024 asks for owners, reviews and a way from the front desk back to them): everybody who
signs in reads; units and the back office write; the back office publishes, never the author alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from casebook.errors import CaseError

DRAFT = "draft"
"""草稿: written, never published."""
PUBLISHED = "published"
"""已发布: the front desk answers with it."""
WITHDRAWN = "withdrawn"
"""已下架: found by nobody, its versions stay."""

OPEN = "open"
FILLED = "filled"
DISMISSED = "dismissed"

PUBLISHERS = frozenset({"admin", "reviewer", "dispatcher", "supervisor"})
"""Roles of the back office that publish, withdraw and judge gaps."""
WRITERS = PUBLISHERS | {"liaison", "deputy", "shift_leader"}
"""Roles that write entries and new versions."""

UNIT_WRITERS = frozenset({"liaison", "deputy"})
"""Of them, those who write for their own unit alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """What a version says. `answer` may be read to a caller; `on_the_spot`: it closes a demand (现场答复)."""

    title: str
    answer: str
    keywords: tuple[str, ...] = ()
    basis: str = ""
    """The document that it rests on."""
    valid_from: date | None = None
    valid_to: date | None = None
    """Last day on which it is true; None for no known end."""
    on_the_spot: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """A version of an entry; it never changes."""

    n: int
    content: Content
    author: str
    written_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """An entry. `version` guards against two editors; `published_n` is the version that is found."""

    id: int
    state: str
    matter: str
    owner_unit: str
    review_due: date
    """By then the owner has to look at it again."""
    published_n: int | None
    latest_n: int
    version: int
    updated_at: datetime
    uses: int
    useful: int
    not_useful: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Happening:
    """A line of an entry's history."""

    at: datetime
    actor: str
    what: str
    n: int | None
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryDetail:
    """An entry with its versions and its history, oldest first."""

    entry: Entry
    versions: tuple[Version, ...]
    history: tuple[Happening, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """A found entry, as the published version says it. Of `score` only the order means something."""

    id: int
    n: int
    title: str
    excerpt: str
    matter: str
    owner_unit: str
    on_the_spot: bool
    in_force: bool
    """Between its first and its last day."""
    review_overdue: bool
    score: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the front desk tells a caller out of an entry."""

    entry_id: int
    n: int
    title: str
    text: str
    basis: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """A question that no entry answers; asked `times` times."""

    id: int
    question: str
    matter: str
    times: int
    first_at: datetime
    last_at: datetime
    state: str
    entry_id: int | None
    closed_by: str | None
    reason: str | None


def check_content(content: Content) -> None:
    """Raises CaseError bad_value for a version that answers nothing, or ends before it begins."""
    if not content.title.strip() or not content.answer.strip():
        raise CaseError("bad_value", "请填写标题和答复口径。")
    if content.valid_from and content.valid_to and content.valid_to < content.valid_from:
        raise CaseError("bad_value", "失效日期不能早于生效日期。")


def in_force(content: Content, today: date) -> bool:
    """Whether it is true on that day."""
    return (content.valid_from is None or content.valid_from <= today) and (
        content.valid_to is None or today <= content.valid_to
    )


def check_publisher(author: str, publisher: str) -> None:
    """Raises CaseError bad_value where the author publishes the own words."""
    if author == publisher:
        raise CaseError("bad_value", "自己写的条目须由他人审核发布。")
