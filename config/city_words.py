"""The words of a city that its voicemails are read with."""

from __future__ import annotations

from pathlib import Path

from transcription.alarms import AlarmDetector
from transcription.extraction import load_matters
from transcription.gazetteer import Gazetteer
from transcription.reading import Reader


def load_reader(city_dir: Path) -> Reader:
    """Reads places.yaml, alarms.yaml and matters.yaml. Raises GazetteerError, AlarmsError, MattersError."""
    return Reader(
        Gazetteer.load(city_dir / "places.yaml"),
        AlarmDetector.load(city_dir / "alarms.yaml"),
        load_matters(city_dir / "matters.yaml"),
    )
