"""`tocsin ingest`: from the sources into the cluster."""

from typing import Any

import click

from tocsin.cli.options import epilog
from tocsin.cli.working import until_idle_option, work, worker_options


@click.command("ingest", epilog=epilog("tocsin ingest", "tocsin ingest --port 0 --until-idle"))
@worker_options
@until_idle_option
def command(*, until_idle: bool, **chosen: Any) -> int:
    """Listen to the sources and pass on what they bring: any number of these share the sources.

    Writes the topics `posts` and `posts.dead`, and where each source stands into `cursors`. Webhooks are taken by
    each of the processes, at its own --port.
    """
    return work(
        "ingest",
        lambda app, stop, started: app.ingest(until_idle=until_idle, stop=stop, started=started),
        **chosen,
    )
