"""Case numbers: the city's prefix, the day of registration and a six-digit number of that day; and query codes."""

from __future__ import annotations

import secrets
from datetime import datetime
from zoneinfo import ZoneInfo

PREFIX = "LYG"
ZONE = ZoneInfo("Asia/Shanghai")


def day_of(moment: datetime) -> str:
    """The Asia/Shanghai day of an aware moment, as YYYYMMDD."""
    day = moment.astimezone(ZONE)
    return f"{day.year:04d}{day.month:02d}{day.day:02d}"


def case_number(day: str, number: int) -> str:
    """LYG20261123000042 for day 20261123 and number 42. Raises ValueError past 999999."""
    if not 0 < number < 1_000_000:
        raise ValueError(f"the day's number {number} does not fit six digits")
    return f"{PREFIX}{day}{number:06d}"


def from_digits(digits: str) -> str:
    """The case number that a caller keyed in as its 14 digits."""
    return PREFIX + digits


def new_query_code() -> str:
    """Four random digits that a citizen needs besides the number."""
    return f"{secrets.randbelow(10_000):04d}"
