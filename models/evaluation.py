"""How good answers are: true labels and probabilities in, figures out. Pure NumPy, no model, no file.

Labels are given as places in a sequence of names; `UNANSWERED` is the place of a text that was not judged. Such a
text counts as a missed one wherever a share of all texts is given (a mention that nobody judged wakes nobody), and is
left out where only answers can be looked at: calibration and cut-offs. Every figure is a share in [0, 1]; None means
that there was nothing to measure it on.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from msgspec import Struct

Places = npt.NDArray[np.int64]
Shares = npt.NDArray[np.float64]
Marks = npt.NDArray[np.bool_]

UNANSWERED = -1
BINS = 15
CUT_OFFS = tuple(round(0.35 + 0.05 * step, 2) for step in range(13))


class ClassFigures(Struct, frozen=True, kw_only=True):
    """One label: `texts` that truly have it, `answered` with it, and how far the two agree."""

    label: str
    texts: int
    answered: int
    precision: float
    recall: float
    f1: float


class CutOff(Struct, frozen=True, kw_only=True):
    """What happens when answers less sure than `at` go to a person: the share of them, and how good the rest is."""

    at: float
    review: float
    accuracy: float | None
    macro_f1: float | None


class Alarm(Struct, frozen=True, kw_only=True):
    """One label that must not be missed: `recall` of it, and the share of all `others` that were called so."""

    label: str
    texts: int
    found: int
    recall: float | None
    others: int
    false: int
    false_rate: float | None


class Figures(Struct, frozen=True, kw_only=True):
    """One task on one set of texts.

    `macro_f1` is the mean F1 over the labels that occur in truth, `subset_f1` that over `subset`; they and `accuracy`
    count unscored texts as missed, the two that end in `_scored` leave them out. `confusion[truth][answer]` counts
    texts in the order of `labels`; its last column holds the unscored. `average_precision` ranks by the probability
    of `ranked` labels together.
    """

    labels: tuple[str, ...]
    texts: int
    unscored: int
    macro_f1: float
    accuracy: float
    macro_f1_scored: float | None
    accuracy_scored: float | None
    calibration_error: float | None
    classes: tuple[ClassFigures, ...]
    confusion: tuple[tuple[int, ...], ...]
    cut_offs: tuple[CutOff, ...]
    subset: tuple[str, ...] = ()
    subset_f1: float | None = None
    ranked: tuple[str, ...] = ()
    average_precision: float | None = None
    alarm: Alarm | None = None


def measure(
    truth: Places,
    shares: Shares,
    labels: Sequence[str],
    *,
    answers: Places | None = None,
    subset: Sequence[str] = (),
    ranked: Sequence[str] = (),
    alarm: str = "",
) -> Figures:
    """Everything about one task.

    `truth` (texts) holds places in `labels`, `shares` (texts, labels) probabilities that sum to 1; a row of zeros was
    not judged. `answers` (texts) are what the judge said where that is not simply the likeliest label. Raises
    ValueError for no texts or shapes that do not fit.
    """
    if not len(truth) or shares.shape != (len(truth), len(labels)):
        raise ValueError(f"{len(truth)} texts and {len(labels)} labels do not fit probabilities {shares.shape}")
    said = likeliest(shares) if answers is None else answers
    scored = said != UNANSWERED
    right = said == truth
    sure = shares[np.arange(len(truth)), said]
    urgent = [place for place, label in enumerate(labels) if label in ranked]
    some = bool(scored.any())
    return Figures(
        labels=tuple(labels),
        texts=len(truth),
        unscored=int((~scored).sum()),
        macro_f1=macro_f1(truth, said),
        accuracy=float(right.mean()),
        macro_f1_scored=macro_f1(truth[scored], said[scored]) if some else None,
        accuracy_scored=float(right[scored].mean()) if some else None,
        calibration_error=calibration_error(sure[scored], right[scored]) if some else None,
        classes=tuple(_of_class(truth, said, place, label) for place, label in enumerate(labels)),
        confusion=_confusion(truth, said, len(labels)),
        cut_offs=cut_offs(truth[scored], said[scored], sure[scored]) if some else (),
        subset=tuple(subset),
        subset_f1=macro_f1(truth, said, [list(labels).index(label) for label in subset]) if subset else None,
        ranked=tuple(ranked),
        average_precision=average_precision(np.isin(truth, urgent), shares[:, urgent].sum(axis=1)),
        alarm=alarm_of(truth, said, list(labels).index(alarm), alarm) if alarm else None,
    )


def likeliest(shares: Shares) -> Places:
    """The place of the highest probability a text; UNANSWERED for a row of zeros."""
    return np.where(shares.any(axis=1), shares.argmax(axis=1), UNANSWERED).astype(np.int64)


def macro_f1(truth: Places, answers: Places, over: Sequence[int] | None = None) -> float:
    """The mean F1 over the labels at places `over`, or over those that occur in truth (there must be one)."""
    places = sorted(set(truth.tolist())) if over is None else over
    return float(np.mean([_of_class(truth, answers, place).f1 for place in places]))


def calibration_error(sure: Shares, right: Marks) -> float:
    """The expected calibration error: how far, on average, the share of right answers is from the probability given.

    `sure` (texts) is the probability of the answer, `right` (texts) whether it was true; BINS bins of equal width.
    """
    places = np.minimum((sure * BINS).astype(np.int64), BINS - 1)
    count = np.bincount(places, minlength=BINS)
    gaps = np.bincount(places, weights=sure, minlength=BINS) - np.bincount(places, weights=right, minlength=BINS)
    return float(np.abs(gaps).sum() / count.sum())


def average_precision(positive: Marks, score: Shares) -> float | None:
    """The mean precision at each positive text, highest `score` first; texts of equal score come in together.

    None without a positive text.
    """
    if not positive.any():
        return None
    order = np.argsort(-score, kind="stable")
    ends = np.flatnonzero(np.append(np.diff(score[order]) != 0, True))
    found = np.cumsum(positive[order])[ends]
    precision = found / (ends + 1)
    return float((np.diff(found, prepend=0) * precision).sum() / found[-1])


def cut_offs(truth: Places, answers: Places, sure: Shares) -> tuple[CutOff, ...]:
    """For each of CUT_OFFS: the share of texts whose answer is less `sure`, and the figures of the rest."""
    table = []
    for at in CUT_OFFS:
        rest = sure >= at
        some = bool(rest.any())
        table.append(
            CutOff(
                at=at,
                review=float((~rest).mean()),
                accuracy=float((truth[rest] == answers[rest]).mean()) if some else None,
                macro_f1=macro_f1(truth[rest], answers[rest]) if some else None,
            )
        )
    return tuple(table)


def alarm_of(truth: Places, answers: Places, place: int, label: str = "") -> Alarm:
    """How many texts of the label at `place` were found, and how many others were called so."""
    of_it, called = truth == place, answers == place
    texts, found, false = int(of_it.sum()), int((of_it & called).sum()), int((~of_it & called).sum())
    others = len(truth) - texts
    return Alarm(
        label=label,
        texts=texts,
        found=found,
        recall=found / texts if texts else None,
        others=others,
        false=false,
        false_rate=false / others if others else None,
    )


def _of_class(truth: Places, answers: Places, place: int, label: str = "") -> ClassFigures:
    """A share of nothing is 0, as is usual for F1."""
    texts, answered = int((truth == place).sum()), int((answers == place).sum())
    hit = int(((truth == place) & (answers == place)).sum())
    return ClassFigures(
        label=label,
        texts=texts,
        answered=answered,
        precision=hit / answered if answered else 0.0,
        recall=hit / texts if texts else 0.0,
        f1=2 * hit / (texts + answered) if texts + answered else 0.0,
    )


def _confusion(truth: Places, answers: Places, labels: int) -> tuple[tuple[int, ...], ...]:
    columns = np.where(answers == UNANSWERED, labels, answers)
    counts = np.bincount(truth * (labels + 1) + columns, minlength=labels * (labels + 1))
    return tuple(tuple(int(count) for count in row) for row in counts.reshape(labels, labels + 1))
