"""What a driver must do with the caller now.

A step answers with a tuple of verbs. At most one of them waits for the caller or for another party, and it comes last;
`Hangup` ends the call and comes last too. Prompts are clip names under the city's prompt folder, without extension
("menu_main", "digits/3"); a driver plays them one after another.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, ClassVar, Literal

LegKind = Literal["line", "queue"]


@dataclass(frozen=True, slots=True)
class Leg:
    """One attempt to reach somebody: a linked line or a queue of agents. Drivers turn it into a dial string."""

    kind: LegKind
    target: str
    """Identifier in the city's directory: "110", "agents"."""
    number: str
    """What is dialled for a line; the queue's name for a queue."""
    trunk: str
    """Name of the trunk for a line; empty for a queue."""
    timeout_s: int
    emergency: bool = False
    pstn: str = ""
    """Where a carrier without our trunks reaches it: a number in E.164 or a SIP address; empty for nowhere."""


@dataclass(frozen=True, slots=True)
class Play:
    """Play clips. A key pressed meanwhile cuts them short and counts as the first key of the `Gather` that follows."""

    name: ClassVar[str] = "play"
    prompts: tuple[str, ...]
    barge_in: bool = True


@dataclass(frozen=True, slots=True)
class Gather:
    """Play clips, then wait for keys; the event is `Digits` or `NoInput`.

    `first_digit_timeout_s` runs from the end of the prompts, `inter_digit_timeout_s` from each key. Keys end with
    `max_digits`, the `terminator` (not part of the digits; empty for none) or the inter-digit timeout.
    """

    name: ClassVar[str] = "gather"
    prompts: tuple[str, ...]
    max_digits: int
    first_digit_timeout_s: float
    inter_digit_timeout_s: float
    terminator: str = "#"


@dataclass(frozen=True, slots=True)
class Record:
    """Play clips (any key skips them), a beep, then record the caller; the event is `Recorded`.

    Ends at `finish_key`, after `max_duration_s`, after `max_silence_s` of silence, or when the caller hangs up.
    """

    name: ClassVar[str] = "record"
    prompts: tuple[str, ...]
    max_duration_s: int
    max_silence_s: int
    finish_key: str = "#"


@dataclass(frozen=True, slots=True)
class Playback:
    """Play back what the caller recorded at step `seq` of this call; not a wait."""

    name: ClassVar[str] = "playback"
    recording: str
    """Path relative to the recordings folder."""


@dataclass(frozen=True, slots=True)
class Dial:
    """Connect the caller with a linked line; the event is `DialEnded`."""

    name: ClassVar[str] = "dial"
    leg: Leg


@dataclass(frozen=True, slots=True)
class Enqueue:
    """Put the caller into a queue of agents; the event is `QueueLeft`."""

    name: ClassVar[str] = "enqueue"
    leg: Leg


@dataclass(frozen=True, slots=True)
class Hangup:
    """End the call."""

    name: ClassVar[str] = "hangup"


Verb = Play | Gather | Record | Playback | Dial | Enqueue | Hangup
WAITS = (Gather, Record, Dial, Enqueue)

_BY_NAME: dict[str, type[Any]] = {verb.name: verb for verb in (Play, Gather, Record, Playback, Dial, Enqueue, Hangup)}

_FIELDS = {name: tuple(field.name for field in fields(kind)) for name, kind in _BY_NAME.items()}


def dump_verb(verb: Verb) -> dict[str, Any]:
    """JSON form of a verb: its fields, and its name under "verb"."""
    data: dict[str, Any] = {"verb": verb.name}
    for name in _FIELDS[verb.name]:
        value = getattr(verb, name)
        data[name] = dump_leg(value) if isinstance(value, Leg) else value
    return data


def load_verb(data: dict[str, Any]) -> Verb:
    """The verb that `dump_verb` wrote. Raises KeyError or TypeError for anything else."""
    values = dict(data)
    kind = _BY_NAME[values.pop("verb")]
    if "prompts" in values:
        values["prompts"] = tuple(values["prompts"])
    if "leg" in values:
        values["leg"] = Leg(**values["leg"])
    verb: Verb = kind(**values)
    return verb


def dump_leg(leg: Leg) -> dict[str, Any]:
    """JSON form of a leg: its fields."""
    return {field.name: getattr(leg, field.name) for field in fields(leg)}
