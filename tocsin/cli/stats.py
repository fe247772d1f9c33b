"""`tocsin stats`: share of voice and sentiment per brand."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tocsin.cli.options import config_option, epilog, filters, json_option, load_config, query_of

if TYPE_CHECKING:
    from rich.text import Text

    from storage.store import StatRow

BAR = 16


@click.command(
    "stats",
    epilog=epilog("tocsin stats --since 7d", "tocsin stats --since 7d --lang kk --json | jq .sentiments"),
)
@config_option
@filters
@json_option
def command(*, config_file: Path | None, as_json: bool, **chosen: Any) -> int:
    """Compare brands: share of voice, sentiment, urgency, answers."""
    from tocsin.cli import screen
    from tocsin.cli.stored import stored

    with stored(load_config(config_file)) as store:
        rows = store.stats(query_of(chosen))
    if as_json:
        screen.print_json(rows)
    elif rows:
        _table(rows)
    else:
        screen.messages().print("No mentions in this period.")
    return 0


def _table(rows: Sequence["StatRow"]) -> None:
    from rich.text import Text

    from tocsin.cli import screen

    total = sum(row.mentions for row in rows)
    table = screen.table()
    table.add_column("Brand", overflow="fold")
    table.add_column("Mentions", justify="right", no_wrap=True)
    table.add_column("Share of voice", no_wrap=True)
    table.add_column("Sentiment", no_wrap=True)
    table.add_column("Urgent", justify="right", no_wrap=True)
    answered = any(row.answered for row in rows)
    if answered:
        table.add_column("Answered", no_wrap=True)
    for row in rows:
        share = row.mentions / total
        voice = Text("█" * round(share * BAR / 2), "cyan").append(f" {share:.0%}", "default")
        urgent = row.urgencies.get("high", 0) + row.urgencies.get("critical", 0)
        table.add_row(
            Text(screen.harmless(row.brand)),
            f"{row.mentions:,}",
            voice,
            _sentiment_bar(row.sentiments),
            Text(f"{urgent:,}", "bold red" if urgent else "dim"),
            *([_answers(row)] if answered else []),
        )
    console = screen.out()
    console.print(table)
    legend = Text()
    for name, glyph, style in _PARTS:
        legend.append(f"{glyph} {name}  ", style)
    legend.append("as shares of the judged mentions; urgent: high or critical.", "dim")
    if answered:
        legend.append(" Answered: by the brand's own account, half of them within that time.", "dim")
    console.print(legend)


def _answers(row: "StatRow") -> "Text":
    """The share of mentions that the brand answered, and the median time it took."""
    from rich.text import Text

    from tocsin.cli import screen

    if row.response_seconds is None:
        return Text("none", "dim")
    return Text(f"{row.answered / row.mentions:.0%} in {screen.lasting(row.response_seconds)}")


def _sentiment_bar(counts: Mapping[str, int]) -> "Text":
    """Three coloured parts that fill the bar exactly, with the share of negative ones in figures."""
    from rich.text import Text

    parts = [(counts.get(name, 0), glyph, style) for name, glyph, style in _PARTS]
    judged = sum(count for count, _, _ in parts)
    if not judged:
        return Text("not judged", "dim")
    bar, done, seen = Text(), 0, 0
    for count, glyph, style in parts:
        seen += count
        upto = round(seen / judged * BAR)
        bar.append(glyph * (upto - done), style)
        done = upto
    return bar.append(f" {counts.get('negative', 0) / judged:>4.0%}", "red").append(
        f" {counts.get('positive', 0) / judged:>4.0%}", "green"
    )


# The glyphs differ too, for those who see no colours and for pipes.
_PARTS = (("negative", "█", "red"), ("neutral", "░", "bright_black"), ("positive", "▓", "green"))
