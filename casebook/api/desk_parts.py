"""What the desk's routes are built from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from call_router.desk_line import DeskLine
from call_router.plan import CallRouter
from casebook.store.callbacks import Callbacks
from casebook.store.desk import DeskLog
from casebook.store.desk_calls import DeskCalls
from casebook.store.legs import Legs
from casebook.store.presence import Presence


@dataclass(frozen=True, slots=True)
class BrowserPhone:
    """What a browser registers its telephone with. The password is shown to nobody but the agent who sits there."""

    url: str
    uri: str
    name: str
    password: str = field(repr=False)


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
    calls: DeskCalls
    browser_phone: Callable[[str], BrowserPhone | None] = lambda _: None
    """What the browser of the agent at an extension registers with; None where there are no browser telephones."""
