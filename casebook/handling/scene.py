"""What a decision may look at besides the case, and what comes of it besides the case's new form."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal

from casebook.calendar import Calendar
from casebook.errors import CaseError
from casebook.handling.clocks import Span, yellow_at
from casebook.handling.record import CaseRecord, OrderRecord, plain
from casebook.roles import Actor
from casebook.rulebook import LimitRule, Rulebook

TimerKind = Literal["auto_sign", "urge_yellow", "urge_red", "resume", "supervise", "archive", "remind"]


@dataclass(frozen=True, slots=True)
class Scene:
    """Who acts, when, under which rules. `other` is the case that the command or the case names (a master); `children`
    are those that are merged into this one.
    """

    actor: Actor
    now: datetime
    book: Rulebook
    calendar: Calendar
    next_supervision: Callable[[], str]
    """Takes the next number of a supervision order."""
    other: CaseRecord | None = None
    children: tuple[CaseRecord, ...] = ()


@dataclass(frozen=True, slots=True)
class Timer:
    """Something to look at when its time comes; `marks` tells whether it still means the same then."""

    kind: TimerKind
    run_at: datetime
    order: int = 0
    marks: str = ""


@dataclass(frozen=True, slots=True)
class Told:
    """A notice: to `citizen` (and those of merged cases), to `merged` (those alone), to `unit:<code>`, or to
    `role:<role>`. The case's number stands in the text as it is: whoever has another hears their own.
    """

    kind: str
    audience: str
    title: str
    text: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """The case as it is to be. `state` empty: it stays."""

    case: CaseRecord
    state: str = ""
    timers: tuple[Timer, ...] = ()
    told: tuple[Told, ...] = field(default=())
    facts: Mapping[str, Any] = field(default_factory=dict)
    """What the history keeps besides what was said and what changed."""


def guard(holds: object, message: str) -> None:
    """Raises CaseError guard unless the condition holds."""
    if not holds:
        raise CaseError("guard", message)


def needs(text: str, message: str) -> None:
    """Raises CaseError missing_reason for an empty text."""
    if not text.strip():
        raise CaseError("missing_reason", message)


def lead_of(case: CaseRecord) -> OrderRecord:
    """The open lead order. Raises CaseError guard where there is none."""
    order = case.lead()
    if order is None:
        raise CaseError("guard", "没有正在办理的主办工单。")
    return order


def own_lead(case: CaseRecord, actor: Actor) -> OrderRecord:
    """The lead order of the actor's unit. Raises CaseError forbidden, guard."""
    order = lead_of(case)
    if order.unit != actor.unit:
        raise CaseError("forbidden", "这不是贵单位的主办工单。")
    return order


def own_co(case: CaseRecord, unit: str) -> OrderRecord:
    """The open order of a unit that helps. Raises CaseError forbidden."""
    order = next((one for one in case.co_orders() if one.unit == unit), None)
    if order is None:
        raise CaseError("forbidden", "贵单位没有这件案件的协办工单。")
    return order


def rule_of(order: OrderRecord, book: Rulebook) -> LimitRule:
    """The limit rule under which an order was dispatched."""
    return book.limit(order.rule)


def mark(moment: datetime) -> str:
    """A moment as timers carry it: one spelling in whatever zone it came."""
    return str(plain(moment))


def due_timers(order: OrderRecord, start: datetime, scene: Scene) -> tuple[Timer, ...]:
    """Urgings at yellow and at red, less those that the unit has had; a due time that has moved since makes them mean
    nothing. What is past is made up for at once: yellow, or else red.
    """
    if order.due_at is None or order.fed_back_at is not None:
        return ()
    # With this moment: the unit may have the order back under a due time for which timers have come and gone.
    marks = f"{mark(order.due_at)}{_SINCE}{mark(scene.now)}"
    in_days = span_of(order, scene.book).unit == "wd"
    yellow = yellow_at(start, order.due_at, calendar=scene.calendar, in_days=in_days)
    if in_days:
        yellow = min(yellow + _MORNING, order.due_at)  # a unit is urged when it is at work
    had = order.urged_at
    timers = []
    if scene.now < order.due_at and (had is None or had < yellow):
        timers.append(Timer("urge_yellow", max(yellow, scene.now), order.seq, marks))
    if had is None or had < order.due_at:
        timers.append(Timer("urge_red", max(order.due_at, scene.now), order.seq, marks))
    return tuple(timers)


def due_of(marks: str) -> str:
    """The due time for which an urging was set, as `mark` spells it."""
    return marks.partition(_SINCE)[0]


_SINCE = "@"
_MORNING = timedelta(hours=9)


def span_of(order: OrderRecord, book: Rulebook) -> Span:
    """How long an order's unit has."""
    return rule_of(order, book).handling
