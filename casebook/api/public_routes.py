"""What citizens do on the public page: ask how far a case is, say how well it was done, and leave a demand.

Number and query code are all that opens a case here, and nothing of it is told but its progress.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import asdict
from datetime import date, datetime, timedelta
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, FastAPI, Request
from pydantic import AfterValidator, BaseModel, Field, StringConstraints

from casebook import roles
from casebook.api.attempts import AttemptLimit
from casebook.api.deps import Deps, IdempotencyKey
from casebook.api.knowledge_deps import PublicDeps
from casebook.api.knowledge_schemas import CaseNumber
from casebook.api.open311 import DEMANDS, open_matters
from casebook.api.problems import Problem, ProblemBody
from casebook.api.schemas import Text
from casebook.handling.commands import Rate, Register, Reopen, Withdraw
from casebook.handling.intake import NO_PLACE
from casebook.roles import Actor
from casebook.rulebook import city_day
from casebook.store.public import Locked, Progress

_PROBLEMS: dict[int | str, dict[str, object]] = {
    code: {"model": ProblemBody, "description": words}
    for code, words in ((404, "wrong number or code"), (422, "refused"), (429, "too many"))
}
router = APIRouter(prefix="/api/v1/public", tags=["public"], responses=_PROBLEMS)
_THE_PAGE = Actor("public", roles.CITIZEN)
_TITLE = 30
_BY_CODE = "公众页，已核对查询码"
"""Where a case says in which call its citizen asked for something."""

WORDS = {
    "received": "已收到，等待登记",
    "handling": "正在办理",
    "answered": "已答复",
    "closed": "已办结",
    "not_accepted": "不予受理，已告知途径",
}
"""What a citizen reads of each progress."""


def _phone(text: str) -> str:
    digits = "".join(letter for letter in text if letter not in " -－()（）")
    if digits and not (digits.removeprefix("+").isascii() and digits.removeprefix("+").isdecimal() and len(digits) > 6):
        raise ValueError("not a number")
    return digits


class Limits:
    """How often an address may ask, rate and demand; and how many demands the page takes from everybody."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self.asking = AttemptLimit(20, timedelta(minutes=1), clock)
        self.demanding = AttemptLimit(5, timedelta(hours=1), clock)
        self.everybody = AttemptLimit(600, timedelta(hours=1), clock)


class ProgressQueryBody(BaseModel):
    """Case number and query code."""

    case_no: CaseNumber
    query_code: Annotated[str, StringConstraints(pattern=r"^[0-9]{4}$")]


class ProgressBody(BaseModel):
    """How far it is; `words` is for people. `may_rate`: it was answered, and nobody has said how well. `may_withdraw`:
    it is not over; `may_reopen`: it was closed lately.
    """

    case_no: str
    progress: Literal["received", "handling", "answered", "closed", "not_accepted"]
    words: str
    received_on: date
    may_rate: bool
    may_withdraw: bool
    may_reopen: bool


class RatingBody(ProgressQueryBody):
    """Whether the matter is solved, and how content the citizen is: 1 (not at all) to 5."""

    solved: Literal["yes", "partly", "no"]
    satisfied: Annotated[int, Field(ge=1, le=5)]
    note: Annotated[Text, StringConstraints(max_length=500)] = ""


class WishBody(ProgressQueryBody):
    """Why the citizen withdraws a case, or what of it is not done."""

    reason: Annotated[Text, StringConstraints(min_length=1, max_length=500)]


class OfferBody(BaseModel):
    """What the form of a demand offers."""

    demands: dict[str, str]
    matters: dict[str, list[str]]
    regions: list[str]


class DemandBody(BaseModel):
    """A citizen's demand. Without a phone number nobody can call back; the progress is there all the same."""

    demand: Literal["consult", "help", "complaint", "opinion", "suggestion"]
    body: Annotated[Text, StringConstraints(min_length=10, max_length=4000)]
    place: Annotated[Text, StringConstraints(max_length=200)] = ""
    region: Annotated[Text, StringConstraints(max_length=32)] = ""
    matter: Annotated[Text, StringConstraints(max_length=32)] = ""
    name: Annotated[Text, StringConstraints(max_length=50)] = ""
    phone: Annotated[Text, StringConstraints(max_length=30), AfterValidator(_phone)] = ""
    consent: Literal[True]
    """That the hotline may use name and number to handle the demand."""
    website: Annotated[str, StringConstraints(max_length=200)] = ""
    """Left empty by people, who do not see it."""


class MadeBody(BaseModel):
    """What the citizen keeps."""

    case_no: str
    query_code: str


def install(app: FastAPI, clock: Callable[[], datetime]) -> None:
    """Add the routes and their limits."""
    app.state.public_limits = Limits(clock)
    app.include_router(router)


async def public_parts(request: Request) -> PublicDeps:
    """What the public routes are built from."""
    parts: PublicDeps = request.app.state.deps.public
    return parts


async def _limits(request: Request) -> Limits:
    limits: Limits = request.app.state.public_limits
    return limits


PublicParts = Annotated[PublicDeps, Depends(public_parts)]
PublicLimits = Annotated[Limits, Depends(_limits)]


@router.post("/progress")
def progress(body: ProgressQueryBody, request: Request, parts: PublicParts, limits: PublicLimits) -> ProgressBody:
    """How far a case is. Three wrong codes lock number and address. A POST: no log of addresses holds a code."""
    found = _opened(body, request, parts, limits)
    return ProgressBody.model_validate({**asdict(found), "words": WORDS[found.progress]})


@router.post("/ratings", status_code=204)
def rate(body: RatingBody, request: Request, parts: PublicParts, limits: PublicLimits, key: IdempotencyKey) -> None:
    """Say how well an answered case was done: once, and by whoever has its number and code."""
    _opened(body, request, parts, limits)
    command = Rate(solved=body.solved, satisfied=body.satisfied, note=body.note)
    parts.casework.execute(body.case_no, command, version=None, actor=_THE_PAGE, idempotency_key=key)


@router.post("/withdrawals", status_code=204)
def withdraw(body: WishBody, request: Request, parts: PublicParts, limits: PublicLimits, key: IdempotencyKey) -> None:
    """撤回: the citizen needs it no more."""
    _opened(body, request, parts, limits)
    command = Withdraw(reason=body.reason, reference=_BY_CODE)
    parts.casework.execute(body.case_no, command, version=None, actor=_THE_PAGE, idempotency_key=key)


@router.post("/reopenings", status_code=204)
def reopen(body: WishBody, request: Request, parts: PublicParts, limits: PublicLimits, key: IdempotencyKey) -> None:
    """申请重办: what was closed lately is not done."""
    _opened(body, request, parts, limits)
    command = Reopen(reason=body.reason, reference=_BY_CODE)
    parts.casework.execute(body.case_no, command, version=None, actor=_THE_PAGE, idempotency_key=key)


@router.get("/offer")
def offer(parts: PublicParts, deps: Deps) -> OfferBody:
    """Kinds of demands, matters by group, regions."""
    groups: dict[str, list[str]] = {}
    for one in open_matters(parts.catalogue):
        # Of a broken promise the hotline has to ask which one: that is for a person to write down.
        if one.name not in parts.casework.book.commitments:
            groups.setdefault(one.group, []).append(one.name)
    today = city_day(deps.clock())
    regions = [one.name for one in parts.casework.book.regions if one.holds(today)]
    return OfferBody(demands=DEMANDS, matters=groups, regions=regions)


@router.post("/demands", status_code=201)
def demand(
    body: DemandBody, request: Request, parts: PublicParts, limits: PublicLimits, key: IdempotencyKey
) -> MadeBody:
    """Leave a demand; the same key again: the same case. Five an hour and address."""
    if body.website:
        raise Problem("invalid")
    if wait_s := limits.demanding.take(address_of(request)) or limits.everybody.take(""):
        raise Problem("too_many_demands", headers={"Retry-After": str(wait_s)})
    command = Register(
        demand=body.demand,
        title=body.body.splitlines()[0][:_TITLE],
        body=body.body,
        place=body.place or NO_PLACE,
        region=body.region,
        matter=body.matter,
        name=body.name if body.phone else "",
        phone=body.phone,
        anonymous=not body.phone,
    )
    # All citizens are one actor: another demand under the same key must not be given the first one's query code.
    same = hashlib.sha256(f"{key}\0{body.model_dump_json()}".encode()).hexdigest()
    made = parts.casework.register(command, channel="web", actor=_THE_PAGE, idempotency_key=same)
    return MadeBody(case_no=made.case_no, query_code=made.query_code)


def _opened(body: ProgressQueryBody, request: Request, parts: PublicDeps, limits: Limits) -> Progress:
    """The case that number and code open. Raises Problem."""
    address = address_of(request)
    # Every query writes, as it is counted before it is judged: a flood must not reach the database of the calls.
    if wait_s := limits.asking.take(address):
        raise Problem("too_many_queries", headers={"Retry-After": str(wait_s)})
    found = parts.query.progress(body.case_no, body.query_code, address)
    if isinstance(found, Locked):
        raise Problem("too_many_queries", headers={"Retry-After": str(found.wait_s)})
    if found is None:
        raise Problem("wrong_query")
    return found


def address_of(request: Request) -> str:
    """Whence a request comes."""
    return request.client.host if request.client else ""
