"""Statistics: units, matters, regions, the city on one page, the wallboard, what needs attention, the chain's state.

The leader, the bureau, the back office, the shift leader and the administrator see all units; a liaison and a deputy
see their own. Everything here only reads.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query, Request, Response

from casebook import roles
from casebook.api.deps import ApiDeps, Deps, SignedIn
from casebook.api.problems import Problem, ProblemBody
from casebook.api.statistics_schemas import (
    AttentionBody,
    IndicatorsBody,
    LiveBody,
    OverviewBody,
    PlacesBody,
    TelephoneBody,
    UnitsBody,
    VerifiedBody,
    definitions_body,
    units_body,
)
from casebook.indicators.counts import percent
from casebook.indicators.definitions import INDICATORS
from casebook.indicators.periods import Period, period_of
from casebook.indicators.scoring import CLASSES, class_of
from casebook.rulebook import city_day
from casebook.store.attention import Attention
from casebook.store.statistics import Statistics, UnitFigures, UnitTable
from casebook.store.users import User
from casebook.tables import write_csv, write_xlsx

_PROBLEMS: dict[int | str, dict[str, object]] = {
    code: {"model": ProblemBody, "description": words}
    for code, words in ((401, "not signed in"), (403, "not for this role"), (422, "refused"))
}
router = APIRouter(prefix="/api/v1/statistics", tags=["statistics"], responses=_PROBLEMS)
WIDE = (
    roles.LEADER,
    roles.BUREAU,
    roles.SUPERVISOR,
    roles.DISPATCHER,
    roles.SHIFT_LEADER,
    roles.ADMIN,
)
"""See every unit's figures."""
OWN = (roles.LIAISON, roles.DEPUTY)
"""See those of their own unit."""
WALL = (*WIDE, roles.AGENT, roles.REVIEWER)
_XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


async def _statistics(request: Request, deps: Deps) -> Statistics:
    """One for the whole application: it keeps what it counted for a minute."""
    found: Statistics | None = getattr(request.app.state, "statistics", None)
    if found is None:
        found = Statistics(deps.cases.engine, deps.casework.book, deps.clock)
        request.app.state.statistics = found
    return found


Figures = Annotated[Statistics, Depends(_statistics)]


def _unit_of(user: SignedIn) -> str:
    """The unit to which the reader is limited; empty for all. Raises Problem forbidden."""
    if user.role in WIDE:
        return ""
    if user.role in OWN and user.unit:
        return user.unit
    raise Problem("forbidden")


def _wide(user: SignedIn) -> User:
    if user.role not in WIDE:
        raise Problem("forbidden")
    return user


def _wall(user: SignedIn) -> User:
    if user.role not in WALL:
        raise Problem("forbidden")
    return user


def _period(
    deps: Deps,
    since: Annotated[date | None, Query(description="First day; the first of this month when left out.")] = None,
    until: Annotated[date | None, Query(description="Last day, included; today when left out.")] = None,
) -> Period:
    today = city_day(deps.clock())
    last = until or today
    return period_of(since or last.replace(day=1), last)


Unit = Annotated[str, Depends(_unit_of)]
Asked = Annotated[Period, Depends(_period)]


@router.get("/definitions")
def indicator_definitions(_: SignedIn) -> IndicatorsBody:
    """Every indicator of a unit: name, definition, which way is better; and the version of the definitions."""
    return definitions_body()


@router.get("/units", response_model=UnitsBody)
def units(
    unit: Unit, period: Asked, figures: Figures, form: Literal["json", "csv", "xlsx"] = "json"
) -> UnitsBody | Response:
    """The units' indicators with 环比 and 同比, by class and rank; a unit's own people get their line."""
    table = figures.units(period, unit)
    if form == "json":
        return units_body(table)
    rows = export(table)
    content = write_csv(rows) if form == "csv" else write_xlsx(rows, "units")
    name = f"units-{period.first:%Y%m%d}-{period.last:%Y%m%d}.{form}"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(content, media_type="text/csv; charset=utf-8" if form == "csv" else _XLSX, headers=headers)


@router.get("/matters")
def matters(unit: Unit, period: Asked, figures: Figures) -> PlacesBody:
    """Matters (事项), the most frequent first."""
    return PlacesBody.model_validate(figures.places(period, "matter", unit))


@router.get("/regions")
def regions(unit: Unit, period: Asked, figures: Figures) -> PlacesBody:
    """Regions, the most frequent first."""
    return PlacesBody.model_validate(figures.places(period, "region", unit))


@router.get("/overview")
def overview(_: Annotated[User, Depends(_wide)], period: Asked, figures: Figures) -> OverviewBody:
    """The city on one page: volume with 环比 and 同比, thirty days, what is hot, what waits."""
    return OverviewBody.model_validate(figures.overview(period))


@router.get("/live")
def live(_: Annotated[User, Depends(_wall)], deps: Deps, figures: Figures) -> LiveBody:
    """What the wallboard shows beside the live board: today's telephone and cases, what waits, what is hot."""
    found, now = figures.live(), deps.clock()
    body = LiveBody.model_validate(found)
    body.telephone = _telephone_today(deps, now)
    return body


def _telephone_today(deps: ApiDeps, now: datetime) -> TelephoneBody:
    day = city_day(now)
    start = Period(day, day).start
    # The report is of whole moments: the minute that has just begun belongs to it.
    total = deps.telephone.report(start, max(now, start) + timedelta(minutes=1), "", now).total
    level = total.service_levels[0]
    return TelephoneBody(
        offered=total.offered,
        answered=total.answered,
        abandoned=total.abandoned,
        connection_rate=total.connection_rate,
        within_s=level.seconds,
        within_rate=level.rate,
        asa_s=total.asa_s,
    )


@router.get("/attention")
def attention(
    user: SignedIn,
    deps: Deps,
    period: Asked,
    figures: Figures,
    kind: Attention,
    limit: Annotated[int, Query(ge=1, le=1000)] = 200,
) -> AttentionBody:
    """Cases to look at: overdue, supervised and urged as they stand now; returned and reopened of the period."""
    reads = deps.cases.rights(user.actor()).rule.reads
    if reads not in ("all", "unit") or (reads == "unit" and not user.unit):
        raise Problem("forbidden")
    as_of, lines = figures.attention(kind, period, user.unit if reads == "unit" else "", limit)
    names = {one.code: one.name for one in deps.casework.book.units}
    return AttentionBody.model_validate(
        {"as_of": as_of, "items": [{**_fields(one), "unit_name": names.get(one.unit, one.unit)} for one in lines]}
    )


@router.get("/verification")
def verified(_: Annotated[User, Depends(_wide)], figures: Figures) -> VerifiedBody:
    """When `hotline db verify` last checked every case's history, what it found, and the last anchored day."""
    return VerifiedBody.model_validate(figures.verified())


def export(table: UnitTable) -> list[list[str]]:
    """The units' table as rows of text: every figure, and what it was divided out of."""
    rated = {one.code for one in INDICATORS if one.whole}
    heading = ["分档", "名次", "单位"]
    for one in INDICATORS:
        heading.append(one.name)
        if one.whole:
            heading += [f"{one.name}分子", f"{one.name}分母"]
    heading += ["得分", "满分"]
    about = [
        f"统计时段 {table.period.first} 至 {table.period.last}",
        f"统计时刻 {table.as_of.astimezone(table.period.start.tzinfo):%Y-%m-%d %H:%M:%S}",
        f"指标定义版本 {definitions_body().definition_version}",
    ]
    return [about, heading, *(_row(one, rated) for one in (*table.units, table.total))]


def _row(one: UnitFigures, rated: set[str]) -> list[str]:
    cells = [CLASSES[class_of(one.kind)] if one.code else "", str(one.rank or "—"), one.name]
    for code, figure in one.figures.items():
        if code in rated:
            cells += [percent(figure.value), str(figure.part), str(figure.whole)]
        else:
            cells.append(str(figure.part))
    points = "—" if one.score.total is None or not one.code else f"{one.score.total:.2f}"
    return [*cells, points, f"{one.score.full:.0f}"]


def _fields(line: object) -> dict[str, Any]:
    names = ("case_no", "title", "state", "unit", "matter", "region", "at", "urgings", "note")
    return {name: getattr(line, name) for name in names}
