"""Signing in: cookies that a script cannot read, one sentence for every wrong guess, a limit on guessing."""

from __future__ import annotations

from datetime import timedelta

import pytest
from starlette.testclient import TestClient

from tests.api.conftest import OWN_PAGE, sign_in
from tests.api.night import PASSWORD, REVIEWER, Night, minutes_ago


def test_signing_in_opens_a_session_that_signing_out_closes(visitor: TestClient) -> None:
    assert visitor.get("/api/v1/session").status_code == 401
    sign_in(visitor)
    assert visitor.get("/api/v1/session").json()["user"]["name"] == REVIEWER
    token = visitor.cookies["hotline"]

    assert visitor.delete("/api/v1/session").status_code == 204

    assert "hotline" not in visitor.cookies
    visitor.cookies.set("hotline", token)
    assert visitor.get("/api/v1/session").status_code == 401, "the token itself is dead, not only the cookie"


def test_the_cookie_is_out_of_reach_of_scripts_and_of_other_sites(visitor: TestClient) -> None:
    answer = visitor.post("/api/v1/session", json={"name": REVIEWER, "password": PASSWORD})
    flags = answer.headers["set-cookie"].lower()
    assert "httponly" in flags
    assert "samesite=strict" in flags
    assert "path=/" in flags
    assert "secure" not in flags


def test_over_https_the_cookie_is_secure_and_bound_to_the_host(night: Night) -> None:
    with TestClient(night.app(cookie_secure=True), base_url="https://hotline.test", headers=OWN_PAGE) as client:
        answer = client.post("/api/v1/session", json={"name": REVIEWER, "password": PASSWORD})
        assert answer.headers["set-cookie"].startswith("__Host-hotline=")
        assert "secure" in answer.headers["set-cookie"].lower()
        assert "strict-transport-security" in answer.headers
        assert client.get("/api/v1/session").status_code == 200


def test_an_unknown_user_and_a_wrong_password_read_the_same(visitor: TestClient) -> None:
    unknown = visitor.post("/api/v1/session", json={"name": "nobody", "password": PASSWORD})
    wrong = visitor.post("/api/v1/session", json={"name": REVIEWER, "password": "wrong"})
    assert unknown.status_code == wrong.status_code == 401
    assert unknown.json() == wrong.json()
    assert unknown.json()["detail"] == "用户名或密码不对。"


def test_guessing_is_stopped_also_with_the_right_password_until_time_has_passed(
    night: Night, visitor: TestClient
) -> None:
    night.now = minutes_ago(0)
    for _ in range(5):
        assert visitor.post("/api/v1/session", json={"name": REVIEWER, "password": "wrong"}).status_code == 401
    refused = visitor.post("/api/v1/session", json={"name": REVIEWER, "password": PASSWORD})
    assert refused.status_code == 429
    assert 0 < int(refused.headers["retry-after"]) <= 300
    assert refused.json()["code"] == "too_many_attempts"

    night.now += timedelta(hours=1)
    sign_in(visitor)


def test_guessing_many_names_from_one_address_is_stopped(night: Night, visitor: TestClient) -> None:
    night.now = minutes_ago(0)
    statuses = [
        visitor.post("/api/v1/session", json={"name": f"name{n}", "password": "x"}).status_code for n in range(31)
    ]
    assert statuses[:30] == [401] * 30
    assert statuses[30] == 429


@pytest.mark.parametrize("body", [{}, {"name": REVIEWER}, {"name": "", "password": "x"}, {"name": 1, "password": []}])
def test_an_incomplete_sign_in_is_refused_without_echoing_it(visitor: TestClient, body: dict[str, object]) -> None:
    answer = visitor.post("/api/v1/session", json=body)
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert {"code", "detail", "status", "title", "type", "errors"} == set(answer.json())


def test_an_ended_session_is_refused(night: Night, reviewer: TestClient) -> None:
    night.now = minutes_ago(0) + timedelta(days=30)
    assert reviewer.get("/api/v1/voicemails").status_code == 401
