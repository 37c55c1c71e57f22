"""`hotline run` and its parts: `web`, `agi`, `worker`, `router`."""

from __future__ import annotations

import signal
import threading
from typing import Annotated

import structlog
import typer

from config import log
from config.cli import context

# Each command imports its own process only: a call server that was killed is back before its callers fall back.


def run() -> None:
    """Run the whole hotline on this machine: stores, PBX, call servers, worker, console."""
    from config.start import prepare  # noqa: PLC0415
    from config.supervisor import Supervisor  # noqa: PLC0415

    settings = context.settings()
    log.configure(settings.log_level)
    started = prepare(settings, typer.echo)
    supervisor = Supervisor(started)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: supervisor.stop())
    supervisor.run()


def web() -> None:
    """Serve the console and the REST API."""
    from config.serving.web import serve_web  # noqa: PLC0415

    _configured()
    with context.hotline() as hotline:
        serve_web(hotline)


def agi(port: Annotated[int, typer.Option(help="Instead of HOTLINE_AGI_PORT.")] = 0) -> None:
    """Answer calls for the PBX (FastAGI)."""
    from config.serving.agi import serve_agi  # noqa: PLC0415

    _configured()
    with context.hotline() as hotline:
        serve_agi(hotline, port or hotline.settings.agi_port, _stop_event())


def worker() -> None:
    """Do the jobs: transcribe voicemails."""
    from config.serving.worker import serve_worker  # noqa: PLC0415

    _configured()
    with context.hotline() as hotline:
        serve_worker(hotline, _stop_event())


def router() -> None:
    """Follow the PBX: give every call its end, take in what was recorded."""
    from config.serving.router import serve_router  # noqa: PLC0415

    _configured()
    with context.hotline() as hotline:
        serve_router(hotline, _stop_event())


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
