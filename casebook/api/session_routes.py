"""Signing in and out, one's own password and sessions: rows, whose token an HttpOnly cookie holds."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Request, Response

from casebook.api.deps import AnyUser, Deps, Limits, cookie_name
from casebook.api.problems import Problem
from casebook.api.schemas import OwnSessionBody, OwnSessionsBody, PasswordBody, SessionBody, SignInBody
from casebook.store.users import session_id

router = APIRouter(prefix="/api/v1/session", tags=["session"])
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
    old = request.cookies.get(cookie_name(deps))
    if old:
        deps.users.close_session(old)
    browser = "".join(letter for letter in request.headers.get("User-Agent", "") if letter.isprintable())
    token = deps.users.open_session(user.id, deps.clock(), address=address, browser=browser)
    response.set_cookie(cookie_name(deps), token, path="/", secure=deps.cookie_secure, httponly=True, samesite="strict")
    return SessionBody.of(user)


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
