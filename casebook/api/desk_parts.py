"""What the desk's routes are built from."""

from __future__ import annotations

from dataclasses import dataclass

from call_router.desk_line import DeskLine
from call_router.plan import CallRouter
from casebook.store.callbacks import Callbacks
from casebook.store.desk import DeskLog
from casebook.store.legs import Legs
from casebook.store.presence import Presence


@dataclass(frozen=True, slots=True)
class DeskParts:
    """What the desk's routes need."""

    line: DeskLine
    router: CallRouter
    presence: Presence
    callbacks: Callbacks
    legs: Legs
    log: DeskLog
    extensions: frozenset[str]
    """The telephones of agents.yaml."""
