"""How good the finished model is on every held-out part: what the model card shows."""

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
from msgspec import Struct

from models import bundle
from models.evaluation import Figures, macro_f1, measure
from models.training.calibrate import FOLDS, TUNED, fold
from models.training.corpus import TASKS, Row
from models.training.heads import Matrix, answers, log_shares

POLARITY = ("negative", "positive")
URGENT = ("high", "critical")


class PartFigures(Struct, frozen=True, kw_only=True):
    """One task on one held-out part.

    `polarity_rows` is macro-F1 when only rows labelled positive or negative count and the model chooses between the
    two.
    """

    part: str
    task: str
    figures: Figures
    polarity_rows: float | None = None


def report(
    heads: Sequence[bundle.Head],
    folds: Sequence[Sequence[bundle.Head]],
    vectors: Mapping[str, Matrix],
    rows: Mapping[str, Sequence[Row]],
) -> list[PartFigures]:
    """Figures of every task on every part that has its labels; `written` parts also joined as one.

    Rows that fitted `heads` are judged by those of `folds` that were fitted without them.
    """
    found = []
    for head, *others in zip(heads, *folds, strict=True):
        for part, of in rows.items():
            if made := _part(head, others, part, vectors.get(part), of):
                found.append(made)
        written = [part for part in rows if part.startswith("written") and rows[part]]
        joined = np.concatenate([vectors[part] for part in written])
        if made := _part(head, others, "written", joined, [row for part in written for row in rows[part]]):
            found.append(made)
    return found


def _part(
    head: bundle.Head, others: Sequence[bundle.Head], part: str, vectors: Matrix | None, rows: Sequence[Row]
) -> PartFigures | None:
    places = [place for place, row in enumerate(rows) if head.task in row.labels]
    if vectors is None or not places:
        return None
    truth = np.array([rows[place].labels[head.task] for place in places])
    given = vectors[places]
    said = answers(head, given)
    if part in TUNED[head.task] or part == "written":
        folds = np.array([fold(rows[place]) for place in places])
        for number in range(FOLDS):
            said[folds == number] = answers(others[number], given[folds == number])
    shares = np.exp(log_shares(said))
    figures = measure(
        truth, shares, TASKS[head.task],
        subset=POLARITY if head.task == "sentiment" else (),
        ranked=URGENT if head.task == "urgency" else (),
        alarm="critical" if head.task == "urgency" else "",
    )  # fmt: skip
    return PartFigures(
        part=part, task=head.task, figures=figures,
        polarity_rows=_polarity(truth, shares) if head.task == "sentiment" else None,
    )  # fmt: skip


def _polarity(truth: npt.NDArray[np.int64], shares: Matrix) -> float:
    ends = [TASKS["sentiment"].index(label) for label in POLARITY]
    chosen = np.isin(truth, ends)
    return macro_f1(truth[chosen], np.array(ends)[shares[chosen][:, ends].argmax(1)])
