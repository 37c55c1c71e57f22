"""Signing in and out, one's own password and sessions: rows, whose token an HttpOnly cookie holds."""

from __future__ import annotations

from typing import Annotated

import structlog
from fastapi import APIRouter, Path, Query, Request, Response
from fastapi.responses import RedirectResponse

from casebook.api.deps import AnyUser, Deps, Limits, SignInLimits, cookie_name
from casebook.api.oidc import Attempt, Oidc, OidcError
from casebook.api.problems import Problem
from casebook.api.schemas import OwnSessionBody, OwnSessionsBody, PasswordBody, SessionBody, SignInBody, SignInWaysBody
from casebook.store.users import User, session_id

router = APIRouter(prefix="/api/v1/session", tags=["session"])
_ATTEMPT = "hotline-oidc"
_ATTEMPT_S = 600
SessionId = Annotated[str, Path(pattern=r"^[0-9a-f]{16}$")]


@router.post("")
def sign_in(body: SignInBody, request: Request, response: Response, deps: Deps, limits: Limits) -> SessionBody:
    """Sign in; the same sentence for an unknown user and a wrong password. Limited by name and address."""
    address = request.client.host if request.client else ""
    pair = f"{address}|{body.name.casefold()}"
    wait_s = limits.per_address.take(address) or limits.per_name.take(pair)
    if wait_s:
        raise Problem("too_many_attempts", headers={"Retry-After": str(wait_s)})
    user = deps.users.authenticate(body.name, body.password.get_secret_value(), deps.clock())
    if user is None:
        raise Problem("bad_credentials")
    limits.per_name.clear(pair)
    limits.per_address.clear(address)
    _open(user, request, response, deps)
    return SessionBody.of(user)


def _open(user: User, request: Request, response: Response, deps: Deps) -> None:
    old = request.cookies.get(cookie_name(deps))
    if old:
        deps.users.close_session(old)
    browser = "".join(letter for letter in request.headers.get("User-Agent", "") if letter.isprintable())
    address = request.client.host if request.client else ""
    token = deps.users.open_session(user.id, deps.clock(), address=address, browser=browser)
    response.set_cookie(cookie_name(deps), token, path="/", secure=deps.cookie_secure, httponly=True, samesite="strict")


@router.get("/ways")
def ways(deps: Deps) -> SignInWaysBody:
    """How one may sign in."""
    return SignInWaysBody(oidc=deps.oidc is not None)


@router.get("/oidc", response_class=RedirectResponse)
def begin_oidc(request: Request, deps: Deps, limits: Limits) -> Response:
    """Send the browser to the unified identity."""
    _count(request, limits)
    try:
        address, attempt = _provider(deps).begin()
    except OidcError as error:
        return _not_signed_in("failed", error)
    response = RedirectResponse(address, 303)
    # Lax: the provider's page sends the browser back here.
    response.set_cookie(
        _ATTEMPT,
        attempt.spelled(),
        max_age=_ATTEMPT_S,
        path="/api/v1/session/oidc",
        secure=deps.cookie_secure,
        httponly=True,
        samesite="lax",
    )
    return response


@router.get("/oidc/back", response_class=RedirectResponse)
def finish_oidc(
    request: Request,
    deps: Deps,
    limits: Limits,
    code: Annotated[str, Query(max_length=2000)] = "",
    state: Annotated[str, Query(max_length=200)] = "",
) -> Response:
    """The browser comes back with a code: whoever the provider vouches for is signed in, where there is an account."""
    _count(request, limits)
    provider = _provider(deps)
    try:
        attempt = Attempt.read(request.cookies.get(_ATTEMPT, ""), state)
        name = provider.finish(code, attempt)
    except OidcError as error:
        return _not_signed_in("failed", error)
    user = deps.users.vouched_for(name)
    if user is None:
        return _not_signed_in("unknown", None)
    response = RedirectResponse("/", 303)
    _open(user, request, response, deps)
    response.delete_cookie(_ATTEMPT, path="/api/v1/session/oidc")
    return response


def _count(request: Request, limits: SignInLimits) -> None:
    """Each of these may ask the provider, and waits for it."""
    if wait_s := limits.per_address.take(request.client.host if request.client else ""):
        raise Problem("too_many_attempts", headers={"Retry-After": str(wait_s)})


def _provider(deps: Deps) -> Oidc:
    if deps.oidc is None:
        raise Problem("not_found")
    return deps.oidc


def _not_signed_in(why: str, error: OidcError | None) -> Response:
    if error is not None:
        structlog.get_logger().warning("unified identity refused", reason=str(error))
    response = RedirectResponse(f"/?sign-in={why}", 303)
    response.delete_cookie(_ATTEMPT, path="/api/v1/session/oidc")
    return response


@router.get("")
def who_am_i(user: AnyUser) -> SessionBody:
    """Who is signed in; 401 when nobody is."""
    return SessionBody.of(user)


@router.delete("", status_code=204)
def sign_out(request: Request, response: Response, deps: Deps) -> None:
    """Close the session, also when it has ended already."""
    token = request.cookies.get(cookie_name(deps))
    if token:
        deps.users.close_session(token)
    response.delete_cookie(cookie_name(deps), path="/", secure=deps.cookie_secure, httponly=True, samesite="strict")


@router.post("/password", status_code=204)
def change_password(body: PasswordBody, user: AnyUser, request: Request, deps: Deps, limits: Limits) -> None:
    """Change one's own password; every other session of the person ends. Limited as signing in is."""
    address = request.client.host if request.client else ""
    pair = f"{address}|{user.name.casefold()}"
    if wait_s := limits.per_name.take(pair):
        raise Problem("too_many_attempts", headers={"Retry-After": str(wait_s)})
    token = request.cookies[cookie_name(deps)]
    deps.users.change_password(user.id, body.old.get_secret_value(), body.new.get_secret_value(), token)
    limits.per_name.clear(pair)


@router.get("/all")
def own_sessions(user: AnyUser, request: Request, deps: Deps) -> OwnSessionsBody:
    """Where the person is signed in."""
    here = session_id(request.cookies[cookie_name(deps)])
    items = [
        OwnSessionBody.model_validate(one).model_copy(update={"current": one.id == here})
        for one in deps.users.sessions(user.id, deps.clock())
    ]
    return OwnSessionsBody(items=items)


@router.delete("/others", status_code=204)
def close_others(user: AnyUser, request: Request, deps: Deps) -> None:
    """End every session of the person but this one."""
    deps.users.close_sessions(user.id, but=request.cookies[cookie_name(deps)])


@router.delete("/all/{one}", status_code=204)
def close_one(one: SessionId, user: AnyUser, deps: Deps) -> None:
    """End a session of the person; one that has ended stays ended."""
    deps.users.close_sessions(user.id, session_id=one)
