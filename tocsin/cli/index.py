"""`tocsin index`: writes the cluster's mentions and dead letters into Elasticsearch."""

from typing import Any

import click

from tocsin.cli.options import epilog
from tocsin.cli.working import until_idle_option, work, worker_options


@click.command("index", epilog=epilog("tocsin index", "tocsin index --port 0 --until-idle"))
@worker_options
@until_idle_option
def command(*, until_idle: bool, **chosen: Any) -> int:
    """Write stories as documents, each once and its latest version: any number of these share the topics.

    Reads the topic `stories`, `stories.backfill` while nothing live comes, and the topics of dead letters. While
    Elasticsearch is busy it waits and asks for less at once.
    """
    return work(
        "index",
        lambda app, stop, started: app.index(until_idle=until_idle, stop=stop, started=started),
        **chosen,
    )
