"""On real complaints that the project does not contain: no worse than the bare models, on the same folds in one run."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.search import fts, known_item, product, recall, two_character_words
from benchmarks.suggest import MODELS, figures, judge, read


@pytest.fixture(scope="module")
def complaints(shared_dir: Path) -> tuple[list[str], list[str]]:
    """Texts and labels; without them, the tests are skipped."""
    path = shared_dir / "data" / "classification" / "complaints_dev.tsv"
    if not path.is_file():
        pytest.skip(f"no labelled complaints at {path}")
    return read(path)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("grouped", [False, True], ids=["at random", "near-duplicates together"])
def test_matters_are_suggested_no_worse_than_by_the_bare_models(
    complaints: tuple[list[str], list[str]], grouped: bool
) -> None:
    texts, labels = complaints
    ours, svm, regression = (
        figures(judge(MODELS[name], texts, labels, grouped=grouped))
        for name in ("this project", "bare SVM", "bare LR, C=10")
    )
    assert ours.accuracy >= svm.accuracy
    assert ours.top3 >= regression.top3


def test_entries_are_found_no_worse_than_by_bare_indexes(
    complaints: tuple[list[str], list[str]], tmp_path: Path
) -> None:
    both = [text.split("\n", 1) for text in complaints[0][:200]]
    titles, texts = [title for title, _ in both], [text for _, text in both]
    words = two_character_words(texts)
    ours, trigram = product(texts, tmp_path), fts(texts, "trigram", None)
    assert recall(ours, texts, words) == 1
    assert recall(trigram, texts, words) == 0
    assert known_item(ours, titles)[1] >= known_item(trigram, titles)[1]
