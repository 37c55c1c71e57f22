"""A knowledge base on SQLite and on PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from itertools import count
from typing import Any

import pytest
from sqlalchemy import Engine

from casebook.knowledge import Content, Entry
from casebook.store import open_engine, upgrade
from casebook.store.knowledge import Knowledge
from casebook.store.knowledge_gaps import KnowledgeGaps
from casebook.store.knowledge_index import KnowledgeSearch
from tests.store.conftest import postgres, url

__all__ = ["postgres", "url"]

MORNING = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)
NEXT_YEAR = date(2027, 11, 23)


@dataclass
class Base:
    """The parts over one database, and a clock that a test sets."""

    engine: Engine
    now: datetime = MORNING
    _keys: Iterator[int] = field(default_factory=count)

    def __post_init__(self) -> None:
        self.knowledge = Knowledge(self.engine, lambda: self.now)
        self.search = KnowledgeSearch(self.engine, lambda: self.now)
        self.gaps = KnowledgeGaps(self.engine, lambda: self.now)

    def key(self) -> str:
        """A request's key of its own."""
        return f"request-{next(self._keys)}"

    def draft(self, title: str, answer: str = "请带身份证到窗口办理。", *, matter: str = "", **content: Any) -> int:
        """An entry that 李编辑 wrote."""
        return self.knowledge.create(
            Content(title=title, answer=answer, **content),
            matter=matter,
            owner_unit="市人社局",
            review_due=NEXT_YEAR,
            actor="li",
            idempotency_key=self.key(),
        )

    def publish(self, entry_id: int, *, n: int | None = None, actor: str = "wang") -> Entry:
        """王审核 publishes a version, the newest when none is named."""
        entry = self.knowledge.get(entry_id).entry
        return self.knowledge.publish(
            entry_id,
            n=n or entry.latest_n,
            review_due=NEXT_YEAR,
            version=entry.version,
            actor=actor,
            idempotency_key=self.key(),
        )

    def published(self, title: str, answer: str = "请带身份证到窗口办理。", **more: Any) -> int:
        """A published entry."""
        entry_id = self.draft(title, answer, **more)
        self.publish(entry_id)
        return entry_id

    def found(self, text: str, **more: Any) -> list[int]:
        """Ids that a query finds, best first."""
        return [hit.id for hit in self.search.find(text, **more)]

    def later(self, **delta: float) -> None:
        """Let time pass."""
        self.now += timedelta(**delta)


@pytest.fixture
def base(url: str) -> Iterator[Base]:
    engine = open_engine(url)
    upgrade(engine)
    yield Base(engine)
    engine.dispose()
