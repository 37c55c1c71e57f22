"""`hotline pbx install|render|run`."""

from __future__ import annotations

import os

import typer

from asterisk_conf.install import PbxInstallError, install, is_installed
from asterisk_conf.process import command_line
from asterisk_conf.render import render
from config.cli import context
from config.pbx import pbx_config

app = typer.Typer(help="The PBX: Asterisk.", no_args_is_help=True)


@app.command(name="install")
def install_command() -> None:
    """Bring Asterisk into a folder of its own; the rest of the machine is left as it is."""
    prefix = context.settings().prefix
    if is_installed(prefix):
        typer.echo(f"Asterisk is installed in {prefix}.")
        return
    try:
        install(prefix, report=typer.echo)
    except PbxInstallError as error:
        raise context.CommandError(str(error)) from error


@app.command(name="render")
def render_command() -> None:
    """Write the PBX's configuration."""
    config = pbx_config(context.settings())
    render(config)
    typer.echo(f"Written to {config.directory}.")


@app.command()
def run() -> None:
    """Write the configuration and run the PBX in the foreground."""
    config = pbx_config(context.settings())
    if not is_installed(config.prefix):
        raise context.CommandError(f"There is no Asterisk in {config.prefix}: run `hotline pbx install`.")
    render(config)
    command = command_line(config)
    os.execv(command[0], command)  # noqa: S606 - the PBX takes this process's place
