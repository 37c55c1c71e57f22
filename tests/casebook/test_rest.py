"""The casework by REST: what each role can read and do, and that it can read and do nothing else."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import pytest
from openpyxl import Workbook, load_workbook
from sqlalchemy import func, insert, select

from casebook import roles
from casebook.privacy import normalise_number
from casebook.store.linkage import Incoming
from casebook.store.router_tables import desk_call
from casebook.store.schema import access_log, call, case_
from tests.casebook.rest import CASE, House, house

READERS = {"dispatcher", "second", "supervisor", "callback", "leader", "bureau"}
"""Who reads every case."""


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with house(tmp_path_factory.mktemp("house")) as opened:
        yield opened


def test_a_case_goes_through_every_hand(people: House) -> None:
    case_no = people.dispatched()
    steps: list[tuple[str, str, dict[str, object]]] = [
        ("liaison", "sign", {}),
        ("other_liaison", "co_sign", {}),
        ("other_liaison", "co_feedback", {"internal": "已督促物业"}),
        ("liaison", "contact", {"contacted_at": "2026-01-05T09:00:00+08:00", "how": "phone", "result": "已说明"}),
        (
            "liaison",
            "feedback",
            {"true_claim": True, "contacted": True, "solved": "yes", "internal": "换了主板", "answer": "已修好。"},
        ),
        ("deputy", "sign_feedback", {}),
        (
            "dispatcher",
            "review_ok",
            dict.fromkeys(("answers_demand", "facts_given", "law_cited", "tone", "no_template"), True),
        ),
        (
            "callback",
            "callback",
            {"result": "reached", "contacted": True, "solved": "yes", "satisfied": 5, "satisfied_hotline": 5},
        ),
        ("callback", "close", {}),
    ]
    for who, event, fields in steps:
        answer = people.do(who, case_no, event, **fields)
        assert answer.status_code == 200, (event, answer.text)
    case = people.get("dispatcher", f"/cases/{case_no}").json()
    assert (case["case"]["state"], case["case"]["outcome"], case["chain_ok"]) == ("CLOSED", "solved", True)
    assert [one["type"] for one in case["events"]][-2:] == ["callback", "close"]


def test_who_may_not_read_a_case_does_not_learn_that_it_exists(people: House) -> None:
    case_no = people.dispatched()
    # The agent registered it; the district has the lead and the housing bureau helps.
    may = READERS | {"agent", "liaison", "deputy", "other_liaison"}
    for who in people.browsers:
        status = people.get(who, f"/cases/{case_no}").status_code
        assert status == (200 if who in may else 404), who
        listed = case_no in people.get(who, "/cases?limit=200").text
        assert listed == (who in may), who


def test_units_invited_to_confer_read_the_case_while_the_consultation_lasts(people: House) -> None:
    case_no = people.register(region="东海县", name="李女士")
    people.do("agent", case_no, "to_triage")
    assert people.do("dispatcher", case_no, "consult", units=["haizhou"]).json()["detail"].startswith("会商要有两家")
    answer = people.do("dispatcher", case_no, "consult", units=["haizhou", "chengguan"], note="谁来修路灯")
    assert answer.status_code == 200, answer.text
    for who, invited in (("liaison", True), ("deputy", True), ("other_liaison", False), ("agent", False)):
        status = people.get(who, f"/cases/{case_no}").status_code
        assert status == (200 if invited or who == "agent" else 404), who
        listed = [one["case_no"] for one in people.get(who, "/work").json()["consultations"]] if who != "agent" else []
        assert listed == ([case_no] if invited else []), who
    read = people.get("liaison", f"/cases/{case_no}")
    assert "谁来修路灯" in read.text
    assert read.json()["allowed"] == []
    assert people.post("liaison", f"/cases/{case_no}/reveal", {"reason": "联系"}).status_code == 403
    people.do("dispatcher", case_no, "dispatch", unit="chengguan", basis="会商", minutes="城管局主办")
    assert people.get("liaison", f"/cases/{case_no}").status_code == 404
    assert people.get("liaison", "/work").json()["consultations"] == []


def test_a_unit_sees_nothing_of_another_units_cases(people: House) -> None:
    case_no = people.register(matter="供电", region="")
    people.do("agent", case_no, "to_triage")
    assert people.do("dispatcher", case_no, "dispatch").status_code == 200
    assert people.get("liaison", f"/cases/{case_no}").status_code == 404
    assert people.do("liaison", case_no, "sign").status_code == 404
    work = people.get("liaison", "/work").json()["items"]
    assert case_no not in [one["case_no"] for one in work]


def test_no_role_does_what_the_table_gives_to_others(people: House) -> None:
    case_no = people.dispatched()
    for who in people.browsers:
        role = "liaison" if who == "other_liaison" else who
        if role in ("liaison", "deputy"):
            continue
        answer = people.do(who, case_no, "sign")
        assert answer.status_code in (403, 404), (who, answer.text)
    assert people.do("other_liaison", case_no, "sign").status_code == 403  # the lead is another unit's
    assert people.do("deputy", case_no, "review_ok", **dict.fromkeys(CHECKS, True)).status_code == 409
    for event, fields in (("correct", {"what": "place", "value": "x", "reason": "y"}), ("urge", {"note": "快"})):
        for who in ("agent", "liaison", "deputy", "callback", "leader", "bureau"):
            assert people.do(who, case_no, event, **fields).status_code == 403, (who, event)


CHECKS = ("answers_demand", "facts_given", "law_cited", "tone", "no_template")


def test_numbers_are_masked_and_whoever_sees_one_in_full_is_written_down(people: House) -> None:
    case_no = people.dispatched()
    for who in people.browsers:
        text = people.get(who, f"/cases/{case_no}").text + people.get(who, "/cases").text
        assert "13851235678" not in text
        assert "王女士" not in text
    may = {"dispatcher", "second", "supervisor", "callback", "liaison", "deputy", "other_liaison"}
    for who in people.browsers:
        answer = people.post(who, f"/cases/{case_no}/reveal", {"reason": "核实地点"})
        assert (answer.status_code == 200) == (who in may), (who, answer.text)
        assert people.post(who, f"/cases/{case_no}/reveal", {"reason": " "}).status_code != 200
    answer = people.post("callback", f"/cases/{case_no}/reveal", {"reason": "回访"})
    assert answer.json() == {"number": "+8613851235678", "name": "王女士"}
    with people.night.engine.begin() as connection:
        seen = connection.scalars(select(access_log.c.actor).where(access_log.c.case_no == case_no)).all()
    assert set(seen) == may


def test_of_a_secret_case_a_unit_sees_no_number_until_it_is_granted(people: House) -> None:
    case_no = people.dispatched(secret=True)
    assert people.get("liaison", f"/cases/{case_no}").json()["masked_number"] == ""
    assert people.post("liaison", f"/cases/{case_no}/reveal", {"reason": "上门"}).status_code == 403
    assert people.get("dispatcher", f"/cases/{case_no}").json()["masked_number"] == "138****5678"
    assert people.do("dispatcher", case_no, "grant_contact", reason="需要上门").status_code == 200
    assert people.get("liaison", f"/cases/{case_no}").json()["masked_number"] == "138****5678"
    assert people.post("liaison", f"/cases/{case_no}/reveal", {"reason": "上门"}).status_code == 200


def test_an_anonymous_caller_has_no_number_to_show(people: House) -> None:
    case_no = people.register(anonymous=True, phone="", name="")
    assert people.get("dispatcher", f"/cases/{case_no}").json()["masked_number"] == ""
    assert people.post("dispatcher", f"/cases/{case_no}/reveal", {"reason": "核实"}).status_code == 404


def test_the_front_desk_reads_no_internal_note_and_no_answer_before_the_end(people: House) -> None:
    case_no = people.dispatched()
    people.do("liaison", case_no, "sign")
    fields = {"true_claim": True, "contacted": False, "solved": "yes", "internal": "内部情况", "answer": "草稿答复"}
    assert people.do("liaison", case_no, "feedback", **fields).status_code == 200
    seen = people.get("agent", f"/cases/{case_no}").text
    assert "内部情况" not in seen
    assert "内部情况" in people.get("dispatcher", f"/cases/{case_no}").text
    assert people.get("agent", f"/cases/{case_no}").json()["case"]["answer"] == ""


@pytest.mark.parametrize("who", ["agent", "liaison", "deputy", "operator", "leader", "bureau"])
def test_voicemails_and_their_alarms_are_for_those_who_review_them(people: House, who: str) -> None:
    assert people.get(who, "/voicemails").status_code == 403
    assert people.get(who, "/alerts").status_code == 403
    assert people.get(who, "/notices").status_code == 200


INTAKE = {"admin", "reviewer", "shift_leader", "dispatcher", "second", "supervisor", "callback"}
"""Who does what comes in: voicemails, and what other platforms hand over."""


def test_messages_of_other_platforms_are_for_those_on_duty(people: House) -> None:
    order = Incoming(
        platform="12315",
        message_id="m1",
        kind="order",
        reference="SH-1",
        title="退款纠纷",
        body="",
        state="",
        urgent=False,
        number="13851235678",
        sent_at=people.night.clock(),
    )
    linkage = people.night.deps().linkage
    linkage.take(order, "市场监管12315", b"{}")
    (item,) = linkage.items(unhandled=True)
    for who in people.browsers:
        may, reveals = who in INTAKE, who in INTAKE - {"shift_leader"}
        assert people.get(who, "/linkage").status_code == (200 if may else 403), who
        revealed = people.post(who, f"/linkage/{item.id}/reveal", {"reason": "回拨核实"})
        assert revealed.status_code == (200 if reveals else 403), who
        if not may:
            assert people.post(who, f"/linkage/{item.id}/handle", {"note": "已登记"}).status_code == 403, who
    case_no = people.dispatched()
    hidden = people.post("reviewer", f"/linkage/{item.id}/handle", {"note": "已登记", "case_no": case_no})
    assert (hidden.status_code, hidden.json()["code"]) == (404, "not_found")
    assert [one.id for one in linkage.items(unhandled=True)] == [item.id]
    done = people.post("dispatcher", f"/linkage/{item.id}/handle", {"note": "已登记", "case_no": case_no})
    assert (done.status_code, done.json()["case_no"]) == (200, case_no)


def test_the_history_of_a_voicemail_hides_what_that_of_its_case_hides(people: House) -> None:
    case_no = people.night.voicemail()
    fields = {"title": "电梯不修", "body": "小区电梯坏了三天。", "demand": "complaint", "matter": "物业管理"}
    feedback = {"true_claim": True, "contacted": False, "solved": "yes", "internal": "内部情况", "answer": "草稿答复"}
    steps: list[tuple[str, str, dict[str, object]]] = [
        ("reviewer", "register", {**fields, "region": "海州区"}),
        ("reviewer", "to_triage", {}),
        ("dispatcher", "dispatch", {}),
        ("liaison", "sign", {}),
        ("liaison", "feedback", feedback),
    ]
    for who, event, values in steps:
        answer = people.do(who, case_no, event, **values)
        assert answer.status_code == 200, (event, answer.text)
    for who in sorted(INTAKE):
        shown = who in READERS
        for path in (f"/voicemails/{case_no}", f"/cases/{case_no}"):
            answer = people.get(who, path)
            assert answer.status_code == 200, (who, path)
            assert ("内部情况" in answer.text) == shown, (who, path)


def test_who_withdraws_a_case_that_is_not_theirs_learns_its_new_state_only(people: House) -> None:
    made = people.post("agent", "/cases", CASE).json()
    case_no = made["case_no"]
    assert people.do("agent", case_no, "to_triage").status_code == 200
    assert people.get("shift_leader", f"/cases/{case_no}").status_code == 404
    version = people.get("bureau", f"/cases/{case_no}").json()["case"]["version"]
    said = {"reason": "来电撤诉", "reference": "20261124-7", "query_code": made["query_code"]}
    body = {"version": version, **said}
    path = f"/api/v1/cases/{case_no}/withdraw"
    leader, headers = people.browsers["shift_leader"], {"Idempotency-Key": "withdrawn"}
    first, again = (leader.post(path, json=body, headers=headers) for _ in range(2))
    assert (first.status_code, again.status_code) == (200, 200), first.text
    for answer in (first.json(), again.json()):
        told = {name for name, value in answer["case"].items() if value}
        assert told == {"case_no", "state", "version"}
        assert (answer["case"]["case_no"], answer["case"]["state"]) == (case_no, "WITHDRAWN")
        assert (answer["masked_number"], answer["events"], answer["files"], answer["allowed"]) == ("", [], [], [])
        assert answer["chain_ok"] is True
    history = people.get("bureau", f"/cases/{case_no}").json()["events"][-1]
    assert made["query_code"] not in str(history["payload"])


def test_a_unit_hears_of_its_own_orders_only(people: House) -> None:
    case_no = people.dispatched()
    mine = [(one["case_no"], one["kind"]) for one in people.get("liaison", "/notices").json()["items"]]
    assert (case_no, "order") in mine
    assert case_no not in people.get("operator", "/notices").text


def test_whoever_calls_again_has_the_former_cases_on_the_screen(people: House) -> None:
    case_no = people.register(phone="13912340000")
    answer = people.post("agent", "/callers", {"phone": "139 1234 0000"})
    assert [one["case_no"] for one in answer.json()["items"]] == [case_no]
    for who in ("liaison", "deputy", "leader", "bureau", "admin", "reviewer"):
        assert people.post(who, "/callers", {"phone": "13912340000"}).status_code == 403


def test_a_file_is_kept_by_its_digest_and_given_back_to_be_saved(people: House) -> None:
    case_no = people.dispatched()
    version = people.get("dispatcher", f"/cases/{case_no}").json()["case"]["version"]
    path = f"/cases/{case_no}/attachments"
    files = {"file": ("../电梯<b>.html", b"<script>1</script>", "text/html")}
    answer = people.post("liaison", f"{path}?version={version}", files=files)
    assert answer.status_code == 201, answer.text
    (kept,) = answer.json()["files"]
    got = people.get("dispatcher", f"{path}/{kept['id']}")
    assert (got.content, got.headers["content-type"]) == (b"<script>1</script>", "application/octet-stream")
    assert got.headers["content-disposition"].startswith("attachment")
    assert people.get("operator", f"{path}/{kept['id']}").status_code == 404
    empty = people.post("liaison", f"{path}?version={version + 1}", files={"file": ("a", b"", "image/png")})
    assert empty.status_code == 422


def test_a_table_comes_in_whole_or_not_at_all_and_once(people: House) -> None:
    heading = "诉求类型,标题,内容,地点,联系电话\n"
    good = heading + "投诉,路灯不亮,解放路路灯三天不亮了请尽快修理,解放路,13700000001\n" * 1
    good += "求助,老人走失,老人今天早上走失家人很着急,幸福小区,13700000002\n"
    before = count_cases(people)
    wrong = people.post("dispatcher", "/imports", files={"file": ("a.csv", (good + "骂人,a,b,c,d\n").encode())})
    assert (wrong.status_code, "第 4 行" in wrong.json()["detail"]) == (422, True)
    assert count_cases(people) == before
    for _ in range(2):
        answer = people.post("dispatcher", "/imports", files={"file": ("a.csv", good.encode("gb18030"))})
        assert answer.status_code == 201, answer.text
        assert len(answer.json()["items"]) == 2
    assert count_cases(people) == before + 2
    book = Workbook()
    assert book.active is not None
    for row in (["诉求类型", "标题", "内容"], ["建议", "增设公交站", "建议在学校门口增设一个公交站台"]):
        book.active.append(row)
    packed = io.BytesIO()
    book.save(packed)
    assert people.post("dispatcher", "/imports", files={"file": ("a.xlsx", packed.getvalue())}).status_code == 201
    for nonsense in (b"", b"PK\x03\x04nonsense", b"\x00\x01\x02", b'"a'):
        answer = people.post("dispatcher", "/imports", files={"file": ("a", nonsense)})
        assert answer.status_code == 422, answer.text
    assert people.post("liaison", "/imports", files={"file": ("b.csv", good.encode())}).status_code == 422


def count_cases(people: House) -> int:
    with people.night.engine.begin() as connection:
        return connection.execute(select(func.count()).select_from(case_)).scalar_one()


def test_a_table_goes_out_masked_and_without_formulas(people: House) -> None:
    case_no = people.register(title="=1+1", body="身份证320705199001011234，电话13851235678，请回电。")
    period = "since=2020-01-01T00:00:00Z&until=2100-01-01T00:00:00Z"
    text = people.get("dispatcher", f"/exports/cases?{period}").content.decode("utf-8-sig")
    (line,) = [line for line in text.splitlines() if case_no in line]
    assert "'=1+1" in line
    assert "138****5678" in line
    for private in ("13851235678", "320705199001011234", "王女士"):
        assert private not in text
    content = people.get("supervisor", f"/exports/cases?{period}&form=xlsx").content
    sheet = load_workbook(io.BytesIO(content)).worksheets[0]
    assert case_no in {row[0].value for row in sheet.iter_rows()}
    mine = people.get("liaison", f"/exports/cases?{period}").text
    assert case_no not in mine
    for who in ("agent", "reviewer", "admin", "deputy", "leader"):
        assert people.get(who, f"/exports/cases?{period}").status_code == 403


def test_a_repeated_request_makes_no_second_case(people: House) -> None:
    headers = {"Idempotency-Key": "twice"}
    first = people.browsers["agent"].post("/api/v1/cases", json=CASE, headers=headers)
    again = people.browsers["agent"].post("/api/v1/cases", json=CASE, headers=headers)
    assert first.json() == again.json()


def test_a_unit_has_one_liaison_and_remembers_the_former_one(people: House) -> None:
    people.night.users.add("newcomer", "a long password", roles.LIAISON, "新人")
    people.people.appoint("haizhou", "liaison", "newcomer", people.night.clock())
    posts = people.people.posts("haizhou")
    assert [(one.name, one.to_at is None) for one in posts if one.kind == "liaison"] == [
        ("新人", True),
        ("liaison", False),
    ]
    assert people.get("liaison", "/work").status_code == 403
    people.people.appoint("haizhou", "liaison", "liaison", people.night.clock())
    assert people.get("liaison", "/work").status_code == 200


SECRETS = ("内部情况", "草稿答复", "退回原因", "三定条款", "会商细节", "协办内情")


def worked(people: House) -> str:
    """A case in whose history every unit and the back office have left words for each other."""
    case_no = people.dispatched()
    feedback = {"true_claim": True, "contacted": False, "solved": "yes", "internal": "内部情况", "answer": "草稿答复"}
    steps: list[tuple[str, str, dict[str, Any]]] = [
        ("liaison", "sign", {}),
        ("other_liaison", "co_sign", {}),
        ("other_liaison", "co_feedback", {"internal": "协办内情"}),
        ("liaison", "feedback", feedback),
        ("deputy", "sign_feedback", {}),
        ("dispatcher", "review_back", {"defect": "perfunctory", "note": "退回原因"}),
    ]
    for who, event, values in steps:
        answer = people.do(who, case_no, event, **values)
        assert answer.status_code == 200, (event, answer.text)
    return case_no


def read_by(people: House, who: str, case_no: str) -> set[str]:
    answer = people.get(who, f"/cases/{case_no}")
    assert answer.status_code == 200, answer.text
    return {word for word in SECRETS if word in answer.text}


def test_of_words_that_others_wrote_for_each_other_everybody_reads_their_own_part(people: House) -> None:
    case_no = worked(people)
    assert read_by(people, "dispatcher", case_no) == {"内部情况", "草稿答复", "退回原因", "协办内情"}
    assert read_by(people, "liaison", case_no) == {"内部情况", "草稿答复", "退回原因", "协办内情"}
    assert read_by(people, "other_liaison", case_no) == {"退回原因", "协办内情", "草稿答复"}
    assert read_by(people, "agent", case_no) == set()


def test_a_unit_whose_return_was_accepted_has_nothing_to_do_with_the_case_any_more(people: House) -> None:
    case_no = people.dispatched()
    back = {"code": "not_ours", "law": "三定条款", "proposed_unit": "chengguan"}
    assert people.do("liaison", case_no, "return_order", **back).status_code == 200
    assert people.get("liaison", f"/cases/{case_no}").status_code == 200
    assert people.do("second", case_no, "accept_return", note="同意").status_code == 200
    assert people.get("liaison", f"/cases/{case_no}").status_code == 404
    assert case_no not in people.get("liaison", "/cases").text


def test_whose_former_cases_were_looked_up_is_written_down(people: House) -> None:
    people.register(phone="13912340077")
    people.post("shift_leader", "/callers", {"phone": "13912340077"})
    people.post("shift_leader", "/callers", {"phone": "13912349999"})  # nobody
    of_theirs = (access_log.c.what == "caller_cases", access_log.c.actor == "shift_leader")
    with people.night.engine.begin() as connection:
        (row,) = connection.execute(select(access_log).where(*of_theirs)).all()
    assert row.case_no == ""
    assert "139" not in row.reason


def test_the_front_desk_ends_no_case_of_which_nobody_has_called(people: House) -> None:
    case_no = people.register("agent")
    people.do("agent", case_no, "to_triage")
    said = {"reason": "来电撤诉", "reference": "lyg1-9.9"}
    for wrong in ({}, {"query_code": "0"}):
        answer = people.do("shift_leader", case_no, "withdraw", **said, **wrong)
        assert (answer.status_code, answer.json()["code"]) == (422, "guard"), answer.text
    assert people.do("agent", case_no, "withdraw", **said).status_code == 200  # their own case


def test_the_front_desk_ends_a_case_for_the_citizen_who_is_on_the_line(people: House) -> None:
    case_no = people.register("agent", phone="13912340000")
    people.do("agent", case_no, "to_triage")
    now, privacy = people.night.clock(), people.night.calls.privacy
    for call_id, number in (("lyg1-1.1", "13912340000"), ("lyg1-1.2", "13912349999")):
        row = {
            "call_id": call_id,
            "carrier": "asterisk",
            "ani_enc": privacy.encrypt(number, f"call.ani:{call_id}"),
            "ani_hmac": privacy.index(normalise_number(number), "ani"),
            "ani_masked": "139****0000",
            "dnis": "12345",
            "started_at": now,
        }
        talk = {"call_id": call_id, "user_name": "shift_leader", "extension": "1001", "answered_at": now}
        with people.night.engine.begin() as connection:
            connection.execute(insert(call).values(**row))
            connection.execute(insert(desk_call).values(**talk, disposition="", note=""))
    another = people.do("shift_leader", case_no, "withdraw", reason="来电撤诉", reference="lyg1-1.2")
    assert another.status_code == 422
    assert people.do("shift_leader", case_no, "withdraw", reason="来电撤诉", reference="lyg1-1.1").status_code == 200


def test_who_looked_at_whose_number_is_read_by_those_who_may_not_look(people: House) -> None:
    case_no, other = people.register(phone="13912340078"), people.register(phone="13912340079")
    for number, reason in ((case_no, "核实地点"), (other, "另一件"), (case_no, "再次核实")):
        assert people.post("dispatcher", f"/cases/{number}/reveal", {"reason": reason}).status_code == 200
    answer = people.get("bureau", f"/access-log?case_no={case_no}").json()
    looked = [(one["actor"], one["name"], one["what"], one["reason"]) for one in answer["items"]]
    assert looked == [("dispatcher", "dispatcher", "citizen_contact", reason) for reason in ("再次核实", "核实地点")]
    first = people.get("admin", "/access-log?actor=dispatcher&limit=2").json()
    then = people.get("admin", f"/access-log?actor=dispatcher&limit=2&cursor={first['next_cursor']}").json()
    assert [one["case_no"] for one in (*first["items"], *then["items"])][:3] == [case_no, other, case_no]
    assert people.get("bureau", "/access-log?since=2100-01-01T00:00:00Z").json()["items"] == []
    for who in sorted({*people.browsers} - {"admin", "bureau"}):
        assert people.get(who, "/access-log").status_code == 403
