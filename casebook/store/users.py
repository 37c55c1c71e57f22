"""People who may sign in, and their sessions. Passwords are kept as Argon2id (RFC 9106), tokens as SHA-256."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerifyMismatchError
from sqlalchemy import Engine, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from casebook.errors import CaseError
from casebook.roles import STAFF, Actor
from casebook.store.engine import reading
from casebook.store.schema import user_, web_session

_SESSION = timedelta(hours=12)
_LOCK_AFTER = 8
_LOCK = timedelta(minutes=10)
_SHORTEST_PASSWORD = 8


@dataclass(frozen=True, slots=True)
class User:
    """Who is signed in."""

    id: int
    name: str
    display_name: str
    role: str
    unit: str = ""
    """Code of the unit for which the person acts; empty for none."""

    def actor(self) -> Actor:
        """Who it is to a case."""
        return Actor(self.name, self.role, self.unit)


class Users:
    """Users and their sessions."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._hasher = PasswordHasher()
        # Verified for a name that nobody has, so that an unknown name takes as long as a wrong password.
        self._nobody = self._hasher.hash(secrets.token_hex())

    def add(self, name: str, password: str, role: str, display_name: str) -> None:
        """Add a user. Raises CaseError bad_value or name_taken."""
        if role not in STAFF:
            raise CaseError("bad_value", f"The role must be one of: {', '.join(STAFF)}.")
        if not name.strip() or len(name) > 64:
            raise CaseError("bad_value", "The name must have 1 to 64 characters.")
        if len(password) < _SHORTEST_PASSWORD:
            raise CaseError("bad_value", f"The password must have at least {_SHORTEST_PASSWORD} characters.")
        values = {"name": name, "display_name": display_name or name, "role": role, "failures": 0}
        try:
            with self._engine.begin() as connection:
                connection.execute(insert(user_).values(password_hash=self._hasher.hash(password), **values))
        except IntegrityError as error:
            raise CaseError("name_taken", f"There is a user '{name}' already.") from error

    def count(self) -> int:
        """How many users there are."""
        with reading(self._engine) as connection:
            return connection.execute(select(func.count()).select_from(user_)).scalar_one()

    def authenticate(self, name: str, password: str, now: datetime) -> User | None:
        """The user, or None for a wrong name or password and for a name locked after too many failures."""
        with reading(self._engine) as connection:
            row = connection.execute(select(user_).where(user_.c.name == name)).first()
        right = self._matches(row.password_hash if row else self._nobody, password)
        if row is None or (row.locked_until is not None and row.locked_until > now):
            return None
        with self._engine.begin() as connection:
            if right:
                connection.execute(update(user_).where(user_.c.id == row.id).values(failures=0, locked_until=None))
                return User(row.id, row.name, row.display_name, row.role, row.unit)
            failures = row.failures + 1
            locked = now + _LOCK if failures >= _LOCK_AFTER else None
            connection.execute(
                update(user_).where(user_.c.id == row.id).values(failures=user_.c.failures + 1, locked_until=locked)
            )
        return None

    def open_session(self, user_id: int, now: datetime) -> str:
        """A new session's token; only its digest is kept."""
        token = secrets.token_urlsafe(32)
        with self._engine.begin() as connection:
            connection.execute(delete(web_session).where(web_session.c.expires_at <= now))
            connection.execute(
                insert(web_session).values(token_hash=_digest(token), user_id=user_id, expires_at=now + _SESSION)
            )
        return token

    def user_of_session(self, token: str, now: datetime) -> User | None:
        """Whose session a token opens; None for an unknown or expired one."""
        statement = (
            select(user_.c.id, user_.c.name, user_.c.display_name, user_.c.role, user_.c.unit)
            .join(web_session, web_session.c.user_id == user_.c.id)
            .where(web_session.c.token_hash == _digest(token), web_session.c.expires_at > now)
        )
        with reading(self._engine) as connection:
            row = connection.execute(statement).first()
        return User(*row) if row else None

    def close_session(self, token: str) -> None:
        """End a session; one that has ended stays ended."""
        with self._engine.begin() as connection:
            connection.execute(delete(web_session).where(web_session.c.token_hash == _digest(token)))

    def _matches(self, stored: str, password: str) -> bool:
        try:
            return self._hasher.verify(stored, password)
        except (VerifyMismatchError, InvalidHashError):
            return False


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
