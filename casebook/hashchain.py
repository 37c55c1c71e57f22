"""The hash chain of a case's history: each event carries the digest of the one before."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any

GENESIS = "0" * 64
_encode = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode


def canonical(value: Mapping[str, Any]) -> str:
    """JSON with one spelling: sorted keys, no spaces, Unicode as it is."""
    return _encode(value)


def digest(previous: str, body: Mapping[str, Any]) -> str:
    """SHA-256 (hexadecimal) over the previous digest and the event."""
    return hashlib.sha256(f"{previous}\n{canonical(body)}".encode()).hexdigest()


def first_break(events: Iterable[tuple[Mapping[str, Any], str, str]]) -> int | None:
    """Index of the first event whose digest or link is wrong; None for a whole chain.

    `events` are (body, previous digest, digest) in their order.
    """
    expected = GENESIS
    for index, (body, previous, stored) in enumerate(events):
        if previous != expected or stored != digest(previous, body) or body.get("seq") != index + 1:
            return index
        expected = stored
    return None
