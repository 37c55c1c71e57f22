"""Whatever is sent to the REST API, it answers with a problem and never with a server error."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis.core.result import Ok

from casebook import roles
from casebook.handling.transitions import EVENTS, TRANSITIONS
from tests.api.conftest import OWN_PAGE
from tests.casebook.rest import House, house

_LEFT_OUT = ("/api/v1/session", "/api/v1/board")
"""Signing in would lock the people out; the board answers 503 where there is no Redis, as here."""
_ADMINISTRATION = "/api/v1/admin"
_MAY = {event: sorted({role for one in TRANSITIONS if one.event == event for role in one.roles}) for event in EVENTS}
_GUEST = "guest"
"""Whom the administrator does everything to: nobody who asks here loses their account."""


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with house(tmp_path_factory.mktemp("house")) as opened:
        opened.night.users.add(_GUEST, "a long password", roles.AGENT, _GUEST)
        yield opened


@pytest.fixture(scope="module")
def cases(people: House) -> list[str]:
    """Cases in several states, so that what is sent reaches more than a 404."""
    fresh, handled, closed = people.register(), people.dispatched(), people.register(demand="consult")
    people.do("liaison", handled, "sign")
    people.do("agent", closed, "answer_now", answer="请到窗口办理", confirmed=True)
    return [fresh, people.dispatched(), handled, closed]


def test_no_request_breaks_the_server(people: House, cases: list[str]) -> None:
    schema = schemathesis.openapi.from_asgi("/api/v1/openapi.json", people.app)
    tried = set()
    for found in schema.get_all_operations():
        assert isinstance(found, Ok)
        operation = found.ok()
        if not operation.path.startswith("/api/v1") or operation.path.startswith(_LEFT_OUT):
            continue

        @settings(max_examples=11, derandomize=True, suppress_health_check=list(HealthCheck))
        @given(case=operation.as_strategy(), dice=st.randoms(use_true_random=False))
        def fuzz(case: Any, dice: random.Random) -> None:
            send(people, case, dice, cases)

        fuzz()
        tried.add(operation.path)
    assert len(tried) > 50


def somebody(path: str, dice: random.Random) -> str:
    """Anybody; more often one of those who get past a 403."""
    may = [roles.ADMIN] if path.startswith(_ADMINISTRATION) else _MAY.get(path.rpartition("/")[2], [])
    staff = [role for role in may if role in roles.STAFF]
    return dice.choice(staff if staff and dice.random() < 0.6 else roles.STAFF)


def send(people: House, case: Any, dice: random.Random, cases: list[str]) -> None:
    """A request by somebody, most often about a case that there is."""
    if "case_no" in (case.path_parameters or {}) and dice.random() < 0.8:
        case.path_parameters["case_no"] = dice.choice(cases)
    if case.operation.path.startswith(f"{_ADMINISTRATION}/users/") and dice.random() < 0.8:
        case.path_parameters["name"] = _GUEST
    cookie = people.browsers[somebody(case.operation.path, dice)].cookies["hotline"]
    headers = {**OWN_PAGE, "Cookie": f"hotline={cookie}", "Idempotency-Key": f"f{dice.random()}"}
    answer = case.call(headers=headers)
    assert answer.status_code < 500, (case.method, case.path, case.body, answer.status_code)
    if answer.status_code >= 400:
        assert answer.headers["content-type"][0].startswith("application/problem+json")
