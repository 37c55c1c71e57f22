"""How well matters are suggested, beside a bare model, on labelled complaints that the project does not contain.

    python -m benchmarks.suggest [--data FILE]

FILE is a table with the columns title, text and l1 (evaluation data, kept beside the project). Five-fold, the same
folds for every model: at random, and with near-duplicates (cosine of characters of at least 0.8) kept in one fold.
Bare: TF-IDF of one to three characters, with a linear SVM (its accuracy is to be reached) and with logistic regression
of scikit-learn's default strength and of ten times that (their top-3). Only the labels of the training folds are
learned; the shipped notes take no part.
"""

from __future__ import annotations

import argparse
import csv
import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold
from sklearn.svm import LinearSVC

from casebook.suggest.classifier import Classifier
from config.suggestions import load_catalogue

ROOT = Path(__file__).parent.parent
CITY = ROOT / "config" / "city"
FOLDS = 5
SEED = 42
_NEAR = 0.8
_SHARE = (0.5, 0.7, 0.9)

Scores = NDArray[np.float64]
Learner = Callable[[Sequence[str], Sequence[str], Sequence[str]], tuple[Sequence[str], Scores]]
"""Training texts, their labels, texts to judge: the labels, and a score for each text and label."""


@dataclass(frozen=True, slots=True)
class Figures:
    """Accuracy, share of texts whose label is among the first three, seconds for the five folds."""

    accuracy: float
    top3: float
    seconds: float


def default_data() -> Path:
    """Where the evaluation data lies beside the project."""
    shared = Path(os.environ.get("HOTLINE_SHARED_DIR", ROOT.parent / "shared"))
    return shared / "data" / "classification" / "complaints_dev.tsv"


def read(path: Path) -> tuple[list[str], list[str]]:
    """Texts (the title is the first line) and labels."""
    csv.field_size_limit(10_000_000)
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    return [f"{row['title'].strip()}\n{row['text'].strip()}" for row in rows], [row["l1"] for row in rows]


def splits(texts: Sequence[str], labels: Sequence[str], *, grouped: bool) -> Iterator[tuple[list[int], list[int]]]:
    """Five-fold; grouped: no near-duplicate of a training text is judged."""
    folds = StratifiedGroupKFold if grouped else StratifiedKFold
    groups = _groups(texts) if grouped else None
    for train, test in folds(FOLDS, shuffle=True, random_state=SEED).split(texts, labels, groups):
        yield train.tolist(), test.tolist()


def _groups(texts: Sequence[str]) -> list[int]:
    matrix = TfidfVectorizer(analyzer="char", ngram_range=(1, 3)).fit_transform(texts)
    near = (matrix @ matrix.T).toarray() >= _NEAR
    group = list(range(len(texts)))
    for one, other in zip(*np.nonzero(np.triu(near, 1)), strict=True):
        old, new = group[other], group[one]
        group = [new if value == old else value for value in group]
    return group


def ours(texts: Sequence[str], labels: Sequence[str], others: Sequence[str]) -> tuple[Sequence[str], Scores]:
    """The product's model."""
    model = Classifier.train(texts, labels)
    return model.labels, model.probabilities(others)


def bare_svm(texts: Sequence[str], labels: Sequence[str], others: Sequence[str]) -> tuple[Sequence[str], Scores]:
    """TF-IDF of characters and a linear SVM."""
    features = TfidfVectorizer(analyzer="char", ngram_range=(1, 3))
    model = LinearSVC(random_state=0).fit(features.fit_transform(texts), labels)
    return list(model.classes_), model.decision_function(features.transform(others))


def bare_regression(strength: float) -> Learner:
    """TF-IDF of characters and logistic regression."""

    def learn(texts: Sequence[str], labels: Sequence[str], others: Sequence[str]) -> tuple[Sequence[str], Scores]:
        features = TfidfVectorizer(analyzer="char", ngram_range=(1, 3))
        model = LogisticRegression(C=strength, max_iter=1000).fit(features.fit_transform(texts), labels)
        return list(model.classes_), model.predict_proba(features.transform(others))

    return learn


MODELS: dict[str, Learner] = {
    "this project": ours,
    "bare SVM": bare_svm,
    "bare LR, C=1": bare_regression(1),
    "bare LR, C=10": bare_regression(10),
}


def measure(learner: Learner, texts: Sequence[str], labels: Sequence[str], *, grouped: bool) -> Figures:
    """A model on the five folds."""
    began, first, among = time.perf_counter(), 0, 0
    for train, test in splits(texts, labels, grouped=grouped):
        names, scores = learner([texts[n] for n in train], [labels[n] for n in train], [texts[n] for n in test])
        for n, order in zip(test, np.argsort(-scores, axis=1), strict=True):
            best = [names[place] for place in order[:3]]
            first += best[0] == labels[n]
            among += labels[n] in best
    return Figures(first / len(texts), among / len(texts), time.perf_counter() - began)


def selective(texts: Sequence[str], labels: Sequence[str]) -> Iterator[tuple[float, float, float]]:
    """Of the texts whose first suggestion is at least so probable: their share, and how many of them are right."""
    sure: list[tuple[float, bool]] = []
    for train, test in splits(texts, labels, grouped=True):
        names, scores = ours([texts[n] for n in train], [labels[n] for n in train], [texts[n] for n in test])
        sure += [(float(row.max()), names[int(row.argmax())] == labels[n]) for n, row in zip(test, scores, strict=True)]
    for least in _SHARE:
        chosen = [right for probability, right in sure if probability >= least]
        yield least, len(chosen) / len(sure), sum(chosen) / max(len(chosen), 1)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=default_data())
    texts, labels = read(parser.parse_args().data)
    print(f"{len(texts)} texts, {len(set(labels))} labels, {FOLDS} folds, seed {SEED}")
    for grouped in (False, True):
        print("near-duplicates in one fold" if grouped else "at random")
        for name, learner in MODELS.items():
            one = measure(learner, texts, labels, grouped=grouped)
            print(f"  {name:14} accuracy {one.accuracy:.3f}   top-3 {one.top3:.3f}   {one.seconds:5.1f} s", flush=True)
    print("the shipped notes, five-fold at random")
    notes = load_catalogue(CITY)[1]
    one = measure(ours, [note.text for note in notes], [note.matter for note in notes], grouped=False)
    print(f"  {len(notes)} notes, {len({note.matter for note in notes})} matters", end="   ")
    print(f"accuracy {one.accuracy:.3f}   top-3 {one.top3:.3f}")
    print("how sure, near-duplicates in one fold")
    for least, share, right in selective(texts, labels):
        print(f"  p >= {least}: {share:.1%} of the texts, {right:.1%} of them right")


if __name__ == "__main__":
    main()
