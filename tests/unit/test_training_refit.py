"""Heads that were fitted anew on held-out posts."""

import numpy as np
import pytest

pytest.importorskip("scipy", reason="scipy is not installed: `make setup-train`")

from models import bundle
from models.evaluation import macro_f1
from models.training.corpus import TASKS
from models.training.refit import Seen, refitted

WIDTH = 12
CHANCE = np.random.default_rng(3)
TRUE = CHANCE.normal(0, 0.5, (3, WIDTH))


def head(weights: "np.ndarray[tuple[int, int], np.dtype[np.float64]]", temperature: float = 1.0) -> bundle.Head:
    labels = list(TASKS["sentiment"])
    return bundle.Head("sentiment", labels, weights.tolist(), [0.0] * 3, [0.0] * 3, temperature)


def seen(texts: int) -> Seen:
    vectors = CHANCE.normal(0, 1, (texts, WIDTH))
    return Seen(vectors, (vectors @ TRUE.T + CHANCE.gumbel(0, 1, (texts, 3))).argmax(1))


def f1(of: bundle.Head, on: Seen) -> float:
    logits = on.vectors @ np.array(of.weights).T + np.array(of.bias) + np.array(of.offsets)
    return macro_f1(on.truth, logits.argmax(1))


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0])
def test_what_a_head_leans_on_wrongly_is_taken_back(temperature: float) -> None:
    misled = TRUE.copy()
    misled[:, :4] += CHANCE.normal(0, 0.8, (3, 4))
    before, fresh = head(misled * temperature, temperature), seen(3000)
    after = refitted(before, [seen(800), seen(400)])
    assert f1(after, fresh) > f1(before, fresh) + 0.01
    assert (after.offsets, after.temperature) == (before.offsets, before.temperature)


def test_a_head_that_is_right_is_hardly_moved_by_a_few_posts() -> None:
    before, fresh = head(TRUE), seen(3000)
    after = refitted(before, [seen(150)])
    assert f1(after, fresh) > f1(before, fresh) - 0.03
    assert np.abs(np.array(after.weights) - TRUE).max() < 0.5
