"""`hotline report telephone`: a table that a spreadsheet reads, with a dash where there is nothing to say."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from call_router.queue_log import QueueLog
from casebook.store.telephone import Telephone
from config.cli import app
from config.settings import Settings
from config.wiring import Hotline


@pytest.fixture
def hotline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Hotline:
    monkeypatch.setenv("HOTLINE_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("HOTLINE_SECRET_KEY", "a secret of forty characters, for tests..")
    made = Hotline(Settings())
    made.upgrade()
    return made


def test_the_half_hours_and_the_day(hotline: Hotline, tmp_path: Path) -> None:
    # 2026-11-23 09:00 in 连云港.
    began = 1795395600
    lines = [
        f"{began}|lyg1-1.1|agents|NONE|ENTERQUEUE||13812345678|1",
        f"{began + 9}|lyg1-1.1|agents|座席1001|CONNECT|9|x|3",
    ]
    (tmp_path / "queue_log").write_text("\n".join(lines) + "\n", encoding="utf-8")
    QueueLog(tmp_path, Telephone(hotline.engine), "lyg1").take_in()
    hotline.close()
    result = CliRunner().invoke(app, ["report", "telephone", "--day", "2026-11-23"])
    assert result.exit_code == 0, result.output
    rows = [line.split("\t") for line in result.output.splitlines()]
    assert len(rows) == 1 + 48 + 1
    assert rows[1][:3] == ["2026-11-23 00:00", "0", "0"]
    assert rows[1][7] == "—"
    nine = next(row for row in rows if row[0] == "2026-11-23 09:00")
    assert nine[1:9] == ["1", "1", "0", "0", "0", "0", "100.0%", "100.0%"]
    assert rows[-1][0] == "all"
    assert rows[-1][10] == "9.0"


def test_a_day_that_is_none_is_refused(hotline: Hotline) -> None:
    hotline.close()
    assert CliRunner().invoke(app, ["report", "telephone", "--day", "2026-02-30"]).exit_code == 2
    assert CliRunner().invoke(app, ["report", "telephone", "--day", "2026-11-23", "--days", "40"]).exit_code == 2
