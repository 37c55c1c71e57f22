"""Alerts and notices over REST: seen at once, answered once, read by whom they are for."""

from __future__ import annotations

from itertools import count
from typing import Any

import pytest
from starlette.testclient import TestClient

from casebook.store.notices import Address, Notice, send
from tests.api.night import NUMBER, REVIEWER, SHOWN_NUMBER, Night

_keys = count()


def key() -> dict[str, str]:
    """A fresh Idempotency-Key."""
    return {"Idempotency-Key": f"alert-{next(_keys)}"}


def alerts(client: TestClient, query: str = "") -> list[dict[str, Any]]:
    answer = client.get(f"/api/v1/alerts{query}")
    assert answer.status_code == 200, answer.text
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


def acknowledge(client: TestClient, alert_id: object, note: str, headers: dict[str, str] | None = None) -> Any:
    where = f"/api/v1/alerts/{alert_id}/acknowledge"
    return client.post(where, json={"note": note}, headers=key() if headers is None else headers)


def tell(night: Night, audience: str, *, key: str = "notice:1", kind: str = "alert") -> None:
    with night.engine.begin() as connection:
        routes = {kind: (Address("in_app", audience),)}
        send(connection, Notice(kind, key, "", f"给 {audience}", "请看。"), routes, night.clock())


def notices(client: TestClient, query: str = "") -> list[dict[str, Any]]:
    answer = client.get(f"/api/v1/notices{query}")
    assert answer.status_code == 200, answer.text
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


def test_an_alert_tells_what_was_heard_where_and_by_whom_with_the_number_masked(
    night: Night, reviewer: TestClient
) -> None:
    case_no = night.voicemail()
    night.alarm(case_no, quote="找火", start_ms=1200)
    [one] = alerts(reviewer)
    shown = {name: one[name] for name in ("case_no", "category", "name", "severity", "quote", "found_by", "start_ms")}
    assert shown == {
        "case_no": case_no,
        "category": "fire",
        "name": "火情",
        "severity": "emergency",
        "quote": "找火",
        "found_by": "sound",
        "start_ms": 1200,
    }
    assert one["masked_number"] == SHOWN_NUMBER
    assert NUMBER not in reviewer.get("/api/v1/alerts").text
    assert (one["acknowledged_at"], one["acknowledged_by"], one["note"]) == (None, None, None)
    assert reviewer.get(f"/api/v1/voicemails/{case_no}").json()["alerts"] == [one]
    assert reviewer.get("/api/v1/voicemails").json()["items"][0]["alerts"] == [one]


def test_alerts_come_newest_first_and_the_answered_ones_can_be_left_out(night: Night, reviewer: TestClient) -> None:
    case_no = night.voicemail()
    night.alarm(case_no)
    night.alarm(case_no, category="mass", name="群体性事件", severity="risk", quote="集体上访")
    newest, oldest = alerts(reviewer)
    assert (newest["category"], oldest["category"]) == ("mass", "fire")
    acknowledge(reviewer, oldest["id"], "已转119")
    assert [one["id"] for one in alerts(reviewer, "?unacknowledged=true")] == [newest["id"]]
    assert [one["id"] for one in alerts(reviewer)] == [newest["id"], oldest["id"]]


def test_an_acknowledgement_says_who_and_what_and_stands_in_the_history(night: Night, reviewer: TestClient) -> None:
    case_no = night.voicemail()
    night.alarm(case_no)
    [one] = alerts(reviewer)
    answer = acknowledge(reviewer, one["id"], " 已转119，对方已出警 ")
    assert answer.status_code == 200
    assert (answer.json()["acknowledged_by"], answer.json()["note"]) == (REVIEWER, "已转119，对方已出警")
    assert answer.json()["acknowledged_at"] is not None
    case = reviewer.get(f"/api/v1/voicemails/{case_no}").json()
    last = case["events"][-1]
    assert (last["type"], last["actor"]) == ("acknowledge_alert", REVIEWER)
    assert last["payload"] == {"category": "fire", "note": "已转119，对方已出警"}
    assert case["chain_ok"] is True


def test_a_second_acknowledgement_changes_nothing_and_reads_the_first(night: Night, reviewer: TestClient) -> None:
    case_no = night.voicemail()
    night.alarm(case_no)
    [one] = alerts(reviewer)
    first = acknowledge(reviewer, one["id"], "已转119").json()
    assert acknowledge(reviewer, one["id"], "误报").json() == first
    same = {"Idempotency-Key": "the-same"}
    assert acknowledge(reviewer, one["id"], "已转119", same).json() == first
    kinds = [event["type"] for event in reviewer.get(f"/api/v1/voicemails/{case_no}").json()["events"]]
    assert kinds.count("acknowledge_alert") == 1


@pytest.mark.parametrize("note", ["", "   "])
def test_an_acknowledgement_without_a_note_is_refused(night: Night, reviewer: TestClient, note: str) -> None:
    night.alarm(night.voicemail())
    [one] = alerts(reviewer)
    refused = acknowledge(reviewer, one["id"], note)
    assert (refused.status_code, refused.json()["code"]) == (422, "missing_reason")
    assert alerts(reviewer, "?unacknowledged=true") == [one]


@pytest.mark.parametrize("body", [{}, {"note": None}, {"note": "长" * 501}, {"note": "a\0b"}])
def test_a_note_that_is_none_names_its_field(night: Night, reviewer: TestClient, body: dict[str, object]) -> None:
    night.alarm(night.voicemail())
    [one] = alerts(reviewer)
    refused = reviewer.post(f"/api/v1/alerts/{one['id']}/acknowledge", json=body, headers=key())
    assert refused.status_code == 422
    assert [error["field"] for error in refused.json()["errors"]] == ["note"]
    assert alerts(reviewer, "?unacknowledged=true") == [one]


@pytest.mark.parametrize(("alert_id", "status"), [("999", 404), ("0", 422), ("-1", 422), ("abc", 422), ("9" * 30, 422)])
def test_an_unknown_alert_is_a_problem(reviewer: TestClient, alert_id: str, status: int) -> None:
    answer = acknowledge(reviewer, alert_id, "已转119")
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"


def test_an_acknowledgement_needs_an_idempotency_key(night: Night, reviewer: TestClient) -> None:
    night.alarm(night.voicemail())
    [one] = alerts(reviewer)
    refused = acknowledge(reviewer, one["id"], "已转119", {})
    assert (refused.status_code, refused.json()["code"]) == (400, "missing_idempotency_key")
    assert alerts(reviewer, "?unacknowledged=true") == [one]


def test_a_notice_reaches_its_audience_and_nobody_else(night: Night, reviewer: TestClient) -> None:
    for n, audience in enumerate(("duty", "role:reviewer", f"user:{REVIEWER}", "role:admin", "user:lihua")):
        tell(night, audience, key=f"notice:{n}")
    titles = [one["title"] for one in notices(reviewer)]
    assert titles == [f"给 user:{REVIEWER}", "给 role:reviewer", "给 duty"]


def test_an_alarm_puts_a_notice_before_the_duty(night: Night, reviewer: TestClient) -> None:
    case_no = night.voicemail()
    night.alarm(case_no)
    [one] = notices(reviewer, "?unread=true")
    assert (one["kind"], one["case_no"], one["title"], one["read_at"]) == ("alert", case_no, "留言预警：火情", None)
    assert "找火" in one["text"]


def test_a_notice_is_read_once(night: Night, reviewer: TestClient) -> None:
    tell(night, "duty")
    [one] = notices(reviewer, "?unread=true")
    place = f"/api/v1/notices/{one['id']}/read"
    assert reviewer.post(place, headers=key()).status_code == 204
    assert notices(reviewer, "?unread=true") == []
    [read] = notices(reviewer)
    assert read["read_at"] is not None
    assert reviewer.post(place, headers=key()).status_code == 204
    assert notices(reviewer) == [read], "the first reading counts"


def test_somebody_elses_notice_is_not_found_and_stays_unread(night: Night, reviewer: TestClient) -> None:
    tell(night, "user:lihua")
    [theirs] = night.inbox.items(("user:lihua",), unread=True)
    for notice_id in (theirs.id, theirs.id + 1):
        refused = reviewer.post(f"/api/v1/notices/{notice_id}/read", headers=key())
        assert (refused.status_code, refused.json()["code"]) == (404, "not_found")
    assert night.inbox.items(("user:lihua",), unread=True) == [theirs]


def test_nobody_sees_or_answers_anything_without_signing_in(night: Night, visitor: TestClient) -> None:
    night.alarm(night.voicemail())
    [one] = night.alerts.items(unacknowledged=True)
    [told] = night.inbox.items(("duty",), unread=True)
    for path in ("alerts", "alerts?unacknowledged=true", "notices"):
        assert visitor.get(f"/api/v1/{path}").status_code == 401
    assert acknowledge(visitor, one.id, "已转119").status_code == 401
    assert visitor.post(f"/api/v1/notices/{told.id}/read", headers=key()).status_code == 401
    assert night.alerts.items(unacknowledged=True) == [one]
    assert night.inbox.items(("duty",), unread=True) == [told]
