"""The casework on the command line: what went wrong is one sentence, and the status says so."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import update
from typer.testing import CliRunner, Result

from casebook.errors import CaseError
from casebook.roles import Actor
from casebook.store.schema import case_
from config.cli import app
from config.settings import load
from config.wiring import Hotline
from tests.casebook.play import register


@pytest.fixture
def line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A new installation."""
    monkeypatch.setenv("HOTLINE_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("HOTLINE_SECRET_KEY", "a secret of forty characters, for tests..")
    assert hotline("db", "upgrade").exit_code == 0
    return tmp_path


def hotline(*words: str) -> Result:
    return CliRunner().invoke(app, list(words))


def test_verify_names_the_case_whose_rows_were_edited_and_rebuild_mends_it(line: Path) -> None:
    parts = Hotline(load())
    made = parts.casework.register(register(), channel="phone", actor=Actor("li", "agent"), idempotency_key="k")
    assert hotline("db", "verify").exit_code == 0
    with parts.engine.begin() as connection:
        connection.execute(update(case_).values(place="别处"))
    found = hotline("db", "verify")
    assert (found.exit_code, found.stderr) == (1, f"{made.case_no}: not what its history makes it: place\n")
    assert hotline("db", "rebuild", made.case_no).exit_code == 0
    assert hotline("db", "verify").exit_code == 0
    parts.close()


def test_a_year_is_imported_from_a_table_and_shown(line: Path) -> None:
    table = line / "days.csv"
    table.write_text("日期,班休,名称\n2027-02-08,休,春节\n2027-02-20,班,调休\n", encoding="utf-8")
    assert "provisional" in hotline("calendar", "show", "2027").stdout
    imported = hotline("calendar", "import", "2027", str(table), "--source", "通知")
    assert imported.stdout == "2027 is loaded; 0 cases have more time.\n"
    shown = hotline("calendar", "show", "2027").stdout
    assert shown == "2027: announced\n2027-02-08\t休\t春节\n2027-02-20\t班\t调休\n"
    table.write_text("nonsense", encoding="utf-8")
    with pytest.raises(CaseError):
        CliRunner().invoke(app, ["calendar", "import", "2026", str(table), "--source", "x"], catch_exceptions=False)
    assert "announced" in hotline("calendar", "show", "2026").stdout


def test_a_liaison_is_appointed_and_the_former_one_is_it_no_more(line: Path) -> None:
    for name in ("zhang", "wang"):
        added = hotline("user", "add", name, "--role", "liaison", "--password", "a long password")
        assert added.exit_code == 0, added.output
        assert hotline("user", "appoint", name, "--unit", "zhujian").exit_code == 0
    parts = Hotline(load())
    assert [(one.name, one.to_at is None) for one in parts.people.posts("zhujian")] == [
        ("wang", True),
        ("zhang", False),
    ]
    parts.close()
    refused = hotline("user", "appoint", "zhang", "--unit", "nowhere")
    assert isinstance(refused.exception, CaseError)
