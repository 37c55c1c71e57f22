"""Open311 GeoReport v2 under /open311/v2: services, public cases, and new cases from programs that have a key."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal

from fastapi import APIRouter, FastAPI, Form, Header, Path, Query, Request, Response
from pydantic import AwareDatetime, BaseModel, Field, StringConstraints

from casebook import roles
from casebook.api import open311
from casebook.api.attempts import AttemptLimit
from casebook.api.deps import Deps
from casebook.api.knowledge_deps import PublicDeps
from casebook.api.open311 import Format, Open311Error
from casebook.api.public_routes import WORDS, PublicParts, address_of
from casebook.api.schemas import Text
from casebook.errors import CaseError
from casebook.handling.commands import Register
from casebook.numbering import day_of
from casebook.roles import Actor
from casebook.store.public import PublicCase

router = APIRouter(prefix="/open311/v2", tags=["open311"])

LONGEST = timedelta(days=90)
"""The longest span of a list, as GeoReport has it."""
_MOST = 1000
_A_MINUTE = timedelta(minutes=1)
_TITLE = 30
_NO_PLACE = "无地点"
_REFUSALS: dict[int | str, dict[str, Any]] = {
    code: {"description": words}
    for code, words in (
        (400, "refused"),
        (403, "no key"),
        (404, "no such record"),
        (422, "malformed"),
        (429, "too many"),
    )
}
Kind = Annotated[Format, Path(alias="format")]
Moment = Annotated[AwareDatetime, Field(ge=datetime(2009, 1, 1, tzinfo=UTC), le=datetime(2200, 1, 1, tzinfo=UTC))]


class Limits:
    """How often an address may read, and a program may open cases, in a minute."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self.reading = AttemptLimit(60, _A_MINUTE, clock)
        self.opening = AttemptLimit(120, _A_MINUTE, clock)


class NewRequest(BaseModel):
    """The form of a new request. What it does not name (account, device, media) is not kept."""

    service_code: Annotated[str, StringConstraints(pattern=r"^\d{4}$")]
    description: Annotated[Text, StringConstraints(min_length=1, max_length=4000)]
    api_key: Annotated[str, StringConstraints(max_length=200)] = ""
    address_string: Annotated[Text, StringConstraints(max_length=200)] = ""
    lat: Annotated[float, Field(ge=-90, le=90, allow_inf_nan=False)] | None = None
    long: Annotated[float, Field(ge=-180, le=180, allow_inf_nan=False)] | None = None
    first_name: Annotated[Text, StringConstraints(max_length=50)] = ""
    last_name: Annotated[Text, StringConstraints(max_length=50)] = ""
    phone: Annotated[Text, StringConstraints(max_length=30)] = ""
    demand: Literal["consult", "help", "complaint", "opinion", "suggestion"] = Field("help", alias="attribute[demand]")


def install(app: FastAPI, clock: Callable[[], datetime]) -> None:
    """Add the routes, their limits and their form of errors."""
    app.state.open311_limits = Limits(clock)
    app.include_router(router)
    app.add_exception_handler(Open311Error, _on_refusal)


@router.get("/discovery.{format}")
def discovery(kind: Kind) -> Response:
    """Where the service is, and in which forms."""
    endpoint = {
        "specification": "http://wiki.open311.org/GeoReport_v2",
        "url": "/open311/v2",
        "changeset": "2026-11-24T00:00:00+08:00",
        "type": "production",
        "formats": ["application/json", "text/xml"],
    }
    return open311.answer("discovery", {"contact": "12345", "endpoints": [endpoint]}, kind)


@router.get("/services.{format}", responses=_REFUSALS)
def services(kind: Kind, request: Request, parts: PublicParts) -> Response:
    """Matters about which a case can be opened."""
    _limited(request)
    return open311.answer("services", [open311.service(one) for one in open311.open_matters(parts.catalogue)], kind)


@router.get("/services/{service_code}.{format}", responses=_REFUSALS)
def service_definition(service_code: str, kind: Kind, request: Request, parts: PublicParts) -> Response:
    """The attributes of a service."""
    _limited(request)
    for matter in open311.open_matters(parts.catalogue):
        if matter.code == service_code:
            return open311.answer("service_definition", open311.definition(matter), kind)
    raise Open311Error(404, "没有这个服务代码。")


@router.get("/requests.{format}", responses=_REFUSALS)
def list_requests(
    kind: Kind,
    request: Request,
    parts: PublicParts,
    deps: Deps,
    *,
    service_request_id: Annotated[str | None, Query(max_length=1000)] = None,
    service_code: Annotated[str | None, Query(max_length=500)] = None,
    start_date: Moment | None = None,
    end_date: Moment | None = None,
    status: Literal["open", "closed"] | None = None,
) -> Response:
    """Public cases: of ninety days at most, a thousand at most, the newest first."""
    _limited(request)
    if service_request_id is not None:
        return _answer(parts.cases.get(_list_of(service_request_id)), parts, kind)
    until = end_date or deps.clock() + timedelta(seconds=1)
    since = start_date or until - LONGEST
    if until - since > LONGEST:
        raise Open311Error(400, "一次最多查询 90 天。")
    codes = _list_of(service_code or "")
    names = [one.name for one in parts.catalogue.matters if one.code in codes]
    if codes and not names:
        return _answer([], parts, kind)
    return _answer(parts.cases.find(since=since, until=until, matters=names, status=status, limit=_MOST), parts, kind)


@router.get("/requests/{service_request_id}.{format}", responses=_REFUSALS)
def get_request(service_request_id: str, kind: Kind, request: Request, parts: PublicParts) -> Response:
    """One public case."""
    _limited(request)
    found = parts.cases.get([service_request_id[:40]]) if "\0" not in service_request_id else []
    if not found:
        raise Open311Error(404, "没有这个编号的诉求，或它不公开。")
    return _answer(found, parts, kind)


@router.post("/requests.{format}", status_code=201, responses=_REFUSALS)
def open_request(
    kind: Kind,
    form: Annotated[NewRequest, Form()],
    request: Request,
    parts: PublicParts,
    deps: Deps,
    idempotency_key: Annotated[str | None, Header(max_length=128)] = None,
) -> Response:
    """Open a case. The same form sent again on the same day, or with the same Idempotency-Key, is the same case."""
    program = _program(form.api_key, parts)
    if wait_s := request.app.state.open311_limits.opening.take(program):
        raise Open311Error(429, "提交太频繁，请稍后再试。", {"Retry-After": str(wait_s)})
    matter = next((one for one in open311.open_matters(parts.catalogue) if one.code == form.service_code), None)
    if matter is None:
        raise Open311Error(404, "没有这个服务代码。")
    place = form.address_string or (_NO_PLACE if form.lat is None else f"{form.lat:.6f},{form.long or 0:.6f}")
    command = Register(
        demand=form.demand,
        title=form.description.splitlines()[0][:_TITLE],
        body=form.description,
        place=place,
        matter=matter.name,
        name=form.last_name + form.first_name,
        phone=form.phone,
        anonymous=not form.phone,
        lat=form.lat,
        lng=form.long,
    )
    actor = Actor(f"open311:{program}", roles.CITIZEN)
    key = _key(form, idempotency_key, deps.clock())
    try:
        made = parts.casework.register(command, channel="app", actor=actor, idempotency_key=key)
    except CaseError as error:
        raise Open311Error(400, str(error)) from error
    notice = f"诉求编号 {made.case_no}，查询码 {made.query_code}，请妥善保存。"
    body = [{"service_request_id": made.case_no, "service_notice": notice, "account_id": None}]
    return open311.answer("service_requests", body, kind, 201)


def _answer(cases: list[PublicCase], parts: PublicDeps, kind: Format) -> Response:
    book = parts.casework.book
    names = {unit.code: unit.name for unit in book.units}
    found = [open311.request(one, parts.catalogue, WORDS, names.get(one.unit, "")) for one in cases]
    return open311.answer("service_requests", found, kind)


def _program(key: str, parts: PublicDeps) -> str:
    """The program whose key it is. All are compared, so that the time tells nothing."""
    found = [name for name, known in parts.keys.items() if hmac.compare_digest(known.encode(), key.encode())]
    if not found:
        raise Open311Error(403, "缺少有效的 api_key。")
    return found[0]


def _key(form: NewRequest, given: str | None, now: datetime) -> str:
    told = given or json.dumps([day_of(now), form.model_dump(mode="json")], ensure_ascii=False, sort_keys=True)
    return hashlib.blake2b(told.encode(), digest_size=16).hexdigest()


def _list_of(text: str) -> list[str]:
    return [part.strip()[:40] for part in text.replace("\0", "").split(",") if part.strip()][:100]


def _limited(request: Request) -> None:
    if wait_s := request.app.state.open311_limits.reading.take(address_of(request)):
        raise Open311Error(429, "查询太频繁，请稍后再试。", {"Retry-After": str(wait_s)})


def _on_refusal(request: Request, error: Exception) -> Response:
    assert isinstance(error, Open311Error)  # noqa: S101 - registered for this class
    return open311.refusal(error, "xml" if request.url.path.endswith(".xml") else "json")
