"""The desk over HTTP: who may do what, and what is said while there is no PBX. With a PBX: tests/e2e/test_desk.py."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis.core.result import Ok
from starlette.testclient import TestClient

from call_router.ami import Ami
from call_router.desk import Desk
from call_router.desk_line import DeskLine
from call_router.memberships import Memberships
from casebook.api.app import create_app
from casebook.api.desk_parts import DeskParts
from casebook.store.callbacks import Callbacks, book
from casebook.store.calls import insert_call
from casebook.store.desk import DeskLog
from casebook.store.desk_calls import DeskCalls
from casebook.store.legs import Legs
from casebook.store.presence import Presence
from ivr.ports import NewCall
from tests.api.conftest import OWN_PAGE
from tests.api.night import PASSWORD, REVIEWER, Night
from tests.router.city import city_router

NOW = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)


class Room:
    """The agents' room: a store, and a PBX that is away."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.stack = stack
        self.night = Night(folder, now=NOW)
        engine = self.night.engine
        for name, role in (("li", "agent"), ("wang", "agent"), ("zhao", "shift_leader")):
            self.night.users.add(name, PASSWORD, role, name)
        self.presence, self.legs, self.log = Presence(engine), Legs(engine), DeskLog(engine)
        self.callbacks = Callbacks(engine, self.night.calls.privacy)
        router = city_router()
        self.line = DeskLine(
            lambda: Ami("127.0.0.1", 1, "u", "s"),
            lambda ami: Desk(ami, router, self.legs, self.log, self.night.clock),
            lambda ami: Memberships(ami, self.presence, ()),
        )
        extensions = frozenset({"1001", "1002"})
        self.calls = DeskCalls(engine, self.night.calls.privacy, self.night.cases, self.night.clock)
        self.parts = DeskParts(
            self.line, router, self.presence, self.callbacks, self.legs, self.log, extensions, self.calls
        )
        self.app = create_app(replace(self.night.deps(), desk=self.parts))
        self.line.start()

    def sign_in(self, name: str) -> TestClient:
        client = self.visitor()
        assert client.post("/api/v1/session", json={"name": name, "password": PASSWORD}).status_code == 200
        return client

    def visitor(self) -> TestClient:
        return self.stack.enter_context(TestClient(self.app, headers=OWN_PAGE | {"Idempotency-Key": "k"}))

    def lost_call(self) -> None:
        with self.night.engine.begin() as connection:
            new = NewCall("a-1.1", "asterisk", "13800138000", "12345", NOW)
            insert_call(connection, self.night.calls.privacy, new, outcome="abandoned")
            assert book(connection, "a-1.1", "abandoned", NOW)


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Room]:
    with ExitStack() as stack:
        made = Room(tmp_path, stack)
        stack.callback(made.night.engine.dispose)
        stack.callback(made.line.stop)
        yield made


def code(answer: object) -> tuple[int, str]:
    return (answer.status_code, answer.json()["code"])  # type: ignore[attr-defined]


def test_an_agent_logs_in_pauses_with_a_reason_and_logs_out(room: Room) -> None:
    li = room.sign_in("li")
    assert code(li.post("/api/v1/desk/state", json={"state": "ready"})) == (409, "not_at_desk")
    assert code(li.post("/api/v1/desk/login", json={"extension": "9999"})) == (404, "not_found")
    assert li.post("/api/v1/desk/login", json={"extension": "1001"}).json()["state"] == "ready"
    assert code(li.post("/api/v1/desk/state", json={"state": "paused"})) == (422, "missing_reason")
    paused = li.post("/api/v1/desk/state", json={"state": "paused", "reason": "午餐"}).json()
    assert (paused["state"], paused["reason"], paused["extension"]) == ("paused", "午餐", "1001")
    wang = room.sign_in("wang")
    assert code(wang.post("/api/v1/desk/login", json={"extension": "1001"})) == (409, "bad_state")
    assert li.post("/api/v1/desk/login", json={"extension": "1002"}).status_code == 200
    states = {one["extension"]: one["state"] for one in li.get("/api/v1/desk/agents").json()["items"]}
    assert states == {"1001": "out", "1002": "ready"}
    assert li.post("/api/v1/desk/state", json={"state": "out"}).status_code == 200
    assert code(li.post("/api/v1/desk/call/hold")) == (409, "not_at_desk")


def test_without_the_pbx_every_operation_says_so_and_leaves_no_attempt(room: Room) -> None:
    li = room.sign_in("li")
    li.post("/api/v1/desk/login", json={"extension": "1001"})
    for path, body in (
        ("transfer", {"line": "110"}),
        ("consult", {"line": "110"}),
        ("complete", None),
        ("return", None),
        ("three", {"line": "110"}),
        ("three", {}),
        ("leave", None),
        ("hold", None),
        ("mute", {"on": True}),
        ("recording-pause", {"on": True}),
        ("end", {"reason": "辱骂"}),
    ):
        assert code(li.post(f"/api/v1/desk/call/{path}", json=body)) == (503, "pbx_away"), path
    assert code(li.post("/api/v1/desk/call/end", json={"reason": " "})) == (422, "missing_reason")
    record = li.get("/api/v1/desk/calls/a-1.1").json()
    assert (record["legs"], record["actions"], record["conversations"]) == ([], [], [])


def test_the_directory_is_listed_with_the_emergencies_first(room: Room) -> None:
    items = room.sign_in("li").get("/api/v1/desk/lines").json()["items"]
    assert [one["id"] for one in items[:4]] == ["110", "119", "120", "122"]
    assert all(one["open"] for one in items)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "agents"),
        ("GET", "lines"),
        ("GET", "callbacks"),
        ("GET", "overrides"),
        ("GET", "calls/a-1.1"),
        ("POST", "call/hold"),
        ("POST", "callbacks/1/call"),
    ],
)
def test_reviewers_and_strangers_have_no_desk(room: Room, method: str, path: str) -> None:
    reviewer = room.sign_in(REVIEWER)
    assert code(reviewer.request(method, f"/api/v1/desk/{path}")) == (403, "forbidden")
    assert code(room.visitor().request(method, f"/api/v1/desk/{path}")) == (401, "not_signed_in")


def test_call_backs_are_one_agents_and_end_with_a_note(room: Room) -> None:
    room.lost_call()
    li, wang = room.sign_in("li"), room.sign_in("wang")
    for client, extension in ((li, "1001"), (wang, "1002")):
        client.post("/api/v1/desk/login", json={"extension": extension})
    (task,) = li.get("/api/v1/desk/callbacks").json()["items"]
    assert (task["ani_masked"], task["reason"], task["state"]) == ("138****8000", "abandoned", "open")
    # The PBX is away: nobody holds the task.
    for client in (li, wang):
        assert code(client.post(f"/api/v1/desk/callbacks/{task['id']}/call")) == (503, "pbx_away")
        (task,) = li.get("/api/v1/desk/callbacks").json()["items"]
        assert (task["state"], task["claimed_by"]) == ("open", None)
    room.callbacks.claim(task["id"], "li", NOW)
    assert code(wang.post(f"/api/v1/desk/callbacks/{task['id']}/call")) == (409, "bad_state")
    close = f"/api/v1/desk/callbacks/{task['id']}/close"
    assert code(li.post(close, json={"reached": False})) == (422, "missing_reason")
    assert li.post(close, json={"reached": False, "note": "空号"}).status_code == 204
    assert li.get("/api/v1/desk/callbacks").json()["items"] == []
    assert code(li.post("/api/v1/desk/callbacks/999/call")) == (404, "not_found")


def test_a_call_back_that_is_asked_for_twice_rings_once(room: Room) -> None:
    room.lost_call()
    li = room.sign_in("li")
    li.post("/api/v1/desk/login", json={"extension": "1001"})
    (task,) = li.get("/api/v1/desk/callbacks").json()["items"]
    room.callbacks.claim(task["id"], "li", NOW - timedelta(seconds=59))
    assert code(li.post(f"/api/v1/desk/callbacks/{task['id']}/call")) == (409, "bad_state")
    (held,) = li.get("/api/v1/desk/callbacks").json()["items"]
    assert (held["state"], held["attempts"]) == ("claimed", 1)


def test_only_the_shift_leader_decides_about_shifts_and_listens_in(room: Room) -> None:
    li, zhao = room.sign_in("li"), room.sign_in("zhao")
    until = (NOW + timedelta(hours=1)).isoformat()
    body = {"kind": "off", "agent": "1001", "starts_at": NOW.isoformat(), "ends_at": until}
    assert code(li.post("/api/v1/desk/overrides", json=body)) == (403, "forbidden")
    assert code(li.post("/api/v1/desk/agents/1002/supervise", json={"how": "listen"})) == (403, "forbidden")
    answer = zhao.post("/api/v1/desk/overrides", json=body)
    assert answer.status_code == 201
    (one,) = answer.json()["items"]
    assert (one["kind"], one["agent"], one["made_by"]) == ("off", "1001", "zhao")
    assert code(zhao.post("/api/v1/desk/overrides", json=body | {"agent": ""})) == (422, "bad_value")
    assert zhao.delete(f"/api/v1/desk/overrides/{one['id']}").status_code == 204
    assert li.get("/api/v1/desk/overrides").json()["items"] == []
    zhao.post("/api/v1/desk/login", json={"extension": "1002"})
    assert code(zhao.post("/api/v1/desk/agents/1001/supervise", json={"how": "listen"})) == (503, "pbx_away")


def test_whatever_is_sent_to_the_desk_is_answered_and_never_with_a_server_error(room: Room) -> None:
    li = room.sign_in("li")
    li.post("/api/v1/desk/login", json={"extension": "1001"})
    headers = {**OWN_PAGE, "Idempotency-Key": "f", "Cookie": f"hotline={li.cookies['hotline']}"}
    schema = schemathesis.openapi.from_asgi("/api/v1/openapi.json", room.app).include(path_regex="^/api/v1/desk")
    tried = 0
    for found in schema.get_all_operations():
        assert isinstance(found, Ok)

        @settings(max_examples=6, derandomize=True, suppress_health_check=list(HealthCheck))
        @given(case=found.ok().as_strategy())
        def fuzz(case: Any) -> None:
            answer = case.call(headers=headers)
            # 503 is the truth here: the PBX is away.
            assert answer.status_code < 500 or answer.status_code == 503, (case.method, case.path, case.body)

        fuzz()
        tried += 1
    assert tried > 20
