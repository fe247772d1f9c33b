"""`tocsin explain`: which words weighed most in what the judge says of a mention or a text."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from domain.judgement import Judgeable
from tocsin.cli.judging import language_of, open_classifier
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

    MENTION is the id that `tocsin mentions` shows, or the beginning of it. A mention is judged as this deployment
    judges now, people's corrections included; a text by the model alone, the configured one with --config.
    """
    from models.explanation import explain
    from processors.classify import question
    from tocsin.cli import screen
    from tocsin.cli.explanation_page import print_explanation

    if (mention is None) == (text is None):
        raise click.UsageError("Give either a MENTION or --text.")
    if text is None and (brand is not None or lang is not None):
        raise click.UsageError("--brand and --lang go with --text; a mention has its own.")
    told: Mention | None = None
    if mention is not None:
        told, classifier = _told(mention, config_file)
        asked = question(told)
    else:
        classifier, asked = open_classifier(config_file), _asked(text or "", brand or "", lang or "")
    explanation = explain(asked, classifier=classifier)
    if as_json:
        screen.print_json([explanation])
    else:
        print_explanation(screen.out(), explanation, told)
    return 0


def _told(beginning: str, config_file: Path | None) -> "tuple[Mention, Classifier]":
    """The mention, and the classifier as it is in this deployment."""
    from tocsin.bootstrap import bootstrap
    from tocsin.cli.stored import mention_of, stored

    config = load_config(config_file)
    with stored(config) as store:
        return mention_of(store, beginning), bootstrap(config).judge(store)


def _asked(text: str, brand: str, lang: str) -> Judgeable:
    from models.language import LanguageDetector

    # A shell hands over bytes that are no UTF-8 as lone surrogates, which no encoder takes.
    clean = text.encode(errors="replace").decode()
    return Judgeable(clean, brand, language_of(clean, lang, LanguageDetector()))
