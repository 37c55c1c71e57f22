"""`hotline report ...`."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated
from zoneinfo import ZoneInfo

import typer

from casebook.errors import CaseError
from casebook.indicators_telephone import Figures
from casebook.store.telephone_figures import TelephoneFigures
from config.cli import context
from config.wiring import utc_now

app = typer.Typer(help="Figures.", no_args_is_help=True)
NO_DATA = "—"
"""What stands where a rate has no denominator."""
_COLUMNS = ("from", "offered", "answered", "short", "abandoned", "waiting", "turned away")
_RATES = ("connected", "in 15 s", "in 20 s", "ASA s", "P90 s", "AHT s", "occupancy")


@app.callback()
def _report() -> None:
    """Figures."""


@app.command()
def telephone(
    day: Annotated[datetime, typer.Option(formats=["%Y-%m-%d"], help="The first day.")],
    days: Annotated[int, typer.Option(min=1, max=31, help="How many days.")] = 1,
    queue: Annotated[str, typer.Option(help="One queue; all of them when left out.")] = "",
) -> None:
    """The telephone's indicators, half hour by half hour and in all, as known now; tab-separated."""
    with context.hotline() as parts:
        zone = ZoneInfo(parts.settings.timezone)
        since = day.replace(tzinfo=zone)
        try:
            report = TelephoneFigures(parts.engine).report(since, since + timedelta(days=days), queue, utc_now())
        except CaseError as error:
            raise context.CommandError(str(error)) from error
    typer.echo("\t".join((*_COLUMNS, *_RATES)))
    for began_at, figures in report.intervals:
        typer.echo(_line(f"{began_at.astimezone(zone):%Y-%m-%d %H:%M}", figures))
    typer.echo(_line("all", report.total))


def _line(name: str, figures: Figures) -> str:
    counts = (figures.offered, figures.answered, figures.short_abandoned, figures.abandoned)
    within = [_percent(level.rate) for level in figures.service_levels]
    rates = (
        _percent(figures.connection_rate),
        *within,
        _seconds(figures.asa_s),
        _seconds(figures.wait_p90_s),
        _seconds(figures.aht_s),
        _percent(figures.occupancy),
    )
    return "\t".join((name, *map(str, (*counts, figures.waiting, figures.turned_away)), *rates))


def _percent(rate: float | None) -> str:
    return NO_DATA if rate is None else f"{rate:.1%}"


def _seconds(value: float | None) -> str:
    return NO_DATA if value is None else f"{value:.1f}"
