"""Posts in the units: chief, deputies, and exactly one liaison (承办人) at a time; who held them before is kept."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, Engine, insert, select, update
from sqlalchemy.exc import IntegrityError

from casebook import roles
from casebook.errors import CaseError
from casebook.rulebook import Rulebook
from casebook.store.casework_schema import unit_post
from casebook.store.engine import reading
from casebook.store.schema import user_

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

    def appoint(self, unit: str, kind: str, user_name: str, now: datetime) -> None:
        """Give somebody a post. A liaison's or deputy's account gets the role; whoever was the liaison is it no more.

        Raises CaseError bad_value, not_found, stale_version.
        """
        if kind not in KINDS:
            raise CaseError("bad_value", f"The post must be one of: {', '.join(KINDS)}.")
        code = self._book.current_unit(unit, now).code
        try:
            with self._engine.begin() as connection:
                appoint(connection, code, kind, user_name, now)
        except IntegrityError as error:
            raise CaseError("stale_version", "Somebody else was appointed at the same moment.") from error

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


def appoint(connection: Connection, unit: str, kind: str, user_name: str, now: datetime) -> None:
    """Give somebody a post within the transaction of a caller. Raises CaseError not_found."""
    user_id = connection.execute(select(user_.c.id).where(user_.c.name == user_name)).scalar_one_or_none()
    if user_id is None:
        raise CaseError("not_found", f"There is no user '{user_name}'.")
    held = unit_post.c.to_at.is_(None)
    # One person, one post; and one liaison a unit.
    leaving = (unit_post.c.user_id == user_id) | ((unit_post.c.unit == unit) & (unit_post.c.kind == kind))
    if kind == "deputy":
        leaving = unit_post.c.user_id == user_id
    former = connection.scalars(select(unit_post.c.user_id).where(held, leaving)).all()
    connection.execute(update(unit_post).where(held, leaving).values(to_at=now))
    connection.execute(update(user_).where(user_.c.id.in_(former)).values(unit=""))
    connection.execute(insert(unit_post).values(unit=unit, kind=kind, user_id=user_id, from_at=now))
    role = {"role": _ROLE_OF[kind]} if kind in _ROLE_OF else {}
    connection.execute(update(user_).where(user_.c.id == user_id).values(unit=unit, **role))


def dismiss(connection: Connection, user_id: int, now: datetime) -> None:
    """End the post that somebody holds."""
    held = unit_post.c.to_at.is_(None) & (unit_post.c.user_id == user_id)
    connection.execute(update(unit_post).where(held).values(to_at=now))
