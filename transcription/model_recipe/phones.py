"""The phones of Mandarin as this model counts them: an initial or a glide, then a final with its tone.

Pinyin by pypinyin (MIT). Zero-initial syllables get a glide (y, w, yv) where they are spoken with one, which keeps the
finals few. A phone is a string ("zh", "ang4"); silence is "sil".
"""

from __future__ import annotations

import re
from functools import cache, lru_cache

from pypinyin import Style, lazy_pinyin
from pypinyin.contrib.tone_convert import to_finals, to_initials, to_normal

SILENCE = "sil"
GLIDES = ("w", "y", "yv")
INITIALS = (*GLIDES, *"b p m f d t n l g k h j q x zh ch sh r z c s".split())
_PLAIN = (
    "a ai an ang ao e ei en eng er i ia ian iang iao ie ii in ing iong iou ir o ong ou u ua uai uan uang uei uen uo"
    " v van ve vn"
).split()
TONES = "12345"
FINALS = tuple(final + tone for final in _PLAIN for tone in TONES)
PHONES = (SILENCE, *INITIALS, *FINALS)
HANZI = re.compile("[\u4e00-\u9fff]+")
_RARE = {"er": "er", "o": "o"}


@cache
def syllable(pinyin: str) -> tuple[str, str]:
    """The initial ("" where there is none) and the final with its tone of a syllable such as "zhang1"."""
    tone, plain = pinyin[-1], to_normal(pinyin)
    if plain in ("er", "o", "m", "n", "ng", "hm", "hng", "ê"):  # interjections: heard as a dull vowel
        return "", _RARE.get(plain, "en") + tone
    initial = to_initials(plain, strict=True)
    final = to_finals(plain, strict=True, v_to_u=True).replace("ü", "v")
    if final == "i" and initial in ("zh", "ch", "sh", "r"):
        final = "ir"
    elif final == "i" and initial in ("z", "c", "s"):
        final = "ii"
    elif final == "ueng":
        initial, final = "w", "eng"
    elif final == "o" and initial:
        final = "uo"
    elif final in ("ê", "io"):
        final = "ie" if final == "ê" else "ou"
    if not initial and final not in ("ir", "ii"):
        initial = {"i": "y", "u": "w", "v": "yv"}.get(final[0], "")
    return initial, final + tone


@cache
def phones(pinyin: str) -> tuple[str, ...]:
    """The phones of a syllable."""
    initial, final = syllable(pinyin)
    return (initial, final) if initial else (final,)


@lru_cache(maxsize=200_000)
def reading(word: str, *, sandhi: bool = True) -> tuple[str, ...]:
    """A word's syllables in pinyin with tones as they are spoken (sandhi within the word; 5 is the neutral tone)."""
    return tuple(lazy_pinyin(word, style=Style.TONE3, neutral_tone_with_five=True, tone_sandhi=sandhi, errors="ignore"))
