"""Options that several verbs share."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from domain.judgement import SENTIMENTS, THEMES, URGENCIES
from domain.mention import MentionQuery
from domain.period import moment

if TYPE_CHECKING:
    from tocsin.config import Config

F = TypeVar("F", bound=Callable[..., Any])

config_option = click.option(
    "--config",
    "-c",
    "config_file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Configuration to use.  [default: tocsin.toml]",
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON, one object a line.")


def epilog(*examples: str) -> str:
    """The examples under a verb's help, kept one a line."""
    return "\b\nExamples:\n" + "\n".join(f"  {example}" for example in examples)


def load_config(config_file: Path | None, **overrides: Any) -> "Config":
    """Read the configuration; keyword `a__b` is the setting `a.b`."""
    from tocsin.config import load

    return load(config_file, overrides={name.replace("__", "."): value for name, value in overrides.items()})


class Moment(click.ParamType):
    """A point in time: ISO 8601, or an age such as 2d."""

    name = "TIME"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        """Read it against the wall clock."""
        if isinstance(value, datetime):
            return value
        try:
            return moment(value, now=datetime.now(UTC))
        except ValueError as mistake:
            self.fail(str(mistake), param, ctx)


def filters(verb: F) -> F:
    """Add the options that choose mentions; the verb gets them as `asked: MentionQuery`."""
    scored = ("unscored",)
    for option in (
        click.option("--lang", default="", help="Only this language: ru, kk, cs, ar, en, und, ..."),
        click.option("--network", default="", help="Only this network, such as mastodon."),
        click.option(
            "--theme", type=click.Choice([*THEMES, *scored]), metavar="THEME", help="Only this theme, such as outage."
        ),
        click.option("--urgency", type=click.Choice([*URGENCIES, *scored]), help="Only this urgency."),
        click.option("--sentiment", type=click.Choice([*SENTIMENTS, *scored]), help="Only this sentiment."),
        click.option("--until", type=Moment(), help="Before this time: 2026-03-01, 2026-03-01T10:00+06:00, 3h."),
        click.option("--since", type=Moment(), help="From this time on: 2026-03-01, 2d (two days ago), 3h."),
        click.option("--query", "text", default="", help="Only what this Lucene query finds."),
        click.option("--brand", default="", help="Only this brand."),
    ):
        verb = option(verb)
    return verb


def query_of(chosen: dict[str, Any], *, limit: int = 50) -> MentionQuery:
    """Put the options of `filters` together."""
    return MentionQuery(limit=limit, **{name: value for name, value in chosen.items() if value is not None})
