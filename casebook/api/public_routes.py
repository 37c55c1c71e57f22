"""The public query: how far a case is, by its number and the code that the citizen was given. Nothing else is told."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, FastAPI, Request
from pydantic import BaseModel, StringConstraints

from casebook.api.attempts import AttemptLimit
from casebook.api.knowledge_deps import PublicDeps
from casebook.api.knowledge_schemas import CaseNumber
from casebook.api.problems import Problem, ProblemBody
from casebook.store.public import Locked

_PROBLEMS: dict[int | str, dict[str, object]] = {
    code: {"model": ProblemBody, "description": words}
    for code, words in ((404, "wrong number or code"), (422, "refused"), (429, "too many wrong codes"))
}
router = APIRouter(prefix="/api/v1/public", tags=["public"], responses=_PROBLEMS)

WORDS = {
    "received": "已收到，等待登记",
    "handling": "正在办理",
    "answered": "已答复",
    "closed": "已办结",
    "not_accepted": "不予受理，已告知途径",
}
"""What a citizen reads of each progress."""


class ProgressQueryBody(BaseModel):
    """Case number and query code."""

    case_no: CaseNumber
    query_code: Annotated[str, StringConstraints(pattern=r"^[0-9]{4}$")]


class ProgressBody(BaseModel):
    """How far it is; `words` is for people."""

    case_no: str
    progress: Literal["received", "handling", "answered", "closed", "not_accepted"]
    words: str
    received_on: date


def install(app: FastAPI, clock: Callable[[], datetime]) -> None:
    """Add the route and its limit: twenty queries a minute and address."""
    app.state.public_limit = AttemptLimit(20, timedelta(minutes=1), clock)
    app.include_router(router)


async def public_parts(request: Request) -> PublicDeps:
    """What the public routes are built from."""
    parts: PublicDeps = request.app.state.deps.public
    return parts


PublicParts = Annotated[PublicDeps, Depends(public_parts)]


@router.post("/progress")
def progress(body: ProgressQueryBody, request: Request, parts: PublicParts) -> ProgressBody:
    """How far a case is. Three wrong codes lock number and address. A POST: no log of addresses holds a code."""
    address = address_of(request)
    # Every query writes, as it is counted before it is judged: a flood must not reach the database of the calls.
    if wait_s := request.app.state.public_limit.take(address):
        raise Problem("too_many_queries", headers={"Retry-After": str(wait_s)})
    found = parts.query.progress(body.case_no, body.query_code, address)
    if isinstance(found, Locked):
        raise Problem("too_many_queries", headers={"Retry-After": str(found.wait_s)})
    if found is None:
        raise Problem("wrong_query")
    told = {"case_no": found.case_no, "progress": found.progress, "received_on": found.received_on}
    return ProgressBody.model_validate({**told, "words": WORDS[found.progress]})


def address_of(request: Request) -> str:
    """Whence a request comes."""
    return request.client.host if request.client else ""
