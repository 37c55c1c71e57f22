"""What suggestions know of the cases, and what people decided about them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from sqlalchemy import Connection, Engine, Row, Select, func, insert, select, union
from sqlalchemy.exc import IntegrityError

from casebook.errors import CaseError
from casebook.states import DISCARDED, MERGED
from casebook.store.casework_schema import citizen
from casebook.store.engine import reading
from casebook.store.knowledge_schema import suggestion_decision
from casebook.store.schema import call, case_, recording, transcript
from casebook.store.transcripts import is_newest
from casebook.suggest.catalogue import Note
from casebook.suggest.duplicates import Neighbour, Subject
from casebook.suggest.groups import Arrival

Kind = Literal["matter", "region", "unit", "duplicate"]
_NOT_NEAR = (DISCARDED, MERGED)
_MOST_NEIGHBOURS = 200
_MOST_ARRIVALS = 5000


@dataclass(frozen=True, slots=True)
class Choice:
    """What was offered, best first, and what a person took; empty for "none of them"."""

    offered: tuple[str, ...]
    chosen: str


@dataclass(frozen=True, slots=True)
class Agreement:
    """How often people took the first offer, or one of them, of `decided` in all; nothing offered counts as missed."""

    kind: str
    decided: int
    first: int
    offered: int


class Suggestions:
    """Implements casebook.suggest.adviser.Cases, keeps the decisions, hands them out as lessons."""

    def __init__(self, engine: Engine, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._engine = engine
        self._clock = clock

    def caller_of(self, *, case_no: str, call_id: str) -> str:
        """The look-up index of the caller of a case or of a call; empty for none."""
        if not case_no:
            statement = select(call.c.ani_hmac).where(call.c.call_id == call_id)
        else:
            statement = _with_callers(select(_CALLER)).where(case_.c.case_no == case_no)
        with reading(self._engine) as connection:
            return connection.execute(statement).scalars().first() or ""

    def neighbours(self, subject: Subject, since: datetime, besides: str) -> Sequence[Neighbour]:
        """Cases since then of the same caller, of the same place or of the same matter and region, the newest first."""
        candidates = _candidates(subject, since)
        if not candidates:
            return []
        columns = (case_.c.case_no, case_.c.state, case_.c.received_at, case_.c.matter, case_.c.region, case_.c.place)
        said = func.coalesce(func.nullif(case_.c.body, ""), transcript.c.text, "")
        statement = (
            _with_callers(select(*columns, case_.c.title, said.label("said"), _CALLER.label("caller")))
            .outerjoin(recording, recording.c.id == case_.c.recording_id)
            .outerjoin(transcript, is_newest(recording.c.id))
            .where(case_.c.id.in_(union(*candidates)), case_.c.case_no != besides)
            .where(case_.c.received_at >= since, case_.c.state.not_in(_NOT_NEAR))
            .order_by(case_.c.id.desc())
            .limit(_MOST_NEIGHBOURS)
        )
        with reading(self._engine) as connection:
            rows = connection.execute(statement).all()
        return [_neighbour(row) for row in rows if row.said]

    def arrivals(self, matter: str, region: str, place: str, since: datetime) -> Sequence[Arrival]:
        """Demands of one matter at one place since then."""
        statement = (
            _with_callers(select(case_.c.registered_at, _CALLER.label("caller")))
            .where(
                case_.c.matter == matter,
                case_.c.region == region,
                case_.c.registered_at >= since,
                case_.c.place.contains(place, autoescape=True),
                case_.c.state != DISCARDED,
            )
            .order_by(case_.c.registered_at.desc())
            .limit(_MOST_ARRIVALS)
        )
        with reading(self._engine) as connection:
            return [Arrival(row.registered_at, row.caller or "") for row in connection.execute(statement)]

    def decide(
        self,
        case_no: str,
        choices: Mapping[Kind, Choice],
        *,
        model: str,
        actor: str,
        idempotency_key: str,
        own_only: bool = False,
    ) -> None:
        """Keep what a person took and what had been offered, once for each key. Raises CaseError not_found.

        `own_only`: a case that somebody else registered is not there.
        """
        try:
            with self._engine.begin() as connection:
                row = connection.execute(
                    select(case_.c.id, case_.c.registered_by).where(case_.c.case_no == case_no).with_for_update()
                ).first()
                if row is None or (own_only and row.registered_by != actor):
                    raise CaseError("not_found", "没有这个编号的诉求。")
                key = f"{actor}:{idempotency_key}"
                keep_decisions(connection, row.id, choices, model, actor, self._clock(), key)
        except IntegrityError as error:
            raise CaseError("key_reused", "这个请求编号已用于另一个操作。") from error

    def lessons(self) -> list[Note]:
        """The last matter that a person gave to each case, with the case's words: what the next model learns from."""
        last = (
            select(func.max(suggestion_decision.c.id))
            .where(suggestion_decision.c.kind == "matter", suggestion_decision.c.chosen != "")
            .group_by(suggestion_decision.c.case_id)
        )
        statement = (
            select(case_.c.title, case_.c.body, suggestion_decision.c.chosen)
            .join(suggestion_decision, suggestion_decision.c.case_id == case_.c.id)
            .where(suggestion_decision.c.id.in_(last), case_.c.body != "")
            .order_by(case_.c.id)
        )
        with reading(self._engine) as connection:
            return [Note(f"{row.title}\n{row.body}", row.chosen) for row in connection.execute(statement)]

    def agreement(self, since: datetime, until: datetime) -> list[Agreement]:
        """How often people agreed with the offers between two moments, by kind."""
        d = suggestion_decision.c
        statement = (
            select(
                d.kind,
                func.count().label("decided"),
                func.count().filter(d.rank == 1).label("first"),
                func.count(d.rank).label("offered"),
            )
            .where(d.at >= since, d.at < until)
            .group_by(d.kind)
            .order_by(d.kind)
        )
        with reading(self._engine) as connection:
            return [Agreement(*row) for row in connection.execute(statement)]


def keep_decisions(
    connection: Connection,
    case_id: int,
    choices: Mapping[Kind, Choice],
    model: str,
    actor: str,
    now: datetime,
    key: str,
) -> None:
    """Keep decisions in the transaction of whoever registers the case; the caller holds the case's row."""
    done = connection.execute(
        select(suggestion_decision.c.id).where(
            suggestion_decision.c.idempotency_key == key, suggestion_decision.c.case_id == case_id
        )
    ).first()
    if done is not None or not choices:
        return
    rows: list[dict[str, Any]] = [
        {
            "case_id": case_id,
            "kind": kind,
            "offered": json.dumps(choice.offered, ensure_ascii=False),
            "chosen": choice.chosen,
            "rank": choice.offered.index(choice.chosen) + 1 if choice.chosen in choice.offered else None,
            "model": model,
            "actor": actor,
            "at": now,
            "idempotency_key": key,
        }
        for kind, choice in choices.items()
    ]
    connection.execute(insert(suggestion_decision), rows)


_CALLER = func.coalesce(call.c.ani_hmac, citizen.c.phone_hmac)
"""Both are the same index: whoever wrote by another channel is found when calling."""


def _candidates(subject: Subject, since: datetime) -> list[Any]:
    """Ids of cases, each found by an index of its own: one condition with OR would read a month of cases."""
    found: list[Select[Any]] = []
    if subject.matter:
        same = select(case_.c.id).where(case_.c.matter == subject.matter, case_.c.registered_at >= since)
        newest = case_.c.registered_at.desc()
        found.append(same.where(case_.c.region == subject.region).order_by(newest).limit(_MOST_NEIGHBOURS))
        if subject.place:
            at_place = same.where(case_.c.place.contains(subject.place, autoescape=True))
            found.append(at_place.order_by(newest).limit(_MOST_NEIGHBOURS))
    if subject.caller:
        citizens = select(citizen.c.id).where(citizen.c.phone_hmac == subject.caller)
        calls = select(call.c.call_id).where(call.c.ani_hmac == subject.caller, call.c.started_at >= since)
        found.append(select(case_.c.id).where(case_.c.citizen_id.in_(citizens), case_.c.registered_at >= since))
        found.append(select(case_.c.id).where(case_.c.call_id.in_(calls)))
    # SQLite takes no ORDER BY in a part of a union, but in a subquery of it.
    return [select(one.subquery().c.id) for one in found]


def _with_callers(statement: Select[Any]) -> Select[Any]:
    return (
        statement.select_from(case_)
        .outerjoin(call, call.c.call_id == case_.c.call_id)
        .outerjoin(citizen, citizen.c.id == case_.c.citizen_id)
    )


def _neighbour(row: Row[Any]) -> Neighbour:
    subject = Subject(f"{row.title}\n{row.said}".strip(), row.matter, row.region, row.place, row.caller or "")
    return Neighbour(row.case_no, row.state, row.received_at, subject)
