"""`tocsin try`: what the sources bring now and what of it would match. Nothing is stored, nobody is notified."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from domain.dead_letter import DeadLetter
from domain.errors import ModelError, Refused, TocsinError
from tocsin.cli.options import config_option, epilog, json_option, load_config

if TYPE_CHECKING:
    from domain.judgement import Classifier
    from domain.mention import Mention
    from domain.post import Record
    from ingest.source import Source
    from tocsin.bootstrap import App
    from tocsin.stages import Stage


@click.command("try", epilog=epilog("tocsin try", "tocsin try --source news --limit 100"))
@config_option
@click.option("--source", "names", multiple=True, metavar="NAME", help="Only this source; may be repeated.")
@click.option(
    "--limit", default=200, show_default=True, type=click.IntRange(1, 10_000), help="At most so many posts each."
)
@click.option(
    "--seconds", default=10, show_default=True, type=click.IntRange(1, 600), help="How long to listen to a stream."
)
@json_option
def command(*, config_file: Path | None, names: tuple[str, ...], limit: int, seconds: int, as_json: bool) -> int:
    """Fetch once from the configured sources and show what would match; store nothing, notify nobody."""
    from tocsin.bootstrap import bootstrap
    from tocsin.cli import screen
    from tocsin.cli.mentions import show

    config = load_config(config_file)
    known = [source.name for source in config.source]
    unknown = [name for name in names if name not in known]
    if unknown:
        from tocsin.config.problems import did_you_mean

        raise click.UsageError(f'no source is named "{unknown[0]}": {did_you_mean(unknown[0], known)}')
    app = bootstrap(config)
    stages = app.stages(classifier=_classifier(app))
    found = asyncio.run(_fetch(app, names or tuple(known), limit=limit, seconds=seconds))
    failed = False
    for name, heard in found.items():
        if isinstance(heard, TocsinError):
            click.echo(f"{name}: {heard}", err=True)
            failed = True
            continue
        records, letters = heard
        mentions = _judge(records, letters, stages)
        if as_json:
            screen.print_json(mentions)
        else:
            for mention in mentions:
                show(screen.out(), mention)
        click.echo(_sentence(name, records, mentions, letters), err=True)
    return 1 if failed else 0


Heard = tuple[list["Record"], list[DeadLetter]]


async def _fetch(app: "App", names: tuple[str, ...], *, limit: int, seconds: float) -> dict[str, Heard | TocsinError]:
    sources = [source for source in app.sources() if source.name in names]
    try:
        heard = await asyncio.gather(*(_hear(source, limit=limit, seconds=seconds) for source in sources))
    finally:
        await asyncio.gather(*(source.aclose() for source in sources), return_exceptions=True)
        await app.transport.aclose()
    return {source.name: answer for source, answer in zip(sources, heard, strict=True)}


async def _hear(source: "Source", *, limit: int, seconds: float) -> Heard | TocsinError:
    """Fetch until the source has said what it has for now, the limit is reached, or the time is up."""
    loop = asyncio.get_running_loop()
    until = loop.time() + seconds
    records: list[Record] = []
    letters: list[DeadLetter] = []
    cursor: bytes | None = None
    try:
        async with asyncio.timeout_at(until + seconds):
            while len(records) < limit and loop.time() < until:
                page = await source.fetch(cursor)
                records += page.records
                letters += page.dead_letters
                cursor = page.cursor
                if page.exhausted or page.wait > 0:
                    break
    except TimeoutError:
        if not records:
            return TocsinError(f"no answer within {2 * seconds:.0f} s")
    except TocsinError as failure:
        return failure
    return records[:limit], letters


def _judge(records: "list[Record]", letters: list[DeadLetter], stages: "list[Stage]") -> "list[Mention]":
    """Run the stages that look at one post or mention; folds need a history and are left out."""
    from domain.act import Act
    from tocsin.stages import Batch, Map

    values: list[Any] = [record.post for record in records if not record.post.deleted]
    for stage in stages:
        if isinstance(stage, Map):
            outs = [out for value in values for out in _mapped(stage.run, value, stage.name, letters)]
            values = [out for out in outs if not isinstance(out, Act)]
        elif isinstance(stage, Batch):
            values = stage.run(values) if values else []
    return values


def _mapped(run: Any, value: Any, stage: str, letters: list[DeadLetter]) -> list[Any]:
    try:
        return list(run(value))
    except Refused as refused:
        post = getattr(value, "post", value)
        letters.append(
            DeadLetter(
                source=post.source,
                stage=stage,
                reason=refused.reason,
                detail=refused.detail,
                where=post.url,
                raw=b"",
                at=post.collected_at,
            )
        )
        return []


def _classifier(app: "App") -> "Classifier":
    """The configured model; without one, matching is still worth a look."""
    from domain.judgement import Judgeable, Judgement

    class Unjudged:
        """Judges nothing."""

        name = "none"

        def classify(self, texts: Any) -> list[Judgement]:
            return [_unscored(text) for text in texts]

    def _unscored(text: Judgeable) -> Judgement:  # noqa: ARG001  # one judgement for each text
        return Judgement(sentiment="unscored", urgency="unscored", theme="unscored", model="none", reason="no model")

    try:
        return app.classifier()
    except ModelError as absent:
        click.echo(f"Not judged: {absent}", err=True)
        return Unjudged()


def _sentence(name: str, records: "list[Record]", mentions: "list[Mention]", letters: list[DeadLetter]) -> str:
    from tocsin.cli.screen import counted

    said = f"{name}: {counted(len(records), 'post')} fetched, {counted(len(mentions), 'mention')}"
    if not letters:
        return said + "."
    first = letters[0]
    where = f", {first.where}" if first.where else ""
    return f"{said}, {len(letters)} refused; the first: {first.detail} ({first.reason}{where})"
