"""Write the acoustic model as libvosk reads it, without Kaldi: am/final.mdl and conf/.

    python -m transcription.model_recipe.export network.npz MODEL

The layout is Kaldi's binary one: a transition model (topology, states, log probabilities), then an nnet3 network whose
weights are stored in two bytes each (CompressedMatrix). Every phone comes in four forms for its place in a word (begin,
inside, end, alone), as the word times ask for; the forms share their classes.
"""

from __future__ import annotations

import argparse
import io
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from transcription.model_recipe import features
from transcription.model_recipe.features import FIRST_CONTEXT, SKIP, STRIDE
from transcription.model_recipe.phones import PHONES, SILENCE

PLACES = ("B", "I", "E", "S")
STAY = 0.5
"""The chance that a state lasts another frame. The search weighs it, so that it need not be exact."""
_MODEL_CONF = """--min-active=200
--max-active={active}
--beam={beam}
--lattice-beam=6.0
--acoustic-scale={acoustic}
--frame-subsampling-factor=3
--endpoint.silence-phones=1
--endpoint.rule2.min-trailing-silence=0.6
--endpoint.rule3.min-trailing-silence=1.2
--endpoint.rule4.min-trailing-silence=2.4
"""
Matrix = npt.NDArray[Any]


@dataclass(frozen=True)
class State:
    """A state of a phone: its place in the table is its number less one. `forward` and `loop` are transition ids."""

    phone: int
    number: int
    pdf: int
    forward: int
    loop: int


class Transitions:
    """All states of all phones in all their places. Phone ids: 1 is silence, then four of each phone."""

    def __init__(self, classes: Matrix) -> None:
        self.ids: dict[tuple[str, str], int] = {(SILENCE, ""): 1}
        for phone in PHONES[1:]:
            for place in PLACES:
                self.ids[phone, place] = len(self.ids) + 1
        self.states: list[State] = []
        self.of: dict[int, list[State]] = {}
        for (phone, _), number in self.ids.items():
            first, second = (int(one) for one in classes[PHONES.index(phone)])
            pdfs = [first] if first == second else [first, second]
            for n, pdf in enumerate(pdfs):
                # In each state the first transition stays and the second goes on.
                loop = 2 * len(self.states) + 1
                self.states.append(State(number, n, pdf, loop + 1, loop))
            self.of[number] = self.states[-len(pdfs) :]

    def write(self, out: Writer) -> None:
        """Kaldi's TransitionModel."""
        short = [number for number, states in self.of.items() if len(states) == 1]
        out.token("<TransitionModel>")
        out.token("<Topology>")
        out.integers(sorted(self.of))
        out.integers([-1] + [0 if number in set(short) else 1 for number in sorted(self.of)])
        out.integer(2)
        for count in (1, 2):
            out.integer(count + 1)
            for n in range(count):
                out.integer(n)
                out.integer(2)
                for target, chance in ((n, STAY), (n + 1, 1 - STAY)):
                    out.integer(target)
                    out.real(chance)
            out.integer(-1)
            out.integer(0)
        out.token("</Topology>")
        out.token("<Triples>")
        out.integer(len(self.states))
        for state in self.states:
            out.integer(state.phone)
            out.integer(state.number)
            out.integer(state.pdf)
        out.token("</Triples>")
        out.token("<LogProbs>")
        out.vector(np.log([1.0] + [STAY, 1 - STAY] * len(self.states)))
        out.token("</LogProbs>")
        out.token("</TransitionModel>")

    def word_boundaries(self) -> str:
        """graph/phones/word_boundary.int."""
        names = {"": "nonword", "B": "begin", "I": "internal", "E": "end", "S": "singleton"}
        return "".join(f"{number} {names[place]}\n" for (_, place), number in self.ids.items())


class Writer:
    """Kaldi's binary notation."""

    def __init__(self, *, header: bool = True) -> None:
        self._out = io.BytesIO()
        if header:
            self._out.write(b"\0B")

    def bytes(self) -> bytes:
        """All that was written."""
        return self._out.getvalue()

    def append(self, other: Writer) -> None:
        """What another has written."""
        self._out.write(other.bytes())

    def token(self, text: str) -> None:
        """A word and a space."""
        self._out.write(text.encode() + b" ")

    def line(self, text: str = "") -> None:
        """A line of text."""
        self._out.write(text.encode() + b"\n")

    def integer(self, value: int) -> None:
        """int32, after its size."""
        self._out.write(b"\x04" + struct.pack("<i", value))

    def real(self, value: float) -> None:
        """float32, after its size."""
        self._out.write(b"\x04" + struct.pack("<f", value))

    def double(self, value: float) -> None:
        """float64, after its size."""
        self._out.write(b"\x08" + struct.pack("<d", value))

    def integers(self, values: list[int]) -> None:
        """A vector of int32."""
        self._out.write(b"\x04" + struct.pack("<i", len(values)) + np.array(values, "<i4").tobytes())

    def vector(self, values: Matrix) -> None:
        """A vector of float32."""
        self.token("FV")
        self.integer(len(values))
        self._out.write(np.asarray(values, "<f4").tobytes())

    def matrix(self, values: Matrix) -> None:
        """A matrix in two bytes a number (CM2: least value, range, rows, columns, steps of range / 65535)."""
        low, span = float(values.min()), float(values.max() - values.min()) or 1.0
        self.token("CM2")
        self._out.write(struct.pack("<ffii", low, span, *values.shape))
        self._out.write(np.round((values - low) / span * 65535).astype("<u2").tobytes())


class Nnet3:
    """The network as components and the lines that join them."""

    def __init__(self) -> None:
        self._nodes = [f"input-node name=input dim={features.BINS}"]
        self._out = Writer(header=False)
        self._count = 0

    def affine(self, name: str, source: str, weight: Matrix, bias: Matrix) -> str:
        """Fixed weights and their bias; the component's name."""
        self._begin(name, source)
        self._out.token("<FixedAffineComponent>")
        self._out.token("<LinearParams>")
        self._out.matrix(weight)
        self._out.token("<BiasParams>")
        self._out.vector(bias)
        self._out.token("</FixedAffineComponent>")
        return name

    def pointwise(self, name: str, kind: str, source: str, size: int) -> str:
        """A RectifiedLinearComponent or LogSoftmaxComponent; its name."""
        self._begin(name, source)
        self._out.token(f"<{kind}>")
        self._out.token("<Dim>")
        self._out.integer(size)
        for statistic in ("ValueAvg", "DerivAvg"):
            self._out.token(f"<{statistic}>")
            self._out.vector(np.zeros(0))
        self._out.token("<Count>")
        self._out.double(0)
        self._out.token(f"</{kind}>")
        return name

    def sum(self, name: str, source: str, size: int) -> str:
        """A node for a description that adds others up; its name."""
        self._begin(name, source)
        self._out.token("<NoOpComponent>")
        self._out.token("<Dim>")
        self._out.integer(size)
        self._out.token("<BackpropScale>")
        self._out.real(1)
        self._out.token("</NoOpComponent>")
        return name

    def _begin(self, name: str, source: str) -> None:
        self._nodes.append(f"component-node name={name} component={name} input={source}")
        self._count += 1
        self._out.token("<ComponentName>")
        self._out.token(name)

    def write(self, out: Writer, last: str, priors: Matrix, context: int) -> None:
        """Kaldi's AmNnetSimple; `last` gives log probabilities."""
        self._nodes.append(f"output-node name=output input={last} objective=linear")
        out.token("<Nnet3>")
        out.line()
        out.line("\n".join(self._nodes) + "\n")
        out.token("<NumComponents>")
        out.integer(self._count)
        out.append(self._out)
        out.token("</Nnet3>")
        out.token("<LeftContext>")
        out.integer(context)
        out.token("<RightContext>")
        out.integer(context)
        out.token("<Priors>")
        out.vector(priors)


def _joined(source: str, offsets: list[int]) -> str:
    return "Append(" + ", ".join(source if not n else f"Offset({source}, {n})" for n in offsets) + ")"


def _flat(weight: Matrix) -> Matrix:
    """A convolution's (out, in, taps) as one matrix over the taps' frames one after another."""
    return weight.transpose(0, 2, 1).reshape(len(weight), -1)


def network(weights: Any) -> tuple[Nnet3, str, int]:
    """The trained network, the name of its last component, its context in frames on each side."""
    net = Nnet3()
    scale, mean = weights["scale"].astype(np.float64), weights["mean"].astype(np.float64)
    mel = net.affine("mel", "input", scale[:, None] * features.from_mfcc(), -mean * scale)
    window = _joined(mel, list(range(-FIRST_CONTEXT, FIRST_CONTEXT + 1)))
    size = len(weights["first_b"])
    first = net.affine("first", window, _flat(weights["first_w"]), weights["first_b"])
    last = net.pointwise("first.relu", "RectifiedLinearComponent", first, size)
    layers = sum(name.startswith("down") for name in weights.files)
    for n in range(layers):
        down = _flat(weights[f"down{n}_w"])
        narrow = net.affine(f"down{n}", _joined(last, [-STRIDE, 0]), down, np.zeros(len(down)))
        wide = net.affine(f"up{n}", _joined(narrow, [0, STRIDE]), _flat(weights[f"up{n}_w"]), weights[f"up{n}_b"])
        heard = net.pointwise(f"relu{n}", "RectifiedLinearComponent", wide, size)
        last = net.sum(f"sum{n}", f"Sum({heard}, Scale({SKIP}, {last}))", size)
    few = _flat(weights["last_w"])
    last = net.affine("few", last, few, np.zeros(len(few)))
    last = net.affine("out", last, _flat(weights["out_w"]), weights["out_b"])
    return (
        net,
        net.pointwise("scores", "LogSoftmaxComponent", last, len(weights["out_b"])),
        FIRST_CONTEXT + STRIDE * layers,
    )


def main() -> None:
    """Write am/ and conf/."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("network", type=Path)
    parser.add_argument("model", type=Path)
    parser.add_argument("--acoustic-scale", type=float, default=0.5)
    parser.add_argument("--beam", type=float, default=14)
    parser.add_argument("--active", type=int, default=7000)
    arguments = parser.parse_args()
    weights = np.load(arguments.network)
    out = Writer()
    Transitions(weights["classes"]).write(out)
    net, last, context = network(weights)
    net.write(out, last, weights["priors"], context)
    for folder in ("am", "conf"):
        (arguments.model / folder).mkdir(parents=True, exist_ok=True)
    (arguments.model / "am" / "final.mdl").write_bytes(out.bytes())
    (arguments.model / "conf" / "mfcc.conf").write_text(features.CONF)
    (arguments.model / "conf" / "model.conf").write_text(
        _MODEL_CONF.format(acoustic=arguments.acoustic_scale, beam=arguments.beam, active=arguments.active)
    )


if __name__ == "__main__":
    main()
