"""`tocsin version`."""

import click

from domain.errors import TocsinError
from tocsin.cli.options import epilog


@click.command("version", epilog=epilog("tocsin version"))
def command() -> None:
    """Print the version."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        click.echo(version("tocsin"))
    except PackageNotFoundError:
        raise TocsinError("Tocsin runs from its source and is not installed: `make setup` installs it") from None
