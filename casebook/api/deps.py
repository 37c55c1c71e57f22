"""What the API is built from, and how its handlers get at it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated

from fastapi import Depends, Header, Request
from prometheus_client import CollectorRegistry

from casebook.api.admin_deps import AdminDeps
from casebook.api.attempts import AttemptLimit
from casebook.api.board_hub import BoardHub
from casebook.api.desk_parts import DeskParts
from casebook.api.knowledge_deps import KnowledgeDeps, PublicDeps
from casebook.api.oidc import Oidc
from casebook.api.problems import Problem
from casebook.linkage import Platform
from casebook.store.alerts import Alerts
from casebook.store.casework import Casework
from casebook.store.files import Files
from casebook.store.linkage import Linkage
from casebook.store.notices import Inbox
from casebook.store.queries import Cases
from casebook.store.telephone_figures import TelephoneFigures
from casebook.store.users import User, Users
from casebook.store.voicemails import Voicemails


@dataclass(frozen=True, slots=True)
class ApiDeps:
    """Everything that `create_app` needs; `config` builds it."""

    casework: Casework
    cases: Cases
    files: Files
    voicemails: Voicemails
    alerts: Alerts
    inbox: Inbox
    users: Users
    recordings_dir: Path
    console_dir: Path | None
    """The built console (its index.html and assets/); None where there is none."""
    readiness: Callable[[], Mapping[str, str | None]]
    """Each part's name with what is wrong with it, or None when it is fine."""
    clock: Callable[[], datetime]
    cookie_secure: bool
    """True where the public address is https."""
    telephone: TelephoneFigures
    linkage: Linkage
    platforms: Mapping[str, Platform]
    """With whom we are linked, by their ids."""
    linkage_secrets: Mapping[str, Sequence[str]]
    board: BoardHub | None = None
    """The live board; None where there is no Redis."""
    knowledge: KnowledgeDeps | None = None
    public: PublicDeps | None = None
    """Without them, their routes are not there."""
    desk: DeskParts | None = None
    """What agents do with calls; None where there is no PBX: then its routes are not there."""
    admin: AdminDeps | None = None
    """Without it, the routes of administration are not there."""
    phone_origin: str = ""
    """ws:// or wss:// origin at which browsers reach the PBX; empty where agents do not telephone in the browser."""
    oidc: Oidc | None = None
    """The unified identity; None where there is none."""
    registry: CollectorRegistry = field(default_factory=CollectorRegistry)
    """What /metrics shows; other parts of the process may register their own figures."""


@dataclass(frozen=True, slots=True)
class SignInLimits:
    """A person mistypes a few times; an address that tries many names is no person."""

    per_name: AttemptLimit
    per_address: AttemptLimit

    @classmethod
    def by_clock(cls, clock: Callable[[], datetime]) -> SignInLimits:
        """Five attempts a name and address, thirty an address, in five minutes."""
        window = timedelta(minutes=5)
        return cls(AttemptLimit(5, window, clock), AttemptLimit(30, window, clock))


def cookie_name(deps: ApiDeps) -> str:
    """`__Host-` makes the browser refuse the cookie from anybody but this very host over https."""
    return "__Host-hotline" if deps.cookie_secure else "hotline"


async def _deps(request: Request) -> ApiDeps:
    deps: ApiDeps = request.app.state.deps
    return deps


async def _limits(request: Request) -> SignInLimits:
    limits: SignInLimits = request.app.state.sign_in_limits
    return limits


Deps = Annotated[ApiDeps, Depends(_deps)]
Limits = Annotated[SignInLimits, Depends(_limits)]


def _any_user(request: Request, deps: Deps) -> User:
    token = request.cookies.get(cookie_name(deps))
    user = deps.users.user_of_session(token, deps.clock()) if token else None
    if user is None:
        raise Problem("not_signed_in")
    return user


AnyUser = Annotated[User, Depends(_any_user)]
"""Whoever is signed in, also by a one-time password: for the routes of the session alone."""


def _signed_in(user: AnyUser) -> User:
    if user.must_change:
        raise Problem("must_change_password")
    return user


async def _idempotency_key(
    idempotency_key: Annotated[
        str | None,
        Header(description="Required. 1 to 128 visible ASCII characters; the same key is done once."),
    ] = None,
) -> str:
    key = idempotency_key or ""
    if not 1 <= len(key) <= 128 or not all("!" <= letter <= "~" for letter in key):
        raise Problem("missing_idempotency_key")
    # The store keeps it beside the actor's name in a column of limited width.
    return hashlib.blake2b(key.encode(), digest_size=16).hexdigest()


SignedIn = Annotated[User, Depends(_signed_in)]


def _reviewing(user: SignedIn, deps: Deps) -> User:
    if not deps.cases.rights(user.actor()).intake:
        raise Problem("forbidden")
    return user


Reviewing = Annotated[User, Depends(_reviewing)]
"""Somebody to whom voicemails and their alarms belong."""
IdempotencyKey = Annotated[str, Depends(_idempotency_key)]
