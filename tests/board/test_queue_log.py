"""What the PBX's log of its queues becomes in the store: once, whole, and never guessed."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, text

from call_router.calls_file import CallsFile
from call_router.queue_log import QueueLog, parse
from casebook.errors import CaseError
from casebook.indicators_telephone import ABANDONED, ANSWERED, PAUSED, STAFFED, WAITING, WRAP_UP, Visit
from casebook.store.schema import call
from casebook.store.telephone import LOST, Telephone
from casebook.store.telephone_figures import TelephoneFigures
from casebook.store.telephone_tables import queue_visit
from ivr.ports import NewCall
from tests.store.conftest import Store

T = 1763949600
NIGHT = datetime.fromtimestamp(T, UTC)
CALL, OTHER = "lyg1-1763949590.1", "lyg1-1763949591.2"


class Log:
    """A PBX's log, written as Asterisk writes it."""

    def __init__(self, folder: Path, telephone: Telephone) -> None:
        self.folder = folder
        self.file = folder / "queue_log"
        self.telephone = telephone
        self.reader = QueueLog(folder, telephone, "lyg1")

    def write(self, after_s: int, call: str, agent: str, *event: object, queue: str = "agents") -> None:
        with self.file.open("a", encoding="utf-8") as out:
            out.write("|".join(map(str, (T + after_s, call, queue, agent, *event))) + "\n")

    def visits(self) -> list[Visit]:
        self.reader.take_in()
        return self.telephone.visits(NIGHT - timedelta(days=1), NIGHT + timedelta(days=1))


@pytest.fixture
def log(store: Store, tmp_path: Path) -> Log:
    folder = tmp_path / "log"
    folder.mkdir()
    return Log(folder, Telephone(store.engine))


def answered(log: Log, call: str = CALL, began: int = 0, wait_s: int = 7, talk_s: int = 60) -> None:
    log.write(began, call, "NONE", "ENTERQUEUE", "", "13812345678", 1)
    log.write(began + wait_s, call, "座席1001", "CONNECT", wait_s, "lyg1-1763949600.9", 3)
    log.write(began + wait_s + talk_s, call, "座席1001", "COMPLETECALLER", wait_s, talk_s, 1)


def test_an_answered_call(log: Log) -> None:
    answered(log)
    (visit,) = log.visits()
    assert visit == Visit(CALL, "agents", NIGHT, ANSWERED, 7, NIGHT + timedelta(seconds=7), "座席1001", 60, None)


@pytest.mark.parametrize(
    ("event", "outcome"),
    [
        (("ABANDON", 1, 1, 33), ABANDONED),
        (("EXITWITHTIMEOUT", 1, 1, 33), "timeout"),
        (("EXITEMPTY", 1, 1, 33), "leave_empty"),
        (("EXITWITHKEY", "1", 1, 1, 33), "key"),
        (("WITHDRAW", 1, 1, 33, "callback"), "withdrawn"),
    ],
)
def test_a_caller_whom_nobody_answered(log: Log, event: tuple[object, ...], outcome: str) -> None:
    log.write(0, CALL, "NONE", "ENTERQUEUE", "", "13812345678", 1)
    log.write(20, CALL, "座席1001", "RINGNOANSWER", 15000)
    log.write(33, CALL, "NONE", *event)
    (visit,) = log.visits()
    assert (visit.outcome, visit.wait_s, visit.answered_at) == (outcome, 33, None)


def test_a_caller_who_was_not_let_in(log: Log) -> None:
    log.write(0, CALL, "NONE", "JOINEMPTY")
    assert [visit.outcome for visit in log.visits()] == ["join_empty"]


@pytest.mark.parametrize(
    "event",
    [
        ("COMPLETEAGENT", 7, 41, 1),
        ("BLINDTRANSFER", "110", "hotline-xfer", 7, 41, 1),
        ("ATTENDEDTRANSFER", "BRIDGE", "a-bridge", 7, 41, 1),
        ("ATTENDEDTRANSFER", "LINK", "PJSIP/1", "PJSIP/2", 7, 41, 1),
    ],
)
def test_a_conversation_ends_in_more_than_one_way(log: Log, event: tuple[object, ...]) -> None:
    log.write(0, CALL, "NONE", "ENTERQUEUE", "", "", 1)
    log.write(7, CALL, "座席1001", "CONNECT", 7, "x", 3)
    log.write(48, CALL, "座席1001", *event)
    assert [visit.talk_s for visit in log.visits()] == [41]


def test_a_second_stay_in_the_queue_is_a_second_visit(log: Log) -> None:
    log.write(0, CALL, "NONE", "ENTERQUEUE", "", "", 1)
    log.write(30, CALL, "NONE", "EXITWITHTIMEOUT", 1, 1, 30)
    log.write(40, CALL, "NONE", "ENTERQUEUE", "", "", 1)
    log.write(44, CALL, "座席1001", "CONNECT", 4, "x", 3)
    assert [(visit.outcome, visit.wait_s) for visit in log.visits()] == [("timeout", 30), (ANSWERED, 4)]


def test_the_log_is_read_while_it_grows_and_a_half_written_line_waits(log: Log) -> None:
    log.write(0, CALL, "NONE", "ENTERQUEUE", "", "", 1)
    with log.file.open("a", encoding="utf-8") as out:
        out.write(f"{T + 5}|{CALL}|agents|座席1001|CONN")
    assert [visit.outcome for visit in log.visits()] == [WAITING]
    with log.file.open("a", encoding="utf-8") as out:
        out.write("ECT|5|x|3\n")
    assert [visit.outcome for visit in log.visits()] == [ANSWERED]


def test_read_twice_from_the_start_changes_nothing(log: Log, store: Store) -> None:
    answered(log)
    log.write(90, OTHER, "NONE", "JOINEMPTY")
    before = log.visits()
    with store.engine.begin() as connection:
        connection.execute(text("DELETE FROM reading_position"))
    assert log.visits() == before


def test_the_rest_of_a_rotated_log_is_read_too(log: Log) -> None:
    log.write(0, CALL, "NONE", "ENTERQUEUE", "", "", 1)
    log.visits()
    log.write(5, CALL, "座席1001", "CONNECT", 5, "x", 3)
    log.file.rename(log.folder / "queue_log.0")
    log.write(50, CALL, "座席1001", "COMPLETEAGENT", 5, 45, 1)
    (visit,) = log.visits()
    assert (visit.outcome, visit.talk_s) == (ANSWERED, 45)
    assert [path.name for path in log.folder.iterdir()] == ["queue_log"], "the rotated one lies about"


def test_several_rotated_logs_are_read_in_their_order(log: Log) -> None:
    log.write(0, CALL, "NONE", "ENTERQUEUE", "", "", 1)
    for n, (after_s, event) in enumerate([(5, ("CONNECT", 5, "x", 3)), (50, ("COMPLETEAGENT", 5, 45, 1))]):
        log.file.rename(log.folder / f"queue_log.{n}")
        os.utime(log.folder / f"queue_log.{n}", (T + n, T + n))
        log.write(after_s, CALL, "座席1001", *event)
    assert [(visit.outcome, visit.talk_s) for visit in log.visits()] == [(ANSWERED, 45)]


def test_lines_that_nobody_can_read_are_passed_over(log: Log) -> None:
    with log.file.open("ab") as out:
        out.write(b"\xff\xfe|x\nnonsense\nx|c|q|a|CONNECT|7|b|3\n1|c|q|a|ABANDON|1\n")
    answered(log)
    assert [visit.outcome for visit in log.visits()] == [ANSWERED]


def test_the_caller_s_number_is_not_taken(log: Log) -> None:
    assert "13812345678" not in repr(parse(f"{T}|{CALL}|agents|NONE|ENTERQUEUE||13812345678|1"))


def test_who_waited_when_the_pbx_died_is_lost_and_lengths_are_not_guessed(log: Log, store: Store) -> None:
    log.write(0, CALL, "NONE", "ENTERQUEUE", "", "", 1)
    log.write(1, OTHER, "NONE", "ENTERQUEUE", "", "", 2)
    log.write(6, CALL, "座席1001", "CONNECT", 6, "x", 3)
    log.write(30, "NONE", "NONE", "QUEUESTART", queue="NONE")
    talked, waited = log.visits()
    assert (talked.outcome, talked.talk_s) == (ANSWERED, None)
    assert (waited.outcome, waited.wait_s) == (LOST, None)
    with store.engine.connect() as connection:
        assert connection.execute(select(queue_visit.c.id).where(queue_visit.c.left_at.is_(None))).first() is None


def test_a_visit_whose_call_is_gone_is_closed_and_another_pbx_s_is_not(log: Log, store: Store) -> None:
    log.write(0, CALL, "NONE", "ENTERQUEUE", "", "", 1)
    log.write(0, OTHER, "NONE", "ENTERQUEUE", "", "", 2)
    log.visits()
    assert log.telephone.give_up("lyg2", set(), NIGHT + timedelta(minutes=1)) == 0
    assert log.telephone.give_up("lyg1", {OTHER}, NIGHT + timedelta(minutes=1)) == 1
    assert [visit.outcome for visit in log.visits()] == [LOST, WAITING]


def test_the_reaper_learns_from_it_who_had_reached_an_agent(log: Log, store: Store) -> None:
    answered(log)
    log.write(0, OTHER, "NONE", "ENTERQUEUE", "", "", 1)
    log.visits()
    assert [store.intake.reached_an_agent(call) for call in (CALL, OTHER, "lyg1-9.9")] == [True, False, False]


def test_a_call_s_origin_is_in_its_record(store: Store, tmp_path: Path) -> None:
    row = (
        f'"{CALL}","{CALL}","hotline","13812345678","12345","{T}.1","{T + 9}.2","9","ANSWERED","PJSIP/psap-0000002a"\n'
    )
    older = row.replace(CALL, OTHER).replace(',"PJSIP/psap-0000002a"', "")
    (tmp_path / "calls.csv").write_text(row + older, encoding="utf-8")
    for _, rows in CallsFile(tmp_path).batches():
        for one in rows:
            new = NewCall(one.call_id, "asterisk", one.number, "12345", one.started_at)
            store.intake.record_call(new, ended_at=one.ended_at, talk_s=one.talk_s, origin=one.origin)
    with store.engine.connect() as connection:
        found = dict(map(tuple, connection.execute(select(call.c.call_id, call.c.origin))))
    assert found == {CALL: "psap", OTHER: ""}


def test_an_agent_s_time_and_the_wrap_up_after_a_conversation(log: Log) -> None:
    log.write(-60, "MANAGER", "座席1001", "ADDMEMBER", "")
    answered(log, wait_s=7, talk_s=60)
    log.write(68, "NONE", "座席1001", "PAUSE", "wrapup")
    log.write(83, "NONE", "座席1001", "UNPAUSE", "")
    log.write(100, "NONE", "座席1001", "PAUSE", "休息")
    log.write(200, "NONE", "座席1001", "PAUSE", "会议")
    log.write(300, "MANAGER", "座席1001", "REMOVEMEMBER", "")
    assert [visit.acw_s for visit in log.visits()] == [15]
    times = log.telephone.agent_times(NIGHT - timedelta(hours=1), NIGHT + timedelta(hours=1))
    lengths = [(t.kind, (t.ended_at - t.began_at).total_seconds() if t.ended_at else None) for t in times]
    assert lengths == [(STAFFED, 360), (WRAP_UP, 15), (PAUSED, 100), (PAUSED, 100)]


def test_half_hours_are_kept_for_good_and_a_correction_is_a_new_row(log: Log, store: Store) -> None:
    figures = TelephoneFigures(store.engine)
    began = NIGHT.replace(minute=NIGHT.minute // 30 * 30, second=0)
    log.write(0, CALL, "NONE", "ENTERQUEUE", "", "", 1)
    log.write(7, CALL, "座席1001", "CONNECT", 7, "x", 3)
    log.visits()
    now = NIGHT + timedelta(minutes=45)
    assert figures.keep(now) > 0
    assert figures.keep(now + timedelta(minutes=1)) == 0
    log.write(2500, CALL, "座席1001", "COMPLETEAGENT", 7, 2493, 1)
    log.visits()
    assert figures.keep(now + timedelta(minutes=2)) == 2
    (first_at, first), (second_at, second) = figures.kept(began)
    assert first_at < second_at
    assert (first["answered"], first["aht_s"], second["answered"], second["aht_s"]) == (1, None, 1, 2493)
    assert json.dumps(figures.kept(began, "agents")[-1][1]) == json.dumps(second)


def test_the_report_of_a_period_agrees_with_its_half_hours(log: Log, store: Store) -> None:
    for n in range(20):
        answered(log, f"lyg1-{T}.{n}", began=n * 400, wait_s=n)
        log.write(n * 400 + 5, f"lyg1-{T}.9{n}", "NONE", "ENTERQUEUE", "", "", 1)
        log.write(n * 400 + 9, f"lyg1-{T}.9{n}", "NONE", "ABANDON", 1, 1, 4)
    log.visits()
    start = NIGHT - timedelta(minutes=NIGHT.minute % 30, seconds=NIGHT.second)
    report = TelephoneFigures(store.engine).report(start, start + timedelta(hours=3), "", NIGHT + timedelta(days=1))
    assert (report.total.offered, report.total.answered, report.total.short_abandoned) == (40, 20, 20)
    assert sum(one.offered for _, one in report.intervals) == 40
    assert len(report.intervals) == 6


def test_a_report_of_no_period_is_refused(store: Store) -> None:
    with pytest.raises(CaseError):
        TelephoneFigures(store.engine).report(NIGHT, NIGHT, "", NIGHT)
