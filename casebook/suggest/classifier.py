"""What a text is about: a linear model over its characters, its words and its first line, with probabilities.

A linear support vector machine over TF-IDF features is the best there is on few and short texts (Joachims, 1998); its
distances become probabilities by one temperature that is found on texts held back (Guo et al., 2017). scikit-learn
does the work; it takes seconds to import, so it is imported where it is used.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import jieba
    import numpy as np
    from numpy.typing import NDArray

_DIGITS = re.compile(r"\d{4,}")
_SPACE = re.compile(r"[^\S\n]+")
_TEMPERATURES = (0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0, 12.0, 16.0, 24.0)
_USUAL_TEMPERATURE = 4.0
"""Where there are too few texts to find one."""
_WORDS_WEIGHT = 2**0.5
_STRENGTH = 2.0


@dataclass(frozen=True, slots=True)
class Guess:
    """A label and how probable it is, 0 to 1."""

    label: str
    probability: float


class Classifier:
    """A trained model. Build it with `train`."""

    def __init__(self, features: Any, machine: Any, temperature: float) -> None:
        self._features = features
        self._machine = machine
        self._temperature = temperature
        self.labels: tuple[str, ...] = tuple(str(label) for label in machine.classes_)

    @classmethod
    def train(cls, texts: Sequence[str], labels: Sequence[str]) -> Classifier:
        """Learn from labelled texts. Raises ValueError for fewer than three labels."""
        if len(set(labels)) < 3:
            raise ValueError("at least three labels are needed")
        from sklearn.svm import LinearSVC  # noqa: PLC0415 - see above

        features = _features()
        matrix = features.fit_transform(texts)
        # The seed is fixed: the same notes make the same model.
        machine = LinearSVC(C=_STRENGTH, random_state=0).fit(matrix, labels)
        return cls(features, machine, _temperature(matrix, labels))

    def guesses(self, text: str, most: int = 3) -> list[Guess]:
        """The most probable labels, best first."""
        votes = self.probabilities([text])[0]
        order = votes.argsort()[::-1][:most]
        return [Guess(self.labels[n], float(votes[n])) for n in order]

    def probabilities(self, texts: Sequence[str]) -> NDArray[np.float64]:
        """A probability for each text (row) and label (column)."""
        distances = self._machine.decision_function(self._features.transform(texts))
        return _softmax(distances * self._temperature)

    def alike(self, text: str, others: Sequence[str]) -> list[float]:
        """How alike other texts are, 0 to 1: the cosine of their characters, weighed by how rare they are."""
        if not others:
            return []
        characters = self._features.transformer_list[0][1]
        cosines = characters.transform(others) @ characters.transform([text]).T
        return [float(value) for value in cosines.toarray().ravel()]


def plain(text: str) -> str:
    """A text as the model sees it: one width and case, no long numbers (telephones, identity cards)."""
    return _DIGITS.sub("#", _SPACE.sub(" ", unicodedata.normalize("NFKC", text).casefold())).strip()


def heading(text: str) -> str:
    """Its first line: the title, or all of a note."""
    return plain(text).split("\n", 1)[0]


def words(text: str) -> list[str]:
    """Its words."""
    return [word for word in _dictionary().cut(text, HMM=False) if word.strip()]


def _features() -> Any:
    from sklearn.feature_extraction.text import TfidfVectorizer  # noqa: PLC0415 - see the module
    from sklearn.pipeline import FeatureUnion  # noqa: PLC0415

    pieces: dict[str, Any] = {"analyzer": "char", "ngram_range": (1, 3)}
    return FeatureUnion(
        [
            ("characters", TfidfVectorizer(preprocessor=plain, **pieces)),
            ("words", TfidfVectorizer(preprocessor=plain, tokenizer=words, token_pattern=None, sublinear_tf=True)),
            ("heading", TfidfVectorizer(preprocessor=heading, sublinear_tf=True, **pieces)),
        ],
        # Words are fewer than stretches of characters and say more.
        transformer_weights={"words": _WORDS_WEIGHT},
    )


def _temperature(matrix: Any, labels: Sequence[str]) -> float:
    """The factor that makes distances the likeliest probabilities on a third of the texts, held back for that."""
    import numpy as np  # noqa: PLC0415 - see the module
    from sklearn.metrics import log_loss  # noqa: PLC0415
    from sklearn.model_selection import train_test_split  # noqa: PLC0415
    from sklearn.svm import LinearSVC  # noqa: PLC0415

    given = np.asarray(labels)
    names, counts = np.unique(given, return_counts=True)
    if counts.min() < 2 or len(given) < 3 * len(names):
        return _USUAL_TEMPERATURE
    train, held = train_test_split(np.arange(len(given)), test_size=1 / 3, random_state=0, stratify=given)
    machine = LinearSVC(C=_STRENGTH, random_state=0).fit(matrix[train], given[train])
    distances = machine.decision_function(matrix[held])
    return min(
        _TEMPERATURES,
        key=lambda one: float(log_loss(given[held], _softmax(distances * one), labels=machine.classes_)),
    )


def _softmax(values: NDArray[np.float64]) -> NDArray[np.float64]:
    import numpy as np  # noqa: PLC0415 - see the module

    sharp = np.exp(values - values.max(axis=1, keepdims=True))
    return np.asarray(sharp / sharp.sum(axis=1, keepdims=True), dtype=np.float64)


@cache
def _dictionary() -> jieba.Tokenizer:
    import jieba  # noqa: PLC0415 - its dictionary is large

    made = jieba.Tokenizer()
    # Not initialize(): it would read a cache that any user of this machine may have put into its temporary folder.
    made.FREQ, made.total = made.gen_pfdict(made.get_dict_file())
    made.initialized = True
    return made
