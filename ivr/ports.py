"""What the call core needs from outside, as Protocols: the store, the router, the probe of a recording.

`casebook.store` implements the store, `call_router` the router, `transcription.audio` the probe; `config` wires them.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from ivr.events import CommandResult, Event
from ivr.verbs import Leg, Verb

PROGRESS = ("received", "handling", "answered", "closed", "not_accepted")
"""What a citizen hears of a case by telephone; a prompt `progress_<word>` exists for each."""


class StaleSession(Exception):
    """Another process took the same step first; load the session again."""


# --- commands: run inside the step's transaction, their result is the next event


@dataclass(frozen=True, slots=True)
class OpenVoicemailCase:
    """Open the call's DRAFT case for a kept recording. One case a call: asked again, the same case comes back."""

    path: str
    """The recording, relative to the recordings folder; its row was written by `UnitOfWork.save_recording`."""
    demand: str
    """What the caller chose: consult, complaint, suggestion, help, or "" when nothing was chosen."""


@dataclass(frozen=True, slots=True)
class LookUpCase:
    """Look a case up by the 14 digits of its number and its query code."""

    digits: str
    query_code: str


@dataclass(frozen=True, slots=True)
class PlanLegs:
    """Ask the router how to reach a target ("line:110", "queue:agents")."""

    target: str
    demand: str


@dataclass(frozen=True, slots=True)
class BookCallback:
    """Note that the caller wants to be called back. One task a number: asked again, the same task stands."""


Command = OpenVoicemailCase | LookUpCase | PlanLegs | BookCallback


# --- effects: rows of the outbox, written in the same transaction, done by workers


@dataclass(frozen=True, slots=True)
class Effect:
    """Work that can wait. `key` is unique: the same effect twice is one row."""

    kind: str
    key: str
    payload: Mapping[str, Any]


# --- the call and its session


@dataclass(frozen=True, slots=True)
class NewCall:
    """A call as the carrier announces it."""

    call_id: str
    """Asterisk's UNIQUEID with the system's name, or Twilio's CallSid: [A-Za-z0-9_.-], at most 64 characters."""
    carrier: str
    """asterisk, twilio or simulator."""
    ani: str
    """The caller's number as received; empty when withheld."""
    dnis: str
    """The number that was dialled."""
    started_at: datetime


@dataclass(slots=True)
class SessionRow:
    """A call's state as stored. `version` guards against two writers; the store raises StaleSession."""

    call_id: str
    flow_rev: str
    version: int
    seq: int
    """Number of the pending answer. A driver hands it back with the outcome; an older one is answered again."""
    state: dict[str, Any]
    verbs: tuple[Verb, ...]
    """The answer that belongs to `seq`."""
    ended_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class RecordingFacts:
    """What a recording is: length and speech in milliseconds, digest of the file's bytes."""

    duration_ms: int
    speech_ms: int
    sha256: str


@dataclass(frozen=True, slots=True)
class KeptRecording:
    """A recording as the engine judged it. `kept` is False for one that was recorded again or held no speech."""

    path: str
    duration_ms: int
    speech_ms: int | None
    sha256: str
    kept: bool
    seq: int


@dataclass(frozen=True, slots=True)
class EndedLeg:
    """An attempt to reach somebody, over."""

    seq: int
    """Number of the answer that began it."""
    leg: Leg
    started_at: datetime
    outcome: str
    """As DialEnded or QueueLeft says, or "caller_gone" when the caller hung up before anybody answered."""
    talk_s: int = 0
    agent: str = ""


@dataclass(frozen=True, slots=True)
class StepWrites:
    """What one step adds besides the session row."""

    journal: tuple[Event, ...]
    """The driver's event first, then the results of commands."""
    effects: tuple[Effect, ...] = ()
    outcome: str = ""
    """Set when the call ends: voicemail, answered, transferred, informed, callback, missed, abandoned."""
    legs: tuple[EndedLeg, ...] = ()


class UnitOfWork(Protocol):
    """One transaction of the store. Leaving the `with` block commits, an exception rolls back."""

    def load_session(self, call_id: str) -> SessionRow | None:
        """The session, or None for an unknown call."""

    def create_call(self, call: NewCall, session: SessionRow) -> None:
        """Write the call's row (number encrypted) and its session. Raises StaleSession where the call exists."""

    def save_step(self, session: SessionRow, writes: StepWrites, now: datetime) -> None:
        """Write session, journal and effects. Raises StaleSession when `session.version` is not the stored one.

        Increments `session.version`. When `session.ended_at` is set, the call's row gets its end and `writes.outcome`,
        and the clock of the call's DRAFT case starts there. A call that ends missed or abandoned leaves a call-back
        task for its number; one that reached somebody ends the number's open task.
        """

    def save_recording(self, call_id: str, recording: KeptRecording, now: datetime) -> None:
        """Write or update the recording's row (unique by path), so that a command in the same step can refer to it."""

    def open_by_voicemail(self, call_id: str, command: OpenVoicemailCase, now: datetime) -> CommandResult:
        """CaseOpened. Idempotent by call; adds the transcription effect of the recording."""

    def look_up_case(self, command: LookUpCase) -> CommandResult:
        """CaseFound or CaseNotFound."""

    def book_callback(self, call_id: str, now: datetime) -> CommandResult:
        """CallbackBooked, or CallbackImpossible where the call has no number."""

    def save_flow(self, rev: str, source: str) -> None:
        """Keep the text of a flow revision, so that a call finishes by the flow with which it began."""

    def load_flow(self, rev: str) -> str | None:
        """The text of a flow revision."""


class CallStore(Protocol):
    """The store, as the call core sees it."""

    def transaction(self) -> AbstractContextManager[UnitOfWork]:
        """A short transaction; never held while a caller listens."""


class Router(Protocol):
    """Where a call goes: a pure function of the target, the demand and the time."""

    def plan(self, target: str, demand: str, now: datetime) -> tuple[Leg, ...]:
        """Legs to try in order; empty when the target is unknown or closed."""


class RecordingProbe(Protocol):
    """Measures a recording on disk; tolerant of a header that was never finished."""

    def __call__(self, path: Path) -> RecordingFacts | None:
        """None when the file is missing, empty or no audio."""
