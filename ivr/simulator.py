"""A phone without a carrier: the third driver. `hotline call` puts it on the terminal, tests script it."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from ivr.events import CallerGone, DialEnded, Digits, DriverEvent, NoInput, QueueLeft, Recorded
from ivr.ports import NewCall, RecordingProbe
from ivr.service import Answer, CallService
from ivr.verbs import Dial, Enqueue, Gather, Hangup, Leg, Play, Playback, Record, Verb


class HungUp(Exception):
    """The person at the phone hung up."""


class Phone(Protocol):
    """The person at the phone. Every method may raise HungUp."""

    def hear(self, clips: tuple[str, ...]) -> None:
        """Listen to clips."""

    def press(self, max_digits: int) -> str:
        """Keys pressed, "#" included where pressed; empty for none."""

    def speak(self) -> Path | None:
        """A sound file with what is said after the beep; None for silence."""

    def reach(self, leg: Leg) -> str:
        """How the attempt to reach somebody ends: answered, busy, no_answer, timeout, join_empty ..."""

    def hung_up_after_speaking(self) -> bool:
        """True when the last recording ended by hanging up."""


class Simulator:
    """Carries one call from the first prompt to its end."""

    def __init__(self, service: CallService, recordings: Path, probe: RecordingProbe) -> None:
        self._service = service
        self._recordings = recordings
        self._probe = probe

    def call(self, call: NewCall, phone: Phone) -> Answer:
        """Run a call; returns the last answer. Never leaves a session open."""
        answer = self._service.start(call)
        while not isinstance(answer.verbs[-1], Hangup):
            try:
                event = self._obey(call.call_id, answer, phone)
            except HungUp:
                event = CallerGone()
            answer = self._service.step(call.call_id, answer.seq, event)
        try:
            for verb in answer.verbs:
                self._play(verb, phone)
        except HungUp:
            pass
        return answer

    def _obey(self, call_id: str, answer: Answer, phone: Phone) -> DriverEvent:
        event: DriverEvent = CallerGone()
        for verb in answer.verbs:
            self._play(verb, phone)
            match verb:
                case Gather():
                    event = _digits(verb, phone.press(verb.max_digits))
                case Record():
                    event = self._record(call_id, answer.seq, phone)
                case Dial(leg=leg):
                    event = DialEnded(phone.reach(leg))
                case Enqueue(leg=leg):
                    event = QueueLeft(phone.reach(leg))
        return event

    def _play(self, verb: Verb, phone: Phone) -> None:
        match verb:
            case Play(prompts=prompts) | Gather(prompts=prompts) | Record(prompts=prompts):
                phone.hear(prompts)
            case Playback(recording=recording):
                phone.hear((recording,))

    def _record(self, call_id: str, seq: int, phone: Phone) -> Recorded:
        said = phone.speak()
        gone = phone.hung_up_after_speaking()
        relative = f"simulator/{call_id}-{seq:03d}-1.wav"
        target = self._recordings / relative
        if said is not None:
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(said, target)
        facts = self._probe(target) if said is not None else None
        if facts is None:
            return Recorded("", 0, 0, "", gone)
        return Recorded(relative, facts.duration_ms, facts.speech_ms, facts.sha256, gone)


def _digits(gather: Gather, pressed: str) -> DriverEvent:
    """Keys as a Gather counts them: up to the terminator or `max_digits`."""
    if not pressed:
        return NoInput()
    if gather.terminator:
        pressed = pressed.partition(gather.terminator)[0]
    return Digits(pressed[: gather.max_digits])


class TerminalPhone:
    """A person at a terminal: prompts are written, keys are typed. `texts` says what each clip says."""

    def __init__(self, texts: Callable[[str], str], write: Callable[[str], None], read: Callable[[str], str]) -> None:
        self._texts = texts
        self._write = write
        self._read = read

    def hear(self, clips: tuple[str, ...]) -> None:
        """Write what the caller would hear."""
        said = "".join(self._texts(clip) for clip in clips)
        if said:
            self._write(said)

    def press(self, max_digits: int) -> str:
        """Read keys: Enter alone presses nothing, "h" hangs up."""
        while True:
            typed = self._ask(f"按键(至多{max_digits}位,回车=不按,h=挂机)> ")
            if all(key in "0123456789*#" for key in typed):
                return typed
            self._write("只能输入数字、* 和 #。")

    def speak(self) -> Path | None:
        """Read the path of a sound file to say."""
        while True:
            typed = self._ask("留言(输入声音文件的路径,回车=不说话,h=挂机)> ")
            if not typed:
                return None
            path = Path(typed).expanduser()
            if path.is_file():
                return path
            self._write("没有这个文件。")

    def reach(self, leg: Leg) -> str:
        """Ask whether the other side answers."""
        typed = self._ask(f"[{leg.target}] 有人接听吗?(y/回车=无人)> ")
        if typed.lower() == "y":
            return "answered"
        return "no_answer" if leg.kind == "line" else "join_empty"

    def hung_up_after_speaking(self) -> bool:
        """A typist hangs up at the next question."""
        return False

    def _ask(self, question: str) -> str:
        try:
            typed = self._read(question).strip()
        except EOFError as error:
            raise HungUp from error
        if typed.lower() == "h":
            raise HungUp
        return typed
