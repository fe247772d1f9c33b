"""`tocsin doctor`: reach every source, model, store and receiver once."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click
from msgspec import Struct

from domain.errors import TocsinError
from domain.judgement import Judgeable
from ingest.registry import SOURCES
from tocsin.cli.options import config_option, epilog, json_option, load_config

if TYPE_CHECKING:
    from ingest.source import Source
    from tocsin.bootstrap import App

PATIENCE = 30.0
"""Seconds that one part gets to answer."""

MODEL_PATIENCE = 900.0
"""The same of the model, which may have to be fetched first."""


class Finding(Struct, frozen=True, kw_only=True):
    """How one part stands, in a sentence without secrets."""

    part: str
    name: str
    ok: bool
    detail: str


@click.command("doctor", epilog=epilog("tocsin doctor", "tocsin doctor --json | jq 'select(.ok | not)'"))
@config_option
@json_option
def command(*, config_file: Path | None, as_json: bool) -> int:
    """Reach every source, model, store and receiver once; exit 1 when any of them fails."""
    from tocsin.bootstrap import bootstrap
    from tocsin.cli import screen

    app = bootstrap(load_config(config_file))
    findings = asyncio.run(_examine(app))
    if as_json:
        screen.print_json(findings)
    else:
        _table(findings)
    return 0 if all(finding.ok for finding in findings) else 1


async def _examine(app: "App") -> list[Finding]:
    sources, notifiers = app.sources(), app.notifiers()
    checks = [
        _ask("store", app.config.storage.kind, lambda: asyncio.to_thread(_store, app)),
        *(_ask("kafka", server, lambda: asyncio.to_thread(_kafka, app)) for server in app.config.kafka.servers[:1]),
        _ask("model", _judge(app), lambda: asyncio.to_thread(_model, app), patience=MODEL_PATIENCE),
        *(_ask("source", source.name, partial(_source, app, source)) for source in sources),
        *(_ask("receiver", name, notifier.check) for name, notifier in notifiers.items()),
    ]
    try:
        return list(await asyncio.gather(*checks))
    finally:
        await asyncio.gather(*(source.aclose() for source in sources), return_exceptions=True)
        await app.transport.aclose()


async def _ask(part: str, name: str, check: Callable[[], Awaitable[str]], *, patience: float = PATIENCE) -> Finding:
    try:
        async with asyncio.timeout(patience):
            return Finding(part=part, name=name, ok=True, detail=await check())
    except TimeoutError:
        return Finding(part=part, name=name, ok=False, detail=f"no answer within {patience:.0f} s")
    except TocsinError as failure:
        return Finding(part=part, name=name, ok=False, detail=str(failure))
    except Exception as failure:  # noqa: BLE001  # one broken part must not hide how the others stand
        # The words of a library's exception may quote an address with a token in it, so only its kind is shown.
        return Finding(part=part, name=name, ok=False, detail=f"unexpected {type(failure).__name__}")


async def _source(app: "App", source: "Source") -> str:
    """What the source found; and whether its kind has ever met the real network, which no check here can tell."""
    found = await source.check()
    kind = next(tagged.kind for tagged in app.config.source if tagged.name == source.name)
    verified = SOURCES[kind].verified
    return found if verified == "n/a" else f"{found} (connector verified live: {verified})"


def _kafka(app: "App") -> str:
    from contextlib import closing

    from tocsin.runtimes.cluster.broker import Broker

    with closing(Broker(app.config.kafka)) as broker:
        missing = broker.missing()
    if missing:
        raise TocsinError(f"{len(missing)} topics are not there ({', '.join(missing)}): run `tocsin topics create`")
    return "all topics are there"


def _store(app: "App") -> str:
    if app.config.storage.kind == "elasticsearch":
        return _count(app, app.config.storage.urls[0])
    path = app.config.storage.path
    if not path.exists():
        if not path.parent.is_dir():
            raise TocsinError(f"there is no folder {path.parent}: make it, or change [storage] path")
        return f"{path} will be made by the first run"
    return _count(app, str(path))


def _count(app: "App", place: str) -> str:
    from domain.mention import MentionQuery
    from tocsin.cli.stored import stored

    with stored(app.config) as store:
        return f"{place}: {store.count(MentionQuery()):,} mentions"


def _judge(app: "App") -> str:
    model = app.config.model
    return ", ".join([str(model.path or "built-in"), *(f"{hub.place} for {hub.task}" for hub in model.hub)])


def _model(app: "App") -> str:
    classifier = app.classifier()
    classifier.classify([Judgeable("Does the judge answer?", lang="en")])
    said = f"{classifier.name} answers"
    if app.config.storage.kind == "sqlite" and not app.config.storage.path.exists():
        return said
    from tocsin.cli.stored import stored
    from tocsin.corrections import deployed

    with stored(app.config) as store:
        return f"{said}; calibration {deployed(classifier, store).describe()}"


def _table(findings: list[Finding]) -> None:
    from rich.text import Text

    from tocsin.cli import screen

    table = screen.table()
    table.add_column("", no_wrap=True)
    table.add_column("Part", no_wrap=True)
    table.add_column("Name", overflow="fold")
    table.add_column("What was found", overflow="fold", ratio=1)
    for finding in findings:
        verdict = Text("ok", "green") if finding.ok else Text("failed", "bold red")
        name, detail = screen.harmless(finding.name), screen.harmless(finding.detail)
        table.add_row(verdict, finding.part, Text(name), Text(detail))
    screen.out().print(table)
    failed = sum(not finding.ok for finding in findings)
    said = f"{failed} of {len(findings)} failed." if failed else "All is well."
    screen.messages().print(said, style="red" if failed else "green")
