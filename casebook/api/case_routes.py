"""The casework: register, read, and one route for each event of a case."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query, Response, UploadFile
from fastapi.responses import FileResponse
from pydantic import AwareDatetime, BaseModel

from casebook import states
from casebook.api.case_schemas import (
    CallerBody,
    CallerQuery,
    CaseBody,
    CasePageBody,
    ContactBody,
    FindingBody,
    ImportedBody,
    QueueBody,
    QueuesBody,
    RegisterCaseBody,
    RegisteredBody,
    ReplyBody,
    ReplyQuery,
    RouteBody,
    RulesBody,
    Version,
    WorkBody,
    body_of_command,
    command_of,
)
from casebook.api.deps import Deps, IdempotencyKey, SignedIn
from casebook.api.problems import Problem, ProblemBody
from casebook.api.schemas import RevealBody
from casebook.handling.commands import COMMANDS, Attach, Command, Reopen, Withdraw
from casebook.handling.oversight import MAX_FILE_BYTES
from casebook.handling.reply_check import check_reply
from casebook.handling.transitions import TRANSITIONS
from casebook.roles import STAFF
from casebook.rulebook import city_day
from casebook.store.exchange import Period, export_rows, import_cases
from casebook.store.queues import QUEUES, Queues
from casebook.tables import write_csv, write_xlsx

_PROBLEMS: dict[int | str, dict[str, object]] = {
    code: {"model": ProblemBody, "description": words}
    for code, words in (
        (401, "not signed in"),
        (403, "not for this role"),
        (404, "no such record"),
        (409, "changed meanwhile, or not in this state"),
        (422, "refused"),
    )
}
router = APIRouter(prefix="/api/v1", tags=["cases"], responses=_PROBLEMS)
IMPORT_BYTES = 5 * 1024 * 1024
_XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"

CaseNo = Annotated[str, Path(pattern=r"^[A-Z]{1,8}\d{8,20}$", description="The case number, ungrouped.")]
State = Literal[states.STATES]  # type: ignore[valid-type]
Word = Annotated[str | None, Query(max_length=64, pattern=r"^[^\x00]*$")]


@router.post("/cases", status_code=201)
def register_case(body: RegisterCaseBody, user: SignedIn, deps: Deps, key: IdempotencyKey) -> RegisteredBody:
    """Register (登记) a demand; the citizen hears its number and query code. The same key again: the same case."""
    made = deps.casework.register(body.command(), channel=body.channel, actor=user.actor(), idempotency_key=key)
    return RegisteredBody.model_validate(made)


@router.get("/cases")
def list_cases(
    user: SignedIn,
    deps: Deps,
    *,
    words: Annotated[Word, Query(description="A case number or a part of it, else words of title or place.")] = None,
    state: State | None = None,
    unit: Word = None,
    matter: Word = None,
    region: Word = None,
    since: Annotated[AwareDatetime | None, Query(description="Registered at or after this moment.")] = None,
    until: Annotated[AwareDatetime | None, Query(description="Registered before this moment.")] = None,
    cursor: Annotated[str | None, Query(max_length=300)] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> CasePageBody:
    """The cases that the signed-in person may see, newest first."""
    page = deps.cases.page(
        user.actor(),
        words=words,
        state=state,
        unit=unit,
        matter=matter,
        region=region,
        since=since,
        until=until,
        cursor=cursor,
        limit=limit,
    )
    return CasePageBody.model_validate(page)


@router.get("/work")
def work(user: SignedIn, deps: Deps, limit: Annotated[int, Query(ge=1, le=500)] = 100) -> WorkBody:
    """The open orders of the signed-in person's unit, the one with the least time first, and its consultations."""
    actor = user.actor()
    found = {"items": deps.cases.work(actor, limit=limit), "consultations": deps.cases.consultations(actor)}
    return WorkBody.model_validate(found, from_attributes=True)


@router.get("/queues")
def queues(user: SignedIn, deps: Deps) -> QueuesBody:
    """What waits for the signed-in person's role, counted."""
    return QueuesBody(totals=Queues(deps.cases).totals(user.actor()))


@router.get("/queues/{name}")
def queue(
    name: Literal[QUEUES],  # type: ignore[valid-type]
    user: SignedIn,
    deps: Deps,
    limit: Annotated[int, Query(ge=1, le=500)] = 200,
) -> QueueBody:
    """The cases of a queue, the one with the least time first."""
    return QueueBody.model_validate(Queues(deps.cases).get(name, user.actor(), limit=limit))


@router.post("/callers")
def caller(body: CallerQuery, user: SignedIn, deps: Deps) -> CallerBody:
    """What the screen shows when a citizen calls: the last cases, the open ones first."""
    return CallerBody.model_validate(deps.cases.caller(body.phone, user.actor()))


@router.get("/rules")
def rules(_: SignedIn, deps: Deps) -> RulesBody:
    """What forms offer."""
    book, day = deps.casework.book, city_day(deps.clock())
    return RulesBody(
        units=[{"code": one.code, "name": one.name, "kind": one.kind} for one in book.units if one.holds(day)],
        regions=[one.name for one in book.regions if one.holds(day)],
        groups={name: list(members) for name, members in book.groups.items()},
        commitments=list(book.commitments),
        refusals=[one.model_dump() for one in book.refusals],
        limits=[one.id for one in book.limits if one.holds(day)],
        roles={role: rule.name for role, rule in book.roles.items()},
        provisional_years=deps.cases.provisional_years(),
    )


@router.get("/rules/route")
def route(
    _: SignedIn,
    deps: Deps,
    matter: Annotated[str, Query(max_length=64, pattern=r"^[^\x00]*$")],
    region: Annotated[str, Query(max_length=32, pattern=r"^[^\x00]*$")] = "",
) -> RouteBody:
    """Who handles a matter in a region, by the catalogue. 404 where no row says it."""
    found = deps.casework.book.route(matter, region, deps.clock())
    if found is None:
        raise Problem("not_found")
    return RouteBody.model_validate(found)


@router.get("/exports/cases", response_class=Response)
def export_cases(
    user: SignedIn, deps: Deps, since: AwareDatetime, until: AwareDatetime, form: Literal["csv", "xlsx"] = "csv"
) -> Response:
    """The cases registered in [since, until) as a table, numbers masked."""
    rows = export_rows(deps.cases, user.actor(), Period(since, until))
    content = write_csv(rows) if form == "csv" else write_xlsx(rows, "cases")
    headers = {"Content-Disposition": f'attachment; filename="cases.{form}"'}
    return Response(content, media_type="text/csv; charset=utf-8" if form == "csv" else _XLSX, headers=headers)


@router.post("/imports", status_code=201)
def import_table(file: UploadFile, user: SignedIn, deps: Deps, _key: IdempotencyKey) -> ImportedBody:
    """Register every row of a CSV or XLSX table, or none where one is wrong; the same file again adds nothing."""
    content = file.file.read(IMPORT_BYTES + 1)
    if len(content) > IMPORT_BYTES:
        raise Problem("too_large")
    made = import_cases(deps.casework, user.actor(), content)
    return ImportedBody(items=[RegisteredBody.model_validate(one) for one in made])


@router.get("/cases/{case_no}")
def get_case(case_no: CaseNo, user: SignedIn, deps: Deps) -> CaseBody:
    """A case with its orders, its history, and what the reader may do with it now."""
    return CaseBody.model_validate(deps.cases.get(case_no, user.actor()))


@router.post("/cases/{case_no}/reply_check")
def reply_check(case_no: CaseNo, body: ReplyQuery, user: SignedIn, deps: Deps) -> ReplyBody:
    """What a public answer to this case lacks. Advice; changes nothing."""
    earlier = deps.cases.earlier_answers(case_no, user.actor())
    found = check_reply(body.answer, deps.casework.book.replies, earlier)
    return ReplyBody(findings=[FindingBody.model_validate(one) for one in found])


@router.post("/cases/{case_no}/reveal")
def reveal(case_no: CaseNo, body: RevealBody, user: SignedIn, deps: Deps, _key: IdempotencyKey) -> ContactBody:
    """Number and name in full; who saw them and why is logged, every time."""
    number, name = deps.cases.reveal(case_no, user.actor(), body.reason)
    return ContactBody(number=number, name=name)


@router.post("/cases/{case_no}/attachments", status_code=201)
def attach(
    case_no: CaseNo,
    version: Annotated[Version, Query()],
    file: UploadFile,
    user: SignedIn,
    deps: Deps,
    key: IdempotencyKey,
) -> CaseBody:
    """Attach a file of at most 20 MB; the history keeps its SHA-256."""
    actor = user.actor()
    deps.cases.check_acts(case_no, actor, Attach.EVENT)
    name = "".join(letter for letter in (file.filename or "") if letter.isprintable())[-200:] or "file"
    media_type = "".join(letter for letter in (file.content_type or "") if "!" <= letter <= "~")[:100]
    sha256, size = deps.files.keep(file.file, MAX_FILE_BYTES)
    command = Attach(file_name=name, media_type=media_type, size=size, sha256=sha256)
    deps.casework.execute(case_no, command, version=version, actor=actor, idempotency_key=key)
    return CaseBody.model_validate(deps.cases.get(case_no, actor))


@router.get("/cases/{case_no}/attachments/{file_id}", response_class=FileResponse)
def attachment(
    case_no: CaseNo, file_id: Annotated[int, Path(ge=1, le=2**53)], user: SignedIn, deps: Deps
) -> FileResponse:
    """An attached file, always to be saved and never shown as a page."""
    found = deps.cases.file(case_no, file_id, user.actor())
    path = deps.files.path(found.sha256)
    if not path.is_file():
        raise Problem("not_found")
    return FileResponse(path, media_type="application/octet-stream", filename=found.file_name)


ASKED = (Withdraw, Reopen)
"""What the front desk does for a citizen who asks for it, with a case that it may not read."""


def _command_route(kind: type[Command]) -> Callable[..., CaseBody]:
    body_type = body_of_command(kind)

    def run(case_no: CaseNo, body: BaseModel, user: SignedIn, deps: Deps, key: IdempotencyKey) -> CaseBody:
        actor, version = user.actor(), int(body.version)  # type: ignore[attr-defined]
        command = command_of(kind, body)
        said = {"call_id": command.reference, "code": command.query_code} if isinstance(command, ASKED) else {}
        deps.cases.check_acts(case_no, actor, kind.EVENT, **said)
        deps.casework.execute(case_no, command, version=version, actor=actor, idempotency_key=key)
        return CaseBody.model_validate(deps.cases.get(case_no, actor, acted=True))

    run.__doc__ = kind.__doc__
    run.__name__ = kind.EVENT
    hints: dict[str, Any] = run.__annotations__
    hints["body"] = body_type
    return run


def _add_commands() -> None:
    """One route for each event that a person may fire; a file's has a route of its own."""
    personal = {one.event for one in TRANSITIONS if set(one.roles) & set(STAFF)}
    for event, kind in COMMANDS.items():
        if event in personal and kind is not Attach:
            router.post(f"/cases/{{case_no}}/{event}", response_model=CaseBody)(_command_route(kind))


_add_commands()
