"""`hotline call`: the city's flow on a terminal phone; `hotline check`: the lint of the city's files."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Annotated

import typer

from config import prompts
from config.cli import context
from config.wiring import utc_now
from ivr.flow import FlowError
from ivr.ports import NewCall
from ivr.simulator import Simulator, TerminalPhone
from transcription.audio import probe


def call(number: Annotated[str, typer.Option(help="The number that you call from.")] = "") -> None:
    """Call the line from this terminal: prompts are written, keys are typed."""
    with context.hotline() as parts:
        parts.upgrade()
        texts = prompts.texts(parts.settings.city_dir)
        phone = TerminalPhone(lambda clip: texts.get(clip, f"[{clip}]"), typer.echo, input)
        incoming = NewCall(f"sim-{secrets.token_hex(6)}", "simulator", number, "12345", utc_now())
        try:
            Simulator(parts.service, parts.settings.recordings_dir, probe).call(incoming, phone)
        except FlowError as error:
            raise context.CommandError(str(error)) from error
    typer.echo("(通话结束)")


def check(
    city: Annotated[Path | None, typer.Argument(help="The city's folder; default: the one of the settings.")] = None,
) -> None:
    """Check the city's files: flow, lines, prompts and their audio; and the address at which Twilio finds us."""
    # The dictionaries of the city's words, and Twilio's package, are slow to import; no other command here needs them.
    from config import twilio  # noqa: PLC0415
    from config.check import check_city  # noqa: PLC0415

    settings = context.settings()
    findings = [*check_city(city or settings.city_dir), *twilio.check(settings)]
    for finding in findings:
        typer.echo(finding, err=True)
    if findings:
        raise typer.Exit(1)
    typer.echo("The city's files are in order.")
