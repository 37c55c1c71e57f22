"""Administration: accounts, the city's files, the calendar. For administrators alone, but for reading the shifts."""

from __future__ import annotations

import difflib
from datetime import date, datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Path, Query
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from casebook import roles
from casebook.api.admin_deps import AdminDeps
from casebook.api.deps import Deps, SignedIn
from casebook.api.problems import FieldError, Problem, ProblemBody
from casebook.api.schemas import Text
from casebook.calendar import SpecialDay
from casebook.store.accounts import Profile
from casebook.store.settings_versions import RefusedByCheck
from casebook.store.users import User

_PROBLEMS: dict[int | str, dict[str, object]] = {
    code: {"model": ProblemBody, "description": words}
    for code, words in (
        (401, "not signed in"),
        (403, "not this role's"),
        (404, "no such record"),
        (409, "changed meanwhile, or the name is taken"),
        (422, "refused"),
    )
}
router = APIRouter(prefix="/api/v1/admin", tags=["administration"], responses=_PROBLEMS)
_FILE_CHARACTERS = 200_000
_FILES = 32
UserName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
FileName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9_.]{1,64}$")]
Year = Annotated[int, Path(ge=2009, le=2100)]
VersionId = Annotated[int, Path(ge=1, le=2**53)]


class ProfileBody(BaseModel):
    """What an administrator writes of a person."""

    display_name: Annotated[Text, StringConstraints(min_length=1, max_length=64)]
    role: Literal[roles.STAFF]  # type: ignore[valid-type]
    unit: Annotated[str, StringConstraints(pattern=r"^[a-z0-9_]{0,32}$")] = ""
    extension: Annotated[str, StringConstraints(pattern=r"^[0-9]{0,8}$")] = ""

    def profile(self) -> Profile:
        """As the store takes it."""
        return Profile(display_name=self.display_name, role=self.role, unit=self.unit, extension=self.extension)


class NewAccountBody(ProfileBody):
    """A person who may sign in from now on."""

    name: UserName


class ChangeAccountBody(ProfileBody):
    """A person's profile; `version` is the one that was read."""

    version: Annotated[int, Field(ge=1)]


class _FromStore(BaseModel):
    model_config = ConfigDict(from_attributes=True)


class AccountBody(_FromStore):
    """A person who may sign in, or could once."""

    name: str
    display_name: str
    role: str
    unit: str
    extension: str
    must_change: bool
    disabled_at: datetime | None
    locked_until: datetime | None
    version: int
    sessions: int


class AccountListBody(BaseModel):
    """Everybody."""

    items: list[AccountBody]


class AccountEventBody(_FromStore):
    """What was done to an account."""

    at: datetime
    actor: str
    user_name: str
    what: str
    detail: str


class AccountLogBody(BaseModel):
    """What was done last, the latest first."""

    items: list[AccountEventBody]


class OneTimeBody(BaseModel):
    """A password that is shown once, and opens nothing but its own change."""

    password: str


class VersionBody(_FromStore):
    """A text that a file had."""

    id: int
    file: str
    n: int
    sha256: str
    made_by: str
    made_at: datetime
    note: str


class FileBody(BaseModel):
    """A file of the list. `waiting`: saved since this process read it."""

    name: str
    readers: list[str]
    waiting: bool


class FileListBody(BaseModel):
    """The files that may be edited; the processes read them when they start."""

    items: list[FileBody]
    started_at: datetime


class FileTextBody(_FromStore):
    """A file as it is now."""

    name: str
    text: str
    sha256: str


class VersionListBody(BaseModel):
    """Versions, the latest first."""

    items: list[VersionBody]


class DiffBody(BaseModel):
    """What became of a version until now, as lines of a unified diff, and the version's text."""

    lines: list[str]
    text: str


class EditBody(BaseModel):
    """A text, and the digest of the one that it was made from."""

    name: FileName
    text: Annotated[str, StringConstraints(max_length=_FILE_CHARACTERS, pattern=r"^[^\x00]*$")]
    sha256: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]


class EditsBody(BaseModel):
    """Texts that belong together: they are checked and kept together."""

    edits: Annotated[list[EditBody], Field(min_length=1, max_length=_FILES)]
    note: Annotated[Text, StringConstraints(max_length=200)] = ""

    def texts(self) -> dict[str, str]:
        """By file. A browser's lines end in CRLF where it feels like it."""
        return {one.name: one.text.replace("\r\n", "\n") for one in self.edits}


class FindingsBody(_FromStore):
    """What `hotline check` says: `wrong` keeps a text from being kept, `to_do` does not."""

    wrong: list[str]
    to_do: list[str]


class DayBody(_FromStore):
    """A day that is not what its weekday says."""

    day: date
    is_workday: bool
    name: Annotated[Text, StringConstraints(max_length=64)] = ""


class YearBody(_FromStore):
    """A year of the calendar."""

    year: int
    state: Literal["announced", "provisional", "unknown"]
    source: str
    days: list[DayBody]


class NewYearBody(BaseModel):
    """A year as its notice announces it."""

    source: Annotated[Text, StringConstraints(min_length=1, max_length=200)]
    days: Annotated[list[DayBody], Field(min_length=1, max_length=120)]


class RecountedBody(BaseModel):
    """How many open cases have more time."""

    recounted: int


async def _parts(deps: Deps) -> AdminDeps:
    assert deps.admin is not None  # noqa: S101 - without it these routes are not included
    return deps.admin


def _administrator(user: SignedIn) -> User:
    if user.role != roles.ADMIN:
        raise Problem("forbidden")
    return user


Parts = Annotated[AdminDeps, Depends(_parts)]
Administrator = Annotated[User, Depends(_administrator)]
Name = Annotated[str, Path(pattern=r"^[^\x00]{1,64}$")]


# --- accounts


@router.get("/users")
def accounts(_: Administrator, parts: Parts, deps: Deps) -> AccountListBody:
    """Everybody who may sign in, or could once."""
    return AccountListBody(items=[AccountBody.model_validate(one) for one in parts.accounts.everybody(deps.clock())])


@router.get("/users-log")
def account_log(_: Administrator, parts: Parts) -> AccountLogBody:
    """What administrators did to accounts, the latest first."""
    return AccountLogBody(items=[AccountEventBody.model_validate(one) for one in parts.accounts.log()])


@router.post("/users", status_code=201)
def add_account(body: NewAccountBody, user: Administrator, parts: Parts, deps: Deps) -> OneTimeBody:
    """Add a person. The one-time password is told here and nowhere else."""
    return OneTimeBody(password=parts.accounts.add(body.name, body.profile(), user.name, deps.clock()))


@router.put("/users/{name}", status_code=204)
def change_account(name: Name, body: ChangeAccountBody, user: Administrator, parts: Parts, deps: Deps) -> None:
    """Write a person's profile. A unit's new liaison takes the place of the one before."""
    parts.accounts.change(name, body.profile(), body.version, user.name, deps.clock())


@router.post("/users/{name}/disable", status_code=204)
def disable_account(name: Name, user: Administrator, parts: Parts, deps: Deps) -> None:
    """Nobody signs in by this name any more; open sessions end. What the person did stays under the name."""
    parts.accounts.disable(name, user.name, deps.clock())


@router.post("/users/{name}/enable", status_code=204)
def enable_account(name: Name, user: Administrator, parts: Parts, deps: Deps) -> None:
    """The person may sign in again."""
    parts.accounts.enable(name, user.name, deps.clock())


@router.post("/users/{name}/reset-password")
def reset_password(name: Name, user: Administrator, parts: Parts, deps: Deps) -> OneTimeBody:
    """A one-time password in place of a forgotten one; open sessions end."""
    return OneTimeBody(password=parts.accounts.reset_password(name, user.name, deps.clock()))


@router.post("/users/{name}/sign-out", status_code=204)
def sign_out_everywhere(name: Name, user: Administrator, parts: Parts, deps: Deps) -> None:
    """End every session of a person."""
    parts.accounts.sign_out(name, user.name, deps.clock())


# --- the city's files


@router.get("/city")
def files(_: Administrator, parts: Parts) -> FileListBody:
    """The files that may be edited."""
    saved = {one.file for one in parts.city.versions(limit=1000) if one.made_at > parts.started_at}
    items = [
        FileBody(name=name, readers=list(parts.readers.get(name, ())), waiting=name in saved)
        for name in parts.city.names()
    ]
    return FileListBody(items=items, started_at=parts.started_at)


@router.get("/city/{name}")
def read_file(name: FileName, _: Administrator, parts: Parts) -> FileTextBody:
    """A file as it is now."""
    return FileTextBody.model_validate(parts.city.read(name))


@router.get("/city-versions")
def versions(_: Administrator, parts: Parts, file: Annotated[FileName | None, Query()] = None) -> VersionListBody:
    """What was kept last, of one file or of all."""
    return VersionListBody(items=[VersionBody.model_validate(one) for one in parts.city.versions(file or "")])


@router.get("/city-versions/{version_id}/diff")
def diff(version_id: VersionId, name: Annotated[FileName, Query()], _: Administrator, parts: Parts) -> DiffBody:
    """What became of a version until now."""
    then, now = parts.city.text_of(version_id), parts.city.read(name).text
    lines = difflib.unified_diff(then.splitlines(), now.splitlines(), "此版本", "现在", lineterm="", n=2)
    return DiffBody(lines=list(lines)[:2000], text=then)


@router.post("/city-check")
def check(body: EditsBody, _: Administrator, parts: Parts) -> FindingsBody:
    """What `hotline check` says of the folder with these texts in it; nothing is kept."""
    return FindingsBody.model_validate(parts.city.try_out(body.texts()))


@router.put("/city")
def save(body: EditsBody, user: Administrator, parts: Parts, deps: Deps) -> FindingsBody:
    """Keep texts that pass the check, all of them or none."""
    read = {one.name: one.sha256 for one in body.edits}
    try:
        found = parts.city.save(body.texts(), read, user.name, body.note, deps.clock())
    except RefusedByCheck as error:
        findings = [FieldError(field="check", message=one) for one in error.findings]
        raise Problem("refused_by_check", errors=findings) from error
    return FindingsBody.model_validate(found)


# --- the calendar


@router.get("/calendar/{year}")
def calendar_year(year: Year, _: Administrator, parts: Parts) -> YearBody:
    """A year's days that are not what their weekday says."""
    return YearBody.model_validate(parts.calendar.read(year))


@router.put("/calendar/{year}")
def replace_year(year: Year, body: NewYearBody, user: Administrator, parts: Parts, deps: Deps) -> RecountedBody:
    """Load a year as announced; open cases are counted anew where that gives them more time, never less."""
    days = [
        SpecialDay(one.day, one.is_workday, one.name or ("调休上班" if one.is_workday else "休")) for one in body.days
    ]
    return RecountedBody(recounted=parts.calendar.replace(year, days, body.source, deps.clock(), user.name))
