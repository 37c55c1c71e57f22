"""The clocks that run for a case now: what is waited for, of whom, until when."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Literal

from casebook import states
from casebook.calendar import Calendar
from casebook.handling.clocks import Light, light
from casebook.handling.record import CaseRecord
from casebook.handling.scene import Scene, Timer, mark
from casebook.rulebook import Deadlines

What = Literal[
    "case",
    "triage",
    "refusal",
    "return",
    "consult",
    "sign",
    "handle",
    "extension",
    "review",
    "callback",
    "rework",
    "report",
]
Moments = Mapping[str, datetime]
"""When events last happened, by their types: since when something is waited for that the case itself does not say."""
_REWORKED = ("review_back", "callback", "decline_close", "reopen")
SINCE = ("refuse", "consult", "sign_extension", *_REWORKED)
"""The events of which `Moments` need to tell."""
_NEVER: Moments = MappingProxyType({})
_LIGHTS = ("red", "yellow", "green")
_A_DAY = timedelta(days=1)
"""A limit longer than that is one in working days."""


@dataclass(frozen=True, slots=True)
class Clock:
    """`unit` is whose time it is; empty for the hotline's own."""

    what: What
    unit: str
    due: datetime
    light: Light


def running(
    case: CaseRecord, now: datetime, limits: Deadlines, calendar: Calendar, moments: Moments = _NEVER
) -> tuple[Clock, ...]:
    """Every clock, the one with the least time first."""
    found = [
        Clock(what, unit, due, light(start, due, now, calendar=calendar, in_days=due - start > _A_DAY))
        for what, unit, start, due in _spans(case, limits, calendar, moments)
        if start is not None and due is not None
    ]
    return tuple(sorted(found, key=lambda one: one.due))


def nearest(clocks: Sequence[Clock]) -> Clock | None:
    """The clock to look at first: the reddest, of those the one with the least time."""
    return min(clocks, key=lambda one: (_LIGHTS.index(one.light), one.due), default=None)


_OWN = ("refusal", "return", "consult", "extension", "review", "callback", "rework", "report")


def reminders(before: CaseRecord, after: CaseRecord, scene: Scene, event: str) -> tuple[Timer, ...]:
    """A timer for the end of each clock of the hotline's own, and of a supervision, that an event has started."""

    def own(case: CaseRecord) -> set[tuple[What, datetime]]:
        # A caller's demand is in the hands of who registered it.
        waits = case.state == states.TRIAGE or (case.state == states.REGISTERED and case.channel != "phone")
        whats = (*_OWN, "triage") if waits else _OWN
        spans = _spans(case, scene.book.deadlines, scene.calendar, {event: scene.now})
        return {(what, due) for what, _, start, due in spans if what in whats and start and due}

    new = own(after) - own(before)
    return tuple(Timer("remind", due, marks=f"{what}:{mark(due)}") for what, due in sorted(new))


_Span = tuple[What, str, datetime | None, datetime | None]


def _spans(case: CaseRecord, limits: Deadlines, calendar: Calendar, moments: Moments) -> Iterator[_Span]:
    """What is waited for, the unit, since when, until when."""

    def own(what: What, start: datetime | None, days: int) -> _Span:
        return what, "", start, calendar.deadline(start, days) if start is not None else None

    if case.state not in (states.REGISTERED, *states.OPEN):
        return
    yield "case", "", case.clock_started_at or case.registered_at, case.due_at
    lead = case.lead()
    if case.refusal_by:
        yield own("refusal", moments.get("refuse"), limits.refusal_review_wd)
    match case.state:
        case states.TRIAGE if lead is not None:
            yield own("return", lead.returned_at, limits.return_review_wd)
        case states.REGISTERED | states.TRIAGE:
            yield "triage", "", case.registered_at, case.triage_due_at
        case states.CONSULT:
            yield own("consult", moments.get("consult"), limits.consult_wd)
        case states.REWORK:
            begun = max((moments[one] for one in _REWORKED if one in moments), default=None)
            yield own("rework", begun, limits.rework_wd)
        case states.FED_BACK if lead is not None:
            yield own("review", lead.fed_back_at, limits.review_wd)
        case states.CALLBACK:
            yield own("callback", _reviewed_at(case), limits.callback_wd)
        case states.DISPATCHED | states.HANDLING | states.SUSPENDED:
            for order in case.orders:
                if order.return_pending:
                    yield own("return", order.returned_at, limits.return_review_wd)
            if lead is not None and lead.extension_signed:
                yield own("extension", moments.get("sign_extension"), limits.extension_review_wd)
            yield from _of_orders(case)
    if case.supervision:
        yield "report", case.lead_unit, case.registered_at, case.supervision_due_at


def _of_orders(case: CaseRecord) -> Iterator[_Span]:
    for order in case.orders:
        if not order.open or order.fed_back_at is not None or order.return_pending:
            continue
        if order.signed_at is None:
            yield "sign", order.unit, order.dispatched_at, order.sign_due_at
        # The clocks of a suspended case's orders stand still.
        if case.state != states.SUSPENDED:
            yield "handle", order.unit, order.dispatched_at, order.due_at


def _reviewed_at(case: CaseRecord) -> datetime | None:
    """When the feedback was found good: that ended the orders."""
    return max((one.ended_at for one in case.orders if one.ended_at is not None), default=None)
