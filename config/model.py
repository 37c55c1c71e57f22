"""Which speech model this installation uses."""

from __future__ import annotations

from pathlib import Path

from config.settings import Settings
from transcription.engine import Transcriber
from transcription.model import BUNDLED, ModelMissing, find_model


def fetched_model(settings: Settings) -> Path:
    """Where `hotline model fetch` puts the model."""
    return settings.data_dir / "model"


def model_path(settings: Settings) -> Path:
    """The folder of the model: HOTLINE_VOSK_MODEL, else the fetched one, else ours. Raises ModelMissing."""
    if settings.vosk_model is not None:
        return find_model(settings.vosk_model)
    fetched = fetched_model(settings)
    return find_model(fetched if fetched.exists() else BUNDLED)


def check_model(settings: Settings) -> None:
    """Raises ModelMissing where there is no model for the chosen engine."""
    if settings.engine == "vosk":
        model_path(settings)
    elif settings.whisper_model is None or not (settings.whisper_model / "model.bin").is_file():
        raise ModelMissing("HOTLINE_WHISPER_MODEL must name the folder of a Whisper model in CTranslate2's format.")


def load_transcriber(settings: Settings) -> Transcriber:
    """The chosen recogniser with its model. Raises ModelMissing."""
    check_model(settings)
    # Each engine's library is slow to import, and one of them is needed.
    if settings.engine == "vosk":
        from transcription.vosk_engine import VoskTranscriber  # noqa: PLC0415

        return VoskTranscriber(model_path(settings))
    from transcription.whisper_engine import WhisperTranscriber  # noqa: PLC0415

    return WhisperTranscriber(settings.whisper_model or Path())
