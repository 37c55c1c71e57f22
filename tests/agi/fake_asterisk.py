"""A strict Asterisk for tests: the PBX's side of FastAGI, its dialplan in small, and the person who calls.

It connects to real AGI servers, obeys commands as res_agi.c does and never sleeps: how long a clip, a wait or a
recording takes is only added up, and must stay below what the server promised with SET AUTOHANGUP. Whatever a real PBX
would stumble over is noted under `Heard.violations`.
"""

from __future__ import annotations

import contextlib
import itertools
import socket
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np

from tests.pbx.audio import RATE, voice_like, write_wav

HangUp = Literal["silent", "minus_one", "dead_channel", "after_reply"]
"""How a hang-up shows: no reply and a closed connection (AGIEXITONHANGUP); -1 first; "HANGUP" and 511 from then on; or
the connection closed right after a good reply, while the server works."""
ANSWER_WITHIN_S = 20
_WAV_BYTES_PER_S = RATE * 2
_ids = itertools.count(1)


@dataclass
class Caller:
    """What the person does.

    `keys` are pressed in this order: (clip, key) while the clip plays, ("wait", key) at a wait for a digit, where an
    empty key stands for silence, ("record", key) at the end of a recording. `speech` is what is said into each
    recording, in seconds. `queue` and `dial` are the results of the dialplan's applications; "HANGUP" is the caller's.
    """

    keys: list[tuple[str, str]] = field(default_factory=list)
    speech: list[float] = field(default_factory=list)
    queue: list[str] = field(default_factory=list)
    dial: list[str] = field(default_factory=list)
    hang_up_at: int | None = None
    """Index of the command, over the whole call."""
    hang_up: HangUp = "silent"
    number: str = "13812345678"
    name: bytes = b"Citizen"


@dataclass
class Heard:
    """What came of a call."""

    commands: list[list[str]] = field(default_factory=list)
    clips: list[str] = field(default_factory=list)
    """Clips under the prompt folder by their name, everything else as "recording"."""
    recorded: list[Path] = field(default_factory=list)
    sessions: list[dict[str, str]] = field(default_factory=list)
    """Channel variables at the end of each AGI session."""
    violations: list[str] = field(default_factory=list)
    hung_up: bool = False
    fallback: bool = False

    @property
    def digits(self) -> str:
        """Digits that were read aloud."""
        return "".join(clip.removeprefix("digits/") for clip in self.clips if clip.startswith("digits/"))

    @property
    def spoken_case(self) -> tuple[str, str]:
        """The case's 14 digits and its query code, as they were read last."""
        return self.digits[-18:-4], self.digits[-4:]


class FakeAsterisk:
    """One call through the dialplan. `before_reply` runs once a command took effect, before its reply goes out."""

    def __init__(self, ports: list[int], prompts: Path, caller: Caller, *, call_id: str = "") -> None:
        self.ports = ports
        self.caller = caller
        self.call_id = call_id or f"test-{1_763_900_000 + next(_ids)}.{next(_ids)}"
        self.heard = Heard()
        self.before_reply: Callable[[list[str]], None] = lambda _: None
        self.why, self.result, self.seq = "start", "", "0"
        self.failures = 0
        self.prompts = prompts
        self._variables: dict[str, str] = {}
        self._took_s = 0.0
        self._promised_s = float("inf")

    # --- the dialplan (asterisk_conf/templates/extensions.conf.j2)

    def call(self) -> Heard:
        """From the answer to the hang-up of either side."""
        tries = len(self.ports) + 3
        while not self.heard.hung_up:
            if self.failures >= tries:
                self.heard.fallback = True
                break
            self.session()
            if self.heard.hung_up:
                break
            if self._variables.get("HOTLINE_DONE") != "1":
                self.failures += 1
                continue
            self.failures = 0
            if not self._next():
                break
        return self.heard

    def _next(self) -> bool:
        """Run what the server chose; False at the end of the call."""
        target, self.seq = self._variables.get("HOTLINE_ARG", ""), self._variables.get("HL_SEQ", self.seq)
        match self._variables.get("HOTLINE_NEXT", ""):
            case "hangup":
                return False
            case "queue":
                self.why, results = "queue", self.caller.queue
            case "dial":
                self.why, results = "dial", self.caller.dial
                if not target.startswith("PJSIP/") or "@" not in target:
                    self._violation(f"no dial string: {target}")
            case other:
                self._violation(f"HOTLINE_NEXT={other}")
                return False
        if not target or not self._variables.get("HOTLINE_TIMEOUT", "").isdecimal() or not self.seq.isdecimal():
            self._violation(f"{self.why} without a target, a timeout or a step")
        self.result = results.pop(0) if results else "HANGUP"
        self.heard.hung_up = self.result == "HANGUP"
        return not self.heard.hung_up

    # --- one AGI session

    def environment(self) -> bytes:
        """The block that Asterisk sends first."""
        lines: dict[str, str | bytes] = {
            "network": "yes",
            "network_script": "hotline",
            "request": "agi://127.0.0.1/hotline",
            "channel": "PJSIP/trunk-00000001",
            "language": "zh",
            "type": "PJSIP",
            "uniqueid": self.call_id,
            "version": "22.6.0",
            "callerid": self.caller.number,
            "calleridname": self.caller.name,
            "callingpres": "0",
            "dnid": "12345",
            "context": "hotline",
            "extension": "s",
            "priority": "9",
            "enhanced": "0.0",
            "accountcode": "",
            "threadid": "140000000000000",
            "arg_1": self.why,
            "arg_2": self.result,
            "arg_3": "",
            "arg_4": str(self.failures),
            "arg_5": self.seq,
        }
        block = b""
        for key, value in lines.items():
            block += b"agi_" + key.encode() + b": " + (value if isinstance(value, bytes) else value.encode()) + b"\n"
        return block + b"\n"

    def session(self) -> dict[str, str]:
        """One AGI() application; returns the channel's variables at its end."""
        self._variables = {"HOTLINE_DONE": "", "HOTLINE_NEXT": "", "HOTLINE_ARG": ""}
        self._took_s, self._promised_s = 0.0, float("inf")
        port = self.ports[self.failures % len(self.ports)]
        # A server that is gone or closes on us has given the call back: AGISTATUS=FAILURE.
        with contextlib.suppress(ConnectionError), socket.create_connection(("127.0.0.1", port), 5) as connection:
            connection.settimeout(ANSWER_WITHIN_S)
            connection.sendall(self.environment())
            with connection.makefile("rb") as commands:
                for line in commands:
                    if not self._obey(connection, line):
                        break
        self.heard.sessions.append(dict(self._variables))
        return self._variables

    def _obey(self, connection: socket.socket, line: bytes) -> bool:
        """Take one command; False once the connection is to be closed."""
        if not line.endswith(b"\n") or len(line) > 8192:
            self._violation("a command that is no line")
        words = split(line.decode().rstrip("\n"))
        index = len(self.heard.commands)
        self.heard.commands.append(words)
        if self._variables.get("HOTLINE_DONE") == "1":
            self._violation(f"a command after HOTLINE_DONE: {words}")
        dead = self.heard.hung_up
        leaving = index == self.caller.hang_up_at
        if dead:
            connection.sendall(b"511 Command Not Permitted on a dead channel or intercept routine\n")
            return True
        reply, key = self._effect(words)
        self.before_reply(words)
        self.heard.hung_up = leaving
        if not leaving or self.caller.hang_up == "after_reply":
            connection.sendall(reply)
            return not leaving
        match self.caller.hang_up:
            case "minus_one" if key is not None:
                connection.sendall(b"200 result=-1 endpos=1000\n" if words[0] != "RECORD" else _RECORD_HANGUP)
            case "minus_one":
                connection.sendall(reply)
            case "dead_channel":
                connection.sendall(b"HANGUP\n" + (reply if key is None else b"200 result=-1\n"))
                return True
        return False

    def _effect(self, words: list[str]) -> tuple[bytes, str | None]:
        """The reply, and the key pressed; None for a command that hears no keys."""
        match words:
            case ["SET", "AUTOHANGUP", seconds] if seconds.isdecimal():
                self._promised_s, self._took_s = float(seconds), 0.0
                return b"200 result=0\n", None
            case ["SET", "VARIABLE", name, value]:
                self._variables[name] = value
                return b"200 result=1\n", None
            case ["STREAM", "FILE", name, escape, "0"]:
                key = self._stream(name, escape)
                return f"200 result={ord(key) if key else 0} endpos=8000\n".encode(), key
            case ["WAIT", "FOR", "DIGIT", timeout] if timeout.isdecimal():
                key = self._press("wait")
                self._spend(0 if key else int(timeout) / 1000)
                return f"200 result={ord(key) if key else 0}\n".encode(), key
            case ["RECORD", "FILE", name, "wav", escape, timeout, silence] if timeout.isdecimal():
                if not silence.startswith("s=") or not silence[2:].isdecimal():
                    self._violation(f"RECORD FILE with {silence}")
                key = self._record(Path(f"{name}.wav"), escape, int(timeout) / 1000)
                word = f"{ord(key)} (dtmf)" if key else "0 (timeout)"
                return f"200 result={word} endpos=8000\n".encode(), key
        self._violation(f"no command: {words}")
        return b"510 Invalid or unknown command\n", None

    def _stream(self, name: str, escape: str) -> str:
        path = Path(f"{name}.wav")
        clip = name.removeprefix(f"{self.prompts}/") if name.startswith(f"{self.prompts}/") else "recording"
        self.heard.clips.append(clip)
        if not path.is_file():
            self._violation(f"no such clip: {name}")
            return ""
        self._spend(path.stat().st_size / _WAV_BYTES_PER_S)
        key = self._press(clip)
        return key if key in escape else ""

    def _record(self, path: Path, escape: str, limit_s: float) -> str:
        if path.exists():
            self._violation(f"overwritten: {path.name}")
        if not path.parent.is_dir():
            self._violation(f"no folder for {path.name}")
            return ""
        said_s = self.caller.speech.pop(0) if self.caller.speech else 0.0
        quiet = np.zeros(RATE // 5, np.int16)
        speech = voice_like(said_s, seed=len(self.heard.recorded) + 1) if said_s else np.zeros(0, np.int16)
        write_wav(path, np.concatenate([quiet, speech, quiet]))
        self.heard.recorded.append(path)
        key = self._press("record")
        self._spend(said_s if key in escape and key else limit_s)
        return key if key in escape else ""

    def _press(self, where: str) -> str:
        if self.caller.keys and self.caller.keys[0][0] == where:
            return self.caller.keys.pop(0)[1]
        return ""

    def _spend(self, seconds: float) -> None:
        self._took_s += seconds
        if self._took_s > self._promised_s:
            self._violation(f"{self._took_s:.1f} s where {self._promised_s:.0f} s were promised")

    def _violation(self, text: str) -> None:
        self.heard.violations.append(text)


_RECORD_HANGUP = b"200 result=-1 (hangup) endpos=8000\n"


def split(line: str) -> list[str]:
    """Words of a command as Asterisk's parse_args finds them: quotes hold words together, a backslash escapes."""
    words: list[str] = []
    quoted = escaped = False
    inside = False
    for char in line:
        if char == '"' and not escaped:
            quoted = not quoted
            if quoted and not inside:
                words.append("")
                inside = True
        elif char in " \t" and not quoted and not escaped:
            inside = False
        elif char == "\\" and not escaped:
            escaped = True
            continue
        else:
            if not inside:
                words.append("")
                inside = True
            words[-1] += char
        escaped = False
    return words
