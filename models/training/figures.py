"""How good a head is on a held-out part: macro-F1, per class, per language, calibration."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

_BINS = 10


@dataclass(frozen=True)
class Judged:
    """A head's logits (texts, labels) on one part, and the true labels as places in `labels`."""

    name: str
    task: str
    labels: list[str]
    truth: npt.NDArray[np.int64]
    logits: npt.NDArray[np.float64]
    langs: list[str]
    trained: bool

    def surprise(self, temperature: float) -> float:
        """Mean negative log-likelihood of the truth when logits are divided by `temperature`."""
        shares = _softmax(self.logits / temperature)
        return float(-np.log(shares[np.arange(len(self.truth)), self.truth]).mean())


def report(judged: Judged, note: str = "") -> dict[str, Any]:
    """The figures as plain values: percent for F1 and recall, the expected calibration error in [0, 1]."""
    answers = judged.logits.argmax(axis=1)
    present = sorted(set(judged.truth.tolist()))
    langs = np.array(judged.langs)
    per_language = {
        lang: round(100 * _macro(judged.truth[langs == lang], answers[langs == lang], present), 1)
        for lang in sorted(set(judged.langs))
    }
    figures: dict[str, Any] = {
        "task": judged.task,
        "set": judged.name,
        "texts": len(answers),
        "macro_f1": round(100 * _macro(judged.truth, answers, present), 1),
        "accuracy": round(100 * float((answers == judged.truth).mean()), 1),
        "f1": {judged.labels[n]: round(100 * _f1(judged.truth, answers, n), 1) for n in present},
        "calibration_error": round(_calibration_error(judged), 3),
    }
    if len(per_language) > 1:
        figures["languages"] = per_language
    if judged.task != "theme":
        matrix = [[int(((judged.truth == a) & (answers == b)).sum()) for b in present] for a in present]
        figures["confusion"] = matrix
    return figures | ({"note": note} if note else {})


def _softmax(logits: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    shares = np.exp(logits - logits.max(axis=1, keepdims=True))
    normalised: npt.NDArray[np.float64] = shares / shares.sum(axis=1, keepdims=True)
    return normalised


def _f1(truth: npt.NDArray[np.int64], answers: npt.NDArray[np.int64], label: int) -> float:
    hit = int(((truth == label) & (answers == label)).sum())
    both = int((truth == label).sum() + (answers == label).sum())
    return 2 * hit / both if both else 0.0


def _macro(truth: npt.NDArray[np.int64], answers: npt.NDArray[np.int64], labels: list[int]) -> float:
    return float(np.mean([_f1(truth, answers, label) for label in labels]))


def _calibration_error(judged: Judged) -> float:
    shares = _softmax(judged.logits)
    sure, right = shares.max(axis=1), shares.argmax(axis=1) == judged.truth
    places = np.minimum((sure * _BINS).astype(int), _BINS - 1)
    gaps = [abs(sure[places == n].mean() - right[places == n].mean()) * (places == n).mean() for n in set(places)]
    return float(sum(gaps))
