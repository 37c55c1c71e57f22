"""Alerts of danger in voicemails, and the notices that the console shows."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query, Response

from casebook.api.deps import ApiDeps, Deps, IdempotencyKey, Reviewing, SignedIn
from casebook.api.problems import ProblemBody
from casebook.api.schemas import AcknowledgeBody, AlertBody, AlertListBody, NoticeListBody
from casebook.roles import UNIT_STAFF
from casebook.store.users import User

_PROBLEMS: dict[int | str, dict[str, object]] = {
    code: {"model": ProblemBody, "description": words}
    for code, words in ((401, "not signed in"), (404, "no such record"), (422, "refused"))
}
router = APIRouter(prefix="/api/v1", tags=["alerts"], responses=_PROBLEMS)

Id = Annotated[int, Path(ge=1, le=2**53)]


@router.get("/alerts")
def list_alerts(
    _: Reviewing,
    deps: Deps,
    *,
    unacknowledged: Annotated[bool, Query(description="Only those about which nobody has done anything yet.")] = False,
) -> AlertListBody:
    """Alerts, newest first, at most two hundred."""
    return AlertListBody.model_validate({"items": deps.alerts.items(unacknowledged=unacknowledged)})


@router.post("/alerts/{alert_id}/acknowledge")
def acknowledge(alert_id: Id, body: AcknowledgeBody, user: Reviewing, deps: Deps, _key: IdempotencyKey) -> AlertBody:
    """Say what was done (处置). The first one counts; a second one changes nothing and gets the first one's note."""
    return AlertBody.model_validate(deps.alerts.acknowledge(alert_id, user.name, body.note))


@router.get("/notices")
def list_notices(
    user: SignedIn,
    deps: Deps,
    *,
    unread: Annotated[bool, Query(description="Only those that nobody of the audience has read.")] = False,
) -> NoticeListBody:
    """Notices to the signed-in person and to the role, newest first, at most a hundred."""
    return NoticeListBody.model_validate({"items": deps.inbox.items(_audiences(user, deps), unread=unread)})


@router.post("/notices/{notice_id}/read", status_code=204)
def read_notice(notice_id: Id, user: SignedIn, deps: Deps, _key: IdempotencyKey) -> Response:
    """Mark a notice as read."""
    deps.inbox.read(notice_id, _audiences(user, deps), user.name)
    return Response(status_code=204)


def _audiences(user: User, deps: ApiDeps) -> tuple[str, ...]:
    """Who reviews voicemails is on duty; who acts for a unit hears what the unit is told."""
    duty = ("duty",) if deps.cases.rights(user.actor()).intake else ()
    unit = (f"unit:{user.unit}",) if user.unit and user.role in UNIT_STAFF else ()
    return (*duty, *unit, f"role:{user.role}", f"user:{user.name}")
