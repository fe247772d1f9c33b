"""How good the finished model is on every held-out part: what the model card shows."""

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
from msgspec import Struct

from models import bundle
from models.evaluation import Figures, macro_f1, measure
from models.training.calibrate import TUNED, fits
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
    others: Sequence[bundle.Head],
    vectors: Mapping[str, Matrix],
    rows: Mapping[str, Sequence[Row]],
) -> list[PartFigures]:
    """Figures of every task on every part that has its labels; `written` parts also joined as one.

    Rows that fitted `heads` are judged by `others`, which came of the other half.
    """
    found = []
    for head, other in zip(heads, others, strict=True):
        for part, of in rows.items():
            if made := _part(head, other, part, vectors.get(part), of):
                found.append(made)
        written = [part for part in rows if part.startswith("written") and rows[part]]
        joined = np.concatenate([vectors[part] for part in written])
        if made := _part(head, other, "written", joined, [row for part in written for row in rows[part]]):
            found.append(made)
    return found


def _part(
    head: bundle.Head, other: bundle.Head, part: str, vectors: Matrix | None, rows: Sequence[Row]
) -> PartFigures | None:
    places = [place for place, row in enumerate(rows) if head.task in row.labels]
    if vectors is None or not places:
        return None
    truth = np.array([rows[place].labels[head.task] for place in places])
    fitting = np.array([(part in TUNED[head.task] or part == "written") and fits(rows[n]) for n in places])
    shares = np.exp(
        log_shares(np.where(fitting[:, None], answers(other, vectors[places]), answers(head, vectors[places])))
    )
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
