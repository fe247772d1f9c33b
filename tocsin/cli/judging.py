"""Which classifier a verb judges with: the built one, another folder, or what a configuration says."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from tocsin.cli.options import load_config

if TYPE_CHECKING:
    from domain.judgement import Classifier
    from models.language import LanguageDetector

F = TypeVar("F", bound=Callable[..., Any])


def classifier_options(verb: F) -> F:
    """Add --config, --model and --threads; the verb gets `config_file`, `model` and `threads`."""
    for option in (
        click.option("--threads", type=click.IntRange(1, 64), help="Threads of the model.  [default: 1]"),
        click.option(
            "--model",
            type=click.Path(path_type=Path),
            metavar="FOLDER",
            help="Model to use.  [default: the built one]",
        ),
        click.option(
            "--config",
            "-c",
            "config_file",
            type=click.Path(path_type=Path),
            metavar="FILE",
            help="Judge as [model] of this configuration says.  [default: the built model]",
        ),
    ):
        verb = option(verb)
    return verb


def open_classifier(
    config_file: Path | None = None, model: Path | None = None, threads: int | None = None
) -> "Classifier":
    """Load it; without a configuration the folder `model`, or the built one, is all there is."""
    if config_file is None:
        import models

        return models.load(model, threads=threads or 1)
    from tocsin.bootstrap import bootstrap

    folder = str(model.absolute()) if model else None
    return bootstrap(load_config(config_file, model__path=folder, model__threads=threads)).classifier()


def language_of(text: str, written: str, detector: "LanguageDetector") -> str:
    """The language that somebody wrote beside the text (`en`, `en-GB`, `RUS`), or the one it is found to be in."""
    from processors.normalise import language_code

    return language_code(written) or detector.detect(text)[0]
