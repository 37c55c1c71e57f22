"""Other platforms hand calls and orders over: signed, once, and only what was agreed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import func, select
from starlette.testclient import TestClient

from casebook.linkage import is_signed, sign
from casebook.store.linkage_tables import linkage_case, linkage_message
from casebook.store.schema import access_log, notice
from ivr.ports import NewCall, SessionRow
from tests.api.night import NUMBER, Night

NEW, OLD = "the new secret of 110", "the old secret of 110"
NOW = datetime(2026, 11, 24, 2, 0, tzinfo=UTC)
CALL = {
    "id": "110-20261124-7",
    "kind": "call",
    "reference": "JJ20261124000007",
    "title": "噪音扰民，非警务",
    "body": "海州区某小区夜间施工，已劝阻",
    "urgent": True,
    "number": NUMBER,
    "sent_at": "2026-11-24T10:00:00+08:00",
}


@pytest.fixture
def night(night: Night) -> Night:
    night.now = NOW
    return night


def send(
    client: TestClient,
    content: Mapping[str, Any] | bytes,
    *,
    platform: str = "110",
    secret: str = NEW,
    at: datetime = NOW,
    **headers: str,
) -> Any:
    body = content if isinstance(content, bytes) else json.dumps(content, ensure_ascii=False).encode()
    timestamp = str(int(at.timestamp()))
    signed = {"X-Hotline-Timestamp": timestamp, "X-Hotline-Signature": sign(secret, timestamp, body), **headers}
    return client.post(f"/linkage/v1/{platform}", content=body, headers=signed)


def messages(night: Night) -> int:
    with night.engine.connect() as connection:
        return connection.execute(select(func.count()).select_from(linkage_message)).scalar_one()


def act(client: TestClient, path: str, **body: object) -> Any:
    return client.post(f"/api/v1/linkage/{path}", json=body, headers={"Idempotency-Key": "k"})


def test_a_call_is_handed_over_with_its_context_and_its_origin(reviewer: TestClient, night: Night) -> None:
    assert send(reviewer, CALL).status_code == 202
    (item,) = reviewer.get("/api/v1/linkage", params={"unhandled": True}).json()["items"]
    assert (item["platform"], item["platform_name"], item["reference"]) == ("110", "公安110", CALL["reference"])
    assert (item["title"], item["urgent"], item["masked_number"]) == (CALL["title"], True, "138****5678")
    assert NUMBER not in json.dumps(item)
    (told,) = reviewer.get("/api/v1/notices").json()["items"]
    assert told["title"] == f"公安110转来电话：{CALL['reference']}"


def test_the_announced_citizen_s_call_is_found(reviewer: TestClient, night: Night) -> None:
    send(reviewer, CALL)
    for minutes, number, name in (
        (-5, NUMBER, "before"),
        (1, "13900000000", "other"),
        (2, NUMBER, "this"),
        (40, NUMBER, "late"),
    ):
        with night.calls.transaction() as unit:
            new = NewCall(f"lyg1-{name}", "asterisk", number, "12345", NOW + timedelta(minutes=minutes))
            unit.create_call(new, SessionRow(new.call_id, "r", 0, 0, {}, ()))
    assert [item["call_id"] for item in reviewer.get("/api/v1/linkage").json()["items"]] == ["lyg1-this"]


def test_the_same_message_again_changes_nothing(visitor: TestClient, night: Night) -> None:
    first, again = send(visitor, CALL), send(visitor, CALL, at=NOW + timedelta(seconds=60))
    assert (first.status_code, first.json()["repeated"]) == (202, False)
    assert (again.status_code, again.json()["repeated"]) == (200, True)
    assert messages(night) == 1
    with night.engine.connect() as connection:
        assert connection.execute(select(func.count()).select_from(notice)).scalar_one() == 1


def test_an_id_that_was_another_message_s_is_refused(visitor: TestClient, night: Night) -> None:
    send(visitor, CALL)
    answer = send(visitor, {**CALL, "title": "另一件事"})
    assert (answer.status_code, answer.json()["code"]) == (422, "key_reused")
    assert messages(night) == 1


def test_both_secrets_hold_while_they_are_changed(visitor: TestClient) -> None:
    assert send(visitor, CALL, secret=OLD).status_code == 202
    assert send(visitor, {**CALL, "id": "2"}, secret=NEW).status_code == 202


@pytest.mark.parametrize(
    "wrong",
    [
        {"secret": "somebody else's secret"},
        {"secret": "secret of 12315"},
        {"at": NOW - timedelta(seconds=301)},
        {"at": NOW + timedelta(seconds=301)},
        {"platform": "nobody"},
        # Known, but without a secret of its own.
        {"platform": "ganyu"},
        {"X-Hotline-Signature": ""},
        {"X-Hotline-Signature": "sha256="},
        {"X-Hotline-Timestamp": "now"},
        {"X-Hotline-Timestamp": "9" * 400},
        {"X-Hotline-Timestamp": str(int(NOW.timestamp()) + 1)},
    ],
)
def test_who_does_not_sign_rightly_gets_one_answer_and_nothing_is_kept(
    visitor: TestClient, night: Night, wrong: dict[str, Any]
) -> None:
    answer = send(visitor, CALL, **wrong)
    assert (answer.status_code, answer.json()["code"]) == (401, "bad_signature")
    assert messages(night) == 0


def test_a_signature_is_of_this_very_body(visitor: TestClient, night: Night) -> None:
    timestamp = str(int(NOW.timestamp()))
    body = json.dumps(CALL).encode()
    headers = {"X-Hotline-Timestamp": timestamp, "X-Hotline-Signature": sign(NEW, timestamp, body)}
    answer = visitor.post("/linkage/v1/110", content=body.replace(b"true", b"false"), headers=headers)
    assert answer.status_code == 401
    assert messages(night) == 0


@pytest.mark.parametrize(
    ("content", "field"),
    [
        (b"", "body"),
        (b"\xff\xfe", "body"),
        (b"[]", "body"),
        ({**CALL, "kind": "joke"}, "kind"),
        ({**CALL, "title": " "}, "title"),
        ({**CALL, "number": "138'; DROP"}, "number"),
        ({**CALL, "sent_at": "2026-11-24T10:00:00"}, "sent_at"),
        ({**CALL, "reference": "a b"}, "reference"),
        ({**CALL, "body": "\0"}, "body"),
        ({**CALL, "surprise": 1}, "surprise"),
        ({key: value for key, value in CALL.items() if key != "id"}, "id"),
    ],
)
def test_a_message_that_is_none_is_refused_with_the_field(
    visitor: TestClient, night: Night, content: Any, field: str
) -> None:
    answer = send(visitor, content)
    assert answer.status_code == 422
    assert field in {error["field"] for error in answer.json()["errors"]}
    assert messages(night) == 0


def test_a_platform_sends_only_what_was_agreed(visitor: TestClient, night: Night) -> None:
    answer = send(visitor, CALL, platform="12315", secret="secret of 12315")
    assert (answer.status_code, answer.json()["code"]) == (422, "not_linked")
    order = {**CALL, "kind": "order", "reference": "SH-1"}
    assert send(visitor, order, platform="12315", secret="secret of 12315").status_code == 202
    assert messages(night) == 1


def test_only_who_is_signed_in_sees_and_handles_messages(visitor: TestClient) -> None:
    send(visitor, CALL)
    assert visitor.get("/api/v1/linkage").status_code == 401
    assert act(visitor, "1/handle", note="x").status_code == 401
    assert act(visitor, "1/reveal", reason="x").status_code == 401


def test_a_message_is_handled_once_and_the_first_one_counts(reviewer: TestClient, night: Night) -> None:
    send(reviewer, CALL)
    case_no = night.voicemail()
    assert act(reviewer, "1/handle", note=" ").json()["code"] == "missing_reason"
    assert act(reviewer, "1/handle", note="已登记", case_no="LYG20200101000001").json()["code"] == "not_found"
    done = act(reviewer, "1/handle", note="已登记", case_no=case_no).json()
    assert (done["handled_by"], done["note"], done["case_no"]) == ("wangmin", "已登记", case_no)
    assert act(reviewer, "1/handle", note="再来一次").json()["note"] == "已登记"
    assert act(reviewer, "99/handle", note="没有").json()["code"] == "not_found"
    assert reviewer.get("/api/v1/linkage", params={"unhandled": True}).json()["items"] == []
    with night.engine.connect() as connection:
        assert connection.execute(select(linkage_case.c.reference)).scalar_one() == CALL["reference"]


def test_who_sees_the_number_is_written_down(reviewer: TestClient, night: Night) -> None:
    send(reviewer, CALL)
    assert act(reviewer, "1/reveal", reason="回拨核实").json()["number"] == f"+86{NUMBER}"
    assert act(reviewer, "1/reveal", reason=" ").json()["code"] == "missing_reason"
    with night.engine.connect() as connection:
        rows = connection.execute(select(access_log.c.actor, access_log.c.what, access_log.c.reason)).all()
    assert rows == [("wangmin", "linkage:1", "回拨核实")]


@given(st.text(max_size=30), st.text(max_size=90), st.binary(max_size=50))
def test_no_text_is_a_signature(timestamp: str, signature: str, body: bytes) -> None:
    assert not is_signed([NEW], timestamp, signature, body, NOW)
