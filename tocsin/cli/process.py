"""`tocsin process`: finds the brands in the cluster's posts and judges what is said of them."""

from typing import Any

import click

from tocsin.cli.options import epilog
from tocsin.cli.working import until_idle_option, work, worker_options


@click.command("process", epilog=epilog("tocsin process", "tocsin process --port 0 --until-idle"))
@worker_options
@until_idle_option
def command(*, until_idle: bool, **chosen: Any) -> int:
    """Find brands in posts, judge and score them: any number of these share the topics, up to one a partition.

    Reads the topic `posts`, and `posts.backfill` while nothing live comes. What cannot be processed goes to the topic
    of dead letters; when nothing else comes, the line is stopped until somebody has looked and starts it again.
    """
    return work(
        "process",
        lambda app, stop, started: app.process(until_idle=until_idle, stop=stop, started=started),
        **chosen,
    )
