"""What the teacher makes of posts, for a student to learn from.

It is asked once for each post, as the post stands; the student meets the post in every epoch, each time typed
otherwise, and learns to read it as the teacher reads the original.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from models.training import batches, judge
from models.training.corpus import Row
from models.training.network import Network


class Teacher:
    """A trained network that answers, and remembers what it answered."""

    def __init__(self, network: Network, tokenizer: batches.Splitter, device: torch.device) -> None:
        self._network, self._tokenizer = network, tokenizer
        self._device = device
        self._known: dict[tuple[str, str], Tensor] = {}

    def read(self, rows: Sequence[Row]) -> None:
        """Read those of these posts that it has not read yet."""
        new = list({(row.text, row.brand): row for row in rows if (row.text, row.brand) not in self._known}.values())
        pooled = judge.pooled(self._network, new, self._tokenizer)
        self._known |= {(row.text, row.brand): one for row, one in zip(new, pooled.to(torch.float16), strict=True)}

    def said(self, rows: Sequence[Row]) -> tuple[Tensor, dict[str, Tensor]]:
        """Of posts it has read: what its heads read (rows, 2 * width), and every task's logits (rows, labels)."""
        pooled = torch.stack([self._known[row.text, row.brand] for row in rows]).float().to(self._device)
        with torch.no_grad():
            return pooled, self._network.answers(pooled)
