"""What a caller hears when the store cannot be asked, or when we cannot be asked at all: a person, else a recording.

A recording made here belongs to a call that nobody knows; it is fetched and becomes a case all the same.
"""

from __future__ import annotations

from collections.abc import Callable

from starlette.datastructures import FormData
from twilio.twiml import TwiML
from twilio.twiml.voice_response import Dial, VoiceResponse

from ivr.twilio.outcomes import RECORDING_SID, text
from ivr.twilio.twiml import QUEUE_SIZE, Addresses, Targets, play
from ivr.verbs import Leg

_WAIT_S = 60
_LONGEST_S = 180
_SILENCE_S = 10
Speak = Callable[[TwiML, str], None]
"""Puts a prompt into a document."""


class Fallback:
    """Documents that need no state. `agents` is the queue that takes over."""

    def __init__(self, addresses: Addresses, targets: Targets, agents: Leg) -> None:
        self._addresses = addresses
        self._targets = targets
        self._agents = agents

    def answer(self) -> str:
        """For a webhook that cannot do its work: our clips are there, and so are our addresses."""
        response = VoiceResponse()
        self._clip(response, "fallback_queue")
        self._to_agents(response, self._addresses.of("fallback"))
        return str(response)

    def go_on(self, form: FormData) -> str:
        """After the agents or a recording of `answer`."""
        response = VoiceResponse()
        if RECORDING_SID.fullmatch(text(form, "RecordingSid")):
            self._clip(response, "fallback_thanks")
        elif text(form, "QueueResult") != "bridged" and text(form, "DialCallStatus") not in ("completed", "answered"):
            self._record(response, self._clip)
        response.hangup()
        return str(response)

    def document(self, texts: Callable[[str], str]) -> str:
        """For the carrier's fallback URL: nothing in it needs us, so it speaks instead of playing."""

        def say(into: TwiML, prompt: str) -> None:
            into.say(texts(prompt), language="zh-CN")

        response = VoiceResponse()
        say(response, "fallback_queue")
        self._to_agents(response, None)
        self._record(response, say)
        say(response, "fallback_thanks")
        response.hangup()
        return str(response)

    def _clip(self, into: TwiML, prompt: str) -> None:
        play(into, [self._addresses.prompt(prompt)])

    def _to_agents(self, response: VoiceResponse, action: str | None) -> None:
        target = self._targets.of(self._agents)
        if not target:
            hold = self._addresses.hold(_WAIT_S)
            response.enqueue(self._agents.number, action=action, wait_url=hold, max_queue_size=QUEUE_SIZE)
            return
        dial = Dial(action=action, timeout=_WAIT_S, answer_on_bridge=True)
        if target.startswith("+"):
            dial.number(target)
        else:
            dial.sip(target)
        response.append(dial)

    def _record(self, response: VoiceResponse, speak: Speak) -> None:
        speak(response, "fallback_record")
        # Without an action Twilio would ask for this document again, for ever.
        response.record(
            action=self._addresses.of("fallback"),
            timeout=_SILENCE_S,
            max_length=_LONGEST_S,
            finish_on_key="#",
            play_beep=True,
            recording_status_callback=self._addresses.of("recording"),
            recording_status_callback_event="completed absent",
        )
