"""An agent's calls over HTTP: who sees who calls, what becomes of a call. With a PBX: tests/e2e/test_softphone.py."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from httpx2 import Response
from sqlalchemy import Select, insert, select
from starlette.testclient import TestClient

from casebook.api.app import create_app
from casebook.api.desk_parts import BrowserPhone
from casebook.store.calls import insert_call
from casebook.store.engine import reading
from casebook.store.router_tables import call_leg, desk_call
from casebook.store.schema import case_, notice
from config.settings import Settings
from config.softphone import browser_phone, browser_phones, socket_origin, socket_url
from ivr.ports import NewCall
from tests.api.test_desk import NOW, Room, code, room

__all__ = ["room"]
NUMBER = "13851234567"
CALL = "a-2.1"
DEMAND = {
    "demand": "complaint",
    "title": "夜间施工扰民",
    "body": "幸福路工地每天夜里打桩，吵得睡不着觉。",
    "place": "海州区幸福路28号",
}


def called(room: Room, call_id: str = CALL, number: str = NUMBER) -> None:
    with room.night.engine.begin() as connection:
        insert_call(connection, room.night.calls.privacy, NewCall(call_id, "asterisk", number, "12345", NOW), "")


def rows(room: Room, statement: Select[Any]) -> list[tuple[Any, ...]]:
    with reading(room.night.engine) as connection:
        return [tuple(row) for row in connection.execute(statement)]


def at_desk(room: Room, name: str = "li", extension: str = "1001") -> TestClient:
    client = room.sign_in(name)
    assert client.post("/api/v1/desk/login", json={"extension": extension}).status_code == 200
    return client


def took(room: Room, call_id: str = CALL, name: str = "li", extension: str = "1001") -> None:
    room.calls.took(call_id, name, extension, NOW)


def register(client: TestClient, key: str = "k1", call_id: str = CALL, **changes: object) -> Response:
    path = f"/api/v1/desk/calls/{call_id}/cases"
    return client.post(path, json={**DEMAND, **changes}, headers={"Idempotency-Key": key})


def test_who_calls_is_shown_to_the_agent_who_answered_and_to_nobody_else(room: Room) -> None:
    called(room)
    li, wang = at_desk(room), at_desk(room, "wang", "1002")
    took(room)
    card = li.get(f"/api/v1/desk/calls/{CALL}/caller").json()
    assert (card["masked_number"], card["known"], card["cases"]) == ("138****4567", True, [])
    assert NUMBER not in li.get(f"/api/v1/desk/calls/{CALL}/caller").text
    # Whether it rings at the other agent only the PBX could say, and it is away.
    assert code(wang.get(f"/api/v1/desk/calls/{CALL}/caller")) == (503, "pbx_away")
    assert code(register(wang)) == (503, "pbx_away")
    assert rows(room, select(case_.c.case_no)) == []


def test_a_case_of_a_call_has_its_number_and_its_id_and_is_made_once(room: Room) -> None:
    called(room)
    li = at_desk(room)
    took(room)
    assert [one["call_id"] for one in li.get("/api/v1/desk/unfinished").json()["items"]] == [CALL]
    first, again = register(li), register(li)
    assert first.status_code == again.status_code == 201
    assert first.json() == again.json()
    ((case_no,),) = rows(room, select(case_.c.case_no))
    case = li.get(f"/api/v1/cases/{case_no}").json()
    assert (case["case"]["channel"], case["case"]["reference"]) == ("phone", CALL)
    card = li.get(f"/api/v1/desk/calls/{CALL}/caller").json()
    assert [one["case_no"] for one in card["cases"]] == [case_no]
    assert li.get("/api/v1/desk/unfinished").json()["items"] == []


def test_a_withheld_number_needs_another_one_or_an_anonymous_caller(room: Room) -> None:
    called(room, number="")
    li = at_desk(room)
    took(room)
    assert li.get(f"/api/v1/desk/calls/{CALL}/caller").json()["known"] is False
    assert code(register(li, "one")) == (422, "guard")
    assert [one["call_id"] for one in li.get("/api/v1/desk/unfinished").json()["items"]] == [CALL]
    assert register(li, "two", anonymous=True).status_code == 201


def test_a_call_without_a_case_stays_until_a_word_is_said_of_it(room: Room) -> None:
    called(room)
    li, wang = at_desk(room), at_desk(room, "wang", "1002")
    took(room)
    path = f"/api/v1/desk/calls/{CALL}/disposition"
    assert code(li.post(path, json={"disposition": "bored"})) == (422, "invalid")
    assert code(li.post(path, json={"disposition": "other"})) == (422, "missing_reason")
    assert code(wang.post(path, json={"disposition": "silent"})) == (404, "not_found")
    assert len(li.get("/api/v1/desk/unfinished").json()["items"]) == 1
    for _ in range(2):
        assert li.post(path, json={"disposition": "wrong_number", "note": "找10086"}).status_code == 204
    assert code(li.post(path, json={"disposition": "nuisance"})) == (409, "bad_state")
    assert li.get("/api/v1/desk/unfinished").json()["items"] == []
    assert rows(room, select(desk_call.c.disposition, desk_call.c.note)) == [("wrong_number", "找10086")]


def test_a_call_that_no_browser_told_of_is_found_in_the_record(room: Room) -> None:
    called(room)
    leg = {
        "key": f"{CALL}:1",
        "call_id": CALL,
        "kind": "queue",
        "target": "agents",
        "number": "agents",
        "begun_by": "flow",
        "agent": "1001",
        "urgent": False,
        "started_at": NOW,
        "answered_at": NOW + timedelta(minutes=1),
        "ended_at": NOW + timedelta(minutes=2),
        "outcome": "answered",
    }
    with room.night.engine.begin() as connection:
        connection.execute(insert(call_leg).values(**leg))
        connection.execute(insert(call_leg).values(**leg | {"key": "b", "call_id": "a-3.1", "outcome": "no_answer"}))
        connection.execute(insert(call_leg).values(**leg | {"key": "c", "call_id": "a-4.1", "agent": "1002"}))
        # Whoever sat there before answered this one.
        former = {"key": "d", "call_id": "a-5.1", "answered_at": NOW - timedelta(minutes=1)}
        connection.execute(insert(call_leg).values(**leg | former))
    li = at_desk(room)
    for _ in range(2):
        assert [one["call_id"] for one in li.get("/api/v1/desk/unfinished").json()["items"]] == [CALL]


def test_a_call_back_is_written_down_under_the_call_that_it_answers(room: Room) -> None:
    room.lost_call()
    li = at_desk(room)
    (task,) = li.get("/api/v1/desk/callbacks").json()["items"]
    room.callbacks.claim(task["id"], "li", NOW)
    assert li.get("/api/v1/desk/calls/a-1.1/caller").json()["masked_number"] == "138****8000"
    assert register(li, call_id="a-1.1").status_code == 201


def test_a_shift_leader_is_told_once_that_an_agent_needs_help(room: Room) -> None:
    for _ in range(2):
        room.calls.call_for_help(CALL, "li", "1001")
    assert rows(room, select(notice.c.audience, notice.c.text)) == [("role:shift_leader", "座席 1001 请求班长协助。")]
    assert code(at_desk(room).post("/api/v1/desk/call/help")) == (503, "pbx_away")


def test_the_telephone_is_told_to_the_agent_who_sits_at_it(room: Room) -> None:
    li = room.sign_in("li")
    assert code(li.get("/api/v1/desk/phone")) == (409, "not_at_desk")
    li.post("/api/v1/desk/login", json={"extension": "1001"})
    assert code(li.get("/api/v1/desk/phone")) == (404, "not_found")
    parts = replace(
        room.parts, browser_phone=lambda one: BrowserPhone("wss://pbx/ws", f"sip:{one}w@pbx", f"{one}w", "s")
    )
    room.app = create_app(replace(room.night.deps(), desk=parts, phone_origin="wss://pbx"))
    again = room.sign_in("li").get("/api/v1/desk/phone")
    told = {"extension": "1001", "url": "wss://pbx/ws", "uri": "sip:1001w@pbx", "name": "1001w", "password": "s"}
    assert again.json() == told
    assert again.headers["Cache-Control"] == "private, no-store"
    assert "connect-src 'self' wss://pbx;" in again.headers["Content-Security-Policy"]
    assert "microphone=(self)" in again.headers["Permissions-Policy"]


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("", "ws://127.0.0.1:8088"),
        ("wss://hotline.example:8443/phone", "wss://hotline.example:8443"),
    ],
)
def test_where_browsers_reach_the_pbx(tmp_path: Path, url: str, origin: str) -> None:
    settings = Settings(data_dir=tmp_path, browser_phone_url=url)
    assert socket_origin(socket_url(settings)) == origin
    phone = browser_phone(settings, "1001")
    assert phone is not None
    assert (phone.name, phone.uri) == ("1001w", "sip:1001w@127.0.0.1")
    assert phone.password not in repr(phone)
    off = Settings(data_dir=tmp_path, browser_phones=False)
    assert (browser_phones(off), browser_phone(off, "1001"), socket_origin(socket_url(off))) == (None, None, "")
