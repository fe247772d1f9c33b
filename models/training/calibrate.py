"""What is fitted on held-out posts through the shipped file: offsets, temperatures, then the heads anew.

How often a label is right to be given is a matter of the posts that users have, so a few numbers a task are fitted
where the model never learnt: an offset a label (but for themes), then one temperature. All held-out posts fit what is
shipped. How good that is, each fold of them (by their text) tells of what the other folds fitted.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import msgspec
import numpy as np
import numpy.typing as npt

from models import bundle
from models.evaluation import macro_f1
from models.training.corpus import TASKS, Row, fraction
from models.training.heads import Matrix, log_shares, logits
from models.training.refit import Seen, refitted

TUNED = {
    "sentiment": (
        "rusentitweet", "banks", "rusentne", "kazsandra", "umsab ar", "umsab en", "arsarcasm", "sxsw",
        "written ru", "written kk", "written cs", "written ar", "written en",
    ),
    "urgency": ("written ru", "written kk", "written cs", "written ar", "written en"),
    "theme": ("written ru", "written kk", "written cs", "written ar", "written en"),
    "toxicity": ("offensive", "hostile", "written ru", "written kk", "written cs", "written ar", "written en"),
}  # fmt: skip
"""The held-out parts that fit each task; sets that may not train do not fit either."""

ORDINARY = ("rusentitweet", "banks", "kazsandra", "umsab ar", "umsab en", "arsarcasm", "sxsw")
"""Held-out parts of posts as they come, without labels of urgency: hardly any of them is critical."""

FOLDS = 10
"""Parts of the held-out posts; each is judged by heads that came of the others."""

_GRID = np.round(np.arange(-1.2, 1.25, 0.1), 2)
_ROUNDS = 3
_STAY = 0.01
"""What moving all offsets by one on average must gain in macro-F1: they stay near zero unless they help."""
_FOUND, _FOUND_ANEW, _FALSE_CRITICAL = 0.9, 0.93, 0.1
"""The share of critical posts that must be found, also where the heads were fitted on these very posts; and of others
that may be called so."""
_CRIED = 2.0
"""What it costs in macro-F1 to call every ordinary post critical."""
_TEMPERATURES = np.round(np.arange(0.5, 3.01, 0.05), 2)


@dataclass(frozen=True)
class Said:
    """A part's logits (texts, labels) for one task and the true places."""

    logits: Matrix
    truth: npt.NDArray[np.int64]


def fold(row: Row) -> int:
    """Which fold of the held-out rows this one is in, in 0..FOLDS - 1."""
    return int(fraction(f"fold {row.text}") * FOLDS)


def calibrated(
    head: bundle.Head, parts: Sequence[Said], ordinary: Sequence[Matrix] = (), *, found: float = _FOUND
) -> bundle.Head:
    """The head with the offsets and temperature under which it answers `parts` best, each part counting the same.

    `ordinary` are logits (texts, labels) of parts without labels, of which as few as possible are to be critical.
    """

    def worth(offsets: Matrix) -> float:
        return _worth(head.task, offsets, parts, ordinary, found)

    offsets = _offsets(head.task, len(head.labels), worth)
    moved = [Said(one.logits + offsets, one.truth) for one in parts]
    surprise = {float(t): float(np.mean([_surprise(one, t) for one in moved])) for t in _TEMPERATURES}
    temperature = min(surprise, key=surprise.__getitem__)
    return msgspec.structs.replace(head, offsets=offsets.tolist(), temperature=temperature)


def fitted(
    head: bundle.Head,
    vectors: Mapping[str, Matrix],
    rows: Mapping[str, Sequence[Row]],
    *,
    without: int | None = None,
) -> bundle.Head:
    """A trained head with offsets and temperature, then fitted anew: on all held-out rows, or `without` a fold."""
    seen = []
    for part in TUNED[head.task]:
        places = [n for n, row in enumerate(rows.get(part, ())) if head.task in row.labels and fold(row) != without]
        if places:
            truth = np.array([rows[part][n].labels[head.task] for n in places])
            seen.append(Seen(vectors[part][places], truth))
    ordinary = [vectors[part] for part in ORDINARY if rows.get(part)] if head.task == "urgency" else []

    def balanced(of: bundle.Head, found: float) -> bundle.Head:
        said = [Said(logits(of, one.vectors), one.truth) for one in seen]
        return calibrated(of, said, [logits(of, one) for one in ordinary], found=found)

    anew = refitted(balanced(head, _FOUND), seen)
    if head.task != "urgency":
        return anew
    return msgspec.structs.replace(anew, offsets=balanced(anew, _FOUND_ANEW).offsets)


def _offsets(task: str, labels: int, worth: Callable[[Matrix], float]) -> Matrix:
    offsets = np.zeros(labels)
    if task == "theme":
        return offsets
    for _ in range(_ROUNDS):
        for label in range(labels):

            def with_step(step: float, label: int = label) -> float:
                tried = offsets.copy()
                tried[label] = step
                return worth(tried)

            offsets[label] = max(_GRID, key=with_step)
    centred: Matrix = np.round(offsets - offsets.mean(), 3)
    return centred


def _worth(task: str, offsets: Matrix, parts: Sequence[Said], ordinary: Sequence[Matrix], wanted: float) -> float:
    answers = [(one.logits + offsets).argmax(1) for one in parts]
    worth = float(np.mean([macro_f1(one.truth, said) for one, said in zip(parts, answers, strict=True)]))
    if task == "urgency":
        truth, said = np.concatenate([one.truth for one in parts]), np.concatenate(answers)
        critical = len(TASKS["urgency"]) - 1
        found, false = (said[truth == critical] == critical).mean(), (said[truth != critical] == critical).mean()
        worth -= max(0.0, wanted - found) + max(0.0, false - _FALSE_CRITICAL)
        if ordinary:
            cried = np.mean([((one + offsets).argmax(1) == critical).mean() for one in ordinary])
            worth -= _CRIED * float(cried)
    return worth - _STAY * float(np.abs(offsets - offsets.mean()).mean())


def _surprise(one: Said, temperature: float) -> float:
    shares = log_shares(one.logits / temperature)
    return float(-shares[np.arange(len(one.truth)), one.truth].mean())
