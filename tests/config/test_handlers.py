"""The worker over a real store and a real recogniser: one clear state for every file, an alarm in its time."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import yaml
from sqlalchemy import select

from casebook.store.alerts import Alerts
from casebook.store.schema import transcript
from config import jobs
from config.handlers import handlers
from config.settings import CITY, Settings
from config.wiring import Hotline, utc_now
from tests.config.worker import Worker
from tests.pbx.audio import voice_like, write_wav
from tests.speech import said_voicemails
from tests.transcription.test_strange_files import ACCEPTED, REJECTED

SECRET = "a secret of forty characters, for tests.."


@pytest.fixture
def city(tmp_path: Path) -> Path:
    """The city's files, to be changed."""
    folder = tmp_path / "city"
    shutil.copytree(CITY, folder, ignore=shutil.ignore_patterns("prompts"))
    return folder


@pytest.fixture
def worker(city: Path, tmp_path: Path) -> Iterator[Worker]:
    settings = Settings(data_dir=tmp_path / "data", city_dir=city, secret_key=SECRET)
    hotline = Hotline(settings)
    hotline.upgrade()
    yield Worker(hotline, jobs.Jobs(hotline.outbox, handlers(hotline), utc_now))
    hotline.close()


def test_every_file_has_one_clear_state_and_the_worker_goes_on(worker: Worker, tmp_path: Path) -> None:
    wanted: dict[str, tuple[str, str | None]] = {}
    for make, reason in REJECTED.values():
        case_no, path = worker.voicemail()
        make(path)
        wanted[case_no] = ("rejected", reason)
    for accept in ACCEPTED.values():
        case_no, path = worker.voicemail()
        accept(path)
        wanted[case_no] = ("done", None)
    case_no, path = worker.voicemail()
    write_wav(path, voice_like(3))
    wanted[case_no] = ("done", None)
    worker.work()
    found = {no: (worker.item(no).transcript_state, worker.item(no).transcript_error) for no in wanted}
    assert found == wanted
    assert worker.states() == [("done", 1, None)] * len(wanted)


def test_a_danger_word_is_an_alert_in_the_transcripts_own_transaction(worker: Worker, city: Path) -> None:
    said = said_voicemails()[0]
    words = yaml.safe_load((city / "alarms.yaml").read_text(encoding="utf-8"))
    case_no, path = worker.voicemail()
    shutil.copy(said.file, path)
    worker.work()
    heard = worker.item(case_no).transcript_text or ""
    phrase = re.search("[\u4e00-\u9fff]{4}", heard)
    assert phrase, heard
    words["categories"][0]["phrases"].append(phrase[0])
    (city / "alarms.yaml").write_text(yaml.safe_dump(words, allow_unicode=True), encoding="utf-8")

    again = Worker(worker.hotline, jobs.Jobs(worker.hotline.outbox, handlers(worker.hotline), utc_now), 10)
    case_no, path = again.voicemail()
    shutil.copy(said.file, path)
    again.work()
    [item] = Alerts(worker.hotline.engine).items(unacknowledged=True)
    assert (item.case_no, item.category, item.found_by) == (case_no, "fire", "text")
    assert item.raised_at - worker.item(case_no).started_at < timedelta(minutes=4)
    with worker.hotline.engine.connect() as connection:
        written = select(transcript.c.created_at).order_by(transcript.c.id.desc()).limit(1)
        assert connection.execute(written).scalar_one() == item.raised_at


def test_without_a_model_a_voicemail_waits_and_no_attempt_is_counted(city: Path, tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path / "data", city_dir=city, secret_key=SECRET, vosk_model=tmp_path / "gone")
    hotline = Hotline(settings)
    hotline.upgrade()
    worker = Worker(hotline, jobs.Jobs(hotline.outbox, handlers(hotline), utc_now))
    case_no, path = worker.voicemail()
    write_wav(path, voice_like(2))
    worker.work()
    assert worker.states() == [("waiting", 0, None)]
    assert worker.item(case_no).transcript_state == "pending"
    hotline.close()
