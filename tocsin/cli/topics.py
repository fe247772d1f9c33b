"""`tocsin topics`: the cluster's topics in Kafka."""

from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import click

from domain.errors import ConfigError
from tocsin.cli.options import config_option, epilog, json_option, load_config

if TYPE_CHECKING:
    from tocsin.runtimes.cluster.broker import Created


@click.group("topics", epilog=epilog("tocsin topics create"))
def command() -> None:
    """Create the cluster's topics."""


@command.command("create", epilog=epilog("tocsin topics create", "tocsin topics create --json"))
@json_option
@config_option
def create(*, config_file: Path | None, as_json: bool) -> int:
    """Create the topics that are missing; exit 1 when one that exists is not as [kafka] says.

    What exists is never changed: partitions, copies and settings that differ are named with the remedy.
    """
    from tocsin.cli import screen
    from tocsin.runtimes.cluster.broker import Broker

    config = load_config(config_file)
    if not config.kafka.servers:
        raise ConfigError(['kafka.servers: none is given: add [kafka] with servers = ["localhost:9092"]'])
    with closing(Broker(config.kafka)) as broker:
        topics = broker.create()
    if as_json:
        screen.print_json(topic._asdict() for topic in topics)
    else:
        _table(topics)
    return 1 if any(topic.differs for topic in topics) else 0


def _table(topics: "list[Created]") -> None:
    from tocsin.cli import screen

    table = screen.table()
    table.add_column("Topic", overflow="fold")
    for heading in ("Partitions", "Copies"):
        table.add_column(heading, justify="right")
    table.add_column("State")
    for topic in topics:
        state = "created" if topic.fresh else "differs" if topic.differs else "exists"
        table.add_row(topic.topic, str(topic.partitions), str(topic.replication), state)
    screen.out().print(table)
    for topic in topics:
        for difference in topic.differs:
            click.echo(f"{topic.topic}: {difference}", err=True)
