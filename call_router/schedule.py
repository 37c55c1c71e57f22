"""The schedule: who should be there at a moment, and which lines are open. Pure; the calendar comes from outside.

Times are the city's own. A shift over midnight belongs to the day on which it starts: whether that day is a workday
decides, also after midnight. Overrides of the shift leader go before everything else.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Annotated, Literal, Protocol
from zoneinfo import ZoneInfo

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, StringConstraints, ValidationError

_Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,30}$")]
_SPAN = re.compile(r"([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-4]):([0-5]\d)")
_DAY = timedelta(days=1)


class ScheduleError(Exception):
    """shifts.yaml cannot be read; the message names file and entry."""


class Calendar(Protocol):
    """Which days are worked: holidays rest, make-up days work."""

    def is_workday(self, day: date) -> bool:
        """Whether offices work on `day`."""


class PlainWeek:
    """Monday to Friday: the calendar where no better one is at hand."""

    def is_workday(self, day: date) -> bool:
        """No holiday is known."""
        return day.weekday() < 5


def _span(text: str) -> str:
    match = _SPAN.fullmatch(text)
    if match is None or (match[3] == "24" and match[4] != "00"):
        raise ValueError("is not hh:mm-hh:mm")
    return text


_Span = Annotated[str, AfterValidator(_span)]


class Hours(BaseModel):
    """Opening hours on workdays and rest days."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    workdays: tuple[_Span, ...] = ()
    restdays: tuple[_Span, ...] = ()


class Shift(BaseModel):
    """A shift: on which days, from when to when."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    name: str
    days: Literal["workdays", "restdays", "all"]
    time: _Span
    night: bool = False


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    hours: Mapping[_Name, Hours] = {}
    shifts: Mapping[_Name, Shift] = {}


@dataclass(frozen=True, slots=True)
class Override:
    """What the shift leader decided for a while: `on` and `off` name an agent, `night` and `day` the mode."""

    kind: Literal["on", "off", "night", "day"]
    starts_at: datetime
    ends_at: datetime
    agent: str = ""


@dataclass(frozen=True, slots=True)
class Rostered:
    """An agent as agents.yaml describes them. No shifts: every shift."""

    extension: str
    shifts: frozenset[str] = frozenset()
    skills: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Duty:
    """What holds at a moment."""

    working_day: bool
    night: bool
    shifts: frozenset[str]
    agents: frozenset[str]
    """Extensions of those whose shift it is."""
    skills: frozenset[str]
    open_hours: frozenset[str]
    """Names of the opening hours that hold now."""


class Schedule:
    """The city's shifts."""

    def __init__(
        self,
        hours: Mapping[str, Hours],
        shifts: Mapping[str, Shift],
        agents: Iterable[Rostered],
        calendar: Calendar,
        zone: ZoneInfo,
    ) -> None:
        self.hours, self.shifts = hours, shifts
        self._agents = tuple(agents)
        self._calendar = calendar
        self._zone = zone

    @classmethod
    def load(cls, file: Path, agents: Iterable[Rostered], calendar: Calendar, zone: ZoneInfo) -> Schedule:
        """Read shifts.yaml; a city without one is always open and knows no night. Raises ScheduleError."""
        if not file.is_file():
            return cls({}, {}, agents, calendar, zone)
        try:
            data = _File.model_validate(yaml.safe_load(file.read_text(encoding="utf-8")) or {})
        except yaml.YAMLError as error:
            mark = getattr(error, "problem_mark", None)
            raise ScheduleError(f"{file.name}:{mark.line + 1 if mark else 1}: not YAML") from error
        except ValidationError as error:
            first = error.errors()[0]
            message = first["msg"].removeprefix("Value error, ")
            raise ScheduleError(f"{file.name}: {'.'.join(map(str, first['loc']))}: {message}") from error
        return cls(data.hours, data.shifts, agents, calendar, zone)

    def compute(self, now: datetime, overrides: Iterable[Override] = ()) -> Duty:
        """What holds at `now`, an aware moment."""
        local = now.astimezone(self._zone)
        running = frozenset(name for name, shift in self.shifts.items() if self._runs(shift, local))
        night = any(self.shifts[name].night for name in running)
        agents = {agent.extension for agent in self._agents if self._rostered(agent, running)}
        for override in overrides:
            if override.starts_at <= now < override.ends_at:
                match override.kind:
                    case "on":
                        agents.add(override.agent)
                    case "off":
                        agents.discard(override.agent)
                    case _:
                        night = override.kind == "night"
        return Duty(
            working_day=self._calendar.is_workday(local.date()),
            night=night,
            shifts=running,
            agents=frozenset(agents),
            skills=frozenset(s for agent in self._agents if agent.extension in agents for s in agent.skills),
            open_hours=frozenset(name for name, hours in self.hours.items() if self._open(hours, local)),
        )

    def lint(self) -> list[str]:
        """What is wrong with the shifts: an agent's unknown shift, an hour of the week that no shift covers."""
        findings = [
            f"agents.yaml: {agent.extension} works in shift '{name}', which shifts.yaml does not know"
            for agent in self._agents
            for name in sorted(agent.shifts - self.shifts.keys())
        ]
        for kind in ("workdays", "restdays") if self.shifts else ():
            covered: set[int] = set()
            for shift in self.shifts.values():
                if shift.days in ("all", kind):
                    first, last = _minutes(shift.time)
                    covered |= {minute % 1440 for minute in range(first, last if last > first else last + 1440)}
            gap = next((minute for minute in range(1440) if minute not in covered), None)
            if gap is not None:
                findings.append(f"shifts.yaml: on {kind} nobody is on duty at {gap // 60:02d}:{gap % 60:02d}")
        return findings

    def _rostered(self, agent: Rostered, running: frozenset[str]) -> bool:
        return not agent.shifts or bool(agent.shifts & running)

    def _runs(self, shift: Shift, local: datetime) -> bool:
        return any(
            self._works(shift, day) and _within(shift.time, day, local) for day in (local.date(), local.date() - _DAY)
        )

    def _works(self, shift: Shift, day: date) -> bool:
        return shift.days == "all" or (shift.days == "workdays") == self._calendar.is_workday(day)

    def _open(self, hours: Hours, local: datetime) -> bool:
        for day in (local.date(), local.date() - _DAY):
            spans = hours.workdays if self._calendar.is_workday(day) else hours.restdays
            if any(_within(span, day, local) for span in spans):
                return True
        return False


def _minutes(span: str) -> tuple[int, int]:
    first, _, last = span.partition("-")
    start, end = (int(text[:2]) * 60 + int(text[3:]) for text in (first, last))
    return start, end


def _within(span: str, day: date, local: datetime) -> bool:
    """Whether the span that begins on `day` holds at `local`; its end is outside."""
    first, last = _minutes(span)
    midnight = datetime.combine(day, time(), local.tzinfo)
    start = midnight + timedelta(minutes=first)
    end = midnight + timedelta(minutes=last if last > first else last + 1440)
    return start <= local < end
