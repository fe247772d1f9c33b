"""The figures are those that everybody else computes."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import (
    accuracy_score,
    average_precision_score,
    confusion_matrix,
    f1_score,
    precision_recall_fscore_support,
)

from models import evaluation
from models.evaluation import UNANSWERED, Places, Shares, measure

LABELS = ("negative", "neutral", "positive", "mixed")


@st.composite
def judged(draw: st.DrawFn) -> tuple[Places, Shares]:
    """True places and probabilities with ties, sure answers, labels that never occur, and texts left unscored."""
    count = draw(st.integers(1, 40))
    truth = draw(st.lists(st.integers(0, 3), min_size=count, max_size=count))
    weights = draw(st.lists(st.lists(st.integers(0, 4), min_size=4, max_size=4), min_size=count, max_size=count))
    shares = np.array(weights, np.float64)
    total = shares.sum(axis=1, keepdims=True)
    return np.array(truth, np.int64), np.divide(shares, total, out=np.zeros_like(shares), where=total > 0)


@settings(max_examples=150)
@given(judged())
def test_f1_precision_recall_and_accuracy_agree(given_texts: tuple[Places, Shares]) -> None:
    truth, shares = given_texts
    said = evaluation.likeliest(shares)
    found = measure(truth, shares, LABELS, subset=("negative", "positive"), alarm="mixed")
    precision, recall, f1, support = precision_recall_fscore_support(truth, said, labels=range(4), zero_division=0)
    assert [c.precision for c in found.classes] == pytest.approx(list(precision))
    assert [c.recall for c in found.classes] == pytest.approx(list(recall))
    assert [c.f1 for c in found.classes] == pytest.approx(list(f1))
    assert [c.texts for c in found.classes] == list(support)
    present = sorted(set(truth.tolist()))
    assert found.macro_f1 == pytest.approx(f1_score(truth, said, labels=present, average="macro", zero_division=0))
    assert found.subset_f1 == pytest.approx(f1_score(truth, said, labels=[0, 2], average="macro", zero_division=0))
    assert found.accuracy == pytest.approx(accuracy_score(truth, said))
    assert found.alarm is not None
    assert (found.alarm.recall or 0) == pytest.approx(recall[3])


@settings(max_examples=100)
@given(judged())
def test_the_confusion_matrix_agrees_and_no_text_is_lost(given_texts: tuple[Places, Shares]) -> None:
    truth, shares = given_texts
    columns = np.where(evaluation.likeliest(shares) == UNANSWERED, 4, evaluation.likeliest(shares))
    found = measure(truth, shares, LABELS)
    expected = confusion_matrix(truth, columns, labels=range(5))[:4]
    assert [list(row) for row in found.confusion] == expected.tolist()
    assert sum(map(sum, found.confusion)) == found.texts
    assert sum(row[-1] for row in found.confusion) == found.unscored


@settings(max_examples=150)
@given(judged())
def test_average_precision_agrees_with_ties_too(given_texts: tuple[Places, Shares]) -> None:
    truth, shares = given_texts
    found = measure(truth, shares, LABELS, ranked=("positive", "mixed")).average_precision
    positive = truth >= 2
    if positive.any():
        assert found == pytest.approx(average_precision_score(positive, shares[:, 2:].sum(axis=1)))
    else:
        assert found is None


@settings(max_examples=100)
@given(judged())
def test_every_cut_off_is_the_figures_of_the_texts_above_it(given_texts: tuple[Places, Shares]) -> None:
    truth, shares = given_texts
    said, sure = evaluation.likeliest(shares), shares.max(axis=1)
    scored = said != UNANSWERED
    for row in measure(truth, shares, LABELS).cut_offs:
        rest = scored & (sure >= row.at)
        assert row.review == pytest.approx((scored & ~rest).sum() / scored.sum())
        if not rest.any():
            assert row.accuracy is row.macro_f1 is None
            continue
        assert row.accuracy == pytest.approx(accuracy_score(truth[rest], said[rest]))
        present = sorted(set(truth[rest].tolist()))
        assert row.macro_f1 == pytest.approx(
            f1_score(truth[rest], said[rest], labels=present, average="macro", zero_division=0)
        )


@settings(max_examples=100)
@given(judged())
def test_the_calibration_error_is_that_of_its_definition(given_texts: tuple[Places, Shares]) -> None:
    truth, shares = given_texts
    scored = shares.any(axis=1)
    found = measure(truth, shares, LABELS).calibration_error
    if not scored.any():
        assert found is None
        return
    sure, right = shares.max(axis=1)[scored], (shares.argmax(axis=1) == truth)[scored]
    bins = np.minimum((sure * 15).astype(int), 14)
    expected = sum(
        (bins == n).mean() * abs(sure[bins == n].mean() - right[bins == n].mean()) for n in set(bins.tolist())
    )
    assert found == pytest.approx(expected)
    assert 0 <= expected <= 1
