"""Any sequence-classification model of Hugging Face as the answer to one task, beside or instead of the shipped one.

Texts are run one by one, each on one thread, so an answer never depends on the rest of the batch or on `threads`.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import Self

from domain.judgement import Judgeable
from models.config import LABELS, HubConfig
from models.layered import Answer
from models.pretrained import Pretrained
from models.text import named, prepare, unjudgeable

REMEMBERED = 4096
"""How many answered texts are kept: reposts and copied texts cost nothing."""

_DECIMALS = 4


class HubModel:
    """A pretrained model and what its labels mean. Safe to call from several threads."""

    def __init__(self, config: HubConfig, pretrained: Pretrained, *, threads: int) -> None:
        self.task: str = config.task
        self.name = pretrained.name
        self._config, self._pretrained = config, pretrained
        self._scores = lru_cache(REMEMBERED)(self._read)
        self._workers = ThreadPoolExecutor(threads, "tocsin-hub", initializer=pretrained.one_thread)

    @classmethod
    def open(cls, config: HubConfig, *, key: str, threads: int) -> Self:
        """Load what `config` names, a table that stands at `key` of the configuration.

        Raises ModelError when there is no such model or it does not choose one label a text, and ConfigError when
        its labels are not those of the configuration.
        """
        from models.hub_opening import pretrained  # loads torch and transformers

        return cls(config, pretrained(config, key), threads=threads)

    def answer(self, texts: Sequence[Judgeable]) -> list[Answer]:
        """Answer for each text; without words or in a language that is not configured it is `unscored`."""
        asked = [(prepare(text.text), self._pair(text.brand)) for text in texts]
        reasons = [
            unjudgeable(words, text.lang, self._config.languages)
            for (words, _), text in zip(asked, texts, strict=True)
        ]
        fresh = list(dict.fromkeys(key for key, reason in zip(asked, reasons, strict=True) if not reason))
        known = dict(zip(fresh, self._workers.map(self._scores, *zip(*fresh, strict=True)), strict=True))
        return [
            Answer("unscored", {}, reason) if reason else _likeliest(known[key])
            for key, reason in zip(asked, reasons, strict=True)
        ]

    def _pair(self, brand: str) -> str:
        return named(brand) if self._config.brand == "pair" else ""

    def _read(self, words: str, brand: str) -> dict[str, float]:
        """Probabilities by the task's labels; windows weigh by their length."""
        windows = self._pretrained.windows(words, brand)
        total = sum(window.length for window in windows)
        scores = dict.fromkeys(LABELS[self._config.task], 0.0)
        for window in windows:
            shares = self._pretrained.shares(window)
            for label, share in zip(self._pretrained.labels, shares, strict=True):
                scores[label] += share * window.length / total
        return {label: round(share, _DECIMALS) for label, share in scores.items()}


def _likeliest(scores: dict[str, float]) -> Answer:
    return Answer(max(scores, key=scores.__getitem__), scores)
