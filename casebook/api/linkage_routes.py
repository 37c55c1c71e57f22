"""Linkage: other platforms send signed messages, whoever is on duty handles them."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import AwareDatetime, BaseModel, ConfigDict, StringConstraints, ValidationError
from starlette.concurrency import run_in_threadpool

from casebook.api.deps import ApiDeps, Deps, IdempotencyKey, Reviewing
from casebook.api.problems import Problem, ProblemBody
from casebook.api.schemas import NumberBody, Reason, RevealBody, Text
from casebook.linkage import Platform, is_signed
from casebook.store.linkage import Incoming, LinkageItem

_PROBLEMS: dict[int | str, dict[str, object]] = {
    code: {"model": ProblemBody, "description": words}
    for code, words in ((401, "not signed"), (403, "not for this role"), (404, "no such record"), (422, "refused"))
}
router = APIRouter(tags=["linkage"], responses=_PROBLEMS)
Id = Annotated[int, Path(ge=1, le=2**53)]
_Name = Annotated[str, StringConstraints(pattern=r"^[!-~]{1,64}$")]


class LinkageMessage(BaseModel):
    """What a platform sends: a call or an order that it hands over, or a change of state."""

    model_config = ConfigDict(extra="forbid")

    id: _Name
    """The message's own id, the same when it is sent again."""
    kind: Literal["call", "order", "state"]
    reference: _Name
    """The number of the call or order on the platform's side."""
    title: Annotated[Text, StringConstraints(min_length=1, max_length=200)]
    body: Annotated[Text, StringConstraints(max_length=5000)] = ""
    state: Annotated[Text, StringConstraints(max_length=64)] = ""
    urgent: bool = False
    number: Annotated[str, StringConstraints(pattern=r"^(\+?[0-9]{3,20})?$")] = ""
    """The citizen's telephone number, where the citizen agreed that it is passed on."""
    sent_at: AwareDatetime


class TakenBody(BaseModel):
    """The message is in good hands; `repeated` when it had come before."""

    id: str
    repeated: bool


class LinkageItemBody(BaseModel):
    """A message as the console shows it."""

    model_config = ConfigDict(from_attributes=True)

    id: int
    platform: str
    platform_name: str
    kind: str
    reference: str
    title: str
    body: str
    state: str
    urgent: bool
    masked_number: str
    sent_at: AwareDatetime
    received_at: AwareDatetime
    handled_at: AwareDatetime | None
    handled_by: str | None
    note: str | None
    case_no: str | None
    call_id: str | None


class LinkageListBody(BaseModel):
    """Messages, newest first."""

    items: list[LinkageItemBody]


class HandleBody(BaseModel):
    """What was done with a message, and the case that came of it."""

    note: Reason
    case_no: Annotated[str, StringConstraints(pattern=r"^[A-Z]{1,8}\d{8,20}$")] | None = None


@router.post(
    "/linkage/v1/{platform}",
    status_code=202,
    openapi_extra={"requestBody": {"content": {"application/json": {"schema": LinkageMessage.model_json_schema()}}}},
)
async def receive(
    platform: Annotated[str, Path(max_length=32)], request: Request, response: Response, deps: Deps
) -> TakenBody:
    """Take a signed message: `X-Hotline-Timestamp`, and `X-Hotline-Signature`: HMAC-SHA256 of `<timestamp>.<body>`.

    202 for a new message, 200 for one that came before; whoever gets neither sends it again.
    """
    raw = await request.body()
    sender = _sender(deps, platform, request, raw)
    try:
        message = LinkageMessage.model_validate_json(raw)
    except ValidationError as error:
        raise RequestValidationError(error.errors()) from error
    if message.kind not in sender.sends:
        raise Problem("not_linked")
    fields = message.model_dump(exclude={"id"})
    incoming = Incoming(platform=sender.id, message_id=message.id, **fields)
    new = await run_in_threadpool(deps.linkage.take, incoming, sender.name, raw)
    response.status_code = 202 if new else 200
    return TakenBody(id=message.id, repeated=not new)


def _sender(deps: ApiDeps, name: str, request: Request, raw: bytes) -> Platform:
    """The platform, if it signed this. The same answer whatever is wrong: it is no way to ask who is linked."""
    headers = request.headers
    timestamp, signature = headers.get("X-Hotline-Timestamp", ""), headers.get("X-Hotline-Signature", "")
    sender = deps.platforms.get(name)
    secrets = deps.linkage_secrets.get(name, ())
    if not is_signed(secrets, timestamp, signature, raw, deps.clock()) or sender is None:
        raise Problem("bad_signature")
    return sender


@router.get("/api/v1/linkage")
def list_messages(
    _: Reviewing,
    deps: Deps,
    *,
    unhandled: Annotated[bool, Query(description="Only those with which nobody has done anything yet.")] = False,
) -> LinkageListBody:
    """Messages of other platforms, newest first, at most two hundred, numbers masked."""
    return LinkageListBody(items=[_body(deps, item) for item in deps.linkage.items(unhandled=unhandled)])


@router.post("/api/v1/linkage/{message_id}/handle")
def handle(message_id: Id, body: HandleBody, user: Reviewing, deps: Deps, _key: IdempotencyKey) -> LinkageItemBody:
    """Say what was done. The first one counts. With a case, the platform is told of its states from now on."""
    if body.case_no is not None:
        deps.cases.check_reads(body.case_no, user.actor())
    return _body(deps, deps.linkage.handle(message_id, user.name, body.note, body.case_no))


@router.post("/api/v1/linkage/{message_id}/reveal")
def reveal(message_id: Id, body: RevealBody, user: Reviewing, deps: Deps, _key: IdempotencyKey) -> NumberBody:
    """The citizen's number in full. Who saw it and why is written down, every time."""
    if not deps.cases.rights(user.actor()).rule.contacts:
        raise Problem("forbidden")
    return NumberBody(number=deps.linkage.reveal(message_id, user.name, body.reason))


def _body(deps: ApiDeps, item: LinkageItem) -> LinkageItemBody:
    platform = deps.platforms.get(item.platform)
    values = {name: getattr(item, name) for name in LinkageItemBody.model_fields if name != "platform_name"}
    return LinkageItemBody(**values, platform_name=platform.name if platform else item.platform)
