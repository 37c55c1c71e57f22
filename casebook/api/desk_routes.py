"""The desk: agents log in and out, and do with a call what the telephone alone cannot."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Response

from call_router.desk import Desk
from call_router.directory import Directory
from casebook.api.deps import Deps, IdempotencyKey, SignedIn
from casebook.api.desk_parts import DeskParts
from casebook.api.desk_schemas import (
    ActionBody,
    AgentBody,
    AgentListBody,
    CallbackBody,
    CallbackListBody,
    CallRecordBody,
    CloseBody,
    ConversationBody,
    DoneBody,
    EndBody,
    Extension,
    LegBody,
    LineBody,
    LineListBody,
    LoginBody,
    OverrideBody,
    OverrideItemBody,
    OverrideListBody,
    StateBody,
    SuperviseBody,
    SwitchBody,
    ThreeBody,
    ToLineBody,
)
from casebook.api.problems import Problem, ProblemBody
from casebook.errors import CaseError
from casebook.store.users import User

PROBLEMS: dict[int | str, dict[str, object]] = {
    code: {"model": ProblemBody, "description": words}
    for code, words in (
        (401, "not signed in"),
        (403, "not this role's"),
        (404, "no such record"),
        (409, "not possible now"),
        (422, "refused"),
        (503, "the PBX is away"),
    )
}
router = APIRouter(prefix="/api/v1/desk", tags=["desk"], responses=PROBLEMS)
_AGENTS = ("agent", "shift_leader", "admin")
_LEADERS = ("shift_leader", "admin")
Id = Annotated[int, Path(ge=1, le=2**53)]


def _parts(deps: Deps) -> DeskParts:
    assert deps.desk is not None  # noqa: S101 - without it these routes are not included
    return deps.desk


def _agent(user: SignedIn) -> User:
    if user.role not in _AGENTS:
        raise Problem("forbidden")
    return user


def _leader(user: SignedIn) -> User:
    if user.role not in _LEADERS:
        raise Problem("forbidden")
    return user


Parts = Annotated[DeskParts, Depends(_parts)]
Agent = Annotated[User, Depends(_agent)]
Leader = Annotated[User, Depends(_leader)]


def sits_at(user: User, parts: DeskParts) -> str:
    """Where the agent sits; empty for nowhere."""
    states = parts.presence.states().values()
    return next((one.extension for one in states if one.user_name == user.name and one.state != "out"), "")


def extension_of_user(user: User, parts: DeskParts) -> str:
    """Where the agent sits. Raises Problem not_at_desk."""
    extension = sits_at(user, parts)
    if not extension:
        raise Problem("not_at_desk")
    return extension


def desk_action(parts: DeskParts, user: User, work: Callable[[Desk, str], Awaitable[str]]) -> DoneBody:
    extension = extension_of_user(user, parts)
    return DoneBody(call_id=parts.line.do(lambda desk: work(desk, extension)))


# --- who is there


@router.get("/agents")
def agents(_: Agent, parts: Parts) -> AgentListBody:
    """Agents' states."""
    states = parts.presence.states().values()
    return AgentListBody(
        items=[AgentBody.model_validate(state) for state in states], extensions=sorted(parts.extensions)
    )


@router.post("/login")
def login(body: LoginBody, user: Agent, parts: Parts, deps: Deps, _key: IdempotencyKey) -> AgentBody:
    """Log in (签入) at a telephone. 409 where somebody else sits there."""
    if body.extension not in parts.extensions:
        raise Problem("not_found")
    there = parts.presence.states().get(body.extension)
    if there and there.state != "out" and there.user_name != user.name:
        raise Problem("bad_state")
    for state in parts.presence.states().values():
        if state.user_name == user.name and state.extension != body.extension:
            parts.presence.set(state.extension, user.name, "out", "", deps.clock())
    parts.presence.set(body.extension, user.name, "ready", "", deps.clock())
    parts.line.refresh_queues()
    return AgentBody.model_validate(parts.presence.states()[body.extension])


@router.post("/state")
def change_state(body: StateBody, user: Agent, parts: Parts, deps: Deps, _key: IdempotencyKey) -> AgentBody:
    """Pause with a reason (示忙), be ready (示闲), wrap up (话后整理), or log out (签出)."""
    extension = extension_of_user(user, parts)
    parts.presence.set(extension, user.name, body.state, body.reason, deps.clock())
    parts.line.refresh_queues()
    return AgentBody.model_validate(parts.presence.states()[extension])


# --- the call that the agent has


@router.get("/lines")
def lines(_: Agent, parts: Parts, deps: Deps) -> LineListBody:
    """Where a call can be handed to, emergencies first."""
    directory: Directory = parts.router.directory
    found = [
        LineBody(
            id=name,
            name=line.name,
            kind=line.kind,
            emergency=line.emergency,
            open=bool(parts.router.plan(f"line:{name}", "", deps.clock())),
        )
        for name, line in directory.lines.items()
    ]
    return LineListBody(items=sorted(found, key=lambda one: not one.emergency))


@router.post("/call/transfer")
def transfer(body: ToLineBody, user: Agent, parts: Parts, _key: IdempotencyKey) -> DoneBody:
    """Hand the citizen to a line (直接转接); unanswered, the citizen comes back."""
    return desk_action(parts, user, lambda desk, extension: desk.blind(extension, body.line, user.name))


@router.post("/call/consult")
def consult(body: ToLineBody, user: Agent, parts: Parts, _key: IdempotencyKey) -> DoneBody:
    """Ask a line while the citizen waits (咨询转接)."""
    return desk_action(parts, user, lambda desk, extension: desk.consult(extension, body.line, user.name))


@router.post("/call/complete")
def complete(user: Agent, parts: Parts, _key: IdempotencyKey) -> DoneBody:
    """Give the citizen to the line that was asked."""
    return desk_action(parts, user, lambda desk, extension: desk.complete(extension, user.name))


@router.post("/call/return")
def come_back(user: Agent, parts: Parts, _key: IdempotencyKey) -> DoneBody:
    """Be with the citizen again, after holding or asking."""
    return desk_action(parts, user, lambda desk, extension: desk.come_back(extension, user.name))


@router.post("/call/three")
def three(body: ThreeBody, user: Agent, parts: Parts, _key: IdempotencyKey) -> DoneBody:
    """A three-party call (三方通话)."""
    return desk_action(parts, user, lambda desk, extension: desk.three(extension, body.line or "", user.name))


@router.post("/call/leave")
def leave(user: Agent, parts: Parts, _key: IdempotencyKey) -> DoneBody:
    """Leave a three-party call to the other two."""
    return desk_action(parts, user, lambda desk, extension: desk.leave(extension, user.name))


@router.post("/call/hold")
def hold(user: Agent, parts: Parts, _key: IdempotencyKey) -> DoneBody:
    """Let the citizen wait with music; `return` ends it."""
    return desk_action(parts, user, lambda desk, extension: desk.hold(extension, user.name))


@router.post("/call/mute")
def mute(body: SwitchBody, user: Agent, parts: Parts, _key: IdempotencyKey) -> DoneBody:
    """Nobody hears the agent (静音), or everybody again."""
    return desk_action(parts, user, lambda desk, extension: desk.mute(extension, user.name, muted=body.on))


@router.post("/call/recording-pause")
def pause_recording(body: SwitchBody, user: Agent, parts: Parts, _key: IdempotencyKey) -> DoneBody:
    """Keep a sensitive part out of the recording."""
    return desk_action(parts, user, lambda desk, extension: desk.pause_recording(extension, user.name, paused=body.on))


@router.post("/call/end")
def end(body: EndBody, user: Agent, parts: Parts, _key: IdempotencyKey) -> DoneBody:
    """End a call for the caller's conduct (规范挂断), with a reason."""
    return desk_action(parts, user, lambda desk, extension: desk.end(extension, user.name, body.reason))


@router.post("/agents/{extension}/supervise")
def supervise(extension: Extension, body: SuperviseBody, user: Leader, parts: Parts, _key: IdempotencyKey) -> DoneBody:
    """Listen in (监听), whisper (密语) or barge (强插), by the shift leader's own telephone."""
    return desk_action(parts, user, lambda desk, own: desk.supervise(own, extension, body.how, user.name))


@router.get("/calls/{call_id}")
def call_record(
    call_id: Annotated[str, Path(pattern=r"^[A-Za-z0-9_.-]{1,64}$")], _: Agent, parts: Parts
) -> CallRecordBody:
    """A call's attempts, what was done with it, and its recordings."""
    return CallRecordBody(
        call_id=call_id,
        legs=[LegBody.model_validate(leg) for leg in parts.legs.of_call(call_id)],
        actions=[ActionBody.model_validate(action) for action in parts.log.of_call(call_id)],
        conversations=[ConversationBody.model_validate(row) for row in parts.log.conversations(call_id)],
    )


# --- call-backs


@router.get("/callbacks")
def callbacks(_: Agent, parts: Parts) -> CallbackListBody:
    """Whom to call back (漏接回拨), numbers masked."""
    return CallbackListBody(items=[CallbackBody.model_validate(task) for task in parts.callbacks.open_tasks()])


@router.post("/callbacks/{task_id}/call", status_code=204)
def call_back(task_id: Id, user: Agent, parts: Parts, deps: Deps, _key: IdempotencyKey) -> Response:
    """Ring the agent's telephone, then the citizen's. Not answered, or the PBX away, the task is open again.

    409 where this agent's last attempt is less than a minute old: a request that is sent twice rings once.
    """
    extension = extension_of_user(user, parts)
    outgoing = parts.router.directory.outgoing
    if outgoing is None:
        raise Problem("closed")
    number = parts.callbacks.claim(task_id, user.name, deps.clock())
    dialled = outgoing.dialled(number)
    ours, trunk = outgoing.number, outgoing.trunk
    try:
        parts.line.do(lambda desk: desk.call_back(extension, task_id, dialled, trunk, ours, user.name))
    except CaseError:
        with suppress(CaseError):
            parts.callbacks.release(task_id, user.name, deps.clock())
        raise
    return Response(status_code=204)


@router.post("/callbacks/{task_id}/close", status_code=204)
def close_callback(
    task_id: Id, body: CloseBody, user: Agent, parts: Parts, deps: Deps, _key: IdempotencyKey
) -> Response:
    """End a call-back that this agent has taken."""
    parts.callbacks.close(task_id, user.name, reached=body.reached, note=body.note, now=deps.clock())
    return Response(status_code=204)


# --- the shift leader


@router.get("/overrides")
def overrides(_: Agent, parts: Parts, deps: Deps) -> OverrideListBody:
    """Decisions about the shifts that have not ended."""
    items = parts.presence.overrides(deps.clock())
    return OverrideListBody(items=[OverrideItemBody.model_validate(one) for one in items])


@router.post("/overrides", status_code=201)
def override(body: OverrideBody, user: Leader, parts: Parts, deps: Deps, _key: IdempotencyKey) -> OverrideListBody:
    """Put an agent on or off duty, or the line into night or day, for a while."""
    parts.presence.override(body.kind, body.agent, body.starts_at, body.ends_at, user.name, deps.clock())
    return overrides(user, parts, deps)


@router.delete("/overrides/{override_id}", status_code=204)
def cancel_override(override_id: Id, _: Leader, parts: Parts, _key: IdempotencyKey) -> Response:
    """Take a decision back."""
    parts.presence.cancel_override(override_id)
    return Response(status_code=204)
