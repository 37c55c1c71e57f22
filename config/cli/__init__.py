"""The command line `hotline`. Errors are one plain sentence on standard error and status 1; 2 for wrong usage."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from config.cli import context, line, model, pbx, prompts, serve, store, transcribe
from config.settings import SettingsError

app = typer.Typer(
    name="hotline",
    help="Answers a city's 12345 line.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
app.add_typer(pbx.app, name="pbx")
app.add_typer(model.app, name="model")
app.add_typer(prompts.app, name="prompts")
app.add_typer(store.db, name="db")
app.add_typer(store.user, name="user")
for command in (serve.run, serve.web, serve.agi, serve.worker, serve.router, line.call, line.check):
    app.command()(command)
app.command(name="transcribe")(transcribe.transcribe)


@app.callback()
def _options(debug: Annotated[bool, typer.Option(help="Show the traceback of an error.")] = False) -> None:
    context.debug = debug


def main() -> None:
    """Run a command; an expected error is one sentence."""
    try:
        app(standalone_mode=True)
    except (context.CommandError, SettingsError) as error:
        if "--debug" in sys.argv:
            raise
        typer.echo(str(error), err=True)
        sys.exit(1)
