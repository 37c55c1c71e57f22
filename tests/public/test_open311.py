"""Open311: services, public facts of cases, new cases from programs with a key."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from xml.etree import ElementTree

import pytest
from sqlalchemy import func, select

from casebook.store.casework_schema import citizen
from casebook.store.schema import case_
from tests.public.pages import KEY, Pages

NEW = {
    "api_key": KEY,
    "service_code": "0204",
    "description": "苍梧路的路灯坏了一排\n晚上走路看不见，请派人来修。",
    "address_string": "海州区苍梧路8号",
    "first_name": "小明",
    "last_name": "王",
    "phone": "13812345678",
}


def count(pages: Pages) -> int:
    with pages.engine.connect() as connection:
        return connection.execute(select(func.count()).select_from(case_)).scalar_one()


def post(pages: Pages, **changes: Any) -> Any:
    form = {name: value for name, value in (NEW | changes).items() if value is not None}
    return pages.client().post("/open311/v2/requests.json", data=form)


def test_the_services_are_the_matters_that_the_hotline_accepts(pages: Pages) -> None:
    services = pages.client().get("/open311/v2/services.json").json()
    assert {"service_code", "service_name", "description", "metadata", "type", "keywords", "group"} == set(services[0])
    names = {one["service_name"] for one in services}
    assert "道路设施" in names
    assert "纪检监察" not in names


def test_a_service_asks_for_the_kind_of_demand(pages: Pages) -> None:
    definition = pages.client().get("/open311/v2/services/0204.json").json()
    assert definition["service_code"] == "0204"
    assert {"key": "complaint", "name": "投诉"} in definition["attributes"][0]["values"]
    assert pages.client().get("/open311/v2/services/9999.json").status_code == 404


def test_a_new_request_is_a_registered_case_with_number_and_code(pages: Pages) -> None:
    answer = post(pages, **{"attribute[demand]": "complaint"})
    assert answer.status_code == 201
    made = answer.json()[0]
    with pages.engine.connect() as connection:
        row = connection.execute(select(case_)).one()
        who = connection.execute(select(citizen.c.phone_masked)).scalar_one()
    assert (row.case_no, row.state, row.matter, row.demand) == (
        made["service_request_id"],
        "REGISTERED",
        "道路设施",
        "complaint",
    )
    assert (row.title, row.place, row.anonymous, who) == (
        "苍梧路的路灯坏了一排",
        "海州区苍梧路8号",
        False,
        "138****5678",
    )
    code = made["service_notice"].split("查询码 ")[1][:4]
    body = {"case_no": row.case_no, "query_code": code}
    assert pages.client().post("/api/v1/public/progress", json=body).json()["words"] == "正在办理"


def test_the_same_request_sent_again_is_the_same_case(pages: Pages) -> None:
    first, again = post(pages), post(pages)
    assert again.json() == first.json()
    assert count(pages) == 1
    assert post(pages, description="另一件事：井盖松动，车子压过去响").json() != first.json()
    pages.now += timedelta(days=1)
    post(pages)
    assert count(pages) == 3


def test_a_retry_with_its_own_key_is_the_same_case_also_on_the_next_day(pages: Pages) -> None:
    for _ in range(2):
        assert pages.client().post("/open311/v2/requests.json", data=NEW, headers={"Idempotency-Key": "k"}).is_success
        pages.now += timedelta(days=1)
    assert count(pages) == 1


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"api_key": None}, 403),
        ({"api_key": "wrong"}, 403),
        ({"api_key": "密钥"}, 403),
        ({"service_code": "9999"}, 404),
        ({"service_code": "1401"}, 404),
        ({"service_code": None}, 422),
        ({"description": None}, 422),
        ({"description": "太短"}, 400),
        ({"lat": "95", "long": "1"}, 422),
        ({"lat": "nan", "long": "1"}, 422),
        ({"attribute[demand]": "report"}, 422),
    ],
)
def test_a_request_that_cannot_be_taken_makes_no_case(pages: Pages, changes: dict[str, Any], status: int) -> None:
    assert post(pages, **changes).status_code == status
    assert count(pages) == 0


def test_without_a_phone_the_request_is_anonymous(pages: Pages) -> None:
    assert post(pages, phone=None, first_name=None, last_name=None).status_code == 201
    with pages.engine.connect() as connection:
        assert connection.execute(select(case_.c.anonymous)).scalar_one() is True


def test_the_list_tells_public_facts_and_no_word_of_the_citizen(pages: Pages) -> None:
    made = pages.case()
    listed = pages.client().get("/open311/v2/requests.json")
    one = listed.json()[0]
    assert (one["service_request_id"], one["status"], one["status_notes"]) == (made.case_no, "open", "正在办理")
    assert (one["service_code"], one["service_name"], one["address"]) == ("0204", "道路设施", "海州区")
    assert one["requested_datetime"] == "2026-11-23T09:00:00+08:00"
    for secret in ("苍梧", "王小明", "1381234", "走路", made.query_code):
        assert secret not in listed.text.replace(made.case_no, "")


def test_secret_cases_denunciations_and_matters_outside_the_list_are_not_shown(pages: Pages) -> None:
    hidden = [
        pages.case(secret=True),
        pages.case(demand="report"),
        pages.case(demand="criticism"),
        pages.case(matter=""),
    ]
    assert pages.client().get("/open311/v2/requests.json").json() == []
    for made in hidden:
        assert pages.client().get(f"/open311/v2/requests/{made.case_no}.json").status_code == 404


def test_the_list_is_narrowed_by_time_service_and_status(pages: Pages) -> None:
    old = pages.case(matter="供气")
    pages.now += timedelta(days=10)
    new = pages.case()

    def numbers(**query: str) -> list[str]:
        answer = pages.client().get("/open311/v2/requests.json", params=query)
        assert answer.status_code == 200, answer.text
        return [one["service_request_id"] for one in answer.json()]

    assert numbers() == [new.case_no, old.case_no]
    assert numbers(service_code="0208") == [old.case_no]
    assert numbers(service_code="0208,0204") == [new.case_no, old.case_no]
    assert numbers(service_code="9999") == []
    assert numbers(status="closed") == []
    assert numbers(start_date="2026-11-30T00:00:00Z") == [new.case_no]
    assert numbers(end_date="2026-11-30T00:00:00Z") == [old.case_no]
    assert numbers(service_request_id=f"{old.case_no},{new.case_no},x") == [old.case_no, new.case_no]


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ({"start_date": "2026-01-01T00:00:00Z"}, 400),
        ({"start_date": "yesterday"}, 422),
        ({"start_date": "2026-01-01T00:00:00"}, 422),
        ({"status": "wild"}, 422),
        ({"end_date": "0001-01-01T00:00:00Z"}, 422),
        ({"end_date": "9999-12-31T23:59:59-12:00"}, 422),
    ],
)
def test_a_list_that_makes_no_sense_is_refused(pages: Pages, query: dict[str, str], status: int) -> None:
    assert pages.client().get("/open311/v2/requests.json", params=query).status_code == status


def test_errors_have_the_form_of_the_standard(pages: Pages) -> None:
    refused = pages.client().get("/open311/v2/requests/LYG20261123999999.json")
    assert refused.json() == [{"code": 404, "description": "没有这个编号的诉求，或它不公开。"}]
    as_xml = pages.client().get("/open311/v2/requests/LYG20261123999999.xml")
    assert ElementTree.fromstring(as_xml.content).findtext("error/code") == "404"  # noqa: S314 - our own


def test_xml_says_the_same_as_json(pages: Pages) -> None:
    made = pages.case()
    client = pages.client()
    root = ElementTree.fromstring(client.get("/open311/v2/requests.xml").content)  # noqa: S314 - our own
    assert (root.tag, root[0].tag) == ("service_requests", "request")
    assert root.findtext("request/service_request_id") == made.case_no
    services = ElementTree.fromstring(client.get("/open311/v2/services.xml").content)  # noqa: S314 - our own
    assert len(services.findall("service")) == len(client.get("/open311/v2/services.json").json())
    assert services.findtext("service/metadata") == "true"
    definition = ElementTree.fromstring(client.get("/open311/v2/services/0204.xml").content)  # noqa: S314 - our own
    assert definition.findtext("attributes/attribute/values/value/key") == "consult"
    assert client.get("/open311/v2/discovery.xml").status_code == 200
    assert client.get("/open311/v2/requests.pdf").status_code in (404, 422)


def test_one_address_cannot_read_without_end(pages: Pages) -> None:
    client = pages.client()
    statuses = [client.get("/open311/v2/services.json").status_code for _ in range(61)]
    assert statuses == [200] * 60 + [429]
    pages.now += timedelta(minutes=2)
    assert client.get("/open311/v2/services.json").status_code == 200
