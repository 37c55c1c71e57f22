"""The trained model of matters, kept in the data folder: never shipped, trained on this machine from the city's notes.

The file is scikit-learn's own objects, which only the version that wrote them reads; beside it a small JSON says that
version, what the model was trained from and the file's SHA-256. Where any of them does not match, it is trained again.
"""

from __future__ import annotations

import hashlib
import json
import os
import threading
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import structlog

from casebook.suggest.catalogue import Note
from casebook.suggest.classifier import Classifier

_FORMAT = "1"
"""Changes with the way in which a model is made, so that one made in another way is made again."""


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """What a kept model is: `notes` is the digest of the city's notes, `examples` how many texts it learned from."""

    file: str
    sha256: str
    scikit_learn: str
    notes: str
    examples: int


class ModelFile:
    """The model in a folder. `notes` are the city's, `decided` what people decided since."""

    def __init__(self, folder: Path, notes: Sequence[Note], decided: Callable[[], Sequence[Note]]) -> None:
        self._folder = folder
        self._notes = tuple(notes)
        self._decided = decided
        self._digest = _digest_of(self._notes)

    def train(self) -> ModelInfo:
        """Train from the city's notes and from what people decided, and keep the model."""
        import joblib  # noqa: PLC0415 - slow to import, as scikit-learn is
        import sklearn  # noqa: PLC0415

        examples = [*self._notes, *self._decided()]
        model = Classifier.train([one.text for one in examples], [one.matter for one in examples])
        self._folder.mkdir(parents=True, exist_ok=True)
        unfinished = self._folder / f".matters.{os.getpid()}.{threading.get_ident()}"
        # Texts of citizens taught it: nobody else is to read it.
        unfinished.touch(mode=0o600)
        joblib.dump(model, unfinished, compress=3)
        sha256 = hashlib.sha256(unfinished.read_bytes()).hexdigest()
        info = ModelInfo(f"matters-{sha256[:16]}.joblib", sha256, sklearn.__version__, self._digest, len(examples))
        unfinished.replace(self._folder / info.file)
        unfinished.write_text(json.dumps(asdict(info), indent=1), encoding="utf-8")
        unfinished.replace(self._info_file)
        for old in self._folder.glob("matters-*.joblib"):
            if old.name != info.file:
                old.unlink(missing_ok=True)
        return info

    def load(self) -> tuple[Classifier, ModelInfo]:
        """The kept model, or a new one where there is none that fits."""
        for _ in range(3):
            info = self.info()
            if info is None or not self._fits(info):
                info = self.train()
            if (model := self._read(info)) is not None:
                return model, info
        raise OSError(f"the model in {self._folder} changes faster than it can be read")

    def info(self) -> ModelInfo | None:
        """What is kept; None where there is nothing that can be read."""
        try:
            return ModelInfo(**json.loads(self._info_file.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            return None

    @property
    def _info_file(self) -> Path:
        return self._folder / "matters.json"

    def _fits(self, info: ModelInfo) -> bool:
        import sklearn  # noqa: PLC0415 - see train

        path = self._folder / info.file
        return (
            path.parent == self._folder
            and path.is_file()
            and info.scikit_learn == sklearn.__version__
            and info.notes == self._digest
            and hashlib.sha256(path.read_bytes()).hexdigest() == info.sha256
        )

    def _read(self, info: ModelInfo) -> Classifier | None:
        """None where another process has trained meanwhile and taken the file away."""
        import joblib  # noqa: PLC0415 - see train

        try:
            model = joblib.load(self._folder / info.file)
        except FileNotFoundError:
            return None
        return model if isinstance(model, Classifier) else None


class BackgroundModel:
    """The model of a process: loaded in the background when it is first asked for, so that nobody waits for it."""

    def __init__(self, file: ModelFile) -> None:
        self._file = file
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._loaded: tuple[Classifier, ModelInfo] | None = None

    def get(self) -> tuple[Classifier, ModelInfo] | None:
        """The model and what it is; None while it is being loaded or trained, or could not be.

        After `hotline train` the old one serves until the new one is read.
        """
        with self._lock:
            known = self._file.info()
            current = self._loaded is not None and known in (None, self._loaded[1])
            if not current and (self._thread is None or not self._thread.is_alive()):
                self._thread = threading.Thread(target=self._load, name="matter-model", daemon=True)
                self._thread.start()
            return self._loaded

    def wait(self, timeout_s: float) -> tuple[Classifier, ModelInfo] | None:
        """As `get`, after waiting for it."""
        self.get()
        if self._thread is not None:
            self._thread.join(timeout_s)
        return self.get()

    def _load(self) -> None:
        log = structlog.get_logger()
        try:
            loaded = self._file.load()
        except Exception:
            # Without it a person chooses the matter, as before; the next request tries again.
            log.exception("no model of matters")
            return
        log.info("model of matters", examples=loaded[1].examples, sha256=loaded[1].sha256[:16])
        with self._lock:
            self._loaded = loaded


def _digest_of(notes: Sequence[Note]) -> str:
    digest = hashlib.sha256(_FORMAT.encode())
    for note in notes:
        digest.update(f"{note.matter}\t{note.text}\n".encode())
    return digest.hexdigest()
