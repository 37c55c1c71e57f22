"""The figures of the telephone service: counted from the visits when asked, and kept for good half hour by half hour.

A half hour that has been kept is never written over: a correction (a conversation that ended later, a log that was read
late) is a new row with a later cut-off, and the old one stays.
"""

from __future__ import annotations

import hashlib
import json
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, Engine, func, insert, select

from casebook.errors import CaseError
from casebook.hashchain import canonical
from casebook.indicators_telephone import (
    DEFINITION_VERSION,
    INTERVAL,
    AgentTime,
    Figures,
    Span,
    Thresholds,
    Visit,
    figures,
    half_hour_of,
    half_hours,
)
from casebook.store.engine import reading
from casebook.store.telephone import Telephone
from casebook.store.telephone_tables import queue_visit, telephone_interval

LONGEST_REPORT = timedelta(days=31)
_LONGEST_TALK = timedelta(hours=4)
_LOOK_BACK = timedelta(hours=4)
"""Half hours that a late ending may still correct."""


@dataclass(frozen=True, slots=True)
class Report:
    """Figures of a period and of its half hours, as known at `cut_off`; `queue` is empty for all queues together."""

    since: datetime
    until: datetime
    queue: str
    cut_off: datetime
    definition_version: int
    total: Figures
    intervals: tuple[tuple[datetime, Figures], ...]


class TelephoneFigures:
    """Counts, and keeps."""

    def __init__(self, engine: Engine, thresholds: Thresholds | None = None) -> None:
        self._engine = engine
        self._telephone = Telephone(engine)
        self._thresholds = thresholds or Thresholds()

    def report(self, since: datetime, until: datetime, queue: str, now: datetime) -> Report:
        """Figures of [since, until) and its half hours. Raises CaseError bad_value for a period that is none."""
        if not timedelta(0) < until - since <= LONGEST_REPORT:
            raise CaseError("bad_value", "统计时段必须为正，且不超过 31 天。")
        visits = self._visits(since, until, queue)
        times = self._telephone.agent_times(since, until)
        spans = list(half_hours(since, until))
        by_span = zip(spans, _spread(times, spans, now), strict=True)
        intervals = tuple((span[0], self._count(visits, touching, span, now)) for span, touching in by_span)
        total = self._count(visits, times, (since, until), now)
        return Report(since, until, queue, now, DEFINITION_VERSION, total, intervals)

    def keep(self, now: datetime) -> int:
        """Keep the half hours that are over, and correct the latest; how many rows that took."""
        with reading(self._engine) as connection:
            first = _first_half_hour(connection)
        if first is None:
            return 0
        until = half_hour_of(now)
        visits = self._visits(first, until, "")
        times = self._telephone.agent_times(first, until)
        kept = 0
        spans = list(half_hours(first, until))
        for span, touching in zip(spans, _spread(times, spans, now), strict=True):
            mine = _between(visits, span[0], span[1])
            for queue in ("", *sorted({visit.queue for visit in mine})):
                chosen = [visit for visit in visits if queue in ("", visit.queue)]
                kept += self._keep(span, queue, self._count(chosen, touching, span, now), _digest(mine, queue), now)
        return kept

    def kept(self, began_at: datetime, queue: str = "") -> list[tuple[datetime, dict[str, object]]]:
        """What was kept of a half hour: cut-off and figures, oldest first."""
        statement = (
            select(telephone_interval.c.cut_off, telephone_interval.c.figures)
            .where(telephone_interval.c.began_at == began_at, telephone_interval.c.queue == queue)
            .order_by(telephone_interval.c.id)
        )
        with reading(self._engine) as connection:
            return [(row.cut_off, json.loads(row.figures)) for row in connection.execute(statement)]

    def _visits(self, since: datetime, until: datetime, queue: str) -> list[Visit]:
        """With those before, whose conversation may reach into the period."""
        found = self._telephone.visits(since - _LONGEST_TALK, until)
        return [visit for visit in found if queue in ("", visit.queue)]

    def _count(self, visits: Sequence[Visit], times: Sequence[AgentTime], span: Span, now: datetime) -> Figures:
        near = _between(visits, span[0] - _LONGEST_TALK, span[1])
        return figures(near, times, span, now, self._thresholds)

    def _keep(self, span: Span, queue: str, counted: Figures, digest: str, now: datetime) -> bool:
        text = canonical(asdict(counted))
        newest = (
            select(telephone_interval.c.figures, telephone_interval.c.digest, telephone_interval.c.definition_version)
            .where(telephone_interval.c.began_at == span[0], telephone_interval.c.queue == queue)
            .order_by(telephone_interval.c.id.desc())
            .limit(1)
        )
        with reading(self._engine) as connection:
            if connection.execute(newest).first() == (text, digest, DEFINITION_VERSION):
                return False
        with self._engine.begin() as connection:
            connection.execute(
                insert(telephone_interval).values(
                    queue=queue,
                    began_at=span[0],
                    definition_version=DEFINITION_VERSION,
                    cut_off=now,
                    figures=text,
                    digest=digest,
                )
            )
        return True


def _first_half_hour(connection: Connection) -> datetime | None:
    """Where keeping goes on: a little before the last one kept, or at the first visit there ever was."""
    first = connection.execute(select(func.min(queue_visit.c.entered_at))).scalar_one()
    last = connection.execute(select(func.max(telephone_interval.c.began_at))).scalar_one()
    if first is None or last is None:
        return half_hour_of(first) if first else None
    again: datetime = max(half_hour_of(first), last + INTERVAL - _LOOK_BACK)
    return again


def _between(visits: Sequence[Visit], since: datetime, until: datetime) -> Sequence[Visit]:
    """Those that began in [since, until), of visits in the order of their beginning."""
    start = bisect_left(visits, since, key=lambda visit: visit.entered_at)
    return visits[start : bisect_left(visits, until, key=lambda visit: visit.entered_at)]


def _spread(times: Sequence[AgentTime], spans: Sequence[Span], now: datetime) -> list[list[AgentTime]]:
    """For each of half hours that follow one another, the stretches that touch it."""
    touching: list[list[AgentTime]] = [[] for _ in spans]
    for time in times if spans else ():
        first = (time.began_at - spans[0][0]) // INTERVAL
        last = ((time.ended_at or now) - spans[0][0]) // INTERVAL
        for place in range(max(first, 0), min(last + 1, len(spans))):
            touching[place].append(time)
    return touching


def _digest(visits: Sequence[Visit], queue: str) -> str:
    names = sorted(f"{visit.call_id} {visit.entered_at.isoformat()}" for visit in visits if queue in ("", visit.queue))
    return hashlib.sha256("\n".join(names).encode()).hexdigest()
