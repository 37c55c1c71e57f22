"""What a carrier's cloud reports: recordings that must be fetched, calls that are over, calls that the line makes."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from casebook.errors import CaseError
from casebook.store.carrier import CarrierReports
from casebook.store.outbound import OutboundCalls
from casebook.store.schema import call, case_, outbound_call, outbox, recording
from ivr.events import CaseOpened
from ivr.ports import KeptRecording, NewCall, OpenVoicemailCase, RecordingFacts, SessionRow, StepWrites
from tests.store.conftest import NOW, Store

CALL, SID = "CA" + "1" * 32, "RE" + "2" * 32
PATH = f"twilio/11/{CALL}-{SID}.wav"
FACTS = RecordingFacts(4000, 3000, "ab" * 32)
NEW = NewCall(CALL, "twilio", "+8613812345678", "+8651812345000", NOW)


def begin(store: Store, call_id: str = CALL, ani: str = "+8613812345678") -> SessionRow:
    session = SessionRow(call_id, "rev", 0, 0, {"node": "voicemail"}, ())
    with store.calls.transaction() as unit:
        unit.create_call(NewCall(call_id, "twilio", ani, "", NOW), session)
    return session


def claim(store: Store, session: SessionRow, sha256: str = "") -> str:
    """The step of a recording: it is kept and becomes the case."""
    with store.calls.transaction() as unit:
        unit.save_recording(session.call_id, KeptRecording(PATH, 3000, None, sha256, True, 2), NOW)
        opened = unit.open_by_voicemail(session.call_id, OpenVoicemailCase(PATH, "help"), NOW)
    assert isinstance(opened, CaseOpened)
    return opened.case_no


def end(store: Store, session: SessionRow) -> None:
    session.ended_at = NOW
    with store.calls.transaction() as unit:
        unit.save_step(session, StepWrites((), (), "missed"), NOW)


def keep(store: Store, reports: CarrierReports, facts: RecordingFacts = FACTS) -> str | None:
    with store.engine.begin() as connection:
        return reports.keep(connection, NEW, PATH, facts, NOW)


def jobs(store: Store, kind: str) -> list[Any]:
    with store.engine.connect() as connection:
        return list(connection.execute(select(outbox).where(outbox.c.kind == kind)))


def rows(store: Store, statement: Any) -> list[Any]:
    with store.engine.connect() as connection:
        return list(connection.execute(statement))


def test_a_recording_is_expected_once(store: Store) -> None:
    reports = CarrierReports(store.calls)
    assert reports.not_expected([PATH, "other"]) == {PATH, "other"}
    for _ in range(3):
        reports.expect_recording(CALL, SID, PATH, NOW)
    assert len(jobs(store, "fetch_recording")) == 1
    assert reports.not_expected([PATH, "other"]) == {"other"}


def test_the_end_of_a_call_is_expected_once_and_not_at_once(store: Store) -> None:
    reports = CarrierReports(store.calls)
    reports.expect_end(CALL, NOW)
    reports.expect_end(CALL, NOW + timedelta(seconds=5))
    (job,) = jobs(store, "end_call")
    assert job.run_at == NOW + timedelta(seconds=10)


def test_whose_a_recording_is(store: Store) -> None:
    reports = CarrierReports(store.calls)
    assert reports.claim_of(CALL, PATH) == "unknown"
    session = begin(store)
    assert reports.claim_of(CALL, PATH) == "open"
    end(store, session)
    assert reports.claim_of(CALL, PATH) == "over"
    claim(store, session)
    assert reports.claim_of(CALL, PATH) == "step"


def test_the_transcription_waits_for_the_recording(store: Store) -> None:
    reports = CarrierReports(store.calls)
    claim(store, begin(store))
    assert jobs(store, "transcribe") == []
    assert keep(store, reports) is None
    assert keep(store, reports) is None
    assert len(jobs(store, "transcribe")) == 1
    (row,) = rows(store, select(recording))
    assert (row.duration_ms, row.speech_ms, row.sha256, row.kept) == (4000, 3000, FACTS.sha256, True)


def test_a_recording_that_was_fetched_before_its_case_was_opened_is_transcribed_too(store: Store) -> None:
    session = begin(store)
    with store.calls.transaction() as unit:
        unit.save_recording(CALL, KeptRecording(PATH, 3000, None, "", True, 2), NOW)
    keep(store, CarrierReports(store.calls))
    assert jobs(store, "transcribe") == []
    with store.calls.transaction() as unit:
        unit.open_by_voicemail(session.call_id, OpenVoicemailCase(PATH, ""), NOW)
    assert len(jobs(store, "transcribe")) == 1


def test_fetched_and_opened_at_the_same_time_it_is_transcribed_once(store: Store) -> None:
    reports = CarrierReports(store.calls)
    session = begin(store)
    with store.calls.transaction() as unit:
        unit.save_recording(CALL, KeptRecording(PATH, 3000, None, "", True, 2), NOW)
    barrier = threading.Barrier(2)

    def fetch() -> None:
        barrier.wait(10)
        keep(store, reports)

    def open_case() -> None:
        barrier.wait(10)
        with store.calls.transaction() as unit:
            unit.open_by_voicemail(session.call_id, OpenVoicemailCase(PATH, ""), NOW)

    threads = [threading.Thread(target=work) for work in (fetch, open_case)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert len(jobs(store, "transcribe")) == 1


def test_a_recording_that_no_step_claimed_becomes_the_case_of_its_call(store: Store) -> None:
    session = begin(store)
    end(store, session)
    case_no = keep(store, CarrierReports(store.calls))
    assert case_no
    assert [row.case_no for row in rows(store, select(case_))] == [case_no]
    assert [row.outcome for row in rows(store, select(call))] == ["voicemail"]
    assert len(jobs(store, "transcribe")) == 1


def test_a_recording_of_a_call_that_nobody_knows_brings_its_call(store: Store) -> None:
    assert keep(store, CarrierReports(store.calls))
    (row,) = rows(store, select(call))
    assert (row.carrier, row.ani_masked, row.outcome) == ("twilio", "138****5678", "voicemail")


def test_one_without_speech_is_kept_as_a_file_and_makes_no_case(store: Store) -> None:
    session = begin(store)
    end(store, session)
    assert keep(store, CarrierReports(store.calls), RecordingFacts(2000, 200, "cd" * 32)) is None
    assert [row.kept for row in rows(store, select(recording))] == [False]
    assert rows(store, select(case_)) == []


def test_calls_of_which_nothing_was_heard(store: Store) -> None:
    reports = CarrierReports(store.calls)
    begin(store)
    end(store, begin(store, "CA" + "3" * 32))
    assert reports.silent_calls("twilio", NOW - timedelta(seconds=1), 10) == []
    assert reports.silent_calls("twilio", NOW + timedelta(seconds=1), 10) == [CALL]
    assert reports.silent_calls("asterisk", NOW + timedelta(seconds=1), 10) == []


# --- calls that the line makes


def test_a_call_back_is_asked_for_once_and_made_once(store: Store) -> None:
    calls = OutboundCalls(store.calls)
    begin(store)
    calls.call_back(CALL, NOW)
    calls.call_back(CALL, NOW)
    (job,) = jobs(store, "outbound_call")
    (row,) = rows(store, select(outbound_call))
    assert job.payload == f'{{"id":{row.id}}}'
    first = calls.begin(row.id, NOW)
    assert first
    assert (first.purpose, first.number, first.since) == ("call_back", "+8613812345678", None)
    again = calls.begin(row.id, NOW + timedelta(minutes=1))
    assert again
    assert again.since == NOW
    assert calls.unknown(["CA1", "CA2"]) == "CA1"
    with store.engine.begin() as connection:
        calls.made(connection, row.id, "CA1")
    assert calls.begin(row.id, NOW) is None
    assert calls.unknown(["CA1", "CA2"]) == "CA2"
    assert calls.unknown([]) is None
    reports = CarrierReports(store.calls)
    reports.note_unanswered("CA1", "busy")
    reports.note_unanswered("CA1", "no-answer")
    assert [(one.state, one.result) for one in rows(store, select(outbound_call))] == [("over", "busy")]


def test_who_has_no_number_is_not_called(store: Store) -> None:
    calls = OutboundCalls(store.calls)
    begin(store, ani="")
    with pytest.raises(CaseError, match="没有号码"):
        calls.call_back(CALL, NOW)
    with pytest.raises(CaseError, match="没有这次来电"):
        calls.call_back("CA0", NOW)
    with pytest.raises(CaseError, match="没有这个编号"):
        calls.survey("LYG20261123000001", NOW)
    assert jobs(store, "outbound_call") == []


def test_a_survey_is_about_a_case_and_asked_for_once(store: Store) -> None:
    calls = OutboundCalls(store.calls)
    case_no = claim(store, begin(store))
    calls.survey(case_no, NOW)
    calls.survey(case_no, NOW)
    (row,) = rows(store, select(outbound_call))
    assert (row.purpose, row.case_no, row.origin_call_id, row.state) == ("survey", case_no, CALL, "waiting")
