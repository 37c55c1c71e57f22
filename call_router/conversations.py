"""Conversations in two channels: the PBX writes the citizen's voice and what the citizen hears, here they become one.

`conversations/<call>-<segment>-in.wav` and `-out.wav` turn into `conversations/<day>/<call>-<segment>.wav`, the citizen
on the left. Done when the call is over and the files rest; a crash repeats it, and the second time changes nothing.
"""

from __future__ import annotations

import hashlib
import re
import time
import wave
from collections.abc import Callable, Iterable
from datetime import datetime
from pathlib import Path

import numpy as np
import numpy.typing as npt
import structlog

from call_router.recordings import started_at
from casebook.store.desk import ConversationRow, DeskLog

FOLDER = "conversations"
_NAME = re.compile(r"(?P<call>[A-Za-z0-9_.-]{1,64})-(?P<segment>\d+)-(?:in|out)\.wav")
_RATE = 8000
_HEADER_BYTES = 44
_RESTS_S = 2.0
Samples = npt.NDArray[np.int16]


class Conversations:
    """The folder of conversations under the recordings folder."""

    def __init__(self, root: Path, log: DeskLog, clock: Callable[[], datetime]) -> None:
        self._root = root
        self._log = log
        self._clock = clock

    def take_in(self, live: Iterable[str], ours: Callable[[str], bool]) -> int:
        """Put together the conversations of calls that are over; how many."""
        alive, done = set(live), 0
        for call_id, segment in sorted(self._found()):
            if ours(call_id) and call_id not in alive and self._rest(call_id, segment):
                try:
                    self._put_together(call_id, segment)
                    done += 1
                except (OSError, ValueError) as error:
                    structlog.get_logger().error(
                        "conversation not taken in", call_id=call_id, error=type(error).__name__
                    )
        return done

    def _found(self) -> set[tuple[str, str]]:
        matches = (_NAME.fullmatch(file.name) for file in (self._root / FOLDER).glob("*.wav"))
        return {(match["call"], match["segment"]) for match in matches if match}

    def _sides(self, call_id: str, segment: str) -> tuple[Path, Path]:
        folder = self._root / FOLDER
        return folder / f"{call_id}-{segment}-in.wav", folder / f"{call_id}-{segment}-out.wav"

    def _rest(self, call_id: str, segment: str) -> bool:
        newest = max((side.stat().st_mtime for side in self._sides(call_id, segment) if side.is_file()), default=0.0)
        return time.time() - newest > _RESTS_S

    def _put_together(self, call_id: str, segment: str) -> None:
        left, right = map(_read, self._sides(call_id, segment))
        length = max(left.size, right.size)
        if length:
            moment = started_at(call_id)
            day = moment.strftime("%Y%m%d") if moment else "other"
            relative = Path(FOLDER) / day / f"{call_id}-{segment}.wav"
            both = np.zeros((length, 2), np.int16)
            both[: left.size, 0], both[: right.size, 1] = left, right
            digest = _write(self._root / relative, both)
            duration_ms = length * 1000 // _RATE
            self._log.keep_conversation(
                ConversationRow(call_id, relative.as_posix(), duration_ms, digest, self._clock())
            )
        for side in self._sides(call_id, segment):
            side.unlink(missing_ok=True)


def _read(file: Path) -> Samples:
    """Samples by the file's length: the header of a killed PBX's file says nothing."""
    data = file.read_bytes()[_HEADER_BYTES:] if file.is_file() else b""
    return np.frombuffer(data[: len(data) // 2 * 2], "<i2")


def _write(file: Path, both: Samples) -> str:
    file.parent.mkdir(parents=True, exist_ok=True)
    draft = file.with_suffix(".new")
    with wave.open(str(draft), "wb") as audio:
        audio.setnchannels(2)
        audio.setsampwidth(2)
        audio.setframerate(_RATE)
        audio.writeframes(both.tobytes())
    draft.rename(file)
    return hashlib.sha256(file.read_bytes()).hexdigest()
