"""The webhooks in a real web process: any signed request, an unsigned one, and kill -9 in the middle of a call."""

from __future__ import annotations

import copy
import shutil
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import httpx2
import pytest
import requests
import schemathesis
from fastapi import FastAPI
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from schemathesis.core.result import Ok
from sqlalchemy import select
from starlette.datastructures import FormData
from twilio.request_validator import RequestValidator

from casebook.store.schema import call, case_
from config.wiring import Hotline
from ivr.twilio.routes import router
from tests.twilio.conftest import Scripted, settings
from tests.twilio.fake_cloud import ACCOUNT_SID, TOKEN, FakeCloud
from tests.twilio.fake_twilio import PUBLIC_URL, FakeTwilio
from tests.twilio.web import Web, environment, running


def openapi() -> dict[str, Any]:
    """What the webhooks say of themselves, for the account of the tests."""
    app = FastAPI()
    app.include_router(router)
    described: dict[str, Any] = copy.deepcopy(app.openapi())
    for path in described["paths"].values():
        for operation in path.values():
            form = operation.get("requestBody", {}).get("content", {}).get("application/x-www-form-urlencoded", {})
            form.get("schema", {}).get("properties", {})["AccountSid"] = {"const": ACCOUNT_SID}
    return described


schema = schemathesis.openapi.from_dict(openapi())
ANSWERS: Counter[tuple[str, str, int]] = Counter()


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory, empty_database: Path) -> Iterator[Web]:
    """A web process over an empty store."""
    folder = tmp_path_factory.mktemp("web")
    shutil.copy(empty_database, folder / "hotline.db")
    with running(Web(folder, **environment(folder))) as started:
        yield started


class Signs(requests.auth.AuthBase):
    """Signs every request as the cloud does, over the public address."""

    def __init__(self, web: Web) -> None:
        self._web = web

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        body: Any = request.body or b""
        text: str = body.decode("utf-8", "replace") if isinstance(body, bytes) else body
        form = FormData([*parse_qsl(text, keep_blank_values=True)])
        address = (request.url or "").replace(self._web.url, PUBLIC_URL, 1)
        request.headers["X-Twilio-Signature"] = RequestValidator(TOKEN).compute_signature(address, form)
        return request


OPERATIONS: list[Any] = [found.ok() for found in schema.get_all_operations() if isinstance(found, Ok)]


# Not schema.parametrize(): its tests share one name, and a run on several processes keeps one of a name.
@pytest.mark.parametrize("operation", OPERATIONS, ids=[f"{one.method} {one.path}" for one in OPERATIONS])
def test_any_signed_request_is_answered(web: Web, operation: Any) -> None:
    @hypothesis_settings(max_examples=15, suppress_health_check=list(HealthCheck))
    @given(case=operation.as_strategy())
    def ask(case: Any) -> None:
        with requests.Session() as session:
            session.auth = Signs(web)
            answer = case.call(base_url=web.url, session=session)
        ANSWERS[(case.method, case.operation.path, answer.status_code)] += 1
        assert answer.status_code < 500
        if case.method == "GET" and answer.status_code < 300:
            assert answer.headers["content-type"][0].startswith("audio/")

    ask()


def test_every_webhook_has_answered_with_success() -> None:
    if not ANSWERS:
        pytest.skip("runs after test_any_signed_request_is_answered")
    webhooks = {path for path, operations in openapi()["paths"].items() if "post" in operations}
    answered = {path for (method, path, status), _ in ANSWERS.items() if method == "POST" and 200 <= status < 300}
    assert answered == webhooks
    # What is no request of Twilio's at all is refused; everything that is signed as it should be gets a document.
    assert {status for method, _, status in ANSWERS if method == "POST"} <= {200, 403, 405, 404}


def test_an_unsigned_request_is_refused_by_every_webhook(web: Web) -> None:
    for path, operations in openapi()["paths"].items():
        if "post" not in operations:
            continue
        address = web.url + path.replace("{seq}", "1").replace("{wait}", "gather").replace("{purpose}", "survey")
        fields = {"AccountSid": ACCOUNT_SID, "CallSid": "CA" + "1" * 32}
        assert httpx2.post(address, data=fields).status_code == 403, path
        assert httpx2.post(address, data=fields, headers={"X-Twilio-Signature": "x" * 28}).status_code == 403, path


class Interrupted:
    """Passes requests on to a web process; one that breaks off is sent again once it is back, as Twilio does."""

    def __init__(self, web: Web) -> None:
        self._web = web
        self.broken_off = 0

    def send(self, method: str, path: str, headers: Any, body: bytes) -> Any:
        while True:
            try:
                return httpx2.request(method, self._web.url + path, headers=dict(headers), content=body, timeout=30)
            except httpx2.HTTPError:
                self.broken_off += 1
                assert self.broken_off < 20
                self._web.kill()
                self._web.start()


def of_call(folder: Path, cloud: FakeCloud, call_sid: str) -> tuple[str, int]:
    hotline = Hotline(settings(folder, cloud))
    try:
        with hotline.engine.connect() as connection:
            outcome = connection.execute(select(call.c.outcome).where(call.c.call_id == call_sid)).scalar_one()
            cases = connection.execute(select(case_.c.id).where(case_.c.call_id == call_sid)).all()
    finally:
        hotline.close()
    return outcome, len(cases)


VOICEMAIL = ["2", "busy", ("say", 3), "1", ""]


def test_a_web_process_killed_between_two_webhooks_costs_the_caller_nothing(
    tmp_path: Path, empty_database: Path, cloud: FakeCloud
) -> None:
    shutil.copy(empty_database, tmp_path / "hotline.db")
    with running(Web(tmp_path, **environment(tmp_path))) as web:
        made = FakeTwilio(Interrupted(web).send, cloud, Scripted(list(VOICEMAIL)))
        steps = 0

        def kill_now_and_then(path: str) -> None:
            nonlocal steps
            steps += 1
            if steps in (2, 5):
                web.kill()
                web.start()

        made.before = kill_now_and_then
        heard = made.call()
    assert heard.violations == []
    assert steps >= 5
    assert of_call(tmp_path, cloud, made.call_sid) == ("voicemail", 1)


def test_a_web_process_killed_in_the_middle_of_a_webhook_answers_the_repeated_one_alike(
    tmp_path: Path, empty_database: Path, cloud: FakeCloud
) -> None:
    shutil.copy(empty_database, tmp_path / "hotline.db")
    with running(Web(tmp_path, **environment(tmp_path))) as web:
        cable = Interrupted(web)
        delays_s = iter((0.002, 0.004, 0.008))
        for _ in range(3):
            made = FakeTwilio(cable.send, cloud, Scripted(list(VOICEMAIL)))

            def kill_soon(path: str) -> None:
                if path.endswith("/gather") and (delay_s := next(delays_s, None)) is not None:
                    # This process, not the one in its place where the timer comes late.
                    threading.Timer(delay_s, web.process.kill).start()

            made.before = kill_soon
            heard = made.call()
            assert heard.violations == []
            assert of_call(tmp_path, cloud, made.call_sid) == ("voicemail", 1)
    assert cable.broken_off > 0
