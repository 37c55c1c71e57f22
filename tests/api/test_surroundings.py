"""What holds for every route: strict headers, foreign pages refused, problems for errors, health, figures, console."""

from __future__ import annotations

from pathlib import Path

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from tests.api.conftest import OWN_PAGE, sign_in
from tests.api.night import PASSWORD, REVIEWER, Night


@pytest.mark.parametrize("path", ["/", "/healthz", "/api/v1/session", "/api/v1/nothing", "/nothing", "/favicon.svg"])
def test_every_answer_carries_the_strict_headers(visitor: TestClient, path: str) -> None:
    headers = visitor.get(path).headers
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    if path.startswith("/api/"):
        assert headers["cache-control"] == "private, no-store"


@pytest.mark.parametrize(
    "headers",
    [
        {"X-Hotline-Client": ""},
        {"X-Hotline-Client": "x", "Sec-Fetch-Site": "cross-site"},
        {"X-Hotline-Client": "x", "Sec-Fetch-Site": "same-site"},
    ],
)
def test_a_page_of_another_origin_can_change_nothing(
    night: Night, reviewer: TestClient, headers: dict[str, str]
) -> None:
    case_no = night.voicemail()
    for method, path in (("POST", f"voicemails/{case_no}/discard"), ("POST", "session"), ("DELETE", "session")):
        answer = reviewer.request(method, f"/api/v1/{path}", headers={**headers, "Idempotency-Key": "k"})
        assert (answer.status_code, answer.json()["code"]) == (403, "csrf")
    assert reviewer.get("/api/v1/session").status_code == 200
    assert night.voicemails.get(case_no).state == "DRAFT"


def test_no_foreign_origin_is_granted_a_preflight(visitor: TestClient) -> None:
    answer = visitor.options(
        "/api/v1/session", headers={"Origin": "https://evil.test", "Access-Control-Request-Method": "POST"}
    )
    assert not any(name.startswith("access-control-") for name in answer.headers)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/api/v1/nothing", 404), ("PUT", "/api/v1/voicemails", 405), ("GET", "/nothing", 404)],
)
def test_errors_are_problems_with_a_chinese_sentence(visitor: TestClient, method: str, path: str, status: int) -> None:
    answer = visitor.request(method, path)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    body = answer.json()
    assert body["status"] == status
    assert any("\u4e00" <= letter <= "\u9fff" for letter in body["detail"])


def test_a_failure_inside_is_a_problem_too_and_tells_nothing(night: Night) -> None:
    app: FastAPI = night.app()

    @app.get("/api/v1/broken")
    def broken() -> None:
        raise RuntimeError("secret detail")

    with TestClient(app, headers=OWN_PAGE) as client:
        answer = client.get("/api/v1/broken")
    assert (answer.status_code, answer.json()["code"]) == (500, "server_error")
    assert "secret" not in answer.text
    assert "content-security-policy" in answer.headers


def test_a_body_without_end_is_cut_off(visitor: TestClient) -> None:
    answer = visitor.post("/api/v1/session", json={"name": REVIEWER, "password": "x" * 400_000})
    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")


@pytest.mark.parametrize("body", [b"{", b"\xff\xfe", b"[]", b"null", b'"text"'])
def test_a_body_that_is_no_json_object_is_refused(visitor: TestClient, body: bytes) -> None:
    answer = visitor.post("/api/v1/session", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code in (400, 422)
    assert answer.headers["content-type"] == "application/problem+json"


def test_the_api_describes_itself(visitor: TestClient) -> None:
    schema = visitor.get("/api/v1/openapi.json").json()
    assert schema["openapi"].startswith("3.1")
    assert "/api/v1/voicemails/{case_no}/register" in schema["paths"]


def test_alive_and_ready_are_two_questions(night: Night, visitor: TestClient) -> None:
    assert visitor.get("/readyz").json() == {"status": "ok", "checks": {"store": "ok", "broker": "ok", "model": "ok"}}
    night.problems["broker"] = "the broker does not answer"
    answer = visitor.get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["checks"] == {"store": "ok", "broker": "the broker does not answer", "model": "ok"}
    assert visitor.get("/healthz").status_code == 200


def test_figures_count_by_route_and_never_by_case(night: Night, reviewer: TestClient) -> None:
    case_no = night.voicemail()
    reviewer.get(f"/api/v1/voicemails/{case_no}")
    figures = reviewer.get("/metrics").text
    assert 'hotline_http_requests_total{method="GET",route="/api/v1/voicemails/{case_no}",status="200"} 1.0' in figures
    assert case_no not in figures


def test_without_a_built_console_the_page_says_what_to_do(visitor: TestClient) -> None:
    answer = visitor.get("/")
    assert answer.status_code == 503
    assert "控制台页面还没有构建" in answer.text
    assert "python -m casebook.console.build" in answer.text


def test_the_built_console_is_served_and_only_its_named_files_are_kept_by_browsers(tmp_path: Path) -> None:
    console = tmp_path / "console"
    (console / "assets").mkdir(parents=True)
    (console / "index.html").write_text("<!doctype html><title>console</title>")
    (console / "assets" / "index-1a2b.js").write_text("1")
    (tmp_path / "outside.txt").write_text("secret")
    night = Night(tmp_path, console_dir=console)
    with TestClient(night.app()) as client:
        page = client.get("/")
        assert (page.status_code, page.headers["cache-control"]) == (200, "no-cache")
        script = client.get("/assets/index-1a2b.js")
        assert "immutable" in script.headers["cache-control"]
        assert client.get("/assets/..%2f..%2foutside.txt").status_code == 404
        assert client.get("/assets/nothing.js").headers["content-type"] == "application/problem+json"
    night.engine.dispose()


def test_a_sign_in_is_not_kept_in_the_answer(visitor: TestClient) -> None:
    sign_in(visitor)
    assert PASSWORD not in visitor.get("/api/v1/session").text
