"""The directory of lines and queues: the city's lines.yaml, read and checked. No number stands in code."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator

EMERGENCIES = ("line:110", "line:119", "line:120", "line:122")
_Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,30}$")]
_LineId = Annotated[str, StringConstraints(pattern=r"^(?:[0-9]{3,20}|[a-z][a-z0-9_]{0,19})$")]
_Digits = Annotated[str, StringConstraints(pattern=r"^[0-9]{3,20}$")]
_Seconds = Annotated[int, Field(ge=5, le=3600)]
Kind = Literal["emergency", "hotline", "directory", "utility", "county"]
_Sip = r"sips?:[A-Za-z0-9_.+-]{1,60}@[A-Za-z0-9.-]{1,100}(:[0-9]{1,5})?"
_Pstn = Annotated[str, StringConstraints(pattern=rf"^(\+[1-9][0-9]{{5,14}}|{_Sip})$")]


class DirectoryError(Exception):
    """The directory cannot be read; the message names file and entry."""


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    name: str
    timeout_s: _Seconds
    emergency: bool = False


class Queue(_Entry):
    """A queue of agents. One of a `skill` takes the callers of its `demands` while somebody has that skill."""

    night_timeout_s: _Seconds | None = None
    weight: Annotated[int, Field(ge=0, le=100)] = 0
    """A queue of more weight is served first by the agents that it shares with others."""
    skill: _Name | None = None
    demands: tuple[_Name, ...] = ()
    others: bool = True
    """Whether agents without the skill are rung when nobody who has it is free."""


class Line(_Entry):
    """A linked line. `number` is what is dialled, where that is not its own name."""

    kind: Kind
    trunk: _Name
    number: _Digits | None = None
    hours: _Name | None = None
    handover: str = "transfer_other"
    """The prompt before the transfer."""
    alternates: tuple[_LineId, ...] = ()
    fallback: _Name = "agents"
    twilio: _Pstn | None = None
    """Where Twilio reaches it, which cannot dial 110: a full number or a SIP address."""

    @model_validator(mode="after")
    def _marked(self) -> Line:
        if (self.kind == "emergency") != self.emergency:
            raise ValueError("an emergency line is of the kind emergency and marked as one, both or neither")
        return self


class Outgoing(BaseModel):
    """How the line calls citizens: over which trunk, showing which number, and what a mobile number is preceded by."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    trunk: _Name
    number: _Digits
    prefix: Annotated[str, StringConstraints(pattern=r"^[0-9]{0,6}$")] = ""
    country: Annotated[str, StringConstraints(pattern=r"^[0-9]{1,3}$")] = "86"

    def dialled(self, number: str) -> str:
        """What the trunk is given for a number in E.164: the national form at home, with 00 abroad."""
        if number.startswith(f"+{self.country}"):
            national = number.removeprefix(f"+{self.country}")
            return self.prefix + (national if national.startswith("1") else f"0{national}")
        return self.prefix + (f"00{number[1:]}" if number.startswith("+") else number)


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    outgoing: Outgoing | None = None
    queues: Mapping[_Name, Queue]
    lines: Mapping[_LineId, Line]


class Directory:
    """Lines and queues by their names."""

    def __init__(
        self, queues: Mapping[str, Queue], lines: Mapping[str, Line], outgoing: Outgoing | None = None
    ) -> None:
        self.queues = queues
        self.outgoing = outgoing
        self.lines = lines

    @classmethod
    def load(cls, file: Path) -> Directory:
        """Read a directory. Raises DirectoryError."""
        try:
            data = _File.model_validate(yaml.safe_load(file.read_text(encoding="utf-8")))
        except OSError as error:
            raise DirectoryError(f"{file}: {error.strerror}") from error
        except yaml.YAMLError as error:
            mark = getattr(error, "problem_mark", None)
            raise DirectoryError(f"{file.name}:{mark.line + 1 if mark else 1}: not YAML") from error
        except ValidationError as error:
            first = error.errors()[0]
            raise DirectoryError(f"{file.name}: {'.'.join(map(str, first['loc']))}: {first['msg']}") from error
        return cls(data.queues, data.lines, data.outgoing)

    def number(self, line: str) -> str:
        """What is dialled for a line. Raises KeyError for an unknown one."""
        return self.lines[line].number or line

    def targets(self) -> set[str]:
        """Every target that can be planned."""
        return {f"queue:{name}" for name in self.queues} | {f"line:{name}" for name in self.lines}

    def emergencies(self) -> tuple[str, ...]:
        """The targets that two keys must reach."""
        return EMERGENCIES

    def lint(self, clips: Iterable[str] | None = None, hours: Iterable[str] | None = None) -> list[str]:
        """What is wrong with the directory itself; `clips` are the prompts, `hours` the opening hours that exist."""
        findings = []
        for target in EMERGENCIES:
            line = self.lines.get(target.removeprefix("line:"))
            if line is None:
                findings.append(f"lines.yaml: there is no {target.removeprefix('line:')}")
            elif not line.emergency:
                findings.append(f"lines.yaml: {target.removeprefix('line:')} is not marked as an emergency line")
        for name, line in self.lines.items():
            findings += [f"lines.yaml: {name} {problem}" for problem in self._problems(name, line, clips, hours)]
        return findings

    def _problems(
        self, name: str, line: Line, clips: Iterable[str] | None, hours: Iterable[str] | None
    ) -> Iterable[str]:
        if not name.isdecimal() and line.number is None:
            yield "has no number"
        if line.fallback not in self.queues:
            yield f"falls back to '{line.fallback}', which is no queue"
        elif line.emergency and not self.queues[line.fallback].emergency:
            yield f"falls back to '{line.fallback}', which is no queue for emergencies"
        for alternate in line.alternates:
            if alternate not in self.lines:
                yield f"is followed by '{alternate}', which is no line"
        if line.emergency and line.hours:
            yield "has opening hours, and an emergency has none"
        if clips is not None and line.handover not in clips:
            yield f"is announced by '{line.handover}', which has no audio"
        if hours is not None and line.hours and line.hours not in hours:
            yield f"opens at '{line.hours}', which shifts.yaml does not know"
