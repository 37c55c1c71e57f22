"""The manager interface's language, without a connection: bytes into blocks, actions into bytes.

A block is "Name: value" lines ended by a blank one. What a caller or an agent wrote may end up in a field, so that a
line break in one is refused: it would be another action.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

LINE_BYTES = 64 * 1024
BLOCK_LINES = 2000
Fields = Mapping[str, str]
Values = Mapping[str, str | Sequence[str]]


class ProtocolError(Exception):
    """The peer does not speak the language: a line or a block without an end."""


class Decoder:
    """Turns what comes in, however it is cut, into blocks."""

    def __init__(self) -> None:
        self._rest = b""
        self._block: dict[str, str] = {}
        self._lines = 0

    def feed(self, data: bytes) -> list[Fields]:
        """Blocks that are whole now. Raises ProtocolError."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        if len(self._rest) > LINE_BYTES or any(len(line) > LINE_BYTES for line in lines):
            raise ProtocolError("a line without an end")
        blocks: list[Fields] = []
        for line in lines:
            text = line.decode("utf-8", "replace").rstrip("\r")
            if text:
                self._take(text)
            elif self._lines:
                blocks.append(self._block)
                self._block, self._lines = {}, 0
        return blocks

    def _take(self, text: str) -> None:
        self._lines += 1
        if self._lines > BLOCK_LINES:
            raise ProtocolError("a block without an end")
        name, _, value = text.partition(":")
        self._block.setdefault(name, value.strip())


def encode(action: str, action_id: str, fields: Values) -> bytes:
    """An action. A field with several values (Variable) becomes as many lines. Raises ValueError for a line break."""
    lines = [("Action", action), ("ActionID", action_id)]
    for name, value in fields.items():
        lines += [(name, value)] if isinstance(value, str) else [(name, one) for one in value]
    if any(mark in text for line in lines for text in line for mark in "\r\n\0"):
        raise ValueError("a field of an action is one line")
    return "".join(f"{name}: {value}\r\n" for name, value in lines).encode() + b"\r\n"
