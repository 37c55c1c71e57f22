"""A platform hears what becomes of its orders: every state, signed, again until it answers, or a dead letter."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from pydantic import ValidationError
from sqlalchemy import select

from casebook.linkage import is_signed
from casebook.roles import Actor
from casebook.store.linkage import Incoming, Linkage, tell_platforms
from casebook.store.outbox import MAX_ATTEMPTS
from casebook.store.schema import outbox
from config.jobs import Jobs, run_job
from config.linkage import LinkageDelivery, LinkageError, Telling, load
from config.settings import CITY, Settings
from ivr.ports import KeptRecording, NewCall, OpenVoicemailCase, SessionRow
from tests.pbx.rig import wait_for
from tests.store.conftest import NOW, Store

SECRET = "a secret shared with 12315"
TOLD = frozenset({"12315"})


class Platform(ThreadingHTTPServer):
    """12315's side: answers with `status` and keeps what came rightly signed."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Receive)
        self.status = 200
        self.heard: list[dict[str, str]] = []
        self.url = f"http://127.0.0.1:{self.server_address[1]}/"


class _Receive(BaseHTTPRequestHandler):
    server: Platform

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        signature, timestamp = self.headers["X-Hotline-Signature"], self.headers["X-Hotline-Timestamp"]
        signed = is_signed([SECRET], timestamp, signature, body, datetime.now(UTC))
        if signed and self.server.status == 200:
            self.server.heard.append(json.loads(body))
        self.send_response(self.server.status if signed else 401)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Nothing."""


@pytest.fixture
def platform() -> Iterator[Platform]:
    server = Platform()
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def jobs(store: Store, platform: Platform) -> Jobs:
    settings = Settings(linkage_secrets=f"12315={SECRET}", linkage_urls=f"12315={platform.url}")
    return Jobs(store.outbox, {"linkage": LinkageDelivery(settings)}, lambda: NOW)


def linked_case(store: Store) -> str:
    """12315 hands an order over; it became a case."""
    linkage = Linkage(store.engine, store.calls.privacy, {}, lambda: NOW)
    order = Incoming(
        platform="12315",
        message_id="m1",
        kind="order",
        reference="SH-1",
        title="退款纠纷",
        body="",
        state="",
        urgent=False,
        number="",
        sent_at=NOW,
    )
    linkage.take(order, "市场监管12315", b"{}")
    with store.calls.transaction() as unit:
        unit.create_call(NewCall("c1", "asterisk", "13812345678", "12345", NOW), SessionRow("c1", "r", 0, 0, {}, ()))
        unit.save_recording("c1", KeptRecording("d/a.wav", 5000, 4000, "00", True, 3), NOW)
        unit.open_by_voicemail("c1", OpenVoicemailCase("d/a.wav", "complaint"), NOW)
    (case,) = store.voicemails.page(since=None, until=None, state=None, cursor=None, limit=2).items
    (item,) = linkage.items(unhandled=True)
    linkage.handle(item.id, "wangmin", "已登记", case.case_no)
    return case.case_no


def register(store: Store, case_no: str) -> None:
    store.voicemails.register(
        case_no,
        version=1,
        actor=Actor("wangmin", "reviewer"),
        title="退款",
        body="退款纠纷未处理，请核实",
        demand="complaint",
        idempotency_key="k",
    )


def deliver(store: Store, jobs: Jobs, at: datetime = NOW) -> None:
    """The worker does what is due."""
    due = store.outbox.due(at, 100)
    for job in sorted(due, key=lambda one: one.id):
        if job.kind == "linkage":
            run_job(Jobs(jobs.outbox, jobs.handlers, lambda: at), job.id, "worker")


def states(store: Store) -> list[str]:
    with store.engine.connect() as connection:
        return list(connection.scalars(select(outbox.c.state).where(outbox.c.kind == "linkage").order_by(outbox.c.id)))


def test_a_platform_is_told_of_every_state_of_its_order_once(store: Store, jobs: Jobs, platform: Platform) -> None:
    case_no = linked_case(store)
    assert tell_platforms(store.engine, TOLD, NOW) == 1
    register(store, case_no)
    assert tell_platforms(store.engine, TOLD, NOW) == 1
    assert tell_platforms(store.engine, TOLD, NOW) == 0
    deliver(store, jobs)
    assert [(one["reference"], one["case_no"], one["state"], one["event"]) for one in platform.heard] == [
        ("SH-1", case_no, "received", "open_by_voicemail"),
        ("SH-1", case_no, "handling", "register"),
    ]
    assert "138" not in json.dumps(platform.heard).replace(case_no, "")
    assert states(store) == ["done", "done"]


def test_a_platform_that_is_down_hears_it_later(store: Store, jobs: Jobs, platform: Platform) -> None:
    linked_case(store)
    tell_platforms(store.engine, TOLD, NOW)
    platform.status = 503
    deliver(store, jobs)
    assert (platform.heard, states(store)) == ([], ["waiting"])
    platform.status = 200
    deliver(store, jobs, NOW + timedelta(hours=1))
    assert ([one["state"] for one in platform.heard], states(store)) == (["received"], ["done"])


def test_what_can_never_be_delivered_is_a_dead_letter(store: Store, jobs: Jobs, platform: Platform) -> None:
    linked_case(store)
    tell_platforms(store.engine, TOLD, NOW)
    platform.status = 500
    for n in range(MAX_ATTEMPTS + 1):
        deliver(store, jobs, NOW + timedelta(hours=2 * n))
    assert states(store) == ["dead"]


def test_a_platform_that_is_not_told_is_not_told_later_of_what_was_before(store: Store, jobs: Jobs) -> None:
    case_no = linked_case(store)
    assert tell_platforms(store.engine, frozenset(), NOW) == 0
    register(store, case_no)
    assert tell_platforms(store.engine, TOLD, NOW) == 1


def test_two_tellers_at_once_tell_it_once(store: Store, jobs: Jobs, platform: Platform) -> None:
    linked_case(store)
    threads = [threading.Thread(target=tell_platforms, args=(store.engine, TOLD, NOW)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    deliver(store, jobs)
    assert [one["state"] for one in platform.heard] == ["received"]


def test_the_worker_looks_by_itself_for_what_is_to_be_told(store: Store, platform: Platform) -> None:
    linked_case(store)
    settings = Settings(linkage_secrets=f"12315={SECRET},donghai={SECRET}", linkage_urls=f"12315={platform.url}")
    telling = Telling(store.engine, settings)
    telling.start()
    try:
        wait_for(lambda: states(store) == ["waiting"], 20, "nothing to be told")
    finally:
        telling.stop()


@pytest.mark.parametrize(
    "wrong",
    [
        {"linkage_secrets": "12315=short"},
        {"linkage_secrets": "a secret without a name"},
        {"linkage_urls": "12315=http://example.org/"},
        {"linkage_urls": "12315"},
    ],
)
def test_settings_that_are_unsafe_are_refused(wrong: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        Settings(**wrong)  # type: ignore[arg-type]


def test_two_secrets_of_a_platform_while_it_is_changed() -> None:
    settings = Settings(linkage_secrets=f"110={SECRET}, 110={SECRET}2,12315={SECRET}3")
    assert settings.linkage_keys == {"110": [SECRET, f"{SECRET}2"], "12315": [f"{SECRET}3"]}


def test_the_city_s_file_is_in_order() -> None:
    platforms = load(CITY / "linkage.yaml")
    assert {"110", "12315", "donghai"} <= platforms.keys()
    assert platforms["110"].sends == ("call", "order", "state")


@pytest.mark.parametrize("text", ["- a", "a: {name: x}", "a: {name: x, sends: [joke], told: true}", "a: [", "a: b"])
def test_a_wrong_file_is_one_sentence(tmp_path: Path, text: str) -> None:
    file = tmp_path / "linkage.yaml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(LinkageError) as caught:
        load(file)
    assert str(caught.value).startswith("linkage.yaml: ")
    assert "\n" not in str(caught.value)
