"""The city's list of matters, and the notes that teach what they sound like."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError


class CatalogueError(Exception):
    """A city's file of matters or notes is wrong; the message is one sentence with the file's name, and line."""


@dataclass(frozen=True, slots=True)
class Matter:
    """A matter (事项二级) in its group (事项一级)."""

    code: str
    name: str
    group: str
    accepted: bool
    """False: not the hotline's; the caller is told where it belongs."""


@dataclass(frozen=True, slots=True)
class Note:
    """A short text of the kind that an agent types, and the name of the matter that it is about."""

    text: str
    matter: str


class _Group(BaseModel):
    model_config = ConfigDict(extra="forbid")

    code: str = Field(pattern=r"^\d{2}$")
    name: str = Field(min_length=1)
    accepted: bool = True


class _Matter(BaseModel):
    # `words` are for the transcripts.
    model_config = ConfigDict(extra="ignore")

    code: str = Field(pattern=r"^\d{4}$")
    name: str = Field(min_length=1, max_length=32)


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid")

    groups: list[_Group]
    matters: list[_Matter]


class Catalogue:
    """The matters of a city, by name. Raises CatalogueError for a name or a code that stands twice."""

    def __init__(self, matters: Sequence[Matter]) -> None:
        self.matters = tuple(matters)
        self._by_name = {one.name: one for one in self.matters}
        self._by_code = {one.code: one for one in self.matters}
        for known, what in ((self._by_name, "name"), (self._by_code, "code")):
            if len(known) != len(self.matters):
                twice = [getattr(one, what) for one in self.matters if known[getattr(one, what)] is not one]
                raise CatalogueError(f"matters.yaml: the {what} {twice[0]} stands twice")

    @classmethod
    def load(cls, path: Path) -> Catalogue:
        """Read a city's matters.yaml. Raises CatalogueError."""
        try:
            content = _File.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
        except (OSError, yaml.YAMLError, ValidationError, UnicodeDecodeError) as error:
            raise CatalogueError(f"{path.name}: {_reason(error)}") from error
        groups = {group.code: group for group in content.groups}
        matters = []
        for one in content.matters:
            group = groups.get(one.code[:2])
            if group is None:
                raise CatalogueError(f"{path.name}: {one.name} is of the group {one.code[:2]}, which is not there")
            matters.append(Matter(one.code, one.name, group.name, group.accepted))
        return cls(matters)

    def get(self, name: str) -> Matter | None:
        """The matter of that name."""
        return self._by_name.get(name)

    def load_notes(self, path: Path) -> tuple[Note, ...]:
        """Read a city's matter_notes.tsv (code, note). Raises CatalogueError."""
        notes = []
        try:
            with path.open(encoding="utf-8", newline="") as file:
                rows = csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
                if next(rows, None) != ["code", "note"]:
                    raise CatalogueError(f"{path.name}:1: the first line must be: code, a tab, note")
                for row in rows:
                    matter = self._by_code.get(row[0]) if len(row) == 2 and row[1].strip() else None
                    if matter is None:
                        raise CatalogueError(f"{path.name}:{rows.line_num}: not a matter's code, a tab and a note")
                    notes.append(Note(row[1].strip(), matter.name))
        except (OSError, UnicodeDecodeError, csv.Error) as error:
            raise CatalogueError(f"{path.name}: {_reason(error)}") from error
        missing = {one.name for one in self.matters} - {note.matter for note in notes}
        if missing:
            raise CatalogueError(f"{path.name}: no note for {'、'.join(sorted(missing))}")
        return tuple(notes)


def _reason(error: Exception) -> str:
    if isinstance(error, ValidationError):
        first = error.errors()[0]
        return f"{'.'.join(str(part) for part in first['loc'])}: {first['msg']}"
    return " ".join(str(error).split())
