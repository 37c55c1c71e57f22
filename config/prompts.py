"""The prompts: their texts, their audio, and whether the two belong together.

`prompts.zh.yaml` says what each clip says; `prompts/manifest.json` says from which text each audio file was made.
"""

from __future__ import annotations

import hashlib
import json
import wave
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt
import soxr
import yaml
from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError, model_validator

RATE = 8000
_TEXTS = "prompts.zh.yaml"
_MANIFEST = "manifest.json"
_RENDER = "run `hotline prompts render`"
_SPEECH_DBFS = -20.0
_TOLERANCE_DB = 3.0
_PEAK_DBFS = -1.0
_LEAD_S = 0.15
_EDGE_S = 0.005
_SILENT = 0.004
"""Share of full scale below which a sample counts as silence."""
Samples = npt.NDArray[np.float64]


class PromptError(Exception):
    """The prompts cannot be read or made; the message names file and prompt."""


class Tone(BaseModel):
    """A pure tone."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    hz: int
    ms: int


class Prompt(BaseModel):
    """One prompt: a text (and how it is spoken, where that differs), a tone, or silence."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    text: str = ""
    say: str = ""
    tone: Tone | None = None
    silence_ms: int = 0

    @model_validator(mode="after")
    def _one_kind(self) -> Prompt:
        if sum((bool(self.text), self.tone is not None, bool(self.silence_ms))) != 1:
            raise ValueError("needs one of text, tone and silence_ms")
        return self

    @property
    def digest(self) -> str:
        """What the audio was made from, in short."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()


class Voice(Protocol):
    """Speaks a text."""

    name: str

    def speak(self, text: str) -> tuple[Samples, int]:
        """Samples between -1 and 1, and their rate."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something wrong with a prompt."""

    prompt: str
    problem: str

    @property
    def is_unrendered(self) -> bool:
        """Its audio has to be made, and nothing else."""
        return self.problem.endswith(_RENDER)

    def __str__(self) -> str:
        return f"{_TEXTS}: prompt '{self.prompt}' {self.problem}"


def load(city_dir: Path) -> Mapping[str, Prompt]:
    """The prompts of a city. Raises PromptError."""
    file = city_dir / _TEXTS
    try:
        data = yaml.safe_load(file.read_text(encoding="utf-8"))
        return TypeAdapter(dict[str, Prompt]).validate_python(data)
    except OSError as error:
        raise PromptError(f"{file}: {error.strerror}") from error
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        raise PromptError(f"{file.name}:{mark.line + 1 if mark else 1}: not YAML") from error
    except ValidationError as error:
        first = error.errors()[0]
        raise PromptError(f"{file.name}: {'.'.join(map(str, first['loc']))}: {first['msg']}") from error


def texts(city_dir: Path) -> dict[str, str]:
    """What each clip says; empty for tones and silence. Raises PromptError."""
    return {name: prompt.text for name, prompt in load(city_dir).items()}


def lint(city_dir: Path) -> list[Finding]:
    """Prompts whose audio is missing, was made from another text, was changed, or does not fit the telephone."""
    prompts = load(city_dir)
    folder = city_dir / "prompts"
    manifest = _read_manifest(folder)
    findings = [
        Finding(name, problem) for name, prompt in prompts.items() for problem in _check(name, prompt, folder, manifest)
    ]
    for file in sorted(folder.rglob("*.wav")):
        name = file.relative_to(folder).with_suffix("").as_posix()
        if name not in prompts:
            findings.append(Finding(name, "has audio but no text"))
    return findings


def _check(name: str, prompt: Prompt, folder: Path, manifest: Mapping[str, Mapping[str, str]]) -> Iterator[str]:
    file = folder / f"{name}.wav"
    if not file.is_file():
        yield f"has no audio: {_RENDER}"
        return
    made = manifest.get(name, {})
    if made.get("text_sha256") != prompt.digest:
        yield f"has audio of another text: {_RENDER}"
    if made.get("audio_sha256") != hashlib.sha256(file.read_bytes()).hexdigest():
        yield "has audio that was changed by hand"
    try:
        samples = read_wav(file)
    except (wave.Error, EOFError, ValueError) as error:
        yield f"is not 8000 Hz mono 16-bit WAV ({error})"
        return
    if prompt.silence_ms:
        return
    if _db(float(np.abs(samples).max(initial=0))) > _PEAK_DBFS:
        yield f"is louder than {_PEAK_DBFS:g} dBFS"
    if prompt.text and abs(speech_level(samples) - _SPEECH_DBFS) > _TOLERANCE_DB:
        yield f"speaks at {speech_level(samples):.1f} dBFS, not near {_SPEECH_DBFS:g}"
    sounding = np.flatnonzero(np.abs(samples) > _SILENT)
    if sounding.size == 0:
        yield "is silent"
    elif sounding[0] > _LEAD_S * RATE:
        yield "begins with silence"


def read_wav(file: Path) -> Samples:
    """Samples between -1 and 1. Raises ValueError for another format than the telephone's."""
    with wave.open(str(file)) as audio:
        if (audio.getframerate(), audio.getnchannels(), audio.getsampwidth()) != (RATE, 1, 2):
            raise ValueError("another rate, width or number of channels")
        return np.frombuffer(audio.readframes(audio.getnframes()), "<i2").astype(np.float64) / 32768


def speech_level(samples: Samples) -> float:
    """Level of the speech in dBFS: the mean power of the frames (20 ms) that hold any."""
    frames = samples[: samples.size // 160 * 160].reshape(-1, 160)
    power = (frames**2).mean(axis=1)
    loud = power[power > power.max(initial=0) / 300]
    return _db(float(np.sqrt(loud.mean()))) if loud.size else -120.0


def render(
    city_dir: Path,
    voice: Voice | None,
    report: Callable[[str], None],
    only: frozenset[str] = frozenset(),
    *,
    again: bool = False,
) -> int:
    """Make the audio of prompts whose text changed (all with `again`); returns how many were made.

    Raises PromptError for an unknown name, and where a text must be spoken and there is no voice.
    """
    prompts = load(city_dir)
    if unknown := only - prompts.keys():
        raise PromptError(f"{_TEXTS} has no prompt '{min(unknown)}'")
    folder = city_dir / "prompts"
    manifest = _read_manifest(folder)
    made = 0
    for name, prompt in prompts.items():
        current = manifest.get(name, {}).get("text_sha256") == prompt.digest and (folder / f"{name}.wav").is_file()
        if (only and name not in only) or (current and not again and name not in only):
            continue
        if prompt.text and voice is None:
            raise PromptError(f"prompt '{name}' must be spoken: install the extra 'prompts' and name its voice files")
        audio = _write_wav(folder / f"{name}.wav", _samples(prompt, voice))
        manifest[name] = {
            "text_sha256": prompt.digest,
            "audio_sha256": hashlib.sha256(audio).hexdigest(),
            "voice": voice.name if prompt.text and voice else "",
        }
        made += 1
        report(f"{name}: {(len(audio) - 44) / 2 / RATE:.1f} s")
        ordered = {key: manifest[key] for key in sorted(manifest) if key in prompts}
        (folder / _MANIFEST).write_text(json.dumps(ordered, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return made


def _samples(prompt: Prompt, voice: Voice | None) -> Samples:
    if prompt.silence_ms:
        return np.zeros(prompt.silence_ms * RATE // 1000)
    if prompt.tone:
        time_s = np.arange(prompt.tone.ms * RATE // 1000) / RATE
        return _fade(10 ** (_SPEECH_DBFS / 20) * np.sqrt(2) * np.sin(2 * np.pi * prompt.tone.hz * time_s))
    assert voice is not None  # noqa: S101 - `render` has asked for it
    spoken, rate = voice.speak(prompt.say or prompt.text)
    samples = soxr.resample(spoken, rate, RATE, quality="VHQ")
    sounding = np.flatnonzero(np.abs(samples) > np.abs(samples).max() / 60)
    start = max(0, int(sounding[0]) - RATE // 20)
    samples = samples[start : int(sounding[-1]) + RATE // 8]
    samples = samples * 10 ** ((_SPEECH_DBFS - speech_level(samples)) / 20)
    # Peaks above the ceiling are bent, not cut: speech at -20 dBFS rarely has any.
    ceiling = 10 ** ((_PEAK_DBFS - 0.5) / 20)
    return _fade(np.tanh(samples / ceiling) * ceiling if np.abs(samples).max() > ceiling else samples)


def _fade(samples: Samples) -> Samples:
    """Soft edges: a clip that starts or ends at once clicks."""
    edge = np.linspace(0, 1, int(_EDGE_S * RATE))
    samples = samples.copy()
    samples[: edge.size] *= edge
    samples[-edge.size :] *= edge[::-1]
    return samples


def _write_wav(file: Path, samples: Samples) -> bytes:
    file.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(file), "wb") as audio:
        audio.setnchannels(1)
        audio.setsampwidth(2)
        audio.setframerate(RATE)
        audio.writeframes((np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes())
    return file.read_bytes()


def _read_manifest(folder: Path) -> dict[str, dict[str, str]]:
    file = folder / _MANIFEST
    manifest: dict[str, dict[str, str]] = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
    return manifest


def _db(ratio: float) -> float:
    return 20 * float(np.log10(max(ratio, 1e-6)))
