"""Keeps the parts of a hotline running on one machine: starts them in order, restarts what dies, stops in reverse."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import structlog

_PR_SET_PDEATHSIG = 1
_BACKOFF_S = (0.2, 0.5, 1, 2, 5, 10)
_STEADY_S = 30
"""A part that ran this long starts over with the shortest wait."""


@dataclass(frozen=True, slots=True)
class Part:
    """One process: what runs, and how long it may take to stop."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)
    stop_timeout_s: float = 15


class Supervisor:
    """Runs parts until told to stop."""

    def __init__(self, parts: Sequence[Part]) -> None:
        self._parts = parts
        self._stopping = threading.Event()
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._libc = ctypes.CDLL(None, use_errno=True)

    def run(self) -> None:
        """Start everything and watch it until `stop`; then stop everything, the last started first."""
        threads = []
        for part in self._parts:
            self._spawn(part)
            thread = threading.Thread(target=self._watch, args=(part,), name=part.name, daemon=True)
            thread.start()
            threads.append(thread)
        self._stopping.wait()
        for part in reversed(self._parts):
            self._end(part)
        for thread in threads:
            thread.join(timeout=5)

    def stop(self) -> None:
        """End `run`; safe in a signal handler."""
        self._stopping.set()

    def pid_of(self, name: str) -> int | None:
        """The process of a part, while it runs."""
        process = self._running.get(name)
        return process.pid if process and process.poll() is None else None

    def _spawn(self, part: Part) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            list(part.command),
            env={**os.environ, **part.environment},
            stdin=subprocess.DEVNULL,
            preexec_fn=self._die_with_parent,  # noqa: PLW1509 - runs before any thread of the child exists
            start_new_session=True,
        )
        self._running[part.name] = process
        structlog.get_logger().info("part started", part=part.name, pid=process.pid)
        return process

    def _die_with_parent(self) -> None:
        # A supervisor that is killed must not leave parts behind that hold the ports of the next one.
        self._libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)

    def _watch(self, part: Part) -> None:
        failures = 0
        process = self._running[part.name]
        while True:
            started = time.monotonic()
            status = process.wait()
            if self._stopping.is_set():
                return
            failures = 0 if time.monotonic() - started > _STEADY_S else failures + 1
            wait_s = _BACKOFF_S[min(failures, len(_BACKOFF_S)) - 1] if failures else _BACKOFF_S[0]
            structlog.get_logger().warning("part died", part=part.name, status=status, restart_in_s=wait_s)
            if self._stopping.wait(wait_s):
                return
            process = self._spawn(part)
            if self._stopping.is_set():
                self._end(part)
                return

    def _end(self, part: Part) -> None:
        process = self._running.get(part.name)
        if process is None or process.poll() is not None:
            return
        process.terminate()
        try:
            process.wait(part.stop_timeout_s)
        except subprocess.TimeoutExpired:
            structlog.get_logger().warning("part killed", part=part.name)
            process.kill()
            process.wait()
