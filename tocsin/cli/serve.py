"""`tocsin serve`: the HTTP API over the cluster's store."""

from typing import Any

import click

from tocsin.cli.options import epilog
from tocsin.cli.working import work, worker_options


@click.command(
    "serve", epilog=epilog("tocsin serve --config cluster.toml", "tocsin serve --host 0.0.0.0 --port 8080")
)
@worker_options
def command(**chosen: Any) -> int:
    """Serve the API, probes and metrics of a cluster until stopped (Ctrl-C or SIGTERM).

    Any number may run. Beside `tocsin run` it is not needed: that one serves its own.
    """
    return work("serve", lambda app, stop, started: app.serve(stop=stop, started=started), **chosen)
