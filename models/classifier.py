"""The judge at run time: texts in, sentiment, urgency and theme out.

A text's answer is the same whatever else is in the batch: texts of one run have equal length (no padding), the
encoder treats every token's row by itself, and pooling and heads work text by text in a fixed order.
"""

import threading
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol, Self, cast

import msgspec
import numpy as np

from domain.errors import ModelError
from domain.judgement import SUPPORTED_LANGUAGES, Judgeable, Judgement, Sentiment, Theme, Urgency
from models import bundle
from models.encoding import TextEncoder, Vector
from models.text import prepare

REMEMBERED = 4096
"""How many judged texts are kept: reposts and copied texts cost nothing."""

_DECIMALS = 4
_LABELLED = 2


class VectorSource(Protocol):
    """What the judge needs of an encoder."""

    def vectors(self, texts: Sequence[str]) -> list[Vector]:
        """One vector a prepared text, in order."""
        ...


class Judge:
    """The first rung: heads on a frozen multilingual encoder. Safe to call from several threads."""

    def __init__(self, encoder: VectorSource, heads: bundle.Heads, name: str) -> None:
        self.name = name
        self._encoder = encoder
        self._heads = [_Linear(head) for head in heads.heads]
        self._remembered: OrderedDict[str, Judgement] = OrderedDict()
        self._lock = threading.Lock()

    @classmethod
    def open(cls, path: Path | None, *, threads: int) -> Self:
        """Verify and load the artefact at `path`, or the product's own."""
        folder = path or bundle.DEFAULT
        manifest = bundle.verified(folder)
        heads = msgspec.json.decode((folder / bundle.HEADS).read_bytes(), type=bundle.Heads)
        return cls(TextEncoder(folder, threads=threads), heads, manifest.name)

    def classify(self, texts: Sequence[Judgeable]) -> list[Judgement]:
        """Judge each text, in order; without words or in an unsupported language it is `unscored`, with a reason."""
        prepared = [prepare(text.text) for text in texts]
        reasons = [_unjudgeable(words, text.lang) for words, text in zip(prepared, texts, strict=True)]
        wanted = {words for words, reason in zip(prepared, reasons, strict=True) if not reason}
        known = self._recall(wanted)
        fresh = self._judge(sorted(wanted - known.keys()))
        self._remember(fresh)
        known |= fresh
        return [self._unscored(r) if r else known[words] for words, r in zip(prepared, reasons, strict=True)]

    def _judge(self, texts: list[str]) -> dict[str, Judgement]:
        if not texts:
            return {}
        vectors = self._encoder.vectors(texts)
        return {text: self._said(vector) for text, vector in zip(texts, vectors, strict=True)}

    def _said(self, vector: Vector) -> Judgement:
        scores = {head.task: head.scores(vector) for head in self._heads}
        best = {task: max(of, key=of.__getitem__) for task, of in scores.items()}
        return Judgement(
            sentiment=cast("Sentiment", best["sentiment"]),
            urgency=cast("Urgency", best["urgency"]),
            theme=cast("Theme", best["theme"]),
            model=self.name,
            sentiment_scores=scores["sentiment"],
            urgency_scores=scores["urgency"],
            theme_scores=scores["theme"],
        )

    def _unscored(self, reason: str) -> Judgement:
        return Judgement(sentiment="unscored", urgency="unscored", theme="unscored", model=self.name, reason=reason)

    def _recall(self, texts: set[str]) -> dict[str, Judgement]:
        with self._lock:
            known = {text: self._remembered[text] for text in texts if text in self._remembered}
            for text in known:
                self._remembered.move_to_end(text)
        return known

    def _remember(self, fresh: dict[str, Judgement]) -> None:
        with self._lock:
            self._remembered.update(fresh)
            while len(self._remembered) > REMEMBERED:
                self._remembered.popitem(last=False)


class _Linear:
    """A head ready to compute, one text at a time."""

    def __init__(self, head: bundle.Head) -> None:
        self.task, self._labels = head.task, head.labels
        self._weights = np.array(head.weights, np.float64) / head.temperature
        self._bias = np.array(head.bias, np.float64) / head.temperature
        if self._weights.ndim != _LABELLED or len(self._weights) != len(head.labels):
            raise ModelError(f"the head {head.task} does not fit its labels: rebuild with `{bundle.BUILD}`")

    def scores(self, vector: Vector) -> dict[str, float]:
        logits = (self._weights * vector.astype(np.float64)).sum(axis=1) + self._bias
        shares = np.exp(logits - logits.max())
        shares /= shares.sum()
        return {label: round(float(share), _DECIMALS) for label, share in zip(self._labels, shares, strict=True)}


def _unjudgeable(words: str, lang: str) -> str:
    if not words:
        return "there is no text to judge"
    if not any(map(str.isalpha, words)):
        return "there are no words to judge"
    if lang not in {*SUPPORTED_LANGUAGES, "und"}:
        return f"the language {lang!r} is not one of {', '.join(SUPPORTED_LANGUAGES)}"
    return ""
