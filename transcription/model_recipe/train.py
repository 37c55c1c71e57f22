"""Train the acoustic network on spoken sentences: a factored TDNN, cross-entropy on the phones' known times.

    torchrun --standalone --nproc-per-node 2 -m transcription.model_recipe.train --speech SPEECH --out network.npz
        [--epochs 30] [--start network.pt]

One process a core (or `python -m` for one alone): each learns from its share of the speech, and after every batch all
go the same way.

Every epoch hears each utterance anew: at another pace and pitch, from another vocal tract, in another room, over
another telephone (channel.py), with stretches of time and frequency blanked. One output a 30 ms frame: one class for
silence and each initial, two for each final (its first and its second half).
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import distributed, nn

from transcription.model_recipe import channel
from transcription.model_recipe.features import BINS, FIRST_CONTEXT, RATE, SHIFT, SKIP, STRIDE, WINDOW, log_mel
from transcription.model_recipe.phones import FINALS, INITIALS, PHONES, SILENCE
from transcription.model_recipe.texts import Reserved

WIDTH, NARROW, LAYERS = 512, 128, 8
MARGIN = FIRST_CONTEXT + STRIDE * LAYERS
"""Input frames on each side of the frame that an output is for."""
CHUNK = 80
BATCH = 8
AHEAD = 360
"""Kokoro's sound is 45 ms ahead of the durations that it gives: there the high frequencies lie on the fricatives.

A first network made with them finds the phones' own places (align.py).
"""
_RARE = 12
_HELD_BACK = 40

Ints = npt.NDArray[np.int64]


@dataclass
class Utterance:
    """audio: int16 at 8 kHz. classes: one after another, two for a final. ends: the sample where each ends."""

    audio: npt.NDArray[np.int16]
    classes: Ints
    ends: Ints


class Factored(nn.Module):
    """Two frames to few numbers, two of those to many: a TDNN-F layer with a way around it."""

    def __init__(self, width: int, narrow: int) -> None:
        super().__init__()
        self.down = nn.Conv1d(width, narrow, 2, bias=False)
        self.up = nn.Conv1d(narrow, width, 2)
        self.norm = nn.BatchNorm1d(width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(batch, width, t) to (batch, width, t - 2)."""
        return torch.relu(self.norm(self.up(self.down(x)))) + SKIP * x[:, :, 1:-1]


class Network(nn.Module):
    """(batch, BINS, frames) of normalised log-mel to (batch, classes, outputs)."""

    def __init__(self, classes: int, width: int = WIDTH, narrow: int = NARROW) -> None:
        super().__init__()
        self.first = nn.Conv1d(BINS, width, 2 * FIRST_CONTEXT + 1, stride=STRIDE)
        self.norm = nn.BatchNorm1d(width)
        self.layers = nn.ModuleList(Factored(width, narrow) for _ in range(LAYERS))
        self.drop = nn.Dropout(0.1)
        self.last = nn.Conv1d(width, 192, 1, bias=False)
        self.out = nn.Conv1d(192, classes, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Scores before the softmax."""
        x = torch.relu(self.norm(self.first(x)))
        for layer in self.layers:
            x = self.drop(layer(x))
        return self.out(self.last(x))


def restored(state: dict[str, torch.Tensor]) -> Network:
    """The network that these weights are of."""
    width, narrow, _ = state["layers.0.up.weight"].shape
    network = Network(len(state["out.bias"]), width, narrow)
    network.load_state_dict(state)
    return network


def classes_of(counts: Counter[str]) -> dict[str, tuple[int, int]]:
    """Each phone's classes. A final in a tone that is hardly ever heard shares those of its commonest tone."""
    found: dict[str, tuple[int, int]] = {}
    for n, phone in enumerate((SILENCE, *INITIALS)):
        found[phone] = (n, n)
    size = len(found)
    for phone in FINALS:
        if counts[phone] >= _RARE:
            found[phone] = (size, size + 1)
            size += 2
    for phone in FINALS:
        if phone not in found:
            alike = [other for other in FINALS if other[:-1] == phone[:-1] and other in found]
            near = max(alike or [other for other in FINALS if other in found], key=lambda other: counts[other])
            found[phone] = found[near]
    return found


def load(
    folder: Path, classes: dict[str, tuple[int, int]] | None
) -> tuple[list[Utterance], dict[str, tuple[int, int]]]:
    """All speech of a folder, without what shares text with the test; and the classes, chosen by it if not given."""
    reserved = Reserved()
    read = []
    for file in sorted(folder.glob("*.npz")):
        with np.load(file) as data:
            if reserved.found_in(str(data["text"])) is None:
                names = [str(one) for one in data["phones"]]
                read.append(
                    (data["audio"], names, data["aligned"] if "aligned" in data else in_halves(names, data["ends"]))
                )
    classes = classes or classes_of(Counter(phone for _, phones, _ in read for phone in phones))
    return [Utterance(audio, classes_in_order(phones, classes), ends) for audio, phones, ends in read], classes


def in_halves(phones: list[str], ends: npt.NDArray[Any]) -> Ints:
    """Where each class of an utterance ends, by the voice's own word: a final changes its class in the middle."""
    begin, found = 0.0, []
    for phone, end in zip(phones, ends.astype(np.int64) - AHEAD, strict=True):
        found += [(begin + end) / 2, end] if phone in FINALS else [end]
        begin = end
    return np.array(found, dtype=np.int64)


def classes_in_order(phones: list[str], classes: dict[str, tuple[int, int]]) -> Ints:
    """The classes of an utterance, one after another."""
    return np.array([one for phone in phones for one in (classes[phone] if phone in FINALS else classes[phone][:1])])


def targets(utterance: Utterance, frames: int, scale: float) -> Ints:
    """The class at each output frame; `scale` is how much longer the sound became."""
    centres = (np.arange(0, frames, STRIDE) * SHIFT + WINDOW // 2) / scale
    at = np.searchsorted(utterance.ends, centres, side="right").clip(0, len(utterance.ends) - 1)
    return utterance.classes[at]


def _spoil(features: npt.NDArray[np.float32], r: np.random.Generator) -> None:
    average = features.mean(axis=0)
    for _ in range(2):
        width, at = r.integers(0, 20), r.integers(0, max(1, len(features)))
        features[at : at + width] = average
        width, at = r.integers(0, 7), r.integers(0, BINS)
        features[:, at : at + width] = average[at : at + width]


def _heard(utterance: Utterance) -> channel.Samples:
    return (utterance.audio / 32768).astype(np.float32)


def hear(utterance: Utterance, other: Utterance, r: np.random.Generator) -> tuple[npt.NDArray[np.float32], Ints]:
    """One hearing of an utterance: padded features and the classes of its output frames."""
    percent = int(r.integers(86, 118))
    audio = channel.stretch(_heard(utterance), percent)
    pad = r.integers(0, 2400, 2)
    audio = np.concatenate([np.zeros(pad[0], np.float32), audio, np.zeros(pad[1], np.float32)])
    shifted = Utterance(utterance.audio, utterance.classes, utterance.ends + int(pad[0] * percent / 100))
    audio = channel.degrade(audio + 1e-4 * r.standard_normal(len(audio)).astype(np.float32), _heard(other), r)
    features = log_mel(audio, int(r.integers(88, 113)))
    wanted = targets(shifted, len(features), 100 / percent)
    _spoil(features, r)
    return np.pad(features, ((MARGIN, MARGIN), (0, 0)), mode="edge"), wanted


def _epoch(utterances: list[Utterance], seed: int) -> tuple[npt.NDArray[np.float16], npt.NDArray[np.int16]]:
    """Every utterance heard once, one after another, cut into chunks: (chunks, frames, BINS) and (chunks, CHUNK)."""
    r = np.random.default_rng(seed)
    inputs, outputs = [], []
    for n in r.permutation(len(utterances)):
        features, wanted = hear(utterances[n], utterances[r.integers(len(utterances))], r)
        starts = list(range(0, len(wanted) - CHUNK + 1, CHUNK)) or [0]
        if len(wanted) > CHUNK:
            starts.append(len(wanted) - CHUNK)
        for start in starts:
            x = features[start * STRIDE : (start + CHUNK - 1) * STRIDE + 2 * MARGIN + 1]
            y = wanted[start : start + CHUNK]
            lack = CHUNK - len(y)
            inputs.append(np.pad(x, ((0, (CHUNK - 1) * STRIDE + 2 * MARGIN + 1 - len(x)), (0, 0)), mode="edge"))
            outputs.append(np.pad(y, (0, lack), constant_values=-1))
    order = r.permutation(len(inputs))
    return np.stack(inputs)[order].astype(np.float16), np.stack(outputs)[order].astype(np.int16)


def _epochs(utterances: list[Utterance], count: int, first: int = 0) -> Iterator[Any]:
    """One epoch's data after another, each made while the one before is learned from."""
    with multiprocessing.get_context("fork").Pool(1) as pool:
        waiting = pool.apply_async(_epoch, (utterances, first))
        for n in range(count):
            ready = waiting.get()
            if n + 1 < count:
                waiting = pool.apply_async(_epoch, (utterances, first + n + 1))
            yield ready


def _scores(network: nn.Module, x: npt.NDArray[np.float16], mean: torch.Tensor, scale: torch.Tensor) -> torch.Tensor:
    frames = torch.from_numpy(x.astype(np.float32)).transpose(1, 2)
    scores: torch.Tensor = network((frames - mean) * scale)
    return scores


def _step(
    learning: nn.Module,
    learner: torch.optim.Optimizer,
    x: npt.NDArray[np.float16],
    y: npt.NDArray[np.int16],
    norm: tuple[torch.Tensor, torch.Tensor],
) -> float:
    """Learn from one batch; its loss."""
    # Half the digits, where the processor is faster with those.
    with torch.autocast("cpu", dtype=torch.bfloat16):
        scores = _scores(learning, x, *norm)
    wanted = torch.from_numpy(y.astype(np.int64))
    loss = nn.functional.cross_entropy(scores.float(), wanted, ignore_index=-1, label_smoothing=0.05)
    learner.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(learning.parameters(), 2.0)
    learner.step()
    return loss.item()


def _pace(done: float, epochs: int) -> float:
    """The share of the rate after so many epochs: up within a twentieth of them, then down as a cosine."""
    return float(min(1.0, (done + 0.01) / (0.05 * epochs)) * max(0.02, 0.5 + 0.5 * np.cos(np.pi * done / epochs)))


def _small(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Two bytes a number."""
    return {name: one.half() if one.is_floating_point() else one for name, one in state.items()}


def save(
    network: Network, target: Path, classes: dict[str, tuple[int, int]], priors: Any, mean: Any, scale: Any
) -> None:
    """The weights with the batch norms folded in, the priors and the phones' classes."""

    def folded(conv: nn.Conv1d, norm: nn.BatchNorm1d) -> tuple[Any, Any]:
        gain = norm.weight / torch.sqrt(norm.running_var + norm.eps)
        return conv.weight * gain[:, None, None], (conv.bias - norm.running_mean) * gain + norm.bias

    arrays = {"priors": priors, "mean": mean, "scale": scale}
    arrays["classes"] = np.array([classes[phone] for phone in PHONES])
    arrays["first_w"], arrays["first_b"] = folded(network.first, network.norm)
    for n, layer in enumerate(network.layers):
        assert isinstance(layer, Factored)
        arrays[f"down{n}_w"] = layer.down.weight
        arrays[f"up{n}_w"], arrays[f"up{n}_b"] = folded(layer.up, layer.norm)
    arrays["last_w"], arrays["out_w"], arrays["out_b"] = network.last.weight, network.out.weight, network.out.bias
    weights: dict[str, Any] = {name: np.asarray(torch.as_tensor(array).detach()) for name, array in arrays.items()}
    np.savez(target, **weights)


def main() -> None:
    """Train and save; after each epoch the share of right frames on utterances kept back."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--speech", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--start", type=Path, help="a network.pt of an earlier training, to go on from")
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--rate", type=float, default=2e-3)
    arguments = parser.parse_args()
    rank, processes = int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1"))
    if processes > 1:
        distributed.init_process_group("gloo")
    torch.set_num_threads(1)
    torch.manual_seed(1)
    start = torch.load(arguments.start) if arguments.start else {}
    utterances, classes = load(arguments.speech, start.get("classes"))
    kept, used = utterances[::_HELD_BACK], [one for n, one in enumerate(utterances) if n % _HELD_BACK]
    size = 1 + max(max(pair) for pair in classes.values())
    hours = sum(len(one.audio) for one in used) / RATE / 3600
    if not rank:
        print(f"{len(used)} utterances, {hours:.2f} h, {size} classes", flush=True)
    test_x, test_y = _epoch(kept, 10**6)
    sample, labels = _epoch(used[:: max(1, len(used) // 600)], 10**6 + 1)
    seen = sample.astype(np.float32).reshape(-1, BINS)
    columns = (torch.from_numpy(one)[:, None] for one in (seen.mean(axis=0), 1 / seen.std(axis=0)))
    shift, gain = start.get("norm") or tuple(columns)
    priors = np.bincount(labels[labels >= 0], minlength=size) + 1.0
    network = restored(start["network"]) if start else Network(size)
    torch.manual_seed(1 + rank)
    learning = nn.parallel.DistributedDataParallel(network) if processes > 1 else network
    learner = torch.optim.AdamW(network.parameters(), lr=arguments.rate, weight_decay=0.01)
    began = time.monotonic()
    for epoch, (inputs, outputs) in enumerate(_epochs(used[rank::processes], arguments.epochs, rank * 1000)):
        batches = torch.tensor(len(inputs) // BATCH)
        if processes > 1:
            distributed.all_reduce(batches, distributed.ReduceOp.MIN)
        learning.train()
        losses = []
        for n in range(int(batches)):
            for group in learner.param_groups:
                group["lr"] = arguments.rate * _pace(epoch + n / int(batches), arguments.epochs)
            batch = slice(n * BATCH, (n + 1) * BATCH)
            losses.append(_step(learning, learner, inputs[batch], outputs[batch], (shift, gain)))
        if rank:
            continue
        network.eval()
        with torch.no_grad():
            guess = _scores(network, test_x, shift, gain).argmax(dim=1).numpy()
        right = float((guess == test_y)[test_y >= 0].mean())
        state = {"network": _small(network.state_dict()), "classes": classes, "norm": (shift, gain)}
        torch.save(state, arguments.out.with_suffix(".pt"))
        save(network, arguments.out, classes, priors / priors.sum(), shift[:, 0], gain[:, 0])
        print(f"{epoch} {np.mean(losses):.3f} right {right:.3f} {time.monotonic() - began:.0f} s", flush=True)


if __name__ == "__main__":
    main()
