"""Turns the answers of CallService into AGI commands, and what the caller does into events.

The AGI holds a call only while prompts, keys and recordings run. For a queue or a line it sets channel variables and
leaves; the dialplan runs the application and comes back with the outcome (asterisk_conf/templates/extensions.conf.j2).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import structlog

from agi_scripts.errors import CallerGone
from agi_scripts.hardened import HotlineAGI
from call_router.recordings import CALL_ID, RecordingFolder, started_at
from call_router.telephones import extension_of
from ivr import events
from ivr.events import DriverEvent
from ivr.ports import NewCall
from ivr.service import Answer, CallService, UnknownCall
from ivr.verbs import Dial, Enqueue, Gather, Hangup, Leg, Play, Playback, Record, Verb

KEYS = "0123456789*#"
_NUMBER = re.compile(r"\+?[0-9]{1,20}")
_QUEUE_OUTCOMES = {
    "ANSWERED": "answered",
    "CONTINUE": "answered",
    "TIMEOUT": "timeout",
    "JOINEMPTY": "join_empty",
    "JOINUNAVAIL": "join_empty",
    "LEAVEEMPTY": "leave_empty",
    "LEAVEUNAVAIL": "leave_empty",
    "FULL": "full",
    "WITHDRAW": "withdrawn",
}
_DIAL_OUTCOMES = {
    "ANSWER": "answered",
    "BUSY": "busy",
    "NOANSWER": "no_answer",
    "CHANUNAVAIL": "unavailable",
    "CONGESTION": "congestion",
}
_DIGITS = re.compile(r"\D")
_MARGIN_S = 10
_WAV_BYTES_PER_S = 16000
_LONG_CLIP_S = 30


class AgiDriver:
    """Carries calls from the dialplan. One for a process; holds no state of a call."""

    def __init__(
        self,
        service: CallService,
        folder: RecordingFolder,
        prompts_dir: Path,
        clock: Callable[[], datetime],
        handed_over: CallService | None = None,
    ) -> None:
        """`handed_over` begins the calls that another platform puts through; without it they begin as any other."""
        self._service = service
        self._handed_over = handed_over or service
        self._folder = folder
        self._prompts_dir = prompts_dir
        self._clock = clock
        self._lengths: dict[str, float] = {}

    def handle(self, agi: HotlineAGI) -> None:
        """Carry one call until the dialplan takes over or the caller is gone.

        Leaves without HOTLINE_DONE when something fails: the dialplan then tries the next server with the same step.
        """
        call_id = agi.env["agi_uniqueid"]
        if not CALL_ID.fullmatch(call_id):
            raise ValueError("a call id that is no call id")
        answer = self._enter(agi, call_id)
        event = self._left_behind(agi, answer)
        while True:
            if event is None:
                try:
                    if agi.gone():
                        raise agi.lost()
                    event = self._obey(agi, answer)
                except CallerGone:
                    event = events.CallerGone()
                if event is None:
                    return
            answer = self._service.step(call_id, answer.seq, event)
            if isinstance(event, events.CallerGone) or (isinstance(event, events.Recorded) and event.hung_up):
                return
            event = None

    # --- coming in

    def _enter(self, agi: HotlineAGI, call_id: str) -> Answer:
        """The pending answer: of a new call, of an outcome that the dialplan brings, or of a call taken over."""
        why, result = agi.env.get("agi_arg_1", "start"), agi.env.get("agi_arg_2", "")
        seq = agi.env.get("agi_arg_5", "")
        outcome: DriverEvent | None = None
        talk_s = int(_DIGITS.sub("", agi.env.get("agi_arg_7", "")) or 0)
        agent = extension_of(agi.env.get("agi_arg_3", ""))
        match why:
            case "queue":
                outcome = events.QueueLeft(_QUEUE_OUTCOMES.get(result, "timeout"), talk_s, agent)
            case "dial":
                outcome = events.DialEnded(_DIAL_OUTCOMES.get(result, "no_answer"), talk_s)
            case "xfer" | "room" | "back":
                # The desk took the caller out of the queue after an agent had answered: the queue's leg ends here.
                handed_on = (why == "xfer" and result == "ANSWER") or (why == "room" and result == "1")
                outcome = events.QueueLeft("transferred" if handed_on else "answered", talk_s, agent)
        if outcome is not None and seq.isdecimal():
            try:
                return self._service.step(call_id, int(seq), outcome)
            except UnknownCall:
                structlog.get_logger().warning("a call came back that nobody knows")
        number = agi.env.get("agi_callerid", "")
        service = self._handed_over if why == "handover" else self._service
        return service.start(
            NewCall(
                call_id,
                "asterisk",
                number if _NUMBER.fullmatch(number) else "",
                agi.env.get("agi_arg_6", "")[:32],
                started_at(call_id) or self._clock(),
            )
        )

    def _left_behind(self, agi: HotlineAGI, answer: Answer) -> DriverEvent | None:
        """What a server that died left on disk: the caller does not have to say it again."""
        failures = agi.env.get("agi_arg_4", "0")
        if failures in ("", "0") or not isinstance(answer.verbs[-1], Record):
            return None
        found = self._folder.find(answer.call_id, answer.seq)
        if found is None:
            return None
        path, facts = found
        return events.Recorded(path, facts.duration_ms, facts.speech_ms, facts.sha256, hung_up=False)

    # --- verbs

    def _obey(self, agi: HotlineAGI, answer: Answer) -> DriverEvent | None:
        """Do what the answer says; None when the call was left to the dialplan."""
        limit_s = sum(map(self._seconds, answer.verbs)) + _MARGIN_S
        agi.reply_timeout_s = limit_s
        agi.promise(limit_s)
        pressed = ""
        verbs, announcement = _while_it_rings(answer.verbs)
        for verb in verbs:
            match verb:
                case Play():
                    if not pressed:
                        pressed = self._play(agi, verb.prompts, KEYS if verb.barge_in else "")
                case Playback():
                    if not pressed:
                        pressed = agi.stream_file(self._sound(self._folder.root, verb.recording[: -len(".wav")]), KEYS)
                case Gather():
                    return self._gather(agi, verb, pressed)
                case Record():
                    return self._record(agi, verb, answer, pressed)
                case Dial() | Enqueue():
                    self._leave(agi, answer.seq, verb.leg, announcement)
                case Hangup():
                    self._set(agi, HOTLINE_NEXT="hangup", HOTLINE_DONE="1")
        return None

    def _play(self, agi: HotlineAGI, prompts: tuple[str, ...], keys: str) -> str:
        """Play clips one after another; the key that cut them short, or ""."""
        for prompt in prompts:
            pressed = agi.stream_file(self._sound(self._prompts_dir, prompt), keys)
            if pressed:
                return pressed
        return ""

    def _gather(self, agi: HotlineAGI, gather: Gather, pressed: str) -> DriverEvent:
        pressed = pressed or self._play(agi, gather.prompts, KEYS)
        digits = ""
        while True:
            wait_s = gather.inter_digit_timeout_s if digits else gather.first_digit_timeout_s
            key = pressed or agi.wait_for_digit(int(wait_s * 1000))
            pressed = ""
            if not key:
                return events.Digits(digits) if digits else events.NoInput()
            if key == gather.terminator:
                return events.Digits(digits)
            digits += key
            if len(digits) >= gather.max_digits:
                return events.Digits(digits)

    def _record(self, agi: HotlineAGI, record: Record, answer: Answer, pressed: str) -> DriverEvent:
        """Record; a hang-up in the middle keeps what was said."""
        if not pressed:
            self._play(agi, record.prompts, KEYS)
        agi.stream_file(self._sound(self._prompts_dir, "beep"))
        relative = self._folder.next_path(answer.call_id, answer.seq)
        target = self._folder.root / relative
        hung_up = False
        try:
            agi.record_file(
                str(target.with_suffix("")),
                "wav",
                record.finish_key,
                record.max_duration_s * 1000,
                silence=record.max_silence_s,
            )
        except CallerGone:
            hung_up = True
        facts = self._folder.probe(target)
        if facts is None:
            return events.CallerGone() if hung_up else events.Recorded("", 0, 0, "", hung_up=False)
        return events.Recorded(relative.as_posix(), facts.duration_ms, facts.speech_ms, facts.sha256, hung_up)

    def _leave(self, agi: HotlineAGI, seq: int, leg: Leg, announcement: str) -> None:
        """Hand the call to the dialplan: HOTLINE_DONE comes last, and makes the rest valid."""
        line = leg.kind == "line"
        self._set(
            agi,
            HOTLINE_NEXT="dial" if line else "queue",
            HOTLINE_ARG=f"PJSIP/{leg.number}@{leg.trunk}" if line else leg.number,
            HOTLINE_TIMEOUT=str(leg.timeout_s),
            HOTLINE_EMERGENCY="1" if leg.emergency else "",
            HOTLINE_ANNOUNCE=announcement,
            HL_SEQ=str(seq),
            HOTLINE_DONE="1",
        )

    @staticmethod
    def _set(agi: HotlineAGI, **variables: str) -> None:
        for name, value in variables.items():
            agi.set_variable(name, value)

    # --- sounds and their lengths

    @staticmethod
    def _sound(root: Path, name: str) -> str:
        return f"{root}/{name}"

    def _seconds(self, verb: Verb) -> float:
        """How long a verb may take at most."""
        match verb:
            case Play(prompts=prompts):
                return sum(map(self._clip_s, prompts))
            case Gather():
                keys = verb.first_digit_timeout_s + verb.max_digits * verb.inter_digit_timeout_s
                return sum(map(self._clip_s, verb.prompts)) + keys
            case Record():
                return sum(map(self._clip_s, verb.prompts)) + verb.max_duration_s + 1
            case Playback():
                return 600
            case _:
                return 0

    def _clip_s(self, clip: str) -> float:
        """Length of a clip, from the size of its file (8 kHz, 16 bit)."""
        length = self._lengths.get(clip)
        if length is None:
            try:
                length = (self._prompts_dir / f"{clip}.wav").stat().st_size / _WAV_BYTES_PER_S
            except OSError:
                length = _LONG_CLIP_S
            self._lengths[clip] = length
        return length


def _while_it_rings(verbs: tuple[Verb, ...]) -> tuple[tuple[Verb, ...], str]:
    """An emergency line is called at once: its announcement is left to the dialplan, which plays it while it rings."""
    match verbs:
        case (*before, Play(prompts=(announcement,)), Dial(leg=Leg(emergency=True)) as dial):
            return (*before, dial), announcement
        case _:
            return verbs, ""
