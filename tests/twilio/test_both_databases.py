"""A whole call over each database, with every report twice, late and out of order."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

from casebook.store.verify import verify_chains
from config.wiring import Hotline
from tests.store.conftest import postgres, url
from tests.store.databases import postgres_server
from tests.twilio.conftest import Scripted, open_line, settings
from tests.twilio.fake_cloud import FakeCloud
from tests.twilio.fake_twilio import Delivery, FakeTwilio

__all__ = ["postgres", "url"]


def test_a_voicemail_becomes_one_case_with_one_transcription(url: str, tmp_path: Path, cloud: FakeCloud) -> None:
    hotline = Hotline(settings(tmp_path, cloud, database_url=url))
    hotline.upgrade()
    line = open_line(hotline, cloud)
    with line.client:
        everything = Delivery(twice=True, replays=2, status_first=True, recording_first=True)
        made = line.call("2", "busy", ("say", 2), "3", ("say", 3), "2", "1", "", delivery=everything)
        line.work()
    (case,) = line.cases(made.call_sid)
    assert case.case_no == "LYG" + made.heard.digits[:14]
    assert [row.kept for row in line.recordings(made.call_sid)] == [False, True]
    assert all(row.sha256 for row in line.recordings(made.call_sid))
    assert line.outcome(made.call_sid) == "voicemail"
    assert verify_chains(hotline.engine) == []
    hotline.close()


def test_when_the_database_goes_away_in_a_call_the_citizen_reaches_the_agents(tmp_path: Path, cloud: FakeCloud) -> None:
    with ExitStack() as database:
        server = database.enter_context(postgres_server())
        hotline = Hotline(settings(tmp_path, cloud, database_url=server))
        hotline.upgrade()
        line = open_line(hotline, cloud)
        made = FakeTwilio(line.send, cloud, Scripted(["2", "completed"]))
        made.before = lambda path: database.close() if path.endswith("/gather") else None
        with line.client:
            heard = made.call()
        hotline.close()
    assert heard.violations == []
    assert heard.clips == ["welcome", "menu_main", "fallback_queue"]
    assert heard.dialled == ["sip:queue-agents@pbx.example:5060"]
    assert set(heard.statuses) == {200}
