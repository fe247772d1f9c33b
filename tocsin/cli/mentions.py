"""`tocsin mentions`: search what was heard."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tocsin.cli.options import config_option, epilog, filters, json_option, load_config, query_of

if TYPE_CHECKING:
    from rich.console import Console

    from domain.judgement import Judgement
    from domain.mention import Mention


@click.command(
    "mentions",
    epilog=epilog(
        'tocsin mentions --brand "Aurora Air" --sentiment negative --since 2d',
        "tocsin mentions --review",
        "tocsin mentions --query 'refund OR \"lost luggage\"~3' --json | jq .post.url",
    ),
)
@config_option
@filters
@click.option("--review", is_flag=True, help="Only what waits for a person to judge it.")
@click.option("--limit", default=20, show_default=True, type=click.IntRange(1, 100_000), help="At most so many.")
@json_option
def command(*, config_file: Path | None, limit: int, as_json: bool, **chosen: Any) -> int:
    """Search what was heard, newest first."""
    from tocsin.cli import screen
    from tocsin.cli.stored import stored

    asked = query_of(chosen, limit=limit)
    with stored(load_config(config_file)) as store:
        found = store.search(asked)
        total = len(found) if as_json or len(found) < limit else store.count(asked)
    if as_json:
        screen.print_json(found)
        return 0
    console = screen.out()
    for mention in reversed(found):
        show(console, mention)
    if not found:
        screen.messages().print(_NOTHING[asked.review])
    elif total > len(found):
        screen.messages().print(f"The latest {len(found)} of {total}; --limit shows more.", style="dim")
    return 0


_NOTHING = {
    False: "Nothing was found. Wider filters, or `tocsin try` to see what the sources bring?",
    True: "Nothing waits for review.",
}


def show(console: "Console", mention: "Mention") -> None:
    """Print one mention: judgement, text, id, link and answer. The newest comes last, next to the prompt."""
    from rich.text import Text

    from tocsin.cli import screen

    post = mention.post
    sentiment, urgency = screen.judged(mention)
    head = Text.assemble(
        (screen.when(mention.event_at), "cyan"), "  ", (screen.harmless(post.network), "bold"), "  ",
        (screen.harmless(mention.brand), "bold"), "  ", mention.lang, "  ", sentiment, "  ", urgency,
    )  # fmt: skip
    if mention.judgement and mention.judgement.theme not in {"other", "unscored"}:
        head.append(f"  {mention.judgement.theme}", "dim")
    if mention.addressed:
        head.append(f"  to {screen.harmless(mention.addressed)}", "magenta")
    console.print(head, soft_wrap=True)
    writer = screen.author(post)
    body = Text(f"{writer}: " if writer else "", "dim")
    body.append(screen.cut(post.wording, 2 * console.width - len(writer) - 12), "default")
    console.print(screen.indented(body))
    link = f"  {screen.harmless(post.url)}" if post.url else ""
    foot = Text(f"  {screen.short(mention.id)}{link}", "dim")
    if mention.response_seconds is not None:
        foot.append(f"  answered after {screen.lasting(mention.response_seconds)}", "green")
    elif mention.addressed:
        foot.append("  not answered", "yellow")
    console.print(foot, soft_wrap=True)
    if mention.judgement:
        _show_people(console, mention.judgement)


def _show_people(console: "Console", judgement: "Judgement") -> None:
    """Say whom the judgement waits for, or whose it is."""
    from rich.text import Text

    from tocsin.cli import screen

    if judgement.corrected_by:
        differ = {task: label for task, label in judgement.model_said.items() if label != getattr(judgement, task)}
        said = ", ".join(f"{task} {label}" for task, label in differ.items())
        verb, more = ("corrected", f"; the model said: {said}") if said else ("confirmed", "")
        line = Text(f"{verb} by {screen.harmless(judgement.corrected_by)}{more}", "green")
    elif judgement.review:
        line = Text(f"review: {screen.harmless(judgement.review)}", "yellow")
    else:
        return
    console.print(screen.indented(line))
