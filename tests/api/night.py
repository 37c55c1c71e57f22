"""A night's voicemails in a real store: what the API's and the console's tests look at."""

from __future__ import annotations

import math
import shutil
import wave
from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from sqlalchemy import Engine, update

from casebook.api.admin_deps import AdminDeps
from casebook.api.app import create_app
from casebook.api.board_hub import BoardHub
from casebook.api.deps import ApiDeps
from casebook.api.knowledge_deps import KnowledgeDeps, PublicDeps
from casebook.api.open311 import DEMANDS, open_matters
from casebook.linkage import Platform
from casebook.privacy import Privacy
from casebook.rulebook import load_rulebook
from casebook.store.accounts import Accounts
from casebook.store.alerts import Alerts, FoundAlarm, raise_alerts
from casebook.store.calendar_years import CalendarYears
from casebook.store.calls import SqlCallStore
from casebook.store.casework import Casework
from casebook.store.engine import open_engine
from casebook.store.files import Files
from casebook.store.linkage import Linkage
from casebook.store.notices import Address, Inbox
from casebook.store.public import PublicCases, PublicQuery
from casebook.store.queries import Cases
from casebook.store.schema import metadata, outbox
from casebook.store.settings_versions import CityFiles
from casebook.store.telephone_figures import TelephoneFigures
from casebook.store.transcripts import save_transcript
from casebook.store.users import Users
from casebook.store.voicemails import Voicemails
from casebook.suggest.catalogue import Catalogue
from config.check import READERS, city_findings
from config.settings import CITY
from config.suggestions import load_catalogue
from ivr.events import CaseOpened
from ivr.ports import KeptRecording, NewCall, OpenVoicemailCase, SessionRow

REVIEWER = "wangmin"
PLATFORMS = {
    "110": Platform("110", "公安110", ("call", "order", "state"), told=True),
    "12315": Platform("12315", "市场监管12315", ("order",), told=True),
    "ganyu": Platform("ganyu", "赣榆区平台", ("order",), told=False),
}
PASSWORD = "correct horse battery"
NUMBER = "13851235678"
SHOWN_NUMBER = "138****5678"


def minutes_ago(minutes: float) -> datetime:
    """A moment before now: the console's filters go by the real clock."""
    return datetime.now(UTC) - timedelta(minutes=minutes)


def write_tone(path: Path, seconds: float, *, rate: int = 8000) -> int:
    """A WAV as the PBX writes it (8 kHz, mono, 16 bit) with a tone in it; its length in milliseconds."""
    path.parent.mkdir(parents=True, exist_ok=True)
    frames = array("h", (int(6000 * math.sin(2 * math.pi * 440 * n / rate)) for n in range(int(seconds * rate))))
    with wave.open(str(path), "wb") as out:
        out.setparams((1, 2, rate, 0, "NONE", ""))
        out.writeframes(frames.tobytes())
    return int(seconds * 1000)


def copy_city(folder: Path) -> Path:
    """A city's folder of one's own to edit; the audio is that of the original."""
    folder.mkdir()
    for one in CITY.iterdir():
        if one.is_file():
            shutil.copy(one, folder)
        else:
            (folder / one.name).symlink_to(one)
    return folder


@cache
def catalogue() -> Catalogue:
    """The city's matters."""
    return load_catalogue(CITY)[0]


@dataclass
class Night:
    """A store in a folder, its recordings, and the application over both."""

    folder: Path
    console_dir: Path | None = None
    problems: dict[str, str | None] = field(default_factory=lambda: {"store": None, "broker": None, "model": None})
    now: datetime | None = None
    """Stops the application's clock when set."""
    fresh: bool = True
    """Makes the tables, and the reviewer; else whoever asked for the night does."""
    redis_url: str = ""
    """Where the live board is; empty for none."""
    knowledge: KnowledgeDeps | None = None
    """What suggests matters and duplicates; None for nothing."""

    def __post_init__(self) -> None:
        self.engine: Engine = open_engine(f"sqlite:///{self.folder / 'night.db'}")
        if self.fresh:
            metadata.create_all(self.engine)
        self.calls = SqlCallStore(self.engine, Privacy("a secret of the tests"))
        self.casework = Casework(self.engine, self.calls.privacy, load_rulebook(CITY), self.clock)
        self.cases = Cases(self.engine, self.calls.privacy, self.casework.book, self.clock)
        self.voicemails = Voicemails(self.engine, self.calls.privacy, self.casework, self.clock)
        self.alerts = Alerts(self.engine)
        self.inbox = Inbox(self.engine)
        self.users = Users(self.engine)
        if self.fresh:
            self.users.add(REVIEWER, PASSWORD, role="reviewer", display_name="王敏")
        self.recordings_dir = self.folder / "recordings"
        self.recordings_dir.mkdir()
        self.city_dir = copy_city(self.folder / "city")
        self._made = 0

    def clock(self) -> datetime:
        """The application's clock."""
        return self.now or datetime.now(UTC)

    def deps(self, *, cookie_secure: bool = False) -> ApiDeps:
        """What the application is built from."""
        return ApiDeps(
            casework=self.casework,
            cases=self.cases,
            files=Files(self.folder / "attachments"),
            voicemails=self.voicemails,
            alerts=self.alerts,
            inbox=self.inbox,
            users=self.users,
            recordings_dir=self.recordings_dir,
            console_dir=self.console_dir,
            readiness=lambda: self.problems,
            clock=self.clock,
            cookie_secure=cookie_secure,
            telephone=TelephoneFigures(self.engine),
            linkage=Linkage(self.engine, self.calls.privacy, {"linkage": (Address("in_app", "duty"),)}, self.clock),
            platforms=PLATFORMS,
            linkage_secrets={"110": ["the old secret of 110", "the new secret of 110"], "12315": ["secret of 12315"]},
            admin=AdminDeps(
                accounts=Accounts(self.engine, self.users, self.casework.book),
                city=CityFiles(self.engine, self.city_dir, city_findings),
                calendar=CalendarYears(self.engine, self.casework),
                readers=READERS,
                started_at=self.clock(),
            ),
            public=PublicDeps(
                query=PublicQuery(self.engine, self.calls.privacy, self.clock, self.casework.book.deadlines),
                cases=PublicCases(self.engine, DEMANDS, [one.name for one in open_matters(catalogue())]),
                casework=self.casework,
                catalogue=catalogue(),
                keys={},
            ),
            board=BoardHub(self.redis_url) if self.redis_url else None,
            knowledge=self.knowledge,
        )

    def app(self, *, cookie_secure: bool = False) -> FastAPI:
        """The application."""
        return create_app(self.deps(cookie_secure=cookie_secure))

    def voicemail(
        self,
        *,
        started_at: datetime | None = None,
        demand: str = "complaint",
        seconds: float = 3,
        path: str | None = None,
        ani: str = NUMBER,
    ) -> str:
        """A caller left a message: call, recording and DRAFT case; returns the case number."""
        self._made += 1
        start = started_at or minutes_ago(self._made)
        call_id = f"test-{int(start.timestamp())}.{self._made}"
        relative = path or f"{start:%Y%m%d}/{call_id}-002-1.wav"
        duration_ms = write_tone(self.recordings_dir / relative, seconds)
        with self.calls.transaction() as work:
            session = SessionRow(call_id, "rev", 1, 0, {}, ())
            work.create_call(NewCall(call_id, "asterisk", ani, "12345", start), session)
            work.save_recording(call_id, KeptRecording(relative, duration_ms, duration_ms, "0" * 64, True, 2), start)
            opened = work.open_by_voicemail(call_id, OpenVoicemailCase(relative, demand), start)
        assert isinstance(opened, CaseOpened)
        return opened.case_no

    def transcribe(
        self,
        case_no: str,
        words: list[tuple[str, float]],
        *,
        mended: Mapping[str, str] | None = None,
        after: Mapping[str, str] | None = None,
        text: str | None = None,
        suggestions: Sequence[Mapping[str, Any]] = (),
        quality: Mapping[str, Any] | None = None,
        model: str = "test",
    ) -> None:
        """The worker's result: words with their confidences, 400 ms each.

        `mended` has what was heard instead of a word, `after` the punctuation behind it.
        """
        instead, marks = mended or {}, after or {}
        rows = [
            {
                "text": word,
                "start_ms": 400 * at,
                "end_ms": 400 * at + 390,
                "confidence": confidence,
                "heard": instead.get(word, word),
                "after": marks.get(word, ""),
            }
            for at, (word, confidence) in enumerate(words)
        ]
        self._save(
            case_no,
            model=model,
            text=text if text is not None else "".join(word + marks.get(word, "") for word, _ in words),
            heard="".join(instead.get(word, word) for word, _ in words),
            words=rows,
            suggestions=suggestions,
            quality=quality or {},
            confidence=sum(confidence for _, confidence in words) / len(words),
            error=None,
        )

    def reject(self, case_no: str, error: str) -> None:
        """The worker found no sound: missing, empty, not_audio or broken."""
        nothing: dict[str, Any] = {"text": "", "heard": "", "words": [], "suggestions": [], "quality": {}}
        self._save(case_no, model="test", confidence=None, error=error, **nothing)

    def give_up(self, case_no: str) -> None:
        """The job failed too often, and waits for nobody any more."""
        key = f"transcribe:{self.voicemails.get(case_no).recording_id}"
        with self.engine.begin() as connection:
            done = connection.execute(update(outbox).where(outbox.c.key == key).values(state="dead"))
        assert done.rowcount == 1

    def alarm(
        self,
        case_no: str,
        *,
        category: str = "fire",
        name: str = "火情",
        severity: str = "emergency",
        quote: str = "找火",
        found_by: str = "sound",
        start_ms: int = 400,
    ) -> None:
        """The worker heard of a danger in a voicemail."""
        recording_id = self.voicemails.get(case_no).recording_id
        assert recording_id
        found = FoundAlarm(category, name, severity, "着火", quote, found_by, 1.2, start_ms)
        with self.engine.begin() as connection:
            routes = {"alert": (Address("in_app", "duty"),)}
            raise_alerts(connection, int(recording_id), [found], routes, self.clock())

    def _save(self, case_no: str, **transcript: Any) -> None:
        recording_id = self.voicemails.get(case_no).recording_id
        assert recording_id
        with self.engine.begin() as connection:
            save_transcript(connection, int(recording_id), engine="vosk", now=self.clock(), **transcript)
