"""Voicemails of the night: the list, one of them, its sound, and what a reviewer decides."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query, Response
from fastapi.responses import FileResponse
from pydantic import AwareDatetime

from casebook.api.deps import ApiDeps, Deps, IdempotencyKey, Reviewing
from casebook.api.problems import Problem, ProblemBody
from casebook.api.schemas import (
    AgainBody,
    CallBackBody,
    ClaimBody,
    CorrectBody,
    DiscardBody,
    NextBody,
    NextVoicemailBody,
    NumberBody,
    RegisterBody,
    RevealBody,
    State,
    VoicemailBody,
    VoicemailPageBody,
)
from casebook.handling.commands import Register
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
    order: Annotated[
        Literal["newest", "worst"],
        Query(description="worst: what waits first, by danger, by how badly it was heard, by how long it waits."),
    ] = "newest",
) -> VoicemailPageBody:
    """Voicemails, numbers masked."""
    page = deps.voicemails.page(since=since, until=until, state=state, cursor=cursor, limit=limit, order=order)
    return VoicemailPageBody.model_validate(page)


@router.post("/voicemails/next")
def next_voicemail(body: NextBody, user: Reviewing, deps: Deps, _key: IdempotencyKey) -> NextVoicemailBody:
    """Hold the worst voicemail that nobody holds, or the one that this reviewer holds already (so that a request sent
    again takes no second one). A claim ends with a decision, after ten minutes without a sign of life, or when it is
    given back.
    """
    case_no = deps.voicemails.next(user.name, body.skip)
    return NextVoicemailBody(item=_detail(case_no, user, deps) if case_no else None)


@router.put("/voicemails/{case_no}/claim")
def claim(case_no: CaseNo, user: Reviewing, deps: Deps) -> ClaimBody | None:
    """Hold this voicemail, or hold it longer: who holds it now, which may be somebody else."""
    return ClaimBody.model_validate(held) if (held := deps.voicemails.reviews.take(case_no, user.name)) else None


@router.delete("/voicemails/{case_no}/claim", status_code=204)
def give_back(case_no: CaseNo, user: Reviewing, deps: Deps) -> Response:
    """Let go of this voicemail; nothing happens where somebody else holds it."""
    deps.voicemails.reviews.release(case_no, user.name)
    return Response(status_code=204)


@router.get("/voicemails/{case_no}")
def get_voicemail(case_no: CaseNo, user: Reviewing, deps: Deps) -> VoicemailBody:
    """One voicemail with the times of its words and the history of its case."""
    return _detail(case_no, user, deps)


@router.post("/voicemails/{case_no}/register")
def register(case_no: CaseNo, body: RegisterBody, user: Reviewing, deps: Deps, key: IdempotencyKey) -> VoicemailBody:
    """Register (登记) the demand that the voicemail holds. 409 when somebody changed the case meanwhile."""
    deps.voicemails.register(
        case_no, actor=user.actor(), idempotency_key=key, **body.model_dump(include=set(RegisterBody.model_fields))
    )
    return _detail(case_no, user, deps)


@router.post("/voicemails/{case_no}/register-again")
def register_again(case_no: CaseNo, body: AgainBody, user: Reviewing, deps: Deps, key: IdempotencyKey) -> VoicemailBody:
    """Register a demand that another case has already: merged (并单) by the back office, else sent to its triage with
    the advice to merge. Its citizen is told of the end as everybody is.
    """
    deps.voicemails.register_again(
        case_no,
        version=body.version,
        actor=user.actor(),
        command=Register(**body.model_dump(exclude={"version", "master_no"})),
        master_no=body.master_no,
        idempotency_key=key,
    )
    return _detail(case_no, user, deps)


@router.post("/voicemails/{case_no}/discard")
def discard(case_no: CaseNo, body: DiscardBody, user: Reviewing, deps: Deps, key: IdempotencyKey) -> VoicemailBody:
    """Discard (作废) a voicemail without a demand, with a reason; its number stays used."""
    deps.voicemails.discard(case_no, version=body.version, actor=user.actor(), reason=body.reason, idempotency_key=key)
    return _detail(case_no, user, deps)


@router.post("/voicemails/{case_no}/correction")
def correct(case_no: CaseNo, body: CorrectBody, user: Reviewing, deps: Deps, key: IdempotencyKey) -> VoicemailBody:
    """Keep the text as a person heard it, beside what the machine wrote: recognition is measured by it."""
    deps.voicemails.reviews.correct(case_no, body.text, user.name, key)
    return _detail(case_no, user, deps)


@router.post("/voicemails/{case_no}/call-back")
def call_back(case_no: CaseNo, body: CallBackBody, user: Reviewing, deps: Deps, _key: IdempotencyKey) -> VoicemailBody:
    """Have an agent call the caller back: a task of the desk, one a number. 422 for a withheld number."""
    deps.voicemails.reviews.ask_call_back(case_no, body.note)
    deps.voicemails.reviews.release(case_no, user.name)
    return _detail(case_no, user, deps)


@router.post("/voicemails/{case_no}/reveal")
def reveal(case_no: CaseNo, body: RevealBody, user: Reviewing, deps: Deps, _key: IdempotencyKey) -> NumberBody:
    """The caller's number in full. Who saw it and why is written into the case's history, every time."""
    if not deps.cases.rights(user.actor()).rule.contacts:
        raise Problem("forbidden")
    return NumberBody(number=deps.voicemails.reveal_number(case_no, user.name, body.reason))


def _detail(case_no: str, user: User, deps: ApiDeps) -> VoicemailBody:
    return VoicemailBody.model_validate(deps.voicemails.get(case_no, deps.cases.rights(user.actor())))


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
