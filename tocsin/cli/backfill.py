"""`tocsin backfill`: history from files and from the networks themselves, judged and stored, waking nobody."""

import asyncio
import contextlib
import signal
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from domain.errors import RetryLater, TocsinError
from tocsin.cli.options import config_option, epilog, load_config

if TYPE_CHECKING:
    from ingest.file import FileSource
    from ingest.source import Source
    from storage.store import Commit
    from tocsin.bootstrap import App
    from tocsin.runtimes.cluster.pump import Brought

Tell = Callable[[bytes, str], None]
"""Told the cursor that was reached, and what was brought so far, in words."""
Bring = Callable[["Source", asyncio.Event, Tell], Awaitable[str]]
"""Brings one source in; returns what was brought, in words."""
Progress = Callable[[bytes | None], tuple[int, int]]
"""How far a cursor is: bytes read, bytes in all."""


class History(NamedTuple):
    """A finite source, what a person calls it, and how far it is, where that is known."""

    label: str
    source: "Source"
    progress: Progress | None = None


NAME = "backfill"


@click.command(
    "backfill",
    epilog=epilog(
        "tocsin backfill posts-2025.jsonl.gz",
        "tocsin backfill export.csv --network vk --map text=body --map created_at=date",
        "tocsin backfill --source vk --since 2026-01-01",
    ),
)
@click.argument("files", nargs=-1, metavar="[FILE...]", type=click.Path(path_type=Path))
@config_option
@click.option("--source", "named", multiple=True, metavar="NAME", help="A configured source, asked for its past.")
@click.option(
    "--since", type=click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"]), help="With --source: from this day on (UTC)."
)
@click.option("--map", "mapped", multiple=True, metavar="FIELD=COLUMN", help="Where a column has another name.")
@click.option("--network", help="Network of posts that do not name theirs.  [default: file]")
@click.option("--lang", help="Language of posts that do not name theirs.  [default: detected]")
@click.option("--timezone", help="Zone of times that do not name theirs, such as Asia/Almaty.  [default: UTC]")
def command(
    *,
    files: tuple[Path, ...],
    named: tuple[str, ...],
    since: datetime | None,
    config_file: Path | None,
    mapped: tuple[str, ...],
    **settings: str | None,
) -> int:
    """Load history from CSV, JSON lines or Parquet files (also .gz, .zst), or from a network; it wakes nobody.

    Interrupted, it goes on where it stopped; what was loaded adds nothing the second time. A network is asked within
    the same limits as by `tocsin run`, so its past may take days. On a cluster the posts go into the topic
    `posts.backfill`, which is served while no live post waits.
    """
    from tocsin.bootstrap import bootstrap
    from tocsin.cli import logs
    from tocsin.cli.working import require_cluster

    if not (files or named):
        raise click.UsageError("name files to load, or a configured source: --source NAME --since DATE")
    if bool(named) != (since is not None):
        raise click.UsageError("--source and --since go together: --source vk --since 2026-01-01")
    config = load_config(config_file)
    if config.storage.kind == "elasticsearch":
        require_cluster(config, "backfill")
    app = bootstrap(config)
    past = [_file(_source(app, file, _columns(mapped), settings)) for file in files]
    past += [_past(app, name, since.replace(tzinfo=UTC)) for name in named if since is not None]
    logs.configure(as_json=False)
    return asyncio.run(_load(app, past))


def _file(source: "FileSource") -> History:
    return History(source.name.split()[1], source, source.progress)


def _past(app: "App", name: str, since: datetime) -> History:
    """The past of a configured source. One that ends by itself is history already."""
    from ingest.source import Historic

    makers = app.makers()
    if name not in makers:
        raise click.UsageError(f'no [[source]] is named "{name}"; there are: {", ".join(sorted(makers)) or "none"}')
    source = makers[name]()
    if source.finite:
        return History(name, source)
    if not isinstance(source, Historic):
        raise click.UsageError(f'the network of "{name}" tells nothing of its past: see docs/reference/sources.md')
    if since >= app.clock():
        raise click.UsageError("--since lies in the future")
    return History(name, source.history(since, name=f"{NAME} {name} since {since:%Y-%m-%dT%H:%M:%S}"))


def _columns(mapped: tuple[str, ...]) -> dict[str, str]:
    columns = {}
    for pair in mapped:
        field, equals, column = pair.partition("=")
        if not (field.strip() and equals and column.strip()):
            raise click.BadParameter(
                f'"{pair}" maps nothing: write FIELD=COLUMN, such as text=body', param_hint="--map"
            )
        columns[field.strip()] = column.strip()
    return columns


def _source(app: "App", file: Path, columns: dict[str, str], settings: dict[str, str | None]) -> "FileSource":
    """A file source for one file, checked like one of tocsin.toml.

    Its name, and so its cursor, is made of the file and how it is read: with another --map it is read anew.
    """
    from pydantic import ValidationError

    from domain.ids import stable_id
    from ingest.file import Config as FileConfig
    from ingest.file import build
    from ingest.http import PoliteClient
    from tocsin.config.problems import sentences

    given = {name: value for name, value in settings.items() if value is not None}
    path = str(file.absolute())
    reading = sorted({**columns, **given}.items())
    table: dict[str, Any] = {
        "kind": "file",
        "name": f"{NAME} {file.name[:60]} {stable_id(path, repr(reading))[:8]}",
        "path": path,
        "origin": "backfill",
        "map": columns,
        "page_size": app.config.runtime.batch_size,
        **given,
    }
    try:
        return build(
            FileConfig.model_validate(table), client=PoliteClient(app.transport, clock=app.clock), clock=app.clock
        )
    except ValidationError as error:
        raise click.UsageError("\n".join(sentences(error, model=FileConfig, path=file.name))) from None


async def _load(app: "App", past: Sequence[History]) -> int:
    """Load one after the other; the exit code."""
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    bring = _into_one_process if app.config.storage.kind == "sqlite" else _into_the_cluster
    failed = False
    for one in past:
        try:
            # What is busy is waited for.
            with contextlib.suppress(RetryLater):
                await one.source.check()
            await _load_one(partial(bring, app), one, stop)
        except TocsinError as failure:
            click.echo(f"{one.label}: {failure}", err=True)
            failed = True
        if stop.is_set():
            click.echo("Stopped. The same command goes on from here.", err=True)
            return 130
    return 1 if failed else 0


async def _load_one(bring: Bring, one: History, stop: asyncio.Event) -> None:
    from rich.progress import BarColumn, DownloadColumn, Progress, SpinnerColumn, TextColumn, TimeRemainingColumn

    from tocsin.cli import screen

    label = screen.cut(one.label, 30)
    far = one.progress or (lambda _: (0, 0))
    measured = (BarColumn(), DownloadColumn(), TimeRemainingColumn()) if one.progress else (SpinnerColumn(),)
    columns = (TextColumn("{task.description}"), *measured, TextColumn("{task.fields[said]}"))
    with Progress(*columns, console=screen.messages()) as bar:
        _, total = far(None)
        task = bar.add_task(label, total=total or None, said="")

        def tell(cursor: bytes, said: str) -> None:
            read, total = far(cursor)
            bar.update(task, completed=read, total=total or None, said=said)

        said = await bring(one.source, stop, tell)
        if not stop.is_set():
            bar.update(task, completed=total or 1, total=total or 1)
    click.echo(f"{label}: {said}", err=True)


async def _into_one_process(app: "App", source: "Source", stop: asyncio.Event, tell: Tell) -> str:
    from tocsin.cli.screen import counted

    posts, mentions = 0, 0

    def watch(commit: "Commit") -> None:
        nonlocal posts, mentions
        posts += len(commit.posts)
        mentions += len(commit.mentions)
        cursor = commit.cursors.get(source.name)
        if cursor is not None:
            tell(cursor, f"{posts:,} posts, {mentions:,} mentions")

    summary = await app.backfill(source, watch=watch, stop=stop)
    return (
        f"{counted(summary.posts, 'new post')}, {counted(summary.mentions, 'mention')}, "
        f"{counted(summary.dead_letters, 'dead letter')}."
    )


async def _into_the_cluster(app: "App", source: "Source", stop: asyncio.Event, tell: Tell) -> str:
    from tocsin.bootstrap_cluster import ClusterApp
    from tocsin.cli.screen import counted

    def watch(brought: "Brought", cursor: bytes) -> None:
        tell(cursor, f"{brought.posts:,} posts")

    brought = await ClusterApp(config=app.config, clock=app.clock).backfill(source, watch=watch, stop=stop)
    return (
        f"{counted(brought.posts, 'post')} passed on to the cluster, {counted(brought.dead_letters, 'dead letter')}."
    )
