"""The knowledge base and the suggestions by REST: who may do what, what is answered, nothing done twice."""

from __future__ import annotations

from typing import Any

import pytest
from starlette.testclient import TestClient

from casebook.suggest.classifier import Classifier
from casebook.suggest.model_file import ModelInfo
from tests.public.pages import Pages
from tests.suggest.conftest import Ready

CONTENT = {"title": "社保卡丢失怎么补办", "answer": "带身份证到银行网点当场补发。", "keywords": ["社会保障卡"]}
ENTRY = {"content": CONTENT, "matter": "社保缴纳待遇", "owner_unit": "renshe", "review_due": "2027-11-23"}


def create(pages: Pages, client: TestClient, **changes: Any) -> dict[str, Any]:
    answer = client.post("/api/v1/knowledge", json=ENTRY | changes, headers=pages.key())
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


def publish(pages: Pages, made: dict[str, Any]) -> dict[str, Any]:
    body = {"version": made["version"], "n": made["latest_n"], "review_due": "2027-11-23"}
    answer = pages.client("wang").post(f"/api/v1/knowledge/{made['id']}/publish", json=body, headers=pages.key())
    assert answer.status_code == 200, answer.text
    entry: dict[str, Any] = answer.json()
    return entry


def test_an_entry_from_the_unit_s_draft_to_the_agent_s_answer(pages: Pages) -> None:
    made = create(pages, pages.client("zhao"))
    agent = pages.client("zhang")
    assert agent.get("/api/v1/knowledge", params={"q": "社保卡"}).json() == {"items": []}
    assert agent.get(f"/api/v1/knowledge/{made['id']}").status_code == 404
    publish(pages, made)
    hit = agent.get("/api/v1/knowledge", params={"q": "sbk"}).json()["items"][0]
    assert (hit["id"], hit["in_force"], hit["on_the_spot"]) == (made["id"], True, True)
    answer = agent.get(f"/api/v1/knowledge/{made['id']}/answer").json()
    assert (answer["text"], answer["n"]) == (CONTENT["answer"], 1)
    case = pages.case(demand="consult", body="社保卡丢了怎么补，要带什么")
    body = {"case_no": case.case_no, "useful": True}
    for _ in range(2):
        done = agent.post(f"/api/v1/knowledge/{made['id']}/uses", json=body, headers=pages.key())
        assert done.status_code == 200
    detail = pages.client("li").get(f"/api/v1/knowledge/{made['id']}").json()
    assert (detail["uses"], detail["useful"]) == (1, 1)
    assert [one["what"] for one in detail["history"]] == ["create", "publish"]


def test_the_agent_sees_no_draft_of_a_published_entry(pages: Pages) -> None:
    made = create(pages, pages.client("li"))
    entry = publish(pages, made)
    body = {"version": entry["version"], "content": CONTENT | {"answer": "还没有定。"}}
    revised = pages.client("li").post(f"/api/v1/knowledge/{made['id']}/versions", json=body, headers=pages.key())
    assert revised.status_code == 201
    seen = pages.client("zhang").get(f"/api/v1/knowledge/{made['id']}").json()
    assert [one["n"] for one in seen["versions"]] == [1]
    assert seen["history"] == []


def test_a_unit_writes_for_itself_alone(pages: Pages) -> None:
    liaison = pages.client("zhao")
    named = create(pages, liaison, owner_unit="市人力资源和社会保障局")
    others = create(pages, pages.client("li"), owner_unit="yibao")
    refused = [
        liaison.post("/api/v1/knowledge", json=ENTRY | {"owner_unit": "yibao"}, headers=pages.key()),
        liaison.post(
            f"/api/v1/knowledge/{others['id']}/versions",
            json={"version": 1, "content": CONTENT},
            headers=pages.key(),
        ),
        liaison.post(
            f"/api/v1/knowledge/{others['id']}/review",
            json={"version": 1, "review_due": "2028-01-01"},
            headers=pages.key(),
        ),
    ]
    assert [answer.status_code for answer in refused] == [403] * 3
    body = {"version": 1, "review_due": "2028-01-01"}
    assert liaison.post(f"/api/v1/knowledge/{named['id']}/review", json=body, headers=pages.key()).status_code == 200


@pytest.mark.parametrize(
    ("who", "method", "path", "body"),
    [
        ("zhang", "post", "/api/v1/knowledge", ENTRY),
        ("sun", "post", "/api/v1/knowledge", ENTRY),
        ("zhang", "get", "/api/v1/knowledge-entries", None),
        ("zhao", "post", "/api/v1/knowledge/1/publish", {"version": 1, "n": 1, "review_due": "2027-11-23"}),
        ("zhao", "post", "/api/v1/knowledge/1/withdraw", {"version": 1, "reason": "x"}),
        ("zhang", "post", "/api/v1/knowledge/1/versions", {"version": 1, "content": CONTENT}),
        ("zhang", "get", "/api/v1/knowledge-gaps", None),
        ("zhao", "post", "/api/v1/knowledge-gaps/1/close", {"entry_id": 1}),
        ("zhao", "post", "/api/v1/suggestions", {"text": "路灯"}),
        ("sun", "post", "/api/v1/suggestions", {"text": "路灯"}),
        ("zhang", "get", "/api/v1/suggestions/agreement", None),
    ],
)
def test_what_is_not_of_the_role_is_refused(
    pages: Pages, who: str, method: str, path: str, body: dict[str, Any] | None
) -> None:
    made = create(pages, pages.client("li"))
    assert made["id"] == 1
    more = {"json": body, "headers": pages.key()} if body is not None else {}
    answer = pages.client(who).request(method, path, **more)  # type: ignore[arg-type]
    assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("get", "/api/v1/knowledge?q=x"),
        ("get", "/api/v1/knowledge/1"),
        ("get", "/api/v1/knowledge/1/answer"),
        ("post", "/api/v1/knowledge"),
        ("get", "/api/v1/knowledge-gaps"),
        ("post", "/api/v1/knowledge-gaps"),
        ("post", "/api/v1/suggestions"),
        ("get", "/api/v1/suggestions/agreement"),
    ],
)
def test_nobody_who_has_not_signed_in_sees_any_of_it(pages: Pages, method: str, path: str) -> None:
    assert pages.client().request(method, path).status_code in (401, 422)
    assert "items" not in pages.client().request(method, path).text


@pytest.mark.parametrize("query", ["q=x&matter=%00", "q=x&limit=0", "q=x&limit=51", "matter=x", "q=" + "x" * 2001])
def test_a_search_that_makes_no_sense_is_refused(pages: Pages, query: str) -> None:
    assert pages.client("zhang").get(f"/api/v1/knowledge?{query}").status_code == 422


def test_a_late_editor_and_a_repeated_request(pages: Pages) -> None:
    client, key = pages.client("li"), pages.key()
    first = client.post("/api/v1/knowledge", json=ENTRY, headers=key)
    assert client.post("/api/v1/knowledge", json=ENTRY, headers=key).json()["id"] == first.json()["id"]
    body = {"version": 7, "content": CONTENT}
    late = client.post("/api/v1/knowledge/1/versions", json=body, headers=pages.key())
    assert (late.status_code, late.json()["code"]) == (409, "stale_version")


def test_the_author_is_told_that_another_must_publish(pages: Pages) -> None:
    made = create(pages, pages.client("li"))
    body = {"version": 1, "n": 1, "review_due": "2027-11-23"}
    answer = pages.client("li").post(f"/api/v1/knowledge/{made['id']}/publish", json=body, headers=pages.key())
    assert (answer.status_code, answer.json()["code"]) == (422, "bad_value")


def test_reviews_that_are_overdue_are_listed(pages: Pages) -> None:
    client = pages.client("li")
    create(pages, client)
    create(pages, client, review_due="2026-11-01")
    listed = client.get("/api/v1/knowledge-entries", params={"overdue": True}).json()["items"]
    assert [one["review_due"] for one in listed] == ["2026-11-01"]


def test_a_gap_from_the_agent_s_question_to_the_entry(pages: Pages) -> None:
    agent, editor = pages.client("zhang"), pages.client("li")
    case = pages.case(demand="consult", body="无人机在哪里登记，想问一下")
    body = {"question": "无人机在哪里登记", "case_no": case.case_no}
    for _ in range(2):
        assert agent.post("/api/v1/knowledge-gaps", json=body, headers=pages.key()).json()["times"] == 1
    gap = editor.get("/api/v1/knowledge-gaps").json()["items"][0]
    made = create(pages, editor)
    closed = editor.post(
        f"/api/v1/knowledge-gaps/{gap['id']}/close", json={"entry_id": made["id"]}, headers=pages.key()
    )
    assert (closed.json()["state"], closed.json()["closed_by"]) == ("filled", "li")
    unsaid = editor.post(f"/api/v1/knowledge-gaps/{gap['id']}/close", json={}, headers=pages.key())
    assert unsaid.json()["code"] == "missing_reason"


def test_suggestions_and_what_was_decided(pages: Pages, trained: tuple[Classifier, ModelInfo]) -> None:
    pages._model = Ready(trained)
    earlier = pages.case()
    agent = pages.client("zhang")
    body = {"text": "海州区苍梧路一排路灯坏了，晚上走路看不见"}
    advice = agent.post("/api/v1/suggestions", json=body).json()
    assert advice["matters"][0]["name"] == "道路设施"
    assert advice["place"]["region"] == "海州区"
    assert advice["unit"]["unit"] == "chengguan"
    duplicate = advice["duplicates"][0]
    assert (duplicate["case_no"], duplicate["title"]) == (earlier.case_no, ""), "an agent sees no words of others"
    assert pages.client("li").post("/api/v1/suggestions", json=body).json()["duplicates"][0]["title"] != ""

    offered = [one["name"] for one in advice["matters"]]
    decision = {"model": advice["model"], "choices": [{"kind": "matter", "offered": offered, "chosen": offered[1]}]}
    path = f"/api/v1/suggestions/{earlier.case_no}/decisions"
    assert agent.post(path, json=decision, headers=pages.key()).status_code == 204
    figures = pages.client("li").get("/api/v1/suggestions/agreement").json()["items"]
    assert figures == [{"kind": "matter", "decided": 1, "first": 0, "offered": 1}]
    unknown = {"model": "", "choices": [{"kind": "matter", "offered": [], "chosen": "没有这个事项"}]}
    assert agent.post(path, json=unknown, headers=pages.key()).json()["code"] == "bad_value"
    twice = {"model": "", "choices": decision["choices"] * 2}
    assert agent.post(path, json=twice, headers=pages.key()).json()["code"] == "bad_value"


def test_the_caller_of_a_case_is_known_by_its_number(pages: Pages, trained: tuple[Classifier, ModelInfo]) -> None:
    pages._model = Ready(trained)
    first = pages.case(matter="供气", place="无地点", region="")
    second = pages.case("完全另外的一件事情，家里停气了没有通知", matter="供气", place="无地点", region="")
    body = {"text": "家里停气了", "matter": "供气", "case_no": second.case_no}
    found = pages.client("zhang").post("/api/v1/suggestions", json=body).json()["duplicates"]
    assert [(one["case_no"], one["reasons"][0]) for one in found] == [(first.case_no, "caller")]
