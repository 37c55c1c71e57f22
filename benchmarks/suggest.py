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
    """Accuracy, and the share of texts whose label is among the first three."""

    accuracy: float
    top3: float

    def __str__(self) -> str:
        return f"accuracy {self.accuracy:.3f}   top-3 {self.top3:.3f}"


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
    known, unknown = _bare_features(texts, others)
    model = LinearSVC(random_state=0).fit(known, labels)
    return list(model.classes_), model.decision_function(unknown)


def bare_regression(strength: float) -> Learner:
    """TF-IDF of characters and logistic regression."""

    def learn(texts: Sequence[str], labels: Sequence[str], others: Sequence[str]) -> tuple[Sequence[str], Scores]:
        known, unknown = _bare_features(texts, others)
        model = LogisticRegression(C=strength, max_iter=1000).fit(known, labels)
        return list(model.classes_), model.predict_proba(unknown)

    return learn


def _bare_features(texts: Sequence[str], others: Sequence[str]) -> tuple[Scores, Scores]:
    """TF-IDF of characters, in coordinates of the space that the training texts span.

    Linear models with a quadratic penalty see inner products alone, so they are the same as over the hundred thousands
    of sparse columns, and are found in a hundredth of the time.
    """
    vectorizer = TfidfVectorizer(analyzer="char", ngram_range=(1, 3))
    known, unknown = vectorizer.fit_transform(texts), vectorizer.transform(others)
    values, vectors = np.linalg.eigh((known @ known.T).toarray())
    kept = values > 1e-9
    scale, axes = np.sqrt(values[kept]), vectors[:, kept]
    return axes * scale, (unknown @ known.T).toarray() @ (axes / scale)


MODELS: dict[str, Learner] = {
    "this project": ours,
    "bare SVM": bare_svm,
    "bare LR, C=1": bare_regression(1),
    "bare LR, C=10": bare_regression(10),
}


@dataclass(frozen=True, slots=True)
class Judged:
    """A text's label, the first three labels that a model gave it, and the score of the first."""

    label: str
    best: tuple[str, ...]
    score: float


def judge(learner: Learner, texts: Sequence[str], labels: Sequence[str], *, grouped: bool) -> list[Judged]:
    """Every text, judged by a model that did not learn from its fold."""
    judged = []
    for train, test in splits(texts, labels, grouped=grouped):
        names, scores = learner([texts[n] for n in train], [labels[n] for n in train], [texts[n] for n in test])
        for n, row in zip(test, scores, strict=True):
            order = np.argsort(-row)[:3]
            judged.append(Judged(labels[n], tuple(names[place] for place in order), float(row[order[0]])))
    return judged


def figures(judged: Sequence[Judged]) -> Figures:
    """Figures of judged texts."""
    first = sum(one.best[0] == one.label for one in judged)
    among = sum(one.label in one.best for one in judged)
    return Figures(first / len(judged), among / len(judged))


def selective(judged: Sequence[Judged]) -> Iterator[tuple[float, float, float]]:
    """Of the texts whose first suggestion is at least so probable: their share, and how many of them are right."""
    for least in _SHARE:
        chosen = [one.best[0] == one.label for one in judged if one.score >= least]
        yield least, len(chosen) / len(judged), sum(chosen) / max(len(chosen), 1)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=default_data())
    texts, labels = read(parser.parse_args().data)
    print(f"{len(texts)} texts, {len(set(labels))} labels, {FOLDS} folds, seed {SEED}")
    own: list[Judged] = []
    for grouped in (False, True):
        print("near-duplicates in one fold" if grouped else "at random")
        for name, learner in MODELS.items():
            judged = judge(learner, texts, labels, grouped=grouped)
            own = judged if learner is ours else own
            print(f"  {name:14} {figures(judged)}", flush=True)
    for least, share, right in selective(own):
        print(f"  this project, p >= {least}: {share:.1%} of the texts, {right:.1%} of them right")
    notes = load_catalogue(CITY)[1]
    judged = judge(ours, [note.text for note in notes], [note.matter for note in notes], grouped=False)
    print(f"the shipped notes at random: {len(notes)} notes, {len({note.matter for note in notes})} matters")
    print(f"  this project   {figures(judged)}")


if __name__ == "__main__":
    main()
