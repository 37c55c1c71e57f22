"""Callers and called parties: SIPp with generated scenarios and real audio."""

from __future__ import annotations

import csv
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from socket import SOCK_DGRAM

import pytest

from tests.conftest import free_port
from tests.pbx.audio import Timeline, write_pcap

SDP = """\
v=0
o=user 53655765 2353687637 IN IP[local_ip_type] [local_ip]
s=-
c=IN IP[media_ip_type] [media_ip]
t=0 0
m=audio [auto_media_port] RTP/AVP 8 101
a=rtpmap:8 PCMA/8000
a=rtpmap:101 telephone-event/8000
a=fmtp:101 0-15
a=ptime:20
"""
_REQUEST = """\
{method} {uri} SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
From: {name} <sip:{number}@[local_ip]:[local_port]>;tag=[pid]SIPpTag00[call_number]
To: <sip:[service]@[remote_ip]:[remote_port]>{to_tag}
Call-ID: [call_id]
CSeq: {cseq} {method}
Contact: <sip:sipp@[local_ip]:[local_port]>
Max-Forwards: 70
Content-Type: application/sdp
Content-Length: {length}

{body}"""
OK = """\
SIP/2.0 {status}
[last_Via:]
[last_From:]
[last_To:]{tag}
[last_Call-ID:]
[last_CSeq:]
Contact: <sip:sipp@[local_ip]:[local_port]>
Content-Type: application/sdp
Content-Length: {length}

{body}"""
BYE = """\
BYE [next_url] SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
From: <sip:line@[local_ip]:[local_port]>;tag=[call_number]
To: [$caller]
[last_Call-ID:]
CSeq: 2 BYE
Max-Forwards: 70
Content-Length: 0

"""


@dataclass(frozen=True)
class CallResult:
    """What SIPp counted."""

    successful: int
    failed: int
    output: str


def require_sipp() -> None:
    """Skip where SIPp is missing or may not send its audio."""
    if shutil.which("sipp") is None:
        pytest.skip("no sipp (Debian package sip-tester)")
    if os.getuid() != 0:
        pytest.skip("SIPp plays audio from a raw socket: root only")


def _request(method: str, cseq: int, name: str, number: str, *, body: str = "", answered: bool = False) -> str:
    text = _REQUEST.format(
        method=method,
        uri="[next_url]" if answered else "sip:[service]@[remote_ip]:[remote_port]",
        name=name,
        number=number,
        to_tag="[peer_tag_param]" if answered else "",
        cseq=cseq,
        length="[len]" if body else "0",
        body=body,
    )
    return text if body else text.replace("Content-Type: application/sdp\n", "")


def caller_scenario(*, hang_up: bool, name: str, number: str, bye_timeout_s: int) -> str:
    """Calls, plays the pcap; then waits for the line's BYE, or hangs up when the pcap is over."""
    bye = f"""
  <pause milliseconds="[pcap_ms]"/>
  <send retrans="500"><![CDATA[
{_request("BYE", 2, name, number, answered=True)}
]]></send>
  <recv response="200" timeout="10000"/>"""
    if not hang_up:
        bye = f"""
  <recv request="BYE" timeout="{bye_timeout_s * 1000}"/>
  <send><![CDATA[
{OK.format(status="200 OK", tag="", length="0", body="").replace("Content-Type: application/sdp" + chr(10), "")}
]]></send>"""
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE scenario SYSTEM "sipp.dtd">
<scenario name="caller">
  <send retrans="500"><![CDATA[
{_request("INVITE", 1, name, number, body=SDP)}
]]></send>
  <recv response="100" optional="true"/><recv response="180" optional="true"/><recv response="183" optional="true"/>
  <recv response="200" rrs="true" timeout="20000"/>
  <send><![CDATA[
{_request("ACK", 1, name, number, answered=True)}
]]></send>
  <nop><action><exec play_pcap_audio="call.pcap"/></action></nop>{bye}
</scenario>
"""


class Caller:
    """People who call. `place` runs one or many calls and waits for their end."""

    def __init__(self, folder: Path, sip_port: int) -> None:
        require_sipp()
        self._folder = folder
        self._sip_port = sip_port
        self._count = 0

    def place(
        self,
        timeline: Timeline,
        *,
        number: str = "13800[call_number]",
        name: str = '"citizen"',
        hang_up: bool = False,
        calls: int = 1,
        rate: int = 10,
        limit_s: int = 120,
        dialled: str = "12345",
        host: str = "127.0.0.1",
    ) -> CallResult:
        """Place calls and wait until all are over."""
        process, folder = self.start(
            timeline,
            number=number,
            name=name,
            hang_up=hang_up,
            calls=calls,
            rate=rate,
            limit_s=limit_s,
            dialled=dialled,
            host=host,
        )
        try:
            process.wait(limit_s + 20)
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
        return self.result(folder)

    @staticmethod
    def result(folder: Path) -> CallResult:
        """What became of calls that were started and are over."""
        return _result(folder)

    def start(
        self,
        timeline: Timeline,
        *,
        number: str = "13800[call_number]",
        name: str = '"citizen"',
        hang_up: bool = False,
        calls: int = 1,
        rate: int = 10,
        limit_s: int = 120,
        dialled: str = "12345",
        host: str = "127.0.0.1",
    ) -> tuple[subprocess.Popen[bytes], Path]:
        """Begin calls and go on; the folder gets SIPp's output. `host` is the loopback address that they come from."""
        self._count += 1
        folder = self._folder / f"caller-{self._count}"
        folder.mkdir(parents=True)
        seconds = write_pcap(folder / "call.pcap", timeline)
        scenario = caller_scenario(hang_up=hang_up, name=name, number=number, bye_timeout_s=limit_s)
        (folder / "call.xml").write_text(
            scenario.replace("[pcap_ms]", str(int(seconds * 1000))), encoding="utf-8", errors="surrogateescape"
        )
        command = ["sipp", f"127.0.0.1:{self._sip_port}", "-sf", "call.xml", "-s", dialled, "-i", host]
        command += ["-mi", host, "-p", str(free_port(SOCK_DGRAM)), "-m", str(calls), "-l", str(calls)]
        command += ["-r", str(rate), "-nostdin", "-timeout", f"{limit_s + 10}s", "-trace_stat", "-stf", "stat.csv"]
        command += ["-trace_err", "-error_file", "errors.log"]
        with (folder / "output").open("wb") as output:
            process = subprocess.Popen(command, cwd=folder, stdout=output, stderr=output, stdin=subprocess.DEVNULL)
        return process, folder


def _result(folder: Path) -> CallResult:
    output = (folder / "output").read_text(errors="replace")
    errors = folder / "errors.log"
    if errors.is_file():
        output += errors.read_text(errors="replace")[:3000]
    with (folder / "stat.csv").open(encoding="latin-1") as file:
        last = list(csv.DictReader(file, delimiter=";"))[-1]
    return CallResult(int(last["SuccessfulCall(C)"]), int(last["FailedCall(C)"]), output)


class Called:
    """SIPp that waits for calls."""

    def __init__(self, folder: Path, scenario: str, host: str, port: int) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        (folder / "called.xml").write_text(scenario, encoding="utf-8")
        command = ["sipp", "-sf", "called.xml", "-i", host, "-mi", host, "-p", str(port), "-nostdin"]
        command += ["-trace_msg", "-message_file", "messages.log"]
        with (folder / "output").open("wb") as output:
            self._process = subprocess.Popen(
                command, cwd=folder, stdout=output, stderr=output, stdin=subprocess.DEVNULL
            )

    def messages(self) -> str:
        """What was said on the wire."""
        file = self._folder / "messages.log"
        return file.read_text(errors="replace") if file.is_file() else ""

    def stop(self) -> None:
        """Switch it off."""
        self._process.kill()
        self._process.wait()


class Line(Called):
    """A line that is called: 110, say. Answers every call with one status; 200 talks for a while, 180 only rings."""

    def __init__(self, folder: Path, status: str = "486 Busy Here", host: str = "127.0.0.2") -> None:
        require_sipp()
        self.host, self.port = host, free_port(SOCK_DGRAM)
        super().__init__(folder / f"line-{self.port}", _line_scenario(status), host, self.port)


class AgentPhone(Called):
    """An agent's telephone: registers, then answers every call and talks for a while."""

    def __init__(self, folder: Path, sip_port: int, extension: str, secret: str, talk_ms: int = 1500) -> None:
        require_sipp()
        port = free_port(SOCK_DGRAM)
        home = folder / f"agent-{extension}"
        home.mkdir(parents=True)
        (home / "register.xml").write_text(_register_scenario(extension, secret), encoding="utf-8")
        register = ["sipp", f"127.0.0.1:{sip_port}", "-sf", "register.xml", "-i", "127.0.0.1", "-p", str(port)]
        register += ["-m", "1", "-nostdin", "-timeout", "20s"]
        done = subprocess.run(register, cwd=home, capture_output=True, text=True, timeout=30, check=False)
        assert done.returncode == 0, done.stdout[-2000:]
        super().__init__(home, _line_scenario("200 OK", talk_ms), "127.0.0.1", port)


def _register_scenario(extension: str, secret: str) -> str:
    def register(cseq: int, auth: str) -> str:
        return f"""REGISTER sip:[remote_ip] SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
From: <sip:{extension}@[remote_ip]>;tag=[call_number]
To: <sip:{extension}@[remote_ip]>
Call-ID: [call_id]
CSeq: {cseq} REGISTER
Contact: <sip:{extension}@[local_ip]:[local_port]>
Max-Forwards: 70
Expires: 600
{auth}Content-Length: 0

"""

    again = register(2, f"[authentication username={extension} password={secret}]\n")
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE scenario SYSTEM "sipp.dtd">
<scenario name="register">
  <send retrans="500"><![CDATA[
{register(1, "")}
]]></send>
  <recv response="401" auth="true" timeout="10000"/>
  <send retrans="500"><![CDATA[
{again}
]]></send>
  <recv response="200" timeout="10000"/>
</scenario>
"""


def _line_scenario(status: str, talk_ms: int = 1500) -> str:
    def plain(words: str) -> str:
        text = OK.format(status=words, tag=";tag=[call_number]", length="0", body="")
        return text.replace("Content-Type: application/sdp\n", "")

    remember = ""
    end = f"""
  <send><![CDATA[
{plain(status)}
]]></send>
  <recv request="ACK" timeout="10000"/>"""
    if status.startswith("180"):
        end = f"""
  <send><![CDATA[
{plain(status)}
]]></send>
  <recv request="CANCEL" timeout="60000"/>
  <send><![CDATA[
{plain("200 OK")}
]]></send>"""
    elif status.startswith("200"):
        # SIPp refuses a scenario that sets a variable and never uses it.
        remember = '<action><ereg regexp=".*" search_in="hdr" header="From:" assign_to="caller"/></action>'
        ok = OK.format(status="200 OK", tag=";tag=[call_number]", length="[len]", body=SDP)
        end = f"""
  <send retrans="500"><![CDATA[
{ok}
]]></send>
  <recv request="ACK" rrs="true" timeout="10000"/>
  <pause milliseconds="{talk_ms}"/>
  <send retrans="500"><![CDATA[
{BYE}
]]></send>
  <recv response="200" timeout="10000"/>"""
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE scenario SYSTEM "sipp.dtd">
<scenario name="line">
  <recv request="OPTIONS" optional="true" next="alive"/>
  <recv request="INVITE" crlf="true" rrs="true">{remember}</recv>{end}
  <nop next="over"/>
  <label id="alive"/>
  <send><![CDATA[
{plain("200 OK")}
]]></send>
  <label id="over"/>
  <nop/>
</scenario>
"""
