"""`hotline twilio`: the carrier's fallback document, and calls that the line makes."""

from __future__ import annotations

from typing import Annotated

import typer

from casebook.store.outbound import OutboundCalls
from config import prompts
from config.cli import context
from config.wiring import utc_now

app = typer.Typer(no_args_is_help=True, help="The line at Twilio.")


@app.command()
def fallback() -> None:
    """Print the document for a number's fallback URL: it reaches the agents when this machine does not answer."""
    from config import twilio  # noqa: PLC0415 - slow to import

    with context.hotline() as parts:
        twilio.account(parts.settings)
        texts = prompts.texts(parts.settings.city_dir)
        typer.echo(twilio.fallback(parts).document(lambda prompt: texts[prompt]))


@app.command("call-back")
def call_back(call_id: Annotated[str, typer.Argument(help="The call whose caller is called back.")]) -> None:
    """Call back whoever made a call; once for each call, by the worker."""
    from config import twilio  # noqa: PLC0415 - slow to import

    with context.hotline() as parts:
        twilio.account(parts.settings)
        asked = OutboundCalls(parts.store).call_back(call_id, utc_now())
    if not asked:
        context.fail(f"The caller of {call_id} was called back before, or is about to be: no other call is made.")
    typer.echo("The worker will make the call.")


@app.command()
def survey(case_no: Annotated[str, typer.Argument(help="The case whose caller is asked.")]) -> None:
    """Ask the caller of a case how the service was; once for each case, by the worker."""
    from config import twilio  # noqa: PLC0415 - slow to import

    with context.hotline() as parts:
        twilio.account(parts.settings)
        asked = OutboundCalls(parts.store).survey(case_no, utc_now())
    if not asked:
        context.fail(f"The caller of {case_no} was asked before, or is about to be: no other call is made.")
    typer.echo("The worker will make the call.")
