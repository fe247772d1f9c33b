"""Calibration to one deployment: what its people corrected moves the classifier a little toward their labels.

A bias for each label is added to the model's log-probabilities. People correct mostly what is wrong, so their
corrections alone would make any model look bad; the fit therefore asks only what the labels say *given* that a
mention was picked for being right or wrong (decision 0012). It shrinks strongly, is bounded, and stays off until
there is enough to go by and the biases are worth it.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from msgspec import Struct
from msgspec.structs import replace

from domain.ids import stable_id
from domain.judgement import Classifier, Judgeable, Judgement
from domain.mention import Mention

NEEDED = 50
"""Judged mentions that a task needs."""
NEEDED_OF_A_LABEL = 8
"""How many of them must carry a label, for two labels at least; a label that fewer concern gets no bias."""
BOUND = 1.0
"""No label is made more than e times as likely, or as unlikely, against the model's odds."""
MOST = 1_000
"""Latest corrections that are looked at: judging them anew delays the start, and what is long past should fade."""

_SHRINKAGE = 0.3
"""Standard deviation of biases before anything was seen."""
_PICKING = 2.0
"""The same of the log-odds that a wrong judgement is picked rather than a right one; hardly a restraint."""
_LEAST_SHARE = 1e-4
_STEPS, _CLOSE = 100, 1e-6
_DECIMALS = 4
_SHOWN = 3

Array = npt.NDArray[np.float64]


class Evidence(Struct, frozen=True, kw_only=True):
    """A mention that a person judged: by task, the model's scores and the label of the person."""

    scores: dict[str, dict[str, float]]
    labels: dict[str, str]


class Biases(Struct, frozen=True, kw_only=True):
    """What is added to log-probabilities, by task and label, and how many judged mentions there were of each task."""

    by_task: dict[str, dict[str, float]] = {}
    judged: dict[str, int] = {}

    @property
    def suffix(self) -> str:
        """What the model's name gets: other biases, another name; nothing while they are off."""
        if not self.by_task:
            return ""
        parts = [f"{task} {label} {bias}" for task, of in self.by_task.items() for label, bias in of.items()]
        return f"+deployment-{stable_id(*parts)[:8]}"

    def describe(self) -> str:
        """One sentence for a person."""
        most = max(self.judged.values(), default=0)
        if self.by_task:
            return f"calibrated from {most} corrections: {'; '.join(map(_shown, self.by_task.items()))}"
        if most < NEEDED:
            return f"off: {most} of {NEEDED} corrections"
        return f"off: {most} corrections do not show that the model leans"


class Deployed:
    """A classifier with the biases of its deployment; a task without biases, and `unscored`, pass as they are."""

    def __init__(self, classifier: Classifier, biases: Biases) -> None:
        self.name = classifier.name + biases.suffix
        self._classifier, self._biases = classifier, biases

    def classify(self, texts: Sequence[Judgeable]) -> list[Judgement]:
        """Judge each text; every answer is moved by itself, whatever else is in the batch."""
        judged = self._classifier.classify(texts)
        return [self._moved(judgement) for judgement in judged] if self._biases.by_task else judged

    def describe(self) -> str:
        """One sentence for a person."""
        return self._biases.describe()

    def _moved(self, judgement: Judgement) -> Judgement:
        changes: dict[str, Any] = {}
        for task, biases in self._biases.by_task.items():
            scores: dict[str, float] = getattr(judgement, f"{task}_scores")
            if scores:
                moved = _shares(scores, biases)
                changes |= {f"{task}_scores": moved, task: max(moved, key=moved.__getitem__)}
        return replace(judgement, model=self.name, **changes) if changes else judgement


def gather(mentions: Sequence[Mention], classifier: Classifier) -> list[Evidence]:
    """Judge the latest of these corrected mentions anew with the bare classifier.

    What another model, or this one with biases, said of them when they were heard is no evidence about this one.
    """
    latest = mentions[-MOST:]
    judged = classifier.classify([Judgeable(told.post.wording, told.brand, told.lang) for told in latest])
    return [
        Evidence(
            scores={
                "sentiment": fresh.sentiment_scores, "urgency": fresh.urgency_scores, "theme": fresh.theme_scores
            },
            labels={task: getattr(told.judgement, task) for task in told.judgement.model_said},
        )
        for told, fresh in zip(latest, judged, strict=True)
        if told.judgement is not None
    ]  # fmt: skip


def fit(evidence: Sequence[Evidence]) -> Biases:
    """Find the biases of each task that has evidence enough; a pure function of the evidence, in any order."""
    by_task: dict[str, dict[str, float]] = {}
    judged: dict[str, int] = {}
    for task in ("sentiment", "urgency", "theme"):
        pairs = [(one.scores[task], one.labels[task]) for one in evidence if task in one.labels]
        pairs = [(scores, label) for scores, label in pairs if label in scores]
        judged[task] = len(pairs)
        found = _biases(sorted(pairs, key=repr))
        if found:
            by_task[task] = found
    return Biases(by_task=by_task, judged=judged)


def _biases(pairs: Sequence[tuple[dict[str, float], str]]) -> dict[str, float]:
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


def _shares(scores: dict[str, float], biases: dict[str, float]) -> dict[str, float]:
    odds = {label: share * float(np.exp(biases.get(label, 0.0))) for label, share in scores.items()}
    total = sum(odds.values())
    return {label: round(odd / total, _DECIMALS) for label, odd in odds.items()}


def _shown(task: tuple[str, dict[str, float]]) -> str:
    name, biases = task
    strongest = sorted(biases.items(), key=lambda pair: (-abs(pair[1]), pair[0]))
    said = ", ".join(f"{label} {bias:+.1f}" for label, bias in strongest[:_SHOWN])
    return f"{name} {said}" + (", …" if len(strongest) > _SHOWN else "")
