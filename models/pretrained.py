"""A sequence-classification model at work: text to windows of tokens, window to probabilities."""

from collections.abc import Sequence
from threading import Lock
from typing import Any, NamedTuple

WINDOWS = 4
"""A text longer than the model reads at a time is cut into windows; what stands behind the last is not read."""

BRAND_TOKENS = 16
"""A longer brand name is cut."""


class Window(NamedTuple):
    """A part of a text as the model reads it: `length` in tokens, `inputs` as tensors of (1, length) by name."""

    length: int
    inputs: dict[str, Any]


class Pretrained:
    """A tokenizer of transformers and a network of torch. Safe to call from several threads."""

    def __init__(
        self, tokenizer: Any, network: Any, *, labels: Sequence[str], longest: int, name: str, torch: Any
    ) -> None:
        """Take an opened model; `labels` are the task's, one for each of its outputs; `longest` is in tokens."""
        self.labels, self.name = labels, name
        self._tokenizer, self._network, self._longest, self._torch = tokenizer, network, longest, torch
        self._tokenizing = Lock()

    def one_thread(self) -> None:
        """Let what runs in the calling thread stay in it: texts side by side scale better than parts of one."""
        self._torch.set_num_threads(1)

    def windows(self, words: str, brand: str) -> list[Window]:
        """Cut a prepared text to what the model reads at a time, each window with the brand unless that is empty."""
        # A tokenizer keeps how it should cut as its own state, which two threads must not set at once.
        with self._tokenizing:
            name = self._cut(brand)
            cut = self._tokenizer(
                [words], [name] if name else None, truncation="only_first", max_length=self._longest,
                return_overflowing_tokens=True,
            )  # fmt: skip
        fields = [field for field in self._tokenizer.model_input_names if field in cut]
        return [
            Window(len(ids), {field: self._torch.tensor([cut[field][place]]) for field in fields})
            for place, ids in enumerate(cut["input_ids"][:WINDOWS])
        ]

    def shares(self, window: Window) -> list[float]:
        """Probabilities in the order of `labels`; not a number where the weights are broken."""
        with self._torch.inference_mode():
            (logits,) = self._network(**window.inputs).logits.double()
        shares: list[float] = self._torch.softmax(logits, 0).tolist()
        return shares

    def _cut(self, brand: str) -> str:
        if not brand:
            return ""
        places = self._tokenizer(brand, add_special_tokens=False, return_offsets_mapping=True)["offset_mapping"]
        return brand[: max((end for _, end in places[:BRAND_TOKENS]), default=0)]
