"""Where the next page of a list begins, as an opaque word."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence

from casebook.errors import CaseError


def make_cursor(row_id: int) -> str:
    """The cursor behind a row."""
    return base64.urlsafe_b64encode(f"v1:{row_id}".encode()).decode().rstrip("=")


def read_cursor(cursor: str) -> int:
    """The row of a cursor. Raises CaseError bad_value."""
    try:
        version, _, number = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode("ascii").partition(":")
        if version == "v1" and len(number) <= 18:
            return int(number)
    except (ValueError, binascii.Error):
        pass
    raise CaseError("bad_value", "分页位置无效，请从头开始。")


def make_place_cursor(place: Sequence[int]) -> str:
    """The cursor behind a row of a list that several numbers order."""
    return base64.urlsafe_b64encode(f"v2:{','.join(map(str, place))}".encode()).decode().rstrip("=")


def read_place_cursor(cursor: str, length: int) -> tuple[int, ...]:
    """The numbers of a cursor. Raises CaseError bad_value."""
    try:
        version, _, words = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode("ascii").partition(":")
        place = tuple(int(word) for word in words.split(",") if len(word) <= 18)
        if version == "v2" and len(place) == length:
            return place
    except (ValueError, binascii.Error):
        pass
    raise CaseError("bad_value", "分页位置无效，请从头开始。")
