"""A whole call over each database, with every report twice, late and out of order."""

from __future__ import annotations

from pathlib import Path

from casebook.store.verify import verify_chains
from config.wiring import Hotline
from tests.store.conftest import postgres, url
from tests.twilio.conftest import open_line, settings
from tests.twilio.fake_cloud import FakeCloud
from tests.twilio.fake_twilio import Delivery

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
