"""`tocsin backfill`: history from files, judged and stored, without waking anyone."""

import asyncio
import signal
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from domain.errors import TocsinError
from tocsin.cli.options import config_option, epilog, load_config

if TYPE_CHECKING:
    from ingest.file import FileSource
    from storage.store import Commit
    from tocsin.bootstrap import App
    from tocsin.runtimes.cluster.pump import Brought

Tell = Callable[[bytes, str], None]
"""Told the cursor that was reached, and what was brought so far, in words."""
Bring = Callable[["FileSource", asyncio.Event, Tell], Awaitable[str]]
"""Brings one file in; returns what was brought, in words."""

NAME = "backfill"


@click.command(
    "backfill",
    epilog=epilog(
        "tocsin backfill posts-2025.jsonl.gz",
        "tocsin backfill export.csv --network vk --map text=body --map created_at=date",
    ),
)
@click.argument("files", nargs=-1, required=True, metavar="FILE...", type=click.Path(path_type=Path))
@config_option
@click.option("--map", "mapped", multiple=True, metavar="FIELD=COLUMN", help="Where a column has another name.")
@click.option("--network", help="Network of posts that do not name theirs.  [default: file]")
@click.option("--lang", help="Language of posts that do not name theirs.  [default: detected]")
@click.option("--timezone", help="Zone of times that do not name theirs, such as Asia/Almaty.  [default: UTC]")
def command(
    *, files: tuple[Path, ...], config_file: Path | None, mapped: tuple[str, ...], **settings: str | None
) -> int:
    """Load history from CSV, JSON lines or Parquet files (also .gz, .zst); it wakes nobody.

    Interrupted, it goes on where it stopped; a file that was loaded adds nothing the second time. On a cluster the
    posts go into the topic `posts.backfill`, which is served while no live post waits.
    """
    from tocsin.bootstrap import bootstrap
    from tocsin.cli import logs
    from tocsin.cli.working import require_cluster

    config = load_config(config_file)
    if config.storage.kind == "elasticsearch":
        require_cluster(config, "backfill")
    app = bootstrap(config)
    sources = [_source(app, file, _columns(mapped), settings) for file in files]
    logs.configure(as_json=False)
    return asyncio.run(_load(app, sources))


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


async def _load(app: "App", sources: "list[FileSource]") -> int:
    """Load one file after the other; the exit code."""
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    bring = _into_one_process if app.config.storage.kind == "sqlite" else _into_the_cluster
    failed = False
    for source in sources:
        try:
            await source.check()
            await _load_one(partial(bring, app), source, stop)
        except TocsinError as failure:
            click.echo(f"{source.name.split()[1]}: {failure}", err=True)
            failed = True
        if stop.is_set():
            click.echo("Stopped. The same command goes on from here.", err=True)
            return 130
    return 1 if failed else 0


async def _load_one(bring: Bring, source: "FileSource", stop: asyncio.Event) -> None:
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

    from tocsin.cli import screen

    name = screen.cut(source.name.split()[1], 30)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[said]}"),
    )
    with Progress(*columns, console=screen.messages()) as bar:
        _, total = source.progress(None)
        task = bar.add_task(name, total=total, said="")

        def tell(cursor: bytes, said: str) -> None:
            read, total = source.progress(cursor)
            bar.update(task, completed=read, total=total, said=said)

        said = await bring(source, stop, tell)
        if not stop.is_set():
            bar.update(task, completed=total)
    click.echo(f"{name}: {said}", err=True)


async def _into_one_process(app: "App", source: "FileSource", stop: asyncio.Event, tell: Tell) -> str:
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


async def _into_the_cluster(app: "App", source: "FileSource", stop: asyncio.Event, tell: Tell) -> str:
    from tocsin.bootstrap_cluster import ClusterApp
    from tocsin.cli.screen import counted

    def watch(brought: "Brought", cursor: bytes) -> None:
        tell(cursor, f"{brought.posts:,} posts")

    brought = await ClusterApp(config=app.config, clock=app.clock).backfill(source, watch=watch, stop=stop)
    return (
        f"{counted(brought.posts, 'post')} passed on to the cluster, {counted(brought.dead_letters, 'dead letter')}."
    )
