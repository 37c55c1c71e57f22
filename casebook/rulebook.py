"""What a city decides for itself, with the days from which and until which it holds: units, matters, who handles what,
limits, roles, what an answer must have. Read from config/city/{units,routing,limits,roles,replies}.yaml; the numbers
there are proposals, not law.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any, Literal, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from casebook import roles, states
from casebook.errors import CaseError
from casebook.handling.clocks import Span
from casebook.handling.reply_check import ReplyRules
from casebook.numbering import ZONE

_T = TypeVar("_T", bound=BaseModel)


class RulebookError(Exception):
    """A file of the city's rules is wrong; the message is one sentence with the file's name."""


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _Dated(_Entry):
    valid_from: date = date(2009, 12, 29)
    valid_to: date | None = None
    """The last day on which it holds."""

    def holds(self, day: date) -> bool:
        """Whether it holds on a day."""
        return self.valid_from <= day and (self.valid_to is None or day <= self.valid_to)


class Unit(_Dated):
    """A responsible unit (责任单位)."""

    code: str = Field(pattern=r"[a-z][a-z0-9_]{0,19}")
    name: str
    kind: Literal["L1", "L2", "county", "zone", "dept", "enterprise"]
    region: str = ""
    phone: str = ""
    successor: str = ""


class Region(_Dated):
    """A district, county or zone."""

    name: str
    successor: str = ""


class Route(_Dated):
    """A row of the catalogue (派单目录): who handles a matter in a region. An empty field fits anything."""

    id: str
    matter: str = ""
    """A matter, or a group of matters."""
    region: str = ""
    unit: str
    co_units: tuple[str, ...] = ()
    basis: str
    closable: bool = False
    """The front desk may answer it on the line."""


class LimitRule(_Dated):
    """How long a unit has. The first rule whose every condition holds is the one."""

    id: str
    demands: tuple[str, ...] = ()
    matters: tuple[str, ...] = ()
    urgent: bool | None = None
    handle: str
    sign: str
    triage: str = "4h"
    extend_wd: int
    """The longest extension, in working days."""

    @field_validator("handle", "sign", "triage")
    @classmethod
    def _length(cls, value: str) -> str:
        Span.parse(value)
        return value

    @property
    def handling(self) -> Span:
        """The time for the feedback."""
        return Span.parse(self.handle)


class Refusal(_Entry):
    """A reason for which a matter is not accepted (不予受理), and where it belongs instead."""

    code: str
    name: str
    channel: str


class Deadlines(_Entry):
    """The other limits. `_wd` working days, `_d` days, `_h` hours."""

    text_min: int = 10
    return_wd: int = 1
    """A unit may return an order until so long after the time for signing it."""
    urging_answer_wd: int = 1
    refusal_review_wd: int = 1
    return_review_wd: int = 1
    extension_review_wd: int = 1
    rework_wd: int = 1
    consult_wd: int = 2
    review_wd: int = 1
    callback_wd: int = 2
    supervise_wd: int = 3
    attempts: int = 3
    attempt_days: int = 2
    extensions: int = 2
    reopen_d: int = 15
    reopens: int = 2
    archive_d: int = 30
    keep_callers_d: int = Field(3650, ge=30, le=36500)
    keep_recordings_d: int = Field(730, ge=30, le=36500)


class RoleRule(_Entry):
    """What a role may see: `reads` is which cases, `contacts` whether it may ask for a number in full."""

    name: str
    reads: Literal["all", "own", "unit", "intake", "none"]
    contacts: bool = False
    exports: bool = False
    internal: bool = False
    """Whether it sees the notes that units and back office write for each other."""


@dataclass(frozen=True)
class Rulebook:
    """All of it."""

    units: tuple[Unit, ...]
    regions: tuple[Region, ...]
    groups: Mapping[str, tuple[str, ...]]
    commitments: tuple[str, ...]
    """Matters that speak of a published commitment which was broken (违示违诺)."""
    routes: tuple[Route, ...]
    refusals: tuple[Refusal, ...]
    limits: tuple[LimitRule, ...]
    deadlines: Deadlines
    roles: Mapping[str, RoleRule]
    replies: ReplyRules

    def unit(self, code: str) -> Unit:
        """A unit, also one of former days. Raises CaseError bad_value."""
        for one in self.units:
            if one.code == code:
                return one
        raise CaseError("bad_value", "没有这个承办单位。")

    def current_unit(self, code: str, at: datetime) -> Unit:
        """The unit, or who took over its work by then. Raises CaseError bad_value where nobody did."""
        day, seen = city_day(at), set[str]()
        found = self.unit(code)
        while not found.holds(day):
            if not found.successor or found.code in seen:
                raise CaseError("bad_value", f"{found.name} 已撤并，且没有承接单位。")
            seen.add(found.code)
            found = self.unit(found.successor)
        return found

    def region(self, name: str, at: datetime) -> str:
        """A region's name of that day. Raises CaseError bad_value for one that there is not."""
        known = {one.name: one for one in self.regions}
        while name in known and not known[name].holds(city_day(at)):
            name = known[name].successor
        if name not in known:
            raise CaseError("bad_value", "没有这个行政区域。")
        return name

    def group_of(self, matter: str) -> str:
        """The group (一级事项) of a matter; empty for none."""
        return next((group for group, members in self.groups.items() if matter in members), "")

    def matters(self) -> set[str]:
        """Every matter (二级事项)."""
        return {matter for members in self.groups.values() for matter in members}

    def route(self, matter: str, region: str, at: datetime) -> Route | None:
        """The row that says most of this matter and region: a matter weighs more than its group, a group more than a
        region alone. None where no row fits.
        """
        group, day = self.group_of(matter), city_day(at)

        def weight(row: Route) -> int:
            of_matter = {"": 0, group: 2, matter: 4}.get(row.matter)
            of_region = {"": 0, region: 1}.get(row.region)
            return -1 if of_matter is None or of_region is None or not row.holds(day) else of_matter + of_region

        best = max(self.routes, key=weight, default=None)
        return best if best is not None and weight(best) >= 0 else None

    def limit_for(self, demand: str, matter: str, at: datetime, *, urgent: bool) -> LimitRule:
        """The first rule that fits. Raises CaseError bad_value where none does."""
        day = city_day(at)
        for rule in self.limits:
            fits = (
                rule.holds(day)
                and (not rule.demands or demand in rule.demands)
                and (not rule.matters or matter in rule.matters)
                and (rule.urgent is None or rule.urgent == urgent)
            )
            if fits:
                return rule
        raise CaseError("bad_value", "没有适用的办理时限规则。")

    def limit(self, rule_id: str) -> LimitRule:
        """A rule by its id. Raises CaseError bad_value."""
        for rule in self.limits:
            if rule.id == rule_id:
                return rule
        raise CaseError("bad_value", "没有这条时限规则。")

    def refusal(self, code: str) -> Refusal:
        """A reason of refusal. Raises CaseError bad_value."""
        for one in self.refusals:
            if one.code == code:
                return one
        raise CaseError("bad_value", "没有这个不予受理的理由。")


def city_day(at: datetime) -> date:
    """The city's day of an aware moment."""
    return at.astimezone(ZONE).date()


def load_rulebook(city_dir: Path) -> Rulebook:
    """The rules of a city. Raises RulebookError, OSError."""
    units = _read(city_dir / "units.yaml")
    routing = _read(city_dir / "routing.yaml")
    limits = _read(city_dir / "limits.yaml")
    named = _read(city_dir / "roles.yaml")
    groups = routing.get("groups") or {}
    book = Rulebook(
        units=tuple(_entries(Unit, units.get("units"), "units.yaml")),
        regions=tuple(_entries(Region, units.get("regions"), "units.yaml")),
        groups={str(name): tuple(map(str, members)) for name, members in groups.items()},
        commitments=tuple(routing.get("commitments") or ()),
        routes=tuple(_entries(Route, routing.get("routes"), "routing.yaml")),
        refusals=tuple(_entries(Refusal, routing.get("refusals"), "routing.yaml")),
        limits=tuple(_entries(LimitRule, limits.get("limits"), "limits.yaml")),
        deadlines=next(iter(_entries(Deadlines, [limits.get("deadlines") or {}], "limits.yaml"))),
        roles={
            role: next(iter(_entries(RoleRule, [rule], "roles.yaml")))
            for role, rule in (named.get("roles") or {}).items()
        },
        replies=next(iter(_entries(ReplyRules, [_read(city_dir / "replies.yaml")], "replies.yaml"))),
    )
    if findings := lint(book):
        raise RulebookError(findings[0])
    return book


def lint(book: Rulebook) -> list[str]:
    """What does not fit together; empty when all is in order."""
    codes, regions, matters = {one.code for one in book.units}, {one.name for one in book.regions}, book.matters()
    findings = [
        f"units.yaml: {one.code}: its successor {one.successor} is no unit"
        for one in book.units
        if one.successor and one.successor not in codes
    ]
    for row in book.routes:
        missing = [code for code in (row.unit, *row.co_units) if code not in codes]
        findings += [f"routing.yaml: {row.id}: {code} is no unit" for code in missing]
        if row.matter and row.matter not in matters and row.matter not in book.groups:
            findings.append(f"routing.yaml: {row.id}: {row.matter} is no matter and no group")
        if row.region and row.region not in regions:
            findings.append(f"routing.yaml: {row.id}: {row.region} is no region")
    for rule in book.limits:
        wrong = [name for name in rule.demands if name not in states.DEMANDS]
        wrong += [name for name in rule.matters if name not in matters]
        findings += [f"limits.yaml: {rule.id}: {name} is not known" for name in wrong]
    for file, ids in (
        ("units.yaml", [one.code for one in book.units]),
        ("routing.yaml", [one.id for one in book.routes]),
        ("limits.yaml", [one.id for one in book.limits]),
    ):
        findings += [f"{file}: {name} is there twice" for name in sorted({one for one in ids if ids.count(one) > 1})]
    findings += [f"roles.yaml: {role} has no rule" for role in roles.STAFF if role not in book.roles]
    return findings


def _read(file: Path) -> dict[str, Any]:
    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8")) or {}
    except yaml.YAMLError as error:
        raise RulebookError(f"{file.name}: {' '.join(str(error).split())}") from error
    if not isinstance(content, dict):
        raise RulebookError(f"{file.name}: must be a mapping")
    return content


def _entries(kind: type[_T], items: object, file: str) -> Iterable[_T]:
    if not isinstance(items, list):
        raise RulebookError(f"{file}: needs a list for {kind.__name__}")
    for item in items:
        try:
            yield kind.model_validate(item)
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(map(str, first["loc"]))
            raise RulebookError(f"{file}: {str(item)[:60]}: {place}: {first['msg']}") from error
