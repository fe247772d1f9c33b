"""How good a network is on what was held out, while it is trained."""

import random
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from models.evaluation import macro_f1
from models.training import batches
from models.training.corpus import TASKS, Corpus, Row, some
from models.training.network import Network

Matrix = npt.NDArray[np.float32]


def pooled(network: Network, rows: Sequence[Row], tokenizer: batches.Splitter) -> Tensor:
    """What the heads read (rows, 2 * width) of every row, in the rows' order, on the CPU."""
    ids = batches.encoded(tokenizer, [row.text for row in rows], [row.brand for row in rows])
    numbered = [Row("", "", "", {}, "", str(n)) for n in range(len(rows))]
    found: list[Tensor] = [torch.empty(0)] * len(rows)
    device = next(network.parameters()).device
    with torch.inference_mode():
        for batch in batches.shuffled(numbered, ids, random.Random(0)):  # noqa: S311 - any order will do
            for row, vector in zip(batch.rows, network.pooled(torch.tensor(batch.ids, device=device)), strict=True):
                found[int(row.id)] = vector.cpu()
    return torch.stack(found) if found else torch.empty(0)


def logits(network: Network, rows: Sequence[Row], tokenizer: batches.Splitter) -> dict[str, Matrix]:
    """The network's logits (rows, labels) of every task, in the rows' order."""
    with torch.inference_mode():
        said = network.answers(pooled(network, rows, tokenizer).to(network.heads["sentiment"].weight.device))
    return {task: values.cpu().numpy() for task, values in said.items()}


def summary(network: Network, corpus: Corpus, tokenizer: batches.Splitter, most: int) -> dict[str, float]:
    """Macro-F1 in percent, by part and task, over at most `most` rows of a part."""
    figures: dict[str, float] = {}
    for part, rows in corpus.held.items():
        if not rows:
            continue
        few = some(rows, most)
        said = logits(network, few, tokenizer)
        for task in TASKS:
            places = [place for place, row in enumerate(few) if task in row.labels]
            if places:
                truth = np.array([few[place].labels[task] for place in places])
                figures[f"{part} {task}"] = round(100 * macro_f1(truth, said[task][places].argmax(1)), 1)
    return figures
