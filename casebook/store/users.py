"""People who may sign in, and their sessions. Passwords are kept as Argon2id (RFC 9106), tokens as SHA-256."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerifyMismatchError
from sqlalchemy import Engine, Row, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from casebook.errors import CaseError
from casebook.roles import STAFF, Actor
from casebook.store.engine import reading
from casebook.store.schema import user_, web_session

_SESSION = timedelta(hours=12)
_LOCK_AFTER = 8
_LOCK = timedelta(minutes=10)
LEAST_PASSWORD = 8
_SESSION_ID = 16
"""So many digits of a token's digest name a session."""


@dataclass(frozen=True, slots=True)
class User:
    """Who is signed in."""

    id: int
    name: str
    display_name: str
    role: str
    unit: str = ""
    """Code of the unit for which the person acts; empty for none."""
    extension: str = ""
    """Of the telephone at the person's usual desk; empty for none."""
    must_change: bool = False
    """Signed in with a password that somebody else made: it opens nothing but its own change."""

    def actor(self) -> Actor:
        """Who it is to a case."""
        return Actor(self.name, self.role, self.unit)


@dataclass(frozen=True, slots=True)
class Session:
    """A session of a person, as they see it. `id` names it and opens nothing."""

    id: str
    opened_at: datetime | None
    expires_at: datetime
    address: str
    browser: str


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
        if len(password) < LEAST_PASSWORD:
            raise CaseError("bad_value", f"The password must have at least {LEAST_PASSWORD} characters.")
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
        if row is None or row.disabled_at is not None or (row.locked_until is not None and row.locked_until > now):
            return None
        with self._engine.begin() as connection:
            if right:
                connection.execute(update(user_).where(user_.c.id == row.id).values(failures=0, locked_until=None))
                return _user(row)
            failures = row.failures + 1
            locked = now + _LOCK if failures >= _LOCK_AFTER else None
            connection.execute(
                update(user_).where(user_.c.id == row.id).values(failures=user_.c.failures + 1, locked_until=locked)
            )
        return None

    def vouched_for(self, name: str) -> User | None:
        """The user of that name, for whom somebody else vouches; None for nobody, and for whoever is disabled.

        A one-time password that was not used yet opens nothing any more.
        """
        mine = (user_.c.name == name) & user_.c.disabled_at.is_(None)
        with self._engine.begin() as connection:
            connection.execute(
                update(user_).where(mine, user_.c.must_change).values(password_hash="", must_change=False)
            )
            row = connection.execute(select(user_).where(mine)).first()
        return _user(row) if row else None

    def open_session(self, user_id: int, now: datetime, *, address: str = "", browser: str = "") -> str:
        """A new session's token; only its digest is kept."""
        token = secrets.token_urlsafe(32)
        values = {"address": address[:64], "browser": browser[:200], "opened_at": now, "expires_at": now + _SESSION}
        with self._engine.begin() as connection:
            connection.execute(delete(web_session).where(web_session.c.expires_at <= now))
            connection.execute(insert(web_session).values(token_hash=_digest(token), user_id=user_id, **values))
        return token

    def user_of_session(self, token: str, now: datetime) -> User | None:
        """Whose session a token opens; None for an unknown or expired one, and for a person who was disabled."""
        statement = (
            select(user_)
            .join(web_session, web_session.c.user_id == user_.c.id)
            .where(web_session.c.token_hash == _digest(token), web_session.c.expires_at > now)
            .where(user_.c.disabled_at.is_(None))
        )
        with reading(self._engine) as connection:
            row = connection.execute(statement).first()
        return _user(row) if row else None

    def sessions(self, user_id: int, now: datetime) -> list[Session]:
        """A person's open sessions, the latest first."""
        statement = (
            select(web_session)
            .where(web_session.c.user_id == user_id, web_session.c.expires_at > now)
            .order_by(web_session.c.expires_at.desc())
        )
        with reading(self._engine) as connection:
            return [
                Session(row.token_hash[:_SESSION_ID], row.opened_at, row.expires_at, row.address, row.browser)
                for row in connection.execute(statement)
            ]

    def close_sessions(self, user_id: int, *, session_id: str = "", but: str = "") -> None:
        """End a person's sessions: the one named by `session_id`, else all but that of the token `but`."""
        statement = delete(web_session).where(web_session.c.user_id == user_id)
        if session_id:
            statement = statement.where(func.substr(web_session.c.token_hash, 1, _SESSION_ID) == session_id)
        elif but:
            statement = statement.where(web_session.c.token_hash != _digest(but))
        with self._engine.begin() as connection:
            connection.execute(statement)

    def change_password(self, user_id: int, old: str, new: str, token: str) -> None:
        """One's own password; every other session of the person ends. Raises CaseError bad_value."""
        with reading(self._engine) as connection:
            stored = connection.execute(select(user_.c.password_hash).where(user_.c.id == user_id)).scalar_one()
        if not self._matches(stored, old):
            raise CaseError("bad_value", "现在的密码不对。")
        if len(new) < LEAST_PASSWORD:
            raise CaseError("bad_value", f"新密码至少 {LEAST_PASSWORD} 个字符。")
        if new == old:
            raise CaseError("bad_value", "新密码不能和现在的一样。")
        values = {"password_hash": self._hasher.hash(new), "must_change": False}
        with self._engine.begin() as connection:
            # Of the password that was looked at: a reset in between is not undone.
            same = (user_.c.id == user_id) & (user_.c.password_hash == stored)
            if not connection.execute(update(user_).where(same).values(**values)).rowcount:
                raise CaseError("stale_version", "密码刚刚被重置。")
            others = (web_session.c.user_id == user_id) & (web_session.c.token_hash != _digest(token))
            connection.execute(delete(web_session).where(others))

    def hashed(self, password: str) -> str:
        """As a password is kept."""
        return self._hasher.hash(password)

    def close_session(self, token: str) -> None:
        """End a session; one that has ended stays ended."""
        with self._engine.begin() as connection:
            connection.execute(delete(web_session).where(web_session.c.token_hash == _digest(token)))

    def _matches(self, stored: str, password: str) -> bool:
        try:
            return self._hasher.verify(stored, password)
        except (VerifyMismatchError, InvalidHashError):
            return False


def session_id(token: str) -> str:
    """The name of the session that a token opens."""
    return _digest(token)[:_SESSION_ID]


def _user(row: Row[Any]) -> User:
    return User(row.id, row.name, row.display_name, row.role, row.unit, row.extension, row.must_change)


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
