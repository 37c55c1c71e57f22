"""Where the phones of the spoken sentences really lie, by a network that was trained on where the voice says they do.

    python -m transcription.model_recipe.align --speech SPEECH --network network.pt

Each utterance's file gets `aligned`: the sample where each class ends, the likeliest by Viterbi's algorithm within
100 ms of what the voice said, in steps of 10 ms. Trained on those, the next network is surer.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from transcription.model_recipe.channel import level
from transcription.model_recipe.features import RATE, SHIFT, STRIDE, WINDOW, log_mel
from transcription.model_recipe.train import MARGIN, Ints, Network, classes_in_order, in_halves, restored

AROUND = RATE // 10
_DBFS = -22


def scores(network: Network, audio: npt.NDArray[np.int16], norm: tuple[torch.Tensor, torch.Tensor]) -> Any:
    """Log probability of each class at each 10 ms: frames x classes."""
    features = log_mel(level((audio / 32768).astype(np.float32), _DBFS))
    padded = np.pad(features, ((MARGIN, MARGIN + STRIDE), (0, 0)), mode="edge")
    found = np.empty((len(features), network.out.out_channels), dtype=np.float32)
    with torch.no_grad():
        for offset in range(STRIDE):
            wanted = len(range(offset, len(features), STRIDE))
            x = torch.from_numpy(padded[offset : offset + (wanted - 1) * STRIDE + 2 * MARGIN + 1]).T[None]
            out = network((x - norm[0]) * norm[1]).log_softmax(dim=1)
            found[offset::STRIDE] = out[0].T.numpy()
    return found


def path(likely: npt.NDArray[np.float32], allowed: npt.NDArray[np.bool_]) -> Ints | None:
    """Frames x states, in order and each at least once, to the frame after each one's last; None where nothing fits."""
    frames, states = likely.shape
    likely = np.where(allowed, likely, -np.inf)
    best = np.full(states, -np.inf, dtype=np.float32)
    best[0] = likely[0, 0]
    moved = np.zeros((frames, states), dtype=bool)
    for t in range(1, frames):
        coming = np.concatenate([[-np.inf], best[:-1]])
        moved[t] = coming > best
        best = np.maximum(coming, best) + likely[t]
    if not np.isfinite(best[-1]):
        return None
    ends, state = np.full(states, frames, dtype=np.int64), states - 1
    for t in range(frames - 1, 0, -1):
        if moved[t, state]:
            state -= 1
            ends[state] = t
    return ends


def align(likely: npt.NDArray[np.float32], classes: Ints, ends: Ints) -> Ints | None:
    """The ends, in samples, that fit the sound best; None where the classes do not fit into it."""
    centres = np.arange(len(likely)) * SHIFT + WINDOW // 2
    begins = np.concatenate([[-AROUND], ends[:-1]])
    allowed = (centres[:, None] >= begins - AROUND) & (centres[:, None] <= ends + AROUND)
    allowed[:, -1] |= centres > begins[-1]
    found = path(likely[:, classes], allowed)
    return None if found is None else found * SHIFT + (WINDOW - SHIFT) // 2


def main() -> None:
    """Align every utterance of a folder."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--speech", type=Path, required=True)
    parser.add_argument("--network", type=Path, required=True)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    start = torch.load(arguments.network)
    network = restored(start["network"]).eval()
    files = sorted(arguments.speech.glob("*.npz"))
    read = {}
    share = np.ones(network.out.out_channels)
    for file in files:
        with np.load(file) as data:
            names, ends = [str(one) for one in data["phones"]], data["ends"]
        read[file] = classes_in_order(names, start["classes"]), in_halves(names, ends)
        np.add.at(share, read[file][0], np.diff(read[file][1], prepend=0))
    priors = np.log(share / share.sum()).astype(np.float32)
    moved = []
    for file, (classes, before) in read.items():
        with np.load(file) as data:
            arrays = dict(data)
        found = align(scores(network, arrays["audio"], start["norm"]) - priors, classes, before)
        if found is not None:
            moved.append(np.abs(found - before).mean())
            # The file is whole at every moment: a new one takes its place.
            with file.with_suffix(".new").open("wb") as out:
                np.savez_compressed(out, **{**arrays, "aligned": found.astype(np.int32)})
            file.with_suffix(".new").replace(file)
    print(f"{len(moved)} of {len(files)} aligned, moved by {np.mean(moved) / RATE * 1000:.0f} ms on average")


if __name__ == "__main__":
    main()
