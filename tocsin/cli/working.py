"""What the long-running verbs of the cluster share: their options, their signals, their first and last words."""

import asyncio
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from domain.errors import ConfigError
from tocsin.cli.options import config_option, load_config

if TYPE_CHECKING:
    from tocsin.bootstrap_cluster import ClusterApp
    from tocsin.config import Config

F = TypeVar("F", bound=Callable[..., Any])
Started = Callable[[str], None]
Work = Callable[["ClusterApp", asyncio.Event, Started], Awaitable[str]]
"""Does the work until the event is set; returns what it did, in a sentence."""


def worker_options(verb: F) -> F:
    """Add the options that every process of the cluster has; the verb hands them on to `work`."""
    for option in (
        click.option("--port", type=click.IntRange(0, 65_535), help="Port of probes and metrics; 0: a free one."),
        click.option("--host", help="Address of probes and metrics.  [default: [console] host]"),
        click.option("--json-logs", is_flag=True, help="Log JSON, one object a line."),
        config_option,
    ):
        verb = option(verb)
    return verb


until_idle_option = click.option("--until-idle", is_flag=True, help="End when there is nothing left to do.")


def work(
    name: str, does: Work, *, config_file: Path | None, json_logs: bool, host: str | None, port: int | None
) -> int:
    """Run `does` until it ends or a signal comes: the first finishes what is under way, a second ends at once."""
    from tocsin.bootstrap_cluster import ClusterApp
    from tocsin.cli import logs

    config = load_config(config_file, console__host=host, console__port=port)
    require_cluster(config, name)
    logs.configure(as_json=json_logs)

    def say(sentence: str) -> None:
        if not json_logs:
            click.echo(sentence, err=True)

    say(asyncio.run(_until_told(ClusterApp(config=config), does, name, say)))
    return 0


def require_cluster(config: "Config", name: str) -> None:
    """Raise ConfigError where this configuration is not that of a cluster."""
    problems = []
    if not config.kafka.servers:
        problems.append('kafka.servers: none is given: add [kafka] with servers = ["localhost:9092"]')
    if config.storage.kind != "elasticsearch":
        problems.append(
            f'storage.kind: `tocsin {name}` needs "elasticsearch" with its urls; `tocsin run` works with one file'
        )
    if problems:
        raise ConfigError(problems)


async def _until_told(app: "ClusterApp", does: Work, name: str, say: Callable[[str], None]) -> str:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    signals = (signal.SIGINT, signal.SIGTERM)

    def ask_to_stop() -> None:
        stop.set()
        # A second signal ends at once: what is not finished is done again next time.
        for number in signals:
            loop.remove_signal_handler(number)
        say("Stopping: finishing what is under way.")

    for number in signals:
        loop.add_signal_handler(number, ask_to_stop)
    return await does(app, stop, lambda address: say(f"tocsin {name}: probes and metrics at {address}"))
