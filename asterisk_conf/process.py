"""The PBX's process: its command line, start and stop."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

from asterisk_conf.render import PbxConfig

_BOOT_S = 60
_STOP_S = 15


class PbxError(Exception):
    """The PBX does not run; the message says where its log is."""


def command_line(config: PbxConfig, *arguments: str) -> list[str]:
    """What runs Asterisk in the foreground, or with `arguments`. The first word is an absolute path.

    An unpacked Asterisk runs through the loader and the libraries of its own prefix: the host's may be older.
    """
    etc = str((config.etc / "asterisk.conf").absolute())
    words = ["-C", etc, *(arguments or ("-f",))]
    prefix = config.prefix
    program = str(prefix / "usr/sbin/asterisk")
    if prefix == Path("/"):
        return [program, *words]
    loaders = sorted(prefix.glob("usr/lib/*-linux-gnu/ld-linux*.so.*")) + sorted(
        prefix.glob("lib/*-linux-gnu/ld-linux*.so.*")
    )
    if not loaders:
        raise PbxError(f"there is no Asterisk in {prefix}: run `hotline pbx install`")
    loader = loaders[0]
    triple = loader.parent.name
    libraries = ":".join(str(prefix / part) for part in (f"usr/lib/{triple}", f"lib/{triple}", "usr/lib"))
    name = ["--argv0", "asterisk"] if _knows_argv0(loader) else []
    return [str(loader), *name, "--library-path", libraries, program, *words]


def _knows_argv0(loader: Path) -> bool:
    """glibc 2.33 and later let the loader pass on a name."""
    shown = subprocess.run([str(loader), "--help"], capture_output=True, text=True, check=False)
    return "--argv0" in shown.stdout + shown.stderr


class Pbx:
    """A PBX that this process started."""

    def __init__(self, config: PbxConfig) -> None:
        self._config = config
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """Its process. Raises PbxError when it was not started."""
        if self._process is None:
            raise PbxError("the PBX was not started")
        return self._process.pid

    def start(self) -> None:
        """Start and wait until it has booted. Raises PbxError."""
        log = self._config.directory / "log" / "console.log"
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                command_line(self._config),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
                cwd="/",
            )
        deadline = time.monotonic() + _BOOT_S
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                break
            if "fully" in self.cli("core waitfullybooted"):
                return
            time.sleep(0.1)
        self.stop()
        raise PbxError(f"the PBX did not start; see {log}")

    def cli(self, command: str) -> str:
        """What the PBX answers to a command of its console; empty when it does not run."""
        done = subprocess.run(
            command_line(self._config, "-rx", command), capture_output=True, text=True, timeout=30, check=False, cwd="/"
        )
        return done.stdout

    def stop(self) -> None:
        """Stop it, calls and all."""
        if self._process is None:
            return
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(_STOP_S)
            except subprocess.TimeoutExpired:
                self.kill()
        self._process = None

    def kill(self) -> None:
        """End it as a power cut would."""
        if self._process is not None and self._process.poll() is None:
            os.kill(self._process.pid, 9)
            self._process.wait()
