"""`hotline db ...` and `hotline user ...`."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from casebook.errors import CaseError
from casebook.roles import STAFF
from casebook.rulebook import city_day
from casebook.store.verify import backup as copy_database
from casebook.store.verify import make_anchor, verify_chains
from casebook.store.verify import rebuild as rebuild_case
from config.cli import context
from config.wiring import utc_now

db = typer.Typer(help="The database.", no_args_is_help=True)
user = typer.Typer(help="People who may sign in.", no_args_is_help=True)


@db.command()
def upgrade() -> None:
    """Bring the database to the current schema."""
    with context.hotline() as parts:
        parts.upgrade()
    typer.echo("The database is current.")


@db.command()
def backup(target: Annotated[Path, typer.Argument(help="The file to write.")]) -> None:
    """Copy a SQLite database while it is in use."""
    with context.hotline() as parts:
        try:
            copy_database(parts.engine, target)
        except (CaseError, OSError) as error:
            raise context.CommandError(str(error)) from error
    typer.echo(f"Written to {target}.")


@db.command()
def verify() -> None:
    """Check every case's history, and that its rows are what the history makes of them."""
    with context.hotline() as parts:
        findings = verify_chains(parts.engine)
    for finding in findings:
        typer.echo(str(finding), err=True)
    if findings:
        raise typer.Exit(1)
    typer.echo("Every case's history is whole.")


@db.command()
def rebuild(case_no: Annotated[str, typer.Argument(help="The case's number.")]) -> None:
    """Write a case's rows anew from its history."""
    with context.hotline() as parts, parts.engine.begin() as connection:
        rebuild_case(connection, case_no)
    typer.echo(f"{case_no} is what its history makes it.")


@db.command()
def anchor(day: Annotated[datetime, typer.Argument(formats=["%Y-%m-%d"], help="A day that is over.")]) -> None:
    """The digest over a day's events of all cases; publish it, and the day cannot be changed unseen."""
    with context.hotline() as parts, parts.engine.begin() as connection:
        if day.date() >= city_day(utc_now()):
            raise context.CommandError("The day is not over yet.")
        typer.echo(make_anchor(connection, day.date(), utc_now()))


@user.command()
def add(
    name: str,
    role: Annotated[str, typer.Option(help=f"One of {', '.join(STAFF)}.")] = "reviewer",
    display_name: Annotated[str, typer.Option(help="As the console shows it.")] = "",
    password: Annotated[str, typer.Option(prompt=True, hide_input=True, confirmation_prompt=True)] = "",
) -> None:
    """Add somebody who may sign in."""
    with context.hotline() as parts:
        parts.upgrade()
        try:
            parts.users.add(name, password, role, display_name or name)
        except CaseError as error:
            raise context.CommandError(str(error)) from error
    typer.echo(f"{name} may sign in.")
