"""Heads fitted anew on held-out posts, pulled towards what training made of them.

A network that has seen its posts several times is surer of them than of any others, and its heads lean on what only
those have. Fitting the heads where the network never learnt takes that back; the pull keeps the few posts there are
from being learnt by heart in turn.
"""

from collections.abc import Sequence
from typing import NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize

from models import bundle
from models.training.corpus import EVEN
from models.training.heads import Matrix, answers, log_shares

PULL = 1_200
"""What a step of one costs, in what the network gives a head (each width scaled to 1): the surprise of so many posts.

The more posts there are, the further they may move a head.
"""

_STEPS = 200


class Seen(NamedTuple):
    """A held-out part: what the network gives the heads (texts, 2 * width), and the true places."""

    vectors: Matrix
    truth: npt.NDArray[np.int64]


def refitted(head: bundle.Head, parts: Sequence[Seen]) -> bundle.Head:
    """`head`, calibrated already, moved to where it is least surprised by `parts`.

    A part counts as the square root of its posts. As in training, what is learnt of a part's label balance lies
    between its own and an even one.
    """
    vectors, truth = np.concatenate([one.vectors for one in parts]), np.concatenate([one.truth for one in parts])
    share = np.concatenate([np.full(len(one.truth), len(one.truth) ** -0.5) for one in parts])
    share /= share.sum()
    labels = len(head.labels)
    base = answers(head, vectors) + np.concatenate([_told(one.truth, labels) for one in parts])
    middle, spread = vectors.mean(0), vectors.std(0) + 1e-6
    scaled, wanted = (vectors - middle) / spread, np.eye(labels)[truth]
    shape = (scaled.shape[1] + 1, labels)
    pull = PULL / len(truth)

    def surprise(flat: Matrix) -> tuple[float, Matrix]:
        step, shift = flat.reshape(shape)[:-1], flat.reshape(shape)[-1]
        logs = log_shares(base + scaled @ step + shift)
        wrong = (np.exp(logs) - wanted) * share[:, None]
        slope = np.vstack([scaled.T @ wrong + pull * step, wrong.sum(0)])
        return float(-(logs * wanted).sum(1) @ share + pull / 2 * (step**2).sum()), slope.ravel()

    best = minimize(surprise, np.zeros(shape).ravel(), jac=True, method="L-BFGS-B", options={"maxiter": _STEPS})
    step, shift = best.x.reshape(shape)[:-1], best.x.reshape(shape)[-1]
    moved = (step / spread[:, None]).T * head.temperature
    return msgspec.structs.replace(
        head,
        weights=np.round(np.array(head.weights) + moved, 5).tolist(),
        bias=np.round(np.array(head.bias) + shift * head.temperature - moved @ middle, 5).tolist(),
    )


def _told(truth: npt.NDArray[np.int64], labels: int) -> Matrix:
    counts = np.bincount(truth, minlength=labels) + 1
    told: Matrix = np.tile(EVEN * np.log(counts / counts.sum()), (len(truth), 1))
    return told
