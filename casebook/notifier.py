"""How a notice leaves the house: a signed webhook, a text message. What is sent, and to whom, the store decides.

Delivery is at least once: whoever receives a webhook drops a key that it has had; a text message may come twice.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol
from urllib.parse import urlsplit

import httpx2

from casebook.linkage import sign

_TIMEOUT_S = 10
_LONGEST_SMS = 300


class Undelivered(Exception):
    """A notice did not arrive, and will be tried again; the message names no number and no secret."""


@dataclass(frozen=True, slots=True)
class Message:
    """A notice on its way out. `to` is whom the channel reaches; `at` is ISO 8601."""

    key: str
    kind: str
    case_no: str
    title: str
    text: str
    at: str
    to: str


class Channel(Protocol):
    """A way out of the house."""

    def deliver(self, message: Message) -> None:
        """Raises Undelivered."""


class Notifier:
    """Hands each message to its channel."""

    def __init__(self, channels: Mapping[str, Channel]) -> None:
        self._channels = dict(channels)

    def deliver(self, channel: str, message: Message) -> None:
        """Raises Undelivered, also for a channel that is not set up any more."""
        found = self._channels.get(channel)
        if found is None:
            raise Undelivered(f"the channel {channel} is not set up")
        found.deliver(message)


class Webhook:
    """POSTs a notice as JSON. `X-Hotline-Signature` is the HMAC-SHA256 of `<timestamp>.<body>` under the secret."""

    def __init__(self, url: str, secret: str, clock: Callable[[], datetime]) -> None:
        self._url, self._secret, self._clock = url, secret, clock

    def deliver(self, message: Message) -> None:
        """Raises Undelivered unless the answer is a success."""
        fields = ("key", "kind", "case_no", "title", "text", "at")
        content = {name: getattr(message, name) for name in fields}
        post_signed(self._url, self._secret, message.key, content, self._clock)


class TwilioSms:
    """Sends a text message by Twilio's REST interface (Messages resource, 2010-04-01)."""

    def __init__(self, account_sid: str, auth_token: str, sender: str, phones: Mapping[str, str], api: str) -> None:
        """`phones` has the number behind each name that a notice is addressed to."""
        self._url = f"{api.rstrip('/')}/2010-04-01/Accounts/{account_sid}/Messages.json"
        self._auth = (account_sid, auth_token)
        self._sender, self._phones = sender, phones

    def deliver(self, message: Message) -> None:
        """Raises Undelivered."""
        number = self._phones.get(message.to)
        if number is None:
            raise Undelivered(f"nobody is named {message.to} any more")
        form = {"To": number, "From": self._sender, "Body": f"【12345热线】{message.text}"[:_LONGEST_SMS]}
        _post(self._url, data=form, auth=self._auth)


def post_signed(url: str, secret: str, key: str, content: Mapping[str, str], clock: Callable[[], datetime]) -> None:
    """POST JSON, signed as casebook.linkage says. Raises Undelivered unless the answer is a success."""
    body = json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()
    timestamp = str(int(clock().timestamp()))
    headers = {
        "Content-Type": "application/json",
        "Idempotency-Key": key,
        "X-Hotline-Timestamp": timestamp,
        "X-Hotline-Signature": sign(secret, timestamp, body),
    }
    _post(url, content=body, headers=headers)


def _post(url: str, **request: Any) -> None:
    try:
        answer = httpx2.post(url, timeout=_TIMEOUT_S, follow_redirects=False, **request)
    except httpx2.HTTPError as error:
        raise Undelivered(f"{urlsplit(url).hostname}: {type(error).__name__}") from error
    if not answer.is_success:
        raise Undelivered(f"{urlsplit(url).hostname} answered {answer.status_code}")
