"""What a reviewer does over REST: list, read, listen, register, discard, see a number."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count

import pytest
from sqlalchemy import select, update
from starlette.testclient import TestClient

from casebook.store.schema import access_log, recording
from tests.api.night import NUMBER, REVIEWER, SHOWN_NUMBER, Night, minutes_ago

_keys = count()


def key() -> dict[str, str]:
    """A fresh Idempotency-Key."""
    return {"Idempotency-Key": f"key-{next(_keys)}"}


def registration(version: int = 1, **changes: object) -> dict[str, object]:
    return {
        "version": version,
        "title": "工地夜间施工",
        "body": "解放路工地夜间施工噪音扰民。",
        "demand": "complaint",
    } | changes


def all_pages(client: TestClient, limit: int, **query: object) -> Iterator[list[str]]:
    cursor: str | None = None
    while True:
        params = {name: str(value) for name, value in {**query, "limit": limit, "cursor": cursor}.items() if value}
        page = client.get("/api/v1/voicemails", params=params).json()
        yield [item["case_no"] for item in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            return


def test_nobody_reads_or_changes_anything_without_signing_in(night: Night, visitor: TestClient) -> None:
    case_no = night.voicemail()
    for path in ("voicemails", f"voicemails/{case_no}", "recordings/1/audio"):
        assert visitor.get(f"/api/v1/{path}").status_code == 401
    for action, body in (
        ("register", registration()),
        ("discard", {"version": 1, "reason": "x"}),
        ("reveal", {"reason": "x"}),
        ("register-again", registration(master_no="LYG20261123000001")),
        ("correction", {"text": "x"}),
        ("call-back", {}),
    ):
        answer = visitor.post(f"/api/v1/voicemails/{case_no}/{action}", json=body, headers=key())
        assert answer.status_code == 401
    assert visitor.post("/api/v1/voicemails/next", json={}, headers=key()).status_code == 401
    assert visitor.put(f"/api/v1/voicemails/{case_no}/claim").status_code == 401
    assert night.voicemails.get(case_no).state == "DRAFT"


def test_the_list_shows_newest_first_with_the_number_masked(night: Night, reviewer: TestClient) -> None:
    older = night.voicemail(started_at=minutes_ago(60), demand="help", seconds=4)
    newer = night.voicemail(started_at=minutes_ago(5))
    night.transcribe(newer, [("小区", 0.9), ("停水", 0.4)])

    answer = reviewer.get("/api/v1/voicemails")

    first, second = answer.json()["items"]
    assert (first["case_no"], second["case_no"]) == (newer, older)
    assert (first["transcript_state"], first["transcript_text"]) == ("done", "小区停水")
    assert (second["transcript_state"], second["transcript_text"]) == ("pending", None)
    assert (second["demand"], second["duration_ms"], second["masked_number"]) == ("help", 4000, SHOWN_NUMBER)
    assert NUMBER not in answer.text
    assert NUMBER not in reviewer.get(f"/api/v1/voicemails/{newer}").text


def test_pages_follow_each_other_without_gap_or_repeat_while_new_calls_come(night: Night, reviewer: TestClient) -> None:
    made = [night.voicemail(started_at=minutes_ago(100 - n), seconds=0.1) for n in range(7)]
    pages = all_pages(reviewer, 3)
    seen = next(pages)
    night.voicemail(seconds=0.1)
    seen += [case_no for page in pages for case_no in page]
    assert seen == made[::-1]


def test_the_list_goes_by_time_and_state(night: Night, reviewer: TestClient) -> None:
    yesterday = night.voicemail(started_at=minutes_ago(24 * 60))
    today = night.voicemail(started_at=minutes_ago(10))
    reviewer.post(f"/api/v1/voicemails/{today}/register", json=registration(), headers=key())
    since = minutes_ago(60).isoformat()
    assert list(all_pages(reviewer, 10, since=since)) == [[today]]
    assert list(all_pages(reviewer, 10, until=since)) == [[yesterday]]
    assert list(all_pages(reviewer, 10, state="DRAFT")) == [[yesterday]]
    assert list(all_pages(reviewer, 10, state="REGISTERED")) == [[today]]


@pytest.mark.parametrize(
    "query",
    ["limit=0", "limit=201", "since=yesterday", "since=2026-11-23T00:00:00", "cursor=%00%ff", "cursor=abc", "state=x'"],
)
def test_a_query_that_makes_no_sense_is_refused_with_a_problem(reviewer: TestClient, query: str) -> None:
    answer = reviewer.get(f"/api/v1/voicemails?{query}")
    assert answer.status_code in (400, 422)
    assert answer.headers["content-type"] == "application/problem+json"


def test_registering_makes_a_case_and_shows_who_did_it(night: Night, reviewer: TestClient) -> None:
    case_no = night.voicemail()
    answer = reviewer.post(f"/api/v1/voicemails/{case_no}/register", json=registration(), headers=key())
    assert answer.status_code == 200
    body = answer.json()
    assert (body["case_no"], body["state"]) == (case_no, "REGISTERED")
    assert (body["title"], body["demand"]) == ("工地夜间施工", "complaint")
    assert body["events"][-1]["actor"] == REVIEWER
    assert body["chain_ok"] is True


def test_the_same_registration_sent_twice_is_done_once(night: Night, reviewer: TestClient) -> None:
    case_no, same = night.voicemail(), key()
    first = reviewer.post(f"/api/v1/voicemails/{case_no}/register", json=registration(), headers=same)
    again = reviewer.post(f"/api/v1/voicemails/{case_no}/register", json=registration(), headers=same)
    assert first.status_code == again.status_code == 200
    assert len(again.json()["events"]) == len(first.json()["events"])


def test_who_comes_second_is_told_and_changes_nothing(night: Night, reviewer: TestClient) -> None:
    case_no = night.voicemail()
    reviewer.post(f"/api/v1/voicemails/{case_no}/register", json=registration(), headers=key())
    late = reviewer.post(f"/api/v1/voicemails/{case_no}/discard", json={"version": 1, "reason": "误拨"}, headers=key())
    assert late.status_code == 409
    assert late.json()["code"] in ("stale_version", "bad_state")
    assert reviewer.get(f"/api/v1/voicemails/{case_no}").json()["state"] == "REGISTERED"


def test_discarding_needs_a_reason_that_the_history_keeps(night: Night, reviewer: TestClient) -> None:
    case_no = night.voicemail()
    place = f"/api/v1/voicemails/{case_no}/discard"
    for reason in ("", "   "):
        refused = reviewer.post(place, json={"version": 1, "reason": reason}, headers=key())
        assert (refused.status_code, refused.json()["code"]) == (422, "missing_reason")
    done = reviewer.post(place, json={"version": 1, "reason": "误拨,没有诉求"}, headers=key())
    assert done.json()["state"] == "DISCARDED"
    assert done.json()["events"][-1]["payload"]["reason"] == "误拨,没有诉求"


def test_seeing_a_number_needs_a_reason_and_is_written_down(night: Night, reviewer: TestClient) -> None:
    case_no = night.voicemail()
    place = f"/api/v1/voicemails/{case_no}/reveal"
    assert reviewer.post(place, json={"reason": ""}, headers=key()).json()["code"] == "missing_reason"
    answer = reviewer.post(place, json={"reason": "回拨核实地址"}, headers=key())
    assert answer.json()["number"].endswith(NUMBER)
    with night.engine.connect() as connection:
        seen = connection.execute(select(access_log.c.actor, access_log.c.case_no, access_log.c.reason)).all()
    assert seen == [(REVIEWER, case_no, "回拨核实地址")]
    assert NUMBER not in reviewer.get(f"/api/v1/voicemails/{case_no}").text


@pytest.mark.parametrize(
    "bad", [{}, {"Idempotency-Key": ""}, {"Idempotency-Key": "x" * 129}, {"Idempotency-Key": "a b"}]
)
def test_a_change_without_a_usable_idempotency_key_is_refused(
    night: Night, reviewer: TestClient, bad: dict[str, str]
) -> None:
    case_no = night.voicemail()
    answer = reviewer.post(f"/api/v1/voicemails/{case_no}/register", json=registration(), headers=bad)
    assert (answer.status_code, answer.json()["code"]) == (400, "missing_idempotency_key")
    assert night.voicemails.get(case_no).state == "DRAFT"


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"title": " "}, "title"),
        ({"body": ""}, "body"),
        ({"demand": "pizza"}, "demand"),
        ({"title": "长" * 101}, "title"),
        ({"body": "a\0b"}, "body"),
    ],
)
def test_an_incomplete_registration_names_its_field(
    night: Night, reviewer: TestClient, change: dict[str, object], field: str
) -> None:
    case_no = night.voicemail()
    answer = reviewer.post(f"/api/v1/voicemails/{case_no}/register", json=registration() | change, headers=key())
    assert answer.status_code == 422
    assert [error["field"] for error in answer.json()["errors"]] == [field]


def test_an_unknown_case_is_not_found(reviewer: TestClient) -> None:
    for case_no in ("LYG20261123999999", "ABC12345678"):
        answer = reviewer.get(f"/api/v1/voicemails/{case_no}")
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


def test_a_player_can_seek_in_the_recording(night: Night, reviewer: TestClient) -> None:
    item = night.voicemails.get(night.voicemail(seconds=2))
    place = f"/api/v1/recordings/{item.recording_id}/audio"
    whole = reviewer.get(place)
    assert whole.status_code == 200
    assert whole.headers["content-type"] == "audio/wav"
    assert whole.headers["accept-ranges"] == "bytes"
    assert whole.content[:4] == b"RIFF"
    assert len(whole.content) == 44 + 2 * 8000 * 2
    part = reviewer.get(place, headers={"Range": "bytes=1000-1999"})
    assert part.status_code == 206
    assert part.content == whole.content[1000:2000]
    assert part.headers["content-range"] == f"bytes 1000-1999/{len(whole.content)}"
    beyond = reviewer.get(place, headers={"Range": "bytes=99999999-"})
    assert beyond.status_code == 416


@pytest.mark.parametrize("path", ["../night.db", "../../etc/passwd", "/etc/passwd", "gone.wav", "."])
def test_a_recording_outside_the_folder_is_never_served(night: Night, reviewer: TestClient, path: str) -> None:
    item = night.voicemails.get(night.voicemail())
    with night.engine.begin() as connection:
        connection.execute(update(recording).values(path=path))
    answer = reviewer.get(f"/api/v1/recordings/{item.recording_id}/audio")
    assert (answer.status_code, answer.json()["code"]) == (404, "recording_missing")


@pytest.mark.parametrize("name", ["999", "0", "-1", "abc", "..%2f..%2fetc%2fpasswd", "1%00", "9" * 30])
def test_an_unknown_recording_is_not_found(reviewer: TestClient, name: str) -> None:
    answer = reviewer.get(f"/api/v1/recordings/{name}/audio")
    assert answer.status_code in (404, 422)
    assert answer.headers["content-type"] == "application/problem+json"


def test_the_next_one_is_the_worst_that_nobody_holds_and_the_same_again_until_it_is_decided(
    night: Night, reviewer: TestClient
) -> None:
    first, second = night.voicemail(started_at=minutes_ago(60)), night.voicemail(started_at=minutes_ago(5))
    for case_no in (first, second):
        night.transcribe(case_no, [("停水", 0.9)])
    night.alarm(second)
    for _ in range(2):
        item = reviewer.post("/api/v1/voicemails/next", json={}, headers=key()).json()["item"]
        assert item["case_no"] == second
        assert item["claim"]["name"] == "王敏"
    reviewer.post(
        f"/api/v1/voicemails/{second}/register", json=registration(item["version"], matter="建筑工地"), headers=key()
    )
    item = reviewer.post("/api/v1/voicemails/next", json={}, headers=key()).json()["item"]
    assert item["case_no"] == first
    answer = reviewer.post("/api/v1/voicemails/next", json={"skip": [first]}, headers=key())
    assert answer.json() == {"item": None}
    page = reviewer.get("/api/v1/voicemails", params={"order": "worst"}).json()
    assert (page["waiting"], [one["case_no"] for one in page["items"]]) == (1, [first, second])
    assert page["items"][1]["matter"] == "建筑工地"


def test_a_claim_of_somebody_else_is_told_and_refuses_a_decision(night: Night, reviewer: TestClient) -> None:
    case_no = night.voicemail()
    night.users.add("lihua", "correct horse battery", role="reviewer", display_name="李华")
    night.voicemails.reviews.take(case_no, "lihua")
    place = f"/api/v1/voicemails/{case_no}"
    claim = reviewer.put(f"{place}/claim").json()
    assert (claim["reviewer"], claim["name"]) == ("lihua", "李华")
    refused = reviewer.post(f"{place}/register", json=registration(), headers=key())
    assert (refused.status_code, refused.json()["code"]) == (409, "held")
    assert reviewer.delete(f"{place}/claim").status_code == 204
    assert reviewer.put(f"{place}/claim").json()["reviewer"] == "lihua", "only its holder lets go"
    night.voicemails.reviews.release(case_no, "lihua")
    assert reviewer.put(f"{place}/claim").json()["reviewer"] == REVIEWER
    assert reviewer.post(f"{place}/register", json=registration(), headers=key()).status_code == 200
    assert reviewer.put(f"{place}/claim").json() is None


@pytest.mark.parametrize(
    ("action", "body", "status"),
    [
        ("register", registration(matter="没有的事项"), 422),
        ("register", registration(region="没有的区"), 422),
        ("register-again", registration(master_no="x'--"), 422),
        ("register-again", registration(master_no="LYG20261123999999"), 422),
        ("correction", {"text": "  "}, 422),
        ("correction", {"text": "a\0b"}, 422),
        ("call-back", {"note": "长" * 501}, 422),
    ],
)
def test_bad_input_is_refused_in_one_sentence_and_changes_nothing(
    night: Night, reviewer: TestClient, action: str, body: dict[str, object], status: int
) -> None:
    case_no = night.voicemail()
    before = reviewer.get(f"/api/v1/voicemails/{case_no}").json()
    answer = reviewer.post(f"/api/v1/voicemails/{case_no}/{action}", json=body, headers=key())
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert reviewer.get(f"/api/v1/voicemails/{case_no}").json() == before


@pytest.mark.parametrize(
    "body", [{"skip": ["x'"]}, {"skip": "LYG20261123000001"}, {"skip": ["LYG20261123000001"] * 501}]
)
def test_a_next_that_makes_no_sense_holds_nothing(night: Night, reviewer: TestClient, body: dict[str, object]) -> None:
    case_no = night.voicemail()
    assert reviewer.post("/api/v1/voicemails/next", json=body, headers=key()).status_code == 422
    assert night.voicemails.get(case_no).claim is None


@pytest.mark.parametrize("cursor", ["djI6MSwy", "djI6YSxiLGMsZA", "eA", "djE6MQ"])
def test_a_cursor_of_another_list_is_refused(reviewer: TestClient, cursor: str) -> None:
    answer = reviewer.get("/api/v1/voicemails", params={"order": "worst", "cursor": cursor})
    assert (answer.status_code, answer.json()["code"]) == (422, "bad_value")


def test_a_corrected_text_and_a_call_back_are_kept(night: Night, reviewer: TestClient) -> None:
    case_no, withheld = night.voicemail(), night.voicemail(ani="")
    night.transcribe(case_no, [("停谁", 0.4)])
    place = f"/api/v1/voicemails/{case_no}"
    corrected = reviewer.post(f"{place}/correction", json={"text": " 停水 "}, headers=key()).json()
    assert (corrected["correction"]["text"], corrected["correction"]["by"]) == ("停水", REVIEWER)
    assert corrected["transcript_text"] == "停谁"
    assert reviewer.post(f"{place}/call-back", json={}, headers=key()).json()["call_back"] is True
    refused = reviewer.post(f"/api/v1/voicemails/{withheld}/call-back", json={}, headers=key())
    assert (refused.status_code, refused.json()["detail"]) == (422, "来电没有显示号码，不能回拨。")
