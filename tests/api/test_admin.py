"""Administration: accounts, one-time passwords, sessions, the city's files, the calendar."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from casebook import roles
from casebook.errors import CaseError
from casebook.store import open_engine, upgrade
from casebook.store.accounts import Accounts, Profile
from casebook.store.people import COMMAND_LINE, People
from casebook.store.settings_versions import BY_HAND, CityFiles, CityFindings
from casebook.store.users import Users
from config.check import READERS
from config.settings import CITY
from tests.api.conftest import OWN_PAGE
from tests.api.night import PASSWORD, REVIEWER, Night
from tests.store.conftest import postgres, url
from tests.suggest.conftest import BOOK

__all__ = ["postgres", "url"]

NOW = datetime(2026, 11, 23, 15, 0, tzinfo=UTC)
LI = {"name": "li", "display_name": "李", "role": "agent", "unit": "", "extension": "1001"}
People_ = Callable[..., TestClient]


@pytest.fixture
def people(night: Night) -> Iterator[People_]:
    """Signs somebody in; the first client of a role adds that person."""
    app, clients = night.app(), []

    def client(name: str, password: str = PASSWORD) -> TestClient:
        made = TestClient(app, headers=OWN_PAGE)
        clients.append(made)
        if name in roles.STAFF:
            night.users.add(name, PASSWORD, name, name)
        answer = made.post("/api/v1/session", json={"name": name, "password": password})
        assert answer.status_code == 200, answer.text
        return made

    yield client
    for one in clients:
        one.close()


@pytest.fixture
def admin(people: People_) -> TestClient:
    """An administrator."""
    return people("admin")


def account(admin: TestClient, name: str) -> dict[str, Any]:
    found = [one for one in admin.get("/api/v1/admin/users").json()["items"] if one["name"] == name]
    assert len(found) == 1
    return dict(found[0])


def add(admin: TestClient, **more: str) -> str:
    answer = admin.post("/api/v1/admin/users", json=LI | more)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["password"])


def may_sign_in(night: Night, name: str, password: str) -> bool:
    return night.users.authenticate(name, password, night.clock()) is not None


@pytest.mark.parametrize("role", [role for role in roles.STAFF if role != roles.ADMIN])
def test_administration_is_for_administrators(people: People_, role: str) -> None:
    client = people(role)
    edits = {"edits": [{"name": "limits.yaml", "text": "", "sha256": "0" * 64}]}
    year = {"source": "x", "days": [{"day": "2027-01-01", "is_workday": False}]}
    answers = [
        client.get("/api/v1/admin/users"),
        client.get("/api/v1/admin/users-log"),
        client.post("/api/v1/admin/users", json=LI),
        client.put(f"/api/v1/admin/users/{REVIEWER}", json=LI | {"version": 1}),
        *(
            client.post(f"/api/v1/admin/users/{REVIEWER}/{what}")
            for what in ("disable", "enable", "reset-password", "sign-out")
        ),
        client.get("/api/v1/admin/city"),
        client.get("/api/v1/admin/city/limits.yaml"),
        client.get("/api/v1/admin/city-versions"),
        client.get("/api/v1/admin/city-versions/1/diff?name=limits.yaml"),
        client.post("/api/v1/admin/city-check", json=edits),
        client.put("/api/v1/admin/city", json=edits),
        client.get("/api/v1/admin/calendar/2027"),
        client.put("/api/v1/admin/calendar/2027", json=year),
    ]
    assert {answer.status_code for answer in answers} == {403}


def test_a_one_time_password_opens_nothing_but_its_own_change(admin: TestClient, people: People_) -> None:
    password = add(admin)
    client = people("li", password)
    assert client.get("/api/v1/session").json()["user"]["must_change"] is True
    refused = client.get("/api/v1/rules")
    assert (refused.status_code, refused.json()["code"]) == (403, "must_change_password")
    new = {"old": password, "new": "my own password"}
    assert client.post("/api/v1/session/password", json=new).status_code == 204
    assert client.get("/api/v1/session").json()["user"]["must_change"] is False
    assert client.get("/api/v1/rules").status_code == 200
    assert account(admin, "li")["must_change"] is False


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("wrong", "my own password", "现在的密码不对"),
        (PASSWORD, "short", "至少 8 个字符"),
        (PASSWORD, PASSWORD, "不能和现在的一样"),
    ],
)
def test_a_password_that_cannot_be_is_refused_and_the_old_one_stays(
    night: Night, people: People_, old: str, new: str, words: str
) -> None:
    client = people("agent")
    answer = client.post("/api/v1/session/password", json={"old": old, "new": new})
    assert answer.status_code == 422
    assert words in answer.json()["detail"]
    assert may_sign_in(night, "agent", PASSWORD)


def test_guessing_the_old_password_is_limited_as_signing_in_is(people: People_) -> None:
    client = people("agent")
    statuses = [
        client.post("/api/v1/session/password", json={"old": f"guess {n}", "new": "my own password"}).status_code
        for n in range(6)
    ]
    assert statuses == [422] * 5 + [429]


def test_a_new_password_ends_every_other_session(night: Night, people: People_) -> None:
    here, elsewhere = people("agent"), TestClient(night.app(), headers=OWN_PAGE)
    assert elsewhere.post("/api/v1/session", json={"name": "agent", "password": PASSWORD}).status_code == 200
    assert here.post("/api/v1/session/password", json={"old": PASSWORD, "new": "a new password"}).status_code == 204
    assert here.get("/api/v1/session").status_code == 200
    assert elsewhere.get("/api/v1/session").status_code == 401


def test_one_sees_and_ends_ones_own_sessions_and_nobody_elses(night: Night, people: People_) -> None:
    here, stranger = people("agent"), people("leader")
    there = TestClient(night.app(), headers=OWN_PAGE)
    there.headers["User-Agent"] = "Firefox"
    assert there.post("/api/v1/session", json={"name": "agent", "password": PASSWORD}).status_code == 200
    items = here.get("/api/v1/session/all").json()["items"]
    assert {(one["current"], one["browser"]) for one in items} == {(True, "testclient"), (False, "Firefox")}
    other = next(one["id"] for one in items if not one["current"])
    assert stranger.delete(f"/api/v1/session/all/{other}").status_code == 204
    assert there.get("/api/v1/session").status_code == 200
    assert here.delete(f"/api/v1/session/all/{other}").status_code == 204
    assert there.get("/api/v1/session").status_code == 401
    assert there.post("/api/v1/session", json={"name": "agent", "password": PASSWORD}).status_code == 200
    assert here.delete("/api/v1/session/others").status_code == 204
    assert (there.get("/api/v1/session").status_code, here.get("/api/v1/session").status_code) == (401, 200)
    assert stranger.get("/api/v1/session").status_code == 200


def test_a_name_is_taken_once(admin: TestClient) -> None:
    add(admin)
    answer = admin.post("/api/v1/admin/users", json=LI)
    assert (answer.status_code, answer.json()["code"]) == (409, "name_taken")


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": "李 四"},
        {"name": ""},
        {"display_name": " "},
        {"role": "king"},
        {"role": "citizen"},
        {"extension": "1 001"},
        {"unit": "zhujian"},
        {"role": "liaison"},
        {"role": "liaison", "unit": "no_such_unit"},
    ],
)
def test_an_account_that_cannot_be_is_refused(admin: TestClient, wrong: dict[str, str]) -> None:
    before = len(admin.get("/api/v1/admin/users").json()["items"])
    answer = admin.post("/api/v1/admin/users", json=LI | wrong)
    assert answer.status_code == 422
    assert not answer.json()["detail"].isascii()
    assert len(admin.get("/api/v1/admin/users").json()["items"]) == before


def test_whoever_is_disabled_is_out_at_once_and_comes_back_when_enabled(
    night: Night, admin: TestClient, people: People_
) -> None:
    agent = people("agent")
    assert admin.post("/api/v1/admin/users/agent/disable").status_code == 204
    assert agent.get("/api/v1/session").status_code == 401
    assert not may_sign_in(night, "agent", PASSWORD)
    assert account(admin, "agent")["disabled_at"]
    assert admin.post("/api/v1/admin/users/agent/enable").status_code == 204
    assert may_sign_in(night, "agent", PASSWORD)


def test_a_reset_ends_the_sessions_and_the_old_password(night: Night, admin: TestClient, people: People_) -> None:
    agent = people("agent")
    password = admin.post("/api/v1/admin/users/agent/reset-password").json()["password"]
    assert agent.get("/api/v1/session").status_code == 401
    assert not may_sign_in(night, "agent", PASSWORD)
    assert may_sign_in(night, "agent", password)
    assert account(admin, "agent")["must_change"] is True


def test_an_administrator_signs_somebody_out_everywhere(admin: TestClient, people: People_) -> None:
    agent = people("agent")
    assert account(admin, "agent")["sessions"] == 1
    assert admin.post("/api/v1/admin/users/agent/sign-out").status_code == 204
    assert agent.get("/api/v1/session").status_code == 401
    assert account(admin, "agent")["sessions"] == 0


def test_the_last_administrator_can_neither_be_disabled_nor_moved(night: Night, admin: TestClient) -> None:
    night.users.add("second", PASSWORD, roles.ADMIN, "二")
    assert admin.post("/api/v1/admin/users/admin/disable").status_code == 422, "nobody disables themselves"
    assert admin.post("/api/v1/admin/users/second/disable").status_code == 204
    moved = {"display_name": "管", "role": "agent", "version": 1}
    answer = admin.put("/api/v1/admin/users/admin", json=moved)
    assert (answer.status_code, answer.json()["code"]) == (422, "guard")
    assert account(admin, "admin")["role"] == "admin"
    assert admin.post("/api/v1/admin/users/second/enable").status_code == 204
    assert admin.put("/api/v1/admin/users/admin", json=moved).status_code == 204


def test_two_administrators_do_not_overwrite_each_other(admin: TestClient) -> None:
    add(admin)
    body = LI | {"display_name": "李四", "version": 1}
    assert admin.put("/api/v1/admin/users/li", json=body).status_code == 204
    late = admin.put("/api/v1/admin/users/li", json=body | {"display_name": "李五"})
    assert (late.status_code, late.json()["code"]) == (409, "stale_version")
    assert account(admin, "li")["display_name"] == "李四"
    assert admin.put("/api/v1/admin/users/nobody", json=body).status_code == 404


def test_a_new_liaison_takes_the_post_of_the_one_before(night: Night, admin: TestClient) -> None:
    add(admin, name="first", role="liaison", unit="zhujian")
    add(admin, name="second", role="liaison", unit="zhujian")
    posts = People(night.engine, night.casework.book).posts("zhujian")
    assert [(post.kind, post.to_at is None) for post in posts] == [("liaison", True), ("liaison", False)]
    assert (account(admin, "first")["unit"], account(admin, "second")["unit"]) == ("", "zhujian")
    assert admin.post("/api/v1/admin/users/second/disable").status_code == 204
    assert all(post.to_at for post in People(night.engine, night.casework.book).posts("zhujian"))


def test_what_was_done_to_accounts_is_kept_without_passwords(admin: TestClient) -> None:
    password = add(admin)
    admin.post("/api/v1/admin/users/li/disable")
    items = admin.get("/api/v1/admin/users-log").json()["items"]
    assert [(one["actor"], one["user_name"], one["what"]) for one in items] == [
        ("admin", "li", "disabled"),
        ("admin", "li", "added"),
    ]
    assert password not in str(items)


def test_accounts_on_both_databases(url: str) -> None:
    engine = open_engine(url)
    upgrade(engine)
    users = Users(engine)
    accounts = Accounts(engine, users, BOOK)
    password = accounts.add("boss", Profile(display_name="管", role=roles.ADMIN), "system", NOW)
    user = users.authenticate("boss", password, NOW)
    assert user
    assert user.must_change
    token = users.open_session(user.id, NOW, address="198.51.100.7", browser="b" * 500)
    assert [(one.address, len(one.browser)) for one in users.sessions(user.id, NOW)] == [("198.51.100.7", 200)]
    users.change_password(user.id, password, "my own password", token)
    assert users.user_of_session(token, NOW)
    accounts.add("li", Profile(display_name="李", role=roles.LIAISON, unit="zhujian"), "boss", NOW)
    accounts.disable("li", "boss", NOW)
    assert [(one.name, one.sessions, bool(one.disabled_at)) for one in accounts.everybody(NOW)] == [
        ("boss", 1, False),
        ("li", 0, True),
    ]
    engine.dispose()


def test_two_administrators_who_disable_each_other_at_once_leave_one(url: str) -> None:
    engine = open_engine(url)
    upgrade(engine)
    accounts = Accounts(engine, Users(engine), BOOK)
    for name in ("a", "b"):
        accounts.add(name, Profile(display_name=name, role=roles.ADMIN), "system", NOW)
    with ThreadPoolExecutor(2) as both:
        for _ in range(8):
            start = threading.Barrier(2)

            def disable(name: str, actor: str, start: threading.Barrier = start) -> str:
                start.wait(10)
                try:
                    accounts.disable(name, actor, NOW)
                except CaseError as error:
                    return error.code
                return "done"

            answers = sorted(both.map(disable, ("a", "b"), ("b", "a")))
            assert answers in (["done", "guard"], ["done", "stale_version"])
            left = [one.name for one in accounts.everybody(NOW) if one.disabled_at is None]
            assert len(left) == 1
            accounts.enable("b" if left == ["a"] else "a", left[0], NOW)
    engine.dispose()


def test_a_liaison_who_is_replaced_loses_the_unit_and_whoever_edits_them_is_told(url: str) -> None:
    engine = open_engine(url)
    upgrade(engine)
    accounts = Accounts(engine, Users(engine), BOOK)
    liaison = Profile(display_name="李", role=roles.LIAISON, unit="zhujian")
    accounts.add("li", liaison, "boss", NOW)
    (read,) = accounts.everybody(NOW)
    accounts.add("wang", Profile(display_name="王", role=roles.LIAISON, unit="zhujian"), "boss", NOW)
    after = {one.name: one.unit for one in accounts.everybody(NOW)}
    assert after == {"li": "", "wang": "zhujian"}
    with pytest.raises(CaseError) as refused:
        accounts.change("li", liaison, read.version, "boss", NOW)
    assert refused.value.code == "stale_version"
    (event,) = (one for one in accounts.log() if one.what == "replaced")
    assert (event.user_name, event.actor, event.detail) == ("li", "boss", "zhujian wang")
    People(engine, BOOK).appoint("zhujian", "liaison", "li", NOW)
    newest = [(one.actor, one.user_name, one.what) for one in accounts.log()[:2]]
    assert newest == [(COMMAND_LINE, "li", "appointed"), (COMMAND_LINE, "wang", "replaced")]
    engine.dispose()


# --- the city's files


def edit(admin: TestClient, name: str, old: str, new: str) -> dict[str, str]:
    read = admin.get(f"/api/v1/admin/city/{name}").json()
    assert old in read["text"]
    return {"name": name, "text": read["text"].replace(old, new), "sha256": read["sha256"]}


def test_the_files_are_those_of_the_city_and_each_names_who_reads_it(admin: TestClient) -> None:
    items = admin.get("/api/v1/admin/city").json()["items"]
    names = {one.name for one in CITY.iterdir() if one.is_file()}
    assert {one["name"] for one in items} == names == set(READERS)
    assert all(one["readers"] and not one["waiting"] for one in items)


def test_a_file_that_passes_the_check_is_kept_and_can_go_back(night: Night, admin: TestClient) -> None:
    original = (night.city_dir / "limits.yaml").read_text(encoding="utf-8")
    edits = {"edits": [edit(admin, "limits.yaml", "return_wd: 1 ", "return_wd: 2 ")], "note": "市长办公会"}
    assert admin.put("/api/v1/admin/city", json=edits).json() == {"wrong": [], "to_do": []}
    assert "return_wd: 2 " in (night.city_dir / "limits.yaml").read_text(encoding="utf-8")
    newest, first = admin.get("/api/v1/admin/city-versions?file=limits.yaml").json()["items"]
    assert (newest["made_by"], newest["note"], first["made_by"]) == ("admin", "市长办公会", BY_HAND)
    shown = admin.get(f"/api/v1/admin/city-versions/{first['id']}/diff?name=limits.yaml").json()
    assert [line[:13] for line in shown["lines"] if line[:3] in ("-  ", "+  ")] == ["-  return_wd:", "+  return_wd:"]
    assert shown["text"] == original
    listed = {one["name"]: one["waiting"] for one in admin.get("/api/v1/admin/city").json()["items"]}
    assert [name for name, waiting in listed.items() if waiting] == ["limits.yaml"]
    back = {"edits": [{"name": "limits.yaml", "text": shown["text"], "sha256": newest["sha256"]}]}
    assert admin.put("/api/v1/admin/city", json=back).status_code == 200
    assert (night.city_dir / "limits.yaml").read_text(encoding="utf-8") == original
    assert len(admin.get("/api/v1/admin/city-versions?file=limits.yaml").json()["items"]) == 3


def test_a_file_that_does_not_pass_is_not_kept_and_each_finding_is_told(night: Night, admin: TestClient) -> None:
    before = (night.city_dir / "shifts.yaml").read_bytes()
    edits = {"edits": [edit(admin, "shifts.yaml", 'time: "08:00-16:00"', 'time: "08:00-"')]}
    answer = admin.put("/api/v1/admin/city", json=edits)
    assert (answer.status_code, answer.json()["code"]) == (422, "refused_by_check")
    assert any("shifts.yaml" in one["message"] for one in answer.json()["errors"])
    assert admin.post("/api/v1/admin/city-check", json=edits).json()["wrong"]
    assert (night.city_dir / "shifts.yaml").read_bytes() == before
    assert admin.get("/api/v1/admin/city-versions").json()["items"] == []


def test_files_that_belong_together_are_checked_together(night: Night, admin: TestClient) -> None:
    alone = {"edits": [edit(admin, "matters.yaml", "name: 市容环卫,", "name: 市容与环卫,")]}
    assert admin.put("/api/v1/admin/city", json=alone).status_code == 422
    both = {"edits": [*alone["edits"], edit(admin, "routing.yaml", "市容环卫", "市容与环卫")]}
    answer = admin.put("/api/v1/admin/city", json=both)
    assert answer.status_code == 200, answer.text
    assert "市容与环卫" in (night.city_dir / "routing.yaml").read_text(encoding="utf-8")


def test_a_prompts_text_may_change_and_its_audio_is_said_to_be_missing(admin: TestClient) -> None:
    edits = {"edits": [edit(admin, "prompts.zh.yaml", "text: 按键有误。", "text: 您按的键不对。")]}
    answer = admin.put("/api/v1/admin/city", json=edits).json()
    assert answer["wrong"] == []
    assert len(answer["to_do"]) == 1
    assert "'invalid_key'" in answer["to_do"][0]


def test_a_file_that_was_changed_meanwhile_is_not_overwritten(night: Night, admin: TestClient) -> None:
    edits = {"edits": [edit(admin, "limits.yaml", "return_wd: 1 ", "return_wd: 2 ")]}
    file = night.city_dir / "limits.yaml"
    file.write_text(file.read_text(encoding="utf-8") + "# by hand\n", encoding="utf-8")
    answer = admin.put("/api/v1/admin/city", json=edits)
    assert (answer.status_code, answer.json()["code"]) == (409, "stale_version")
    assert file.read_text(encoding="utf-8").endswith("# by hand\n")
    again = {"edits": [edit(admin, "limits.yaml", "return_wd: 1 ", "return_wd: 2 ")]}
    assert admin.put("/api/v1/admin/city", json=again).status_code == 200
    made = [one["made_by"] for one in admin.get("/api/v1/admin/city-versions").json()["items"]]
    assert made == ["admin", BY_HAND], "the text from elsewhere is kept too"


@pytest.mark.parametrize("name", ["no_such.yaml", "..", ".hidden.yaml"])
def test_nothing_but_the_citys_files_can_be_read_or_written(night: Night, admin: TestClient, name: str) -> None:
    before = sorted(one.name for one in night.city_dir.iterdir())
    assert admin.get(f"/api/v1/admin/city/{name}").status_code in (404, 422)
    edits = {"edits": [{"name": name, "text": "x", "sha256": "0" * 64}]}
    assert admin.put("/api/v1/admin/city", json=edits).status_code in (404, 422)
    assert sorted(one.name for one in night.city_dir.iterdir()) == before


def test_a_file_that_is_no_text_is_said_to_be_none(night: Night, admin: TestClient) -> None:
    (night.city_dir / "limits.yaml").write_bytes("期限".encode("gb18030"))
    answer = admin.get("/api/v1/admin/city/limits.yaml")
    assert answer.status_code == 422
    assert "不是 UTF-8" in answer.json()["detail"]


def test_versions_on_both_databases(url: str, tmp_path: Path) -> None:
    engine = open_engine(url)
    upgrade(engine)
    city = tmp_path / "a-city"
    city.mkdir()
    (city / "limits.yaml").write_text("一", encoding="utf-8")
    files = CityFiles(engine, city, lambda _: CityFindings([], []))
    read = files.read("limits.yaml").sha256
    files.save({"limits.yaml": "二"}, {"limits.yaml": read}, "boss", "why", NOW)
    assert [(one.n, one.made_by) for one in files.versions("limits.yaml")] == [(2, "boss"), (1, BY_HAND)]
    assert [files.text_of(one.id) for one in files.versions("limits.yaml")] == ["二", "一"]
    assert [one.name for one in city.iterdir()] == ["limits.yaml"], "nothing is left beside the file"
    engine.dispose()


# --- the calendar


def days(*listed: tuple[str, bool]) -> list[dict[str, object]]:
    return [{"day": day, "is_workday": works} for day, works in listed]


def test_a_year_is_loaded_as_announced(night: Night, admin: TestClient) -> None:
    assert admin.get("/api/v1/admin/calendar/2027").json()["state"] == "unknown"
    body = {"source": "国办发明电〔2026〕8号", "days": days(("2027-02-08", False), ("2027-02-14", True))}
    assert admin.put("/api/v1/admin/calendar/2027", json=body).json() == {"recounted": 0}
    year = admin.get("/api/v1/admin/calendar/2027").json()
    assert (year["state"], year["source"]) == ("announced", body["source"])
    assert [(one["day"], one["is_workday"], one["name"]) for one in year["days"]] == [
        ("2027-02-08", False, "休"),
        ("2027-02-14", True, "调休上班"),
    ]
    newest = admin.get("/api/v1/admin/users-log").json()["items"][0]
    assert (newest["actor"], newest["what"], newest["user_name"], newest["detail"]) == (
        "admin",
        "calendar",
        "2027",
        body["source"],
    )


@pytest.mark.parametrize(
    "listed",
    [
        [],
        days(("2026-02-08", False)),
        days(("2027-02-08", False), ("2027-02-08", True)),
        days((date(2027, 2, 8).isoformat(), True)),  # a Monday on which people work is nothing special
    ],
)
def test_a_year_that_cannot_be_changes_nothing(admin: TestClient, listed: list[dict[str, object]]) -> None:
    answer = admin.put("/api/v1/admin/calendar/2027", json={"source": "x", "days": listed})
    assert answer.status_code == 422
    assert not answer.json()["detail"].isascii()
    assert admin.get("/api/v1/admin/calendar/2027").json()["state"] == "unknown"
