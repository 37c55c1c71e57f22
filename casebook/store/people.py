"""Posts in the units: chief, deputies, and exactly one liaison (承办人) at a time; who held them before is kept."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, Engine, insert, select, update

from casebook import roles
from casebook.errors import CaseError
from casebook.rulebook import Rulebook
from casebook.store.casework_schema import unit_post
from casebook.store.engine import contested, reading
from casebook.store.schema import account_event, user_

COMMAND_LINE = "(命令行)"
"""Who administers with the program `hotline`."""
KINDS = ("chief", "deputy", "liaison")
_ROLE_OF = {"deputy": roles.DEPUTY, "liaison": roles.LIAISON}


@dataclass(frozen=True, slots=True)
class Post:
    """Somebody's time in a post; `to_at` is None while it lasts."""

    unit: str
    kind: str
    name: str
    from_at: datetime
    to_at: datetime | None


class People:
    """Posts of the units."""

    def __init__(self, engine: Engine, book: Rulebook) -> None:
        self._engine = engine
        self._book = book

    def appoint(self, unit: str, kind: str, user_name: str, now: datetime, actor: str = COMMAND_LINE) -> None:
        """Give somebody a post. A liaison's or deputy's account gets the role; whoever was the liaison is it no more.

        Raises CaseError bad_value, not_found, stale_version.
        """
        if kind not in KINDS:
            raise CaseError("bad_value", f"The post must be one of: {', '.join(KINDS)}.")
        code = self._book.current_unit(unit, now).code
        with contested(self._engine, "Somebody else was appointed at the same moment.") as connection:
            appoint(connection, code, kind, user_name, now, actor)
            note(connection, now, actor, user_name, "appointed", f"{_ROLE_OF.get(kind, kind)} {code}")

    def posts(self, unit: str | None = None) -> list[Post]:
        """Who holds and held which post, the latest first."""
        statement = (
            select(unit_post.c.unit, unit_post.c.kind, user_.c.display_name, unit_post.c.from_at, unit_post.c.to_at)
            .join(user_, user_.c.id == unit_post.c.user_id)
            .order_by(unit_post.c.id.desc())
        )
        if unit is not None:
            statement = statement.where(unit_post.c.unit == unit)
        with reading(self._engine) as connection:
            return [Post(*row) for row in connection.execute(statement)]


def note(connection: Connection, now: datetime, actor: str, name: str, what: str, detail: str = "") -> None:
    """A line in the log of administration: who did what, to whose account or to which year."""
    values = {"at": now, "actor": actor, "user_name": name, "what": what, "detail": detail[:200]}
    connection.execute(insert(account_event).values(**values))


def appoint(connection: Connection, unit: str, kind: str, user_name: str, now: datetime, actor: str) -> None:
    """Give somebody a post within the transaction of a caller. Raises CaseError not_found."""
    user_id = connection.execute(select(user_.c.id).where(user_.c.name == user_name)).scalar_one_or_none()
    if user_id is None:
        raise CaseError("not_found", f"There is no user '{user_name}'.")
    held = unit_post.c.to_at.is_(None)
    # One person, one post; and one liaison a unit.
    leaving = (unit_post.c.user_id == user_id) | ((unit_post.c.unit == unit) & (unit_post.c.kind == kind))
    if kind == "deputy":
        leaving = unit_post.c.user_id == user_id
    former = select(unit_post.c.user_id).where(held, leaving, unit_post.c.user_id != user_id)
    replaced = connection.execute(select(user_.c.id, user_.c.name).where(user_.c.id.in_(former))).all()
    connection.execute(update(unit_post).where(held, leaving).values(to_at=now))
    for one in replaced:
        changed = {"unit": "", "version": user_.c.version + 1}
        connection.execute(update(user_).where(user_.c.id == one.id).values(changed))
        note(connection, now, actor, one.name, "replaced", f"{unit} {user_name}")
    connection.execute(insert(unit_post).values(unit=unit, kind=kind, user_id=user_id, from_at=now))
    role = {"role": _ROLE_OF[kind]} if kind in _ROLE_OF else {}
    appointed = {"unit": unit, "version": user_.c.version + 1, **role}
    connection.execute(update(user_).where(user_.c.id == user_id).values(appointed))


def dismiss(connection: Connection, user_id: int, now: datetime) -> None:
    """End the post that somebody holds."""
    held = unit_post.c.to_at.is_(None) & (unit_post.c.user_id == user_id)
    connection.execute(update(unit_post).where(held).values(to_at=now))
