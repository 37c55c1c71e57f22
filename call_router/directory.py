"""The directory of lines and queues (config/city/lines.yaml), and the plan of a transfer: whom to try in turn."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Annotated

import yaml
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from ivr.verbs import Leg

EMERGENCIES = ("line:110", "line:119", "line:120", "line:122")
_Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,30}$")]
_Digits = Annotated[str, StringConstraints(pattern=r"^[0-9]{3,20}$")]
_Seconds = Annotated[int, Field(ge=5, le=3600)]
_Sip = r"sips?:[A-Za-z0-9_.+-]{1,60}@[A-Za-z0-9.-]{1,100}(:[0-9]{1,5})?"
_Pstn = Annotated[str, StringConstraints(pattern=rf"^(\+[1-9][0-9]{{5,14}}|{_Sip})$")]


class DirectoryError(Exception):
    """The directory cannot be read; the message names file and entry."""


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    name: str
    timeout_s: _Seconds


class Queue(_Entry):
    """A queue of agents."""


class Line(_Entry):
    """A linked line. `number` is what is dialled, where that is not its own name."""

    trunk: _Name
    number: _Digits | None = None
    emergency: bool = False
    twilio: _Pstn | None = None
    """Where Twilio reaches it, which cannot dial 110: a full number or a SIP address."""


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    queues: Mapping[_Name, Queue]
    lines: Mapping[_Digits, Line]


class Directory:
    """Implements ivr.ports.Router."""

    def __init__(self, queues: Mapping[str, Queue], lines: Mapping[str, Line]) -> None:
        self._queues = queues
        self._lines = lines

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
        return cls(data.queues, data.lines)

    def plan(self, target: str, demand: str, now: datetime) -> tuple[Leg, ...]:  # noqa: ARG002 - ivr.ports.Router
        """The legs of a target ("line:110", "queue:agents"); empty for one that the directory does not know."""
        kind, _, name = target.partition(":")
        if kind == "queue" and (queue := self._queues.get(name)):
            return (Leg("queue", name, name, "", queue.timeout_s),)
        if kind == "line" and (line := self._lines.get(name)):
            number, pstn = line.number or name, line.twilio or ""
            return (Leg("line", name, number, line.trunk, line.timeout_s, line.emergency, pstn),)
        return ()

    def targets(self) -> set[str]:
        """Every target that can be planned."""
        return {f"queue:{name}" for name in self._queues} | {f"line:{name}" for name in self._lines}

    def emergencies(self) -> tuple[str, ...]:
        """The targets that two keys must reach."""
        return EMERGENCIES

    def lint(self) -> list[str]:
        """What is wrong with the directory itself."""
        findings = []
        for target in EMERGENCIES:
            line = self._lines.get(target.removeprefix("line:"))
            if line is None:
                findings.append(f"lines.yaml: there is no {target.removeprefix('line:')}")
            elif not line.emergency:
                findings.append(f"lines.yaml: {target.removeprefix('line:')} is not marked as an emergency line")
        return findings
