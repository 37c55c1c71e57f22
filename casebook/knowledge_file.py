"""Entries of the knowledge base from a table: CSV (UTF-8) or XLSX, one a line, under a line of Chinese names."""

from __future__ import annotations

import csv
import hashlib
import io
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

from openpyxl import load_workbook
from openpyxl.utils.exceptions import InvalidFileException

from casebook.errors import CaseError
from casebook.knowledge import Content, check_content

COLUMNS = {
    "标题": "title",
    "答复": "answer",
    "关键词": "keywords",
    "事项": "matter",
    "责任单位": "owner_unit",
    "依据": "basis",
    "生效日期": "valid_from",
    "失效日期": "valid_to",
    "复审日期": "review_due",
    "现场答复": "on_the_spot",
}
_NEEDED = ("标题", "答复", "责任单位", "复审日期")
_LONGEST = {"title": 100, "answer": 5000, "matter": 32, "owner_unit": 64, "basis": 500}


@dataclass(frozen=True, slots=True)
class ImportedEntry:
    """A line of the table; `key` is the same for the same line, so that a table taken in twice makes no entry twice."""

    content: Content
    matter: str
    owner_unit: str
    review_due: date
    key: str


def read_entries(path: Path) -> list[ImportedEntry]:
    """All lines. Raises CaseError bad_value with one sentence that names file and line; then nothing is taken in."""
    lines = list(_lines(path))
    if not lines:
        raise CaseError("bad_value", f"{path.name}: no lines")
    header = [cell.strip() for cell in lines[0][1]]
    missing, unknown = [name for name in _NEEDED if name not in header], [one for one in header if one not in COLUMNS]
    if missing or any(unknown) or len(set(header)) != len(header):
        wrong = f"missing {'、'.join(missing)}" if missing else f"unknown or twice: {'、'.join(unknown or header)}"
        raise CaseError("bad_value", f"{path.name}:1: {wrong}; the columns are {'、'.join(COLUMNS)}")
    entries = []
    for number, cells in lines[1:]:
        if not any(cell.strip() for cell in cells):
            continue
        if len(cells) > len(header):
            raise CaseError("bad_value", f"{path.name}:{number}: more cells than columns")
        row = {COLUMNS[name]: cell.strip() for name, cell in zip(header, cells, strict=False)}
        try:
            entries.append(_entry(row))
        except CaseError as error:
            raise CaseError("bad_value", f"{path.name}:{number}: {error}") from error
    return entries


def _lines(path: Path) -> Iterator[tuple[int, list[str]]]:
    try:
        if path.suffix.lower() == ".xlsx":
            workbook = load_workbook(io.BytesIO(path.read_bytes()), read_only=True, data_only=True)
            for number, row in enumerate(workbook.worksheets[0].iter_rows(values_only=True), 1):
                yield number, [_cell(value) for value in row]
        else:
            with path.open(encoding="utf-8-sig", newline="") as file:
                reader = csv.reader(file, strict=True)
                for cells in reader:
                    yield reader.line_num, cells
    except OSError as error:
        raise CaseError("bad_value", f"{path.name}: {error.strerror or error}") from error
    except (UnicodeDecodeError, csv.Error, zipfile.BadZipFile, InvalidFileException, KeyError, ValueError) as error:
        raise CaseError("bad_value", f"{path.name}: neither CSV in UTF-8 nor XLSX ({type(error).__name__})") from error


def _cell(value: object) -> str:
    if isinstance(value, datetime):
        return value.date().isoformat()
    return "" if value is None else str(value)


def _entry(row: Mapping[str, str]) -> ImportedEntry:
    for name, longest in _LONGEST.items():
        if len(row.get(name, "")) > longest:
            raise CaseError("bad_value", f"{name} is longer than {longest} characters")
    if any("\0" in cell for cell in row.values()):
        raise CaseError("bad_value", "a NUL character")
    review_due = _day(row.get("review_due", ""), "复审日期")
    if review_due is None or not row["owner_unit"]:
        raise CaseError("bad_value", "责任单位 and 复审日期 are needed")
    content = Content(
        title=row["title"],
        answer=row["answer"],
        keywords=tuple(row.get("keywords", "").replace("，", " ").replace("、", " ").replace(",", " ").split()),
        basis=row.get("basis", ""),
        valid_from=_day(row.get("valid_from", ""), "生效日期"),
        valid_to=_day(row.get("valid_to", ""), "失效日期"),
        on_the_spot=_yes(row.get("on_the_spot", "")),
    )
    check_content(content)
    digest = hashlib.blake2b("\x1f".join(f"{name}={row[name]}" for name in sorted(row)).encode(), digest_size=16)
    return ImportedEntry(content, row.get("matter", ""), row["owner_unit"], review_due, digest.hexdigest())


def _day(text: str, name: str) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError as error:
        raise CaseError("bad_value", f"{name} is not a day like 2027-01-31") from error


def _yes(text: str) -> bool:
    if text in ("", "是"):
        return True
    if text == "否":
        return False
    raise CaseError("bad_value", "现场答复 must be 是 or 否")
