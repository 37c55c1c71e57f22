"""What the pages of administration are built from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from casebook.store.accounts import Accounts
from casebook.store.calendar_years import CalendarYears
from casebook.store.settings_versions import CityFiles


@dataclass(frozen=True, slots=True)
class AdminDeps:
    """Accounts, the city's files, the calendar."""

    accounts: Accounts
    city: CityFiles
    calendar: CalendarYears
    readers: Mapping[str, Sequence[str]]
    """Which processes read a file when they start, by its name."""
    started_at: datetime
    """When this process read the files."""
