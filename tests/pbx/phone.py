"""Telephones that sing: each sends a tone of its own, so that a test can say who hears whom, measured on RTP.

SIP over UDP on loopback, PCMA, for tests that move calls about while they last; SIPp plays everybody else.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
import secrets
import struct
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tests.pbx.audio import to_alaw

_FRAME = 160
_RATE = 8000
_SDP = """v=0\r
o=- {session} {version} IN IP4 127.0.0.1\r
s=-\r
c=IN IP4 127.0.0.1\r
t=0 0\r
m=audio {port} RTP/AVP 8 101\r
a=rtpmap:8 PCMA/8000\r
a=rtpmap:101 telephone-event/8000\r
a=fmtp:101 0-15\r
a=ptime:20\r
a=sendrecv\r
"""
_KEPT_FRAMES = 250
Headers = dict[str, str]


def _alaw_table() -> np.ndarray[Any, np.dtype[np.float64]]:
    """G.711 A-law to linear."""
    codes = np.arange(256) ^ 0x55
    exponent, mantissa = (codes >> 4) & 7, codes & 15
    size = np.where(exponent == 0, mantissa * 16 + 8, (mantissa * 16 + 264) << np.maximum(exponent - 1, 0))
    return np.where(codes & 0x80, size, -size).astype(np.float64)


_LINEAR = _alaw_table()


def _tone(hz: int) -> bytes:
    """One frame of a tone; a multiple of 50 Hz goes on without a click."""
    assert hz % 50 == 0
    wave = 8000 * np.sin(2 * np.pi * hz * np.arange(_FRAME) / _RATE)
    return to_alaw(wave.astype(np.int16)) if hz else bytes([0xD5]) * _FRAME


@dataclass
class Leg:
    """A call of a phone."""

    call_id: str
    local: str
    remote: str
    target: str
    cseq: int = 1
    state: str = "new"
    status: int = 0
    invite: str = ""
    headers: Headers = field(default_factory=dict)
    vias: list[str] = field(default_factory=list)
    port: int = 0
    remote_port: int = 0
    media: asyncio.DatagramTransport | None = None
    heard: deque[bytes] = field(default_factory=lambda: deque(maxlen=_KEPT_FRAMES))
    keys: deque[str] = field(default_factory=deque)
    received: int = 0

    @property
    def up(self) -> bool:
        """Whether the two sides talk."""
        return self.state == "up"


class _Media(asyncio.DatagramProtocol):
    def __init__(self, leg: Leg) -> None:
        self._leg = leg

    def datagram_received(self, data: bytes, _address: Any) -> None:
        if len(data) >= 12 and data[1] & 0x7F == 8:
            self._leg.heard.append(data[12:])
            self._leg.received += 1


class Phone(asyncio.DatagramProtocol):
    """A telephone. `answers` tells for a called number what to answer: 200, or 180 to ring, or a refusal."""

    def __init__(self, name: str, hz: int, pbx_port: int, answers: Callable[[str], int] = lambda _: 200) -> None:
        self.name = name
        self.hz = hz
        self.legs: list[Leg] = []
        self._answers = answers
        self._pbx = ("127.0.0.1", pbx_port)
        self._frame = _tone(hz)
        self._transport: asyncio.DatagramTransport | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._register_reply: asyncio.Future[tuple[int, Headers]] | None = None
        self.port = 0

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> Phone:
        """Listen."""
        loop = asyncio.get_running_loop()
        self._transport, _ = await loop.create_datagram_endpoint(lambda: self, local_addr=(host, port))
        self.port = self._transport.get_extra_info("sockname")[1]
        return self

    def stop(self) -> None:
        """Hang up everything and go."""
        for leg in self.legs:
            self.hang_up(leg)
        for task in self._tasks:
            task.cancel()
        if self._transport is not None:
            self._transport.close()

    @property
    def leg(self) -> Leg:
        """The newest call. Raises IndexError where there is none."""
        return self.legs[-1]

    @property
    def talking(self) -> Leg | None:
        """The call that is up, if any."""
        return next((leg for leg in reversed(self.legs) if leg.up), None)

    # --- what a person does

    async def register(self, extension: str, secret: str) -> None:
        """Register with digest authentication (RFC 2617)."""
        call_id, uri = secrets.token_hex(8), f"sip:{self._pbx[0]}:{self._pbx[1]}"
        status, headers = await self._register(call_id, extension, uri, 1, "")
        challenge = dict(re.findall(r'(\w+)="?([^",]+)"?', headers.get("www-authenticate", "")))
        one = _md5(f"{extension}:{challenge['realm']}:{secret}")
        two = _md5(f"REGISTER:{uri}")
        nonce, count, own = challenge["nonce"], "00000001", secrets.token_hex(8)
        answer = _md5(f"{one}:{nonce}:{count}:{own}:auth:{two}")
        credentials = (
            f'Authorization: Digest username="{extension}", realm="{challenge["realm"]}", nonce="{nonce}", uri="{uri}",'
            f' response="{answer}", algorithm=MD5, qop=auth, nc={count}, cnonce="{own}"'
            + (f', opaque="{challenge["opaque"]}"' if "opaque" in challenge else "")
            + "\r\n"
        )
        status, _ = await self._register(call_id, extension, uri, 2, credentials)
        assert status == 200, status

    async def call(self, number: str) -> Leg:
        """Place a call and wait until it is answered."""
        target = f"sip:{number}@{self._pbx[0]}:{self._pbx[1]}"
        local = f'"{self.name}" <sip:{self.name}@127.0.0.1:{self.port}>;tag={secrets.token_hex(4)}'
        leg = Leg(secrets.token_hex(8), local, f"<{target}>", target)
        self.legs.append(leg)
        await self._open_media(leg)
        self._send(self._request(leg, "INVITE", target, self._sdp(leg)))
        async with asyncio.timeout(20):
            while not leg.up:
                assert leg.state != "ended", leg.status
                await asyncio.sleep(0.02)
        return leg

    def press(self, keys: str) -> None:
        """Keys, on the call that is up."""
        self.leg.keys.extend(keys)

    def hang_up(self, leg: Leg) -> None:
        """BYE, where the call is up."""
        if leg.up:
            leg.cseq += 1
            self._send(self._request(leg, "BYE", leg.target))
            self._end(leg)

    async def hears(self, seconds: float = 0.6) -> set[int]:
        """The tones (Hz, multiples of 50) in the next `seconds` of the call that is up; empty for silence."""
        leg = self.talking
        assert leg is not None, f"{self.name} has no call"
        leg.heard.clear()
        await asyncio.sleep(seconds)
        return self.tones_now()

    def tones_now(self) -> set[int]:
        """The tones among the last frames of the call that is up."""
        leg = self.talking
        if leg is None:
            return set()
        samples = _LINEAR[np.frombuffer(b"".join(leg.heard), np.uint8)]
        size = samples.size // _FRAME * _FRAME
        if size < _FRAME * 5:
            return set()
        power = (np.abs(np.fft.rfft(samples[:size].reshape(-1, _FRAME), axis=1)) ** 2).mean(axis=0)
        # A tone at full level has (8000 * 160 / 2) squared; a tenth of its amplitude is heard.
        return {int(n) * 50 for n in np.flatnonzero(power > (8000 * _FRAME / 2) ** 2 / 100)}

    # --- SIP

    def datagram_received(self, data: bytes, _address: Any) -> None:
        head, _, body = data.decode("utf-8", "replace").partition("\r\n\r\n")
        first, *lines = head.split("\r\n")
        if not first.strip():
            return
        headers: Headers = {}
        vias = []
        for line in lines:
            name, _, value = line.partition(":")
            if name.strip().lower() == "via":
                vias.append(value.strip())
            headers.setdefault(name.strip().lower(), value.strip())
        if first.startswith("SIP/2.0"):
            self._answered(int(first.split()[1]), headers, body)
        else:
            self._asked(first, headers, vias, body, head)

    def _answered(self, status: int, headers: Headers, body: str) -> None:
        method = headers["cseq"].split()[1]
        if method == "REGISTER" and self._register_reply and not self._register_reply.done():
            self._register_reply.set_result((status, headers))
        leg = self._find(headers)
        if method != "INVITE" or leg is None or status < 200:
            return
        leg.status, leg.remote = status, headers["to"]
        contact = re.search(r"<([^>]+)>", headers.get("contact", ""))
        leg.target = contact[1] if contact else leg.target
        self._send(self._request(leg, "ACK", leg.target, cseq=int(headers["cseq"].split()[0])))
        if status >= 300:
            self._end(leg)
        elif not leg.up:
            self._connect(leg, body)

    def _asked(self, first: str, headers: Headers, vias: list[str], body: str, head: str) -> None:
        method = first.split(maxsplit=1)[0]
        leg = self._find(headers)
        if method == "ACK":
            return
        if method == "INVITE" and leg is None:
            contact = re.search(r"<([^>]+)>", headers["contact"])
            assert contact
            tagged = f"{headers['to']};tag={secrets.token_hex(4)}"
            leg = Leg(headers["call-id"], tagged, headers["from"], contact[1], cseq=1000, invite=head)
            leg.headers, leg.vias = headers, vias
            self.legs.append(leg)
            self._run(self._ring(leg, first.split(":")[1].split("@", maxsplit=1)[0], body))
            return
        sdp = self._sdp(leg) if method == "INVITE" and leg else ""
        self._reply(200, headers, vias, headers["to"], sdp)
        if leg is not None and method == "INVITE":
            leg.remote_port = _port(body) or leg.remote_port
        if leg is not None and method == "CANCEL" and not leg.up:
            self._reply(487, leg.headers, leg.vias, leg.local)
            self._end(leg)
        elif leg is not None and method == "BYE":
            self._end(leg)

    async def _ring(self, leg: Leg, number: str, body: str) -> None:
        status = self._answers(number)
        self._reply(180, leg.headers, leg.vias, leg.local)
        leg.state = "ringing"
        if status == 180:
            return
        await asyncio.sleep(0.2)
        if status != 200:
            self._reply(status, leg.headers, leg.vias, leg.local)
            self._end(leg)
        elif leg.state == "ringing":
            await self._open_media(leg)
            self._reply(200, leg.headers, leg.vias, leg.local, self._sdp(leg))
            self._connect(leg, body)

    async def _register(self, call_id: str, extension: str, uri: str, cseq: int, extra: str) -> tuple[int, Headers]:
        self._register_reply = asyncio.get_running_loop().create_future()
        own = f"<sip:{extension}@127.0.0.1:{self.port}>"
        self._send(
            f"REGISTER {uri} SIP/2.0\r\n{self._via()}From: {own};tag=reg\r\nTo: {own}\r\nCall-ID: {call_id}\r\n"
            f"CSeq: {cseq} REGISTER\r\nContact: {own}\r\nExpires: 600\r\nMax-Forwards: 70\r\n{extra}"
            "Content-Length: 0\r\n\r\n"
        )
        async with asyncio.timeout(10):
            return await self._register_reply

    def _request(self, leg: Leg, method: str, uri: str, body: str = "", cseq: int = 0) -> str:
        kind = "Content-Type: application/sdp\r\n" if body else ""
        return (
            f"{method} {uri} SIP/2.0\r\n{self._via()}From: {leg.local}\r\nTo: {leg.remote}\r\n"
            f"Call-ID: {leg.call_id}\r\nCSeq: {cseq or leg.cseq} {method}\r\n"
            f"Contact: <sip:{self.name}@127.0.0.1:{self.port}>\r\nMax-Forwards: 70\r\n{kind}"
            f"Content-Length: {len(body)}\r\n\r\n{body}"
        )

    def _reply(self, status: int, headers: Headers, vias: list[str], to: str, body: str = "") -> None:
        lines = "".join(f"Via: {via}\r\n" for via in vias)
        kind = "Content-Type: application/sdp\r\n" if body else ""
        self._send(
            f"SIP/2.0 {status} {status}\r\n{lines}From: {headers['from']}\r\nTo: {to}\r\n"
            f"Call-ID: {headers['call-id']}\r\nCSeq: {headers['cseq']}\r\n"
            f"Contact: <sip:{self.name}@127.0.0.1:{self.port}>\r\n{kind}Content-Length: {len(body)}\r\n\r\n{body}"
        )

    def _via(self) -> str:
        return f"Via: SIP/2.0/UDP 127.0.0.1:{self.port};branch=z9hG4bK{secrets.token_hex(8)};rport\r\n"

    def _send(self, text: str) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.sendto(text.encode(), self._pbx)

    def _find(self, headers: Headers) -> Leg | None:
        return next((leg for leg in self.legs if leg.call_id == headers.get("call-id")), None)

    # --- media

    @staticmethod
    def _sdp(leg: Leg) -> str:
        return _SDP.format(session=abs(hash(leg.call_id)) % 99999, version=1, port=leg.port)

    @staticmethod
    async def _open_media(leg: Leg) -> None:
        loop = asyncio.get_running_loop()
        leg.media, _ = await loop.create_datagram_endpoint(lambda: _Media(leg), local_addr=("127.0.0.1", 0))
        leg.port = leg.media.get_extra_info("sockname")[1]

    def _connect(self, leg: Leg, body: str) -> None:
        leg.remote_port = _port(body)
        leg.state = "up"
        self._run(self._sing(leg))

    def _end(self, leg: Leg) -> None:
        leg.state = "ended"
        if leg.media is not None:
            leg.media.close()

    async def _sing(self, leg: Leg) -> None:
        sequence, stamp, source = 1, 160, secrets.randbits(32)
        due = time.monotonic()
        while leg.up and leg.media is not None:
            packets = [(8, stamp, self._frame)]
            if leg.keys:
                event = "0123456789*#".index(leg.keys.popleft())
                packets = [
                    (101, stamp, struct.pack("!BBH", event, 10 | (0x80 if n >= 8 else 0), _FRAME * min(n + 1, 8)))
                    for n in range(11)
                ]
            for kind, at, payload in packets:
                head = struct.pack("!BBHII", 0x80, kind, sequence & 0xFFFF, at & 0xFFFFFFFF, source)
                leg.media.sendto(head + payload, ("127.0.0.1", leg.remote_port))
                sequence += 1
            stamp += _FRAME * (8 if len(packets) > 1 else 1)
            due = max(due + 0.02 * (10 if len(packets) > 1 else 1), time.monotonic() - 0.2)
            await asyncio.sleep(max(0.0, due - time.monotonic()))

    def _run(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _port(body: str) -> int:
    match = re.search(r"m=audio (\d+)", body)
    return int(match[1]) if match else 0


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()
