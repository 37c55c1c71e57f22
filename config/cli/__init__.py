"""The command line `hotline`. Errors are one plain sentence on standard error and status 1; 2 for wrong usage."""

from __future__ import annotations

import sys
from typing import Annotated

import typer
from sqlalchemy.exc import SQLAlchemyError

from asterisk_conf.process import PbxError
from asterisk_conf.render import RenderError
from call_router.directory import DirectoryError
from call_router.schedule import ScheduleError
from casebook.errors import CaseError
from casebook.privacy import PrivacyError
from casebook.rulebook import RulebookError
from casebook.suggest.catalogue import CatalogueError
from config.cli import context, knowledge, line, model, pbx, prompts, report, serve, store, transcribe, twilio
from config.prompts import PromptError
from config.settings import SettingsError
from ivr.flow import FlowError
from transcription.gazetteer import GazetteerError

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
app.add_typer(knowledge.kb, name="kb")
app.add_typer(report.app, name="report")
app.add_typer(store.db, name="db")
app.add_typer(store.user, name="user")
app.add_typer(store.calendar, name="calendar")
app.add_typer(twilio.app, name="twilio")
for command in (serve.run, serve.web, serve.agi, serve.worker, serve.router, line.call, line.check, knowledge.train):
    app.command()(command)
app.command(name="transcribe")(transcribe.transcribe)


@app.callback()
def _options(debug: Annotated[bool, typer.Option(help="Show the traceback of an error.")] = False) -> None:
    """Options before the command; `main` looks at --debug itself."""
    _ = debug


_EXPECTED = (
    context.CommandError,
    SettingsError,
    CaseError,
    PrivacyError,
    FlowError,
    DirectoryError,
    ScheduleError,
    PromptError,
    RenderError,
    PbxError,
    RulebookError,
    CatalogueError,
    GazetteerError,
)


def main() -> None:
    """Run a command; an expected error is one sentence."""
    try:
        app(standalone_mode=True)
    except (*_EXPECTED, SQLAlchemyError) as error:
        if "--debug" in sys.argv:
            raise
        sentence = (
            "The database cannot be used, or has no tables: see HOTLINE_DATABASE_URL and `hotline db upgrade`."
            if isinstance(error, SQLAlchemyError)
            else error
        )
        typer.echo(str(sentence), err=True)
        sys.exit(1)
