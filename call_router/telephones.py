"""Names that the PBX gives to an agent's telephones.

An agent has up to two: one on the desk (PJSIP/1001) and one in the browser (PJSIP/1001w). Queues ring both at once
through one Local channel, so that an agent is one member, and is busy as soon as either telephone is.
"""

from __future__ import annotations

import re

BROWSER = "w"
"""Ends the name of the telephone in the browser."""
_OF_AN_AGENT = re.compile(r"(?:PJSIP|Local)/(\d+)(?:w?(?:-[0-9a-f]{8})?|@agent-phones.*)")


def interface(extension: str) -> str:
    """What a queue, or an Originate, calls: both telephones of the agent."""
    return f"Local/{extension}@agent-phones/n"


def state_interface(extension: str) -> str:
    """Where the state of both telephones together is."""
    return f"hint:{extension}@agent-phones"


def extension_of(name: str) -> str:
    """Whose telephone a channel or an interface is; empty for none of an agent."""
    found = _OF_AN_AGENT.fullmatch(name)
    return found[1] if found else ""


def telephone(name: str) -> str:
    """The agent's telephone as the board calls it ("PJSIP/1001"); other names as they are."""
    extension = extension_of(name)
    return f"PJSIP/{extension}" if extension else name
