"""Signing in and out. The session is a row of the store, the browser holds only its token in an HttpOnly cookie."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from casebook.api.deps import Deps, Limits, SignedIn, cookie_name
from casebook.api.problems import Problem
from casebook.api.schemas import SessionBody, SignInBody

router = APIRouter(prefix="/api/v1/session", tags=["session"])


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
    token = deps.users.open_session(user.id, deps.clock())
    response.set_cookie(cookie_name(deps), token, path="/", secure=deps.cookie_secure, httponly=True, samesite="strict")
    return SessionBody.of(user)


@router.get("")
def who_am_i(user: SignedIn) -> SessionBody:
    """Who is signed in; 401 when nobody is."""
    return SessionBody.of(user)


@router.delete("", status_code=204)
def sign_out(request: Request, response: Response, deps: Deps) -> None:
    """Close the session, also when it has ended already."""
    token = request.cookies.get(cookie_name(deps))
    if token:
        deps.users.close_session(token)
    response.delete_cookie(cookie_name(deps), path="/", secure=deps.cookie_secure, httponly=True, samesite="strict")
