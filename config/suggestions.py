"""Wires the suggestions at registration: the city's matters, places and units, and the model in the data folder."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from pathlib import Path

from casebook.errors import CaseError
from casebook.rulebook import Rulebook
from casebook.store.suggestions import Suggestions
from casebook.suggest.adviser import Adviser, PlaceGuess, UnitGuess
from casebook.suggest.catalogue import Catalogue, Note
from casebook.suggest.model_file import BackgroundModel, ModelFile
from config.wiring import Hotline, utc_now
from transcription.gazetteer import Gazetteer, Mention, Place

_JOINED = 3
"""Names with at most so many characters between them are one place: 海州区的苍梧路."""


class PlaceFinder:
    """The place that a text names first, with its region as the catalogue of regions calls it."""

    def __init__(self, gazetteer: Gazetteer, regions: Collection[str]) -> None:
        self._gazetteer = gazetteer
        self._regions = frozenset(regions)

    def __call__(self, text: str) -> PlaceGuess | None:
        """None where the text names no place."""
        group: list[Mention] = []
        for mention in self._gazetteer.mentions(text):
            if mention.place.kind == "unit":
                continue  # whom the caller complains of, not where
            if group and mention.start - group[-1].end > _JOINED:
                break
            group.append(mention)
        if not group:
            return None
        places = [mention.place for mention in group]
        region = next((one.name if one.kind == "district" else one.district for one in places), "")
        inner = [one.name for one in places if one.kind != "district"]
        region = region or next((one.district for one in places if one.district), "")
        quote = text[group[0].start : group[-1].end]
        return PlaceGuess(self._name_of(region), "".join(dict.fromkeys(inner)), quote)

    def _name_of(self, region: str) -> str:
        """连云港经济技术开发区 is 市开发区 in the list of units."""
        if not self._regions or region in self._regions:
            return region
        district: Place | None = next((one for one in self._gazetteer.places if one.name == region), None)
        return next((name for name in (district.short if district else ()) if name in self._regions), region)


class CatalogueUnits:
    """The unit that the city's catalogue (派单目录) names for a matter in a region."""

    def __init__(self, book: Rulebook) -> None:
        self._book = book

    def __call__(self, matter: str, region: str, now: datetime) -> UnitGuess | None:
        """None where no row fits, or the unit that it names is gone without a successor."""
        route = self._book.route(matter, region, now)
        if route is None:
            return None
        try:
            unit = self._book.current_unit(route.unit, now)
        except CaseError:
            return None
        return UnitGuess(unit.code, unit.name, route.co_units, route.basis, route.closable)


def load_catalogue(city_dir: Path) -> tuple[Catalogue, tuple[Note, ...]]:
    """The city's matters and the notes that teach them. Raises CatalogueError."""
    catalogue = Catalogue.load(city_dir / "matters.yaml")
    return catalogue, catalogue.load_notes(city_dir / "matter_notes.tsv")


def model_file(hotline: Hotline) -> ModelFile:
    """The model of matters of this installation. Raises CatalogueError."""
    catalogue, notes = load_catalogue(hotline.settings.city_dir)
    suggestions = Suggestions(hotline.engine)

    def decided() -> list[Note]:
        return [note for note in suggestions.lessons() if catalogue.get(note.matter)]

    return ModelFile(hotline.settings.data_dir / "models", notes, decided)


def adviser(hotline: Hotline) -> Adviser:
    """The suggestions of this installation. Raises CatalogueError, GazetteerError, RulebookError."""
    catalogue, _ = load_catalogue(hotline.settings.city_dir)
    gazetteer = Gazetteer.load(hotline.settings.city_dir / "places.yaml")
    return Adviser(
        catalogue,
        BackgroundModel(model_file(hotline)),
        PlaceFinder(gazetteer, {region.name for region in hotline.book.regions}),
        CatalogueUnits(hotline.book),
        Suggestions(hotline.engine),
        utc_now,
    )
