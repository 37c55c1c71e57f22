"""What Twilio reports of a verb, as events. A form field may be missing, empty or nonsense: then nothing happened.

https://www.twilio.com/docs/voice/twiml
"""

from __future__ import annotations

import re

from starlette.datastructures import FormData

from ivr.events import CallerGone, DialEnded, Digits, DriverEvent, NoInput, QueueLeft, Recorded

CALL_SID = re.compile(r"CA[0-9a-fA-F]{32}")
RECORDING_SID = re.compile(r"RE[0-9a-fA-F]{32}")
OVER = frozenset({"completed", "busy", "failed", "no-answer", "canceled"})
"""Values of CallStatus after which a call does not come back."""
_KEYS = re.compile(r"[0-9*#]{1,64}")
_NUMBER = re.compile(r"\+?[0-9]{1,20}")
_DIAL = {"busy": "busy", "no-answer": "no_answer", "canceled": "no_answer", "failed": "unavailable"}
_AGENTS = {"busy": "join_empty", "no-answer": "timeout", "canceled": "withdrawn", "failed": "join_empty"}
_QUEUE = {"leave": "timeout", "queue-full": "full", "redirected": "withdrawn"}
_LONGEST_S = 24 * 3600


def text(form: FormData, name: str) -> str:
    """A field of the form; empty where there is none."""
    value = form.get(name, "")
    return value if isinstance(value, str) else ""


def number(form: FormData, name: str) -> str:
    """A telephone number; empty for "anonymous", a SIP address or anything else that is none."""
    value = text(form, name)
    return value if _NUMBER.fullmatch(value) else ""


def over(form: FormData) -> bool:
    """Whether the caller has gone."""
    return text(form, "CallStatus") in OVER


def gathered(form: FormData) -> DriverEvent:
    """The outcome of a Gather."""
    if over(form):
        return CallerGone()
    keys = text(form, "Digits")
    return Digits(keys) if _KEYS.fullmatch(keys) else NoInput()


def recorded(form: FormData, path: str) -> DriverEvent:
    """The outcome of a Record. `path` is where its sound will lie; empty when there is none.

    The speech in it is unknown until it has been fetched, and so is its digest.
    """
    seconds = _seconds(form, "RecordingDuration")
    gone = over(form) or text(form, "Digits") == "hangup"
    if not path or not seconds:
        return CallerGone() if gone else Recorded("", 0, 0, "", hung_up=False)
    return Recorded(path, seconds * 1000, None, "", gone)


def dialled(form: FormData, query: FormData) -> DriverEvent:
    """The outcome of a Dial to a line."""
    if _bridged(form):
        return DialEnded("answered", _seconds(form, "DialCallDuration"))
    status = text(form, "DialCallStatus") or text(query, "DialCallStatus")
    return CallerGone() if over(form) else DialEnded(_DIAL.get(status, "no_answer"))


def left_queue(form: FormData) -> DriverEvent:
    """The outcome of an Enqueue, or of the Dial to the agents of our PBX."""
    result = text(form, "QueueResult")
    if result == "bridged" or _bridged(form):
        return QueueLeft("answered", _seconds(form, "DialCallDuration"))
    if result == "hangup" or over(form):
        return CallerGone()
    if result:
        return QueueLeft(_QUEUE.get(result, "join_empty"))
    return QueueLeft(_AGENTS.get(text(form, "DialCallStatus"), "join_empty"))


def _seconds(form: FormData, name: str) -> int:
    duration = text(form, name)
    return min(int(duration), _LONGEST_S) if duration.isdecimal() and len(duration) < 9 else 0


def _bridged(form: FormData) -> bool:
    """Whether the caller talked to somebody: a mailbox that answered and was turned away does not count."""
    return text(form, "DialCallStatus") in ("completed", "answered") and text(form, "DialBridged") != "false"
