"""The index of the knowledge base: which published entries a query finds, in which order.

An ordinary table of terms (casebook.search), so that both databases find the same entries in the same order.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from typing import Any

from sqlalchemy import Connection, Engine, Row, and_, case, delete, func, insert, select

from casebook.knowledge import PUBLISHED, Content, Hit, in_force
from casebook.numbering import ZONE
from casebook.search import index_terms, inverse_frequencies, normalised, query_terms
from casebook.store.engine import reading
from casebook.store.knowledge_schema import kb_entry, kb_term, kb_version

_MOST_TERMS = 32
"""Of a long text, its rarest terms are asked for."""
_ALL_OF = 4
"""A query of so few terms wants all of them."""
_LEAST_SHARE = 0.15
"""Of a longer one, the terms found must carry this share of what it says."""
_COMMON = 0.3
"""A term in so many of the entries tells nothing, while there are others."""
_EXCERPT = 80
_LITERAL = 2.0


class KnowledgeSearch:
    """Finds published entries."""

    def __init__(self, engine: Engine, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._engine = engine
        self._clock = clock

    def find(self, text: str, *, matter: str | None = None, limit: int = 10) -> list[Hit]:
        """Entries that a query, or the text of a demand, finds: best first; those out of force after the rest."""
        terms = query_terms(text)
        if not terms:
            return []
        today = self._clock().astimezone(ZONE).date()
        with reading(self._engine) as connection:
            worth = _worth(connection, terms)
            if not worth:
                return []
            rows = _matches(connection, worth, matter, wanted=len(terms), limit=limit)
        hits = [_hit(row, text, today) for row in rows]
        return sorted(hits, key=lambda hit: (not hit.in_force, -hit.score, hit.id))[:limit]


def index_entry(connection: Connection, entry_id: int, content: Content) -> None:
    """Make the entry found by this content, and by nothing else."""
    forget(connection, entry_id)
    terms = index_terms(content.title, content.keywords, content.answer)
    rows = [{"term": term, "entry_id": entry_id, "weight": weight} for term, weight in sorted(terms.items())]
    connection.execute(insert(kb_term), rows)


def forget(connection: Connection, entry_id: int) -> None:
    """Find the entry no more."""
    connection.execute(delete(kb_term).where(kb_term.c.entry_id == entry_id))


def _worth(connection: Connection, terms: tuple[str, ...]) -> dict[str, float]:
    """What each of the query's terms tells; terms that no entry has are left out unless few were asked for."""
    entries = connection.execute(
        select(func.count()).select_from(kb_entry).where(kb_entry.c.state == PUBLISHED)
    ).scalar_one()
    found = connection.execute(
        select(kb_term.c.term, func.count().label("entries")).where(kb_term.c.term.in_(terms)).group_by(kb_term.c.term)
    )
    counts: dict[str, int] = {row.term: row.entries for row in found}
    if len(terms) <= _ALL_OF:
        return inverse_frequencies(counts, entries) if len(counts) == len(terms) else {}
    telling = {term: n for term, n in counts.items() if n <= _COMMON * entries} or counts
    rarest = sorted(telling.items(), key=lambda one: (one[1], one[0]))[:_MOST_TERMS]
    return inverse_frequencies(dict(rarest), entries)


def _matches(
    connection: Connection, worth: Mapping[str, float], matter: str | None, *, wanted: int, limit: int
) -> list[Row[Any]]:
    value = case(worth, value=kb_term.c.term)
    score, share = func.sum(kb_term.c.weight * value), func.sum(value) / sum(worth.values())
    # Two entries that score alike: the one that holds more of the query.
    ranked = (
        select(kb_term.c.entry_id, (score * share).label("score"))
        .where(kb_term.c.term.in_(tuple(worth)))
        .group_by(kb_term.c.entry_id)
        .having(func.count() == wanted if wanted <= _ALL_OF else share >= _LEAST_SHARE)
        .subquery()
    )
    statement = (
        select(kb_entry, kb_version, ranked.c.score)
        .join(ranked, ranked.c.entry_id == kb_entry.c.id)
        .join(kb_version, and_(kb_version.c.entry_id == kb_entry.c.id, kb_version.c.n == kb_entry.c.published_n))
        .order_by(ranked.c.score.desc(), kb_entry.c.id)
        .limit(4 * limit)
    )
    if matter is not None:
        statement = statement.where(kb_entry.c.matter == matter)
    return list(connection.execute(statement))


def _hit(row: Row[Any], text: str, today: date) -> Hit:
    content = Content(title=row.title, answer=row.answer, valid_from=row.valid_from, valid_to=row.valid_to)
    words = normalised(text)
    fields = (row.title, *json.loads(row.keywords))
    # 社保 and 保卡 may stand apart: who has 社保卡 itself comes first.
    literal = _LITERAL if any(words in normalised(field) for field in fields) else 1.0
    return Hit(
        id=row.id,
        n=row.n,
        title=row.title,
        excerpt=_excerpt(row.answer, text),
        matter=row.matter,
        owner_unit=row.owner_unit,
        on_the_spot=row.on_the_spot,
        in_force=in_force(content, today),
        review_overdue=row.review_due < today,
        score=row.score * literal,
    )


def _excerpt(answer: str, text: str) -> str:
    """The part of the answer where the query's first term stands, or its beginning."""
    at = next((place for term in query_terms(text) if (place := answer.find(term)) >= 0), 0)
    start = max(0, at - _EXCERPT // 4)
    part = answer[start : start + _EXCERPT]
    return ("…" if start else "") + part + ("…" if start + _EXCERPT < len(answer) else "")
