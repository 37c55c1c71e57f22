"""What a person, or the hotline itself, asks to be done with a case. One command is one event; its fields are the data
that the event must carry. Fields marked as private never get into the history.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import cache
from typing import Any, ClassVar, Literal

from casebook.handling.record import plain

PRIVATE = {"private": True}
Solved = Literal["yes", "partly", "no"]
Channel = Literal["phone", "web", "app", "wechat", "patrol", "province", "mail", "import"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """Base of all commands."""

    EVENT: ClassVar[str] = ""

    def facts(self) -> dict[str, Any]:
        """What the history keeps of it: everything that was said, but nobody's name and number."""
        kept = {name: getattr(self, name) for name in _public(type(self))}  # type: ignore[arg-type]
        return {name: plain(value) for name, value in kept.items() if value not in (None, "", (), False)}


@cache
def _public(kind: type[Command]) -> tuple[str, ...]:
    """The fields of a command that are not private."""
    return tuple(one.name for one in fields(kind) if not one.metadata.get("private"))
