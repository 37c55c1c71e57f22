"""What can go wrong between us and the PBX."""

from __future__ import annotations

from asterisk.agi import AGIHangup


class CallerGone(AGIHangup):  # type: ignore[misc]
    """The caller hung up, or the channel is dead. Any command may raise it."""


class TransportError(Exception):
    """The other side does not speak AGI, stopped speaking it, or took the call back; the caller may be there."""
