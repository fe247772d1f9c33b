"""Calibration to one deployment: what its people corrected moves the classifier a little toward their labels.

A bias for each label is added to the model's log-probabilities. Biases are small, bounded, and off until there is
enough to go by; `models.leaning` finds them.
"""

from collections.abc import Sequence
from math import exp
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from domain.ids import stable_id
from domain.judgement import Classifier, Judgeable, Judgement
from domain.mention import Mention
from models.leaning import NEEDED, leaning
from models.review import REVIEW_BELOW, doubt

MOST = 1_000
"""Latest corrections that are looked at: judging them anew delays the start, and what is long past should fade."""

_DECIMALS = 4
_SHOWN = 3


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
    """A classifier with the biases of its deployment; a task without biases, and `unscored`, pass as they are.

    `review_below` is the classifier's own: whether a person should look is asked again of what was moved.
    """

    def __init__(self, classifier: Classifier, biases: Biases, *, review_below: float = REVIEW_BELOW) -> None:
        self.name = classifier.name + biases.suffix
        self._classifier, self._biases, self._review_below = classifier, biases, review_below

    def classify(self, texts: Sequence[Judgeable]) -> list[Judgement]:
        """Judge each text; every answer is moved by itself, whatever else is in the batch."""
        judged = self._classifier.classify(texts)
        return [self._moved(judgement) for judgement in judged] if self._biases.by_task else judged

    def describe(self) -> str:
        """One sentence for a person."""
        return self._biases.describe()

    def _moved(self, judgement: Judgement) -> Judgement:
        scores, changes = _scores(judgement), dict[str, Any]()
        for task, biases in self._biases.by_task.items():
            if scores[task]:
                scores[task] = moved = _shares(scores[task], biases)
                changes |= {f"{task}_scores": moved, task: max(moved, key=moved.__getitem__)}
        if not changes:
            return judgement
        return replace(judgement, model=self.name, review=doubt(scores, below=self._review_below), **changes)


def gather(mentions: Sequence[Mention], classifier: Classifier) -> list[Evidence]:
    """Judge the latest of these corrected mentions anew with the bare classifier.

    What another model, or this one with biases, said of them when they were heard is no evidence about this one.
    """
    latest = mentions[-MOST:]
    judged = classifier.classify([Judgeable(told.post.wording, told.brand, told.lang) for told in latest])
    return [
        Evidence(
            scores=_scores(fresh), labels={task: getattr(told.judgement, task) for task in told.judgement.model_said}
        )
        for told, fresh in zip(latest, judged, strict=True)
        if told.judgement is not None
    ]


def _scores(judgement: Judgement) -> dict[str, dict[str, float]]:
    return {
        "sentiment": judgement.sentiment_scores, "urgency": judgement.urgency_scores, "theme": judgement.theme_scores
    }  # fmt: skip


def fit(evidence: Sequence[Evidence]) -> Biases:
    """Find the biases of each task that has evidence enough; a pure function of the evidence, in any order."""
    by_task: dict[str, dict[str, float]] = {}
    judged: dict[str, int] = {}
    for task in ("sentiment", "urgency", "theme"):
        pairs = [(one.scores[task], one.labels[task]) for one in evidence if task in one.labels]
        pairs = [(scores, label) for scores, label in pairs if label in scores]
        judged[task] = len(pairs)
        found = leaning(sorted(pairs, key=repr))
        if found:
            by_task[task] = found
    return Biases(by_task=by_task, judged=judged)


def _shares(scores: dict[str, float], biases: dict[str, float]) -> dict[str, float]:
    odds = {label: share * exp(biases.get(label, 0.0)) for label, share in scores.items()}
    total = sum(odds.values())
    return {label: round(odd / total, _DECIMALS) for label, odd in odds.items()}


def _shown(task: tuple[str, dict[str, float]]) -> str:
    name, biases = task
    strongest = sorted(biases.items(), key=lambda pair: (-abs(pair[1]), pair[0]))
    said = ", ".join(f"{label} {bias:+.1f}" for label, bias in strongest[:_SHOWN])
    return f"{name} {said}" + (", …" if len(strongest) > _SHOWN else "")
