"""The judge at run time: texts in, sentiment, urgency and theme out.

A text's answer is the same whatever else is in the batch: texts of one run have equal length (no padding), the
encoder treats every token's row by itself, and pooling and heads work text by text in a fixed order.
"""

import threading
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import Self, cast

import msgspec
import numpy as np
import numpy.typing as npt
from tokenizers import Tokenizer

from domain.errors import ModelError
from domain.judgement import SUPPORTED_LANGUAGES, Judgeable, Judgement, Sentiment, Theme, Urgency
from models import bundle
from models.onnx import Encoder
from models.text import prepare

_RUN = 8  # texts of one run: larger is not faster on a CPU
_REMEMBERED = 4096
_DECIMALS = 4
_LABELLED = 2
_BEGIN, _END = 0, 2

Vector = npt.NDArray[np.float32]


class Judge:
    """The first rung: heads on a frozen multilingual encoder. Safe to call from several threads."""

    def __init__(self, encoder: Encoder, tokenizer: Tokenizer, heads: bundle.Heads, name: str) -> None:
        self.name = name
        self._encoder, self._tokenizer = encoder, tokenizer
        self._heads = [_Linear(head) for head in heads.heads]
        self._remembered: OrderedDict[str, Judgement] = OrderedDict()
        self._lock = threading.Lock()

    @classmethod
    def open(cls, path: Path | None, *, threads: int) -> Self:
        """Verify and load the artefact at `path`, or the product's own."""
        folder = path or bundle.DEFAULT
        manifest = bundle.verified(folder)
        heads = msgspec.json.decode((folder / bundle.HEADS).read_bytes(), type=bundle.Heads)
        tokenizer = Tokenizer.from_file(str(folder / bundle.TOKENIZER))
        return cls(Encoder(folder / bundle.ENCODER, threads=threads), tokenizer, heads, manifest.name)

    def classify(self, texts: Sequence[Judgeable]) -> list[Judgement]:
        """Judge each text, in order. Unsupported languages and texts without a word are `unscored`, with the reason."""
        prepared = [prepare(text.text) for text in texts]
        reasons = [_unjudgeable(words, text.lang) for words, text in zip(prepared, texts, strict=True)]
        wanted = {words for words, reason in zip(prepared, reasons, strict=True) if not reason}
        known = self._recall(wanted)
        fresh = self._judge(sorted(wanted - known.keys()))
        self._remember(fresh)
        known |= fresh
        return [self._unscored(r) if r else known[words] for words, r in zip(prepared, reasons, strict=True)]

    def vectors(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """The encoder's view of prepared texts, (texts, width): what the heads read and are trained on."""
        windows = [(number, window) for number, text in enumerate(self._encode(texts)) for window in text]
        windows.sort(key=lambda pair: len(pair[1]))
        sums: dict[int, Vector] = {}
        tokens = [0] * len(texts)
        for run in _runs(windows):
            pooled = self._encoder.pooled([window for _, window in run])[-1]
            for (number, window), vector in zip(run, pooled, strict=True):
                weighted = vector * np.float32(len(window))
                sums[number] = sums[number] + weighted if number in sums else weighted
                tokens[number] += len(window)
        return np.stack([sums[number] / np.float32(tokens[number]) for number in range(len(texts))])

    def _encode(self, texts: Sequence[str]) -> Iterator[list[list[int]]]:
        inside = bundle.MAX_TOKENS - 2
        for encoding in self._tokenizer.encode_batch_fast(texts, add_special_tokens=False):
            ids = encoding.ids[: bundle.WINDOWS * inside]
            yield [[_BEGIN, *ids[start : start + inside], _END] for start in range(0, max(1, len(ids)), inside)]

    def _judge(self, texts: list[str]) -> dict[str, Judgement]:
        if not texts:
            return {}
        vectors = self.vectors(texts)
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
            while len(self._remembered) > _REMEMBERED:
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


def _runs(windows: list[tuple[int, list[int]]]) -> Iterator[list[tuple[int, list[int]]]]:
    for _, same in groupby(windows, key=lambda pair: len(pair[1])):
        group = list(same)
        for start in range(0, len(group), _RUN):
            yield group[start : start + _RUN]


def _unjudgeable(words: str, lang: str) -> str:
    if not words:
        return "there is no text to judge"
    if not any(map(str.isalpha, words)):
        return "there are no words to judge"
    if lang not in {*SUPPORTED_LANGUAGES, "und"}:
        return f"the language {lang!r} is not one of {', '.join(SUPPORTED_LANGUAGES)}"
    return ""
