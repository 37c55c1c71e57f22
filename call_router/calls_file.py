"""The PBX's own list of calls (calls.csv, written by cdr_custom): durable, and known even of calls that we never saw.

The file is renamed before it is read, and removed when every row of it is in the store: a crash in between repeats
rows, and taking a row in twice changes nothing.
"""

from __future__ import annotations

import csv
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import structlog

NAME = "calls.csv"
_FIELDS = ("uniqueid", "linkedid", "dcontext", "src", "dst", "start", "end", "billsec", "disposition", "channel")
_SETTLE_S = 1.0
"""A row that is being written when the file is renamed is whole after this."""


@dataclass(frozen=True, slots=True)
class CallRow:
    """A call that ended, as the PBX noted it."""

    call_id: str
    number: str
    started_at: datetime
    ended_at: datetime
    talk_s: int
    origin: str
    """The trunk over which it came: another platform's, where that has one of its own."""


class CallsFile:
    """The folder where the PBX writes its list."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def batches(self) -> Iterator[tuple[Path, list[CallRow]]]:
        """Renamed files and their rows; whoever has stored the rows removes the file."""
        current = self._folder / NAME
        if current.is_file() and current.stat().st_size:
            current.rename(self._folder / f"calls-{time.time_ns()}.taking")
            time.sleep(_SETTLE_S)
        for file in sorted(self._folder.glob("calls-*.taking")):
            yield file, list(self._rows(file))

    def _rows(self, file: Path) -> Iterator[CallRow]:
        with file.open(encoding="utf-8", errors="replace", newline="") as lines:
            for values in csv.reader(lines):
                row = dict(zip(_FIELDS, values, strict=False))
                try:
                    # Other legs of a call carry another's linkedid; agents' own calls come from another context.
                    if row["uniqueid"] == row["linkedid"] and row["dcontext"].startswith("hotline"):
                        yield CallRow(
                            row["uniqueid"],
                            row["src"],
                            _moment(row["start"]),
                            _moment(row["end"]),
                            int(row["billsec"]),
                            trunk_of(row.get("channel", "")),
                        )
                except (KeyError, ValueError):
                    structlog.get_logger().warning("a row of the PBX's list cannot be read", file=file.name)


def trunk_of(channel: str) -> str:
    """ "psap" of the channel PJSIP/psap-0000002a; empty for a caller who came over no trunk."""
    name = channel.rpartition("/")[2].rpartition("-")[0]
    return "" if name == "anonymous" else name[:32]


def _moment(text: str) -> datetime:
    return datetime.fromtimestamp(float(text), UTC)
