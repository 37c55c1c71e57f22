"""Who looked at whose number, and why: for the administrator and the bureau, who may not look themselves."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import AwareDatetime, BaseModel, ConfigDict

from casebook import roles
from casebook.api.deps import Deps, SignedIn
from casebook.api.problems import Problem, ProblemBody
from casebook.store.access import accesses

router = APIRouter(
    prefix="/api/v1", tags=["access"], responses={code: {"model": ProblemBody} for code in (400, 401, 403, 422)}
)
Word = Annotated[str | None, Query(max_length=64, pattern=r"^[^\x00]*$")]


class AccessBody(BaseModel):
    """Somebody looked."""

    model_config = ConfigDict(from_attributes=True)
    at: datetime
    actor: str
    name: str
    case_no: str
    what: str
    reason: str


class AccessPageBody(BaseModel):
    """The latest first."""

    model_config = ConfigDict(from_attributes=True)
    items: list[AccessBody]
    next_cursor: str | None


@router.get("/access-log")
def access_log(
    user: SignedIn,
    deps: Deps,
    *,
    case_no: Word = None,
    actor: Word = None,
    since: AwareDatetime | None = None,
    until: AwareDatetime | None = None,
    cursor: Annotated[str | None, Query(max_length=300)] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> AccessPageBody:
    """Looks at citizens' numbers and former cases, of a case, of a person, of a period."""
    if user.role not in (roles.ADMIN, roles.BUREAU):
        raise Problem("forbidden")
    found = accesses(
        deps.cases.engine, case_no=case_no, actor=actor, since=since, until=until, cursor=cursor, limit=limit
    )
    return AccessPageBody.model_validate(found)
