"""What citizens send by the public page: a rating, once; a demand, and no flood of them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from httpx2 import Response
from sqlalchemy import select

from casebook import roles
from casebook.handling import commands as do
from casebook.roles import Actor
from casebook.store.casework import Registered
from casebook.store.queries import Cases
from casebook.store.schema import case_, event
from tests.public.pages import AGENT, Pages

BACK_OFFICE = Actor("li", roles.DISPATCHER)
CALLER_BACK = Actor("zhou", roles.CALLBACK_AGENT)
LIAISON = Actor("zhao", roles.LIAISON, "chengguan")
DEPUTY = Actor("qian", roles.DEPUTY, "chengguan")
DEMAND = {"demand": "complaint", "body": "苍梧路的路灯坏了一排，晚上走路看不见。", "consent": True}


def answered(pages: Pages) -> Registered:
    made = pages.case(demand="consult")
    command = do.AnswerNow(answer="请带身份证到窗口办理。", confirmed=True)
    pages.casework.execute(made.case_no, command, version=None, actor=AGENT, idempotency_key=f"a{made.case_no}")
    return made


def rate(pages: Pages, made: Registered, key: dict[str, str] | None = None, **more: Any) -> Response:
    body = {"case_no": made.case_no, "query_code": made.query_code, "solved": "yes", "satisfied": 4, **more}
    return pages.client().post("/api/v1/public/ratings", json=body, headers=key or pages.key())


def progress(pages: Pages, made: Registered) -> dict[str, Any]:
    body = {"case_no": made.case_no, "query_code": made.query_code}
    found: dict[str, Any] = pages.client().post("/api/v1/public/progress", json=body).json()
    return found


def said(pages: Pages, case_no: str) -> tuple[str, int | None]:
    found = Cases(pages.engine, pages.privacy, pages.book, pages.clock).get(case_no, BACK_OFFICE).case
    return found.solved, found.satisfied


def test_an_answered_case_is_rated_once_whatever_is_sent_again(pages: Pages) -> None:
    made, key = answered(pages), pages.key()
    assert progress(pages, made)["may_rate"] is True
    assert [rate(pages, made, key).status_code for _ in range(2)] == [204, 204], "the same request again"
    assert progress(pages, made)["may_rate"] is False
    second = rate(pages, made, satisfied=1)
    assert (second.status_code, second.json()["detail"]) == (422, "这件诉求已经评价过了，谢谢您。")
    assert said(pages, made.case_no) == ("yes", 4)
    with pages.engine.connect() as connection:
        assert len(connection.execute(select(event).where(event.c.type == "rate")).all()) == 1


def test_a_rating_needs_the_code_and_wrong_ones_lock(pages: Pages) -> None:
    made = answered(pages)
    wrong = f"{(int(made.query_code) + 1) % 10_000:04d}"
    statuses = [rate(pages, made, query_code=wrong).status_code for _ in range(3)]
    assert [*statuses, rate(pages, made).status_code] == [404, 404, 404, 429]
    assert said(pages, made.case_no) == ("", None)


def test_a_case_that_is_not_answered_yet_is_not_rated(pages: Pages) -> None:
    made = pages.case()
    assert progress(pages, made)["may_rate"] is False
    assert rate(pages, made).status_code == 409
    assert said(pages, made.case_no) == ("", None)


@pytest.mark.parametrize("wrong", [{"satisfied": 0}, {"satisfied": 6}, {"solved": "maybe"}, {"note": "x" * 501}])
def test_a_rating_that_is_none_changes_nothing(pages: Pages, wrong: dict[str, Any]) -> None:
    made = answered(pages)
    assert rate(pages, made, **wrong).status_code == 422
    assert said(pages, made.case_no) == ("", None)


def wish(pages: Pages, made: Registered, what: str, key: dict[str, str] | None = None, **more: Any) -> Response:
    body = {"case_no": made.case_no, "query_code": made.query_code, "reason": "已经自己修好了", **more}
    return pages.client().post(f"/api/v1/public/{what}", json=body, headers=key or pages.key())


def closed(pages: Pages) -> Registered:
    made = pages.case()
    course: list[tuple[Actor, do.Command]] = [
        (AGENT, do.ToTriage()),
        (BACK_OFFICE, do.Dispatch()),
        (LIAISON, do.Sign()),
        (LIAISON, do.Feedback(true_claim=True, contacted=False, solved="yes", internal="已修", answer="路灯已修好。")),
        (DEPUTY, do.SignFeedback()),
        (BACK_OFFICE, do.ReviewOk(answers_demand=True, facts_given=True, law_cited=True, tone=True, no_template=True)),
        (CALLER_BACK, do.Callback(result="reached", contacted=True, solved="yes", satisfied=5, satisfied_hotline=5)),
        (CALLER_BACK, do.Close()),
    ]
    for n, (actor, command) in enumerate(course):
        pages.casework.execute(made.case_no, command, version=None, actor=actor, idempotency_key=f"c{n}{made.case_no}")
    return made


def state(pages: Pages, case_no: str) -> str:
    return Cases(pages.engine, pages.privacy, pages.book, pages.clock).get(case_no, BACK_OFFICE).case.state


def test_a_citizen_withdraws_a_case_that_is_not_over_once(pages: Pages) -> None:
    made, key = pages.case(), pages.key()
    assert progress(pages, made)["may_withdraw"] is True
    assert wish(pages, made, "withdrawals", reason=" ").status_code == 422
    wrong = f"{(int(made.query_code) + 1) % 10_000:04d}"
    assert wish(pages, made, "withdrawals", query_code=wrong).status_code == 404
    assert state(pages, made.case_no) == "REGISTERED"
    assert [wish(pages, made, "withdrawals", key).status_code for _ in range(2)] == [204, 204], "the same request again"
    assert state(pages, made.case_no) == "WITHDRAWN"
    assert wish(pages, made, "withdrawals").status_code == 409
    assert wish(pages, made, "reopenings").status_code == 409
    told = progress(pages, made)
    assert (told["progress"], told["may_withdraw"], told["may_reopen"]) == ("closed", False, False)


def test_a_citizen_has_a_case_taken_up_again_within_the_days_and_twice_at_most(pages: Pages) -> None:
    made = closed(pages)
    told = progress(pages, made)
    assert (told["may_withdraw"], told["may_reopen"]) == (False, True)
    assert wish(pages, made, "reopenings", reason="灯又不亮了").status_code == 204
    assert state(pages, made.case_no) == "REWORK"
    assert progress(pages, made)["may_reopen"] is False
    late = closed(pages)
    pages.now += timedelta(days=16)
    assert progress(pages, late)["may_reopen"] is False
    refused = wish(pages, late, "reopenings")
    assert (refused.status_code, refused.json()["detail"]) == (422, "办结已超过 15 天，请登记新的诉求。")


def test_staff_do_not_rate(pages: Pages) -> None:
    made = answered(pages)
    body = {"version": 2, "solved": "yes", "satisfied": 5}
    answer = pages.client("li").post(f"/api/v1/cases/{made.case_no}/rate", json=body, headers=pages.key())
    assert answer.status_code in (404, 405)


def test_a_demand_is_registered_and_told_its_number_once_for_a_key(pages: Pages) -> None:
    key = pages.key()
    first, again = (pages.client().post("/api/v1/public/demands", json=DEMAND, headers=key) for _ in range(2))
    assert first.status_code == 201
    assert first.json() == again.json()
    made = Registered(first.json()["case_no"], first.json()["query_code"])
    assert progress(pages, made)["words"] == "正在办理"
    with pages.engine.connect() as connection:
        rows = connection.execute(select(case_)).all()
    assert [(row.channel, row.anonymous, row.place, row.registered_by) for row in rows] == [
        ("web", True, "无地点", "public")
    ]


def test_whoever_leaves_a_number_can_be_called_back(pages: Pages) -> None:
    body = {**DEMAND, "phone": "138-1234 5678", "name": "王小明", "place": "海州区苍梧路8号", "matter": "道路设施"}
    made = pages.client().post("/api/v1/public/demands", json=body, headers=pages.key())
    assert made.status_code == 201, made.text
    cases = Cases(pages.engine, pages.privacy, pages.book, pages.clock)
    number, name = cases.reveal(made.json()["case_no"], BACK_OFFICE, "回访")
    assert (number.removeprefix("+86"), name) == ("13812345678", "王小明")


@pytest.mark.parametrize(
    "wrong",
    [
        {"consent": False},
        {"body": "太短"},
        {"body": "x" * 4001},
        {"demand": "report"},
        {"phone": "call me"},
        {"phone": "123"},
        {"matter": "没有这个事项"},
        {"region": "火星"},
        {"website": "https://spam.example"},
        {"name": "\u0000"},
    ],
)
def test_a_demand_that_lacks_something_is_refused_with_a_sentence(pages: Pages, wrong: dict[str, Any]) -> None:
    answer = pages.client().post("/api/v1/public/demands", json={**DEMAND, **wrong}, headers=pages.key())
    assert answer.status_code == 422
    assert not answer.json()["detail"].isascii()
    with pages.engine.connect() as connection:
        assert connection.execute(select(case_)).all() == []


def test_an_address_leaves_five_demands_an_hour(pages: Pages) -> None:
    client = pages.client()
    send = [client.post("/api/v1/public/demands", json=DEMAND, headers=pages.key()).status_code for _ in range(6)]
    assert send == [201] * 5 + [429]
    other = pages.client(address="203.0.113.9")
    assert other.post("/api/v1/public/demands", json=DEMAND, headers=pages.key()).status_code == 201
    pages.now += timedelta(minutes=61)
    assert client.post("/api/v1/public/demands", json=DEMAND, headers=pages.key()).status_code == 201


def test_the_form_offers_what_a_demand_may_be(pages: Pages) -> None:
    offer = pages.client().get("/api/v1/public/offer").json()
    assert offer["demands"]["complaint"] == "投诉"
    matters = [name for members in offer["matters"].values() for name in members]
    assert "道路设施" in matters
    assert not set(matters) & set(pages.book.commitments), "of a broken promise a person has to ask more"
    assert "海州区" in offer["regions"]
