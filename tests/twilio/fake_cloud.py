"""Twilio's REST interface on loopback, for one account: calls, recordings and their media; strict, with basic auth."""

from __future__ import annotations

import base64
import inspect
import io
import json
import re
import threading
import wave
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from twilio.rest.api.v2010.account.call import CallList

from tests.pbx.audio import RATE, voice_like

ACCOUNT_SID = "AC" + "5" * 32
TOKEN = "a token of thirty-two characters"
_PREFIX = f"/2010-04-01/Accounts/{ACCOUNT_SID}"
_ids = count(10**9)


@dataclass
class Held:
    """A recording that the cloud holds."""

    call_sid: str
    sid: str
    media: bytes
    made_at: datetime
    refusals: list[int] = field(default_factory=list)
    """Statuses that come first when its media is asked for."""
    content_type: str = "audio/x-wav"
    cut_short: bool = False
    deleted: bool = False


class FakeCloud:
    """The account. `address` is where it listens; `asked` are the requests, credentials taken off."""

    def __init__(self) -> None:
        self.calls: dict[str, dict[str, str]] = {}
        self.recordings: dict[str, Held] = {}
        self.asked: list[tuple[str, str]] = []
        self.made: list[dict[str, str]] = []
        self.tokens = {TOKEN}
        self.violations: list[str] = []
        self.refusals: list[int] = []
        """Statuses that come first for the media of recordings yet to be made."""
        self.lose_answers_to_calls = False
        """A call is made, and its answer never arrives."""
        self.address = ""
        self._lock = threading.Lock()

    def begin(self, call_sid: str, caller: str, line: str) -> None:
        """A call comes in."""
        self.calls[call_sid] = _call(call_sid, caller, line, "inbound")

    def end(self, call_sid: str) -> None:
        """It is over."""
        self.calls[call_sid] |= {"status": "completed", "duration": "40"}

    def record(self, call_sid: str, seconds: float) -> str:
        """Something is said; the recording's SID."""
        sid = f"RE{next(_ids):032x}"
        held = Held(call_sid, sid, _wav(seconds, len(self.recordings)), datetime.now(UTC), list(self.refusals))
        self.recordings[sid] = held
        return sid

    # --- requests

    def answer(self, method: str, path: str, token: str, body: bytes) -> tuple[int, str, bytes, bool]:
        """Status, content type, content, and whether it breaks off."""
        with self._lock:
            self.asked.append((method, urlsplit(path).path))
            if token not in self.tokens:
                return 401, "application/json", b'{"code": 20003, "message": "Authenticate", "status": 401}', False
            url = urlsplit(path)
            if match := re.fullmatch(rf"{_PREFIX}/Recordings/(RE[0-9a-f]{{32}})\.wav", url.path):
                return self._media(match[1])
            if match := re.fullmatch(rf"{_PREFIX}/Recordings/(RE[0-9a-f]{{32}})\.json", url.path):
                return self._delete(match[1]) if method == "DELETE" else _missing()
            if url.path == f"{_PREFIX}/Recordings.json" and method == "GET":
                return self._list_recordings()
            if match := re.fullmatch(rf"{_PREFIX}/Calls/(CA[0-9a-f]{{32}})\.json", url.path):
                return _json(self.calls[match[1]]) if match[1] in self.calls else _missing()
            if url.path == f"{_PREFIX}/Calls.json":
                return self._create(body) if method == "POST" else self._list_calls(url.query)
            self.violations.append(f"{method} {url.path}")
            return _missing()

    def _media(self, sid: str) -> tuple[int, str, bytes, bool]:
        held = self.recordings.get(sid)
        if held is None or held.deleted:
            return _missing()
        if held.refusals:
            status = held.refusals.pop(0)
            return status, "application/xml", b"<TwilioResponse><RestException/></TwilioResponse>", False
        return 200, held.content_type, held.media, held.cut_short

    def _delete(self, sid: str) -> tuple[int, str, bytes, bool]:
        held = self.recordings.get(sid)
        if held is None or held.deleted:
            return _missing()
        held.deleted = True
        return 204, "application/json", b"", False

    def _list_recordings(self) -> tuple[int, str, bytes, bool]:
        rows = [
            {
                "sid": held.sid,
                "call_sid": held.call_sid,
                "account_sid": ACCOUNT_SID,
                "date_created": format_datetime(held.made_at, usegmt=True),
                "status": "completed",
                "duration": "3",
            }
            for held in self.recordings.values()
            if not held.deleted
        ]
        return _json({"recordings": rows, "page": 0, "page_size": 200, "next_page_uri": None, "uri": ""})

    def _create(self, body: bytes) -> tuple[int, str, bytes, bool]:
        fields = dict(parse_qsl(body.decode(), keep_blank_values=True))
        for problem in call_problems(fields):
            self.violations.append(problem)
        sid = f"CA{next(_ids):032x}"
        self.calls[sid] = _call(sid, fields.get("From", ""), fields.get("To", ""), "outbound-api")
        self.made.append({**fields, "sid": sid})
        if self.lose_answers_to_calls:
            return 200, "application/json", b"{", True
        return _json(self.calls[sid], 201)

    def _list_calls(self, query: str) -> tuple[int, str, bytes, bool]:
        wanted = dict(parse_qsl(query))
        if unknown := set(wanted) - {"To", "From", "StartTime>", "PageSize"}:
            self.violations.append(f"Calls.list by {sorted(unknown)}")
        since = datetime.fromisoformat(wanted["StartTime>"])
        rows = [
            call
            for call in self.calls.values()
            if call["to"] == wanted["To"]
            and call["from"] == wanted.get("From", call["from"])
            and parsedate_to_datetime(call["start_time"]) >= since
        ]
        return _json({"calls": rows, "page": 0, "page_size": 50, "next_page_uri": None, "uri": ""})


def call_problems(fields: dict[str, str]) -> list[str]:
    """What is wrong with the body of a request to make a call, by the signature of the official library."""
    known = {_title(name) for name in inspect.signature(CallList.create).parameters} - {"Self"}
    problems = [f"Calls.create has no {name}" for name in fields if name not in known]
    problems += [f"Calls.create without {name}" for name in ("To", "From") if not fields.get(name)]
    problems += [] if fields.get("Url") or fields.get("Twiml") else ["Calls.create without Url"]
    for name in ("To", "From"):
        if not re.fullmatch(r"\+[1-9]\d{7,14}", fields.get(name, "")):
            problems.append(f"{name} is not in E.164")
    if fields.get("StatusCallbackEvent", "completed") not in ("initiated", "ringing", "answered", "completed"):
        problems.append("StatusCallbackEvent")
    return problems


def _title(name: str) -> str:
    return "".join(part.title() for part in name.strip("_").split("_"))


def _call(sid: str, caller: str, line: str, direction: str) -> dict[str, Any]:
    now = format_datetime(datetime.now(UTC), usegmt=True)
    return {
        "sid": sid,
        "account_sid": ACCOUNT_SID,
        "status": "in-progress",
        "from": caller,
        "to": line,
        "direction": direction,
        "start_time": now,
        "date_created": now,
    }


def _wav(seconds: float, seed: int) -> bytes:
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as out:
        out.setparams((1, 2, RATE, 0, "NONE", ""))
        out.writeframes(voice_like(seconds, seed=seed).tobytes())
    return buffer.getvalue()


def _json(data: Any, status: int = 200) -> tuple[int, str, bytes, bool]:
    return status, "application/json", json.dumps(data).encode(), False


def _missing() -> tuple[int, str, bytes, bool]:
    return 404, "application/json", b'{"code": 20404, "message": "not found", "status": 404}', False


@contextmanager
def fake_cloud() -> Iterator[FakeCloud]:
    """A cloud that listens for as long as the block lasts."""
    cloud = FakeCloud()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            user, _, token = base64.b64decode(self.headers.get("Authorization", "").removeprefix("Basic ")).partition(
                b":"
            )
            known = token.decode() if user.decode() == ACCOUNT_SID else ""
            status, kind, content, broken = cloud.answer(self.command, self.path, known, body)
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(content) + (100 if broken else 0)))
            self.send_header("Connection", "close")
            self.end_headers()
            self.wfile.write(content)
            self.close_connection = True

        do_GET = do_POST = do_DELETE = _answer

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, name="cloud")
    thread.start()
    cloud.address = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield cloud
    finally:
        server.shutdown()
        thread.join(10)
        server.server_close()
