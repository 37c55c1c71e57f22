"""Notices on their way out: routes from the city's file and the settings, delivery over real HTTP."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs

import pytest

from casebook.notifier import Message, Undelivered
from casebook.store.notices import Address
from config.notices import NoticesError, load, notifier, routes
from config.settings import CITY, Settings
from tests.webhooks import Receiver, receiving

SECRET = "sixteen letters and more"
MESSAGE = Message(
    "alert:1", "alert", "LYG20261123000001", "留言预警：火情", "请立即核听处置。", "2026-11-23T15:00:00+00:00", "duty"
)
SID, TOKEN = "AC00000000000000000000000000000001", "token-one"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as state:
        yield state


def with_webhook(url: str) -> Settings:
    return Settings(notify_webhook_url=f"{url}/duty", notify_webhook_secret=SECRET)


def with_sms(url: str) -> Settings:
    return Settings(
        twilio_account_sid=SID,
        twilio_auth_token=f"{TOKEN},token-two",
        twilio_api=url,
        notify_sms_from="+8651880000000",
        notify_sms_to="+8613800000001, +8613800000002",
    )


def test_a_channel_that_is_not_set_up_is_left_out() -> None:
    assert routes(Settings())["alert"] == (Address("in_app", "duty"),)
    assert routes(with_webhook("http://127.0.0.1:1"))["alert"][-1] == Address("webhook", "duty")
    told = routes(with_sms("http://127.0.0.1:1"))["alert"]
    assert told == (Address("in_app", "duty"), Address("sms", "duty:0"), Address("sms", "duty:1"))


def test_a_webhook_is_signed_and_names_its_key(receiver: Receiver) -> None:
    notifier(with_webhook(receiver.url), {}).deliver("webhook", MESSAGE)
    [(path, headers, body)] = receiver.requests
    assert path == "/duty"
    signed = headers["X-Hotline-Timestamp"].encode() + b"." + body
    expected = hmac.new(SECRET.encode(), signed, hashlib.sha256).hexdigest()
    assert headers["X-Hotline-Signature"] == f"sha256={expected}"
    assert headers["Idempotency-Key"] == "alert:1"
    assert json.loads(body)["title"] == "留言预警：火情"


def test_a_text_message_goes_to_the_number_behind_the_name(receiver: Receiver) -> None:
    receiver.status = 201
    message = Message(**{name: getattr(MESSAGE, name) for name in MESSAGE.__slots__} | {"to": "duty:1"})
    notifier(with_sms(receiver.url), {}).deliver("sms", message)
    [(path, headers, body)] = receiver.requests
    assert path == f"/2010-04-01/Accounts/{SID}/Messages.json"
    assert headers["Authorization"].startswith("Basic ")
    form = parse_qs(body.decode())
    assert (form["To"], form["From"]) == (["+8613800000002"], ["+8651880000000"])
    assert form["Body"] == ["【12345热线】请立即核听处置。"]


@pytest.mark.parametrize("status", [302, 403, 500])
def test_anything_but_a_success_is_tried_again(receiver: Receiver, status: int) -> None:
    receiver.status = status
    with pytest.raises(Undelivered, match=str(status)) as error:
        notifier(with_webhook(receiver.url), {}).deliver("webhook", MESSAGE)
    assert SECRET not in str(error.value)
    assert len(receiver.requests) == 1, "a redirection is not followed: it would carry the notice elsewhere"


def test_nobody_there_is_tried_again() -> None:
    with pytest.raises(Undelivered):
        notifier(with_webhook("http://127.0.0.1:1"), {}).deliver("webhook", MESSAGE)
    with pytest.raises(Undelivered, match="not set up"):
        notifier(Settings(), {}).deliver("webhook", MESSAGE)


@pytest.mark.parametrize("text", ["alert: console", "alert: [fax]", "- alert", "alert: ["])
def test_a_wrong_file_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "notices.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(NoticesError, match=r"^notices\.yaml: ") as error:
        load(tmp_path / "notices.yaml")
    assert "\n" not in str(error.value)


def test_the_city_tells_whoever_is_on_duty() -> None:
    assert load(CITY / "notices.yaml")["alert"] == ("in_app", "webhook", "sms")
