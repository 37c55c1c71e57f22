"""Bodies of the statistics."""

from __future__ import annotations

from datetime import date
from typing import Annotated

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from casebook.indicators.counts import SMALL
from casebook.indicators.definitions import DEFINITION_VERSION, INDICATORS, JUDGED
from casebook.indicators.scoring import CLASSES, class_of
from casebook.store.statistics import UnitFigures, UnitTable


class _Body(BaseModel):
    model_config = ConfigDict(from_attributes=True)


class PeriodBody(_Body):
    """Days of the city, both included."""

    first: date
    last: date


class FigureBody(_Body):
    """A rate from 0 to 1 or a number; null where there is nothing to divide by. `before` 环比, `year_before` 同比."""

    value: float | None
    part: int
    whole: int | None
    before: float | None
    year_before: float | None


class IndicatorBody(_Body):
    """What a figure means."""

    code: str
    name: str
    says: str
    better: str
    rate: bool
    judged: bool


class IndicatorsBody(_Body):
    """All of them."""

    definition_version: int
    items: list[IndicatorBody]


class UnitFiguresBody(_Body):
    """A unit's line."""

    code: str
    name: str
    kind: str
    unit_class: Annotated[str, Field(description="分档: units are ranked within it.")]
    rank: int | None
    score: float | None
    full_score: float
    points: dict[str, float]
    answers: int
    few_answers: Annotated[bool, Field(description="样本少: fewer than ten answers.")]
    interval: tuple[float, float] | None
    idle: Annotated[bool, Field(description="无应办结: nothing in hand in this period.")]
    figures: dict[str, FigureBody]


class UnitsBody(_Body):
    """The units' table."""

    period: PeriodBody
    before: PeriodBody | None
    year_before: PeriodBody | None
    as_of: AwareDatetime
    definition_version: int
    classes: dict[str, str]
    units: list[UnitFiguresBody]
    total: UnitFiguresBody


class PlaceBody(_Body):
    """A matter or a region."""

    name: str
    group: str
    registered: int
    before: int | None
    year_before: int | None
    change: float | None
    due: int
    on_time_rate: float | None
    closing_rate: float | None
    satisfaction: float | None
    answers: int


class PlacesBody(_Body):
    """Matters or regions."""

    period: PeriodBody
    before: PeriodBody | None
    year_before: PeriodBody | None
    as_of: AwareDatetime
    items: list[PlaceBody]


class CaseCountsBody(_Body):
    """Registered cases."""

    registered: int
    public: int
    answered: int
    urgent: int


class HotBody(_Body):
    """A matter of the last seven days."""

    matter: str
    count: int
    usual: float
    z: float
    rising: bool


class GroupAlarmBody(_Body):
    """So many different citizens within so many hours."""

    citizens: int
    hours: int
    usual: float


class GroupBody(_Body):
    """A matter at a place."""

    matter: str
    region: str
    place: str
    alarm: GroupAlarmBody


class OverviewBody(_Body):
    """The city on one page."""

    period: PeriodBody
    before: PeriodBody | None
    year_before: PeriodBody | None
    as_of: AwareDatetime
    registered: FigureBody
    on_the_spot: FigureBody
    today: CaseCountsBody
    demands: dict[str, int]
    channels: dict[str, int]
    trend: list[tuple[date, int, int]]
    hot: list[HotBody]
    groups: list[GroupBody]
    waiting: dict[str, int]


class TelephoneBody(_Body):
    """The telephone since midnight."""

    offered: int
    answered: int
    abandoned: int
    connection_rate: float | None
    within_s: int
    within_rate: float | None
    asa_s: float | None


class LiveBody(_Body):
    """What the wallboard shows."""

    as_of: AwareDatetime
    today: CaseCountsBody
    waiting: dict[str, int]
    hot: list[HotBody]
    groups: list[GroupBody]
    telephone: TelephoneBody | None = None


class AttentionLineBody(_Body):
    """A case to look at."""

    case_no: str
    title: str
    state: str
    unit: str
    unit_name: str
    matter: str
    region: str
    at: AwareDatetime | None
    urgings: int
    note: str


class AttentionBody(_Body):
    """The worst first."""

    as_of: AwareDatetime
    items: list[AttentionLineBody]


class VerifiedBody(_Body):
    """The state of the histories' chains; `ended_at` null where nobody has checked them yet."""

    ended_at: AwareDatetime | None
    cases: int
    findings: int
    first_finding: str
    anchored_day: date | None
    anchor_hash: str


def definitions_body() -> IndicatorsBody:
    """The indicators as they are shown."""
    items = [
        IndicatorBody(
            code=one.code,
            name=one.name,
            says=one.says,
            better=one.better,
            rate=bool(one.whole),
            judged=one.code in JUDGED,
        )
        for one in INDICATORS
    ]
    return IndicatorsBody(definition_version=DEFINITION_VERSION, items=items)


def units_body(table: UnitTable) -> UnitsBody:
    """The units' table as it is shown."""
    return UnitsBody(
        period=PeriodBody.model_validate(table.period),
        before=PeriodBody.model_validate(table.before) if table.before else None,
        year_before=PeriodBody.model_validate(table.year_before) if table.year_before else None,
        as_of=table.as_of,
        definition_version=DEFINITION_VERSION,
        classes=dict(CLASSES),
        units=[_unit_body(one) for one in table.units],
        total=_unit_body(table.total),
    )


def _unit_body(one: UnitFigures) -> UnitFiguresBody:
    in_hand = ("in_hand", "due", "co_handled")
    return UnitFiguresBody(
        code=one.code,
        name=one.name,
        kind=one.kind,
        unit_class=class_of(one.kind),
        rank=one.rank,
        score=one.score.total,
        full_score=one.score.full,
        points=one.score.points,
        answers=one.answers,
        few_answers=0 < one.answers < SMALL,
        interval=one.interval,
        idle=not any(one.figures[code].part for code in in_hand),
        figures={code: FigureBody.model_validate(figure) for code, figure in one.figures.items()},
    )
