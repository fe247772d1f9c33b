"""`tocsin corrections`: what people corrected, for training."""

from datetime import datetime
from pathlib import Path

import click

from tocsin.cli.options import Moment, config_option, epilog, load_config


@click.group("corrections", epilog=epilog("tocsin corrections export --since 90d > corrections.jsonl"))
def command() -> None:
    """Export what people corrected, for training."""


@command.command(
    "export",
    epilog=epilog(
        "tocsin corrections export > corrections.jsonl", 'tocsin corrections export --brand "Aurora Air" --since 90d'
    ),
)
@click.option("--since", type=Moment(), help="Corrected from this time on: 2026-03-01, 90d (ninety days ago).")
@click.option("--brand", default="", help="Only this brand.")
@config_option
def export(*, config_file: Path | None, brand: str, since: datetime | None) -> int:
    """Write corrected mentions as JSON lines, in the form of the posts that train the judge.

    Labels are the person's where one was given and the model's elsewhere. The texts are what strangers wrote in
    public: keep the file as carefully as the database.
    """
    from tocsin.cli import screen
    from tocsin.cli.stored import stored
    from tocsin.corrections import standing, training_row

    with stored(load_config(config_file)) as store:
        found = standing(store, brand=brand, since=since)
    rows = [row for mention in found.mentions if (row := training_row(mention)) is not None]
    screen.print_json(rows)
    unlabelled = len(found.mentions) - len(rows)
    left_out = [f"{found.over:,} edited or deleted since"] if found.over else []
    left_out += (
        [f"{unlabelled:,} without a label for every task (`tocsin correct` can give it)"] if unlabelled else []
    )
    said = f"; left out: {', '.join(left_out)}" if left_out else ""
    click.echo(f"{screen.counted(len(rows), 'corrected mention')} written{said}.", err=True)
    return 0
