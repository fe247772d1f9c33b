"""What a head says of the network's vectors: the same arithmetic for fitting and for figures."""

import numpy as np
import numpy.typing as npt

from models import bundle

Matrix = npt.NDArray[np.float64]


def logits(head: bundle.Head, vectors: Matrix) -> Matrix:
    """Of vectors (texts, 2 * width), (texts, labels) before offsets and temperature."""
    found: Matrix = vectors @ np.array(head.weights).T + np.array(head.bias)
    return found


def answers(head: bundle.Head, vectors: Matrix) -> Matrix:
    """The same with offsets and temperature, as the judge answers."""
    found: Matrix = (logits(head, vectors) + np.array(head.offsets)) / head.temperature
    return found


def log_shares(answered: Matrix) -> Matrix:
    """The logarithms of the probabilities (texts, labels)."""
    safe = answered - answered.max(1, keepdims=True)
    found: Matrix = safe - np.log(np.exp(safe).sum(1, keepdims=True))
    return found
