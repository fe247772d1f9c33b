"""`tocsin dead-letters`: what could not be processed, and another try at it."""

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tocsin.cli.options import config_option, epilog, json_option, load_config

if TYPE_CHECKING:
    from collections.abc import Callable

    from storage.store import DeadLetterRow
    from tocsin.config import Config
    from tocsin.replay import Replayed


@click.group(
    "dead-letters",
    epilog=epilog("tocsin dead-letters list --reason bad_json", "tocsin dead-letters replay --source news"),
)
def command() -> None:
    """List what could not be processed, or replay it."""


@command.command("list", epilog=epilog("tocsin dead-letters list", "tocsin dead-letters list --all --json"))
@click.option("--all", "every", is_flag=True, help="Those that were replayed, too.")
@json_option
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 100_000), help="At most so many.")
@click.option("--reason", default="", help="Only with this reason, such as bad_json.")
@click.option("--source", default="", help="Only of this source.")
@config_option
def list_(*, config_file: Path | None, source: str, reason: str, limit: int, as_json: bool, every: bool) -> int:
    """List dead letters with their reasons, latest first."""
    from tocsin.cli import screen
    from tocsin.cli.stored import stored

    with stored(load_config(config_file)) as store:
        rows = store.dead_letters(source=source, reason=reason, pending=not every, limit=limit)
    if as_json:
        screen.print_json({"id": row.id, **_fields(row)} for row in rows)
    elif rows:
        _table(rows)
    else:
        screen.messages().print("No dead letters: everything that was read could be processed.")
    return 0


def _fields(row: "DeadLetterRow") -> dict[str, object]:
    letter = row.letter
    return {
        "at": letter.at,
        "source": letter.source,
        "stage": letter.stage,
        "reason": letter.reason,
        "detail": letter.detail,
        "where": letter.where,
        "raw": letter.raw.decode("utf-8", "backslashreplace"),
        "replayed_at": row.replayed_at,
    }


def _table(rows: "list[DeadLetterRow]") -> None:
    from rich.text import Text

    from tocsin.cli import screen

    table = screen.table()
    table.add_column("When", no_wrap=True)
    table.add_column("Source", overflow="fold")
    table.add_column("Reason", overflow="fold", style="yellow")
    table.add_column("Where", overflow="fold")
    table.add_column("What is wrong", overflow="fold", ratio=1)
    for row in rows:
        letter = row.letter
        table.add_row(
            screen.when(letter.at),
            *(Text(screen.harmless(text)) for text in (letter.source, letter.reason, letter.where, letter.detail)),
        )
    screen.out().print(table)


@command.command(
    "replay", epilog=epilog("tocsin dead-letters replay --source news", "tocsin dead-letters replay --json")
)
@config_option
@click.option("--source", default="", help="Only of this source.")
@click.option("--reason", default="", help="Only with this reason, such as stage_error.")
@click.option("--limit", default=1000, show_default=True, type=click.IntRange(1, 100_000), help="At most so many.")
@json_option
def replay(*, config_file: Path | None, source: str, reason: str, limit: int, as_json: bool) -> int:
    """Put dead letters through the pipeline once more; exit 1 when some are refused again.

    One process needs its database for itself: stop `tocsin run` first; what rings is delivered by the next one. On a
    cluster their posts go into the topic `posts` again, and what is refused again becomes a dead letter again.
    """
    from tocsin.cli import screen

    replayed = _replays(load_config(config_file))(source=source, reason=reason, limit=limit)
    if as_json:
        screen.print_json([replayed])
    else:
        click.echo(f"{replayed.through:,} went through, {len(replayed.refused):,} were refused again.")
        for why, count in Counter(replayed.refused.values()).most_common():
            click.echo(f"  {count:,} x {screen.harmless(why)}")
    return 1 if replayed.refused else 0


def _replays(config: "Config") -> "Callable[..., Replayed]":
    if config.storage.kind == "sqlite":
        from tocsin.bootstrap import bootstrap

        return bootstrap(config).replay_dead_letters
    from tocsin.bootstrap_cluster import ClusterApp
    from tocsin.cli.working import require_cluster

    require_cluster(config, "dead-letters replay")
    return ClusterApp(config=config).replay_dead_letters
