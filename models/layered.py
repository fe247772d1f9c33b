"""The shipped judge with other models laid over it, each for its task."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from msgspec.structs import replace

from domain.judgement import Classifier, Judgeable, Judgement
from models.config import LABELS
from models.review import doubt


class Answer(NamedTuple):
    """One task answered for one text: the likeliest label and all probabilities, or `unscored` and why."""

    label: str
    scores: Mapping[str, float]
    reason: str = ""


class TaskModel(Protocol):
    """A model that answers one task."""

    @property
    def name(self) -> str:
        """Model and version."""
        ...

    @property
    def task(self) -> str:
        """The task that it answers."""
        ...

    def answer(self, texts: Sequence[Judgeable]) -> list[Answer]:
        """Answer for each text, in order, whatever else is in the batch."""
        ...


class LayeredJudge:
    """A classifier whose tasks are answered by several models. Safe to call from several threads when they are."""

    def __init__(self, base: Classifier, layers: Sequence[TaskModel], *, review_below: float) -> None:
        """Lay `layers`, one a task, over `base`. A judgement less sure than `review_below` asks for review."""
        self.name = "; ".join([base.name, *(f"{layer.task} by {layer.name}" for layer in layers)])
        self._base, self._layers, self._review_below = base, layers, review_below

    def classify(self, texts: Sequence[Judgeable]) -> list[Judgement]:
        """Judge each text: what no layer answers, toxicity among it, is the base's answer."""
        judged = self._base.classify(texts)
        answers = [layer.answer(texts) for layer in self._layers]
        return [self._merged(base, of) for base, *of in zip(judged, *answers, strict=True)]

    def _merged(self, base: Judgement, answers: Sequence[Answer]) -> Judgement:
        changes: dict[str, Any] = {}
        for layer, answer in zip(self._layers, answers, strict=True):
            changes |= {layer.task: answer.label, f"{layer.task}_scores": dict(answer.scores)}
        whole = replace(base, model=self.name, **changes)
        of_base = base.reason if len(self._layers) < len(LABELS) else ""
        reasons = dict.fromkeys(reason for reason in (of_base, *(answer.reason for answer in answers)) if reason)
        scores = {"sentiment": whole.sentiment_scores, "urgency": whole.urgency_scores}
        return replace(whole, reason="; ".join(reasons), review=doubt(scores, below=self._review_below))
