"""`tocsin check-config`: every mistake at once, or what the configuration amounts to."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from domain.errors import ConfigError
from tocsin.cli.options import config_option, epilog, load_config

if TYPE_CHECKING:
    from tocsin.config import Config


@click.command(
    "check-config", epilog=epilog("tocsin check-config", "tocsin check-config --schema > tocsin.schema.json")
)
@config_option
@click.option("--schema", is_flag=True, help="Print the JSON Schema of tocsin.toml instead.")
@click.option("--json", "as_json", is_flag=True, help="Print {ok, problems} as JSON.")
def command(*, config_file: Path | None, schema: bool, as_json: bool) -> int:
    """Check tocsin.toml and name every mistake at once."""
    if schema:
        from tocsin.config import json_schema

        click.echo(json.dumps(json_schema(), indent=2, ensure_ascii=False))
        return 0
    try:
        config = load_config(config_file)
    except ConfigError as wrong:
        if not as_json:
            raise
        click.echo(json.dumps({"ok": False, "problems": wrong.problems}, ensure_ascii=False))
        return 2
    if as_json:
        click.echo(json.dumps({"ok": True, "problems": []}))
    else:
        _table(config)
    return 0


def _table(config: "Config") -> None:
    from rich.text import Text

    from tocsin.cli import screen

    table = screen.table(header=False)
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    table.add_column(overflow="fold", style="dim")
    for brand in config.brand:
        table.add_row("brand", Text(screen.harmless(brand.name)), Text(screen.harmless(brand.query)))
    for section in ("source", "rule", "receiver"):
        for tagged in getattr(config, section):
            table.add_row(section, Text(tagged.name), Text(tagged.kind))
    for route in config.route:
        table.add_row("route", Text(route.receiver), f"{route.severity} and above")
    place = ", ".join(config.storage.urls) or str(config.storage.path)
    table.add_row("storage", Text(place), config.storage.kind)
    if config.kafka.servers:
        table.add_row("kafka", Text(", ".join(config.kafka.servers)), "encrypted" if config.kafka.tls else "")
    token = "bearer token" if config.console.token else "this machine only"  # words about a token
    table.add_row("console", f"{config.console.host}:{config.console.port}", token)
    screen.out().print(table)
    if not config.source:
        screen.messages().print(
            "No [[source]] is configured, so `tocsin run` has nothing to listen to yet.", style="yellow"
        )
    screen.messages().print(f"{config.file} is fine.", style="green")
