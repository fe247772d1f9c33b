"""Train the judge's network: several tasks at once, from the published encoder or from a larger network's answers.

    python -m models.training.train --sets ../shared/data --work /tmp/judge --layers 12 --epochs 4

Seeded, logged (`log.jsonl`), resumable: started again on the same folder, it goes on from its last checkpoint. On a
CPU that has them, products run in bfloat16 beside float32 master weights.
"""

import argparse
import json
import math
import random
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer
from torch import Tensor, nn

from models import bundle
from models.fasttext import LANGUAGES, probabilities
from models.training import batches, e5_file, judge, vocabulary
from models.training.corpus import TASKS, Corpus, read
from models.training.network import Base, Network

TASK_WEIGHTS = {"sentiment": 1.0, "urgency": 1.0, "theme": 0.7, "toxicity": 0.3}
PART_WEIGHTS = {"priority": 0.3, "umsab others": 0.5}
_PRIOR = 0.5
"""How much of a set's own label balance is told to the loss instead of being learnt: half-way between the two."""
_NEAR = 3.0
"""Urgency is ordinal: a label's neighbours get exp(-_NEAR) of its weight."""
_CLIP, _DECAY, _WARM = 1.0, 0.01, 0.05
_TOGETHER = 2
_SAVE_EVERY_S = 300
_LOG_EVERY = 50


@dataclass(frozen=True)
class Settings:
    """One training run; written into its log."""

    layers: int
    epochs: int
    rate: float
    seed: int
    head_rate: float = 6e-4
    dropout: float = 0.1
    teach: float = 0.6
    """With a teacher: the share of its answers in the loss, the rest is the labels'."""
    warmth: float = 2.0


class Loss:
    """The loss of a batch; knows every part's label balance."""

    def __init__(self, corpus: Corpus, device: torch.device) -> None:
        self._device = device
        self._priors: dict[tuple[str, str], Tensor] = {}
        for part, rows in corpus.train.items():
            for task, labels in TASKS.items():
                counts = torch.ones(len(labels))
                for row in rows:
                    if task in row.labels:
                        counts[row.labels[task]] += 1
                key = (rows[0].part if rows else part, task)
                self._priors[key] = (_PRIOR * torch.log(counts / counts.sum())).to(device)

    def __call__(self, batch: batches.Batch, logits: dict[str, Tensor], taught: dict[str, Tensor] | None, settings: Settings) -> Tensor:
        """Summed over rows and tasks."""
        total = torch.zeros((), device=self._device)
        for task, weight in TASK_WEIGHTS.items():
            places = [place for place, row in enumerate(batch.rows) if task in row.labels]
            if places:
                total = total + weight * self._labels(task, batch, places, logits[task])
            if taught is not None:
                total = total + weight * _distance(logits[task], taught[task], settings)
        return total

    def _labels(self, task: str, batch: batches.Batch, places: list[int], logits: Tensor) -> Tensor:
        rows = [batch.rows[place] for place in places]
        offsets = torch.stack([self._priors[row.part, task] for row in rows])
        truth = torch.tensor([row.labels[task] for row in rows], device=self._device)
        weights = torch.tensor([PART_WEIGHTS.get(row.part, 1.0) for row in rows], device=self._device)
        shares = torch.log_softmax(logits[places] + offsets, -1)
        if task == "urgency":
            steps = torch.arange(shares.shape[1], device=self._device)
            wanted = torch.softmax(-_NEAR * (steps[None] - truth[:, None]).abs().float(), -1)
            losses = -(wanted * shares).sum(-1)
        else:
            losses = nn.functional.nll_loss(shares, truth, reduction="none")
        return (losses * weights).sum()


def _distance(logits: Tensor, taught: Tensor, settings: Settings) -> Tensor:
    warm = settings.warmth
    ours, theirs = torch.log_softmax(logits / warm, -1), torch.log_softmax(taught / warm, -1)
    share = settings.teach / (1 - settings.teach)
    return share * warm**2 * nn.functional.kl_div(ours, theirs, reduction="sum", log_target=True)


class Training:
    """A network under training: low-precision weights that compute, float32 masters that learn."""

    def __init__(self, network: Network, settings: Settings, device: torch.device) -> None:
        self.network, self.settings, self.device = network, settings, device
        self.names = [name for name, one in network.named_parameters() if one.requires_grad]
        given = dict(network.named_parameters())
        self.masters = {name: given[name].detach().clone().float().to(device) for name in self.names}
        for tensor in self.masters.values():
            tensor.requires_grad_(True)
        lower_precision(network).to(device)
        plain = [n for n in self.names if not n.startswith("heads.")]
        groups = [
            {"params": [self.masters[n] for n in plain if self.masters[n].ndim > 1], "weight_decay": _DECAY, "base": settings.rate},
            {"params": [self.masters[n] for n in plain if self.masters[n].ndim == 1], "weight_decay": 0.0, "base": settings.rate},
            {"params": [self.masters[n] for n in self.names if n.startswith("heads.")], "weight_decay": _DECAY, "base": settings.head_rate},
        ]  # fmt: skip
        self.optimizer = torch.optim.AdamW(groups, lr=settings.rate, betas=(0.9, 0.98), fused=True)
        self._parameters = dict(network.named_parameters())

    def step(self, progress: float) -> None:
        """Apply the gathered gradients; `progress` in [0, 1] places us on the rate's curve."""
        rise, fall = progress / _WARM, (1 - progress) / (1 - _WARM)
        for group in self.optimizer.param_groups:
            group["lr"] = group["base"] * max(0.0, min(rise, fall))
        for name in self.names:
            grad = self._parameters[name].grad
            self.masters[name].grad = torch.zeros_like(self.masters[name]) if grad is None else grad.float()
        nn.utils.clip_grad_norm_(self.masters.values(), _CLIP)
        self.optimizer.step()
        with torch.no_grad():
            for name in self.names:
                self._parameters[name].copy_(self.masters[name])
                self._parameters[name].grad = None


def lower_precision(network: Network) -> Network:
    """Everything but the heads and the frozen words in bfloat16."""
    network.layers.to(torch.bfloat16)
    network.eln.to(torch.bfloat16)
    network.places.data = network.places.data.to(torch.bfloat16)
    return network


def base() -> Base:
    """The published encoder with the product's vocabulary."""
    encoder = e5_file.read(e5_file.locate())
    detect = probabilities()
    return Base(encoder, vocabulary.kept(encoder, lambda word: detect(word, LANGUAGES)))


def fit(training: Training, corpus_of: Any, tokenizer: Tokenizer, work: Path, teacher: Network | None = None) -> None:
    """Run all epochs, from the last checkpoint in `work` when there is one. `corpus_of()` reads the rows."""
    settings, at = training.settings, _restore(training, work)
    log = (work / "log.jsonl").open("a", encoding="utf-8")
    _say(log, {"settings": asdict(settings), "from": at})
    saved = time.monotonic()
    for number in range(at[0], settings.epochs):
        corpus = corpus_of()
        loss_of = Loss(corpus, training.device)
        plan = batches.epoch(corpus, tokenizer, seed=settings.seed, number=number)
        started, rows, lost = time.monotonic(), 0, 0.0
        first = at[1] if number == at[0] else 0
        training.network.train()
        for place in range(first, len(plan), _TOGETHER):
            together = plan[place : place + _TOGETHER]
            count = sum(len(batch.rows) for batch in together)
            for batch in together:
                ids = torch.tensor(batch.ids, device=training.device)
                taught = None
                if teacher is not None:
                    with torch.inference_mode():
                        taught = teacher(ids)
                    taught = {task: one.clone() for task, one in taught.items()}
                loss = loss_of(batch, training.network(ids, settings.dropout), taught, settings) / count
                loss.backward()
                lost += float(loss.detach()) * count
            training.step((number + place / len(plan)) / settings.epochs)
            rows += count
            if place // _TOGETHER % _LOG_EVERY == _LOG_EVERY - 1:
                rate = rows / (time.monotonic() - started)
                _say(log, {"epoch": number, "at": f"{place}/{len(plan)}", "loss": round(lost / rows, 4), "rows/s": round(rate, 1)})
            if time.monotonic() - saved > _SAVE_EVERY_S:
                _keep(training, work, (number, place + _TOGETHER))
                saved = time.monotonic()
        _keep(training, work, (number + 1, 0))
        network = training.network.eval()
        _say(log, {"epoch": number, "held": judge.summary(network, corpus, tokenizer, most=600)})
    log.close()


def _keep(training: Training, work: Path, at: tuple[int, int]) -> None:
    fresh = work / "checkpoint.new"
    torch.save({"at": at, "masters": training.masters, "optimizer": training.optimizer.state_dict()}, fresh)
    fresh.rename(work / "checkpoint.pt")


def _restore(training: Training, work: Path) -> tuple[int, int]:
    path = work / "checkpoint.pt"
    if not path.exists():
        return (0, 0)
    kept = torch.load(path, map_location=training.device, weights_only=True)
    with torch.no_grad():
        for name, tensor in kept["masters"].items():
            training.masters[name].copy_(tensor)
            dict(training.network.named_parameters())[name].copy_(tensor)
    training.optimizer.load_state_dict(kept["optimizer"])
    return tuple(kept["at"])


def _say(log: Any, what: dict[str, Any]) -> None:
    line = json.dumps(what, ensure_ascii=False)
    log.write(line + "\n")
    log.flush()
    print(line, flush=True)


def main() -> None:
    """Parse the command line and train."""
    parser = argparse.ArgumentParser(description="Train the judge's network.")
    parser.add_argument("--sets", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--layers", type=int, default=12)
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--rate", type=float, default=6e-5)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--stated-only", action="store_true")
    chosen = parser.parse_args()
    chosen.work.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(chosen.seed)
    torch.set_num_threads(2)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    source = base()
    tokenizer = Tokenizer.from_str(vocabulary.tokenizer_json(source.encoder, source.ids))
    settings = Settings(chosen.layers, chosen.epochs, chosen.rate, chosen.seed)
    training = Training(source.network(chosen.layers), settings, device)
    fit(training, lambda: read(chosen.sets, stated_only=chosen.stated_only), tokenizer, chosen.work)


if __name__ == "__main__":
    main()
