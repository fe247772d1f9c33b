"""The judge at run time: texts and brands in, sentiment, urgency, theme and toxicity out.

A text's answer is the same whatever else is in the batch: texts of one run have equal length (no padding),
activations are rounded with fixed scales, and pooling and heads work text by text in a fixed order.
"""

import threading
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol, Self, cast

import msgspec
import numpy as np
import numpy.typing as npt

from domain.errors import ModelError
from domain.judgement import SUPPORTED_LANGUAGES, URGENCIES, Judgeable, Judgement, Sentiment, Theme, Urgency
from models import bundle
from models.encoding import TextEncoder, Window
from models.review import REVIEW_BELOW, doubt
from models.text import named, prepare, unjudgeable

REMEMBERED = 4096
"""How many judged texts are kept: reposts and copied texts cost nothing."""

_DECIMALS = 4
_TASKS = ("sentiment", "urgency", "theme", "toxicity")
_Key = tuple[str, str]
_Scores = dict[str, dict[str, float]]


class WindowSource(Protocol):
    """What the judge needs of an encoder."""

    def windows(self, texts: Sequence[str], brands: Sequence[str]) -> list[list[Window]]:
        """The windows of each prepared text, judged for its brand, in reading order."""
        ...


class Judge:
    """The heads on the trained network. Safe to call from several threads."""

    def __init__(
        self, encoder: WindowSource, heads: bundle.Heads, name: str, *, review_below: float = REVIEW_BELOW
    ) -> None:
        self.name = name
        self._encoder = encoder
        self._heads = _Heads(heads)
        self._review_below = review_below
        self._remembered: OrderedDict[_Key, Judgement] = OrderedDict()
        self._lock = threading.Lock()

    @classmethod
    def open(cls, path: Path | None, *, threads: int, review_below: float = REVIEW_BELOW) -> Self:
        """Verify and load the artefact at `path`, or the product's own."""
        folder = path or bundle.DEFAULT
        manifest = bundle.verified(folder)
        heads = msgspec.json.decode((folder / bundle.HEADS).read_bytes(), type=bundle.Heads)
        return cls(TextEncoder(folder, threads=threads), heads, manifest.name, review_below=review_below)

    def classify(self, texts: Sequence[Judgeable]) -> list[Judgement]:
        """Judge each text, in order; without words or in an unsupported language it is `unscored`, with a reason."""
        keys = [(prepare(text.text), named(text.brand)) for text in texts]
        reasons = [
            unjudgeable(words, text.lang, SUPPORTED_LANGUAGES) for (words, _), text in zip(keys, texts, strict=True)
        ]
        wanted = {key for key, reason in zip(keys, reasons, strict=True) if not reason}
        known = self._recall(wanted)
        fresh = self._judge(sorted(wanted - known.keys()))
        self._remember(fresh)
        known |= fresh
        return [self._unscored(r) if r else known[key] for key, r in zip(keys, reasons, strict=True)]

    def _judge(self, keys: list[_Key]) -> dict[_Key, Judgement]:
        if not keys:
            return {}
        windows = self._encoder.windows([words for words, _ in keys], [brand for _, brand in keys])
        return {key: self._said(self._heads.scores(of)) for key, of in zip(keys, windows, strict=True)}

    def _said(self, scores: _Scores) -> Judgement:
        best = {task: max(of, key=of.__getitem__) for task, of in scores.items()}
        return Judgement(
            sentiment=cast("Sentiment", best["sentiment"]),
            urgency=cast("Urgency", best["urgency"]),
            theme=cast("Theme", best["theme"]),
            model=self.name,
            sentiment_scores=scores["sentiment"],
            urgency_scores=scores["urgency"],
            theme_scores=scores["theme"],
            toxicity=scores["toxicity"]["toxic"],
            review=doubt(scores, below=self._review_below),
        )

    def _unscored(self, reason: str) -> Judgement:
        return Judgement(sentiment="unscored", urgency="unscored", theme="unscored", model=self.name, reason=reason)

    def _recall(self, keys: set[_Key]) -> dict[_Key, Judgement]:
        with self._lock:
            known = {key: self._remembered[key] for key in keys if key in self._remembered}
            for key in known:
                self._remembered.move_to_end(key)
        return known

    def _remember(self, fresh: dict[_Key, Judgement]) -> None:
        with self._lock:
            self._remembered.update(fresh)
            while len(self._remembered) > REMEMBERED:
                self._remembered.popitem(last=False)


class _Heads:
    """All heads as one product, ready to compute one text at a time."""

    def __init__(self, heads: bundle.Heads) -> None:
        tasks = {head.task: head for head in heads.heads}
        if set(tasks) != set(_TASKS):
            raise ModelError(f"the heads answer {', '.join(sorted(tasks))} instead of {', '.join(_TASKS)}")
        self._labels = {task: tasks[task].labels for task in _TASKS}
        self._weights = np.concatenate(
            [np.array(tasks[t].weights, np.float64) / tasks[t].temperature for t in _TASKS]
        )
        self._bias = np.concatenate(
            [(np.array(tasks[t].bias) + np.array(tasks[t].offsets)) / tasks[t].temperature for t in _TASKS]
        )
        places = np.cumsum([0, *(len(self._labels[task]) for task in _TASKS)])
        self._places = {task: slice(places[n], places[n + 1]) for n, task in enumerate(_TASKS)}
        if len(self._weights) != places[-1] or len(self._bias) != places[-1]:
            raise ModelError("the heads do not fit their labels")

    def scores(self, windows: list[Window]) -> _Scores:
        """Probabilities by task and label. Of several windows the most urgent tells urgency, all the rest."""
        said = [self._weights @ window.vector.astype(np.float64) + self._bias for window in windows]
        whole, urgent = said[0], said[0]
        if len(said) > 1:
            length = sum(window.length for window in windows)
            whole = sum((logits * (w.length / length) for logits, w in zip(said, windows, strict=True)), 0 * whole)
            urgent = max(said, key=lambda logits: float(_LEVELS @ _shares(logits[self._places["urgency"]])))
        chosen = {task: urgent if task == "urgency" else whole for task in _TASKS}
        return {
            task: dict(
                zip(self._labels[task], np.round(_shares(chosen[task][place]), _DECIMALS).tolist(), strict=True)
            )
            for task, place in self._places.items()
        }


_LEVELS = np.arange(len(URGENCIES), dtype=np.float64)


def _shares(logits: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    shares = np.exp(logits - logits.max())
    normalised: npt.NDArray[np.float64] = shares / shares.sum()
    return normalised
