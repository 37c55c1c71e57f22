"""Telling somebody: a notice is written with what it tells of, and goes out by each of its channels as a job.

In the console it is a row that is there at once; a webhook or a text message is an outbox row for each addressee, so
that one that cannot be reached holds up no other.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import Connection, Engine, select, update

from casebook.errors import CaseError
from casebook.store.cases import add_effect
from casebook.store.engine import insert_for, reading
from casebook.store.schema import notice

IN_APP = "in_app"
JOB = "notify"
_SHOWN = 100


@dataclass(frozen=True, slots=True)
class Address:
    """A channel (in_app, webhook, sms), and whom it reaches there: a role, or a name that the sender resolves."""

    channel: str
    to: str


Routes = Mapping[str, Sequence[Address]]
"""Who is told of each kind of notice."""


@dataclass(frozen=True, slots=True)
class Notice:
    """What is told. `key` is its own for ever: the same notice is sent once."""

    kind: str
    key: str
    case_no: str
    title: str
    text: str


@dataclass(frozen=True, slots=True)
class InboxItem:
    """A notice as the console shows it."""

    id: int
    kind: str
    case_no: str
    title: str
    text: str
    sent_at: datetime
    read_at: datetime | None


def send(connection: Connection, what: Notice, routes: Routes, now: datetime) -> None:
    """Write a notice and its deliveries into the transaction of what it tells of."""
    for address in routes.get(what.kind, ()):
        if address.channel == IN_APP:
            _put_in_inbox(connection, what, address.to, now)
            continue
        payload = {
            "channel": address.channel,
            "to": address.to,
            "kind": what.kind,
            "key": what.key,
            "case_no": what.case_no,
            "title": what.title,
            "text": what.text,
            "at": now.isoformat(timespec="seconds"),
        }
        add_effect(connection, JOB, f"{JOB}:{address.channel}:{address.to}:{what.key}", payload, now)


def _put_in_inbox(connection: Connection, what: Notice, audience: str, now: datetime) -> None:
    connection.execute(
        insert_for(connection, notice)
        .values(
            key=f"{audience}:{what.key}",
            kind=what.kind,
            audience=audience,
            case_no=what.case_no,
            title=what.title,
            text=what.text,
            sent_at=now,
        )
        .on_conflict_do_nothing(index_elements=["key"])
    )


class Inbox:
    """The console's notices. What one of an audience has read is read for all of it."""

    def __init__(self, engine: Engine, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._engine = engine
        self._clock = clock

    def items(self, audiences: Sequence[str], *, unread: bool) -> list[InboxItem]:
        """The newest hundred for any of the audiences, newest first."""
        statement = (
            select(
                notice.c.id,
                notice.c.kind,
                notice.c.case_no,
                notice.c.title,
                notice.c.text,
                notice.c.sent_at,
                notice.c.read_at,
            )
            .where(notice.c.audience.in_(audiences))
            .order_by(notice.c.id.desc())
            .limit(_SHOWN)
        )
        if unread:
            statement = statement.where(notice.c.read_at.is_(None))
        with reading(self._engine) as connection:
            return [InboxItem(*row) for row in connection.execute(statement)]

    def read(self, notice_id: int, audiences: Sequence[str], actor: str) -> None:
        """Mark as read, once. Raises CaseError not_found."""
        with self._engine.begin() as connection:
            mine = (notice.c.id == notice_id) & notice.c.audience.in_(audiences)
            if connection.execute(select(notice.c.id).where(mine)).first() is None:
                raise CaseError("not_found", "没有这条通知。")
            connection.execute(
                update(notice).where(mine, notice.c.read_at.is_(None)).values(read_at=self._clock(), read_by=actor)
            )
