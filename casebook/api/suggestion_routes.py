"""Suggestions while a demand is written down, and what people decided about them."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Response

from casebook.api.deps import Deps, IdempotencyKey
from casebook.api.knowledge_routes import KnowledgeParts, only
from casebook.api.knowledge_schemas import AdviceBody, AgreementListBody, AskBody, DecisionsBody
from casebook.api.problems import Problem, ProblemBody
from casebook.store.suggestions import Choice
from casebook.store.users import User
from casebook.suggest.adviser import Question

_PROBLEMS: dict[int | str, dict[str, object]] = {
    code: {"model": ProblemBody, "description": words}
    for code, words in (
        (400, "no usable key"),
        (401, "not signed in"),
        (403, "not for this role"),
        (404, "no such case"),
        (422, "refused"),
    )
}
router = APIRouter(prefix="/api/v1", tags=["suggestions"], responses=_PROBLEMS)

_OWN_ONLY = frozenset({"agent", "operator"})
"""Roles that see only the cases they registered themselves."""
_BACK_OFFICE = frozenset({"admin", "reviewer", "dispatcher", "supervisor", "shift_leader"})
Registrar = Annotated[User, Depends(only(_OWN_ONLY | _BACK_OFFICE))]
BackOffice = Annotated[User, Depends(only(_BACK_OFFICE | {"bureau", "leader"}))]


@router.post("/suggestions")
def suggest(body: AskBody, user: Registrar, parts: KnowledgeParts) -> AdviceBody:
    """Matter, place, unit, duplicates and group alarm for a demand. Changes nothing."""
    caller = ""
    if body.case_no or body.call_id:
        caller = parts.suggestions.caller_of(case_no=body.case_no or "", call_id=body.call_id or "")
    advice = parts.adviser.advise(Question(body.text, body.matter, body.region, body.place, caller, body.case_no or ""))
    if user.role in _OWN_ONLY:
        advice = replace(advice, duplicates=tuple(replace(one, title="") for one in advice.duplicates))
    return AdviceBody.model_validate(advice)


@router.post("/suggestions/{case_no}/decisions", status_code=204)
def decide(
    case_no: Annotated[str, Path(pattern=r"^[A-Z]{1,8}\d{8,20}$")],
    body: DecisionsBody,
    user: Registrar,
    parts: KnowledgeParts,
    key: IdempotencyKey,
) -> Response:
    """Keep what a person took and what had been offered: agreement is counted, the next model learns from it."""
    choices = {one.kind: Choice(tuple(one.offered), one.chosen) for one in body.choices}
    matter = choices.get("matter")
    if len(choices) != len(body.choices) or (
        matter and matter.chosen and not parts.adviser.catalogue.get(matter.chosen)
    ):
        raise Problem("bad_value")
    own_only = user.role in _OWN_ONLY
    parts.suggestions.decide(
        case_no, choices, model=body.model, actor=user.name, idempotency_key=key, own_only=own_only
    )
    return Response(status_code=204)


@router.get("/suggestions/agreement")
def agreement(
    _: BackOffice, parts: KnowledgeParts, deps: Deps, *, days: Annotated[int, Query(ge=1, le=3660)] = 30
) -> AgreementListBody:
    """How often people took what was suggested, within the last days."""
    until = deps.clock() + timedelta(seconds=1)
    return AgreementListBody.model_validate({"items": parts.suggestions.agreement(until - timedelta(days=days), until)})
