"""From the published weights to the shipped file, in one command.

    python -m models.training.make --sets ../shared/data --work .train

A teacher of twelve layers learns from the posts; a student of six learns from the posts and from the teacher,
rounding as the shipped file does; it is exported, calibrated on held-out posts and judged. Stopped at any point and
started again on the same `--work`, it goes on. `--larger` ships the teacher instead: slower, a little better.
"""

import argparse
import copy
import shutil
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
import torch
from tokenizers import Tokenizer

from models import bundle
from models.encoding import TextEncoder
from models.text import named, prepare
from models.training import batches, calibrate, export, figures, train, vocabulary
from models.training.corpus import Corpus, Row, read, some
from models.training.heads import Matrix
from models.training.network import Base, Network
from models.training.teacher import Teacher
from models.training.train import Settings, Training

TEACHER = Settings(layers=12, epochs=4, rate=9e-5, seed=1, short=True, written_from=1)
STUDENT = Settings(layers=6, epochs=5, rate=1.2e-4, seed=2, short=True, watch_from=0.25, round_from=0.35)
_WATCHED = 40
"""Batches that settle the ranges of a network that was trained without rounding."""
_JUDGED = 4_000
"""At most this many held-out rows of a part judge the finished model."""


@dataclass(frozen=True)
class Plan:
    """What to make, from what, where."""

    corpus: Corpus
    work: Path
    out: Path
    name: str
    larger: bool
    device: torch.device


def main() -> None:
    """Parse the command line; train, export, calibrate, report."""
    parser = argparse.ArgumentParser(description="Train the judge from the published weights to the shipped file.")
    parser.add_argument("--sets", type=Path, required=True, help="folder of the public sets (JSON Lines, gzip)")
    parser.add_argument("--work", type=Path, required=True, help="folder of checkpoints and logs; run again to go on")
    parser.add_argument("--out", type=Path, default=bundle.DEFAULT, help="folder of the finished model")
    parser.add_argument("--name", default="judge-2", help="the model's name, stored with every judgement")
    parser.add_argument(
        "--corrections", type=Path, nargs="*", default=[], help="files of `tocsin corrections export`"
    )
    parser.add_argument("--stated-only", action="store_true", help="leave out sets that state no licence")
    parser.add_argument("--larger", action="store_true", help="ship the twelve-layer teacher")
    chosen = parser.parse_args()
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")

    export.refuse(chosen.out)
    corpus = read(chosen.sets, stated_only=chosen.stated_only, corrections=chosen.corrections)
    plan = Plan(corpus, chosen.work, chosen.out, chosen.name, chosen.larger, device)
    print(msgspec.json.format(msgspec.json.encode(make(plan)), indent=1).decode())


def make(plan: Plan) -> list[figures.PartFigures]:
    """Make the model; the figures of every held-out part."""
    source = train.base()
    tokenizer = Tokenizer.from_str(vocabulary.tokenizer_json(source.encoder, source.ids))
    stage = _Stage(plan, source, tokenizer)
    network = teacher = stage.trained(TEACHER, "teacher", None)
    if not plan.larger:
        network = stage.trained(STUDENT, "student", teacher)
    return finished(plan, source, tokenizer, network)


def finished(plan: Plan, source: Base, tokenizer: Tokenizer, network: Network) -> list[figures.PartFigures]:
    """Export a trained network, calibrate it, put it in its place; the figures of every held-out part."""
    corpus = plan.corpus
    _settle(network, corpus, tokenizer)
    fresh = plan.work / "made"
    shutil.rmtree(fresh, ignore_errors=True)
    export.write(fresh, source, network, plan.name)
    rows = {part: some(of, _JUDGED) for part, of in corpus.held.items()}
    vectors = _vectors(fresh, rows)
    fitting = {part: of for part, of in rows.items() if part in corpus.train}
    trained = export.heads(network).heads
    heads = [calibrate.fitted(head, vectors, fitting) for head in trained]
    export.seal(fresh, plan.name, bundle.Heads(heads))
    export.publish(fresh, plan.out)
    folds = [
        [calibrate.fitted(head, vectors, fitting, without=fold) for head in trained]
        for fold in range(calibrate.FOLDS)
    ]
    return figures.report(heads, folds, vectors, rows)


@dataclass(frozen=True)
class _Stage:
    """What teacher and student are trained with."""

    plan: Plan
    source: Base
    tokenizer: Tokenizer

    def trained(self, settings: Settings, name: str, teacher: Network | None) -> Network:
        """The network of these settings, trained in its own folder, or taken from there."""
        work = self.plan.work / name
        work.mkdir(parents=True, exist_ok=True)
        torch.manual_seed(settings.seed)
        network = self.source.network(settings.layers, short=settings.short)
        if teacher is not None:
            network.load_state_dict(teacher.state_dict(), strict=False)
            teacher = train.lower_precision(copy.deepcopy(teacher)).to(self.plan.device)
        training = Training(network, settings, self.plan.device)
        taught = teacher and Teacher(teacher, self.tokenizer, self.plan.device)
        train.fit(training, self.plan.corpus, self.tokenizer, work, taught)
        return train.grown(self.source, work / "checkpoint.pt")


def _settle(network: Network, corpus: Corpus, tokenizer: Tokenizer) -> None:
    """Give roundings that training never watched their ranges."""
    if all(bool(site.high.any()) for site in network.sites()):
        return
    for site in network.sites():
        site.watching = True
    with torch.inference_mode():
        for batch in batches.epoch(corpus, tokenizer, seed=0, number=1)[:_WATCHED]:
            network(torch.tensor(batch.ids))
    for site in network.sites():
        site.watching = False


def _vectors(folder: Path, rows: dict[str, list[Row]]) -> dict[str, Matrix]:
    """What the shipped file makes of every held-out text, (texts, 2 * width) a part; only the first window."""
    encoder = TextEncoder(folder, threads=torch.get_num_threads())
    return {
        part: np.array(
            [
                windows[0].vector
                for windows in encoder.windows([prepare(row.text) for row in of], [named(row.brand) for row in of])
            ],
            np.float64,
        )
        for part, of in rows.items()
        if of
    }


if __name__ == "__main__":
    main()
