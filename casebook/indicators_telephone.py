"""Indicators of the telephone service, half hour by half hour. Pure: visits and agents' times in, figures out.

Definitions, version 1 (DEFINITION_VERSION). A visit is one caller's stay in a queue of agents and belongs to the half
hour in which it began, also past midnight. offered: entered a queue; answered: reached an agent; short: hung up in less
than 5 s; abandoned: the rest, that is the citizens who hung up later and those whom nobody served (time-out, last agent
gone, PBX died); waiting: not known yet. offered = answered + short + abandoned + waiting, always.
A rate whose denominator is 0 is None (无数据), never 0 or 1.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from math import ceil

DEFINITION_VERSION = 1
INTERVAL = timedelta(minutes=30)

WAITING = ""
ANSWERED = "answered"
ABANDONED = "abandoned"
"""The citizen hung up while waiting."""
REFUSED = ("join_empty", "full")
"""Never let into the queue: turned away, not offered."""

STAFFED = "staffed"
PAUSED = "paused"
WRAP_UP = "wrapup"

Span = tuple[datetime, datetime]


@dataclass(frozen=True, slots=True)
class Visit:
    """A caller's stay in a queue. `outcome` is WAITING, ANSWERED, ABANDONED, or why nobody served the caller."""

    call_id: str
    queue: str
    entered_at: datetime
    outcome: str = WAITING
    wait_s: int | None = None
    """Seconds to the answer, or to the end of the waiting; None while it lasts and where nobody can tell."""
    answered_at: datetime | None = None
    agent: str = ""
    talk_s: int | None = None
    """Seconds of conversation, holding included; None while it lasts and where nobody can tell."""
    acw_s: int | None = None
    """Seconds of wrap-up (话后处理) after it."""


@dataclass(frozen=True, slots=True)
class AgentTime:
    """A stretch of an agent's time: STAFFED (signed in, 签入), PAUSED or WRAP_UP. `ended_at`: None while it lasts."""

    agent: str
    kind: str
    began_at: datetime
    ended_at: datetime | None


@dataclass(frozen=True, slots=True)
class Thresholds:
    """15 s is the national figure, 20 s the classic one."""

    short_abandon_s: int = 5
    service_levels_s: tuple[int, ...] = (15, 20)


@dataclass(frozen=True, slots=True)
class ServiceLevel:
    """Share of callers answered within `seconds`."""

    seconds: int
    answered_within: int
    rate: float | None
    """answered within / (offered - abandoned within)."""
    of_offered: float | None
    """answered within / offered."""


@dataclass(frozen=True, slots=True)
class Figures:
    """The indicators of a period. Times in seconds, rates from 0 to 1."""

    offered: int
    answered: int
    short_abandoned: int
    abandoned: int
    hung_up: int
    """Of the abandoned: citizens who hung up themselves."""
    waiting: int
    turned_away: int
    connection_rate_raw: float | None
    """answered / offered."""
    connection_rate: float | None
    """接通率: answered / (offered - short)."""
    abandonment_rate: float | None
    """放弃率: abandoned / (offered - short)."""
    service_levels: tuple[ServiceLevel, ...]
    asa_s: float | None
    """Mean wait of the answered."""
    wait_p90_s: int | None
    """Nine of ten answered callers waited no longer (nearest rank)."""
    abandoned_wait_s: float | None
    """Mean wait of the abandoned."""
    aht_s: float | None
    """Mean of conversation, holding and wrap-up of the answered whose conversation is over."""
    occupancy: float | None
    """Time talking and in wrap-up / time signed in and not paused."""


def half_hour_of(moment: datetime) -> datetime:
    """The start of the half hour; the same everywhere whose offset from UTC is whole half hours, as +08:00."""
    return moment.replace(minute=moment.minute // 30 * 30, second=0, microsecond=0)


def half_hours(since: datetime, until: datetime) -> Iterable[Span]:
    """The half hours that begin in [since, until)."""
    start = half_hour_of(since)
    if start < since:
        start += INTERVAL
    while start < until:
        yield start, start + INTERVAL
        start += INTERVAL


def figures(
    visits: Iterable[Visit],
    times: Iterable[AgentTime],
    period: Span,
    cut_off: datetime,
    thresholds: Thresholds = Thresholds(),
) -> Figures:
    """The figures of `period` as known at `cut_off`. Visits of other periods count for the occupancy only."""
    everything = tuple(visits)
    mine = [visit for visit in everything if period[0] <= visit.entered_at < period[1]]
    offered = [visit for visit in mine if visit.outcome not in REFUSED]
    answered = [visit for visit in offered if visit.outcome == ANSWERED]
    waiting = sum(visit.outcome == WAITING for visit in offered)
    unserved = [visit for visit in offered if visit.outcome not in (ANSWERED, WAITING)]
    short = sum(visit.outcome == ABANDONED and _wait(visit) < thresholds.short_abandon_s for visit in unserved)
    abandoned = [v for v in unserved if v.outcome != ABANDONED or _wait(v) >= thresholds.short_abandon_s]
    serious = len(offered) - short
    over = [visit for visit in answered if visit.talk_s is not None]
    waits = sorted(visit.wait_s for visit in answered if visit.wait_s is not None)
    return Figures(
        offered=len(offered),
        answered=len(answered),
        short_abandoned=short,
        abandoned=len(abandoned),
        hung_up=sum(visit.outcome == ABANDONED for visit in abandoned),
        waiting=waiting,
        turned_away=len(mine) - len(offered),
        connection_rate_raw=_rate(len(answered), len(offered)),
        connection_rate=_rate(len(answered), serious),
        abandonment_rate=_rate(len(abandoned), serious),
        service_levels=tuple(_service_level(offered, seconds) for seconds in thresholds.service_levels_s),
        asa_s=_rate(sum(waits), len(waits)),
        wait_p90_s=waits[ceil(0.9 * len(waits)) - 1] if waits else None,
        abandoned_wait_s=_rate(sum(map(_wait, abandoned)), len(abandoned)),
        aht_s=_rate(sum((visit.talk_s or 0) + (visit.acw_s or 0) for visit in over), len(over)),
        occupancy=_occupancy(everything, tuple(times), period, cut_off),
    )


def _wait(visit: Visit) -> int:
    return visit.wait_s or 0


def _rate(part: float, whole: int) -> float | None:
    return part / whole if whole else None


def _service_level(offered: Sequence[Visit], seconds: int) -> ServiceLevel:
    within = sum(v.outcome == ANSWERED and v.wait_s is not None and v.wait_s <= seconds for v in offered)
    gone = sum(visit.outcome == ABANDONED and _wait(visit) <= seconds for visit in offered)
    return ServiceLevel(seconds, within, _rate(within, len(offered) - gone), _rate(within, len(offered)))


# --- occupancy


def _occupancy(visits: Sequence[Visit], times: Sequence[AgentTime], period: Span, cut_off: datetime) -> float | None:
    busy_s = available_s = 0.0
    end = min(period[1], cut_off)
    for agent, mine in groupby(sorted(times, key=lambda time: time.agent), key=lambda time: time.agent):
        of_kind: dict[str, list[Span]] = {STAFFED: [], PAUSED: [], WRAP_UP: []}
        for time in mine:
            of_kind[time.kind].append((time.began_at, time.ended_at or end))
        talks = [
            (v.answered_at, v.answered_at + timedelta(seconds=v.talk_s) if v.talk_s is not None else end)
            for v in visits
            if v.agent == agent and v.answered_at is not None
        ]
        staffed = _union([_clip(span, (period[0], end)) for span in of_kind[STAFFED]])
        busy = _intersect(staffed, _union(talks + of_kind[WRAP_UP]))
        free = _subtract(staffed, _union(of_kind[PAUSED]))
        # Whoever asked for a pause in the middle of a conversation works until it is over.
        busy_s += _seconds(busy)
        available_s += _seconds(_union(busy + free))
    return busy_s / available_s if available_s else None


def _clip(span: Span, to: Span) -> Span:
    return max(span[0], to[0]), min(span[1], to[1])


def _union(spans: Iterable[Span]) -> list[Span]:
    merged: list[Span] = []
    for start, end in sorted(span for span in spans if span[0] < span[1]):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


def _intersect(one: Sequence[Span], other: Sequence[Span]) -> list[Span]:
    return [clipped for span in one for with_ in other if (clipped := _clip(span, with_))[0] < clipped[1]]


def _subtract(one: Sequence[Span], other: Sequence[Span]) -> list[Span]:
    left = list(one)
    for start, end in other:
        left = [part for span in left for part in ((span[0], min(span[1], start)), (max(span[0], end), span[1]))]
        left = [span for span in left if span[0] < span[1]]
    return left


def _seconds(spans: Iterable[Span]) -> float:
    return sum((end - start).total_seconds() for start, end in spans)
