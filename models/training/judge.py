"""How good a network is on what was held out, while it is trained."""

import random
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch

from models.evaluation import macro_f1
from models.text import prepare
from models.training import batches
from models.training.corpus import TASKS, Corpus, Row
from models.training.network import Network

Matrix = npt.NDArray[np.float32]


def logits(network: Network, rows: Sequence[Row], tokenizer: batches.Splitter) -> dict[str, Matrix]:
    """The network's logits (rows, labels) of every task, in the rows' order."""
    ids = batches.encoded(tokenizer, [prepare(row.text) for row in rows], [row.brand for row in rows])
    numbered = [Row(str(n), "", "", {}, "") for n in range(len(rows))]
    found: dict[str, list[Matrix]] = {task: [np.empty(0, np.float32)] * len(rows) for task in TASKS}
    device = next(network.parameters()).device
    with torch.inference_mode():
        for batch in batches.shuffled(numbered, ids, random.Random(0)):  # noqa: S311 - any order will do
            said = network(torch.tensor(batch.ids, device=device))
            for task, values in said.items():
                for row, value in zip(batch.rows, values.float().cpu().numpy(), strict=True):
                    found[task][int(row.text)] = value
    return {task: np.array(values) for task, values in found.items()}


def summary(network: Network, corpus: Corpus, tokenizer: batches.Splitter, most: int) -> dict[str, float]:
    """Macro-F1 in percent, by part and task, over at most `most` rows of a part."""
    figures: dict[str, float] = {}
    for part, rows in corpus.held.items():
        some = rows if len(rows) <= most else random.Random(0).sample(rows, most)  # noqa: S311 - reproducible
        if not some:
            continue
        said = logits(network, some, tokenizer)
        for task in TASKS:
            places = [place for place, row in enumerate(some) if task in row.labels]
            if places:
                truth = np.array([some[place].labels[task] for place in places])
                figures[f"{part} {task}"] = round(100 * macro_f1(truth, said[task][places].argmax(1)), 1)
    return figures
