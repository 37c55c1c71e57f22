"""What the operator has at hand: the fallback document, the check of the public address, settings that are named."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest
from typer.testing import CliRunner

from config import twilio
from config.cli import app, context
from config.settings import SettingsError, load
from config.wiring import utc_now
from ivr.ports import NewCall
from tests.twilio.conftest import settings
from tests.twilio.fake_cloud import FakeCloud
from tests.twilio.web import Web, environment, running


@pytest.fixture
def configured(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    for name, value in environment(tmp_path).items():
        monkeypatch.setenv(name, value)
    assert CliRunner().invoke(app, ["db", "upgrade"]).exit_code == 0
    return tmp_path


def test_the_fallback_document_reaches_the_agents_and_then_takes_a_message(configured: Path) -> None:
    printed = CliRunner().invoke(app, ["twilio", "fallback"])
    assert printed.exit_code == 0, printed.output
    document = ElementTree.fromstring(printed.output)  # noqa: S314 - our own
    assert [verb.tag for verb in document] == ["Say", "Dial", "Say", "Record", "Say", "Hangup"]
    assert document[1][0].text == "sip:queue-agents@pbx.example:5060"
    assert "12345" in (document[0].text or "")
    # Nothing in it is fetched from us before somebody has talked to the citizen, or the citizen to the recorder.
    assert not list(document.iter("Play"))


def test_without_a_pbx_it_puts_the_caller_into_a_queue(configured: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOTLINE_TWILIO_PBX", "")
    document = ElementTree.fromstring(CliRunner().invoke(app, ["twilio", "fallback"]).output)  # noqa: S314
    assert [verb.tag for verb in document][:2] == ["Say", "Enqueue"]


@pytest.mark.parametrize("name", ["TWILIO_ACCOUNT_SID", "TWILIO_AUTH_TOKEN", "PUBLIC_URL"])
def test_what_is_missing_is_named(cloud: FakeCloud, tmp_path: Path, name: str) -> None:
    incomplete = settings(tmp_path, cloud, **{name.lower(): ""})
    assert not twilio.configured(incomplete)
    with pytest.raises(SettingsError, match=f"HOTLINE_{name} is not set"):
        twilio.account(incomplete)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("HOTLINE_TWILIO_PBX", "sip:pbx.example"),
        ("HOTLINE_TWILIO_NUMBER", "13812345678"),
        ("HOTLINE_TWILIO_PEERS", "54.172.60.0/99"),
        ("HOTLINE_TWILIO_API", "http://evil.example"),
    ],
)
def test_a_bad_value_is_named(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError, match=name) as refused:
        load()
    assert "\n" not in str(refused.value)


def test_the_check_asks_the_public_address_with_a_signed_request_and_with_an_unsigned_one(
    tmp_path: Path, empty_database: Path, cloud: FakeCloud
) -> None:
    shutil.copy(empty_database, tmp_path / "hotline.db")
    web = Web(tmp_path, **environment(tmp_path))
    right = settings(tmp_path, cloud, public_url=web.url)
    (unreachable,) = twilio.check(right)
    assert "HOTLINE_PUBLIC_URL" in unreachable
    assert "cannot be reached" in unreachable
    # The web process signs over another address than the check: as behind a proxy that is not told of.
    with running(web):
        (refused,) = twilio.check(right)
        assert "was answered with 403" in refused
    web = Web(tmp_path, **environment(tmp_path, HOTLINE_PUBLIC_URL=web.url, HOTLINE_HTTP_PORT=str(web.port)))
    with running(web):
        assert twilio.check(right) == []


def test_without_twilio_there_is_nothing_to_check(cloud: FakeCloud, tmp_path: Path) -> None:
    assert twilio.check(settings(tmp_path, cloud, twilio_account_sid="")) == []


def test_a_call_that_was_asked_for_before_is_not_promised_again(configured: Path) -> None:
    call_id = "CA" + "7" * 32
    with context.hotline() as parts:
        parts.service.start(NewCall(call_id, "twilio", "+8613812345678", "12345", utc_now()))
    first, second = (CliRunner().invoke(app, ["twilio", "call-back", call_id]) for _ in range(2))
    assert (first.exit_code, first.stdout) == (0, "The worker will make the call.\n")
    assert (second.exit_code, second.stdout) == (1, "")
    assert second.stderr.startswith(f"The caller of {call_id} was called back before, or is about to be")
    assert len(second.stderr.splitlines()) == 1


def test_calls_are_asked_for_at_the_command_line_and_refused_in_one_sentence(configured: Path) -> None:
    for words in (["call-back", "CA0"], ["survey", "LYG20261123000001"]):
        done = subprocess.run(
            [sys.executable, "-m", "config.cli", "twilio", *words],
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )
        assert done.returncode == 1
        assert done.stderr.startswith("没有")
        assert len(done.stderr.strip().splitlines()) == 1
