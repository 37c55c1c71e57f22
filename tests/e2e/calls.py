"""What callers do, as timelines, and what they hear."""

from __future__ import annotations

from pathlib import Path

from tests.pbx.audio import RATE, Key, Samples, Silence, Speech, Timeline, likeness, read_samples
from tests.pbx.rig import PROMPTS

LEAD_S = 0.45
"""From the start of a recording to the first word of `leave_message`, about."""
TRAIL_S = 0.3


def to_the_beep(key: str = "2") -> Timeline:
    """Press a menu key, skip what is said about the agents, skip the instructions."""
    return [Silence(1.5), Key(key), Silence(1.0), Key("1"), Silence(1.2), Key("1"), Silence(0.8)]


def leave_message(samples: Samples, *, key: str = "2", then: Timeline | None = None) -> Timeline:
    """A voicemail: say it, end it with #, and go on with `then` (by default: keep it, hear the number)."""
    keep: Timeline = [Silence(1.0), Key("1"), Silence(2.0)]
    return [*to_the_beep(key), Speech(samples), Silence(TRAIL_S), Key("#"), *(keep if then is None else then)]


def digits_heard(heard: Samples, after: str, count: int) -> str:
    """The digits that were read after a clip, recognised by comparing the sound with each digit's own clip."""
    clips = {str(digit): read_samples(PROMPTS / "digits" / f"{digit}.wav") for digit in range(10)}
    intro = read_samples(PROMPTS / f"{after}.wav")
    found = likeness(intro, heard)
    assert found.correlation > 0.9, f"'{after}' was not heard"
    position = int(found.lag_s * RATE) + intro.size
    digits = ""
    while len(digits) < count:
        # A busy machine may pause between two clips: look a little further only when nothing is near.
        tries = (_next_digit(heard, position, clips, slack_s) for slack_s in (0.45, 0.9, 1.8))
        digit, position = next(filter(None, tries), ("", 0))
        assert digit, f"after '{digits}' nothing that sounds like a digit"
        digits += digit
    return digits


def _next_digit(heard: Samples, position: int, clips: dict[str, Samples], slack_s: float) -> tuple[str, int] | None:
    """The first digit from `position` on, and where it ends."""
    start = max(0, position - 400)
    matches = []
    for digit, clip in clips.items():
        window = heard[start : position + clip.size + int(slack_s * RATE)]
        match = likeness(clip, window)
        if match.correlation > 0.8 and match.overlap_s * RATE >= clip.size * 0.95:
            matches.append((start + int(match.lag_s * RATE) + clip.size, digit))
    if not matches:
        return None
    end, digit = min(matches)
    return digit, end


def heard_file(folder: Path) -> Path:
    """Where `listen` puts what a caller heard."""
    return folder / "heard.wav"
