"""What each kind of job does."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import asdict
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import structlog
from sqlalchemy import Connection

from casebook.notifier import Message
from casebook.store.alerts import FoundAlarm, raise_alerts
from casebook.store.casework import Casework
from casebook.store.citizens import CitizenPhones
from casebook.store.nightly import run_night
from casebook.store.recordings import delete_old_sound
from casebook.store.timer_jobs import run_timer
from casebook.store.transcripts import save_transcript
from config.city_words import load_reader
from config.jobs import Handler, Unready, Writes
from config.linkage import LinkageDelivery
from config.model import load_transcriber
from config.notices import notifier, routes
from config.settings import Settings
from config.wiring import Hotline, utc_now
from transcription import wording
from transcription.audio import AudioError
from transcription.engine import Transcriber
from transcription.model import ModelMissing
from transcription.reading import Reading

_LOG = structlog.get_logger()


def handlers(hotline: Hotline) -> Mapping[str, Handler]:
    """The handlers of this installation. Raises the error of a city's file that is wrong."""
    settings = hotline.settings
    return {
        "transcribe": Transcription(settings),
        "notify": Notification(settings, CitizenPhones(hotline.engine, hotline.privacy)),
        "case_timer": CaseTimer(hotline.casework),
        "nightly": Night(hotline, settings.recordings_dir),
        "linkage": LinkageDelivery(settings),
    }


class Night:
    """The hotline's own work after midnight."""

    def __init__(self, hotline: Hotline, recordings: Path) -> None:
        self._hotline = hotline
        self._recordings = recordings

    def __call__(self, payload: Mapping[str, Any]) -> Writes:
        """Delete old sound, which is done again without harm; the writes of the rest."""
        day, book = date.fromisoformat(str(payload["day"])), self._hotline.book
        keep = timedelta(days=book.deadlines.keep_recordings_d)
        deleted = delete_old_sound(self._hotline.engine, self._recordings, keep, utc_now())
        if deleted:
            _LOG.info("old recordings deleted", count=deleted)
        return lambda connection: run_night(connection, book, day, utc_now())


class CaseTimer:
    """A timer of a case is due: what is found then decides, in the transaction that marks the timer as done."""

    def __init__(self, casework: Casework) -> None:
        self._casework = casework

    def __call__(self, payload: Mapping[str, Any]) -> Writes:
        """The writes."""
        return lambda connection: run_timer(connection, self._casework, payload, utc_now())


class Transcription:
    """Transcribes recordings. The model is loaded when the first one comes, and shared by the threads."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._reader = load_reader(settings.city_dir)
        self._routes = routes(settings)
        self._zone = ZoneInfo(settings.timezone)
        self._loading = threading.Lock()
        self._transcriber: Transcriber | None = None

    def __call__(self, payload: Mapping[str, Any]) -> Writes:
        """The transcript's row and its alerts; a row that says why there is no text where there is no sound."""
        transcriber = self._ready()
        recording_id = int(payload["recording_id"])
        spoken_at = datetime.fromisoformat(payload["spoken_at"]).astimezone(self._zone)
        alarms: list[FoundAlarm] = []
        values: dict[str, Any]
        try:
            path = self._settings.recordings_dir / str(payload["path"])
            reading = self._reader.read(transcriber, path, spoken_at)
        except AudioError as error:
            values = {**_NOTHING, "engine": transcriber.engine, "model": transcriber.model, "error": error.reason}
        else:
            values = _values(reading)
            alarms = _alarms(reading)

        def write(connection: Connection) -> None:
            now = utc_now()
            save_transcript(connection, recording_id, **values, now=now)
            raise_alerts(connection, recording_id, alarms, self._routes, now)

        return write

    def _ready(self) -> Transcriber:
        with self._loading:
            if self._transcriber is None:
                try:
                    self._transcriber = load_transcriber(self._settings)
                    wording.load()
                except ModelMissing as error:
                    raise Unready(str(error)) from error
            return self._transcriber


class Notification:
    """Delivers notices; what cannot be delivered is tried again, as the outbox does with every job."""

    def __init__(self, settings: Settings, citizens: Mapping[str, str]) -> None:
        self._notifier = notifier(settings, citizens)

    def __call__(self, payload: Mapping[str, Any]) -> Writes:
        """Nothing is written: the job's own row says that it is done. Raises Undelivered."""
        fields = ("key", "kind", "case_no", "title", "text", "at", "to")
        self._notifier.deliver(str(payload["channel"]), Message(**{name: str(payload[name]) for name in fields}))
        return lambda connection: None  # noqa: ARG005


_NOTHING: dict[str, Any] = {"text": "", "heard": "", "words": [], "suggestions": [], "quality": {}, "confidence": None}


def _values(reading: Reading) -> dict[str, Any]:
    transcript = reading.transcript
    return {
        "engine": transcript.engine,
        "model": transcript.model,
        "text": reading.text,
        "heard": transcript.text,
        "words": [asdict(token) for token in reading.tokens],
        "suggestions": [asdict(one) for one in reading.suggestions],
        "quality": asdict(transcript.quality),
        "confidence": transcript.confidence,
        "error": None,
    }


def _alarms(reading: Reading) -> list[FoundAlarm]:
    return [
        FoundAlarm(
            category=one.alarm.category,
            name=one.alarm.name,
            severity=one.alarm.severity,
            phrase=one.alarm.phrase,
            quote=one.alarm.quote,
            found_by=one.found_by,
            score=one.alarm.score,
            start_ms=one.start_ms,
        )
        for one in reading.alarms
    ]
