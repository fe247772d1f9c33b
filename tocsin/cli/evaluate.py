"""`tocsin evaluate`: how good the judge is on texts that people have labelled."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from domain.errors import TocsinError
from tocsin.cli.judging import classifier_options, open_classifier
from tocsin.cli.labelled import Group
from tocsin.cli.options import epilog, load_config

if TYPE_CHECKING:
    from domain.judgement import Classifier
    from models.scorecard import Report


@click.command(
    "evaluate",
    epilog=epilog(
        "tocsin evaluate labelled.jsonl.gz",
        "tocsin evaluate ours.jsonl theirs.jsonl --by brand",
        "tocsin evaluate labelled.jsonl --config tocsin.toml --calibrated",
        "tocsin evaluate labelled.jsonl --json | jq '.tasks[].overall.macro_f1'",
    ),
)
@click.argument(
    "files",
    nargs=-1,
    required=True,
    metavar="FILE...",
    type=click.Path(path_type=Path, exists=True, dir_okay=False, allow_dash=True),
)
@classifier_options
@click.option(
    "--by",
    default="lang",
    show_default=True,
    type=click.Choice(["lang", "network", "brand", "source"]),
    help="Figures for each of these too.",
)
@click.option("--calibrated", is_flag=True, help="With what people corrected in the database of --config.")
@click.option("--json", "as_json", is_flag=True, help="Print everything as one JSON object.")
def command(*, files: tuple[Path, ...], by: Group, calibrated: bool, as_json: bool, **judging: Any) -> int:
    """Measure the judge on labelled JSON lines (also .gz, .zst; - is stdin): F1, confusion, calibration, cut-offs.

    A line is {text, brand?, lang?, sentiment? or label?, urgency?, theme?, toxic?}; any of the labels may be missing.
    A text that the judge leaves unscored counts as missed; figures without those are shown beside. A line or label
    that cannot be read is named on stderr, the rest goes on, and the exit code is 1.
    """
    from tocsin.cli import screen

    report = _measured(files, _calibrated(**judging) if calibrated else open_classifier(**judging), by)
    if not report.texts:
        raise TocsinError("there is no labelled text to measure on: a line needs sentiment, urgency, theme or toxic")
    if as_json:
        screen.print_json([report])
    else:
        from tocsin.cli.evaluation_page import print_report

        print_report(screen.out(), report)
    return 1 if report.bad else 0


def _calibrated(config_file: Path | None, model: Path | None, threads: int | None) -> "Classifier":
    from tocsin.bootstrap import bootstrap
    from tocsin.cli.stored import stored

    if model is not None:
        raise click.UsageError("--calibrated measures the configured model: leave --model out.")
    config = load_config(config_file, model__threads=threads)
    with stored(config) as store:
        return bootstrap(config).judge(store)


def _measured(files: tuple[Path, ...], classifier: "Classifier", by: Group) -> "Report":
    from models.language import LanguageDetector
    from models.scorecard import Scorecard
    from tocsin.cli import screen
    from tocsin.cli.labelled import LabelledFiles

    card, reading, unlabelled = Scorecard(), LabelledFiles(files, LanguageDetector(), by=by), 0
    with screen.messages().status("Judging") as status:
        for batch in reading.batches():
            labelled = [one for one in batch if one.labels]
            unlabelled += len(batch) - len(labelled)
            judgements = classifier.classify([one.asked for one in labelled]) if labelled else []
            for one, judgement in zip(labelled, judgements, strict=True):
                card.add(one.labels, judgement, one.group)
            status.update(f"Judged {screen.counted(card.texts, 'text')}")
    return card.report(model=classifier.name, by=by, unlabelled=unlabelled, bad=reading.bad)
