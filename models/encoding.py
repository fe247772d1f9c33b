"""Texts to vectors: tokens, windows, runs of equal length, the encoder, the mean.

The judge reads its vectors here at run time and its heads are trained on the same ones. A text's vector is the same
whatever else is asked for with it.
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import groupby
from pathlib import Path

import numpy as np
import numpy.typing as npt
from tokenizers import Tokenizer

from models import bundle
from models.onnx import Encoder

_RUN_TEXTS = 8  # more is not faster on a CPU
_RUN_TOKENS = 256  # keeps the memory of one run small when texts are long
_BEGIN, _END = 0, 2

BRAND_TOKENS = 16
"""A longer brand name is cut."""


def sequence(text: list[int], brand: list[int]) -> list[int]:
    """What the encoder reads: the text's tokens, then the brand's when there is one, each closed by the end mark."""
    return [_BEGIN, *text, _END, *brand[:BRAND_TOKENS], _END] if brand else [_BEGIN, *text, _END]


Window = tuple[int, list[int]]
Vector = npt.NDArray[np.float32]


class TextEncoder:
    """The tokenizer and the encoder of a model's folder. Safe to call from several threads."""

    def __init__(self, folder: Path, *, threads: int) -> None:
        self._tokenizer = Tokenizer.from_file(str(folder / bundle.TOKENIZER))
        self._encoder = Encoder(folder / bundle.ENCODER)
        # Whole runs side by side scale with the cores; the small matrices inside one run do not.
        self._workers = ThreadPoolExecutor(threads, "tocsin-judge")

    def vectors(self, texts: Sequence[str]) -> list[Vector]:
        """One vector of (width) a prepared text: the mean over all its tokens, window by window."""
        windows = [(number, window) for number, text in enumerate(self._windows(texts)) for window in text]
        windows.sort(key=lambda window: len(window[1]))
        parts: list[list[tuple[int, Vector]]] = [[] for _ in texts]
        runs = list(_runs(windows))
        # The longest first, so that no worker is left alone with one at the end.
        tokens_of = ([tokens for _, tokens in run] for run in reversed(runs))
        for run, pooled in zip(reversed(runs), self._workers.map(self._encoder.pooled, tokens_of), strict=True):
            for (number, tokens), vector in zip(run, pooled, strict=True):
                parts[number].append((len(tokens), vector))
        return [_mean(part) for part in parts]

    def _windows(self, texts: Sequence[str]) -> Iterator[list[list[int]]]:
        inside = bundle.MAX_TOKENS - 2
        for encoding in self._tokenizer.encode_batch_fast(texts, add_special_tokens=False):
            ids = encoding.ids[: bundle.WINDOWS * inside]
            yield [[_BEGIN, *ids[start : start + inside], _END] for start in range(0, max(1, len(ids)), inside)]


def _runs(windows: Sequence[Window]) -> Iterator[list[Window]]:
    for length, same in groupby(windows, key=lambda window: len(window[1])):
        group = list(same)
        size = max(1, min(_RUN_TEXTS, _RUN_TOKENS // length))
        for start in range(0, len(group), size):
            yield group[start : start + size]


def _mean(parts: list[tuple[int, Vector]]) -> Vector:
    # Longest first, whatever order the runs came in: a sum of floats depends on its order.
    parts.sort(key=lambda part: -part[0])
    total = np.float32(sum(length for length, _ in parts))
    return sum((vector * (np.float32(length) / total) for length, vector in parts), np.zeros_like(parts[0][1]))
