"""What a text is about: a linear model over the characters and the words of it, with probabilities.

Two linear models over the same TF-IDF features vote: a support vector machine (Joachims, 1998: the best single answer on
few and short texts) and a logistic regression (a better order behind it). scikit-learn does the work; it takes seconds to
import, so it is imported where it is used.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_DIGITS = re.compile(r"\d{4,}")
_SPACE = re.compile(r"\s+")
_SVM_SHARPNESS = 3.0
"""Makes of the distances to the planes something like probabilities, on the scale of the other model's."""


@dataclass(frozen=True, slots=True)
class Guess:
    """A label and how probable it is, 0 to 1."""

    label: str
    probability: float


class Classifier:
    """A trained model. Build it with `train`."""

    def __init__(self, features: Any, svm: Any, regression: Any) -> None:
        self._features = features
        self._svm = svm
        self._regression = regression
        self.labels: tuple[str, ...] = tuple(str(label) for label in svm.classes_)

    @classmethod
    def train(cls, texts: Sequence[str], labels: Sequence[str]) -> Classifier:
        """Learn from labelled texts. Raises ValueError for fewer than two labels."""
        if len(set(labels)) < 2:
            raise ValueError("at least two labels are needed")
        from sklearn.feature_extraction.text import TfidfVectorizer  # noqa: PLC0415 - see above
        from sklearn.linear_model import LogisticRegression  # noqa: PLC0415
        from sklearn.pipeline import FeatureUnion  # noqa: PLC0415
        from sklearn.svm import LinearSVC  # noqa: PLC0415

        features = FeatureUnion(
            [
                ("characters", TfidfVectorizer(analyzer="char", ngram_range=(1, 3), sublinear_tf=True)),
                ("words", TfidfVectorizer(tokenizer=words, token_pattern=None, sublinear_tf=True)),
            ]
        )
        matrix = features.fit_transform([plain(text) for text in texts])
        # The seed is fixed: the same notes make the same model.
        svm = LinearSVC(C=0.5, random_state=0).fit(matrix, labels)
        regression = LogisticRegression(C=10, max_iter=1000).fit(matrix, labels)
        return cls(features, svm, regression)

    def guesses(self, text: str, most: int = 3) -> list[Guess]:
        """The most probable labels, best first."""
        votes = self.votes([text])[0]
        order = votes.argsort()[::-1][:most]
        return [Guess(self.labels[n], float(votes[n])) for n in order]

    def votes(self, texts: Sequence[str]) -> NDArray[np.float64]:
        """A probability for each text (row) and label (column)."""
        import numpy as np  # noqa: PLC0415 - with scikit-learn

        matrix = self._features.transform([plain(text) for text in texts])
        distances = self._svm.decision_function(matrix)
        if distances.ndim == 1:
            distances = np.stack([-distances, distances], axis=1)
        sharp = np.exp(_SVM_SHARPNESS * (distances - distances.max(axis=1, keepdims=True)))
        mean = (sharp / sharp.sum(axis=1, keepdims=True) + self._regression.predict_proba(matrix)) / 2
        return np.asarray(mean, dtype=np.float64)

    def alike(self, text: str, others: Sequence[str]) -> list[float]:
        """How alike other texts are, 0 to 1: the cosine of their characters, weighed by how rare they are."""
        if not others:
            return []
        characters = self._features.transformer_list[0][1]
        one = characters.transform([plain(text)])
        many = characters.transform([plain(other) for other in others])
        return [float(value) for value in (many @ one.T).toarray().ravel()]


def plain(text: str) -> str:
    """A text as the model sees it: one width and case, no long numbers (telephones, identity cards)."""
    return _DIGITS.sub("#", _SPACE.sub(" ", unicodedata.normalize("NFKC", text).casefold())).strip()


def words(text: str) -> list[str]:
    """Its words."""
    return [word for word in _tokenizer().cut(text, HMM=False) if word.strip()]
