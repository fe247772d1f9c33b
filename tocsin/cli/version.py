"""`tocsin version`."""

import click

from tocsin.cli.options import epilog


@click.command("version", epilog=epilog("tocsin version"))
def command() -> None:
    """Print the version."""
    from tocsin import __version__

    click.echo(__version__)
