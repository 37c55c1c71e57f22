"""`hotline kb import` and `hotline train`: a table is taken in whole or not at all, and never twice."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from openpyxl import Workbook
from typer.testing import CliRunner

from casebook.errors import CaseError
from casebook.knowledge_file import COLUMNS, read_entries
from casebook.store import open_engine
from casebook.store.knowledge import Knowledge
from casebook.store.knowledge_index import KnowledgeSearch
from config.cli import app
from config.cli.context import CommandError

HEADER = ",".join(COLUMNS)
LINE = (
    "社保卡怎么补办,带身份证到银行网点。,社会保障卡 挂失,社保缴纳待遇,市人社局,某办法第三条,2026-01-01,,2099-01-31,是"
)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An installation's data folder."""
    monkeypatch.setenv("HOTLINE_DATA_DIR", str(tmp_path))
    monkeypatch.delenv("HOTLINE_DATABASE_URL", raising=False)
    return tmp_path


def table(folder: Path, *lines: str, header: str = HEADER) -> Path:
    path = folder / "entries.csv"
    path.write_text("\n".join((header, *lines)) + "\n", encoding="utf-8-sig")
    return path


def states(folder: Path) -> list[str]:
    engine = open_engine(f"sqlite:///{folder / 'hotline.db'}")
    found = [one.state for one in Knowledge(engine).entries(state=None, owner_unit=None, review_before=None)]
    engine.dispose()
    return found


def run(*arguments: str) -> str:
    """What the command printed; raises what it refuses with."""
    result = CliRunner().invoke(app, list(arguments))
    if result.exception is not None:
        raise result.exception
    return result.stdout


def test_a_table_becomes_drafts_that_somebody_publishes(folder: Path) -> None:
    path = table(folder, LINE, LINE.replace("社保卡", "居住证"))
    assert "2 entries" in run("kb", "import", str(path))
    assert states(folder) == ["draft", "draft"]


def test_a_table_that_was_approved_is_published_and_found(folder: Path) -> None:
    path = table(folder, LINE)
    for _ in range(2):
        run("kb", "import", str(path), "--published-by", "wangmin")
    assert states(folder) == ["published"]
    engine = open_engine(f"sqlite:///{folder / 'hotline.db'}")
    hit = KnowledgeSearch(engine).find("sbk")[0]
    engine.dispose()
    assert (hit.title, hit.owner_unit) == ("社保卡怎么补办", "市人社局")


def test_a_spreadsheet_says_the_same_as_csv(folder: Path) -> None:
    workbook = Workbook()
    for row in (list(COLUMNS), LINE.split(",")):
        assert workbook.active is not None
        workbook.active.append(row)
    path = folder / "entries.xlsx"
    workbook.save(path)
    assert [one.content for one in read_entries(path)] == [one.content for one in read_entries(table(folder, LINE))]


@pytest.mark.parametrize(
    ("lines", "where"),
    [
        ([LINE, LINE.replace("社保卡怎么补办", "")], "entries.csv:3"),
        ([LINE, LINE.replace("2099-01-31", "31.1.2099")], "entries.csv:3"),
        ([LINE, LINE.replace(",是", ",也许")], "entries.csv:3"),
        ([LINE, LINE + ",多一格"], "entries.csv:3"),
        ([LINE, LINE.replace("市人社局", "")], "entries.csv:3"),
        ([LINE, LINE.replace("社保卡怎么补办", "长" * 101)], "entries.csv:3"),
        ([LINE, '"没有结束'], "entries.csv"),
    ],
)
def test_one_wrong_line_is_named_and_nothing_is_taken_in(folder: Path, lines: list[str], where: str) -> None:
    with pytest.raises(CommandError, match=where):
        run("kb", "import", str(table(folder, *lines)))
    assert states(folder) == []


@pytest.mark.parametrize("header", ["标题,答复", HEADER + ",不认识", HEADER.replace("依据", "标题"), ""])
def test_a_wrong_header_is_told_with_the_right_one(folder: Path, header: str) -> None:
    with pytest.raises(CaseError, match="责任单位"):
        read_entries(table(folder, LINE, header=header))


@pytest.mark.parametrize(("name", "content"), [("a.xlsx", b"no zip"), ("a.csv", b"\xff\xfe\x00"), ("a.csv", b"")])
def test_what_is_no_table_is_refused_in_one_sentence(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(CaseError, match=name):
        read_entries(tmp_path / name)


def test_a_missing_file_is_refused_in_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(CaseError, match=r"gone\.csv: No such file"):
        read_entries(tmp_path / "gone.csv")


def test_what_is_overdue_is_not_published(folder: Path) -> None:
    path = table(folder, LINE.replace("2099-01-31", "2020-01-31"))
    with pytest.raises(CommandError, match="复审日期"):
        run("kb", "import", str(path), "--published-by", "wangmin")
    assert states(folder) == []


def test_train_makes_the_model_from_the_city_s_notes(folder: Path) -> None:
    assert "notes" in run("train")
    about = json.loads((folder / "models" / "matters.json").read_text())
    assert about["examples"] >= 1300
    assert (folder / "models" / about["file"]).is_file()
