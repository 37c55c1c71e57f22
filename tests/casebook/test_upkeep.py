"""What is kept up over the years: the calendar, the anchors, and whom the hotline may still know."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, update

from casebook.calendar import SpecialDay
from casebook.errors import CaseError
from casebook.handling import commands as do
from casebook.numbering import ZONE
from casebook.privacy import mask_text
from casebook.store.calls import SqlCallStore
from casebook.store.casework_schema import anchor, citizen
from casebook.store.citizens import CitizenPhones
from casebook.store.desk import ConversationRow, DeskLog
from casebook.store.desk_calls import DeskCalls
from casebook.store.linkage import Incoming, Linkage
from casebook.store.linkage_tables import linkage_message
from casebook.store.nightly import plan_night, run_night
from casebook.store.queries import Cases
from casebook.store.recordings import delete_old_sound
from casebook.store.recounting import correct_year, read_days
from casebook.store.router_tables import conversation
from casebook.store.schema import call, case_, outbox, recording
from casebook.store.verify import verify_chains
from casebook.tables import read_table
from ivr.ports import KeptRecording, NewCall, SessionRow
from tests.casebook.conftest import Desk
from tests.casebook.play import AGENT, DISPATCHER, book, liaison


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZONE)


def test_a_holiday_that_is_announced_late_gives_more_time_and_never_less(desk: Desk) -> None:
    desk.now = at("2026-12-28T09:00")
    case_no = desk.open(demand="help")
    desk.do(case_no, AGENT, do.ToTriage())
    before = desk.do(case_no, DISPATCHER, do.Dispatch())
    assert before.due_at == at("2027-01-06")  # 29, 30, 31 December, 4, 5 January: the 1st is a holiday already
    notice = "日期,班休,名称\n2027-01-01,休,元旦\n2027-01-04,休,元旦\n2027-01-09,班,调休\n"
    days = read_days(read_table(notice.encode()), 2027)
    assert correct_year(desk.engine, desk.casework, 2027, days, "国办发明电", desk.now) == 1
    case = desk.case(case_no)
    assert case.due_at == case.orders[0].due_at == at("2027-01-07")
    assert case.first_due_at == before.first_due_at
    assert correct_year(desk.engine, desk.casework, 2027, [], "更正", desk.now) == 0
    assert desk.case(case_no).due_at == at("2027-01-07")
    assert verify_chains(desk.engine) == []


def test_a_holiday_that_is_announced_late_gives_more_time_for_signing_too(desk: Desk) -> None:
    desk.now = at("2026-12-31T09:00")
    case_no = desk.open(demand="help")
    desk.do(case_no, AGENT, do.ToTriage())
    desk.do(case_no, DISPATCHER, do.Dispatch())
    desk.now = at("2026-12-31T16:00")
    signed, waiting = desk.do(case_no, liaison("haizhou"), do.Sign()).orders
    assert signed.sign_due_at == waiting.sign_due_at == at("2027-01-05")  # the end of Monday the 4th
    days = read_days(read_table("日期,班休,名称\n2027-01-01,休,元旦\n2027-01-04,休,元旦\n".encode()), 2027)
    correct_year(desk.engine, desk.casework, 2027, days, "国办发明电", desk.now)
    first, second = desk.case(case_no).orders
    assert (first.sign_due_at, second.sign_due_at) == (signed.sign_due_at, at("2027-01-06"))
    desk.later(days=5)  # Tuesday the 5th: the first timer has come and gone
    assert desk.case(case_no).orders[1].signed_at is None
    desk.later(days=1)
    second = desk.case(case_no).orders[1]
    assert (second.signed_at, second.signed_late) == (at("2027-01-06"), True)
    assert correct_year(desk.engine, desk.casework, 2027, [], "更正", desk.now) == 0
    assert verify_chains(desk.engine) == []


@pytest.mark.parametrize("line", ["2026-01-01,休,x", "someday,休,x", "2027-01-01,放假,x"])
def test_a_list_of_days_with_a_mistake_is_refused_by_its_line(line: str) -> None:
    with pytest.raises(CaseError, match="Line 2"):
        read_days(read_table(f"日期,班休,名称\n{line}\n".encode()), 2027)


def test_each_night_the_day_before_gets_its_anchor_and_the_next_night_is_planned(desk: Desk) -> None:
    desk.open()
    with desk.engine.begin() as connection:
        plan_night(connection, desk.now)
        run_night(connection, book(), date(2026, 11, 23), desk.now + timedelta(days=1))
    with desk.engine.begin() as connection:
        assert connection.scalars(select(anchor.c.events)).all() == [1]
        runs = connection.scalars(select(outbox.c.run_at).where(outbox.c.kind == "nightly").order_by(outbox.c.id))
        assert list(runs) == [at("2026-11-24T00:10"), at("2026-11-25T00:10")]


def test_nights_that_were_slept_through_are_made_up_for_but_for_a_day_that_is_not_settled(desk: Desk) -> None:
    desk.open()
    with desk.engine.begin() as connection:
        run_night(connection, book(), date(2026, 11, 23), at("2026-11-27T00:05"))
    with desk.engine.begin() as connection:
        days = connection.scalars(select(anchor.c.day).order_by(anchor.c.day)).all()
        assert days == [date(2026, 11, 23), date(2026, 11, 24), date(2026, 11, 25)]
        keys = connection.scalars(select(outbox.c.key).where(outbox.c.kind == "nightly")).all()
    assert keys == ["nightly:2026-11-26"]


def test_a_night_is_planned_on_by_a_clock_that_is_behind(desk: Desk) -> None:
    with desk.engine.begin() as connection:
        plan_night(connection, desk.now)
        run_night(connection, book(), date(2026, 11, 23), at("2026-11-24T00:09"))
        keys = connection.scalars(select(outbox.c.key).order_by(outbox.c.id)).all()
    assert keys == ["nightly:2026-11-23", "nightly:2026-11-24"]


def test_a_caller_of_long_ago_is_forgotten_and_the_case_stays(desk: Desk) -> None:
    old, recent = desk.open(1), desk.open(2)
    with desk.engine.begin() as connection:
        connection.execute(update(case_).where(case_.c.case_no == old).values(closed_at=desk.now))
        connection.execute(update(case_).where(case_.c.case_no == recent).values(closed_at=None))
    phones = CitizenPhones(desk.engine, desk.privacy)
    assert sorted(phones.values()) == ["+8613800000001", "+8613800000002"]
    with desk.engine.begin() as connection:
        run_night(connection, book(), date(2036, 12, 1), desk.now + timedelta(days=3651))
    assert list(phones.values()) == ["+8613800000002"]
    with desk.engine.begin() as connection:
        rows = connection.execute(select(citizen.c.phone_enc, citizen.c.name_enc).order_by(citizen.c.id)).all()
    assert rows[0] == (None, None)
    assert desk.case(old).title == "物业不修电梯"
    assert desk.open(1)  # who calls again is known again
    assert len(list(phones)) == 2


def test_a_forgotten_caller_s_number_is_gone_from_calls_and_from_messages_too(desk: Desk) -> None:
    old, recent = desk.open(1), desk.open(2)
    with desk.engine.begin() as connection:
        connection.execute(update(case_).where(case_.c.case_no == old).values(closed_at=desk.now))
        connection.execute(update(case_).where(case_.c.case_no == recent).values(closed_at=None))
    began, night = desk.now, desk.now + timedelta(days=3651)
    for moment, name in ((began, "old"), (night - timedelta(days=9), "new")):
        desk.now = moment
        for n in (1, 2):
            hear_from(desk, f"{name}{n}", f"1380000000{n}")
    for _ in range(2):
        with desk.engine.begin() as connection:
            run_night(connection, book(), date(2036, 12, 1), night)
        assert kept(desk) == {"old2", "new1", "new2"}
    with desk.engine.begin() as connection:
        run_night(connection, book(), date(2046, 12, 1), night + timedelta(days=3651))
    assert kept(desk) == {"old2", "new2"}  # what came since the citizen was forgotten goes in its own time


def test_the_number_of_a_caller_who_never_had_a_case_is_forgotten_in_its_time(desk: Desk) -> None:
    hear_from(desk, "nobody", "13800000009")
    night = desk.now + timedelta(days=3651)
    with desk.engine.begin() as connection:
        run_night(connection, book(), date(2026, 12, 1), desk.now + timedelta(days=3649))
    assert kept(desk) == {"nobody"}
    with desk.engine.begin() as connection:
        run_night(connection, book(), date(2036, 12, 1), night)
    assert kept(desk) == set()


def test_whose_case_was_supervised_is_not_forgotten(desk: Desk) -> None:
    change(desk, desk.open(1), {"closed_at": desk.now, "state": "CLOSED", "supervision": "DB2026-0001"})
    hear_from(desk, "supervised", "13800000001")
    with desk.engine.begin() as connection:
        run_night(connection, book(), date(2036, 12, 1), desk.now + timedelta(days=3651))
    assert kept(desk) == {"supervised"}


def test_old_sound_is_deleted_but_that_of_open_and_supervised_cases(desk: Desk, tmp_path: Path) -> None:
    over, supervised = {"closed_at": desk.now, "state": "CLOSED"}, {"supervision": "DB2026-0001"}
    master = desk.open(20)
    change(desk, master, {**over, **supervised})
    # What became of the case of each call; the last ones' sound is a conversation's.
    fates: dict[str, dict[str, object] | None] = {
        "over": over,
        "no-case": None,
        "open": {},
        "supervised": {**over, **supervised},
        "discarded": {"state": "DISCARDED"},
        "over-later": {**over, "closed_at": desk.now + timedelta(days=1)},
        "merged": {**over, "state": "MERGED", "master_no": master},
        "../outside": over,
        "talk-over": over,
        "talk-open": {},
    }
    folder, calls = tmp_path / "recordings", SqlCallStore(desk.engine, desk.privacy)
    folder.mkdir()
    for n, (name, fate) in enumerate(fates.items(), 1):
        (folder / f"{name}.wav").write_bytes(b"RIFF")
        speak(desk, calls, name)
        if fate is not None:
            change(desk, desk.open(n), fate, name)
    with calls.transaction() as work:
        # A second recording of a call is its case's too.
        work.save_recording("open", KeptRecording("open-2.wav", 1000, 900, "0" * 64, True, 2), desk.now)
    (folder / "open-2.wav").write_bytes(b"RIFF")
    (folder / "no-case.wav").unlink()  # by a night that was cut off before it could say so

    def delete(days: int, where: Path = folder) -> set[str]:
        moment = desk.now + timedelta(days=days)
        count = delete_old_sound(desk.engine, where, timedelta(days=730), moment)
        with desk.engine.begin() as connection:
            found = [
                path
                for table in (recording, conversation)
                for path in connection.scalars(select(table.c.path).where(table.c.erased_at == moment))
            ]
        assert count == len(found)
        return {path.removesuffix(".wav") for path in found}

    assert delete(729) == set()
    assert delete(730, tmp_path / "not-there") == set()
    assert delete(730) == {"over", "no-case", "discarded", "talk-over"}
    assert delete(731) == {"over-later"}
    left = {one.stem for one in folder.iterdir()}
    assert left == {"open", "open-2", "supervised", "merged", "talk-open"}
    assert (tmp_path / "outside.wav").exists()


def test_a_file_that_cannot_be_deleted_is_tried_again_and_keeps_nothing_else(desk: Desk, tmp_path: Path) -> None:
    calls = SqlCallStore(desk.engine, desk.privacy)
    for name in ("stuck", *(f"r{n}" for n in range(250))):
        (tmp_path / f"{name}.wav").write_bytes(b"RIFF")
        speak(desk, calls, name)
    (tmp_path / "stuck.wav").unlink()
    (tmp_path / "stuck.wav").mkdir()
    late = desk.now + timedelta(days=800)
    assert delete_old_sound(desk.engine, tmp_path, timedelta(days=730), late) == 250
    assert delete_old_sound(desk.engine, tmp_path, timedelta(days=730), late) == 0
    (tmp_path / "stuck.wav").rmdir()
    (tmp_path / "other.wav").write_bytes(b"RIFF")
    assert delete_old_sound(desk.engine, tmp_path, timedelta(days=730), late) == 1


def speak(desk: Desk, calls: SqlCallStore, name: str) -> None:
    """A call with a sound: a voicemail's, or a conversation's."""
    path = f"{name}.wav"
    with calls.transaction() as work:
        work.create_call(NewCall(name, "asterisk", "", "12345", desk.now), SessionRow(name, "r", 0, 0, {}, ()))
        if not name.startswith("talk"):
            work.save_recording(name, KeptRecording(path, 1000, 900, "0" * 64, True, 1), desk.now)
    if name.startswith("talk"):
        DeskLog(desk.engine).keep_conversation(ConversationRow(name, path, 1000, "0" * 64, desk.now))


def change(desk: Desk, case_no: str, values: dict[str, object], call_id: str = "") -> None:
    """Bring a case into a state; the case of a conversation is known to the desk alone."""
    known = {"call_id": call_id} if call_id and not call_id.startswith("talk") else {}
    with desk.engine.begin() as connection:
        if values or known:
            connection.execute(update(case_).where(case_.c.case_no == case_no).values(**values, **known))
    if call_id.startswith("talk"):
        cases = Cases(desk.engine, desk.privacy, book(), lambda: desk.now)
        calls = DeskCalls(desk.engine, desk.privacy, cases, lambda: desk.now)
        calls.took(call_id, "li", "1001", desk.now)
        calls.registered(call_id, "li", case_no)


def hear_from(desk: Desk, name: str, number: str) -> None:
    """A citizen calls, and is announced by a platform."""
    message = Incoming(
        platform="110",
        message_id=name,
        kind="call",
        reference=name,
        title="噪音扰民",
        body="",
        state="",
        urgent=False,
        number=number,
        sent_at=desk.now,
    )
    Linkage(desk.engine, desk.privacy, {}, lambda: desk.now).take(message, "公安110", name.encode())
    with SqlCallStore(desk.engine, desk.privacy).transaction() as work:
        work.create_call(NewCall(name, "asterisk", number, "12345", desk.now), SessionRow(name, "r", 0, 0, {}, ()))


def kept(desk: Desk) -> set[str]:
    """The calls whose number is known, in full and masked, and the messages: they are the same ones."""
    calls = select(call.c.call_id, call.c.ani_enc, call.c.ani_masked)
    messages = select(linkage_message.c.message_id, linkage_message.c.number_enc, linkage_message.c.number_masked)
    found = []
    with desk.engine.begin() as connection:
        for statement in (calls, messages):
            rows = connection.execute(statement).all()
            assert all(bool(enc) == bool(masked) for _, enc, masked in rows)
            found.append({name for name, enc, _ in rows if enc})
    assert found[0] == found[1]
    return found[0]


def test_numbers_in_free_text_are_masked() -> None:
    text = "身份证32070519900101123X，电话13851235678，卡号6222021234567890123，编号20261123000001"
    masked = "身份证**************123X，电话*******5678，卡号***************0123，编号20261123000001"
    assert mask_text(text) == masked


def test_a_unit_that_was_dissolved_hands_its_work_to_its_successor(desk: Desk) -> None:
    rules = book()
    assert rules.current_unit("xinpu", desk.now).code == "haizhou"
    assert rules.current_unit("xinpu", at("2012-05-01")).code == "xinpu"
    assert rules.region("新浦区", desk.now) == "海州区"


def test_the_row_that_says_most_of_matter_and_region_decides(desk: Desk) -> None:
    rules, now = book(), desk.now
    found = {
        (matter, region): row.unit if (row := rules.route(matter, region, now)) else ""
        for matter, region in (
            ("物业管理", "海州区"),
            ("物业管理", ""),
            ("房屋质量与维修", "海州区"),
            ("供电", "东海县"),
            ("", ""),
        )
    }
    assert list(found.values()) == ["haizhou", "zhujian", "zhujian", "gongdian", ""]


def test_a_special_day_is_kept_only_where_it_differs_from_its_weekday() -> None:
    days = read_days(read_table("日期,班休,名称\n2027-01-02,休,元旦\n2027-01-03,班,调休\n".encode()), 2027)
    assert days == [SpecialDay(date(2027, 1, 3), True, "调休")]
