"""The city's router for tests: its real files, with the staff and the calendar that a test wants."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

from call_router.directory import Directory
from call_router.plan import AgentEntry, CallRouter, Staff
from call_router.schedule import Calendar, PlainWeek, Rostered, Schedule
from tests.conftest import REPOSITORY

CITY = REPOSITORY / "config" / "city"
ZONE = ZoneInfo("Asia/Shanghai")
NOON = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)
"""A Monday, 10:00 in the city."""


@dataclass(frozen=True)
class KnownStaff:
    """A staff that does not change."""

    known: Staff

    def staff(self, now: datetime) -> Staff:
        return self.known


@dataclass(frozen=True)
class Days:
    """Monday to Friday, but for holidays and make-up days."""

    holidays: frozenset[date] = frozenset()
    make_up: frozenset[date] = frozenset()

    def is_workday(self, day: date) -> bool:
        return day in self.make_up or (day.weekday() < 5 and day not in self.holidays)


def city_directory() -> Directory:
    """The directory that the project ships."""
    return Directory.load(CITY / "lines.yaml")


def city_schedule(agents: Iterable[Rostered] = (), calendar: Calendar | None = None) -> Schedule:
    """The shifts that the project ships."""
    return Schedule.load(CITY / "shifts.yaml", agents, calendar or PlainWeek(), ZONE)


def city_router(agents: Iterable[AgentEntry] = (), staff: Staff | None = None) -> CallRouter:
    """The router that the project ships, with these agents."""
    entries = {agent.extension: agent for agent in agents}
    schedule = city_schedule(Rostered(one.extension, frozenset(), one.skills) for one in entries.values())
    return CallRouter(city_directory(), schedule, entries, KnownStaff(staff or Staff()))
