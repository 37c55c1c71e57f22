"""Accounts as administrators keep them. Each change is one transaction, with a line in the log of accounts."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, Row, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from casebook import roles
from casebook.errors import CaseError
from casebook.rulebook import Rulebook
from casebook.store.engine import contested, reading
from casebook.store.people import appoint, dismiss, note
from casebook.store.schema import account_event, user_, web_session
from casebook.store.users import Users

_POSTS = {roles.LIAISON: "liaison", roles.DEPUTY: "deputy"}
_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"
"""None that is mistaken for another on paper."""
_ONE_TIME_LETTERS = 12
_LOG = 100
_CHANGED = "这个账号刚刚被别人改过。"


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """What an administrator writes of a person."""

    display_name: str
    role: str
    unit: str = ""
    extension: str = ""


@dataclass(frozen=True, slots=True)
class Account:
    """A person who may sign in, or could once."""

    name: str
    display_name: str
    role: str
    unit: str
    extension: str
    must_change: bool
    disabled_at: datetime | None
    locked_until: datetime | None
    version: int
    sessions: int


@dataclass(frozen=True, slots=True)
class AccountEvent:
    """What was done to an account, by whom."""

    at: datetime
    actor: str
    user_name: str
    what: str
    detail: str


class Accounts:
    """Adds, changes, disables; there is always an administrator who can sign in."""

    def __init__(self, engine: Engine, users: Users, book: Rulebook) -> None:
        self._engine = engine
        self._users = users
        self._book = book

    def everybody(self, now: datetime) -> list[Account]:
        """Everybody, by name."""
        open_ = (
            select(func.count())
            .select_from(web_session)
            .where(web_session.c.user_id == user_.c.id, web_session.c.expires_at > now)
            .scalar_subquery()
        )
        names = [name for name in Account.__dataclass_fields__ if name != "sessions"]
        columns: list[Any] = [*(user_.c[name] for name in names), open_]
        statement = select(*columns).order_by(user_.c.name)
        with reading(self._engine) as connection:
            return [Account(*row) for row in connection.execute(statement)]

    def log(self) -> list[AccountEvent]:
        """What was done last, the latest first."""
        columns = [account_event.c[name] for name in AccountEvent.__dataclass_fields__]
        with reading(self._engine) as connection:
            rows = connection.execute(select(*columns).order_by(account_event.c.id.desc()).limit(_LOG))
            return [AccountEvent(*row) for row in rows]

    def add(self, name: str, profile: Profile, actor: str, now: datetime) -> str:
        """Add a person; the one-time password, told once. Raises CaseError bad_value, name_taken, stale_version."""
        self._check(profile, now)
        password = _one_time_password()
        values = {"name": name, "failures": 0, "must_change": True, "password_hash": self._users.hashed(password)}
        with contested(self._engine, _CHANGED) as connection:
            try:
                connection.execute(insert(user_).values(**values, **_columns(profile)))
            except IntegrityError as error:
                raise CaseError("name_taken", "这个用户名已经有人使用。") from error
            self._follow(connection, name, profile, actor, now)
            note(connection, now, actor, name, "added", _words(profile))
        return password

    def change(self, name: str, profile: Profile, version: int, actor: str, now: datetime) -> None:
        """Write a person's profile. Raises CaseError not_found, stale_version, bad_value, guard."""
        self._check(profile, now)
        with contested(self._engine, _CHANGED) as connection:
            row = _locked(connection, name)
            if row.version != version:
                raise CaseError("stale_version", _CHANGED)
            if row.role == roles.ADMIN != profile.role:
                _keep_an_administrator(connection, row.id)
            self._set(connection, row, _columns(profile))
            if (row.role, row.unit) != (profile.role, profile.unit) and row.disabled_at is None:
                dismiss(connection, row.id, now)
                self._follow(connection, name, profile, actor, now)
            note(connection, now, actor, name, "changed", _words(profile))

    def disable(self, name: str, actor: str, now: datetime) -> None:
        """Nobody signs in by this name any more, and whoever is signed in is not. Raises CaseError not_found, guard."""
        with contested(self._engine, _CHANGED) as connection:
            row = _locked(connection, name)
            if name == actor:
                raise CaseError("guard", "不能停用自己的账号。")
            if row.disabled_at is not None:
                return
            if row.role == roles.ADMIN:
                _keep_an_administrator(connection, row.id)
            dismiss(connection, row.id, now)
            self._set(connection, row, {"disabled_at": now})
            connection.execute(delete(web_session).where(web_session.c.user_id == row.id))
            note(connection, now, actor, name, "disabled")

    def enable(self, name: str, actor: str, now: datetime) -> None:
        """They may sign in again. Raises CaseError not_found."""
        with contested(self._engine, _CHANGED) as connection:
            row = _locked(connection, name)
            if row.disabled_at is None:
                return
            self._set(connection, row, {"disabled_at": None, "failures": 0, "locked_until": None})
            self._follow(connection, name, Profile(display_name="", role=row.role, unit=row.unit), actor, now)
            note(connection, now, actor, name, "enabled")

    def reset_password(self, name: str, actor: str, now: datetime) -> str:
        """A new one-time password, told once; every session of the person ends. Raises CaseError not_found, guard."""
        password = _one_time_password()
        hashed = self._users.hashed(password)
        with contested(self._engine, _CHANGED) as connection:
            row = _locked(connection, name)
            if name == actor:
                raise CaseError("guard", "自己的密码请在“我的账号”里修改。")
            values = {"password_hash": hashed, "must_change": True, "failures": 0, "locked_until": None}
            self._set(connection, row, values)
            connection.execute(delete(web_session).where(web_session.c.user_id == row.id))
            note(connection, now, actor, name, "reset")
        return password

    def sign_out(self, name: str, actor: str, now: datetime) -> None:
        """End every session of a person. Raises CaseError not_found."""
        with contested(self._engine, _CHANGED) as connection:
            row = _locked(connection, name)
            connection.execute(delete(web_session).where(web_session.c.user_id == row.id))
            note(connection, now, actor, name, "signed_out")

    def _check(self, profile: Profile, now: datetime) -> None:
        if profile.role not in roles.STAFF:
            raise CaseError("bad_value", "没有这个岗位。")
        if profile.unit:
            self._book.current_unit(profile.unit, now)
        if profile.role in roles.UNIT_STAFF and not profile.unit:
            raise CaseError("bad_value", "这个岗位属于一个承办单位，请选择单位。")
        if profile.unit and profile.role not in roles.UNIT_STAFF:
            raise CaseError("bad_value", "这个岗位不属于任何承办单位。")

    def _follow(self, connection: Connection, name: str, profile: Profile, actor: str, now: datetime) -> None:
        """A unit's liaison and deputy hold the post too; whoever was the liaison is it no more."""
        if kind := _POSTS.get(profile.role):
            appoint(connection, self._book.current_unit(profile.unit, now).code, kind, name, now, actor)

    def _set(self, connection: Connection, row: Row[Any], values: dict[str, Any]) -> None:
        connection.execute(update(user_).where(user_.c.id == row.id).values(**values, version=row.version + 1))


def _locked(connection: Connection, name: str) -> Row[Any]:
    row = connection.execute(select(user_).where(user_.c.name == name).with_for_update()).first()
    if row is None:
        raise CaseError("not_found", "没有这个账号。")
    return row


def _keep_an_administrator(connection: Connection, leaving_id: int) -> None:
    """Raises CaseError guard where nobody else could administer. The rows are held: two cannot leave at once."""
    active = (user_.c.role == roles.ADMIN) & user_.c.disabled_at.is_(None)
    ids = connection.scalars(select(user_.c.id).where(active).order_by(user_.c.id).with_for_update()).all()
    if not set(ids) - {leaving_id}:
        raise CaseError("guard", "这是最后一个管理员，不能停用或换岗。")


def _columns(profile: Profile) -> dict[str, Any]:
    return {name: getattr(profile, name) for name in Profile.__dataclass_fields__}


def _words(profile: Profile) -> str:
    return " ".join(filter(None, (profile.role, profile.unit, profile.extension)))


def _one_time_password() -> str:
    return "".join(secrets.choice(_LETTERS) for _ in range(_ONE_TIME_LETTERS))
