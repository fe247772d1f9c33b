"""`tocsin correct`: say what is right where the model was wrong, or that it was right."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from domain.correction import LABELS, correction, said_by_model
from domain.errors import StoreBusy
from domain.judgement import SENTIMENTS, THEMES, URGENCIES
from tocsin.cli.options import config_option, epilog, json_option, load_config

if TYPE_CHECKING:
    from domain.act import Correct
    from domain.mention import Mention
    from tocsin.config import Config


@click.command(
    "correct",
    epilog=epilog(
        "tocsin mentions --review",
        "tocsin correct 4be0c2 --sentiment neutral --urgency low --by Inna",
        "tocsin correct 4be0c2 --confirm --by Inna",
    ),
)
@click.argument("beginning", metavar="MENTION")
@click.option("--sentiment", type=click.Choice(SENTIMENTS), help="What the author feels for the brand.")
@click.option("--urgency", type=click.Choice(URGENCIES), help="How soon somebody must act.")
@click.option("--theme", type=click.Choice(THEMES), metavar="THEME", help=f"One of {', '.join(THEMES)}.")
@click.option("--confirm", is_flag=True, help="The model is right, in all that is not given.")
@click.option("--by", required=True, metavar="NAME", help="Who says so.")
@config_option
@json_option
def command(
    *, beginning: str, by: str, confirm: bool, config_file: Path | None, as_json: bool, **chosen: str | None
) -> int:
    """Correct what the model said of a mention, or confirm it.

    MENTION is the id that `tocsin mentions` shows, or the beginning of it. Beside a running `tocsin run` the
    correction is given to that one, over the HTTP side of [console].
    """
    from tocsin.cli import screen
    from tocsin.cli.stored import mention_of, stored

    config = load_config(config_file)
    labels = {task: label for task, label in chosen.items() if label}
    if not (labels or confirm):
        raise click.UsageError("Nothing is said: give --sentiment, --urgency or --theme, or --confirm.")
    with stored(config) as store:
        mention = mention_of(store, beginning)
    try:
        act = correction(mention, by=by, at=datetime.now(UTC), labels=labels, confirm=confirm)
    except ValueError as mistake:
        raise click.UsageError(f"{mistake}.") from None
    after = _keep(act, mention, config)
    if as_json:
        screen.print_json([after])
    else:
        click.echo(_sentence(after))
    return 0


def _keep(act: "Correct", mention: "Mention", config: "Config") -> "Mention":
    from tocsin.cli.stored import stored

    try:
        with stored(config, write=True) as store:
            store.keep(act)
            return store.mention(mention.id) or mention
    except StoreBusy as busy:
        from tocsin.cli.running import give

        return give(act, config.console, busy)


def _sentence(mention: "Mention") -> str:
    from tocsin.cli.screen import short

    judgement, model_said = mention.judgement, said_by_model(mention)
    now = [str(getattr(judgement, task)) for task in LABELS]
    changed = [f"{model_said[task]} {task}" for task in LABELS if getattr(judgement, task) != model_said[task]]
    verb, more = ("Corrected", f" (the model said {', '.join(changed)})") if changed else ("Confirmed", "")
    return f"{verb} {short(mention.id)}: {', '.join(now)}{more}."
