"""The test's voicemails: texts nobody trained on, in the two voices that were held out, as a telephone brings them.

    python -m transcription.model_recipe.voicemails --voices package/voices --cache FOLDER [--tuning FOLDER]

Writes tests/data/voicemails/*.wav (8 kHz, 16 bit, mono) from transcripts.tsv beside them: at several paces and levels,
through the telephone's band and A-law, every other pair with noise. The words are read by misaki, not by the reader
that the training speech is made with. With --tuning, sentences kept back for tuning are spoken into that folder
instead, by mixtures of the voices of the training.
"""

from __future__ import annotations

import argparse
import csv
import random
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile
from misaki.zh import ZHG2P
from scipy.signal import resample_poly

from transcription.model_recipe import channel
from transcription.model_recipe.features import RATE
from transcription.model_recipe.speak import HELD_OUT, Speakers
from transcription.model_recipe.texts import VOICEMAILS, fill, tuning
from transcription.model_recipe.voice import Synthesiser

TUNING_COUNT = 50
Style = npt.NDArray[np.float32]


def speak(texts: list[tuple[str, str]], style: Callable[[int], Style], cache: Path, folder: Path) -> None:
    """Each (name, text) as a call's recording."""
    synthesiser, reader = Synthesiser(cache), ZHG2P()
    for n, (name, text) in enumerate(texts):
        r = np.random.default_rng(n)
        symbols = reader(text)
        symbols = symbols[0] if isinstance(symbols, tuple) else symbols
        ids = [synthesiser.vocabulary[one] for one in symbols if one in synthesiser.vocabulary]
        audio, _ = synthesiser.speak(ids, style(n), r.uniform(0.95, 1.25))
        before, after = (int(seconds * RATE) for seconds in r.uniform(0.3, 1.0, 2))
        voice = np.pad(np.asarray(resample_poly(audio, 1, 3), dtype=np.float32), (before, after))
        if n % 4 >= 2:
            hiss = channel.noise(len(voice), r)
            quiet = 10 ** (-r.uniform(15, 30) / 20)
            voice = voice + hiss * np.float32(quiet * np.sqrt(np.mean(voice**2) / np.mean(hiss**2)))
        heard = channel.telephone(voice, r.uniform(-30, -18))
        soundfile.write(folder / f"{name}.wav", np.round(heard * 32767).astype(np.int16), RATE)
        print(name, round(len(heard) / RATE, 1), flush=True)


def main() -> None:
    """Make them all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--voices", type=Path, required=True, help="kokoro-js's folder voices")
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("--tuning", type=Path)
    arguments = parser.parse_args()
    if arguments.tuning is None:
        styles = [np.fromfile(arguments.voices / f"{name}.bin", dtype=np.float32).reshape(-1, 256) for name in HELD_OUT]
        with VOICEMAILS.open(encoding="utf-8", newline="") as rows:
            texts = [(row["id"], row["text"]) for row in csv.DictReader(rows, delimiter="\t")]
        speak(texts, lambda n: styles[n % len(styles)], arguments.cache, VOICEMAILS.parent)
        return
    r = random.Random(0)
    speakers = Speakers(arguments.voices, r)
    spread = tuning()[:: len(tuning()) // TUNING_COUNT][:TUNING_COUNT]
    texts = [(f"t{n:02d}", fill(sentence, r)) for n, sentence in enumerate(spread)]
    arguments.tuning.mkdir(parents=True, exist_ok=True)
    lines = ["id\ttext", *(f"{name}\t{text}" for name, text in texts)]
    (arguments.tuning / "transcripts.tsv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    speak(texts, lambda _: speakers.draw(), arguments.cache, arguments.tuning)


if __name__ == "__main__":
    main()
