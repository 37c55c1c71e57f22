"""`hotline run` and its parts: `web`, `agi`, `worker`, `router`."""

from __future__ import annotations

import signal
import threading
from typing import Annotated

import structlog
import typer

from config import log, parts
from config.cli import context
from config.start import prepare
from config.supervisor import Supervisor


def run() -> None:
    """Run the whole hotline on this machine: stores, PBX, call servers, worker, console."""
    settings = context.settings()
    log.configure(settings.log_level)
    started = prepare(settings, typer.echo)
    supervisor = Supervisor(started)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: supervisor.stop())
    supervisor.run()


def web() -> None:
    """Serve the console and the REST API."""
    _configured()
    with context.hotline() as hotline:
        parts.serve_web(hotline)


def agi(port: Annotated[int, typer.Option(help="Instead of HOTLINE_AGI_PORT.")] = 0) -> None:
    """Answer calls for the PBX (FastAGI)."""
    _configured()
    with context.hotline() as hotline:
        parts.serve_agi(hotline, port or hotline.settings.agi_port, _stop_event())


def worker() -> None:
    """Do the jobs: transcribe voicemails."""
    _configured()
    with context.hotline() as hotline:
        parts.serve_worker(hotline, _stop_event())


def router() -> None:
    """Follow the PBX: give every call its end, take in what was recorded."""
    _configured()
    with context.hotline() as hotline:
        parts.serve_router(hotline, _stop_event())


def _configured() -> None:
    log.configure(context.settings().log_level)


def _stop_event() -> threading.Event:
    """Set by SIGTERM and SIGINT."""
    stop = threading.Event()

    def note(number: int, _frame: object) -> None:
        structlog.get_logger().info("stopping", signal=number)
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, note)
    return stop
