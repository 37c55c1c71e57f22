"""Tables that people open in a spreadsheet: CSV and XLSX, written and read."""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Iterable, Iterator, Sequence

from openpyxl import Workbook, load_workbook
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE
from openpyxl.utils.exceptions import InvalidFileException

from casebook.errors import CaseError

MAX_ROWS = 5000
_MAX_UNPACKED_BYTES = 100 * 1024 * 1024
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def write_csv(rows: Iterable[Sequence[str]]) -> bytes:
    """UTF-8 with a byte order mark, which spreadsheets of Windows need to read Chinese."""
    out = io.StringIO()
    csv.writer(out).writerows([_harmless(value) for value in row] for row in rows)
    return out.getvalue().encode("utf-8-sig")


def write_xlsx(rows: Iterable[Sequence[str]], title: str) -> bytes:
    """One sheet."""
    book = Workbook(write_only=True)
    sheet = book.create_sheet(title)
    for row in rows:
        sheet.append([ILLEGAL_CHARACTERS_RE.sub("", _harmless(value)) for value in row])
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def read_table(content: bytes) -> list[dict[str, str]]:
    """Rows under their headings, of a CSV or XLSX file. Raises CaseError bad_value for anything else."""
    rows = _xlsx_rows(content) if content.startswith(b"PK") else _csv_rows(content)
    heading = [value.strip() for value in next(rows, [])]
    if not any(heading) or len(set(filter(None, heading))) != len(list(filter(None, heading))):
        raise CaseError("bad_value", "第一行必须是互不相同的列名。")
    found = []
    for row in rows:
        values = {name: value.strip() for name, value in zip(heading, row, strict=False) if name}
        if any(values.values()):
            found.append(values)
        if len(found) > MAX_ROWS:
            raise CaseError("bad_value", f"一次最多导入 {MAX_ROWS} 行。")
    return found


def _csv_rows(content: bytes) -> Iterator[list[str]]:
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\0" not in text:
            try:
                yield from csv.reader(io.StringIO(text), strict=True)
            except csv.Error as error:
                raise CaseError("bad_value", "这不是有效的 CSV 文件。") from error
            return
    raise CaseError("bad_value", "这不是 CSV 或 XLSX 文件。")


def _xlsx_rows(content: bytes) -> Iterator[list[str]]:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as packed:
            # A small file can unpack to one that fills the memory.
            if sum(one.file_size for one in packed.infolist()) > _MAX_UNPACKED_BYTES:
                raise CaseError("bad_value", "文件太大。")
        book = load_workbook(io.BytesIO(content), read_only=True, data_only=True)
        sheet = book.worksheets[0]
        for row in sheet.iter_rows(values_only=True):
            yield ["" if value is None else str(value) for value in row]
        book.close()
    except (zipfile.BadZipFile, InvalidFileException, KeyError, ValueError, IndexError, OSError, SyntaxError) as error:
        raise CaseError("bad_value", "这不是有效的 XLSX 文件。") from error


def _harmless(value: str) -> str:
    """A cell that no spreadsheet takes for a formula."""
    return f"'{value}" if value.startswith(_FORMULA) else value
