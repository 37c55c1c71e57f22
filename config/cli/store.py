"""`hotline db ...` and `hotline user ...`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from casebook.errors import CaseError
from casebook.store.verify import backup as copy_database
from casebook.store.verify import verify_chains
from config.cli import context

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
    """Check the hash chain of every case."""
    with context.hotline() as parts:
        findings = verify_chains(parts.engine)
    for finding in findings:
        typer.echo(str(finding), err=True)
    if findings:
        raise typer.Exit(1)
    typer.echo("Every case's history is whole.")


@user.command()
def add(
    name: str,
    role: Annotated[str, typer.Option(help="admin, reviewer, agent or shift_leader")] = "reviewer",
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
