"""Names of recordings, and the PBX's list of calls."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from call_router.calls_file import CallsFile
from call_router.recordings import RecordingFolder, parse_name, started_at
from ivr.ports import RecordingFacts

CALL = "lyg1-1763900000.12"


def facts_by_size(path: Path) -> RecordingFacts | None:
    size = path.stat().st_size
    return RecordingFacts(size, size, "") if size else None


def test_a_second_attempt_never_overwrites_the_first(tmp_path: Path) -> None:
    folder = RecordingFolder(tmp_path, facts_by_size)
    first = folder.next_path(CALL, 3)
    (tmp_path / first).write_bytes(b"12345")
    second = folder.next_path(CALL, 3)
    assert first != second
    (tmp_path / second).write_bytes(b"1")
    found = folder.find(CALL, 3)
    assert found
    assert found[0] == first.as_posix()
    assert folder.find(CALL, 4) is None


@pytest.mark.parametrize("call_id", ["../x", "a/b", "", "x" * 65, "a b", "王"])
def test_no_text_of_a_caller_gets_into_a_name(tmp_path: Path, call_id: str) -> None:
    with pytest.raises(ValueError, match="call id"):
        RecordingFolder(tmp_path, facts_by_size).next_path(call_id, 1)


def test_names_say_whose_they_are() -> None:
    voicemail = parse_name(Path(f"{CALL}-007-2.wav"))
    fallback = parse_name(Path(f"{CALL}-fallback.wav"))
    assert voicemail
    assert (voicemail.call_id, voicemail.seq) == (CALL, 7)
    assert fallback
    assert (fallback.call_id, fallback.seq) == (CALL, None)
    assert parse_name(Path("notes.wav")) is None
    assert started_at(CALL) == datetime(2025, 11, 23, 12, 13, 20, tzinfo=UTC)
    assert started_at("CA0123") is None


ROW = '"{id}","{linked}","hotline","13800138000","s","1763900000.5","1763900010.5","10","ANSWERED"\n'


def test_the_pbxs_list_is_read_whole_and_what_a_crash_left_too(tmp_path: Path) -> None:
    (tmp_path / "calls-1.taking").write_text(ROW.format(id="a-1.1", linked="a-1.1"))
    (tmp_path / "calls.csv").write_text(
        ROW.format(id="a-2.1", linked="a-2.1")
        + ROW.format(id="a-3.1", linked="a-2.1")
        + '"a-4.1","a-4.1","agents","1001","12345","1","2","1","ANSWERED"\n'
        + '"a-5.1","a-5.1","hotl'
    )
    taken = {
        file.name.startswith("calls-1.") or row.call_id for file, rows in CallsFile(tmp_path).batches() for row in rows
    }
    assert taken == {True, "a-2.1"}
    assert not (tmp_path / "calls.csv").exists()
    assert [row.talk_s for _, rows in CallsFile(tmp_path).batches() for row in rows] == [10, 10]
