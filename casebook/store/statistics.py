"""The statistics that people look at: counts of a period beside those it is compared with, kept for a minute.

Counting a year takes the database seconds; whoever asks within a minute gets the same figures, and sees their moment.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, func, insert, select

from casebook.indicators import definitions
from casebook.indicators.counts import AnswerCounts, CaseCounts, OrderCounts, total, wilson
from casebook.indicators.definitions import INDICATORS, ON_THE_SPOT, Indicator
from casebook.indicators.hot import Hot, change
from casebook.indicators.periods import Period, before, so_far, year_before
from casebook.indicators.scoring import CLASSES, Score, class_of, score, standard_rank
from casebook.rulebook import Rulebook, Unit, city_day
from casebook.store.attention import Attention, AttentionLine, attention
from casebook.store.calendar import Days
from casebook.store.casework_schema import anchor
from casebook.store.engine import snapshot
from casebook.store.indicators import (
    GroupFound,
    answer_counts,
    case_counts,
    days_counts,
    group_alarms,
    hot_matters,
    order_counts,
    waiting_now,
)
from casebook.store.schema import case_, verification

_T = TypeVar("_T")
_KEEP_S = 60.0
_MOST_KEPT = 128
TREND_D = 30


@dataclass(frozen=True, slots=True)
class Figure:
    """An indicator with what it was divided out of, and what it was in the periods it is compared with."""

    value: float | None
    part: int
    whole: int | None
    before: float | None = None
    year_before: float | None = None


@dataclass(frozen=True, slots=True)
class UnitFigures:
    """A unit in a period. `rank` is within its class; None without 应办结 or without answers to judge by."""

    code: str
    name: str
    kind: str
    figures: dict[str, Figure]
    score: Score
    rank: int | None
    answers: int
    interval: tuple[float, float] | None
    """The 95 % interval of 群众满意率."""


@dataclass(frozen=True, slots=True)
class UnitTable:
    """Every unit of a period, by class and rank, as known at `as_of`."""

    period: Period
    before: Period | None
    year_before: Period | None
    as_of: datetime
    units: tuple[UnitFigures, ...]
    total: UnitFigures


@dataclass(frozen=True, slots=True)
class Place:
    """A matter or a region in a period."""

    name: str
    group: str
    registered: int
    before: int | None
    year_before: int | None
    change: float | None
    """环比; None where the base is too small."""
    due: int
    on_time_rate: float | None
    closing_rate: float | None
    satisfaction: float | None
    answers: int


@dataclass(frozen=True, slots=True)
class PlaceTable:
    """Matters or regions, the most frequent first."""

    period: Period
    before: Period | None
    year_before: Period | None
    as_of: datetime
    items: tuple[Place, ...]


@dataclass(frozen=True, slots=True)
class Overview:
    """The city on one page."""

    period: Period
    before: Period | None
    year_before: Period | None
    as_of: datetime
    registered: Figure
    on_the_spot: Figure
    today: CaseCounts
    demands: dict[str, int]
    channels: dict[str, int]
    trend: tuple[tuple[date, int, int], ...]
    hot: tuple[Hot, ...]
    groups: tuple[GroupFound, ...]
    waiting: dict[str, int]


@dataclass(frozen=True, slots=True)
class Live:
    """What the wallboard shows besides the telephone."""

    as_of: datetime
    today: CaseCounts
    waiting: dict[str, int]
    hot: tuple[Hot, ...]
    groups: tuple[GroupFound, ...]


@dataclass(frozen=True, slots=True)
class Verified:
    """When the histories were last checked, what of, and the last day whose digest is kept."""

    ended_at: datetime | None
    cases: int
    findings: int
    first_finding: str
    anchored_day: date | None
    anchor_hash: str


class Statistics:
    """Reads, and changes nothing."""

    def __init__(
        self, engine: Engine, book: Rulebook, clock: Callable[[], datetime], *, keep_s: float = _KEEP_S
    ) -> None:
        self._engine = engine
        self.book = book
        self._clock = clock
        self._keep = timedelta(seconds=keep_s)
        self._days = Days()
        self._kept: dict[tuple[Any, ...], tuple[datetime, Any]] = {}
        self._counting: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)

    def units(self, period: Period, unit: str = "") -> UnitTable:
        """The units' table; `unit`: that one's line alone, without a rank among others."""
        return self._once(("units", period, unit), lambda one, now: self._units(one, period, now, unit))

    def places(self, period: Period, by: str, unit: str = "") -> PlaceTable:
        """`by` matter or region; `unit`: of the cases in which that unit had an order."""
        return self._once(("places", period, by, unit), lambda one, now: self._places(one, period, by, now, unit))

    def overview(self, period: Period) -> Overview:
        """Everything for the leader's page."""
        return self._once(("overview", period), lambda one, now: self._overview(one, period, now))

    def live(self) -> Live:
        """Today, and what waits."""

        def count(connection: Connection, now: datetime) -> Live:
            day = city_day(now)
            today = total(case_counts(connection, Period(day, day), now, "channel").values(), CaseCounts)
            alarms = tuple(group_alarms(connection, now))
            return Live(now, today, waiting_now(connection), tuple(hot_matters(connection, now)[:8]), alarms)

        return self._once(("live",), count, keep=min(self._keep, timedelta(seconds=10)))

    def attention(
        self, kind: Attention, period: Period, unit: str = "", limit: int = 200
    ) -> tuple[datetime, list[AttentionLine]]:
        """Overdue, returned, reopened, supervised or urged, and as of when."""

        def count(connection: Connection, now: datetime) -> tuple[datetime, list[AttentionLine]]:
            calendar = self._days.calendar(connection)
            return now, attention(connection, kind, period, now, calendar, unit, limit)

        return self._once(("attention", kind, period, unit, limit), count)

    def verified(self) -> Verified:
        """What the last verification of the histories found."""
        with snapshot(self._engine) as connection:
            last = connection.execute(select(verification).order_by(verification.c.id.desc()).limit(1)).first()
            day = connection.execute(select(anchor.c.day, anchor.c.hash).order_by(anchor.c.day.desc()).limit(1)).first()
        return Verified(
            last.ended_at if last else None,
            last.cases if last else 0,
            last.findings if last else 0,
            last.first_finding if last else "",
            day.day if day else None,
            day.hash if day else "",
        )

    # --- counting

    def _once(
        self, key: tuple[Any, ...], count: Callable[[Connection, datetime], _T], keep: timedelta | None = None
    ) -> _T:
        lasts = self._keep if keep is None else keep
        found = self._kept.get(key)
        if found is None or not timedelta(0) <= self._clock() - found[0] < lasts:
            # One count of a kind at a time: a page that ten people open together costs the database one.
            with self._counting[key[0]]:
                now = self._clock()
                found = self._kept.get(key)
                if found is None or not timedelta(0) <= now - found[0] < lasts:
                    with snapshot(self._engine) as connection:
                        found = (now, count(connection, now))
                    if len(self._kept) >= _MOST_KEPT:
                        self._kept.clear()
                    self._kept[key] = found
        value: _T = found[1]
        return value

    def _units(self, connection: Connection, period: Period, now: datetime, unit: str) -> UnitTable:
        calendar, compared = self._days.calendar(connection), _compared(period, now)
        orders, answers = [], []
        for one in compared:
            orders.append(order_counts(connection, one, now, "unit", calendar, unit) if one else {})
            answers.append(answer_counts(connection, one, now, "unit", unit) if one else {})
        known = {one.code: one for one in self.book.units}
        codes = [one.code for one in self.book.units if _existed(one, period) and unit in ("", one.code)]
        codes += sorted((set(orders[0]) | set(answers[0])) - set(codes) - {""})
        lines = [
            _line(
                known.get(code) or Unit(code="unknown", name=code, kind="dept"),
                code,
                [found.get(code, OrderCounts()) for found in orders],
                [found.get(code, AnswerCounts()) for found in answers],
                compared,
            )
            for code in codes
        ]
        everybody = Unit(code="total", name="全市" if not unit else "本单位", kind="dept")
        whole = _line(
            everybody,
            "",
            [total(found.values(), OrderCounts) for found in orders],
            [total(found.values(), AnswerCounts) for found in answers],
            compared,
        )
        return UnitTable(period, compared[1], compared[2], now, tuple(lines if unit else _ranked(lines)), whole)

    def _places(self, connection: Connection, period: Period, by: str, now: datetime, unit: str) -> PlaceTable:
        calendar, compared = self._days.calendar(connection), _compared(period, now)
        cases = [case_counts(connection, one, now, by, unit) if one else {} for one in compared]
        dimension = "matter" if by == "matter" else "region"
        orders = order_counts(connection, period, now, dimension, calendar, unit)  # type: ignore[arg-type]
        answers = answer_counts(connection, period, now, dimension, unit)  # type: ignore[arg-type]
        items = []
        for name in set(cases[0]) | set(orders):
            order, answer = orders.get(name, OrderCounts()), answers.get(name, AnswerCounts())
            count, former = _registered(cases[0], name), _registered(cases[1], name) if compared[1] else None
            rates = {one.code: definitions.value(one, order, answer) for one in INDICATORS}
            items.append(
                Place(
                    name=name,
                    group=self.book.group_of(name) if by == "matter" else "",
                    registered=count,
                    before=former,
                    year_before=_registered(cases[2], name) if compared[2] else None,
                    change=change(count, former),
                    due=order.due,
                    on_time_rate=rates["on_time_rate"],
                    closing_rate=rates["closing_rate"],
                    satisfaction=rates["satisfaction"],
                    answers=answer.answered,
                )
            )
        items.sort(key=lambda one: (-one.registered, one.name))
        return PlaceTable(period, compared[1], compared[2], now, tuple(items))

    def _overview(self, connection: Connection, period: Period, now: datetime) -> Overview:
        compared, day = _compared(period, now), city_day(now)
        by_channel = [case_counts(connection, one, now, "channel") if one else None for one in compared]
        sums = [total(one.values(), CaseCounts) if one is not None else None for one in by_channel]
        demands = case_counts(connection, period, now, "demand")
        registered = [float(one.registered) if one else None for one in sums]
        mine = sums[0] or CaseCounts()
        spot = [definitions.value(ON_THE_SPOT, one) if one else None for one in sums]
        part, whole = definitions.basis(ON_THE_SPOT, mine)
        return Overview(
            period=period,
            before=compared[1],
            year_before=compared[2],
            as_of=now,
            registered=Figure(registered[0], mine.registered, None, registered[1], registered[2]),
            on_the_spot=Figure(spot[0], part, whole, spot[1], spot[2]),
            today=total(case_counts(connection, Period(day, day), now, "channel").values(), CaseCounts),
            demands={name: one.registered for name, one in demands.items()},
            channels={name: one.registered for name, one in (by_channel[0] or {}).items()},
            trend=tuple(days_counts(connection, Period(day - timedelta(days=TREND_D - 1), day))),
            hot=tuple(hot_matters(connection, now)[:10]),
            groups=tuple(group_alarms(connection, now)),
            waiting=waiting_now(connection),
        )


def keep_verification(engine: Engine, began_at: datetime, ended_at: datetime, findings: Sequence[object]) -> None:
    """What a verification found, for those who ask how the record stands."""
    with engine.begin() as connection:
        cases = connection.scalar(select(func.count()).select_from(case_))
        connection.execute(
            insert(verification).values(
                began_at=began_at,
                ended_at=ended_at,
                cases=cases,
                findings=len(findings),
                first_finding=str(findings[0])[:200] if findings else "",
            )
        )


def _compared(period: Period, now: datetime) -> tuple[Period, Period | None, Period | None]:
    """The period, and those before it: of a period under way, as many days of them as have begun."""
    begun = so_far(period, city_day(now))
    return period, before(begun), year_before(begun)


def _registered(found: dict[str, CaseCounts], name: str) -> int:
    return found[name].registered if name in found else 0


def _existed(unit: Unit, period: Period) -> bool:
    return unit.valid_from <= period.last and (unit.valid_to is None or unit.valid_to >= period.first)


def _line(
    unit: Unit,
    code: str,
    orders: Sequence[OrderCounts],
    answers: Sequence[AnswerCounts],
    compared: tuple[Period, Period | None, Period | None],
) -> UnitFigures:
    def figure(indicator: Indicator) -> Figure:
        values = [
            definitions.value(indicator, orders[n], answers[n]) if compared[n] else None for n in range(len(compared))
        ]
        part, whole = definitions.basis(indicator, orders[0], answers[0])
        return Figure(values[0], part, whole, values[1], values[2])

    figures = {one.code: figure(one) for one in INDICATORS}
    points = score({name: one.value for name, one in figures.items()}, compared[0].last)
    answered = answers[0].answered
    return UnitFigures(
        code, unit.name, unit.kind, figures, points, None, answered, wilson(answers[0].pleased, answered)
    )


def _ranked(lines: Sequence[UnitFigures]) -> list[UnitFigures]:
    """By class, the best first; then whoever could not be judged."""
    ordered = []
    for kind in CLASSES:
        mine = [one for one in lines if class_of(one.kind) == kind]
        ranks = standard_rank({one.code: one.score.total for one in mine})
        placed = [replace(one, rank=ranks[one.code]) for one in mine]
        ordered += sorted(placed, key=lambda one: (one.rank is None, one.rank or 0, one.code))
    return ordered
