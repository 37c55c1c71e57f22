"""The written voicemails as telephone sound: python -m benchmarks.speak --voices FOLDER --out FOLDER

Needs the packages of the extra `prompts` and the voice files of kokoro-js (docs/prompts.md). Makes
OUT/domain/NNN.wav for tests/data/domain_voicemails.tsv and OUT/alarms/NNN.wav for rounds 2 and 3 of
tests/data/alarms/transcripts.tsv, NNN counting rows from 0, with eight voices in turn: 300-3400 Hz, some noise,
G.711 A-law, 8 kHz.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import soundfile
import soxr

from benchmarks.alarms import read_texts
from benchmarks.repair import read_voicemails
from config.voice import Kokoro

VOICES = (
    "zf_xiaobei", "zf_xiaoni", "zf_xiaoxiao", "zf_xiaoyi", "zm_yunjian", "zm_yunxi", "zm_yunxia", "zm_yunyang"
)  # fmt: skip
RATE = 8000
_LEVEL_DBFS, _NOISE_DBFS = -24, -55
_BAND_HZ = (300, 3400)


def main() -> None:
    """Make the files that are not there."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--voices", type=Path, required=True, help="kokoro-js's folder voices")
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    voices = [Kokoro(arguments.voices / f"{name}.bin", arguments.out) for name in VOICES]
    texts = [("domain", n, one.spoken) for n, one in enumerate(read_voicemails())]
    texts += [("alarms", n, row["text"]) for n, row in enumerate(read_texts()) if row["round"] != "1"]
    for folder, n, text in texts:
        path = arguments.out / folder / f"{n:03}.wav"
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            samples, rate = voices[n % len(voices)].speak(text)
            soundfile.write(path, _telephone(samples, rate, seed=n), RATE, subtype="ALAW", format="WAV")


def _telephone(samples: np.ndarray, rate: int, seed: int) -> np.ndarray:
    sound = soxr.resample(samples, rate, RATE)
    spectrum, hertz = np.fft.rfft(sound), np.fft.rfftfreq(len(sound), 1 / RATE)
    spectrum[(hertz < _BAND_HZ[0]) | (hertz > _BAND_HZ[1])] = 0
    sound = np.fft.irfft(spectrum, len(sound))
    sound *= 10 ** (_LEVEL_DBFS / 20) / np.sqrt(np.mean(sound**2))
    sound = np.pad(sound, RATE // 2) + np.random.default_rng(seed).normal(
        0, 10 ** (_NOISE_DBFS / 20), len(sound) + RATE
    )
    return np.clip(sound, -1, 1)


if __name__ == "__main__":
    main()
