"""What the pages of the knowledge base, of suggestions and of the public are built from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from casebook.store.casework import Casework
from casebook.store.knowledge import Knowledge
from casebook.store.knowledge_gaps import KnowledgeGaps
from casebook.store.knowledge_index import KnowledgeSearch
from casebook.store.public import PublicCases, PublicQuery
from casebook.store.suggestions import Suggestions
from casebook.suggest.adviser import Adviser
from casebook.suggest.catalogue import Catalogue


@dataclass(frozen=True, slots=True)
class KnowledgeDeps:
    """The knowledge base and the suggestions."""

    entries: Knowledge
    search: KnowledgeSearch
    gaps: KnowledgeGaps
    adviser: Adviser
    suggestions: Suggestions


@dataclass(frozen=True, slots=True)
class PublicDeps:
    """What anybody may ask."""

    query: PublicQuery
    cases: PublicCases
    casework: Casework
    catalogue: Catalogue
    keys: Mapping[str, str]
    """Programs that may open cases (Open311), by name, with their keys."""
