"""`tocsin alert`: decides on the mentions of the cluster, and rings."""

from typing import Any

import click

from tocsin.cli.options import epilog
from tocsin.cli.working import until_idle_option, work, worker_options


@click.command("alert", epilog=epilog("tocsin alert", "tocsin alert --port 0 --until-idle"))
@worker_options
@until_idle_option
def command(*, until_idle: bool, **chosen: Any) -> int:
    """Group mentions into stories, run the rules, and notify: any number of these share the brands.

    Reads the topic `mentions`, and `mentions.backfill` while nothing live comes; writes `stories`. Alerts, incidents
    and the notifications to send are in Elasticsearch.
    """
    return work(
        "alert",
        lambda app, stop, started: app.alert(until_idle=until_idle, stop=stop, started=started),
        **chosen,
    )
