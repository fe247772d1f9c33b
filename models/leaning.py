"""Which way a model leans, read from what people said of mentions that they picked for themselves.

People correct mostly what is wrong. So the label y of a picked mention x, of which the model said m, is explained by

    log P(y | x, picked) = log P_model(y | x) + bias[y] + picking * [y != m] + constant

and only the biases are kept: `picking` takes up how much likelier a wrong judgement is to be picked than a right one,
which says nothing about the model (decision 0012).
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

NEEDED = 50
"""Judged mentions that a task needs."""
NEEDED_OF_A_LABEL = 8
"""How many of them must carry a label, for two labels at least; a label that fewer concern gets no bias."""
BOUND = 1.0
"""No label is made more than e times as likely, or as unlikely, against the model's odds."""

_SHRINKAGE = 0.3
"""Standard deviation of biases before anything was seen."""
_PICKING = 2.0
"""The same of the log-odds that a wrong judgement is picked rather than a right one; hardly a restraint."""
_LEAST_SHARE = 1e-4
_STEPS, _CLOSE = 100, 1e-6

Array = npt.NDArray[np.float64]


def leaning(pairs: Sequence[tuple[dict[str, float], str]]) -> dict[str, float]:
    """The biases of one task, without those that are zero; empty when they are not worth it."""
    labels = sorted({label for scores, _ in pairs for label in scores})
    said = np.array([labels.index(label) for _, label in pairs], np.intp)
    often = np.bincount(said, minlength=len(labels)) >= NEEDED_OF_A_LABEL
    if len(pairs) < NEEDED or often.sum() < 2:  # noqa: PLR2004  # one label alone says nothing of odds
        return {}
    shares = np.array([[scores.get(label, 0.0) for label in labels] for scores, _ in pairs])
    model = shares.argmax(axis=1)
    concerned = [((said == place) | (model == place)).sum() for place in range(len(labels))]
    free = [place for place, number in enumerate(concerned) if number >= NEEDED_OF_A_LABEL]
    log_shares = np.log(np.maximum(shares, _LEAST_SHARE))
    wrong = (model[:, None] != np.arange(len(labels)))[:, :, None].astype(np.float64)
    of_label = np.broadcast_to(np.eye(len(labels))[:, free], (len(pairs), len(labels), len(free)))
    _, without = _fitted(log_shares, wrong, said, np.array([_PICKING]))
    weights, value = _fitted(
        log_shares, np.concatenate([of_label, wrong], axis=2), said, np.array([_SHRINKAGE] * len(free) + [_PICKING])
    )
    # Akaike: a bias must raise the log-likelihood by one to be worth having.
    if value - without < len(free):
        return {}
    bounded = np.clip(weights[:-1], -BOUND, BOUND).round(2).tolist()
    return {labels[place]: bias for place, bias in zip(free, bounded, strict=True) if bias}


def _fitted(log_shares: Array, features: Array, said: npt.NDArray[np.intp], spreads: Array) -> tuple[Array, float]:
    """Newton's climb to the weights of `features` (pairs, labels, weights) that explain best what was said.

    Returns the weights and the log-likelihood there. The problem is concave, and the priors (normal, with these
    standard deviations) make it strictly so: some ten steps reach the top.
    """
    rows, precision = np.arange(len(said)), spreads**-2.0
    weights = np.zeros(len(spreads))
    for _ in range(_STEPS):
        chances = _softmax(log_shares + features @ weights)
        means = np.einsum("nk,nkw->nw", chances, features)
        slope = (features[rows, said] - means).sum(axis=0) - precision * weights
        curvature = np.einsum("nk,nkv,nkw->vw", chances, features, features) - means.T @ means + np.diag(precision)
        step = np.linalg.solve(curvature, slope)
        # A full step may overshoot where the curve is flat.
        weights += step / max(1.0, np.abs(step).max())
        if np.abs(step).max() < _CLOSE:
            break
    return weights, float(np.log(_softmax(log_shares + features @ weights)[rows, said]).sum())


def _softmax(logits: Array) -> Array:
    odds = np.exp(logits - logits.max(axis=1, keepdims=True))
    shares: Array = odds / odds.sum(axis=1, keepdims=True)
    return shares
