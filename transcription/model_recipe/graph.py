"""The search graph that libvosk composes at run time: HCLr.fst (sounds to words) and Gr.fst (words in their order).

    python -m transcription.model_recipe.graph network.npz MODEL

Needs OpenFst's programs (Debian: libfst-tools, libfst22-plugins-base). HCLr is a tree over the phones of all words,
already in transition ids; its words are renumbered for look-ahead, and the same numbers are used in words.txt, so that
a grammar given at run time fits as well.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import tempfile
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import numpy as np

from transcription.model_recipe import language
from transcription.model_recipe.export import State, Transitions
from transcription.model_recipe.language import BEGIN, END, History, Model
from transcription.model_recipe.phones import phones, reading

PAUSE = 1.2
"""Cost of a pause after a word."""
WORD = 0.0
"""Cost of a word, against falling apart into short ones."""
SPOKEN_AS = {"幺": ("yao1",), "嗯": ("en1",), "呃": ("e4",)}
_CHANGING = {"一": "124", "不": "42"}
"""The tones of characters that go by what follows, also where that is another word."""


def pronunciations(word: str) -> list[tuple[str, ...]]:
    """A word's phones, in each way it is spoken: with the sandhi of its third tones and without."""
    spoken = SPOKEN_AS.get(word)
    read = {spoken} if spoken else {reading(word), reading(word, sandhi=False)}
    read = {way for one in read if len(one) == len(word) for way in product(*map(_tones, word, one, (*one[1:], "")))}
    return sorted({tuple(phone for syllable in one for phone in phones(syllable)) for one in read})


def _tones(character: str, syllable: str, following: str) -> set[str]:
    """The forms of a syllable in a word."""
    if character in _CHANGING:
        return {syllable[:-1] + tone for tone in _CHANGING[character]}
    return {syllable, syllable[:-1] + "2"} if syllable[-1] == following[-1:] == "3" else {syllable}


def tree(words: dict[str, int], transitions: Transitions) -> Iterator[str]:
    """HCL as OpenFst's text: state, next state, transition id, word, cost."""
    start, root, joint, pause, size = 0, 1, 2, 3, 4
    silence = transitions.of[1][0]
    yield f"{start} {root} 0 0"
    yield f"{start} {pause} {silence.forward} 0"
    yield f"{joint} {root} 0 0"
    yield f"{joint} {pause} {silence.forward} 0 {PAUSE}"
    yield f"{pause} {pause} {silence.loop} 0"
    yield f"{pause} {root} 0 0"
    yield f"{joint}"
    yield f"{pause}"
    nodes: dict[tuple[int, int, int], int] = {}
    for word, number in words.items():
        for spoken in pronunciations(word):
            at = root
            for state in _states(spoken, transitions):
                step = (at, state.phone, state.number)
                if step not in nodes:
                    nodes[step] = size
                    yield f"{at} {size} {state.forward} 0"
                    yield f"{size} {size} {state.loop} 0"
                    size += 1
                at = nodes[step]
            yield f"{at} {joint} 0 {number} {WORD}"


def _states(spoken: tuple[str, ...], transitions: Transitions) -> Iterator[State]:
    for n, phone in enumerate(spoken):
        place = "S" if len(spoken) == 1 else "B" if n == 0 else "E" if n == len(spoken) - 1 else "I"
        yield from transitions.of[transitions.ids[phone, place]]


def order(model: Model, words: dict[str, int]) -> Iterator[str]:
    """G as OpenFst's text: a state a history, an empty arc to the shorter one."""
    states: dict[History, int] = {(BEGIN,): 0, (): 1}
    for history in model.likely:
        states.setdefault(history, len(states))
    for history, after in model.likely.items():
        for word, chance in after.items():
            if word == END:
                yield f"{states[history]} {-chance:.4f}"
                continue
            longer = (*history, word)[-2:]
            while longer not in states:
                longer = longer[1:]
            yield f"{states[history]} {states[longer]} {words[word]} {words[word]} {-chance:.4f}"
        if history:
            shorter = history[1:]
            while shorter not in states:
                shorter = shorter[1:]
            yield f"{states[history]} {states[shorter]} 0 0 {-model.spare[history]:.4f}"


def _run(*command: str) -> None:
    # The look-ahead type is a plug-in, which the linker must be able to find.
    folders = ":".join(str(folder) for folder in Path("/usr/lib").glob("*/fst/*"))
    subprocess.run(command, check=True, env={**os.environ, "LD_LIBRARY_PATH": folders})


def build(transitions: Transitions, target: Path) -> None:
    """Write graph/."""
    language.prepare()
    texts = list(language.corpus())
    vocabulary = language.vocabulary(texts)
    vocabulary = {word: count for word, count in vocabulary.items() if pronunciations(word)}
    texts = [text for text in texts if all(word in vocabulary for word in text)]
    model = language.estimate(texts, vocabulary)
    numbers = {word: n for n, word in enumerate(sorted(vocabulary), 1)}
    print(f"{len(texts)} texts, {len(numbers)} words, {sum(map(len, model.likely.values()))} n-grams", flush=True)
    (target / "phones").mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        (work / "hcl.txt").write_text("\n".join(tree(numbers, transitions)) + "\n")
        (work / "g.txt").write_text("\n".join(order(model, numbers)) + "\n")
        _run("fstcompile", str(work / "hcl.txt"), str(work / "hcl.fst"))
        _run("fstcompile", str(work / "g.txt"), str(work / "g.fst"))
        _run(
            "fstconvert",
            "--fst_type=olabel_lookahead",
            f"--save_relabel_opairs={work / 'pairs'}",
            str(work / "hcl.fst"),
            str(target / "HCLr.fst"),
        )
        pairs: dict[int, int] = {}
        for line in (work / "pairs").read_text().splitlines():
            old, new = line.split()
            pairs[int(old)] = int(new)
        relabel = f"{work / 'pairs'}"
        _run(
            "fstrelabel",
            f"--relabel_ipairs={relabel}",
            f"--relabel_opairs={relabel}",
            str(work / "g.fst"),
            str(work / "r.fst"),
        )
        _run("fstarcsort", "--sort_type=ilabel", str(work / "r.fst"), str(work / "s.fst"))
        _run("fstconvert", "--fst_type=const", str(work / "s.fst"), str(target / "Gr.fst"))
    renumbered = sorted((pairs[n], word) for word, n in numbers.items())
    (target / "words.txt").write_text(
        "<eps> 0\n" + "".join(f"{word} {n}\n" for n, word in renumbered), encoding="utf-8"
    )
    (target / "disambig_tid.int").write_text("")
    (target / "phones" / "word_boundary.int").write_text(transitions.word_boundaries())


def main() -> None:
    """Build the graph of a model."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("network", type=Path)
    parser.add_argument("model", type=Path)
    arguments = parser.parse_args()
    build(Transitions(np.load(arguments.network)["classes"]), arguments.model / "graph")


if __name__ == "__main__":
    main()
