"""Linkage (联动) with 110, 12315, county platforms: signed messages, the same form in both directions. Pure.

A message is JSON. `X-Hotline-Signature` is `sha256=` and the HMAC-SHA256 of `<timestamp>.<body>` under the secret that
both sides share, `X-Hotline-Timestamp` the Unix time of the sending. A message has an id of its own inside the signed
body: sent again it is known, and whoever replays it achieves nothing.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

CALL, ORDER, STATE = "call", "order", "state"
KINDS = (CALL, ORDER, STATE)
"""A call handed over (转接来电), an order handed over (转办), a change of state (状态通知)."""
CLOCKS_DIFFER_S = 300
"""So far may the sender's clock be from ours."""


@dataclass(frozen=True, slots=True)
class Platform:
    """Whom we are linked with: what they may send, and whether they are told of what becomes of their orders."""

    id: str
    name: str
    sends: tuple[str, ...]
    told: bool
    trunk: str = ""
    """The trunk whose calls it hands over; empty for none."""


def sign(secret: str, timestamp: str, body: bytes) -> str:
    """The signature's header."""
    return f"sha256={hmac.new(secret.encode(), timestamp.encode() + b'.' + body, hashlib.sha256).hexdigest()}"


def is_signed(secrets: Sequence[str], timestamp: str, signature: str, body: bytes, now: datetime) -> bool:
    """Whether one of the secrets (two while they are being changed) signed this body, and lately."""
    if not (timestamp.isascii() and timestamp.isdecimal() and len(timestamp) <= 12 and signature.isascii()):
        return False
    fresh = abs(now.timestamp() - int(timestamp)) <= CLOCKS_DIFFER_S
    # Every secret is tried: how long this takes tells nothing.
    right = [hmac.compare_digest(sign(secret, timestamp, body), signature) for secret in secrets]
    return fresh and any(right)
