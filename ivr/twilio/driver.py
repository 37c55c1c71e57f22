"""Turns what Twilio reports into events, and the answers of CallService into documents. Holds no state of a call.

A call is its CallSid, a step the number in the address. Reported twice, late or out of order, a step is answered as it
was answered; nothing reopens a call that is over.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Protocol

from starlette.datastructures import FormData
from twilio.twiml.voice_response import VoiceResponse

from ivr import events
from ivr.events import DriverEvent
from ivr.ports import NewCall
from ivr.service import CallService, UnknownCall
from ivr.twilio import outcomes
from ivr.twilio.outcomes import CALL_SID, RECORDING_SID, text
from ivr.twilio.twiml import TwimlWriter, Wait
from ivr.verbs import Dial, Enqueue, Record

NOTHING = str(VoiceResponse())
"""The answer to a report that asks for nothing."""
HANGUP = '<?xml version="1.0" encoding="UTF-8"?><Response><Hangup /></Response>'


class NoCall(ValueError):
    """A request that names no call."""


class LateReports(Protocol):
    """The store's side of reports that belong to no step."""

    def expect_recording(self, call_id: str, recording_sid: str, path: str, now: datetime) -> None:
        """See to it that a recording is fetched; idempotent."""

    def expect_end(self, call_id: str, now: datetime) -> None:
        """See to it that a call ends soon, whether or not its last step is still reported; idempotent."""

    def note_unanswered(self, call_sid: str, status: str) -> None:
        """A call that we made and that nobody took; nothing for any other."""


class TwilioDriver:
    """Carries calls from webhook to webhook. `outbound` has the service of each kind of call that the line makes."""

    def __init__(
        self,
        service: CallService,
        outbound: Mapping[str, CallService],
        writer: TwimlWriter,
        late: LateReports,
        clock: Callable[[], datetime],
    ) -> None:
        self._service = service
        self._outbound = outbound
        self._writer = writer
        self._late = late
        self._clock = clock

    def voice(self, form: FormData) -> str:
        """A call comes in. Raises NoCall."""
        return self._writer.write(self._service.start(self._new_call(form)))

    def made(self, purpose: str, form: FormData) -> str:
        """A call that we made was taken. Raises NoCall; KeyError for a purpose that is none."""
        service = self._outbound[purpose]
        if text(form, "AnsweredBy").startswith(("machine", "fax")):
            # A mailbox is not the person whom we promised to call; the task stays with the agents.
            self._late.note_unanswered(_call_id(form), "machine")
            return HANGUP
        return self._writer.write(service.start(self._new_call(form, caller="To", dialled="From")))

    def step(self, seq: int, wait: Wait, form: FormData, query: FormData) -> str:
        """The outcome of answer `seq`, or a key that skips what is said before its recording. Raises NoCall."""
        call_id = _call_id(form)
        try:
            if wait == "beep":
                return self._beep(call_id, seq, form)
            answer = self._service.step(call_id, seq, self._outcome(call_id, wait, form, query))
        except UnknownCall:
            if outcomes.over(form):
                return HANGUP
            # Begun while the store was away: from here on it is a call like any other.
            answer = self._service.start(self._new_call(form))
        return self._writer.write(answer)

    def recording(self, form: FormData) -> str:
        """A recording can be fetched. Raises NoCall."""
        if text(form, "RecordingStatus") in ("", "completed"):
            self._expect(_call_id(form), form)
        return NOTHING

    def status(self, form: FormData) -> str:
        """A call is over. Raises NoCall."""
        if not outcomes.over(form):
            return NOTHING
        call_id = _call_id(form)
        answer = self._service.pending(call_id)
        if answer is None:
            self._late.note_unanswered(call_id, text(form, "CallStatus"))
        elif isinstance(answer.verbs[-1], Record | Dial | Enqueue):
            # How these ended is reported by themselves, before or after this.
            self._late.expect_end(call_id, self._clock())
        else:
            self._service.step(call_id, answer.seq, events.CallerGone())
        return NOTHING

    def _beep(self, call_id: str, seq: int, form: FormData) -> str:
        answer = self._service.pending(call_id)
        if answer is None:
            return HANGUP if outcomes.over(form) else self._writer.write(self._service.start(self._new_call(form)))
        return self._writer.write(answer, skip_prompts=answer.seq == seq)

    def _outcome(self, call_id: str, wait: Wait, form: FormData, query: FormData) -> DriverEvent:
        match wait:
            case "record":
                return outcomes.recorded(form, self._expect(call_id, form))
            case "dial":
                return outcomes.dialled(form, query)
            case "queue":
                return outcomes.left_queue(form)
            case _:
                return outcomes.gathered(form)

    def _expect(self, call_id: str, form: FormData) -> str:
        """See to it that the recording of a form is fetched; its path, or "" for none."""
        sid = text(form, "RecordingSid")
        if not RECORDING_SID.fullmatch(sid):
            return ""
        path = recording_path(call_id, sid)
        self._late.expect_recording(call_id, sid, path, self._clock())
        return path

    def _new_call(self, form: FormData, caller: str = "From", dialled: str = "To") -> NewCall:
        return NewCall(
            _call_id(form),
            "twilio",
            outcomes.number(form, caller),
            outcomes.number(form, dialled),
            self._clock(),
        )


def recording_path(call_id: str, recording_sid: str) -> str:
    """Where a recording lies, relative to the recordings folder: from both names alone, whoever asks first."""
    return f"twilio/{call_id[2:4]}/{call_id}-{recording_sid}.wav"


def _call_id(form: FormData) -> str:
    call_id = text(form, "CallSid")
    if not CALL_SID.fullmatch(call_id):
        raise NoCall("a request that names no call")
    return call_id
