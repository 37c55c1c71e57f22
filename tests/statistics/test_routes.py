"""The statistics by REST: who sees what, what a file holds, and that a wrong question changes nothing."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from openpyxl import load_workbook

from casebook import roles
from casebook.store.statistics import keep_verification
from tests.casebook.conftest import Desk
from tests.casebook.rest import House, house
from tests.statistics.november import CUT_OFF, play_november

NOVEMBER = "since=2026-11-01&until=2026-11-30"
WIDE = {"leader", "bureau", "supervisor", "dispatcher", "second", "shift_leader", "admin"}
OWN = {"liaison", "deputy", "other_liaison"}


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with house(tmp_path_factory.mktemp("house")) as opened:
        play_november(Desk(opened.night.engine))
        opened.night.now = CUT_OFF
        for name, client in opened.browsers.items():
            user = opened.night.users.authenticate(name, "correct horse battery", CUT_OFF)
            assert user
            client.cookies.set("hotline", opened.night.users.open_session(user.id, CUT_OFF))
        yield opened


def test_who_sees_the_units(people: House) -> None:
    for who in people.browsers:
        answer = people.get(who, f"/statistics/units?{NOVEMBER}")
        assert answer.status_code == (200 if who in WIDE | OWN else 403), who
        if who in WIDE:
            assert {"zhujian", "chengguan", "gongan"} <= {one["code"] for one in answer.json()["units"]}


def test_a_unit_sees_its_own_line_alone(people: House) -> None:
    found = people.get("other_liaison", f"/statistics/units?{NOVEMBER}").json()
    (line,) = found["units"]
    assert (line["code"], line["figures"]["handled"]["part"]) == ("zhujian", 6)
    assert found["total"]["figures"]["handled"]["part"] == 6
    empty = people.get("liaison", f"/statistics/units?{NOVEMBER}").json()
    assert [(one["code"], one["idle"]) for one in empty["units"]] == [("haizhou", True)]
    for path in ("overview", "verification", "live"):
        assert people.get("other_liaison", f"/statistics/{path}").status_code == 403
    matters = people.get("liaison", f"/statistics/matters?{NOVEMBER}").json()
    assert matters["items"] == []
    kinds = people.get("liaison", f"/statistics/attention?kind=overdue&{NOVEMBER}").json()
    assert kinds["items"] == []


def test_the_table_as_a_file(people: House) -> None:
    answer = people.get("bureau", f"/statistics/units?{NOVEMBER}&form=csv")
    assert answer.headers["content-disposition"] == 'attachment; filename="units-20261101-20261130.csv"'
    rows = list(csv.reader(io.StringIO(answer.content.decode("utf-8-sig"))))
    about, heading, *lines = rows
    assert about[0] == "统计时段 2026-11-01 至 2026-11-30"
    line = dict(zip(heading, next(one for one in lines if one[2] == "市住房和城乡建设局"), strict=True))
    wanted = {
        "承办数": "6",
        "应办结数": "3",
        "办结率": "66.67%",
        "办结率分子": "2",
        "办结率分母": "3",
        "群众满意率": "50.00%",
    }
    assert {name: line[name] for name in wanted} == wanted
    assert dict(zip(heading, next(one for one in lines if one[2] == "市公安局"), strict=True))["反馈率"] == "—"
    sheet = people.get("bureau", f"/statistics/units?{NOVEMBER}&form=xlsx")
    book = load_workbook(io.BytesIO(sheet.content))
    assert [["" if cell is None else cell for cell in row] for row in book.active.iter_rows(values_only=True)][
        1
    ] == heading


def test_the_city_on_one_page(people: House) -> None:
    found = people.get("leader", f"/statistics/overview?{NOVEMBER}").json()
    assert found["registered"]["part"] == 6
    assert len(found["trend"]) == 30
    assert "王女士" not in people.get("leader", f"/statistics/overview?{NOVEMBER}").text
    assert people.get("agent", "/statistics/overview").status_code == 403


def test_the_wallboard_names_no_citizen(people: House) -> None:
    answer = people.get("agent", "/statistics/live")
    assert answer.status_code == 200
    assert answer.json()["telephone"]["offered"] == 0
    assert answer.json()["telephone"]["within_rate"] is None
    assert "王女士" not in answer.text
    assert "138" not in answer.text


def test_without_a_period_it_is_this_month_so_far(people: House) -> None:
    found = people.get("leader", "/statistics/regions").json()
    assert found["period"] == {"first": "2026-12-01", "last": "2026-12-10"}
    assert found["before"] == {"first": "2026-11-01", "last": "2026-11-10"}


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ("since=2026-12-01&until=2026-11-01", "结束日期不能早于开始日期。"),
        ("since=2024-01-01&until=2026-01-01", "统计时段不能超过一年。"),
        ("since=2009-01-01&until=2009-02-01", "统计时段应在 2009 年 12 月 29 日开通之后。"),
        ("since=yesterday", "提交的内容不完整或格式不对。"),
        (f"{NOVEMBER}&form=pdf", "提交的内容不完整或格式不对。"),
    ],
)
def test_a_wrong_question_gets_a_sentence(people: House, query: str, sentence: str) -> None:
    answer = people.get("bureau", f"/statistics/units?{query}")
    assert (answer.status_code, answer.json()["detail"]) == (422, sentence)


def test_what_needs_attention_goes_by_what_a_role_reads(people: House) -> None:
    readers = {
        who for who in people.browsers if people.get(who, "/statistics/attention?kind=overdue").status_code == 200
    }
    assert readers == {"dispatcher", "second", "supervisor", "callback", "leader", "bureau", *OWN}
    own = people.get("other_liaison", "/statistics/attention?kind=overdue").json()["items"]
    assert {one["unit"] for one in own} == {"zhujian"}


def test_the_state_of_the_histories(people: House) -> None:
    assert people.get("bureau", "/statistics/verification").json()["ended_at"] is None
    moment = datetime(2026, 12, 9, 18, 0, tzinfo=UTC)
    keep_verification(people.night.engine, moment, moment, [])
    found = people.get("bureau", "/statistics/verification").json()
    assert (found["cases"], found["findings"]) == (6, 0)
    keep_verification(people.night.engine, moment, moment, ["LYG20261123000001: the history does not fit"])
    found = people.get("bureau", "/statistics/verification").json()
    assert (found["findings"], found["first_finding"]) == (1, "LYG20261123000001: the history does not fit")


def test_the_bureau_changes_nothing(people: House) -> None:
    paths = [path for path in people.app.openapi()["paths"].items() if path[0].startswith("/api/v1/statistics")]
    assert len(paths) == 8
    assert all(set(methods) == {"get"} for _, methods in paths)
    assert roles.BUREAU in WIDE
