"""The city's directory of lines: what it plans, and what it refuses."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from call_router.directory import EMERGENCIES, Directory, DirectoryError
from ivr.verbs import Leg
from tests.conftest import REPOSITORY

NOW = datetime(2026, 11, 23, tzinfo=UTC)
FILE = REPOSITORY / "config" / "city" / "lines.yaml"


def test_the_citys_directory_is_clean_and_knows_the_emergency_lines() -> None:
    directory = Directory.load(FILE)
    assert directory.lint() == []
    for target in EMERGENCIES:
        (leg,) = directory.plan(target, "", NOW)
        assert leg.emergency
        assert leg.trunk == "psap"


def test_a_queue_and_a_line_are_planned_and_nothing_else() -> None:
    directory = Directory.load(FILE)
    assert directory.plan("queue:agents", "", NOW) == (Leg("queue", "agents", "agents", "", 120),)
    assert directory.plan("line:12315", "", NOW) == (Leg("line", "12315", "12315", "carrier", 25),)
    assert directory.plan("line:999", "", NOW) == ()
    assert directory.plan("nonsense", "", NOW) == ()


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("timeout_s: 120", "timeout_s: 1", "queues.agents.timeout_s"),
        ("trunk: psap", "trunk: 'PSAP; rm'", "lines.110.trunk"),
        ("trunk: psap", "trnk: psap", "lines.110"),
        ('"110":', '"1 1 0":', "lines.1 1 0"),
        ("queues:", "queues: [", "not YAML"),
    ],
)
def test_a_directory_that_is_wrong_is_refused_in_one_sentence(tmp_path: Path, old: str, new: str, words: str) -> None:
    file = tmp_path / "lines.yaml"
    file.write_text(FILE.read_text(encoding="utf-8").replace(old, new, 1), encoding="utf-8")
    with pytest.raises(DirectoryError, match=words) as refused:
        Directory.load(file)
    assert str(refused.value).startswith("lines.yaml")
    assert "\n" not in str(refused.value)


def test_a_missing_or_unmarked_emergency_line_is_found(tmp_path: Path) -> None:
    text = FILE.read_text(encoding="utf-8")
    file = tmp_path / "lines.yaml"
    lines = [line for line in text.splitlines() if '"119"' not in line]
    file.write_text("\n".join(lines).replace(", emergency: true", "", 1), encoding="utf-8")
    assert Directory.load(file).lint() == [
        "lines.yaml: 110 is not marked as an emergency line",
        "lines.yaml: there is no 119",
    ]
