"""Questions that no entry answers: noted when asked, until somebody writes an entry or says why there is none."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

from sqlalchemy import Connection, Engine, Row, Select, func, select, update

from casebook.errors import CaseError
from casebook.knowledge import DISMISSED, FILLED, OPEN, Gap
from casebook.search import normalised
from casebook.store.engine import insert_for, reading
from casebook.store.knowledge_schema import kb_entry, kb_gap, kb_gap_question

_SHOWN = 200


class KnowledgeGaps:
    """The gap list."""

    def __init__(self, engine: Engine, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._engine = engine
        self._clock = clock

    def note(self, question: str, matter: str, reference: str, actor: str) -> Gap:
        """Note a question; `reference` (a case number, a request's key) counts once. Raises CaseError bad_value."""
        with self._engine.begin() as connection:
            gap_id = note_gap(connection, question, matter, reference, actor, self._clock())
            return _gap(connection.execute(_gaps().where(kb_gap.c.id == gap_id)).one())

    def items(self, state: str | None = OPEN) -> list[Gap]:
        """Gaps, the most asked first, at most two hundred."""
        statement = _gaps()
        if state is not None:
            statement = statement.where(kb_gap.c.state == state)
        with reading(self._engine) as connection:
            rows = connection.execute(statement.order_by(_TIMES.desc(), kb_gap.c.id).limit(_SHOWN))
            return [_gap(row) for row in rows]

    def fill(self, gap_id: int, entry_id: int, actor: str) -> Gap:
        """Say which entry answers it. Raises CaseError not_found."""
        return self._close(gap_id, actor, {"state": FILLED, "entry_id": entry_id, "reason": None})

    def dismiss(self, gap_id: int, reason: str, actor: str) -> Gap:
        """Say why there is to be no entry. Raises CaseError not_found, missing_reason."""
        if not reason.strip():
            raise CaseError("missing_reason", "请填写不建条目的原因。")
        return self._close(gap_id, actor, {"state": DISMISSED, "entry_id": None, "reason": reason})

    def _close(self, gap_id: int, actor: str, values: dict[str, Any]) -> Gap:
        with self._engine.begin() as connection:
            entry_id = values["entry_id"]
            if entry_id is not None:
                known = connection.execute(select(kb_entry.c.id).where(kb_entry.c.id == entry_id)).first()
                if known is None:
                    raise CaseError("not_found", "没有这个知识条目。")
            changed = connection.execute(
                update(kb_gap).where(kb_gap.c.id == gap_id).values(closed_by=actor, closed_at=self._clock(), **values)
            )
            if not changed.rowcount:
                raise CaseError("not_found", "没有这个知识缺口。")
            return _gap(connection.execute(_gaps().where(kb_gap.c.id == gap_id)).one())


def note_gap(connection: Connection, question: str, matter: str, reference: str, actor: str, now: datetime) -> int:
    """Note a question in the transaction of whoever answers the case; the gap's id. One that was closed is open again.

    Raises CaseError bad_value for a question without a word.
    """
    words = normalised(question)
    if not words:
        raise CaseError("bad_value", "请填写问题。")
    added = insert_for(connection, kb_gap).values(
        key=sha256(words.encode()).hexdigest(),
        question=question.strip(),
        matter=matter,
        first_at=now,
        last_at=now,
        state=OPEN,
    )
    gap_id: int = connection.execute(
        # Written also where it is there: the row is ours until the transaction ends.
        added.on_conflict_do_update(index_elements=["key"], set_={"key": added.excluded.key}).returning(kb_gap.c.id)
    ).scalar_one()
    asked = connection.execute(
        insert_for(connection, kb_gap_question)
        .values(gap_id=gap_id, reference=reference, actor=actor, at=now)
        .on_conflict_do_nothing()
        .returning(kb_gap_question.c.gap_id)
    ).first()
    if asked is not None:
        reopened = {"state": OPEN, "entry_id": None, "closed_by": None, "closed_at": None, "reason": None}
        connection.execute(update(kb_gap).where(kb_gap.c.id == gap_id).values(last_at=now, **reopened))
    return gap_id


_TIMES = (
    select(func.count())
    .select_from(kb_gap_question)
    .where(kb_gap_question.c.gap_id == kb_gap.c.id)
    .correlate(kb_gap)
    .scalar_subquery()
)


def _gaps() -> Select[Any]:
    return select(kb_gap, _TIMES.label("times"))


def _gap(row: Row[Any]) -> Gap:
    names = ("id", "question", "matter", "times", "first_at", "last_at", "state", "entry_id", "closed_by", "reason")
    return Gap(**{name: getattr(row, name) for name in names})
