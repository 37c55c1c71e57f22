"""Which speech model this installation uses."""

from __future__ import annotations

from pathlib import Path

from config.settings import Settings
from transcription.model import find_model


def fetched_model(settings: Settings) -> Path:
    """Where `hotline model fetch` puts the model."""
    return settings.data_dir / "model"


def model_path(settings: Settings) -> Path:
    """The folder of the model: HOTLINE_VOSK_MODEL, else the fetched one. Raises ModelMissing."""
    if settings.vosk_model is not None:
        return find_model(settings.vosk_model)
    fetched = fetched_model(settings)
    return find_model(fetched if fetched.exists() else None)
