"""What is suggested for a demand as a whole: matter, place, unit, duplicates, group alarm. Nothing is decided here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from casebook.suggest.catalogue import Catalogue
from casebook.suggest.classifier import Classifier
from casebook.suggest.duplicates import WINDOW, Duplicate, Neighbour, Subject, duplicates
from casebook.suggest.groups import BASELINE, WINDOWS, Arrival, GroupAlarm, group_alarm
from casebook.suggest.model_file import ModelInfo

MOST = 3
SURE = 0.7
"""A matter that is at least so probable may be filled in; a person still looks at it."""


@dataclass(frozen=True, slots=True)
class MatterGuess:
    """A matter and how probable it is, 0 to 1. `accepted` is False where it is not the hotline's."""

    name: str
    group: str
    probability: float
    accepted: bool


@dataclass(frozen=True, slots=True)
class PlaceGuess:
    """A place that the text names, without the house, the region it lies in, and the words that it was taken from."""

    region: str
    place: str
    quote: str


@dataclass(frozen=True, slots=True)
class UnitGuess:
    """The unit that the catalogue of responsibilities names, and why."""

    unit: str
    name: str
    co_units: tuple[str, ...]
    basis: str
    closable: bool
    """The front desk may answer it on the line."""


@dataclass(frozen=True, slots=True)
class Advice:
    """What is suggested. `model` is empty while no model of matters is ready: then there are no matters."""

    matters: tuple[MatterGuess, ...]
    fill_in: str
    """The matter that may be filled in; empty where none is sure enough."""
    place: PlaceGuess | None
    unit: UnitGuess | None
    duplicates: tuple[Duplicate, ...]
    group: GroupAlarm | None
    model: str


@dataclass(frozen=True, slots=True)
class Question:
    """A demand that is being written down: what is typed, and what a person has chosen already."""

    text: str
    matter: str = ""
    region: str = ""
    place: str = ""
    caller: str = ""
    """The look-up index of the caller's number."""
    case_no: str = ""
    """The case itself, where it has a number: no duplicate of its own."""


class Places(Protocol):
    """Finds the place that a text names."""

    def __call__(self, text: str) -> PlaceGuess | None:
        """None where it names none."""


class Units(Protocol):
    """The catalogue of responsibilities."""

    def __call__(self, matter: str, region: str, now: datetime) -> UnitGuess | None:
        """None where it names no unit."""


class Cases(Protocol):
    """The cases, as far as suggestions need them."""

    def neighbours(self, subject: Subject, since: datetime, besides: str) -> Sequence[Neighbour]:
        """Cases since then of the same caller, of the same place or of the same matter and region, the newest first."""

    def arrivals(self, matter: str, region: str, place: str, since: datetime) -> Sequence[Arrival]:
        """Demands of one matter at one place since then."""


class Model(Protocol):
    """Where the model of matters comes from."""

    def get(self) -> tuple[Classifier, ModelInfo] | None:
        """None while there is none."""


class Adviser:
    """Puts the suggestions together."""

    def __init__(
        self,
        catalogue: Catalogue,
        model: Model,
        places: Places,
        units: Units,
        cases: Cases,
        clock: Callable[[], datetime],
    ) -> None:
        self.catalogue = catalogue
        self._model = model
        self._places = places
        self._units = units
        self._cases = cases
        self._clock = clock

    def advise(self, question: Question) -> Advice:
        """Suggestions for a demand; what a person has chosen is taken as it is."""
        now = self._clock()
        loaded = self._model.get()
        matters = self._matters(loaded[0], question.text) if loaded else ()
        best = matters[0] if matters else None
        sure = best is not None and best.probability >= SURE and best.accepted
        place = self._places(" ".join((question.place, question.text)))
        matter = question.matter or (best.name if best else "")
        region = question.region or (place.region if place else "")
        subject = Subject(question.text, matter, region, place.place if place else "", question.caller)
        found: list[Duplicate] = []
        if loaded:
            near = self._cases.neighbours(subject, now - WINDOW, question.case_no)
            found = duplicates(subject, near, loaded[0].alike)
        return Advice(
            matters=matters,
            fill_in=best.name if best and sure else "",
            place=place,
            unit=self._units(matter, region, now) if matter else None,
            duplicates=tuple(found),
            group=self._group(subject, now),
            model=loaded[1].sha256[:16] if loaded else "",
        )

    def _matters(self, model: Classifier, text: str) -> tuple[MatterGuess, ...]:
        guesses = []
        for guess in model.guesses(text, MOST):
            # A matter that the city has taken off its list since the model was trained.
            if matter := self.catalogue.get(guess.label):
                guesses.append(MatterGuess(matter.name, matter.group, round(guess.probability, 3), matter.accepted))
        return tuple(guesses)

    def _group(self, subject: Subject, now: datetime) -> GroupAlarm | None:
        if not (subject.matter and subject.place):
            return None
        since = now - BASELINE - max(window for window, _ in WINDOWS)
        arrivals = list(self._cases.arrivals(subject.matter, subject.region, subject.place, since))
        if subject.caller:
            arrivals.append(Arrival(now, subject.caller))
        return group_alarm(arrivals, now)
