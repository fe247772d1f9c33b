"""`tocsin run`: the embedded runtime."""

import asyncio
import signal
from pathlib import Path
from typing import TYPE_CHECKING

import click

from domain.errors import ConfigError
from tocsin.cli.options import config_option, epilog, load_config

if TYPE_CHECKING:
    from tocsin.bootstrap import App
    from tocsin.config import Config
    from tocsin.runtimes.embedded import Summary


@click.command("run", epilog=epilog("tocsin run", "tocsin run --config duty.toml --until-idle"))
@config_option
@click.option("--until-idle", is_flag=True, help="End when finite sources are exhausted and the outbox is empty.")
@click.option("--json-logs", is_flag=True, help="Log JSON, one object a line.")
@click.option("--host", help="Address of the HTTP side.  [default: [console] host]")
@click.option("--port", type=click.IntRange(0, 65_535), help="Port of the HTTP side.  [default: [console] port]")
def command(
    *, config_file: Path | None, until_idle: bool, json_logs: bool, host: str | None, port: int | None
) -> int:
    """Listen, judge, store and alert until stopped (Ctrl-C or SIGTERM)."""
    from tocsin.bootstrap import bootstrap
    from tocsin.cli import logs

    config = load_config(config_file, console__host=host, console__port=port)
    if not config.source:
        raise ConfigError(["source: none is configured: add [[source]] with kind = ... to say where to listen"])
    logs.configure(as_json=json_logs)
    app = bootstrap(config)
    if not json_logs:
        click.echo(_beginning(config), err=True)
    summary = asyncio.run(_run(app, until_idle=until_idle, quiet=json_logs))
    stopped = _stopped_sources(app)
    if not json_logs:
        click.echo(_end(app, summary, stopped), err=True)
    return 1 if stopped else 0


async def _run(app: "App", *, until_idle: bool, quiet: bool) -> "Summary":
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    signals = (signal.SIGINT, signal.SIGTERM)

    def ask_to_stop() -> None:
        stop.set()
        # A second Ctrl-C ends at once: everything not yet committed is fetched again next time.
        for number in signals:
            loop.remove_signal_handler(number)
        if not quiet:
            click.echo("Stopping: finishing what is under way (Ctrl-C again ends at once).", err=True)

    for number in signals:
        loop.add_signal_handler(number, ask_to_stop)

    def started(address: str) -> None:
        if not quiet:
            click.echo(f"API, metrics and webhooks: {address}", err=True)

    return await app.run(until_idle=until_idle, stop=stop, started=started)


def _beginning(config: "Config") -> str:
    brands = ", ".join(brand.name for brand in config.brand[:5])
    more = f" and {len(config.brand) - 5} more" if len(config.brand) > 5 else ""  # noqa: PLR2004  # the five just named
    sources = ", ".join(f"{source.name} ({source.kind})" for source in config.source)
    receivers = ", ".join(f"{receiver.name} ({receiver.kind})" for receiver in config.receiver)
    return "\n".join(
        (
            f"Listening for {brands}{more}",
            f"  sources    {sources}",
            f"  receivers  {receivers}",
            f"  database   {config.storage.path}",
        )
    )


def _end(app: "App", summary: "Summary", stopped: list[str]) -> str:
    from tocsin.cli.screen import counted

    outcomes = _outcomes(app)
    said = (
        f"Done: {counted(summary.posts, 'new post')}, {counted(summary.mentions, 'mention')}, "
        f"{counted(summary.alerts, 'alert')} in {counted(len(summary.incidents), 'incident')}, "
        f"{counted(outcomes.get('sent', 0), 'notification')} sent, {counted(summary.dead_letters, 'dead letter')}."
    )
    if refused := outcomes.get("refused"):
        said += f"\n{counted(refused, 'notification')} refused by the receiver: see `tocsin dead-letters list`."
    if summary.dead_letters:
        said += "\nSee `tocsin dead-letters list` for what could not be processed."
    if stopped:
        said += f"\nStopped and in need of a person: {', '.join(stopped)}; see the log above."
    return said


def _outcomes(app: "App") -> dict[str, int]:
    """Deliveries of this run by outcome, read from the same counters that Prometheus gets."""
    found: dict[str, int] = {}
    for metric in app.metrics.notifications.collect():
        for sample in metric.samples:
            if sample.name.endswith("_total"):
                outcome = sample.labels["outcome"]
                found[outcome] = found.get(outcome, 0) + int(sample.value)
    return found


def _stopped_sources(app: "App") -> list[str]:
    return [
        sample.labels["source"]
        for metric in app.metrics.source_up.collect()
        for sample in metric.samples
        if sample.value == 0
    ]
