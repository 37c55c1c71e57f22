"""Verbs as TwiML. https://www.twilio.com/docs/voice/twiml

What is played before a Gather goes inside it, so that a key cuts it short. Every wait names an address for its outcome
with the number of the answer in it; where Twilio would go on without asking (an empty recording, a line without a
target), a Redirect follows that asks.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal

from twilio.twiml import TwiML
from twilio.twiml.voice_response import Dial as DialElement
from twilio.twiml.voice_response import Gather as GatherElement
from twilio.twiml.voice_response import VoiceResponse

from ivr.service import Answer
from ivr.verbs import Dial, Enqueue, Gather, Hangup, Leg, Play, Playback, Record, Verb

Wait = Literal["gather", "beep", "record", "dial", "queue"]
"""The addresses of a step: its outcomes, and "beep": skip what is said before a recording."""
QUEUE_SIZE = 200
_SKIP_WITHIN_S = 1
_KEPT_DOCUMENTS = 512


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where Twilio finds us."""

    public_url: str
    prompts_dir: Path
    seal: Callable[[str], str]
    """Makes the address of a caller's recording one that cannot be guessed."""

    def of(self, path: str) -> str:
        """The address of a webhook."""
        return f"{self.public_url}/twilio/{path}"

    def step(self, seq: int, wait: Wait) -> str:
        """Where the outcome of answer `seq` is reported."""
        return f"{self.public_url}/twilio/step/{seq}/{wait}"

    def hold(self, limit_s: int) -> str:
        """What is heard in a queue, until `limit_s` seconds have gone by."""
        return self.of(f"hold?limit={limit_s}")

    def prompt(self, clip: str) -> str | None:
        """The address of a clip, another one when clips were changed; None for one that has no audio."""
        if not (self.prompts_dir / f"{clip}.wav").is_file():
            return None
        return f"{self.public_url}/twilio/prompts/{clip}.wav?v={self.revision():x}"

    def revision(self) -> int:
        """Changes when a clip does: every change of one is noted in the manifest."""
        try:
            return (self.prompts_dir / "manifest.json").stat().st_mtime_ns
        except OSError:
            return 0

    def recording(self, path: str) -> str:
        """The address at which a caller hears a recording of their own."""
        return f"{self.public_url}/twilio/playback/{self.seal(path)}/{path}"


@dataclass(frozen=True, slots=True)
class Targets:
    """Where the parties are reached from Twilio."""

    pbx: str = ""
    """host[:port] of our PBX, where agents and lines are reached by SIP; empty where there is none."""
    caller_id: str = ""
    """The number that is shown to numbers that are dialled; empty for the caller's own."""

    def of(self, leg: Leg) -> str:
        """A number in E.164 or a SIP address; empty for a leg that cannot be reached."""
        if leg.pstn or not self.pbx:
            return leg.pstn
        if leg.kind == "queue":
            return f"sip:queue-{leg.number}@{self.pbx}"
        return f"sip:{'sos' if leg.emergency else 'reach'}-{leg.trunk}-{leg.number}@{self.pbx}"


class TwimlWriter:
    """Writes answers; the same answer is always the same text."""

    def __init__(self, addresses: Addresses, targets: Targets) -> None:
        self._addresses = addresses
        self._targets = targets
        # Callers walk the same menus: a document that was written is written once.
        self._written = lru_cache(_KEPT_DOCUMENTS)(self._write)

    def write(self, answer: Answer, *, skip_prompts: bool = False) -> str:
        """The document for an answer. `skip_prompts`: the caller pressed a key, a recording begins at once."""
        return self._written(answer.seq, answer.verbs, skip_prompts, self._addresses.revision())

    def _write(self, seq: int, verbs: tuple[Verb, ...], skip_prompts: bool, revision: int) -> str:  # noqa: ARG002 - a key
        response = VoiceResponse()
        heard: list[str | None] = []
        for verb in verbs:
            match verb:
                case Play(prompts=prompts):
                    heard += map(self._addresses.prompt, prompts)
                case Playback(recording=path):
                    heard.append(self._addresses.recording(path))
                case Gather():
                    self._gather(response, verb, heard, seq)
                    heard = []
                case Record():
                    heard += map(self._addresses.prompt, verb.prompts)
                    self._record(response, verb, [] if skip_prompts else heard, seq)
                    heard = []
                case Dial(leg=leg) | Enqueue(leg=leg):
                    play(response, heard)
                    self._reach(response, leg, seq)
                    heard = []
                case Hangup():
                    play(response, heard)
                    response.hangup()
        return str(response)

    def _gather(self, response: VoiceResponse, verb: Gather, heard: list[str | None], seq: int) -> None:
        gather = GatherElement(
            input="dtmf",
            action=self._addresses.step(seq, "gather"),
            method="POST",
            # Twilio has one timer for the first key and for those that follow.
            timeout=math.ceil(max(verb.first_digit_timeout_s, verb.inter_digit_timeout_s)),
            num_digits=verb.max_digits,
            finish_on_key=verb.terminator,
            action_on_empty_result=True,
        )
        play(gather, [*heard, *map(self._addresses.prompt, verb.prompts)])
        response.append(gather)

    def _record(self, response: VoiceResponse, verb: Record, heard: list[str | None], seq: int) -> None:
        if any(heard):
            skip = GatherElement(
                input="dtmf",
                action=self._addresses.step(seq, "beep"),
                method="POST",
                timeout=_SKIP_WITHIN_S,
                num_digits=1,
                finish_on_key="",
            )
            play(skip, heard)
            response.append(skip)
        response.record(
            action=self._addresses.step(seq, "record"),
            method="POST",
            timeout=verb.max_silence_s,
            max_length=verb.max_duration_s,
            finish_on_key=verb.finish_key,
            play_beep=True,
            trim="trim-silence",
            recording_status_callback=self._addresses.of("recording"),
            recording_status_callback_method="POST",
            recording_status_callback_event="completed absent",
        )
        # A recording without sound is not reported to `action`: Twilio goes on here.
        response.redirect(self._addresses.step(seq, "record"), method="POST")

    def _reach(self, response: VoiceResponse, leg: Leg, seq: int) -> None:
        target = self._targets.of(leg)
        outcome: Wait = "dial" if leg.kind == "line" else "queue"
        if target:
            response.append(self._dial(leg, target, self._addresses.step(seq, outcome)))
        elif leg.kind == "queue":
            response.enqueue(
                leg.number,
                action=self._addresses.step(seq, "queue"),
                method="POST",
                wait_url=self._addresses.hold(leg.timeout_s),
                wait_url_method="POST",
                max_queue_size=QUEUE_SIZE,
            )
        else:
            response.redirect(f"{self._addresses.step(seq, 'dial')}?DialCallStatus=failed", method="POST")

    def _dial(self, leg: Leg, target: str, action: str) -> DialElement:
        number = target.startswith("+")
        dial = DialElement(
            action=action,
            method="POST",
            timeout=leg.timeout_s,
            answer_on_bridge=True,
            caller_id=self._targets.caller_id or None if number else None,
        )
        if not number:
            dial.sip(target)
        elif leg.emergency:
            # Staffed day and night; whoever answers is not to be asked for a key first.
            dial.number(target)
        else:
            dial.number(target, url=self._addresses.of("whisper"), method="POST")
        return dial


def play(into: TwiML, addresses: list[str | None]) -> None:
    """Play clips one after another; one without audio is left out."""
    for address in addresses:
        if address:
            into.play(address)
