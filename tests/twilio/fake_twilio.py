"""A strict Twilio for tests: its voice cloud, its REST interface, the person who calls and whoever is called.

It obeys the documents that it gets as the cloud does: verbs in their order, no key without a Gather, `action` asked for
each outcome, every request signed with the account's token. It delivers reports late, twice and out of order where a
test wants it so. Whatever the cloud would stumble over is noted under `violations`.
"""

from __future__ import annotations

import inspect
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import count
from typing import Any, Protocol
from urllib.parse import urlencode, urlsplit
from xml.etree import ElementTree

from twilio.request_validator import RequestValidator
from twilio.twiml import lower_camel, voice_response

from tests.twilio.fake_cloud import ACCOUNT_SID, TOKEN, FakeCloud

PUBLIC_URL = "https://hotline.example"
_ids = count(1)
_MOST_DOCUMENTS = 150
_NESTED = {"Gather": {"Play", "Say", "Pause"}, "Dial": {"Number", "Sip", "Queue"}}
_TOP = {"Play", "Say", "Pause", "Gather", "Record", "Dial", "Enqueue", "Redirect", "Hangup"}
_RANGES = {
    ("Gather", "timeout"): (1, 600),
    ("Gather", "numDigits"): (1, 1000),
    ("Record", "timeout"): (1, 600),
    ("Record", "maxLength"): (1, 14400),
    ("Dial", "timeout"): (1, 600),
}
_PLAIN = ("name", "body", "message", "number", "phone_number", "sip_url", "url", "self", "kwargs", "message_body")


class CallerLeft(Exception):
    """The person hung up."""


class Person(Protocol):
    """Whoever calls."""

    def press(self) -> str:
        """Keys pressed at a question; "" for none. Raises CallerLeft."""

    def skips(self) -> bool:
        """Whether a key is pressed while something is said before a recording."""

    def say(self) -> tuple[float, bool]:
        """Seconds of speech after the beep (0: silence), and whether that was ended by hanging up."""

    def reach(self, kind: str) -> str:
        """How an attempt to reach somebody ends, as DialCallStatus or QueueResult says it; "mailbox" answers but
        presses no key, "completed and left" is a talk that the caller ends. `kind` is Sip, Number or Enqueue. Raises
        CallerLeft."""


@dataclass
class Delivery:
    """How reports travel."""

    twice: bool = False
    """Every request comes a second time at once."""
    replays: int = 0
    """So many old requests come again after each new one, chosen at random."""
    status_first: bool = False
    """The end of the call is reported before its last step."""
    recording_first: bool = False
    """A recording is reported before the step that it belongs to."""
    recording_lost: bool = False
    status_lost: bool = False
    seed: int = 1


@dataclass
class Heard:
    """What came of a call."""

    clips: list[str] = field(default_factory=list)
    """Names of clips; "recording" for the caller's own."""
    documents: list[str] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)
    dialled: list[str] = field(default_factory=list)
    spoken: list[str] = field(default_factory=list)

    @property
    def digits(self) -> str:
        """Digits that were read aloud."""
        return "".join(clip.removeprefix("digits/") for clip in self.clips if clip.startswith("digits/"))


Send = Callable[[str, str, Mapping[str, str], bytes], Any]
"""method, path with query, headers, body -> an answer with status_code, headers and content."""


class FakeTwilio:
    """One call through the cloud."""

    def __init__(self, send: Send, cloud: FakeCloud, person: Person, delivery: Delivery | None = None) -> None:
        self.call_sid = f"CA{next(_ids):032x}"
        self.heard = Heard()
        self.number, self.line = "+8613812345678", "+8651812345000"
        self.token = TOKEN
        self.before: Callable[[str], None] = lambda _: None
        """Called before each request of a step."""
        self._send = send
        self._cloud = cloud
        self._person = person
        self._delivery = delivery or Delivery()
        self._chance = random.Random(self._delivery.seed)
        self._sent: list[tuple[str, dict[str, str]]] = []
        self._late: list[tuple[str, dict[str, str]]] = []
        self._status = "in-progress"

    # --- the call

    def call(self, path: str = "/twilio/voice", **extra: str) -> Heard:
        """From the first request to the end of either side."""
        self._cloud.begin(self.call_sid, self.number, self.line)
        try:
            following: tuple[str, dict[str, str]] | None = (f"{PUBLIC_URL}{path}", dict(extra))
            while following:
                self.before(following[0])
                document = self._ask(*following)
                following = self._obey(document) if document is not None else None
        except CallerLeft:
            pass
        self._end()
        return self.heard

    def _end(self) -> None:
        self._status = "completed"
        self._cloud.end(self.call_sid)
        if not self._delivery.status_lost:
            self._report(f"{PUBLIC_URL}/twilio/status", {"CallDuration": "30"})
        for url, fields in self._late:
            self._report(url, fields)
        if self._delivery.replays:
            for url, fields in list(self._sent):
                self._post(url, fields)

    # --- requests

    def _fields(self, extra: Mapping[str, str]) -> dict[str, str]:
        return {
            "AccountSid": ACCOUNT_SID,
            "ApiVersion": "2010-04-01",
            "CallSid": self.call_sid,
            "CallStatus": self._status,
            "Direction": "inbound",
            "From": self.number,
            "To": self.line,
            "CallerCity": "",
            **extra,
        }

    def _ask(self, url: str, extra: Mapping[str, str]) -> ElementTree.Element | None:
        """The document of a step; None when there is nothing more to do."""
        fields = self._fields(extra)
        answer = self._post(url, fields)
        if self._delivery.twice:
            again = self._post(url, fields)
            if again.content != answer.content:
                self._wrong(f"another answer to the same request: {urlsplit(url).path}")
        for _ in range(self._delivery.replays if self._sent else 0):
            self._post(*self._chance.choice(self._sent))
        self._sent.append((url, fields))
        text = answer.content.decode()
        self.heard.documents.append(text)
        if len(self.heard.documents) > _MOST_DOCUMENTS:
            self._wrong("the call does not end")
            return None
        if answer.status_code != 200:
            self._wrong(f"{answer.status_code} for {urlsplit(url).path}")
            return None
        if not answer.headers["content-type"].startswith(("text/xml", "application/xml")) or len(text) > 64 * 1024:
            self._wrong(f"no TwiML: {answer.headers['content-type']}")
        root = ElementTree.fromstring(text)  # noqa: S314 - our own server wrote it
        self._check(root)
        return root

    def _report(self, url: str, extra: Mapping[str, str]) -> None:
        """A report whose answer nobody reads."""
        fields = self._fields(extra)
        for _ in range(2 if self._delivery.twice else 1):
            self._post(url, fields)
        self._sent.append((url, fields))

    def _post(self, url: str, fields: Mapping[str, str]) -> Any:
        if not url.startswith(f"{PUBLIC_URL}/"):
            self._wrong(f"a foreign address: {url}")
        signature = RequestValidator(self.token).compute_signature(url, dict(fields))
        headers = {"X-Twilio-Signature": signature, "Content-Type": "application/x-www-form-urlencoded"}
        answer = self._send("POST", url.removeprefix(PUBLIC_URL), headers, urlencode(fields).encode())
        self.heard.statuses.append(answer.status_code)
        return answer

    # --- documents

    def _obey(self, root: ElementTree.Element) -> tuple[str, dict[str, str]] | None:
        """Run verbs until one asks for the next document."""
        for verb in root:
            following: tuple[str, dict[str, str]] | None = None
            match verb.tag:
                case "Play" | "Say" | "Pause":
                    self._hear(verb)
                case "Gather":
                    following = self._gather(verb)
                case "Record":
                    following = self._record(verb)
                case "Dial":
                    following = self._dial(verb)
                case "Enqueue":
                    following = self._enqueue(verb)
                case "Redirect":
                    return verb.text or "", {}
                case "Hangup":
                    return None
            if following:
                return following
        return None

    def _hear(self, verb: ElementTree.Element) -> None:
        if verb.tag == "Say":
            self.heard.spoken.append(verb.text or "")
        if verb.tag != "Play":
            return
        url = verb.text or ""
        answer = self._send("GET", url.removeprefix(PUBLIC_URL), {}, b"")
        if answer.status_code != 200 or not answer.headers["content-type"].startswith("audio/"):
            self._wrong(f"not to be played: {url}: {answer.status_code}")
        path = urlsplit(url).path
        name = path.removeprefix("/twilio/prompts/").removesuffix(".wav")
        self.heard.clips.append("recording" if path.startswith("/twilio/playback/") else name)

    def _gather(self, verb: ElementTree.Element) -> tuple[str, dict[str, str]] | None:
        for child in verb:
            self._hear(child)
        question = verb.get("actionOnEmptyResult") == "true"
        pressed = self._person.press() if question else "1" * self._person.skips()
        finish = verb.get("finishOnKey", "#")
        digits = (pressed.partition(finish)[0] if finish else pressed)[: int(verb.get("numDigits", "1000"))]
        if not digits and not question:
            return None
        return self._action(verb, {"Digits": digits, "FinishedOnKey": finish if finish in pressed else ""})

    def _record(self, verb: ElementTree.Element) -> tuple[str, dict[str, str]] | None:
        seconds, left = self._person.say()
        callback = verb.get("recordingStatusCallback", "")
        fields: dict[str, str] = {}
        if seconds >= 1:
            sid = self._cloud.record(self.call_sid, seconds)
            fields = {
                "RecordingSid": sid,
                "RecordingDuration": str(round(seconds)),
                "RecordingUrl": f"https://attacker.example/{sid}",
            }
            if not self._delivery.recording_lost:
                media = (callback, {**fields, "RecordingStatus": "completed", "RecordingSource": "RecordVerb"})
                self._report(*media) if self._delivery.recording_first else self._late.append(media)
        if left:
            self._status = "completed"
            self._cloud.end(self.call_sid)
            if self._delivery.status_first:
                self._report(f"{PUBLIC_URL}/twilio/status", {})
            if fields:
                self._ask(verb.get("action", ""), {**fields, "Digits": "hangup"})
            raise CallerLeft
        if not fields:
            return None
        return self._action(verb, {**fields, "Digits": verb.get("finishOnKey", "")[:1]})

    def _dial(self, verb: ElementTree.Element) -> tuple[str, dict[str, str]] | None:
        noun = verb[0]
        self.heard.dialled.append(noun.text or "")
        try:
            outcome = self._person.reach(noun.tag)
        except CallerLeft:
            self._status = "completed"
            self._action_of_the_gone(verb, {"DialCallStatus": "canceled"})
            raise
        if outcome == "completed and left":
            self._status = "completed"
            self._action_of_the_gone(verb, {"DialCallStatus": "completed", "DialBridged": "true"})
            raise CallerLeft
        bridged = outcome == "completed"
        if noun.get("url") and outcome in ("completed", "mailbox"):
            bridged = self._whisper(noun.get("url", ""), "1" if bridged else "")
        status = "completed" if outcome == "mailbox" else outcome
        fields = {"DialCallStatus": status, "DialBridged": str(bridged).lower()}
        return self._action(verb, fields) if verb.get("action") else None

    def _enqueue(self, verb: ElementTree.Element) -> tuple[str, dict[str, str]] | None:
        self.heard.dialled.append(f"queue:{verb.text}")
        for waited in ("0", "3600"):
            fields = self._fields({"QueueTime": waited, "QueuePosition": "1", "QueueSid": f"QU{'0' * 32}"})
            answer = self._post(verb.get("waitUrl", ""), fields)
            tags = [child.tag for child in ElementTree.fromstring(answer.content)]  # noqa: S314
            if (tags == ["Leave"]) != (waited == "3600"):
                self._wrong(f"after {waited} s in the queue: {tags}")
        try:
            outcome = self._person.reach("Enqueue")
        except CallerLeft:
            self._status = "completed"
            self._action_of_the_gone(verb, {"QueueResult": "hangup", "QueueTime": "3"})
            raise
        return self._action(verb, {"QueueResult": outcome, "QueueTime": "3"})

    def _whisper(self, url: str, key: str) -> bool:
        """Whether whoever answered lets the citizen in."""
        child = self._fields({"CallSid": f"CA{next(_ids):032x}"})
        gather = ElementTree.fromstring(self._post(url, child).content)[0]  # noqa: S314
        for clip in gather:
            self._hear(clip)
        answer = self._post(gather.get("action", ""), {**child, "Digits": key})
        return len(ElementTree.fromstring(answer.content)) == 0  # noqa: S314

    def _action(self, verb: ElementTree.Element, fields: dict[str, str]) -> tuple[str, dict[str, str]]:
        action = verb.get("action")
        if not action:
            self._wrong(f"<{verb.tag}> without an action")
        return action or "", fields

    def _action_of_the_gone(self, verb: ElementTree.Element, fields: dict[str, str]) -> None:
        if self._delivery.status_first:
            self._report(f"{PUBLIC_URL}/twilio/status", {})
        self._ask(verb.get("action", ""), fields)

    # --- the rules

    def _check(self, root: ElementTree.Element) -> None:
        if root.tag != "Response":
            self._wrong(f"<{root.tag}> instead of <Response>")
        for verb in root:
            if verb.tag not in _TOP:
                self._wrong(f"<{verb.tag}> is no verb of a call")
            for child in verb:
                if child.tag not in _NESTED.get(verb.tag, set()):
                    self._wrong(f"<{child.tag}> inside <{verb.tag}>")
                self._check_attributes(child)
            self._check_attributes(verb)
            if verb.tag == "Dial" and len(verb) != 1:
                self._wrong("<Dial> without exactly one party")

    def _check_attributes(self, element: ElementTree.Element) -> None:
        for name, value in element.attrib.items():
            if name not in _attributes(element.tag):
                self._wrong(f"<{element.tag}> has no attribute {name}")
            lowest, highest = _RANGES.get((element.tag, name), (0, 0))
            if highest and not (value.isdecimal() and lowest <= int(value) <= highest):
                self._wrong(f"<{element.tag} {name}={value!r}>")

    def _wrong(self, text: str) -> None:
        self.heard.violations.append(text)


def _attributes(tag: str) -> set[str]:
    """Attributes that the official library knows for an element: those of the method that makes it."""
    parents = (voice_response.Dial, voice_response.VoiceResponse)
    makers = [getattr(parent, tag.lower()) for parent in parents if hasattr(parent, tag.lower())]
    names = {name for maker in makers for name in inspect.signature(maker).parameters if name not in _PLAIN}
    return {lower_camel(name) for name in names} | ({"url"} if tag in ("Number", "Sip") else set())
