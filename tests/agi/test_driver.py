"""The AGI driver: what the service answers becomes commands, and what the caller does becomes events."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import get_args

import pytest
from sqlalchemy import select

from casebook.store.schema import call, call_journal, event, outbox, recording
from tests.agi.conftest import Hotline, RunningServer
from tests.agi.fake_asterisk import Caller, FakeAsterisk, HangUp
from tests.pbx.audio import voice_like, write_wav

NOBODY_THERE = "JOINEMPTY"


def journal(hotline: Hotline, call_id: str) -> list[dict[str, str]]:
    """What happened on a call, in order."""
    texts = hotline.rows(
        select(call_journal.c.event)
        .where(call_journal.c.call_id == call_id)
        .order_by(call_journal.c.seq, call_journal.c.n)
    )
    return [json.loads(text) for (text,) in texts]


def digits(hotline: Hotline, call_id: str) -> list[str]:
    """Keys that the service was told of."""
    return [happened["digits"] for happened in journal(hotline, call_id) if happened["event"] == "digits"]


# --- keys


def test_a_key_cuts_the_menu_short_and_chooses(hotline: Hotline) -> None:
    call_id, heard = hotline.call(Caller(keys=[("menu_main", "9"), ("menu_emergency", "1")], dial=["ANSWER"]))
    assert heard.clips == ["welcome", "menu_main", "menu_emergency"]
    assert digits(hotline, call_id) == ["9", "1"]
    assert hotline.outcome(call_id) == "transferred"


def test_a_key_pressed_during_the_welcome_is_the_menu_choice(hotline: Hotline) -> None:
    call_id, heard = hotline.call(Caller(keys=[("welcome", "8"), ("wait", "0")], queue=["HANGUP"]))
    assert heard.clips == ["welcome", "menu_lines", "queue_wait"]
    assert digits(hotline, call_id) == ["8", "0"]


def test_a_key_after_the_menu_chooses_too(hotline: Hotline) -> None:
    call_id, _ = hotline.call(Caller(keys=[("wait", "2")], queue=["HANGUP"]))
    assert digits(hotline, call_id) == ["2"]


def test_silence_at_the_menu_leads_to_the_agents(hotline: Hotline) -> None:
    _, heard = hotline.call(Caller(queue=["HANGUP"]))
    assert heard.clips == ["welcome", "menu_main", "queue_wait"]
    assert heard.sessions[0]["HOTLINE_NEXT"] == "queue"


def test_a_key_that_the_menu_does_not_have_is_told_so(hotline: Hotline) -> None:
    keys = [("menu_main", "9"), ("wait", "7"), ("wait", "0")]
    call_id, heard = hotline.call(Caller(keys=keys, queue=["HANGUP"]))
    assert heard.clips == ["welcome", "menu_main", "menu_emergency", "invalid_key", "menu_emergency", "queue_wait"]
    assert digits(hotline, call_id) == ["9", "7", "0"]


def typed(keys: str) -> list[tuple[str, str]]:
    return [("wait", key) for key in keys]


def test_digits_end_with_the_last_one_the_terminator_or_a_pause(hotline: Hotline) -> None:
    keys = [
        ("menu_main", "5"),
        ("ask_case_number", "2"),
        *typed("0261123#"),
        *typed("2026"),
        ("wait", ""),
        *typed("20261123000042"),
        *typed("#"),
        *typed("1234"),
    ]
    call_id, heard = hotline.call(Caller(keys=keys, queue=["HANGUP"]))
    assert digits(hotline, call_id) == ["5", "20261123", "2026", "20261123000042", "", "1234"]
    assert heard.clips.count("invalid_key") == 3


def test_waits_are_as_long_as_the_flow_says(hotline: Hotline) -> None:
    _, heard = hotline.call(Caller(keys=[("menu_main", "5"), *typed("20"), ("wait", "")], queue=["HANGUP"]))
    waits = [words[3] for words in heard.commands if words[:3] == ["WAIT", "FOR", "DIGIT"]]
    assert waits[:3] == ["5000", "4000", "4000"]


def test_three_wrong_case_numbers_lead_to_the_agents(hotline: Hotline) -> None:
    keys = [("menu_main", "5"), *(typed("20200101000001") + typed("1234")) * 3]
    call_id, heard = hotline.call(Caller(keys=keys, queue=["HANGUP"]))
    assert heard.clips.count("case_not_found") == 2
    assert heard.clips[-2:] == ["to_agent", "queue_wait"]
    assert heard.sessions[-1]["HOTLINE_NEXT"] == "queue"
    assert not hotline.ended(call_id)


# --- voicemail


def voicemail(*after: tuple[str, str], speech: list[float] | None = None) -> Caller:
    """A caller who reaches nobody, records a message and goes on as given."""
    return Caller(
        keys=[("menu_main", "2"), ("record", "#"), *after],
        speech=[3.0] if speech is None else speech,
        queue=[NOBODY_THERE],
    )


def test_a_voicemail_becomes_the_case_whose_number_is_read(hotline: Hotline) -> None:
    call_id, heard = hotline.call(voicemail(("voicemail_review", "1")))
    (case,) = hotline.cases(call_id)
    number, code = heard.spoken_case
    assert case.case_no == f"LYG{number}"
    assert hotline.store.privacy.same(code, case.query_code_hmac, f"case.query_code:{case.case_no}")
    assert (case.state, case.demand) == ("DRAFT", "complaint")
    assert case.clock_started_at is not None
    assert hotline.outcome(call_id) == "voicemail"
    (path,) = hotline.kept(call_id)
    assert hotline.recordings.root / path == heard.recorded[0]
    assert [row.kind for row in hotline.rows(select(outbox))] == ["transcribe"]
    assert heard.clips[-1] == "goodbye"


def test_a_case_can_be_asked_after_by_the_number_and_code_that_were_read(hotline: Hotline) -> None:
    _, told = hotline.call(voicemail(("voicemail_review", "1")))
    number, code = told.spoken_case
    call_id, heard = hotline.call(Caller(keys=[("menu_main", "5"), *typed(number), *typed(code)]))
    assert heard.clips[-2:] == ["progress_received", "goodbye"]
    assert hotline.outcome(call_id) == "informed"


def test_the_number_is_read_again_on_request(hotline: Hotline) -> None:
    _, heard = hotline.call(voicemail(("voicemail_review", "1"), ("repeat_number", "1")))
    assert heard.clips.count("case_number_is") == 2
    assert heard.digits[:18] == heard.digits[18:]


def test_hear_again_plays_what_was_recorded(hotline: Hotline) -> None:
    call_id, heard = hotline.call(voicemail(("voicemail_review", "2"), ("voicemail_review", "1")))
    assert heard.clips[heard.clips.index("recording") - 1] == "voicemail_playback"
    played = [words[2] for words in heard.commands if words[:2] == ["STREAM", "FILE"] and "recordings" in words[2]]
    assert played == [str(heard.recorded[0].with_suffix(""))]
    assert len(hotline.cases(call_id)) == 1


def test_a_key_during_the_playback_already_chooses(hotline: Hotline) -> None:
    call_id, heard = hotline.call(voicemail(("voicemail_review", "2"), ("recording", "1")))
    assert heard.clips[heard.clips.index("recording") + 1] == "case_number_is"
    assert len(hotline.cases(call_id)) == 1


def test_record_again_keeps_the_second_and_overwrites_nothing(hotline: Hotline) -> None:
    after = [("voicemail_review", "3"), ("record", "#"), ("voicemail_review", "1")]
    call_id, heard = hotline.call(voicemail(*after, speech=[2.0, 3.0]))
    first, second = (path.relative_to(hotline.recordings.root).as_posix() for path in heard.recorded)
    assert hotline.kept(call_id) == {first: False, second: True}
    (case,) = hotline.cases(call_id)
    assert hotline.one(select(recording.c.path).where(recording.c.id == case.recording_id)) == second


def test_saying_nothing_the_second_time_keeps_the_first(hotline: Hotline) -> None:
    call_id, heard = hotline.call(voicemail(("voicemail_review", "3"), ("record", "#"), speech=[2.0, 0.0]))
    first, second = (path.relative_to(hotline.recordings.root).as_posix() for path in heard.recorded)
    assert hotline.kept(call_id) == {first: True, second: False}
    assert len(hotline.cases(call_id)) == 1


def test_silence_twice_is_a_missed_call(hotline: Hotline) -> None:
    call_id, heard = hotline.call(voicemail(speech=[]))
    assert heard.clips[-4:] == ["beep", "voicemail_again", "beep", "voicemail_missed"]
    assert hotline.cases(call_id) == []
    assert hotline.outcome(call_id) == "missed"
    assert set(hotline.kept(call_id).values()) == {False}


def test_no_choice_at_the_review_keeps_the_recording(hotline: Hotline) -> None:
    call_id, _ = hotline.call(voicemail())
    assert len(hotline.cases(call_id)) == 1


# --- hang-ups


def whole_voicemail(**changes: object) -> Caller:
    """Through the menu and the queue; record, hear it, record again, keep it, hear the number."""
    after = [("voicemail_review", "2"), ("voicemail_review", "3"), ("record", "#"), ("voicemail_review", "1")]
    caller = voicemail(*after, speech=[1.6, 2.0])
    vars(caller).update(changes)
    return caller


COMMANDS = 60
"""Of that call; the first test below says when this is wrong."""


@pytest.fixture(scope="module")
def shared_hotline(tmp_path_factory: pytest.TempPathFactory, empty_database: Path) -> Iterator[Hotline]:
    """One store and one server for many calls, as in production."""
    folder = tmp_path_factory.mktemp("hotline")
    (folder / "hotline.db").write_bytes(empty_database.read_bytes())
    (folder / "recordings").mkdir()
    with ExitStack() as stack:
        yield Hotline(folder, stack)


@pytest.fixture(scope="module")
def shared_server(shared_hotline: Hotline) -> RunningServer:
    return shared_hotline.serve()


def test_hang_ups_below_cover_the_whole_call(shared_hotline: Hotline, shared_server: RunningServer) -> None:
    call_id, heard = shared_hotline.call(whole_voicemail(), shared_server)
    assert len(heard.commands) == COMMANDS
    assert len(shared_hotline.cases(call_id)) == 1


def settled(server: RunningServer) -> bool:
    """Whether every call of the server has ended, within some seconds."""
    for _ in range(3000):
        if server.stats.active == 0:
            return True
        threading.Event().wait(0.01)
    return False


@pytest.mark.parametrize("how", get_args(HangUp))
@pytest.mark.parametrize("index", range(COMMANDS))
def test_a_hang_up_at_any_command_loses_nothing(
    shared_hotline: Hotline, shared_server: RunningServer, index: int, how: HangUp
) -> None:
    hotline = shared_hotline
    failed = shared_server.stats.failed
    call_id, heard = hotline.call(whole_voicemail(hang_up_at=index, hang_up=how), shared_server)
    assert heard.hung_up
    assert settled(shared_server)
    assert shared_server.stats.failed == failed
    pending = hotline.service().pending(call_id)
    assert hotline.ended(call_id) or (pending is not None and heard.commands[-1][2] == "HOTLINE_DONE")
    kept = hotline.kept(call_id)
    on_disk = {path.relative_to(hotline.recordings.root).as_posix() for path in heard.recorded}
    assert set(kept) == on_disk
    assert sum(kept.values()) == bool(on_disk)
    cases = hotline.cases(call_id)
    assert len(cases) == bool(on_disk)
    if on_disk:
        last = heard.recorded[-1].relative_to(hotline.recordings.root).as_posix()
        assert kept[last]
        assert hotline.one(select(recording.c.path).where(recording.c.id == cases[0].recording_id)) == last
        assert cases[0].clock_started_at is not None
        assert hotline.outcome(call_id) == "voicemail"


def test_a_caller_who_comes_back_after_the_hang_up_was_noted_hears_nothing(hotline: Hotline) -> None:
    server = hotline.serve()
    asterisk = hotline.asterisk(Caller(hang_up_at=2), server)
    asterisk.call()
    assert settled(server)
    asterisk.caller.hang_up_at, asterisk.heard.hung_up = None, False
    variables = asterisk.session()
    assert variables["HOTLINE_NEXT"] == "hangup"
    assert hotline.count_calls() == 1


# --- the dialplan comes back


def test_the_result_of_a_queue_comes_back_with_its_step(hotline: Hotline) -> None:
    call_id, heard = hotline.call(voicemail(("voicemail_review", "1")))
    assert heard.sessions[0]["HL_SEQ"] == "2"
    assert heard.sessions[0]["HOTLINE_ARG"] == "agents"
    assert [happened["outcome"] for happened in journal(hotline, call_id) if happened["event"] == "queue_left"] == [
        "join_empty"
    ]


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        ("ANSWERED", "answered"),
        ("CONTINUE", "answered"),
        ("JOINEMPTY", "join_empty"),
        ("LEAVEUNAVAIL", "leave_empty"),
        ("FULL", "full"),
        ("WITHDRAW", "withdrawn"),
        ("SOMETHING NEW", "timeout"),
    ],
)
def test_every_end_of_a_queue_is_known(hotline: Hotline, status: str, outcome: str) -> None:
    call_id, _ = hotline.call(Caller(queue=[status], keys=[("menu_main", "0")]))
    assert {"event": "queue_left", "outcome": outcome} in journal(hotline, call_id)
    assert hotline.outcome(call_id) == ("answered" if outcome == "answered" else "missed")


@pytest.mark.parametrize("status", ["BUSY", "NOANSWER", "CHANUNAVAIL", "CONGESTION", "", "SOMETHING NEW"])
def test_a_line_that_does_not_answer_leads_to_the_agents(hotline: Hotline, status: str) -> None:
    keys = [("menu_main", "9"), ("menu_emergency", "1")]
    call_id, heard = hotline.call(Caller(keys=keys, dial=[status], queue=["ANSWERED"]))
    assert heard.clips[-1] == "transfer_failed"
    assert (
        heard.sessions[0] | {"HOTLINE_NEXT": "dial", "HOTLINE_ARG": "PJSIP/110@psap", "HOTLINE_TIMEOUT": "20"}
        == (heard.sessions[0])
    )
    assert heard.sessions[0]["HOTLINE_EMERGENCY"] == "1"
    assert heard.sessions[1]["HOTLINE_EMERGENCY"] == ""
    assert hotline.outcome(call_id) == "answered"


def test_a_result_that_comes_twice_counts_once(hotline: Hotline) -> None:
    server = hotline.serve()
    asterisk = hotline.asterisk(Caller(keys=[("menu_main", "9"), ("wait", "1")]), server)
    asterisk.session()
    asterisk.why, asterisk.result, asterisk.seq = "dial", "BUSY", asterisk.heard.sessions[0]["HL_SEQ"]
    first = asterisk.session()
    before = journal(hotline, asterisk.call_id)
    assert asterisk.session() == first
    assert journal(hotline, asterisk.call_id) == before
    assert asterisk.heard.clips[-2:] == ["transfer_failed", "transfer_failed"]


def test_a_result_without_a_step_gets_the_pending_answer(hotline: Hotline) -> None:
    asterisk = hotline.asterisk(Caller(keys=[("menu_main", "0")]))
    first = asterisk.session()
    asterisk.why, asterisk.result, asterisk.seq = "queue", "TIMEOUT", "no number"
    assert asterisk.session() == first


def test_a_result_of_a_call_that_nobody_knows_starts_the_call(hotline: Hotline) -> None:
    asterisk = hotline.asterisk(Caller(keys=[("menu_main", "0")]))
    asterisk.why, asterisk.result, asterisk.seq = "queue", "TIMEOUT", "2"
    asterisk.session()
    assert asterisk.heard.clips[0] == "welcome"
    assert hotline.count_calls() == 1


# --- another server takes over


def dies_at(asterisk: FakeAsterisk, server: RunningServer, *command: str) -> None:
    """The server gives its calls back when this command comes."""

    def stop(words: list[str]) -> None:
        if tuple(words[: len(command)]) == command:
            asterisk.before_reply = lambda _: None
            assert server.stop(drain_s=0) == 1

    asterisk.before_reply = stop


def test_a_second_server_goes_on_in_the_middle_of_a_menu(hotline: Hotline) -> None:
    first, second = hotline.serve(), hotline.serve()
    asterisk = hotline.asterisk(Caller(keys=[("menu_main", "9"), ("wait", "1")], dial=["ANSWER"]), first, second)
    dies_at(asterisk, first, "WAIT", "FOR", "DIGIT")
    heard = asterisk.call()
    assert heard.violations == []
    # The key that the first server did not hear of is gone with it; the menu is not: it is said again.
    assert heard.clips[:4] == ["welcome", "menu_main", "menu_emergency", "menu_emergency"]
    assert second.stats.accepted >= 1
    assert hotline.count_calls() == 1
    assert not heard.fallback


def test_a_second_server_does_not_ask_again_for_what_was_recorded(hotline: Hotline) -> None:
    first, second = hotline.serve(), hotline.serve()
    asterisk = hotline.asterisk(voicemail(("voicemail_review", "1")), first, second)
    dies_at(asterisk, first, "RECORD", "FILE")
    heard = asterisk.call()
    assert heard.violations == []
    assert len(heard.recorded) == 1
    assert heard.clips.count("voicemail_intro") == 1
    assert len(hotline.cases(asterisk.call_id)) == 1
    assert list(hotline.kept(asterisk.call_id).values()) == [True]


def test_a_second_server_asks_again_where_only_silence_was_left(hotline: Hotline) -> None:
    first, second = hotline.serve(), hotline.serve()
    caller = voicemail(("record", "#"), ("voicemail_review", "1"), speech=[0.0, 3.0])
    asterisk = hotline.asterisk(caller, first, second)
    dies_at(asterisk, first, "RECORD", "FILE")
    heard = asterisk.call()
    assert heard.violations == []
    assert heard.clips.count("voicemail_again") == 1
    assert len(hotline.cases(asterisk.call_id)) == 1


def test_a_second_server_records_beside_a_file_that_is_no_sound(hotline: Hotline) -> None:
    first, second = hotline.serve(), hotline.serve()
    asterisk = hotline.asterisk(voicemail(("record", "#"), ("voicemail_review", "1"), speech=[3.0, 3.0]), first, second)

    def spoil(words: list[str]) -> None:
        if words[:2] == ["RECORD", "FILE"]:
            asterisk.before_reply = lambda _: None
            asterisk.heard.recorded[0].write_bytes(b"")
            first.stop(drain_s=0)

    asterisk.before_reply = spoil
    heard = asterisk.call()
    assert heard.violations == []
    assert [path.stem[-6:] for path in heard.recorded] == ["-003-1", "-003-2"]
    assert len(hotline.cases(asterisk.call_id)) == 1


def test_a_recording_of_another_step_is_not_taken_for_this_one(hotline: Hotline) -> None:
    first, second = hotline.serve(), hotline.serve()
    asterisk = hotline.asterisk(voicemail(("voicemail_review", "1")), first, second)
    stray = hotline.recordings.root / hotline.recordings.next_path(asterisk.call_id, 99)
    write_wav(stray, voice_like(3))
    dies_at(asterisk, first, "STREAM", "FILE", f"{asterisk.prompts}/beep")
    heard = asterisk.call()
    assert heard.violations == []
    assert len(heard.recorded) == 1
    assert list(hotline.kept(asterisk.call_id)) == [heard.recorded[0].relative_to(hotline.recordings.root).as_posix()]


def test_the_second_server_repeats_the_number_when_the_first_died_reading_it(hotline: Hotline) -> None:
    first, second = hotline.serve(), hotline.serve()
    asterisk = hotline.asterisk(voicemail(("voicemail_review", "1")), first, second)
    dies_at(asterisk, first, "STREAM", "FILE", f"{asterisk.prompts}/query_code_is")
    heard = asterisk.call()
    (case,) = hotline.cases(asterisk.call_id)
    assert heard.violations == []
    assert f"LYG{heard.spoken_case[0]}" == case.case_no


def test_without_any_server_the_dialplan_helps_itself(hotline: Hotline) -> None:
    server = hotline.serve()
    asterisk = hotline.asterisk(Caller(), server)
    server.stop()
    assert asterisk.call().fallback
    assert hotline.count_calls() == 0


# --- hostile callers


@pytest.mark.parametrize(
    "name",
    [
        b'"; EXEC System "rm -rf /',
        b"Robert\\'); DROP TABLE call;--",
        "王小明".encode("gbk"),
        b"\xff\xfe\x80",
        b"",
        b"agi_uniqueid: another.1",
    ],
)
def test_the_name_of_a_caller_changes_nothing(hotline: Hotline, name: bytes) -> None:
    caller = voicemail(("voicemail_review", "1"))
    caller.name = name
    call_id, heard = hotline.call(caller)
    assert len(hotline.cases(call_id)) == 1
    assert not any("rm -rf" in word for words in heard.commands for word in words)


@pytest.mark.parametrize("name", [b"Wang\nagi_uniqueid: another.1", b"Wang\nagi_arg_4: 1", b"\n\nagi_callerid: 110"])
def test_a_name_of_several_lines_opens_no_other_call(hotline: Hotline, name: bytes) -> None:
    server = hotline.serve()
    asterisk = hotline.asterisk(Caller(name=name), server)
    asterisk.call()
    assert hotline.rows(select(call.c.call_id).where(call.c.call_id != asterisk.call_id)) == []


@pytest.mark.parametrize(
    ("number", "masked"),
    [
        ("13812345678", "138****5678"),
        ("+8613812345678", "138****5678"),
        ("", ""),
        ("unknown", ""),
        ("1' OR '1'='1", ""),
        ("12345" * 20, ""),
        ("138 1234 5678", ""),
        ("<sip:x@evil>", ""),
    ],
)
def test_only_a_number_is_a_number(hotline: Hotline, number: str, masked: str) -> None:
    call_id, _ = hotline.call(Caller(number=number, queue=["HANGUP"]))
    (row,) = hotline.rows(select(call).where(call.c.call_id == call_id))
    assert row.ani_masked == masked
    assert (row.ani_enc is None) == (not masked)


@pytest.mark.parametrize("call_id", ["../../etc/passwd", "a b", "x" * 65, "1763900000.1;rm"])
def test_a_call_id_that_may_be_no_file_name_is_refused(hotline: Hotline, call_id: str) -> None:
    server = hotline.serve()
    asterisk = hotline.asterisk(Caller(), server)
    asterisk.call_id = call_id
    heard = asterisk.call()
    assert heard.commands == []
    assert hotline.count_calls() == 0


def test_nothing_of_the_caller_is_in_the_name_of_a_recording(hotline: Hotline) -> None:
    call_id, heard = hotline.call(voicemail())
    (path,) = heard.recorded
    assert path.name == f"{call_id}-003-1.wav"


# --- waiting


def test_every_wait_is_promised_to_the_dialplan(hotline: Hotline) -> None:
    """The PBX adds up clips, waits and the whole recording, and would complain."""
    _, heard = hotline.call(
        Caller(keys=[("menu_main", "5"), *typed("2026112300004")], queue=[NOBODY_THERE], speech=[2])
    )
    promises = [int(words[2]) for words in heard.commands if words[:2] == ["SET", "AUTOHANGUP"]]
    assert min(promises) >= 10
    assert max(promises) < 300


def test_a_voicemail_is_one_chain_of_events(hotline: Hotline) -> None:
    call_id, _ = hotline.call(voicemail(("voicemail_review", "1")))
    (case,) = hotline.cases(call_id)
    kinds = [row.type for row in hotline.rows(select(event).where(event.c.case_id == case.id).order_by(event.c.seq))]
    assert kinds == ["open_by_voicemail", "start_clock"]


# --- what the desk did meanwhile, and the emergency that does not wait


@pytest.mark.parametrize(
    ("why", "result", "outcome"),
    [
        ("xfer", "ANSWER", "transferred"),
        ("room", "1", "transferred"),
        ("room", "", "answered"),
        ("back", "ANSWER", "answered"),
    ],
)
def test_a_call_that_comes_back_from_the_desk_ends_as_what_became_of_it(
    hotline: Hotline, why: str, result: str, outcome: str
) -> None:
    server = hotline.serve()
    asterisk = hotline.asterisk(Caller(keys=[("menu_main", "0")]), server)
    asterisk.session()
    asterisk.why, asterisk.result, asterisk.seq = why, result, asterisk.heard.sessions[0]["HL_SEQ"]
    assert asterisk.session()["HOTLINE_NEXT"] == "hangup"
    assert hotline.outcome(asterisk.call_id) == outcome


def test_an_emergency_is_dialled_at_once_and_announced_while_it_rings(hotline: Hotline) -> None:
    keys = [("menu_main", "9"), ("menu_emergency", "1")]
    _, heard = hotline.call(Caller(keys=keys, dial=["ANSWER"]))
    assert heard.sessions[0]["HOTLINE_ANNOUNCE"] == "transfer_110"
    assert heard.clips[-1] == "menu_emergency"


def test_another_line_is_announced_before_it_is_dialled(hotline: Hotline) -> None:
    _, heard = hotline.call(Caller(keys=[("menu_main", "8"), ("menu_lines", "1")], dial=["ANSWER"]))
    assert heard.sessions[0]["HOTLINE_ANNOUNCE"] == ""
    assert heard.clips[-1] == "transfer_12315"
