"""pyst2's AGI, made safe for a FastAGI server.

pyst2 0.5.1 supplies the commands; what it gets wrong on a socket is replaced here: the signal handler in its
constructor, the reading of replies (hang-ups, dead channels, usage errors, values of several lines), the quoting of
arguments, the copy of everything to standard error. tests/agi/test_pyst2_defects.py names each defect.
"""

from __future__ import annotations

import contextlib
import re
import socket
import struct
import time
from typing import Any

from asterisk.agi import AGI, AGIDBError, AGIError, AGIInvalidCommand, AGIUnknownError, AGIUsageError

from agi_scripts.errors import CallerGone, TransportError

ENV_LINES = 64
ENV_LINE_BYTES = 2048
COMMAND_BYTES = 8192
"""Asterisk's own buffer (AGI_BUF_LEN in res_agi.c); a longer line would be split into two commands."""
_REPLY_BYTES = 65536
_REPLY_LINES = 200
_RECEIVE_BYTES = 4096
_SLACK_S = 0.05
_RESULT = re.compile(r"result=(\S*)(?: \((.*)\))?(?: endpos=(\d+))?\s*$", re.DOTALL)
_OPEN_VALUE = re.compile(r"result=\S* \((?!(?:hangup|timeout|dtmf|randomerror|writefile|waitfor)\) endpos=\d+$)")
_Result = dict[str, tuple[str, str]]


class HotlineAGI(AGI):  # type: ignore[misc]
    """One AGI session on a connected socket.

    `reply_timeout_s` bounds the wait for the next reply; whoever sends a long command sets it first.
    Raises CallerGone for every form of a hang-up and TransportError for a peer that is no Asterisk or does not answer.
    """

    def __init__(self, connection: socket.socket, *, env_timeout_s: float = 5, reply_timeout_s: float = 15) -> None:
        # pyst2's own constructor is left out: it sets a signal handler, which only a main thread may.
        # Blocking, with the kernel's own time-outs: Python's would cost two more system calls a command.
        connection.setblocking(True)
        self._connection = connection
        self._waits_s = 0.0
        self._received = bytearray()
        self._got_sighup = False
        self._abandoned = False
        self._rescue_at = float("inf")
        self.reply_timeout_s = reply_timeout_s
        self.env: dict[str, str] = {}
        self._wait_at_most(env_timeout_s)
        self._read_env(time.monotonic() + env_timeout_s)

    # --- the environment block

    def _read_env(self, deadline: float) -> None:
        for _ in range(ENV_LINES):
            line = self._read_line(deadline, ENV_LINE_BYTES)
            if not line:
                break
            key, _, value = line.partition(":")
            if key.startswith("agi_") and key not in self.env:
                self.env[key] = value.strip()
            elif not self.env or key in self.env:
                # A first line that is no AGI, or a caller's name that pretends to be more lines.
                raise TransportError("the peer does not speak AGI")
        else:
            raise TransportError("the AGI environment is too long")
        if not self.env.get("agi_uniqueid") or "agi_network" not in self.env:
            raise TransportError("the AGI environment is incomplete")

    # --- commands

    def send_command(self, command: str, *args: object) -> None:
        """Send one line. Raises ValueError for one that is not one line, or too long for Asterisk."""
        line = " ".join((command, *map(str, args))).strip()
        data = line.encode("utf-8", "replace") + b"\n"
        if len(data) >= COMMAND_BYTES or "\n" in line or "\r" in line or "\0" in line:
            raise ValueError("an AGI command is one line of less than 8192 bytes")
        try:
            self._wait_at_most(self.reply_timeout_s)
            self._connection.sendall(data)
        except BlockingIOError as error:
            raise TransportError("the PBX does not read") from error
        except OSError as error:
            raise self.lost() from error

    def execute(self, command: str, *args: object) -> _Result:
        """Send a command and read its reply."""
        self.test_hangup()
        self.send_command(command, *args)
        return self.get_result()

    def test_hangup(self) -> None:
        """Raise CallerGone once a hang-up was announced."""
        if self._got_sighup:
            raise self.lost()

    def get_result(self, stdin: object = None) -> _Result:  # noqa: ARG002 - pyst2's signature
        """Read the reply to a command: {"result": (value, data)}, and "endpos" where Asterisk tells it."""
        deadline = time.monotonic() + self.reply_timeout_s
        for _ in range(_REPLY_LINES):
            line = self._read_line(deadline, _REPLY_BYTES)
            code, rest = line[:3], line[4:]
            if code == "200":
                return self._result(rest, deadline)
            if line == "HANGUP":
                self._got_sighup = True
            elif code == "511":
                raise self.lost()
            elif code == "510":
                raise AGIInvalidCommand(rest)
            elif code == "520":
                raise AGIUsageError(self._usage(line, deadline))
            elif code.isdigit():
                raise AGIUnknownError(int(code), "an answer that AGI does not know")
            # Anything else is the tail of a value that contained a line break: the next line is a reply again.
        raise TransportError("the PBX answers nothing that AGI knows")

    def _result(self, rest: str, deadline: float) -> _Result:
        if not rest.endswith(")") and _OPEN_VALUE.match(rest):
            rest = self._rest_of_value(rest, deadline)
        match = _RESULT.match(rest)
        if match is None:
            raise TransportError("the PBX's reply cannot be read")
        value, data, endpos = match.groups()
        if value == "-1":
            raise self.lost()
        result = {"result": (value, data or "")}
        if endpos is not None:
            result["endpos"] = (endpos, "")
        return result

    def _rest_of_value(self, rest: str, deadline: float) -> str:
        """A variable's value may span lines; its last line ends with the bracket."""
        for _ in range(_REPLY_LINES):
            rest += "\n" + self._read_line(deadline, _REPLY_BYTES)
            if rest.endswith(")"):
                return rest
        raise TransportError("the PBX's reply has no end")

    def _usage(self, line: str, deadline: float) -> str:
        """520 comes as one line, or as a block from "520-" to "520 End"."""
        usage = [line[4:]]
        if line[3:4] == "-":
            for _ in range(_REPLY_LINES):
                line = self._read_line(deadline, _REPLY_BYTES)
                if line.startswith("520"):
                    break
                usage.append(line)
        return "\n".join(usage)

    # --- pyst2's commands that send names unquoted, quote twice, or misread their reply

    def _quote(self, string: object) -> str:
        text = str(string).replace("\\", "\\\\").replace('"', '\\"')
        return f'"{text}"'

    def stream_file(self, filename: str, escape_digits: str | list[Any] = "", sample_offset: int = 0) -> str:
        """Play a file (no extension); the key that cut it short, or ""."""
        digits = self._process_digit_list(escape_digits)
        return _key(self.execute("STREAM FILE", self._quote(filename), digits, sample_offset))

    def wait_for_digit(self, timeout: int = 2000) -> str:
        """Wait `timeout` milliseconds for a key; "" for none."""
        return _key(self.execute("WAIT FOR DIGIT", timeout))

    def get_data(self, filename: str, timeout: int = 2000, max_digits: int = 255) -> str:
        """Play a file and collect keys; may be empty."""
        return self.execute("GET DATA", self._quote(filename), timeout, max_digits)["result"][0]

    def record_file(
        self,
        filename: str,
        format: str = "wav",
        escape_digits: str | list[Any] = "#",
        timeout: int = 20000,
        offset: int = 0,
        beep: str = "",
        silence: int = 0,
    ) -> str:
        """Record up to `timeout` milliseconds; the key that ended it, or "" for time and silence."""
        options = [offset] if offset else []
        words = ["BEEP"] if beep else []
        quiet = [f"s={silence}"] if silence else []
        name, kind = self._quote(filename), self._quote(format)
        digits = self._process_digit_list(escape_digits)
        return _key(self.execute("RECORD FILE", name, kind, digits, timeout, *options, *words, *quiet))

    def database_get(self, family: str, key: str) -> str:
        """A value of Asterisk's database. Raises AGIDBError where there is none."""
        value, data = self.execute("DATABASE GET", self._quote(family), self._quote(key))["result"]
        if value != "1":
            raise AGIDBError(f"no {family}/{key} in the database")
        return data

    # --- the connection

    def promise(self, seconds: float) -> None:
        """Tell the dialplan how long the next commands may take: past that it gives the call to another server."""
        limit_s = int(seconds) + 1
        self._rescue_at = float("inf")
        self.execute("SET AUTOHANGUP", limit_s)
        self._rescue_at = time.monotonic() + limit_s - 0.5

    def gone(self) -> bool:
        """Whether the caller hung up while we were busy elsewhere; reads nothing that belongs to a reply."""
        if self._got_sighup or self._received.startswith(b"HANGUP"):
            return True
        try:
            waiting = self._connection.recv(_RECEIVE_BYTES, socket.MSG_PEEK | socket.MSG_DONTWAIT)
        except BlockingIOError:
            return False
        except OSError:
            return True
        return waiting == b"" or waiting.startswith(b"HANGUP")

    def abandon(self) -> None:
        """Give the call back to the dialplan: the connection is closed, and that is no hang-up of the caller."""
        self._abandoned = True
        with contextlib.suppress(OSError):
            self._connection.shutdown(socket.SHUT_RDWR)

    def lost(self) -> Exception:
        """Why the session ended: the caller hung up, unless we gave the call back or were too slow with it."""
        if self._abandoned or time.monotonic() > self._rescue_at:
            return TransportError("the dialplan took the call back")
        return CallerGone("the caller hung up")

    def _wait_at_most(self, seconds: float) -> None:
        if seconds <= 0:
            raise TransportError("the PBX does not answer")
        if seconds != self._waits_s:
            limit = struct.pack("ll", int(seconds), int(seconds % 1 * 1e6) or 1)
            self._connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, limit)
            self._connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, limit)
            self._waits_s = seconds

    def _read_line(self, deadline: float, limit: int) -> str:
        while (end := self._received.find(b"\n")) < 0:
            if len(self._received) > limit:
                raise TransportError("a line is too long")
            remaining = deadline - time.monotonic()
            if remaining < self._waits_s - _SLACK_S:
                # What comes in pieces has the time that is left, not the whole time again for each piece.
                self._wait_at_most(remaining)
            try:
                data = self._connection.recv(_RECEIVE_BYTES)
            except BlockingIOError as error:
                raise TransportError("the PBX does not answer") from error
            except OSError as error:
                raise self.lost() from error
            if not data:
                if not self.env.get("agi_uniqueid"):
                    raise TransportError("the peer hung up before it said who it is")
                raise self.lost()
            self._received += data
        line = bytes(self._received[:end])
        del self._received[: end + 1]
        if len(line) > limit:
            raise TransportError("a line is too long")
        try:
            return line.decode().rstrip("\r")
        except UnicodeDecodeError:
            # Caller names of older switches come in the national encoding.
            return line.decode("gb18030", "replace").rstrip("\r")


def _key(result: _Result) -> str:
    """The key in a reply; "" for none and for a code that is no key."""
    value = result["result"][0]
    if not value or value == "0":
        return ""
    try:
        code = int(value)
    except ValueError as error:
        raise AGIError(f"not a key: {value}") from error
    return chr(code) if chr(code if 0 <= code < 128 else 0) in "0123456789*#ABCD" else ""
