"""Names and places of the recordings that the PBX writes.

A voicemail is `<day>/<call id>-<seq>-<attempt>.wav` under the recordings folder: `seq` is the step that asked for it,
`attempt` counts the servers that tried, so that a server which takes over never overwrites what the first one got. The
dialplan's own fallback writes `spool/<call id>-fallback.wav`. No text of a caller ever gets into a name.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from ivr.ports import RecordingFacts, RecordingProbe

CALL_ID = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_UNIQUEID_EPOCH = re.compile(r"(?:^|-)(\d{9,11})\.\d+$")
_VOICEMAIL = re.compile(r"(?P<call>[A-Za-z0-9_.-]{1,64})-(?P<seq>\d{3})-(?P<attempt>\d+)\.wav")
_FALLBACK = re.compile(r"(?P<call>[A-Za-z0-9_.-]{1,64})-fallback\.wav")
SPOOL = "spool"


@dataclass(frozen=True, slots=True)
class RecordingName:
    """What a file's name says of it; `seq` is None for one that the fallback dialplan wrote."""

    call_id: str
    seq: int | None


def parse_name(path: Path) -> RecordingName | None:
    """The call and step of a recording, or None for a file that is not ours."""
    if match := _VOICEMAIL.fullmatch(path.name):
        return RecordingName(match["call"], int(match["seq"]))
    if match := _FALLBACK.fullmatch(path.name):
        return RecordingName(match["call"], None)
    return None


def started_at(call_id: str) -> datetime | None:
    """The second in which Asterisk created the channel, from the UNIQUEID ("lyg1-1763900000.12")."""
    match = _UNIQUEID_EPOCH.search(call_id)
    return datetime.fromtimestamp(int(match[1]), UTC) if match else None


@dataclass(frozen=True, slots=True)
class RecordingFolder:
    """The recordings folder, as the AGI driver and the reaper share it with the PBX."""

    root: Path
    probe: RecordingProbe

    def next_path(self, call_id: str, seq: int) -> Path:
        """A path that no server has used yet for this step, its folder made; relative to `root`.

        Raises ValueError for a call id that may not be a file name.
        """
        taken = self._attempts(call_id, seq)
        attempt = 1 + max((int(path.stem.rsplit("-", 1)[1]) for path in taken), default=0)
        relative = self._day(call_id) / f"{call_id}-{seq:03d}-{attempt}.wav"
        (self.root / relative).parent.mkdir(parents=True, exist_ok=True)
        return relative

    def find(self, call_id: str, seq: int) -> tuple[str, RecordingFacts] | None:
        """The longest usable recording of a step and its facts: what a dead server left; None for none."""
        best: tuple[str, RecordingFacts] | None = None
        for path in self._attempts(call_id, seq):
            facts = self.probe(path)
            if facts and (best is None or facts.duration_ms > best[1].duration_ms):
                best = (path.relative_to(self.root).as_posix(), facts)
        return best

    def _attempts(self, call_id: str, seq: int) -> list[Path]:
        return sorted((self.root / self._day(call_id)).glob(f"{call_id}-{seq:03d}-*.wav"))

    def _day(self, call_id: str) -> Path:
        if not CALL_ID.fullmatch(call_id):
            raise ValueError("a call id may hold only letters, digits, '_', '.' and '-'")
        moment = started_at(call_id)
        return Path(moment.strftime("%Y%m%d") if moment else "other")
