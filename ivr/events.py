"""What happened on a call. Drivers report the first group; the results of commands come back as the second."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, ClassVar

from ivr.verbs import Leg, dump_leg


@dataclass(frozen=True, slots=True)
class Started:
    """The call was answered."""

    name: ClassVar[str] = "started"


@dataclass(frozen=True, slots=True)
class Digits:
    """Keys pressed in answer to a `Gather`, without the terminator; empty when only that was pressed."""

    name: ClassVar[str] = "digits"
    digits: str


@dataclass(frozen=True, slots=True)
class NoInput:
    """A `Gather` heard no key in time."""

    name: ClassVar[str] = "no_input"


@dataclass(frozen=True, slots=True)
class Recorded:
    """A recording ended. `path` is relative to the recordings folder and empty when nothing reached the disk."""

    name: ClassVar[str] = "recorded"
    path: str
    duration_ms: int
    speech_ms: int | None
    """Milliseconds with a voice in them; None where the driver cannot tell."""
    sha256: str
    hung_up: bool
    """True when the caller hung up during or after the recording: nobody hears the answer."""


@dataclass(frozen=True, slots=True)
class DialEnded:
    """A `Dial` ended: answered, busy, no_answer, unavailable or congestion."""

    name: ClassVar[str] = "dial_ended"
    outcome: str
    talk_s: int = 0


@dataclass(frozen=True, slots=True)
class QueueLeft:
    """The caller left a queue: answered, timeout, join_empty, leave_empty, full or withdrawn.

    "transferred": an agent answered and handed the caller on to a line.
    """

    name: ClassVar[str] = "queue_left"
    outcome: str
    talk_s: int = 0
    agent: str = ""
    """Extension of the agent who answered."""


@dataclass(frozen=True, slots=True)
class CallerGone:
    """The caller hung up; accepted by every node."""

    name: ClassVar[str] = "caller_gone"


@dataclass(frozen=True, slots=True)
class CaseOpened:
    """Result of `OpenVoicemailCase`."""

    name: ClassVar[str] = "case_opened"
    case_no: str
    query_code: str


@dataclass(frozen=True, slots=True)
class CaseFound:
    """Result of `LookUpCase`: `progress` is one of the store's public progress words (see ivr.ports.PROGRESS)."""

    name: ClassVar[str] = "case_found"
    progress: str


@dataclass(frozen=True, slots=True)
class CaseNotFound:
    """Result of `LookUpCase` for a number and code that match no case."""

    name: ClassVar[str] = "case_not_found"


@dataclass(frozen=True, slots=True)
class LegsPlanned:
    """Result of `PlanLegs`: whom to try, in this order. Empty when the target cannot be reached at all."""

    name: ClassVar[str] = "legs_planned"
    legs: tuple[Leg, ...]


@dataclass(frozen=True, slots=True)
class CallbackBooked:
    """Result of `BookCallback`: somebody will call the caller back."""

    name: ClassVar[str] = "callback_booked"


@dataclass(frozen=True, slots=True)
class CallbackImpossible:
    """Result of `BookCallback` for a caller whose number is withheld."""

    name: ClassVar[str] = "callback_impossible"


DriverEvent = Started | Digits | NoInput | Recorded | DialEnded | QueueLeft | CallerGone
CommandResult = CaseOpened | CaseFound | CaseNotFound | LegsPlanned | CallbackBooked | CallbackImpossible
Event = DriverEvent | CommandResult


def dump_event(event: Event) -> dict[str, Any]:
    """JSON form of an event for the call's journal; what stands at its default is left out."""
    data: dict[str, Any] = {"event": event.name}
    for field in fields(event):
        value = getattr(event, field.name)
        if value != field.default:
            data[field.name] = [dump_leg(leg) for leg in value] if field.name == "legs" else value
    return data
