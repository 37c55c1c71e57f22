"""A citizen speaks of danger to the voicemail and hangs up: within a minute somebody is told."""

from __future__ import annotations

import hashlib
import hmac
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from sqlalchemy import select

from casebook.store.schema import alert, call, recording
from config.settings import CITY
from tests.e2e.calls import to_the_beep
from tests.e2e.conftest import EVERYTHING, Said
from tests.e2e.hotline import TestLine, running
from tests.pbx.audio import Silence, Speech
from tests.webhooks import Receiver, receiving

SECRET = "sixteen letters and more"


@pytest.fixture
def duty_room() -> Iterator[Receiver]:
    """Where whoever is on duty is told."""
    with receiving() as receiver:
        yield receiver


def told(duty_room: Receiver) -> list[dict[str, Any]]:
    """What the duty room was told with a right signature."""
    notices = []
    for _, headers, body in duty_room.requests:
        signed = headers["X-Hotline-Timestamp"].encode() + b"." + body
        right = hmac.new(SECRET.encode(), signed, hashlib.sha256).hexdigest()
        if headers["X-Hotline-Signature"] == f"sha256={right}":
            notices.append(json.loads(body))
    return notices


def test_an_alarm_is_raised_and_told_within_a_minute_of_the_hang_up(
    duty_room: Receiver, tmp_path: Path, pbx_prefix: Path, speech: list[Said]
) -> None:
    said = speech[0]
    plain = said.text.replace("，", "").replace("。", "")
    city = tmp_path / "city"
    shutil.copytree(CITY, city, ignore=shutil.ignore_patterns("prompts"))
    (city / "prompts").symlink_to(CITY / "prompts")
    # Some of what is said is made a danger word: parts of it, since not every character is heard right.
    words = yaml.safe_load((city / "alarms.yaml").read_text(encoding="utf-8"))
    words["categories"][0]["phrases"] += sorted({plain[n : n + 3] for n in range(len(plain) - 2)})
    (city / "alarms.yaml").write_text(yaml.safe_dump(words, allow_unicode=True), encoding="utf-8")
    settings = {
        "HOTLINE_CITY_DIR": str(city),
        "HOTLINE_NOTIFY_WEBHOOK_URL": f"{duty_room.url}/",
        "HOTLINE_NOTIFY_WEBHOOK_SECRET": SECRET,
    }
    with running(TestLine(tmp_path / "line", pbx_prefix, **settings), *EVERYTHING) as line:
        line.caller.place([*to_the_beep(), Speech(said.samples), Silence(0.5)], hang_up=True, limit_s=60)
        line.wait(lambda: bool(told(duty_room)), 180, "nobody was told")
        notices = told(duty_room)
        assert len(notices) == 1
        [raised] = line.rows(
            select(alert.c.raised_at, alert.c.category, call.c.ended_at)
            .join(recording, recording.c.id == alert.c.recording_id)
            .join(call, call.c.call_id == recording.c.call_id)
        )
        assert raised.category == "fire"
        assert (raised.raised_at - raised.ended_at).total_seconds() < 60
        assert notices[0]["kind"] == "alert"
        assert notices[0]["case_no"] == line.voicemails()[0].case_no
