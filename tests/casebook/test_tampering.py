"""Whoever gets past the triggers and changes the record is found by `hotline db verify`, with the case's number."""

from __future__ import annotations

import io
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Connection, delete, func, select, text, update
from sqlalchemy.event import listen, remove
from sqlalchemy.exc import DatabaseError

from casebook.errors import CaseError
from casebook.handling import commands as do
from casebook.store.calls import SqlCallStore
from casebook.store.casework_schema import anchor, attachment, order_
from casebook.store.files import Files
from casebook.store.schema import access_log, case_, event
from casebook.store.verify import make_anchor, rebuild, verify_chains
from ivr.ports import KeptRecording, NewCall, OpenVoicemailCase, SessionRow
from tests.casebook.conftest import Desk
from tests.casebook.play import AGENT, DISPATCHER, liaison

Tamper = Callable[[Connection, int], None]


def disarm(connection: Connection) -> None:
    """What somebody with all rights on the database can do."""
    if connection.dialect.name == "postgresql":
        for table in ("event", "anchor"):
            connection.execute(text(f"ALTER TABLE {table} DISABLE TRIGGER ALL"))
    else:
        for name in ("event_no_update", "event_no_delete", "anchor_no_update", "anchor_no_delete"):
            connection.execute(text(f"DROP TRIGGER {name}"))


def a_byte(connection: Connection, case_id: int) -> None:
    where = (event.c.case_id == case_id) & (event.c.seq == 2)
    connection.execute(update(event).where(where).values(payload=event.c.payload + " "))


def an_event_deleted(connection: Connection, case_id: int) -> None:
    connection.execute(delete(event).where(event.c.case_id == case_id, event.c.seq == 2))


def the_last_event_cut_off(connection: Connection, case_id: int) -> None:
    last = select(func.max(event.c.seq)).where(event.c.case_id == case_id).scalar_subquery()
    connection.execute(delete(event).where(event.c.case_id == case_id, event.c.seq == last))


def two_rows_swapped(connection: Connection, case_id: int) -> None:
    for old, new in ((2, 999), (3, 2), (999, 3)):
        where = (event.c.case_id == case_id) & (event.c.seq == old)
        connection.execute(update(event).where(where).values(seq=new))


def the_cases_row_edited(connection: Connection, case_id: int) -> None:
    connection.execute(update(case_).where(case_.c.id == case_id).values(due_at=case_.c.first_due_at, place="别处"))


def an_order_edited(connection: Connection, case_id: int) -> None:
    later = order_.c.signed_late.is_(False)
    connection.execute(update(order_).where(order_.c.case_id == case_id, later).values(signed_late=True))


def an_order_deleted(connection: Connection, case_id: int) -> None:
    connection.execute(delete(order_).where(order_.c.case_id == case_id, order_.c.seq == 2))


def another_channel(connection: Connection, case_id: int) -> None:
    connection.execute(update(case_).where(case_.c.id == case_id).values(channel="web"))


def an_attachment_replaced(connection: Connection, case_id: int) -> None:
    connection.execute(update(attachment).where(attachment.c.case_id == case_id).values(sha256="1" * 64))


def an_attachment_deleted(connection: Connection, case_id: int) -> None:
    connection.execute(delete(attachment).where(attachment.c.case_id == case_id))


def another_query_code(connection: Connection, case_id: int) -> None:
    connection.execute(update(case_).where(case_.c.id == case_id).values(query_code_hmac="0" * 64))


TAMPERINGS: list[Tamper] = [
    another_channel,
    an_attachment_replaced,
    an_attachment_deleted,
    another_query_code,
    a_byte,
    an_event_deleted,
    the_last_event_cut_off,
    two_rows_swapped,
    the_cases_row_edited,
    an_order_edited,
    an_order_deleted,
]


def three_cases(desk: Desk) -> tuple[str, int]:
    """Three cases in a unit's hands, the last event of each one that changes nothing but the history."""
    numbers = []
    for n in range(3):
        case_no = desk.open(n)
        desk.do(case_no, AGENT, do.ToTriage())
        desk.do(case_no, DISPATCHER, do.Dispatch())
        desk.do(case_no, liaison("haizhou"), do.Sign())
        desk.do(case_no, liaison("haizhou"), do.Attach(file_name="a", media_type="", size=1, sha256="0" * 64))
        numbers.append(case_no)
    assert verify_chains(desk.engine) == []
    with desk.engine.begin() as connection:
        return numbers[1], connection.execute(select(case_.c.id).where(case_.c.case_no == numbers[1])).scalar_one()


@pytest.mark.parametrize("tamper", TAMPERINGS, ids=lambda one: one.__name__)
def test_it_is_found_with_the_number_of_the_case(desk: Desk, tamper: Tamper) -> None:
    case_no, case_id = three_cases(desk)
    with desk.engine.begin() as connection:
        disarm(connection)
        tamper(connection, case_id)
    assert {finding.case_no for finding in verify_chains(desk.engine, privacy=desk.privacy)} == {case_no}


def test_a_file_that_is_not_what_was_attached_is_found(desk: Desk, tmp_path: Path) -> None:
    files = Files(tmp_path)
    digests = [files.keep(io.BytesIO(content), 100)[0] for content in (b"one", b"two", b"three")]
    numbers = []
    for n, digest in enumerate(digests):
        numbers.append(desk.open(n))
        attached = do.Attach(file_name="a.txt", media_type="text/plain", size=5, sha256=digest)
        desk.do(numbers[-1], AGENT, attached)
    assert verify_chains(desk.engine, files=files) == []
    files.path(digests[0]).write_bytes(b"other")
    files.path(digests[2]).unlink()
    assert [one.case_no for one in verify_chains(desk.engine, files=files)] == [numbers[0], numbers[2]]


def test_the_call_of_a_voicemail_is_the_one_of_its_history(desk: Desk) -> None:
    calls = SqlCallStore(desk.engine, desk.privacy)
    for n in range(2):
        with calls.transaction() as unit:
            session = SessionRow(f"c{n}", "r", 0, 0, {}, ())
            unit.create_call(NewCall(f"c{n}", "asterisk", "13812345678", "12345", desk.now), session)
            unit.save_recording(f"c{n}", KeptRecording(f"d/{n}.wav", 5000, 4000, "00", True, 3), desk.now)
            if not n:
                unit.open_by_voicemail("c0", OpenVoicemailCase("d/0.wav", "help"), desk.now)
    assert verify_chains(desk.engine, privacy=desk.privacy) == []
    with desk.engine.begin() as connection:
        connection.execute(update(case_).values(call_id="c1"))
    assert [one.case_no for one in verify_chains(desk.engine)] == ["LYG20261123000001"]


def test_an_anchor_that_is_gone_is_missed(desk: Desk) -> None:
    desk.open(1)
    first = date(2026, 11, 23)
    with desk.engine.begin() as connection:
        make_anchor(connection, first, desk.now)
    desk.now += timedelta(days=1)
    desk.open(2)
    desk.now += timedelta(days=3)
    today = desk.now
    assert [one.case_no for one in verify_chains(desk.engine, now=today)] == ["LYG 2026-11-24"]
    with desk.engine.begin() as connection:
        make_anchor(connection, first + timedelta(days=1), desk.now)
    assert verify_chains(desk.engine, now=today) == []


def test_a_case_that_is_gone_with_all_its_events_is_missed_by_its_number(desk: Desk) -> None:
    case_no, case_id = three_cases(desk)
    with desk.engine.begin() as connection:
        disarm(connection)
        for table in (attachment, event, order_):
            connection.execute(delete(table).where(table.c.case_id == case_id))
        connection.execute(delete(case_).where(case_.c.id == case_id))
    assert [str(finding) for finding in verify_chains(desk.engine)] == [f"{case_no}: the case is gone"]


def test_a_history_rewritten_from_end_to_end_differs_from_the_anchor_of_its_day(desk: Desk) -> None:
    _, case_id = three_cases(desk)
    day = date(2026, 11, 23)
    with desk.engine.begin() as connection:
        made = make_anchor(connection, day, desk.now + timedelta(days=1))
        assert make_anchor(connection, day, desk.now + timedelta(days=2)) == made
        disarm(connection)
        # The forger leaves out the last event, and makes the rows as they were before it.
        the_last_event_cut_off(connection, case_id)
        an_attachment_deleted(connection, case_id)
        connection.execute(update(case_).where(case_.c.id == case_id).values(version=case_.c.version - 1))
    findings = verify_chains(desk.engine)
    assert [finding.case_no for finding in findings] == ["LYG 2026-11-23"]


def test_edited_rows_are_made_again_from_the_history_and_a_broken_history_is_not_used(desk: Desk) -> None:
    case_no, case_id = three_cases(desk)
    before = desk.case(case_no)
    with desk.engine.begin() as connection:
        the_cases_row_edited(connection, case_id)
        an_order_edited(connection, case_id)
        rebuild(connection, case_no)
    assert desk.case(case_no) == before
    assert verify_chains(desk.engine) == []
    with desk.engine.begin() as connection:
        disarm(connection)
        a_byte(connection, case_id)
    with pytest.raises(CaseError) as refused, desk.engine.begin() as connection:
        rebuild(connection, case_no)
    assert refused.value.code == "bad_value"


@pytest.mark.parametrize("table", [event, anchor, access_log], ids=lambda one: one.name)
def test_the_database_itself_refuses_to_change_what_is_only_added_to(desk: Desk, table: object) -> None:
    three_cases(desk)
    with desk.engine.begin() as connection:
        make_anchor(connection, date(2026, 11, 23), desk.now)
        values = {"actor": "a", "case_no": "b", "what": "c", "reason": "d", "at": desk.now}
        connection.execute(access_log.insert().values(values))
    for statement in (update(table).values({"id": 9} if "id" in table.c else {"events": 9}), delete(table)):  # type: ignore[arg-type,attr-defined]
        with pytest.raises(DatabaseError, match="append-only"), desk.engine.begin() as connection:
            connection.execute(statement)


def test_a_record_that_is_written_while_it_is_checked_is_not_taken_for_a_forged_one(desk: Desk) -> None:
    case_no, _ = three_cases(desk)
    written: list[str] = []

    def write_between(_: object, __: object, statement: str, *___: object) -> None:
        # The rows of the cases have been read, their events are read next.
        if "FROM event" in statement and not written:
            written.append(case_no)
            desk.do(case_no, DISPATCHER, do.Urge(note="请抓紧"))

    listen(desk.engine, "before_cursor_execute", write_between)
    findings = verify_chains(desk.engine)
    remove(desk.engine, "before_cursor_execute", write_between)
    assert (written, findings) == ([case_no], [])
    assert desk.case(case_no).orders[0].urgings == 1
