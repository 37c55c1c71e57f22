"""Voicemails of the night: the list, one of them, its sound, and what a reviewer decides."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query
from fastapi.responses import FileResponse
from pydantic import AwareDatetime

from casebook.api.deps import ApiDeps, Deps, IdempotencyKey, Reviewing
from casebook.api.problems import Problem, ProblemBody
from casebook.api.schemas import (
    DiscardBody,
    NumberBody,
    RegisterBody,
    RevealBody,
    State,
    VoicemailBody,
    VoicemailPageBody,
)
from casebook.store.users import User

_PROBLEMS: dict[int | str, dict[str, object]] = {
    code: {"model": ProblemBody, "description": words}
    for code, words in ((401, "not signed in"), (404, "no such record"), (409, "changed meanwhile"), (422, "refused"))
}
router = APIRouter(prefix="/api/v1", tags=["voicemails"], responses=_PROBLEMS)

CaseNo = Annotated[str, Path(pattern=r"^[A-Z]{1,8}\d{8,20}$", description="The case number, ungrouped.")]


@router.get("/voicemails")
def list_voicemails(
    _: Reviewing,
    deps: Deps,
    *,
    since: Annotated[AwareDatetime | None, Query(description="Calls that began at or after this moment.")] = None,
    until: Annotated[AwareDatetime | None, Query(description="Calls that began before this moment.")] = None,
    state: State | None = None,
    cursor: Annotated[str | None, Query(max_length=300)] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> VoicemailPageBody:
    """Voicemails, newest first, numbers masked."""
    page = deps.voicemails.page(since=since, until=until, state=state, cursor=cursor, limit=limit)
    return VoicemailPageBody.model_validate(page)


@router.get("/voicemails/{case_no}")
def get_voicemail(case_no: CaseNo, user: Reviewing, deps: Deps) -> VoicemailBody:
    """One voicemail with the times of its words and the history of its case."""
    return _detail(case_no, user, deps)


@router.post("/voicemails/{case_no}/register")
def register(case_no: CaseNo, body: RegisterBody, user: Reviewing, deps: Deps, key: IdempotencyKey) -> VoicemailBody:
    """Register (登记) the demand that the voicemail holds. 409 when somebody changed the case meanwhile."""
    deps.voicemails.register(
        case_no,
        version=body.version,
        actor=user.actor(),
        title=body.title,
        body=body.body,
        demand=body.demand,
        idempotency_key=key,
    )
    return _detail(case_no, user, deps)


@router.post("/voicemails/{case_no}/discard")
def discard(case_no: CaseNo, body: DiscardBody, user: Reviewing, deps: Deps, key: IdempotencyKey) -> VoicemailBody:
    """Discard (作废) a voicemail without a demand, with a reason; its number stays used."""
    deps.voicemails.discard(case_no, version=body.version, actor=user.actor(), reason=body.reason, idempotency_key=key)
    return _detail(case_no, user, deps)


@router.post("/voicemails/{case_no}/reveal")
def reveal(case_no: CaseNo, body: RevealBody, user: Reviewing, deps: Deps, _key: IdempotencyKey) -> NumberBody:
    """The caller's number in full. Who saw it and why is written into the case's history, every time."""
    if not deps.cases.rights(user.actor()).rule.contacts:
        raise Problem("forbidden")
    return NumberBody(number=deps.voicemails.reveal_number(case_no, user.name, body.reason))


def _detail(case_no: str, user: User, deps: ApiDeps) -> VoicemailBody:
    internal = deps.cases.rights(user.actor()).rule.internal
    return VoicemailBody.model_validate(deps.voicemails.get(case_no, internal=internal))


@router.get("/recordings/{recording_id}/audio", response_class=FileResponse)
def recording_audio(recording_id: Annotated[str, Path(max_length=64)], _: Reviewing, deps: Deps) -> FileResponse:
    """The recording's sound; ranges are served, so that a player can seek."""
    relative = deps.voicemails.recording_path(recording_id)
    if relative is None:
        raise Problem("recording_missing")
    root = deps.recordings_dir.resolve()
    path = (root / relative).resolve()
    if not path.is_relative_to(root) or not path.is_file():
        raise Problem("recording_missing")
    return FileResponse(path, media_type="audio/wav", content_disposition_type="inline")
