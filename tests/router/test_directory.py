"""The city's directory of lines: what it holds, and what it refuses."""

from __future__ import annotations

from pathlib import Path

import pytest

from call_router.directory import EMERGENCIES, Directory, DirectoryError
from config.check import check_city
from tests.router.city import CITY, city_directory

FILE = CITY / "lines.yaml"
EVERY_LINE = "110 119 120 122 12315 12316 12319 12320 12328 12329 12333 12348 12350 12366 12369 12393 114".split()


def test_the_citys_directory_is_clean_and_knows_every_line() -> None:
    directory = city_directory()
    assert directory.lint() == []
    assert set(EVERY_LINE) <= directory.lines.keys()
    kinds = {line.kind for line in directory.lines.values()}
    assert kinds == {"emergency", "hotline", "directory", "utility", "county"}
    for target in EMERGENCIES:
        line = directory.lines[target.removeprefix("line:")]
        assert line.emergency
        assert line.hours is None
        assert directory.queues[line.fallback].emergency


def test_whoever_waits_after_an_emergency_goes_before_everybody_else() -> None:
    queues = city_directory().queues
    assert all(queue.weight < queues["urgent"].weight for name, queue in queues.items() if name != "urgent")


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("timeout_s: 120", "timeout_s: 1", "queues.agents.timeout_s"),
        ("trunk: psap", "trunk: 'PSAP; rm'", "lines.110.trunk"),
        ("trunk: psap", "trnk: psap", "lines.110"),
        ('"110":', '"1 1 0":', "lines.1 1 0"),
        ("queues:", "queues: [", "not YAML"),
        (", emergency: true, handover: transfer_110", ", handover: transfer_110", "marked as one, both or neither"),
    ],
)
def test_a_directory_that_is_wrong_is_refused_in_one_sentence(tmp_path: Path, old: str, new: str, words: str) -> None:
    file = tmp_path / "lines.yaml"
    file.write_text(FILE.read_text(encoding="utf-8").replace(old, new, 1), encoding="utf-8")
    with pytest.raises(DirectoryError, match=words) as refused:
        Directory.load(file)
    assert str(refused.value).startswith("lines.yaml")
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("old", "new", "finding"),
    [
        ('"119": {name: 火警台', '"118": {name: 火警台', "lines.yaml: there is no 119"),
        (
            "kind: emergency, trunk: psap, timeout_s: 20, emergency: true",
            "kind: hotline, trunk: psap, timeout_s: 20",
            "lines.yaml: 110 is not marked as an emergency line",
        ),
        ("fallback: urgent", "fallback: agents", "lines.yaml: 110 falls back to 'agents', which is no queue for"),
        ("fallback: urgent", "fallback: nobody", "lines.yaml: 110 falls back to 'nobody', which is no queue"),
        (
            "emergency: true, handover: transfer_110",
            "emergency: true, hours: office, handover: transfer_110",
            "lines.yaml: 110 has opening hours, and an emergency has none",
        ),
        (', number: "8001"', "", "lines.yaml: water has no number"),
        ("handover: transfer_114", "alternates: [nobody]", "lines.yaml: 114 is followed by 'nobody', which is no line"),
        ("handover: transfer_114", "handover: silence", "lines.yaml: 114 is announced by 'silence', which has no"),
        ("hours: office", "hours: never", "lines.yaml: 12366 opens at 'never', which shifts.yaml does not know"),
    ],
)
def test_the_check_names_what_is_wrong_with_an_entry(tmp_path: Path, old: str, new: str, finding: str) -> None:
    text = FILE.read_text(encoding="utf-8")
    assert old in text
    file = tmp_path / "lines.yaml"
    file.write_text(text.replace(old, new, 1), encoding="utf-8")
    found = Directory.load(file).lint(["transfer_other", *(f"transfer_{line}" for line in EVERY_LINE)], ["office"])
    assert [one for one in found if one.startswith(finding)], found


@pytest.mark.parametrize(
    ("file", "old", "new", "finding"),
    [
        ("flow.yaml", "failed: emergency_failed", "failed: line_failed", "does not fall back to the queue 'urgent'"),
        ("lines.yaml", "handover: transfer_110", "handover: transfer_119", "is announced otherwise than the directory"),
        ("shifts.yaml", '"22:00-08:00"', '"22:00-07:00"', "on workdays nobody is on duty at 07:00"),
        ("shifts.yaml", '"08:30-12:00"', '"08:30-25:00"', "shifts.yaml: hours.office.workdays.0: is not"),
        (
            "agents.yaml",
            "name: 座席1001}",
            "name: 座席1001, shifts: [noon]}",
            "works in shift 'noon'",
        ),
        ("agents.yaml", '"1002"', '"1001"', "agents.yaml: an extension is there twice"),
    ],
)
def test_the_citys_files_must_agree(tmp_path: Path, file: str, old: str, new: str, finding: str) -> None:
    for entry in CITY.iterdir():
        (tmp_path / entry.name).symlink_to(entry)
    text = (CITY / file).read_text(encoding="utf-8")
    assert old in text
    (tmp_path / file).unlink()
    (tmp_path / file).write_text(text.replace(old, new, 1), encoding="utf-8")
    found = check_city(tmp_path)
    assert any(finding in one for one in found), found
