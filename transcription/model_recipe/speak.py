"""Speech with known phones: Kokoro reads sentences, and says itself how long each phone lasts.

    python -m transcription.model_recipe.speak --voices package/voices --out SPEECH --seconds 3600 --seed 1

Run one a core, each with its own seed: about 0.8 s of a core for a second of speech. The node that carries the
durations of Kokoro's tokens is made an output, so no aligner is needed. Each utterance is one compressed file:
audio (8 kHz, int16), phones and the sample at which each ends, its text.

Speakers: a mix of two Mandarin voices, half of the time with a share of another language's voice, at several speeds.
The voices of the test, HELD_OUT, are never used.
"""

from __future__ import annotations

import argparse
import random
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jieba
import numpy as np
import numpy.typing as npt
from misaki.zh import ZHG2P
from scipy.signal import resample_poly

from transcription.model_recipe.features import RATE
from transcription.model_recipe.phones import GLIDES, HANZI, SILENCE, phones, reading, syllable
from transcription.model_recipe.texts import Reserved, spoken
from transcription.model_recipe.voice import Synthesiser

HELD_OUT = ("zf_xiaoyi", "zm_yunyang")
_PAUSES = {"，": ", ", "。": ". ", "、": ", ", "！": "! ", "？": "? ", "；": "; ", "：": ": "}
_DOMAIN_SHARE = 0.5
_TIMBRE = 128
"""A style is 256 numbers: the first half is the voice's sound, the second its melody and pace."""

Floats = npt.NDArray[np.float32]


@dataclass
class Unit:
    """One phone, or two that share a symbol and split its time one to two."""

    names: tuple[str, ...]


class Reader:
    """Texts to Kokoro's tokens and the phone that each belongs to."""

    def __init__(self, vocabulary: dict[str, int]) -> None:
        self._vocabulary = vocabulary

    def tokens(self, text: str) -> tuple[list[int], list[int], list[Unit]]:
        """Token ids, the unit of each token, and the units."""
        ids: list[int] = []
        owners: list[int] = []
        units: list[Unit] = []

        def add(symbols: str) -> None:
            for symbol in symbols:
                if symbol in self._vocabulary:
                    ids.append(self._vocabulary[symbol])
                    owners.append(len(units) - 1)

        for stretch in re.findall("[\u4e00-\u9fff]+|[" + "".join(_PAUSES) + "]", text):
            if stretch in _PAUSES:
                units.append(Unit((SILENCE,)))
                add(_PAUSES[stretch])
                continue
            for place, word in enumerate(jieba.lcut(stretch)):
                if place:
                    add(" ")
                for pinyin in reading(word):
                    symbols = ZHG2P.py2ipa(pinyin).replace(chr(815), "")
                    for unit, part in _split(pinyin, symbols):
                        units.append(unit)
                        add(part)
        return ids, owners, units


def _split(pinyin: str, symbols: str) -> Iterator[tuple[Unit, str]]:
    """The phones of a syllable, each with its share of the syllable's symbols."""
    initial, _ = syllable(pinyin)
    names = phones(pinyin)
    if initial in GLIDES and not (len(symbols) > 1 and symbols[0] in "jwɥ"):
        yield Unit(names), symbols  # yi, wu, yu: one symbol for both
    elif initial:
        size = 1 if initial in GLIDES or symbols[1:2] != "ʰ" else 2
        yield Unit(names[:1]), symbols[:size]
        yield Unit(names[1:]), symbols[size:]
    else:
        yield Unit(names), symbols


def timed(units: list[Unit], owners: list[int], durations: npt.NDArray[np.int64], samples: int) -> Any:
    """Phones and the sample at which each ends: (names, ends)."""
    shares = np.zeros(len(units))
    np.add.at(shares, owners, durations[1:-1])
    names, lengths = [SILENCE], [float(durations[0])]
    for unit, share in zip(units, shares, strict=True):
        for name, part in zip(unit.names, (1.0,) if len(unit.names) == 1 else (1 / 3, 2 / 3), strict=True):
            names.append(name)
            lengths.append(share * part)
    names.append(SILENCE)
    lengths.append(float(durations[-1]))
    return names, np.cumsum(lengths) * samples / durations.sum()


class Speakers:
    """Styles that belong to nobody: mixtures of the voices that may be used."""

    def __init__(self, folder: Path, r: random.Random) -> None:
        self._r = r
        files = {
            file.stem: np.fromfile(file, dtype=np.float32).reshape(-1, 256) for file in sorted(folder.glob("*.bin"))
        }
        self._mandarin = [style for name, style in files.items() if name[0] == "z" and name not in HELD_OUT]
        self._other = [style for name, style in files.items() if name[0] != "z"]

    def draw(self) -> Floats:
        """A style, one row a text length."""
        r = self._r
        one, two, other = r.choice(self._mandarin), r.choice(self._mandarin), r.choice(self._other)
        share = r.random() if r.random() < 0.6 else 1.0
        foreign = r.choice((0, 0, 0.25, 0.4, 0.55, 0.7))
        style = share * one + (1 - share) * two
        style[:, :_TIMBRE] = (1 - foreign) * style[:, :_TIMBRE] + foreign * other[:, :_TIMBRE]
        style[:, _TIMBRE:] = (1 - foreign / 3) * style[:, _TIMBRE:] + foreign / 3 * other[:, _TIMBRE:]
        return np.asarray(style, dtype=np.float32)


def _texts(r: random.Random, reserved: Reserved) -> Iterator[str]:
    """Sentences of the domain, and as many strings of common words for the sounds that those lack."""
    domain = spoken(r, reserved)
    jieba.initialize()
    words = [
        (word, count)
        for word, count in jieba.dt.FREQ.items()
        if count > 3 and 0 < len(word) < 5 and HANZI.fullmatch(word)
    ]
    names, weights = [word for word, _ in words], [count**0.4 for _, count in words]
    while True:
        if r.random() < _DOMAIN_SHARE:
            yield next(domain)
        else:
            text = "".join(r.choices(names, weights, k=r.randint(4, 10)))
            if reserved.found_in(text) is None:
                yield text


def main() -> None:
    """Speak for a number of seconds of wall time."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--voices", type=Path, required=True, help="kokoro-js's folder voices")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--seed", type=int, required=True)
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    r = random.Random(arguments.seed)
    synthesiser, speakers = Synthesiser(arguments.out), Speakers(arguments.voices, r)
    reader = Reader(synthesiser.vocabulary)
    until, made, length = time.monotonic() + arguments.seconds, 0, 0.0
    for text in _texts(r, Reserved()):
        if time.monotonic() > until:
            break
        ids, owners, units = reader.tokens(text)
        if not 4 <= len(ids) <= 400:
            continue
        audio, durations = synthesiser.speak(ids, speakers.draw(), r.uniform(1.0, 1.6))
        if len(durations) != len(ids) + 2:
            continue
        names, ends = timed(units, owners, durations, len(audio))
        narrow = resample_poly(audio, 1, 3)
        narrow = narrow / max(1e-3, float(np.abs(narrow).max())) * 20000
        np.savez_compressed(
            arguments.out / f"{arguments.seed}_{made}.npz",
            audio=narrow.astype(np.int16),
            phones=np.array(names),
            ends=(ends / 3).astype(np.int32),
            text=text,
        )
        made, length = made + 1, length + len(narrow) / RATE
        if made % 50 == 0:
            print(made, round(length), flush=True)


if __name__ == "__main__":
    main()
