"""`tocsin migrate`: from the file of one process to the cluster."""

from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import click

from domain.errors import ConfigError
from tocsin.cli.options import config_option, epilog, load_config

if TYPE_CHECKING:
    from tocsin.migrating import Moved


@click.command(
    "migrate", epilog=epilog("tocsin topics create -c cluster.toml", "tocsin migrate tocsin.db -c cluster.toml")
)
@click.argument("file", metavar="FILE", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@config_option
def command(*, file: Path, config_file: Path | None) -> int:
    """Move what `tocsin run` kept in FILE to the cluster of this configuration.

    Mentions, corrections, incidents, what was already told, what the rules have learnt and where each source stands.
    Stop `tocsin run` first, and start the cluster's processes afterwards. It may be interrupted and repeated.
    """
    from storage.sqlite import open_store
    from tocsin.bootstrap_cluster import ClusterApp
    from tocsin.cli import screen

    config = load_config(config_file)
    if config.storage.kind != "elasticsearch" or not config.kafka.servers:
        raise ConfigError(
            ['storage.kind: this is no cluster: give [storage] kind = "elasticsearch" and [kafka] servers']
        )
    # Opened to write, so that a `tocsin run` that still works on it is noticed.
    with closing(open_store(file)) as kept, screen.messages().status("Moving ...") as status:

        def watch(moved: "Moved") -> None:
            status.update(f"Moving ... {moved.posts:,} posts, {moved.mentions:,} mentions")

        moved = ClusterApp(config=config).migrate(kept, watch=watch)
    click.echo(_sentence(moved), err=True)
    return 0


def _sentence(moved: "Moved") -> str:
    from tocsin.cli.screen import counted

    parts = (
        counted(moved.mentions, "mention"), counted(moved.incidents, "incident"), counted(moved.alerts, "alert"),
        counted(moved.notifications, "notification"), counted(moved.acts, "correction"),
        counted(moved.dead_letters, "dead letter"), f"what was learnt of {counted(moved.brands, 'brand')}",
        f"where {counted(moved.cursors, 'source')} stood",
    )  # fmt: skip
    return f"Moved {', '.join(parts[:-1])}, and {parts[-1]}. Now start the cluster's processes."
