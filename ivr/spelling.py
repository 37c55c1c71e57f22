"""How digits are read to a caller: one clip a digit, with rests where a person would make them."""

from __future__ import annotations

PAUSE = "pause"
_GROUPS = {14: (4, 4, 3, 3), 4: (4,)}
"""How digits are grouped when read: a date, then the number of the day."""


def spell(digits: str) -> list[str]:
    """Clips that read digits one by one, with a pause between groups; a case number as date and number of the day."""
    clips: list[str] = []
    start = 0
    for size in _GROUPS.get(len(digits), (len(digits),)):
        if start:
            clips.append(PAUSE)
        clips += [f"digits/{digit}" for digit in digits[start : start + size]]
        start += size
    return clips
