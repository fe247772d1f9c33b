"""Texts to vectors: tokens, windows, runs of equal length, the network, the mean.

A text's vectors are the same whatever else is asked for with it.
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from tokenizers import Tokenizer

from models import bundle
from models.mentioned import marked
from models.onnx import Network

_RUN_TEXTS = 8  # more is not faster on a CPU
_RUN_TOKENS = 256  # keeps the memory of one run small when texts are long
_BEGIN, _END = 0, 2
BRAND_TOKENS = 16
"""A longer brand name is cut."""

Vector = npt.NDArray[np.float32]


class Window(NamedTuple):
    """A part of a text as the network saw it: `length` in tokens, `vector` (2 * width)."""

    length: int
    vector: Vector


def sequence(text: list[int], brand: list[int]) -> list[int]:
    """What the network reads: the text's tokens, then the brand's when there is one, each closed by the end mark."""
    return [_BEGIN, *text, _END, *brand[:BRAND_TOKENS], _END] if brand else [_BEGIN, *text, _END]


class TextEncoder:
    """The tokenizer and the network of a model's folder. Safe to call from several threads."""

    def __init__(self, folder: Path, *, threads: int) -> None:
        self._tokenizer = Tokenizer.from_file(str(folder / bundle.TOKENIZER))
        self._network = Network(folder / bundle.NETWORK)
        self._brands: dict[str, list[int]] = {}
        # Whole runs side by side scale with the cores; the small matrices inside one run do not.
        self._workers = ThreadPoolExecutor(threads, "tocsin-judge") if threads > 1 else None

    def windows(self, texts: Sequence[str], brands: Sequence[str]) -> list[list[Window]]:
        """The windows of each prepared text, judged for its brand (may be empty), in reading order."""
        parts = [
            (number, place, ids)
            for number, text in enumerate(self._split(texts, brands))
            for place, ids in enumerate(text)
        ]
        parts.sort(key=lambda part: len(part[2]))
        found: list[dict[int, Window]] = [{} for _ in texts]
        # The longest first, so that no worker is left alone with one at the end.
        runs = list(_runs(parts))[::-1]
        tokens = [[ids for _, _, ids in run] for run in runs]
        pooled = (
            self._workers.map(self._network.pooled, tokens) if self._workers else map(self._network.pooled, tokens)
        )
        for run, vectors in zip(runs, pooled, strict=True):
            for (number, place, ids), vector in zip(run, vectors, strict=True):
                found[number][place] = Window(len(ids), vector)
        return [[of[place] for place in sorted(of)] for of in found]

    def _split(self, texts: Sequence[str], brands: Sequence[str]) -> Iterator[list[list[int]]]:
        told = list(map(marked, texts, brands))
        encoded = self._tokenizer.encode_batch_fast(told, add_special_tokens=False)
        for encoding, brand in zip(encoded, brands, strict=True):
            name = self._brand(brand)
            inside = bundle.MAX_TOKENS - len(sequence([], name))
            ids = encoding.ids[: bundle.WINDOWS * inside]
            yield [sequence(ids[start : start + inside], name) for start in range(0, max(1, len(ids)), inside)]

    def _brand(self, brand: str) -> list[int]:
        known = self._brands
        if len(known) > _BRANDS_KNOWN:
            known = self._brands = {}
        if brand not in known:
            known[brand] = self._tokenizer.encode(brand, add_special_tokens=False).ids[:BRAND_TOKENS]
        return known[brand]


_BRANDS_KNOWN = 20_000
_Part = tuple[int, int, list[int]]


def _runs(parts: Sequence[_Part]) -> Iterator[list[_Part]]:
    for length, same in groupby(parts, key=lambda part: len(part[2])):
        group = list(same)
        size = max(1, min(_RUN_TEXTS, _RUN_TOKENS // length))
        for start in range(0, len(group), size):
            yield group[start : start + size]
