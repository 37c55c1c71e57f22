"""`hotline db ...` and `hotline user ...`."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from casebook.errors import CaseError
from casebook.roles import STAFF
from casebook.rulebook import city_day
from casebook.store.calendar import load_calendar
from casebook.store.people import KINDS
from casebook.store.recounting import correct_year, read_days
from casebook.store.statistics import keep_verification
from casebook.store.verify import backup as copy_database
from casebook.store.verify import make_anchor, verify_chains
from casebook.store.verify import rebuild as rebuild_case
from casebook.tables import read_table
from config.cli import context
from config.wiring import utc_now

db = typer.Typer(help="The database.", no_args_is_help=True)
calendar = typer.Typer(help="Working days.", no_args_is_help=True)
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
        began_at = utc_now()
        findings = verify_chains(parts.engine, privacy=parts.privacy, files=parts.files, now=began_at)
        keep_verification(parts.engine, began_at, utc_now(), findings)
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


@user.command()
def appoint(
    name: str,
    unit: Annotated[str, typer.Option(help="The unit's code in units.yaml.")],
    post: Annotated[str, typer.Option(help=f"One of {', '.join(KINDS)}.")] = "liaison",
) -> None:
    """Give somebody a post in a unit; its former liaison is it no more."""
    with context.hotline() as parts:
        parts.people.appoint(unit, post, name, utc_now())
    typer.echo(f"{name} is {post} of {unit}.")


@calendar.command(name="import")
def import_year(
    year: Annotated[int, typer.Argument(min=2009, max=2100)],
    file: Annotated[Path, typer.Argument(help="CSV or XLSX with the columns 日期, 班休, 名称.")],
    source: Annotated[str, typer.Option(help="The notice that announced them.")],
) -> None:
    """Load a year's holidays and make-up days, and count open cases anew where that gives them more time."""
    try:
        content = file.read_bytes()
    except OSError as error:
        raise context.CommandError(f"{file}: {error.strerror}") from error
    with context.hotline() as parts:
        days = read_days(read_table(content), year)
        changed = correct_year(parts.engine, parts.casework, year, days, source[:200], utc_now())
    typer.echo(f"{year} is loaded; {changed} cases have more time.")


@calendar.command()
def show(year: Annotated[int, typer.Argument(min=2009, max=2100)]) -> None:
    """A year's days that are not what their weekday says."""
    with context.hotline() as parts, parts.engine.begin() as connection:
        found = load_calendar(connection)
    typer.echo(f"{year}: {found.year_state(year)}")
    for one in found.special_days(year):
        typer.echo(f"{one.day}\t{'班' if one.is_workday else '休'}\t{one.name}")
