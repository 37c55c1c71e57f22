"""The public query: progress and nothing else, and no guessing."""

from __future__ import annotations

import threading
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from casebook import roles
from casebook.handling.commands import Register
from casebook.privacy import Privacy
from casebook.roles import Actor
from casebook.store import open_engine, upgrade
from casebook.store.casework import Casework, Registered
from casebook.store.knowledge_schema import public_lock
from casebook.store.public import Locked, Progress, PublicQuery, network_of
from tests.public.pages import Pages
from tests.suggest.conftest import BOOK, MORNING


def other_code(code: str) -> str:
    return f"{(int(code) + 1) % 10_000:04d}"


def ask(pages: Pages, made: Registered, code: str = "", address: str = "198.51.100.7") -> tuple[int, dict[str, object]]:
    body = {"case_no": made.case_no, "query_code": code or made.query_code}
    answer = pages.client(address=address).post("/api/v1/public/progress", json=body)
    return answer.status_code, answer.json()


def test_number_and_code_tell_the_progress_and_nothing_else(pages: Pages) -> None:
    made = pages.case()
    status, body = ask(pages, made)
    assert status == 200
    assert body == {
        "case_no": made.case_no,
        "progress": "handling",
        "words": "正在办理",
        "received_on": "2026-11-23",
        "may_rate": False,
        "may_withdraw": True,
        "may_reopen": False,
    }


def test_a_wrong_code_and_a_wrong_number_read_the_same(pages: Pages) -> None:
    made = pages.case()
    wrong_code = ask(pages, made, other_code(made.query_code))
    wrong_number = ask(pages, Registered("LYG20261123999999", made.query_code))
    assert wrong_code == wrong_number
    assert (wrong_code[0], wrong_code[1]["code"]) == (404, "wrong_query")


def test_three_wrong_codes_lock_the_number_for_everybody_until_time_has_passed(pages: Pages) -> None:
    made = pages.case()
    for n in range(3):
        assert ask(pages, made, other_code(made.query_code), f"198.51.100.{n}")[0] == 404
    status, body = ask(pages, made, address="203.0.113.9")
    assert (status, body["code"]) == (429, "too_many_queries")
    pages.now += timedelta(minutes=16)
    assert ask(pages, made)[0] == 200


def test_three_wrong_codes_lock_the_address_for_every_number(pages: Pages) -> None:
    first, second = pages.case(), pages.case()
    for n in range(3):
        assert ask(pages, Registered(f"LYG2026112390000{n}", "0000"))[0] == 404
    assert ask(pages, first)[0] == 429
    assert ask(pages, first, address="203.0.113.9")[0] == 200
    pages.now += timedelta(minutes=16)
    assert ask(pages, second)[0] == 200


def test_an_own_case_buys_no_new_attempts_at_others(pages: Pages) -> None:
    own, other = pages.case(), pages.case()
    for _ in range(2):
        ask(pages, other, other_code(other.query_code))
    assert ask(pages, own)[0] == 200
    ask(pages, Registered("LYG20261123900000", "0000"))
    assert ask(pages, own)[0] == 429


def test_the_right_code_forgives_the_number(pages: Pages) -> None:
    made = pages.case()
    for n in range(4):
        assert ask(pages, made, other_code(made.query_code), f"198.51.100.{n}")[0] == 404
        assert ask(pages, made, address=f"203.0.113.{n}")[0] == 200


def test_every_lock_is_twice_as_long_as_the_one_before(pages: Pages) -> None:
    made = pages.case()
    waits = []
    for round_ in range(3):
        for n in range(3):
            assert ask(pages, made, other_code(made.query_code), f"198.51.{round_}.{n}")[0] == 404
        body = {"case_no": made.case_no, "query_code": made.query_code}
        answer = pages.client(address="203.0.113.1").post("/api/v1/public/progress", json=body)
        waits.append(int(answer.headers["retry-after"]))
        pages.now += timedelta(seconds=waits[-1] + 1)
    assert waits == [900, 1800, 3600]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"case_no": "LYG20261123000001"},
        {"case_no": "LYG20261123000001", "query_code": "12345"},
        {"case_no": "LYG20261123000001", "query_code": "12a4"},
        {"case_no": "LYG20261123000001", "query_code": "１２３４"},
        {"case_no": "'; --", "query_code": "1234"},
        {"case_no": "LYG2026112300000\u0000", "query_code": "1234"},
    ],
)
def test_what_is_no_number_or_no_code_is_refused_and_counts_for_nothing(pages: Pages, body: dict[str, str]) -> None:
    client = pages.client()
    for _ in range(5):
        assert client.post("/api/v1/public/progress", json=body).status_code == 422
    assert ask(pages, pages.case())[0] == 200


def test_a_flood_does_not_reach_the_database(pages: Pages) -> None:
    made, client = pages.case(), pages.client()
    body = {"case_no": made.case_no, "query_code": made.query_code}
    statuses = [client.post("/api/v1/public/progress", json=body).status_code for _ in range(22)]
    assert statuses == [200] * 20 + [429] * 2


def test_neither_numbers_nor_addresses_are_kept(pages: Pages) -> None:
    made = pages.case()
    ask(pages, made, other_code(made.query_code))
    with pages.engine.connect() as connection:
        rows = connection.execute(select(public_lock)).all()
    assert len(rows) == 2
    assert not [row for row in rows if made.case_no in str(row) or "198.51" in str(row)]


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("198.51.100.7", "198.51.100.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("::ffff:198.51.100.7", "198.51.100.7"),
        ("", ""),
        ("testclient", "testclient"),
    ],
)
def test_what_counts_as_one_address(address: str, network: str) -> None:
    assert network_of(address) == network


def test_many_guesses_at_once_do_not_slip_through(url: str) -> None:
    engine = open_engine(url)
    upgrade(engine)
    privacy = Privacy("a secret of forty characters, for tests..")
    casework = Casework(engine, privacy, BOOK, lambda: MORNING)
    command = Register(demand="help", title="路灯", body="路灯坏了一排，晚上走路看不见", place="无地点", anonymous=True)
    made = casework.register(command, channel="phone", actor=Actor("zhang", roles.AGENT), idempotency_key="k")
    query = PublicQuery(engine, privacy, lambda: MORNING)
    answers: list[Progress | Locked | None] = []

    def guess(n: int) -> None:
        answers.append(query.progress(made.case_no, other_code(made.query_code), f"198.51.100.{n}"))

    threads = [threading.Thread(target=guess, args=(n,)) for n in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert [type(answer) for answer in answers].count(Locked) == 9
    assert answers.count(None) == 3
    engine.dispose()


def test_a_lock_outlives_the_process(tmp_path: Path, pages: Pages) -> None:
    made = pages.case()
    for n in range(3):
        ask(pages, made, other_code(made.query_code), f"198.51.100.{n}")
    again = PublicQuery(open_engine(f"sqlite:///{tmp_path / 'hotline.db'}"), pages.privacy, pages.clock)
    assert isinstance(again.progress(made.case_no, made.query_code, "203.0.113.9"), Locked)
