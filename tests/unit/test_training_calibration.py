"""Offsets and temperatures: what is fitted helps on fresh posts, and stays at zero where nothing helps."""

import numpy as np
import numpy.typing as npt
import pytest

from models import bundle
from models.evaluation import macro_f1
from models.training.calibrate import FOLDS, Said, calibrated, fitted, fold
from models.training.corpus import TASKS, Row

CHANCE = np.random.default_rng(7)


def head(task: str) -> bundle.Head:
    labels = list(TASKS[task])
    return bundle.Head(task, labels, [[0.0]] * len(labels), [0.0] * len(labels), [0.0] * len(labels), 1.0)


def said(shares: list[float], moved: list[float], *, sharpness: float = 1.0, texts: int = 3000) -> Said:
    """Texts whose labels come in `shares`; logits see the label through noise and are off by `moved`."""
    truth = CHANCE.choice(len(shares), texts, p=shares)
    logits = CHANCE.normal(0, 1, (texts, len(shares)))
    logits[np.arange(texts), truth] += 2.0
    # What a model that knows the prior would say: twice the evidence, plus the prior.
    return Said(sharpness * (2.0 * logits + np.log(shares) + moved), truth)


def f1(of: Said, offsets: list[float]) -> float:
    answers: npt.NDArray[np.int64] = (of.logits + np.array(offsets)).argmax(1)
    return macro_f1(of.truth, answers)


def test_an_offset_brings_back_a_label_that_was_given_too_rarely() -> None:
    shares, moved = [0.3, 0.5, 0.2], [0.0, 0.0, -2.0]
    made = calibrated(head("sentiment"), [said(shares, moved)])
    fresh = said(shares, moved)
    assert made.offsets[2] > 0.3
    assert f1(fresh, made.offsets) > f1(fresh, [0.0, 0.0, 0.0]) + 0.02


def test_a_head_that_is_right_already_is_hardly_moved_and_never_harmed() -> None:
    made = calibrated(head("sentiment"), [said([1 / 3] * 3, [0.0] * 3)])
    fresh = said([1 / 3] * 3, [0.0] * 3)
    assert f1(fresh, made.offsets) > f1(fresh, [0.0, 0.0, 0.0]) - 0.01


@pytest.mark.parametrize("sharpness", [0.6, 1.0, 2.0])
def test_the_temperature_undoes_false_certainty(sharpness: float) -> None:
    made = calibrated(head("theme"), [said([1 / 14] * 14, [0.0] * 14, sharpness=sharpness)])
    assert made.temperature == pytest.approx(sharpness, rel=0.2)
    assert made.offsets == [0.0] * 14


def test_critical_posts_are_found_even_where_that_costs_a_little() -> None:
    shares, moved = [0.3, 0.3, 0.2, 0.2], [0.0, 0.0, 0.0, -1.5]
    made = calibrated(head("urgency"), [said(shares, moved)])
    fresh = said(shares, moved)
    answers = (fresh.logits + np.array(made.offsets)).argmax(1)
    critical = fresh.truth == 3
    assert (answers[critical] == 3).mean() >= 0.85
    assert (answers[~critical] == 3).mean() <= 0.12


def test_the_more_ordinary_posts_a_head_calls_critical_the_less_it_is_let() -> None:
    shares = [0.3, 0.3, 0.2, 0.2]
    made, calm = said(shares, [0.0] * 4), CHANCE.normal([0.0, 0.0, 0.0, 0.5], 1, (3000, 4))
    plain, held = calibrated(head("urgency"), [made]), calibrated(head("urgency"), [made], [calm])

    def cried(of: bundle.Head) -> float:
        return float(((calm + np.array(of.offsets)).argmax(1) == 3).mean())

    assert cried(held) < cried(plain) - 0.05


def test_the_same_text_is_always_in_the_same_fold_and_folds_are_of_a_size() -> None:
    rows = [Row(f"post {number}", "", "en", {}, "written en") for number in range(1_000)]
    folds = [fold(row) for row in rows]
    assert folds[:8] == [4, 7, 5, 8, 6, 3, 5, 9]
    assert all(70 < folds.count(number) < 130 for number in range(FOLDS))


def test_heads_are_fitted_without_the_rows_of_their_fold() -> None:
    rows = {"written en": [Row(f"post {n}", "", "en", {"theme": n % 14}, "written en") for n in range(300)]}
    vectors = {"written en": CHANCE.normal(0, 1, (300, 6))}
    plain = bundle.Head("theme", list(TASKS["theme"]), [[0.0] * 6] * 14, [0.0] * 14, [0.0] * 14, 1.0)
    kept = [n for n, row in enumerate(rows["written en"]) if fold(row) != 3]
    left = {"written en": [rows["written en"][n] for n in kept]}
    assert fitted(plain, vectors, rows, without=3) == fitted(plain, {"written en": vectors["written en"][kept]}, left)
    assert fitted(plain, vectors, rows, without=3) != fitted(plain, vectors, rows)
