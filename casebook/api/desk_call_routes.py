"""An agent's calls: the telephone in the browser, who calls, and what comes of a call."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Path, Response

from casebook.api.case_schemas import RegisteredBody
from casebook.api.deps import Deps, IdempotencyKey
from casebook.api.desk_call_schemas import (
    CallCaseBody,
    CallerCardBody,
    DeskCallBody,
    DeskCallListBody,
    DispositionBody,
    LiveBody,
    LiveListBody,
    PhoneBody,
)
from casebook.api.desk_parts import DeskParts
from casebook.api.desk_routes import PROBLEMS, Agent, Parts, desk_action, extension_of_user, sits_at
from casebook.api.desk_schemas import DoneBody
from casebook.api.problems import Problem
from casebook.store.users import User

router = APIRouter(prefix="/api/v1/desk", tags=["desk"], responses=PROBLEMS)
CallId = Annotated[str, Path(pattern=r"^[A-Za-z0-9_.-]{1,64}$")]


@router.get("/phone")
def phone(user: Agent, parts: Parts) -> PhoneBody:
    """The telephone in the browser of the agent who sits at it, with its password. 404 where there are none."""
    extension = extension_of_user(user, parts)
    found = parts.browser_phone(extension)
    if found is None:
        raise Problem("not_found")
    return PhoneBody(extension=extension, url=found.url, uri=found.uri, name=found.name, password=found.password)


@router.get("/calls")
def live_calls(user: Agent, parts: Parts) -> LiveListBody:
    """The calls at the agent's telephones now, as the PBX has them: also after the page was loaded anew."""
    found = _live(user, parts)
    return LiveListBody(items=[LiveBody(call_id=one, state="up" if up else "ringing") for one, up in found.items()])


@router.get("/unfinished")
def unfinished(user: Agent, parts: Parts) -> DeskCallListBody:
    """The agent's calls without a case and without a word: they stay on the desk."""
    items = parts.calls.unfinished(user.name, sits_at(user, parts))
    return DeskCallListBody(items=[DeskCallBody.model_validate(one) for one in items])


@router.get("/calls/{call_id}/caller")
def caller_card(call_id: CallId, user: Agent, parts: Parts) -> CallerCardBody:
    """Who calls, for the agent whose telephone rings or who answered; nobody else."""
    if not parts.calls.owns(call_id, user.name) and call_id not in _live(user, parts):
        raise Problem("forbidden")
    return CallerCardBody.model_validate(parts.calls.card(call_id, user.actor()))


@router.put("/calls/{call_id}", status_code=204)
def took(call_id: CallId, user: Agent, parts: Parts, deps: Deps, _key: IdempotencyKey) -> Response:
    """Note that the agent answered a call; 409 where the PBX does not say so."""
    if not parts.calls.owns(call_id, user.name):
        if not _live(user, parts).get(call_id):
            raise Problem("no_call")
        parts.calls.took(call_id, user.name, extension_of_user(user, parts), deps.clock())
    return Response(status_code=204)


@router.post("/calls/{call_id}/cases", status_code=201)
def register_of_call(
    call_id: CallId, body: CallCaseBody, user: Agent, parts: Parts, deps: Deps, key: IdempotencyKey
) -> RegisteredBody:
    """Register the demand of a call: with the caller's own number, and the call as its reference."""
    _own(call_id, user, parts, deps.clock())
    command = body.command()
    own_number = "" if command.anonymous else parts.calls.number_of(call_id)
    command = replace(command, phone=command.phone or own_number, reference=call_id)
    made = deps.casework.register(command, channel="phone", actor=user.actor(), idempotency_key=key)
    parts.calls.registered(call_id, user.name, made.case_no)
    return RegisteredBody.model_validate(made)


@router.post("/calls/{call_id}/disposition", status_code=204)
def dispose(call_id: CallId, body: DispositionBody, user: Agent, parts: Parts, _key: IdempotencyKey) -> Response:
    """Say why no case comes of a call (小结)."""
    parts.calls.dispose(call_id, user.name, body.disposition, body.note)
    return Response(status_code=204)


@router.post("/call/help")
def call_for_help(user: Agent, parts: Parts, _key: IdempotencyKey) -> DoneBody:
    """Ask the shift leaders to come to the call (求助班长)."""
    live = [call_id for call_id, up in _live(user, parts).items() if up]
    if not live:
        raise Problem("no_call")
    parts.calls.call_for_help(live[0], user.name, extension_of_user(user, parts))
    return DoneBody(call_id=live[0])


@router.post("/call/retake")
def retake(user: Agent, parts: Parts, _key: IdempotencyKey) -> DoneBody:
    """Ring the agent's browser again with the call that it lost when its page was loaded anew."""
    return desk_action(parts, user, lambda desk, extension: desk.retake(extension, user.name))


def _live(user: User, parts: DeskParts) -> dict[str, bool]:
    extension = extension_of_user(user, parts)
    return parts.line.do(lambda desk: desk.calls_at(extension))


def _own(call_id: str, user: User, parts: DeskParts, now: datetime) -> None:
    """Raises Problem where the call is somebody else's; one that is answered just now becomes the agent's."""
    if parts.calls.owns(call_id, user.name):
        return
    if not _live(user, parts).get(call_id):
        raise Problem("forbidden")
    parts.calls.took(call_id, user.name, extension_of_user(user, parts), now)
