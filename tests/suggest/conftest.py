"""Cases on SQLite and on PostgreSQL, and the suggestions over them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine

from casebook import roles
from casebook.handling.commands import Register
from casebook.privacy import Privacy
from casebook.roles import Actor
from casebook.rulebook import load_rulebook
from casebook.store import open_engine, upgrade
from casebook.store.casework import Casework
from casebook.store.suggestions import Suggestions
from casebook.suggest.adviser import Adviser
from casebook.suggest.classifier import Classifier
from casebook.suggest.model_file import ModelInfo
from config.suggestions import CatalogueUnits, PlaceFinder, load_catalogue
from tests.conftest import REPOSITORY
from tests.store.conftest import postgres, url
from transcription.gazetteer import Gazetteer

__all__ = ["postgres", "url"]

CITY = REPOSITORY / "config" / "city"
MORNING = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)
BOOK = load_rulebook(CITY)
CATALOGUE, NOTES = load_catalogue(CITY)
PLACES = PlaceFinder(Gazetteer.load(CITY / "places.yaml"), {region.name for region in BOOK.regions})
AGENT = Actor("zhang", roles.AGENT)


@pytest.fixture(scope="session")
def trained() -> tuple[Classifier, ModelInfo]:
    """The model that the shipped notes teach."""
    model = Classifier.train([note.text for note in NOTES], [note.matter for note in NOTES])
    return model, ModelInfo("", "a" * 64, "", "", len(NOTES))


@dataclass
class Ready:
    """A model that is there already, or never."""

    loaded: tuple[Classifier, ModelInfo] | None

    def get(self) -> tuple[Classifier, ModelInfo] | None:
        return self.loaded


class Desk:
    """A front desk over one database, and a clock that a test sets."""

    def __init__(self, engine: Engine, loaded: tuple[Classifier, ModelInfo]) -> None:
        self.engine = engine
        self.now = MORNING
        self.privacy = Privacy("a secret of forty characters, for tests..")
        self.casework = Casework(engine, self.privacy, BOOK, lambda: self.now)
        self.suggestions = Suggestions(engine, lambda: self.now)
        self.model = Ready(loaded)
        self.adviser = Adviser(
            CATALOGUE,
            self.model,
            PLACES,
            CatalogueUnits(BOOK),
            self.suggestions,
            lambda: self.now,
        )
        self._made = 0

    def case(
        self,
        body: str,
        *,
        matter: str = "",
        region: str = "",
        place: str = "无地点",
        phone: str = "",
        days_ago: float = 0,
        actor: Actor = AGENT,
    ) -> str:
        """A registered case; its number."""
        self._made += 1
        now, self.now = self.now, self.now - timedelta(days=days_ago)
        command = Register(
            demand="complaint",
            title=body[:20],
            body=body,
            place=place,
            matter=matter,
            region=region,
            phone=phone or f"1380000{self._made:04d}",
        )
        made = self.casework.register(command, channel="phone", actor=actor, idempotency_key=f"case-{self._made}")
        self.now = now
        return made.case_no

    def caller(self, phone: str) -> str:
        """The look-up index of a number."""
        return self.privacy.index(f"+86{phone}", "ani")


@pytest.fixture
def desk(url: str, trained: tuple[Classifier, ModelInfo]) -> Iterator[Desk]:
    engine = open_engine(url)
    upgrade(engine)
    yield Desk(engine, trained)
    engine.dispose()
