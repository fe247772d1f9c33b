"""`tocsin alert`: decides on the mentions of the cluster, and rings."""

from pathlib import Path

import click

from tocsin.cli.options import epilog
from tocsin.cli.working import until_idle_option, work, worker_options


@click.command("alert", epilog=epilog("tocsin alert", "tocsin alert --port 0 --until-idle"))
@worker_options
@until_idle_option
def command(
    *, config_file: Path | None, until_idle: bool, json_logs: bool, host: str | None, port: int | None
) -> int:
    """Group mentions into stories, run the rules, and notify: any number of these share the brands.

    Reads the topic `mentions`, and `mentions.backfill` while nothing live comes; writes `stories`. Alerts, incidents
    and the notifications to send are in Elasticsearch.
    """
    return work(
        "alert",
        lambda app, stop, started: app.alert(until_idle=until_idle, stop=stop, started=started),
        config_file=config_file,
        json_logs=json_logs,
        host=host,
        port=port,
    )
