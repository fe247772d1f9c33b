"""`tocsin explain`: which words weighed most in what the judge says of a mention or a text."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from domain.errors import TocsinError
from domain.judgement import Judgeable
from tocsin.cli.options import config_option, epilog, load_config

if TYPE_CHECKING:
    from domain.judgement import Classifier
    from domain.mention import Mention


@click.command(
    "explain",
    epilog=epilog(
        "tocsin explain 4be0c2d1",
        'tocsin explain --text "Two hours late again, thanks a lot" --brand "Aurora Air"',
        "tocsin explain 4be0c2d1 --json | jq '.tasks.urgency.words[:3]'",
    ),
)
@click.argument("mention", required=False, metavar="[MENTION]")
@config_option
@click.option("--text", help="Explain this text instead of a mention.")
@click.option("--brand", help="Brand that the text is judged for.")
@click.option("--lang", help="Language of the text.  [default: detected]")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(
    *,
    mention: str | None,
    config_file: Path | None,
    text: str | None,
    brand: str | None,
    lang: str | None,
    as_json: bool,
) -> int:
    """Show which words weighed most: each is left out in turn, and the label's probability drops by its weight.

    MENTION is an id or its beginning; `tocsin mentions --json` shows ids. A text is judged by the built-in model, a
    mention (or a text with --config) by the configured one, as it is now.
    """
    from models.explanation import explain
    from processors.classify import question
    from tocsin.cli import screen
    from tocsin.cli.explanation_page import print_explanation

    if (mention is None) == (text is None):
        raise click.UsageError("Give either a MENTION or --text.")
    if text is None and (brand is not None or lang is not None):
        raise click.UsageError("--brand and --lang go with --text; a mention has its own.")
    told = _found(mention, config_file) if mention is not None else None
    asked = question(told) if told else _asked(text or "", brand, lang)
    explanation = explain(asked, classifier=_classifier(told, config_file))
    if as_json:
        screen.print_json([explanation])
    else:
        print_explanation(screen.out(), explanation, told)
    return 0


def _asked(text: str, brand: str | None, lang: str | None) -> Judgeable:
    from models.language import LanguageDetector

    # A shell hands over bytes that are no UTF-8 as lone surrogates, which no encoder takes.
    clean = text.encode(errors="replace").decode()
    return Judgeable(clean, brand or "", lang or LanguageDetector().detect(clean)[0])


def _classifier(told: "Mention | None", config_file: Path | None) -> "Classifier":
    if told is None and config_file is None:
        import models

        return models.load()
    from tocsin.bootstrap import bootstrap

    return bootstrap(load_config(config_file)).classifier()


def _found(beginning: str, config_file: Path | None) -> "Mention":
    """The mention whose id is or begins so; raises TocsinError when there is none or more than one."""
    from tocsin.cli.stored import stored

    with stored(load_config(config_file)) as store:
        exact = store.mention(beginning)
        near = [exact] if exact else store.mentions_beginning(beginning.lower())
    if len(near) > 1:
        raise TocsinError(f"more than one mention begins with {beginning}: write more of the id")
    if not near:
        raise TocsinError(f"there is no mention {beginning}: `tocsin mentions --json` shows ids")
    return near[0]
