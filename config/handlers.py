"""What each kind of job does."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from sqlalchemy import Connection

from casebook.store.outbox import save_transcript
from config.jobs import Handler, Unready, Writes
from config.model import model_path
from config.settings import Settings
from config.wiring import utc_now
from transcription.audio import AudioError
from transcription.engine import Transcriber, VoskTranscriber
from transcription.model import ModelMissing


def handlers(settings: Settings) -> Mapping[str, Handler]:
    """The handlers of this installation."""
    return {"transcribe": Transcription(settings)}


class Transcription:
    """Transcribes recordings. The model is loaded when the first one comes, and shared by the threads."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._loading = threading.Lock()
        self._transcriber: Transcriber | None = None

    def __call__(self, payload: Mapping[str, Any]) -> Writes:
        """The transcript's row; one that says why there is no text where the recording is no sound."""
        transcriber = self._ready()
        recording_id = int(payload["recording_id"])
        values: dict[str, Any]
        try:
            transcript = transcriber.transcribe(self._settings.recordings_dir / str(payload["path"]))
        except AudioError as error:
            values = {"engine": "vosk", "model": "", "text": "", "words": [], "confidence": None, "error": str(error)}
        else:
            values = {
                "engine": transcript.engine,
                "model": transcript.model,
                "text": transcript.text,
                "words": [asdict(word) for word in transcript.words],
                "confidence": transcript.confidence,
                "error": None,
            }

        def write(connection: Connection) -> None:
            save_transcript(connection, recording_id, **values, now=utc_now())

        return write

    def _ready(self) -> Transcriber:
        with self._loading:
            if self._transcriber is None:
                try:
                    self._transcriber = VoskTranscriber(model_path(self._settings))
                except ModelMissing as error:
                    raise Unready(str(error)) from error
            return self._transcriber
