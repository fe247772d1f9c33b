"""From labelled texts and what a classifier said of them to figures per task, over all texts and per group."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from msgspec import Struct

from domain.judgement import SENTIMENTS, THEMES, TOXIC, URGENCIES, Judgement
from models.evaluation import UNANSWERED, Figures, measure


class Task(Struct, frozen=True):
    """What is asked of a text, and what is looked at beside the usual: see `models.evaluation.measure`."""

    labels: tuple[str, ...]
    subset: tuple[str, ...] = ()
    ranked: tuple[str, ...] = ()
    alarm: str = ""


TASKS: dict[str, Task] = {
    "sentiment": Task(SENTIMENTS, subset=("negative", "positive")),
    "urgency": Task(URGENCIES, ranked=("high", "critical"), alarm="critical"),
    "theme": Task(THEMES),
    "toxicity": Task(("civil", "toxic"), ranked=("toxic",)),
}


class TaskFigures(Struct, frozen=True, kw_only=True):
    """One task: over all texts labelled for it, and per group. `reasons` counts why texts were left unscored."""

    task: str
    overall: Figures
    groups: dict[str, Figures]
    reasons: dict[str, int]


class Report(Struct, frozen=True, kw_only=True):
    """What `tocsin evaluate` answers. Shares in [0, 1]; unscored texts count as missed unless a name says otherwise.

    `texts` had at least one label, `unlabelled` had none and were not judged, `bad` lines or labels were left out;
    `silent` names tasks that the texts are labelled for and the model says nothing of.
    """

    model: str
    by: str
    texts: int
    unlabelled: int
    bad: int
    tasks: tuple[TaskFigures, ...]
    silent: tuple[str, ...] = ()


@dataclass
class _Column:
    """One task's texts so far."""

    truth: list[int] = field(default_factory=list)
    shares: list[list[float]] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)
    groups: list[str] = field(default_factory=list)
    reasons: Counter[str] = field(default_factory=Counter)
    passed_over: int = 0
    """Texts of which the judge said something, but nothing of this task."""


class Scorecard:
    """Takes judged texts in, one at a time, and keeps a few numbers of each."""

    def __init__(self) -> None:
        self.texts = 0
        self._columns: dict[str, _Column] = {}

    def add(self, labels: Mapping[str, str], judgement: Judgement, group: str) -> None:
        """Take one text in: its true `labels` by task, what was said of it, and the group it counts for."""
        self.texts += 1
        for task, label in labels.items():
            column = self._columns.setdefault(task, _Column())
            answer, shares = _said(task, judgement)
            column.truth.append(TASKS[task].labels.index(label))
            column.answers.append(answer)
            column.shares.append(shares)
            column.groups.append(group)
            if answer == UNANSWERED:
                column.reasons[judgement.reason or f"the model says nothing of {task}"] += 1
                column.passed_over += not _is_unscored(judgement)

    def report(self, *, model: str, by: str, unlabelled: int = 0, bad: int = 0) -> Report:
        """Put the figures together; groups with most texts first."""
        silent = tuple(task for task in TASKS if task in self._columns and self._is_silent(task))
        return Report(
            model=model,
            by=by,
            texts=self.texts,
            unlabelled=unlabelled,
            bad=bad,
            tasks=tuple(_figures(t, self._columns[t]) for t in TASKS if t in self._columns and t not in silent),
            silent=silent,
        )

    def _is_silent(self, task: str) -> bool:
        """Whether a model without that head answered."""
        column = self._columns[task]
        return bool(column.passed_over) and all(answer == UNANSWERED for answer in column.answers)


def _is_unscored(judgement: Judgement) -> bool:
    return judgement.sentiment == judgement.urgency == judgement.theme == "unscored"


def _said(task: str, judgement: Judgement) -> tuple[int, list[float]]:
    labels = TASKS[task].labels
    if task == "toxicity":
        if judgement.toxicity is None:
            return UNANSWERED, [0.0, 0.0]
        return int(judgement.toxicity >= TOXIC), [1 - judgement.toxicity, judgement.toxicity]
    label: str = getattr(judgement, task)
    scores: dict[str, float] = getattr(judgement, f"{task}_scores")
    if label not in labels:
        return UNANSWERED, [0.0] * len(labels)
    return labels.index(label), [scores.get(name, 0.0) for name in labels]


def _figures(task: str, column: _Column) -> TaskFigures:
    truth, answers = np.array(column.truth, np.int64), np.array(column.answers, np.int64)
    shares, groups = np.array(column.shares, np.float64), np.array(column.groups)
    asked = TASKS[task]

    def of(chosen: "np.ndarray[tuple[int], np.dtype[np.bool_]]") -> Figures:
        return measure(
            truth[chosen], shares[chosen], asked.labels, answers=answers[chosen],
            subset=asked.subset, ranked=asked.ranked, alarm=asked.alarm,
        )  # fmt: skip

    sizes = sorted(Counter(column.groups).items(), key=lambda pair: (-pair[1], pair[0]))
    return TaskFigures(
        task=task,
        overall=of(np.ones(len(truth), np.bool_)),
        groups={name: of(groups == name) for name, _ in sizes},
        reasons=dict(column.reasons.most_common()),
    )
