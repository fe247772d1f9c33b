"""Figures of a model: nobody is judged by heads that were fitted on them."""

import numpy as np
import pytest

pytest.importorskip("scipy", reason="scipy is not installed: `make setup-train`")

from models import bundle
from models.training.calibrate import FOLDS, fold
from models.training.corpus import TASKS, Row
from models.training.figures import report

TOXIC = list(TASKS["toxicity"])


def rows(part: str, texts: int) -> list[Row]:
    return [Row(f"{part} {number}", "", "en", {"toxicity": number % 2}, part) for number in range(texts)]


def head(says: float) -> bundle.Head:
    """Says what the only number it is given is, times this."""
    return bundle.Head("toxicity", TOXIC, [[-says], [says]], [0.0, 0.0], [0.0, 0.0], 1.0)


def test_a_row_that_fits_is_judged_by_the_heads_of_its_fold_and_any_other_by_the_shipped_ones() -> None:
    held = {"written en": rows("written en", 200), "unseen": rows("unseen", 40)}
    truth = {part: np.array([[1.0 if row.labels["toxicity"] else -1.0] for row in of]) for part, of in held.items()}
    right, wrong = head(5.0), head(-5.0)
    only = fold(held["written en"][0])
    folds = [[right if number == only else wrong] for number in range(FOLDS)]
    found = {one.part: one.figures for one in report([right], folds, truth, held)}
    assert found["unseen"].accuracy == 1.0
    share = float(np.mean([fold(row) == only for row in held["written en"]]))
    assert found["written en"].accuracy == found["written"].accuracy == pytest.approx(share)
