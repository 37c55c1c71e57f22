"""What the store promises: nothing twice, nothing lost, nothing changed behind anybody's back."""

from __future__ import annotations

import threading
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import func, select, text, update
from sqlalchemy.exc import DatabaseError

from casebook.errors import CaseError
from casebook.privacy import Privacy, PrivacyError
from casebook.roles import Actor
from casebook.store import open_engine, upgrade
from casebook.store.calls import SqlCallStore
from casebook.store.cases import next_number
from casebook.store.schema import access_log, call, call_journal, case_, event, metadata, outbox, recording, transcript
from casebook.store.transcripts import save_transcript
from casebook.store.verify import verify_chains
from ivr import events
from ivr.ports import (
    KeptRecording,
    LookUpCase,
    NewCall,
    OpenVoicemailCase,
    RecordingFacts,
    SessionRow,
    StaleSession,
    StepWrites,
)
from ivr.service import CallService
from ivr.verbs import Hangup, Play
from tests.ivr.line import city_flow
from tests.router.city import city_router
from tests.store.conftest import NOW, SECRET, Store
from tests.store.databases import close_connections

LI = Actor("li", "reviewer")
CALL = "lyg1-1763910000.7"


def new_call(call_id: str = CALL, ani: str = "13812345678") -> NewCall:
    return NewCall(call_id, "asterisk", ani, "12345", NOW)


def create(store: Store, call_id: str = CALL) -> SessionRow:
    row = SessionRow(call_id, "rev", 0, 0, {}, ())
    with store.calls.transaction() as unit:
        unit.create_call(new_call(call_id), row)
    return row


def keep(store: Store, call_id: str = CALL, path: str = "d/a.wav") -> events.CaseOpened:
    with store.calls.transaction() as unit:
        unit.save_recording(call_id, KeptRecording(path, 5000, 4000, "00", True, 3), NOW)
        opened = unit.open_by_voicemail(call_id, OpenVoicemailCase(path, "complaint"), NOW)
    assert isinstance(opened, events.CaseOpened)
    return opened


def test_the_migrations_make_the_tables_of_the_schema(store: Store) -> None:
    with store.engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []


def test_upgrading_twice_at_once_is_harmless(url: str) -> None:
    engines = [open_engine(url) for _ in range(3)]
    threads = [threading.Thread(target=upgrade, args=(engine,)) for engine in engines]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    with engines[0].connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM alembic_version")).scalar_one() == 1
    for engine in engines:
        engine.dispose()


def test_a_session_comes_back_as_it_was_saved(store: Store) -> None:
    row = create(store)
    row.seq, row.state, row.verbs = 1, {"node": "main", "名": "值"}, (Play(("welcome",)), Hangup())
    with store.calls.transaction() as unit:
        unit.save_step(row, StepWrites((events.Started(),)), NOW)
    with store.calls.transaction() as unit:
        loaded = unit.load_session(CALL)
    assert loaded == SessionRow(CALL, "rev", 1, 1, {"node": "main", "名": "值"}, (Play(("welcome",)), Hangup()))


def test_of_two_writers_of_a_step_one_is_stale(store: Store) -> None:
    create(store)
    with store.calls.transaction() as unit:
        first, second = unit.load_session(CALL), unit.load_session(CALL)
    assert first
    assert second
    with store.calls.transaction() as unit:
        unit.save_step(first, StepWrites((events.NoInput(),)), NOW)
    with pytest.raises(StaleSession), store.calls.transaction() as unit:
        unit.save_step(second, StepWrites((events.NoInput(),)), NOW)


def test_a_call_begins_once(store: Store) -> None:
    create(store)
    with pytest.raises(StaleSession):
        create(store)


def test_a_failed_step_leaves_nothing(store: Store) -> None:
    create(store)
    with suppress(RuntimeError), store.calls.transaction() as unit:
        unit.save_recording(CALL, KeptRecording("d/a.wav", 1, 1, "", True, 1), NOW)
        unit.open_by_voicemail(CALL, OpenVoicemailCase("d/a.wav", ""), NOW)
        raise RuntimeError("died")
    with store.engine.connect() as connection:
        assert connection.execute(select(func.count()).select_from(case_)).scalar_one() == 0
        assert connection.execute(select(func.count()).select_from(recording)).scalar_one() == 0
    assert keep(store).case_no == "LYG20261123000001"


def test_a_voicemail_opens_one_case_however_often_it_is_asked(store: Store) -> None:
    create(store)
    first, second = keep(store), keep(store)
    assert first == second
    with store.engine.connect() as connection:
        assert connection.execute(select(func.count()).select_from(case_)).scalar_one() == 1
        assert connection.execute(select(outbox.c.key)).scalars().all() == ["transcribe:1"]


def test_numbers_have_no_gap_and_no_double_under_concurrency(store: Store) -> None:
    numbers: list[str] = []
    lock = threading.Lock()

    def take() -> None:
        for _ in range(10):
            with store.engine.begin() as connection:
                number = next_number(connection, NOW)
            with lock:
                numbers.append(number)

    threads = [threading.Thread(target=take) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(numbers) == [f"LYG20261123{n:06d}" for n in range(1, 81)]


def test_the_days_number_is_of_the_day_in_shanghai(store: Store) -> None:
    with store.engine.begin() as connection:
        assert next_number(connection, NOW + timedelta(hours=2)).startswith("LYG20261124")


def test_a_case_is_found_by_number_and_code_only(store: Store) -> None:
    create(store)
    opened = keep(store)
    digits = opened.case_no.removeprefix("LYG")
    wrong = f"{(int(opened.query_code) + 1) % 10000:04d}"
    with store.calls.transaction() as unit:
        assert unit.look_up_case(LookUpCase(digits, opened.query_code)) == events.CaseFound("received")
        assert unit.look_up_case(LookUpCase(digits, wrong)) == events.CaseNotFound()
        assert unit.look_up_case(LookUpCase("20991231000001", opened.query_code)) == events.CaseNotFound()


def test_the_clock_of_a_voicemail_starts_at_the_end_of_its_call(store: Store) -> None:
    row = create(store)
    opened = keep(store)
    row.ended_at = NOW + timedelta(seconds=42)
    with store.calls.transaction() as unit:
        unit.save_step(row, StepWrites((events.CallerGone(),), outcome="voicemail"), NOW)
    with store.engine.connect() as connection:
        assert connection.execute(select(case_.c.clock_started_at)).scalar_one() == row.ended_at
        assert connection.execute(select(call.c.outcome, call.c.ended_at)).one() == ("voicemail", row.ended_at)
    assert [one.type for one in store.voicemails.get(opened.case_no).events] == ["open_by_voicemail", "start_clock"]


def test_a_callers_number_is_never_stored_in_the_clear(store: Store) -> None:
    create(store)
    opened = keep(store)
    with store.engine.connect() as connection:
        row = connection.execute(select(call)).one()
    assert b"13812345678" not in row.ani_enc
    assert "13812345678" not in str(row)
    assert row.ani_masked == "138****5678"
    assert store.voicemails.get(opened.case_no).masked_number == "138****5678"
    assert store.voicemails.reveal_number(opened.case_no, "li", "回电") == "+8613812345678"
    with store.engine.connect() as connection:
        assert connection.execute(select(access_log.c.actor, access_log.c.reason)).one() == ("li", "回电")


def test_another_key_reads_nothing(store: Store) -> None:
    create(store)
    other = Privacy(SECRET + "!")
    with store.engine.connect() as connection:
        row = connection.execute(select(call)).one()
    with pytest.raises(PrivacyError, match="HOTLINE_SECRET_KEY"):
        other.decrypt(row.ani_enc, f"call.ani:{CALL}")
    with pytest.raises(PrivacyError):
        store.calls.privacy.decrypt(row.ani_enc, "call.ani:another-call")


@pytest.mark.parametrize("change", ["UPDATE event SET actor = 'x'", "DELETE FROM event"])
def test_history_cannot_be_changed(store: Store, change: str) -> None:
    create(store)
    keep(store)
    with pytest.raises(DatabaseError, match="append-only"), store.engine.begin() as connection:
        connection.execute(text(change))


def test_a_history_changed_by_force_is_found(store: Store) -> None:
    create(store)
    opened = keep(store)
    assert verify_chains(store.engine) == []
    assert store.voicemails.get(opened.case_no).chain_ok
    with store.engine.begin() as connection:
        if store.engine.dialect.name == "postgresql":
            connection.execute(text("ALTER TABLE event DISABLE TRIGGER event_append_only"))
        else:
            connection.execute(text("DROP TRIGGER event_no_update"))
        connection.execute(update(event).values(actor="somebody"))
    assert [finding.case_no for finding in verify_chains(store.engine)] == [opened.case_no]
    assert not store.voicemails.get(opened.case_no).chain_ok


def test_a_reviewer_registers_once(store: Store) -> None:
    create(store)
    number = keep(store).case_no
    fields: dict[str, Any] = {"actor": LI, "title": "路灯", "body": "路灯不亮", "demand": "help"}
    store.voicemails.register(number, version=1, idempotency_key="k1", **fields)
    store.voicemails.register(number, version=1, idempotency_key="k1", **fields)
    detail = store.voicemails.get(number)
    assert (detail.state, detail.version, detail.title, detail.demand) == ("REGISTERED", 2, "路灯", "help")
    assert [one.type for one in detail.events] == ["open_by_voicemail", "register"]
    with pytest.raises(CaseError) as refused:
        store.voicemails.register(number, version=1, idempotency_key="k2", **fields)
    assert refused.value.code == "stale_version"
    with pytest.raises(CaseError) as refused:
        store.voicemails.discard(number, version=2, actor=LI, reason="空", idempotency_key="k3")
    assert refused.value.code == "bad_state"
    with pytest.raises(CaseError) as refused:
        store.voicemails.discard(number, version=2, actor=LI, reason="空", idempotency_key="k1")
    assert refused.value.code == "key_reused"
    assert verify_chains(store.engine) == []


def test_a_discarded_voicemail_has_a_reason_and_keeps_its_number(store: Store) -> None:
    create(store)
    number = keep(store).case_no
    with pytest.raises(CaseError) as refused:
        store.voicemails.discard(number, version=1, actor=LI, reason="  ", idempotency_key="k")
    assert refused.value.code == "missing_reason"
    store.voicemails.discard(number, version=1, actor=LI, reason="无内容", idempotency_key="k")
    assert store.voicemails.get(number).state == "DISCARDED"
    create(store, "lyg1-1763910001.8")
    assert keep(store, "lyg1-1763910001.8", "d/b.wav").case_no == "LYG20261123000002"


def test_the_list_is_paged_newest_first(store: Store) -> None:
    for n in range(5):
        create(store, f"lyg1-176391000{n}.1")
        keep(store, f"lyg1-176391000{n}.1", f"d/{n}.wav")
    seen: list[str] = []
    cursor = None
    while True:
        page = store.voicemails.page(since=None, until=None, state="DRAFT", cursor=cursor, limit=2)
        seen += [item.case_no for item in page.items]
        cursor = page.next_cursor
        if cursor is None:
            break
    assert seen == [f"LYG2026112300000{n}" for n in (5, 4, 3, 2, 1)]
    with pytest.raises(CaseError) as refused:
        store.voicemails.page(since=None, until=None, state=None, cursor="nonsense", limit=2)
    assert refused.value.code == "bad_value"


def test_a_job_is_done_once_and_its_result_with_it(store: Store) -> None:
    create(store)
    keep(store)
    (job,) = store.outbox.due(NOW, 10)
    assert store.outbox.due(NOW, 10) == []
    assert store.outbox.lease(job.id, "a", NOW, 30)
    assert store.outbox.lease(job.id, "b", NOW, 30) is None
    later = NOW + timedelta(seconds=31)
    assert [one.id for one in store.outbox.due(later, 10)] == [job.id]
    assert store.outbox.lease(job.id, "b", later, 30)

    def writes(connection: object) -> None:
        save_transcript(
            connection,  # type: ignore[arg-type]
            1,
            engine="vosk",
            model="m",
            text="你好。",
            heard="你好",
            words=[],
            suggestions=[],
            quality={},
            confidence=0.9,
            error=None,
            now=later,
        )

    assert not store.outbox.complete(job.id, "a", later, writes)
    assert store.outbox.complete(job.id, "b", later, writes)
    assert not store.outbox.complete(job.id, "b", later, writes)
    with store.engine.connect() as connection:
        assert connection.execute(select(transcript.c.text)).scalars().all() == ["你好。"]
    assert store.outbox.due(later + timedelta(days=1), 10) == []


def test_a_job_that_fails_again_and_again_is_dead_and_shown_as_failed(store: Store) -> None:
    create(store)
    number = keep(store).case_no
    now = NOW
    for _ in range(8):
        (job,) = store.outbox.due(now, 10)
        assert store.outbox.lease(job.id, "a", now, 30)
        assert store.outbox.fail(job.id, "a", "ValueError", now)
        now += timedelta(minutes=1)
    assert store.outbox.due(now, 10) == []
    assert store.voicemails.get(number).transcript_state == "failed"


def test_a_job_that_kills_its_workers_is_dead_in_the_end(store: Store) -> None:
    create(store)
    keep(store)
    now = NOW
    for _ in range(8):
        (job,) = store.outbox.due(now, 10)
        assert store.outbox.lease(job.id, "a", now, 30)
        now += timedelta(minutes=1)
    store.outbox.due(now, 10)
    with store.engine.connect() as connection:
        assert connection.execute(select(outbox.c.state)).scalar_one() == "dead"


def test_a_postponed_job_costs_no_attempt(store: Store) -> None:
    create(store)
    keep(store)
    (job,) = store.outbox.due(NOW, 10)
    assert store.outbox.lease(job.id, "a", NOW, 30)
    assert store.outbox.postpone(job.id, "a", NOW + timedelta(seconds=10))
    assert store.outbox.due(NOW, 10) == []
    (again,) = store.outbox.due(NOW + timedelta(seconds=10), 10)
    assert again.attempts == 0


FACTS = RecordingFacts(5000, 4000, "aa")


def test_a_recording_that_nobody_claimed_becomes_a_case_once(store: Store) -> None:
    first = store.intake.take_in_recording(new_call(), "spool/x-fallback.wav", FACTS, NOW)
    second = store.intake.take_in_recording(new_call(), "spool/x-fallback.wav", FACTS, NOW)
    assert first == second == "LYG20261123000001"
    assert store.intake.known_recording_paths(["spool/x-fallback.wav", "spool/y.wav"]) == {"spool/x-fallback.wav"}
    with store.engine.connect() as connection:
        assert connection.execute(select(call.c.outcome, call.c.ended_at)).one() == ("voicemail", NOW)


def test_a_recording_without_speech_is_a_missed_call(store: Store) -> None:
    assert store.intake.take_in_recording(new_call(), "spool/x.wav", RecordingFacts(3000, 200, "aa"), NOW) is None
    assert store.intake.take_in_recording(new_call("lyg1-1763910001.9"), "spool/z.wav", None, NOW) is None
    with store.engine.connect() as connection:
        assert connection.execute(select(call.c.outcome)).scalars().all() == ["missed", "missed"]
        assert connection.execute(select(recording.c.kept)).scalars().all() == [False, False]
        assert connection.execute(select(func.count()).select_from(case_)).scalar_one() == 0


def test_a_second_recording_of_a_call_joins_its_case(store: Store) -> None:
    create(store)
    number = keep(store).case_no
    assert store.intake.take_in_recording(new_call(), "spool/x.wav", FACTS, NOW) == number
    with store.engine.connect() as connection:
        assert connection.execute(select(func.count()).select_from(outbox)).scalar_one() == 2


def test_a_call_that_never_reached_us_has_a_record(store: Store) -> None:
    store.intake.record_call(new_call(), ended_at=NOW + timedelta(seconds=3), talk_s=3)
    store.intake.record_call(new_call(), ended_at=NOW + timedelta(seconds=3), talk_s=3)
    with store.engine.connect() as connection:
        row = connection.execute(select(call.c.outcome, call.c.talk_s, call.c.ani_masked)).one()
    assert row == ("missed", 3, "138****5678")


def test_open_calls_are_those_whose_session_is_open(store: Store) -> None:
    row = create(store)
    create(store, "lyg1-1763910001.8")
    row.ended_at = NOW
    with store.calls.transaction() as unit:
        unit.save_step(row, StepWrites((events.CallerGone(),), outcome="abandoned"), NOW)
    assert [open_call.call_id for open_call in store.intake.open_calls()] == ["lyg1-1763910001.8"]


def test_a_flow_revision_is_kept(store: Store) -> None:
    with store.calls.transaction() as unit:
        unit.save_flow("r1", "start: 欢迎")
        unit.save_flow("r1", "start: 欢迎")
        assert unit.load_flow("r1") == "start: 欢迎"
        assert unit.load_flow("r2") is None


def test_signing_in(store: Store) -> None:
    store.users.add("li", "correct horse", "reviewer", "李")
    assert store.users.authenticate("li", "wrong", NOW) is None
    assert store.users.authenticate("nobody", "correct horse", NOW) is None
    user = store.users.authenticate("li", "correct horse", NOW)
    assert user
    token = store.users.open_session(user.id, NOW)
    assert store.users.user_of_session(token, NOW) == user
    assert store.users.user_of_session(token, NOW + timedelta(hours=13)) is None
    store.users.close_session(token)
    assert store.users.user_of_session(token, NOW) is None


def test_a_name_is_locked_after_too_many_failures(store: Store) -> None:
    store.users.add("li", "correct horse", "reviewer", "李")
    for _ in range(8):
        assert store.users.authenticate("li", "wrong", NOW) is None
    assert store.users.authenticate("li", "correct horse", NOW) is None
    assert store.users.authenticate("li", "correct horse", NOW + timedelta(minutes=11))


@pytest.mark.parametrize(
    ("name", "password", "role", "code"),
    [
        ("li", "short", "reviewer", "bad_value"),
        ("", "long enough", "reviewer", "bad_value"),
        ("li", "long enough", "king", "bad_value"),
    ],
)
def test_a_user_that_cannot_be(store: Store, name: str, password: str, role: str, code: str) -> None:
    with pytest.raises(CaseError) as refused:
        store.users.add(name, password, role, "")
    assert refused.value.code == code
    assert store.users.count() == 0


def test_a_store_of_another_kind_is_refused() -> None:
    with pytest.raises(CaseError, match="HOTLINE_DATABASE_URL"):
        open_engine("mysql://x/y")
    with pytest.raises(CaseError, match="HOTLINE_DATABASE_URL"):
        open_engine("nonsense")


def test_two_processes_may_open_the_same_calls(store: Store) -> None:
    other = SqlCallStore(open_engine(store.url), store.calls.privacy)
    create(store)
    with other.transaction() as unit:
        assert unit.load_session(CALL)
    other.engine.dispose()


def test_a_server_that_closed_its_connections_costs_a_call_nothing(store: Store) -> None:
    service = CallService(store.calls, city_router(), city_flow(), lambda: NOW)
    service.start(NewCall(CALL, "asterisk", "13812345678", "12345", NOW))
    close_connections(store.engine)
    assert service.step(CALL, 1, events.Digits("1")).seq == 2
    with store.engine.connect() as connection:
        steps = connection.execute(select(call_journal.c.seq, func.count()).group_by(call_journal.c.seq)).all()
    assert dict(map(tuple, steps)) == {1: 1, 2: 2}
