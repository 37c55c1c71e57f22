"""Show that the test's voicemails stand alone: nothing of theirs is in what the model was made from.

    python -m transcription.model_recipe.check [--speech SPEECH]

Looks for each of their clauses, and for any six characters in a row of their places and numbers, in the written
sentences, in every text that the language model counts, and in the texts that were spoken. Ends with 1 where it finds
one.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from transcription.model_recipe import language
from transcription.model_recipe.texts import Reserved, sentences


def found(reserved: Reserved, texts: Iterable[str]) -> tuple[int, list[str]]:
    """How many texts there are, and what of the test is in them."""
    count, hits = 0, []
    for text in texts:
        count += 1
        hit = reserved.found_in(text)
        if hit:
            hits.append(hit)
    return count, hits


def _spoken(folder: Path) -> Iterator[str]:
    for file in folder.glob("*.npz"):
        with np.load(file) as data:
            yield str(data["text"])


def main() -> None:
    """Check all there is."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--speech", type=Path)
    arguments = parser.parse_args()
    reserved = Reserved()
    language.prepare()
    sources: dict[str, Iterable[str]] = {
        "written sentences": sentences(),
        "texts of the language model": ("".join(words) for words in language.corpus()),
    }
    if arguments.speech:
        sources["spoken texts"] = _spoken(arguments.speech)
    wrong = False
    for name, texts in sources.items():
        count, hits = found(reserved, texts)
        wrong = wrong or bool(hits)
        print(f"{name}: {count}, with something of the test: {len(hits)} {hits[:3] or ''}")
    sys.exit(wrong)


if __name__ == "__main__":
    main()
