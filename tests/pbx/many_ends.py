"""A line that does with each caller what the caller's number says."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from socket import SOCK_DGRAM

from tests.conftest import free_port
from tests.pbx.caller import BYE, OK, SDP, Called, require_sipp


class ManyEnds(Called):
    """A line that does with a caller what the caller's number says: 1380000<n>... with `ends` naming each n.

    answered (talks for a second), busy, no_answer (rings until the caller or the PBX gives up), congestion.
    """

    def __init__(self, folder: Path, ends: Mapping[int, str], host: str = "127.0.0.2") -> None:
        require_sipp()
        self.host, self.port = host, free_port(SOCK_DGRAM)
        super().__init__(folder / "many-ends", _many_ends_scenario(ends), host, self.port)


def _many_ends_scenario(ends: Mapping[int, str]) -> str:
    def plain(words: str) -> str:
        text = OK.format(status=words, tag=";tag=[call_number]", length="0", body="")
        return "<send><![CDATA[\n" + text.replace("Content-Type: application/sdp\n", "") + "\n]]></send>"

    kinds = {end: n for n, end in ends.items()}
    choose = "".join(
        f'<ereg regexp="sip:1380000{kinds[end]}" search_in="hdr" header="From:" assign_to="{end}"/>'
        for end in ("answered", "busy", "congestion")
    )
    ok = OK.format(status="200 OK", tag=";tag=[call_number]", length="[len]", body=SDP)
    refused = "".join(
        f"""
  <label id="{end}"/>
  {plain(status)}
  <recv request="ACK" next="over"/>"""
        for end, status in (("busy", "486 Busy Here"), ("congestion", "503 Service Unavailable"))
    )
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE scenario SYSTEM "sipp.dtd">
<scenario name="many ends">
  <recv request="OPTIONS" optional="true" next="alive"/>
  <recv request="INVITE" crlf="true" rrs="true"><action>{choose}
    <ereg regexp=".*" search_in="hdr" header="From:" assign_to="caller"/></action></recv>
  <nop next="answered" test="answered"/>
  <nop next="busy" test="busy"/>
  <nop next="congestion" test="congestion"/>
  {plain("180 Ringing")}
  <recv request="CANCEL" timeout="60000"/>
  {plain("200 OK")}
  <nop next="over"/>
  <label id="answered"/>
  {plain("180 Ringing")}
  <pause milliseconds="300"/>
  <send retrans="500"><![CDATA[
{ok}
]]></send>
  <recv request="ACK" rrs="true" timeout="10000"/>
  <pause milliseconds="1200"/>
  <send retrans="500"><![CDATA[
{BYE}
]]></send>
  <recv response="200" timeout="10000"/>
  <nop next="over"/>{refused}
  <label id="alive"/>
  {plain("200 OK")}
  <label id="over"/>
  <nop/>
</scenario>
"""
