"""Train the judge's network: several tasks at once, from the labels of posts and from what a teacher makes of them.

Seeded, logged (`log.jsonl`), resumable: started again on the same folder, it goes on from its last checkpoint.
Products run in bfloat16 beside float32 master weights: more than half as fast again on a CPU that has them.
"""

import json
import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TextIO

import torch
from torch import Tensor, nn

from domain.errors import ModelError
from models.fasttext import LANGUAGES, probabilities
from models.training import batches, e5_file, judge, vocabulary
from models.training.corpus import EVEN, TASKS, Corpus, Row, digest
from models.training.network import Base, Network
from models.training.teacher import Teacher

TASK_WEIGHTS = {"sentiment": 1.0, "urgency": 1.0, "theme": 0.7, "toxicity": 0.3}
PART_WEIGHTS = {"priority": 0.3, "umsab others": 0.5}
NATURAL = {("kazsandra", "sentiment"): (0.154, 0.025, 0.821)}
"""The balance of sets whose training part was evened out; KazSAnDRA's is that of its validation part."""
_NEAR = 3.0
"""Urgency is ordinal: a label's neighbours get exp(-_NEAR) of its weight."""
_CLIP, _DECAY, _WARM = 1.0, 0.01, 0.05
_TOGETHER = 2
_SAVE_EVERY_S = 300
_WATCH_EVERY = 20
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
    match: float = 1.0
    """With a teacher: the weight of how far the states under the heads are from the teacher's."""
    warmth: float = 2.0
    short: bool = False
    written_from: int = 0
    """The first epoch that sees the written posts."""
    watch_from: float = 1.0
    round_from: float = 1.0
    """Progress in [0, 1] from which ranges are watched, and activations rounded as in the shipped file; 1: never."""


class Loss:
    """The loss of a batch; knows the label balance of every part, and of what the epoch `plan` draws of it."""

    def __init__(self, corpus: Corpus, plan: Sequence[batches.Batch], device: torch.device) -> None:
        self._device = device
        own = _balance(row for rows in corpus.train.values() for row in rows)
        own |= {key: torch.tensor(shares).log() for key, shares in NATURAL.items() if key in own}
        drawn = _balance(row for batch in plan for row in batch.rows)
        self._told = {key: (of - (1 - EVEN) * own[key]).to(device) for key, of in drawn.items()}

    def __call__(
        self, batch: batches.Batch, pooled: Tensor, logits: dict[str, Tensor], teacher: Teacher | None,
        settings: Settings,
    ) -> Tensor:  # fmt: skip
        """Summed over rows and tasks."""
        total = torch.zeros((), device=self._device)
        read, taught = teacher.said(batch.rows) if teacher else (None, None)
        for task, weight in TASK_WEIGHTS.items():
            places = [place for place, row in enumerate(batch.rows) if task in row.labels]
            if places:
                total = total + weight * self._labels(task, batch, places, logits[task])
            if taught is not None:
                total = total + weight * _distance(logits[task], taught[task], settings)
        if read is not None:
            total = total + settings.match * ((pooled - read) ** 2).mean(-1).sum() / (read**2).mean()
        return total

    def _labels(self, task: str, batch: batches.Batch, places: list[int], logits: Tensor) -> Tensor:
        rows = [batch.rows[place] for place in places]
        offsets = torch.stack([self._told[row.part, task] for row in rows])
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


def _balance(rows: Iterable[Row]) -> dict[tuple[str, str], Tensor]:
    """The logarithm of every label's share, by part and task."""
    counts: dict[tuple[str, str], Tensor] = {}
    for row in rows:
        for task, label in row.labels.items():
            counts.setdefault((row.part, task), torch.ones(len(TASKS[task])))[label] += 1
    return {key: torch.log(of / of.sum()) for key, of in counts.items()}


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
            tensor.requires_grad = True
        lower_precision(network).to(device)
        plain = [n for n in self.names if not n.startswith("heads.")]
        groups = [
            self._group([n for n in plain if self.masters[n].ndim > 1], _DECAY, settings.rate),
            self._group([n for n in plain if self.masters[n].ndim == 1], 0.0, settings.rate),
            self._group([n for n in self.names if n.startswith("heads.")], _DECAY, settings.head_rate),
        ]
        self.optimizer = torch.optim.AdamW(groups, lr=settings.rate, betas=(0.9, 0.98), fused=True)
        self._parameters = dict(network.named_parameters())

    def _group(self, names: list[str], decay: float, rate: float) -> dict[str, Any]:
        return {"params": [self.masters[name] for name in names], "weight_decay": decay, "base": rate}

    def at(self, progress: float, step: int) -> None:
        """Watch ranges and round, or not, as the settings say for this moment."""
        settings = self.settings
        for site in self.network.sites():
            site.watching = settings.watch_from < 1 and progress >= settings.watch_from and step % _WATCH_EVERY == 0
            site.rounding = settings.round_from < 1 and progress >= settings.round_from

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
    for site in network.sites():
        site.float()
    return network


def base() -> Base:
    """The published encoder with the product's vocabulary."""
    encoder = e5_file.read(e5_file.locate())
    detect = probabilities()
    return Base(encoder, vocabulary.kept(encoder, lambda word: detect(word, LANGUAGES)))


def fit(
    training: Training,
    corpus: Corpus,
    tokenizer: batches.Splitter,
    work: Path,
    teacher: Teacher | None = None,
) -> None:
    """Run all epochs, from the last checkpoint in `work` when there is one.

    Raises ModelError when that checkpoint is of other settings or other rows.
    """
    kept = _Checkpoint(work / "checkpoint.pt", digest(corpus))
    first, place = kept.restore(training)
    with (work / "log.jsonl").open("a", encoding="utf-8") as log:
        _say(log, {"settings": asdict(training.settings), "from": [first, place]})
        for number in range(first, training.settings.epochs):
            epoch = _Epoch(training, corpus, number, kept, log)
            epoch.run(tokenizer, teacher, place if number == first else 0)
            kept.keep(training, (number + 1, 0))
            training.at((number + 1) / training.settings.epochs, 1)
            held = judge.summary(training.network.eval(), corpus, tokenizer, most=600)
            _say(log, {"epoch": number, "held": held})


class _Epoch:
    """One pass over the posts."""

    def __init__(self, training: Training, corpus: Corpus, number: int, kept: "_Checkpoint", log: TextIO) -> None:
        self._training, self._corpus, self._number = training, corpus, number
        self._kept, self._log = kept, log

    def run(self, tokenizer: batches.Splitter, teacher: Teacher | None, first: int) -> None:
        """Learn from every batch from place `first` on; keep a checkpoint now and then."""
        settings, number = self._training.settings, self._number
        written = number >= settings.written_from
        plan = batches.epoch(
            self._corpus, tokenizer, seed=settings.seed, number=number, written=written, taught=teacher is not None
        )
        if teacher is not None:
            teacher.read([row for batch in plan for row in batch.rows])
        loss = Loss(self._corpus, plan, self._training.device)
        started = saved = time.monotonic()
        rows, lost = 0, 0.0
        self._training.network.train()
        for place in range(first, len(plan), _TOGETHER):
            progress = (number + place / len(plan)) / settings.epochs
            self._training.at(progress, place // _TOGETHER)
            # What is dropped out must not depend on where the run began.
            torch.manual_seed(settings.seed * 1_000_003 + number * 100_003 + place)
            together = plan[place : place + _TOGETHER]
            lost += self._learn(together, teacher, loss)
            rows += sum(len(batch.rows) for batch in together)
            self._training.step(progress)
            now = time.monotonic()
            if place // _TOGETHER % _LOG_EVERY == _LOG_EVERY - 1:
                rate = round(rows / (now - started), 1)
                said = {"epoch": number, "at": f"{place}/{len(plan)}", "loss": round(lost / rows, 4), "rows/s": rate}
                _say(self._log, said)
            if now - saved > _SAVE_EVERY_S:
                self._kept.keep(self._training, (number, place + _TOGETHER))
                saved = now

    def _learn(self, together: list[batches.Batch], teacher: Teacher | None, loss: Loss) -> float:
        """Gather the gradients of these batches; their loss summed over rows."""
        training, total = self._training, 0.0
        count = sum(len(batch.rows) for batch in together)
        for batch in together:
            pooled = training.network.pooled(torch.tensor(batch.ids, device=training.device))
            said = training.network.answers(pooled, training.settings.dropout)
            lost = loss(batch, pooled, said, teacher, training.settings)
            (lost / count).backward()
            total += float(lost.detach())
        return total


@dataclass(frozen=True)
class _Checkpoint:
    """Where a training on `rows` (their digest) is kept."""

    path: Path
    rows: str

    def keep(self, training: Training, at: tuple[int, int]) -> None:
        """Keep everything that going on from epoch and place `at` needs."""
        fresh = self.path.with_suffix(".new")
        sites = [(site.low, site.high) for site in training.network.sites()]
        learnt = {"masters": training.masters, "sites": sites, "optimizer": training.optimizer.state_dict()}
        torch.save({**learnt, "at": at, "settings": asdict(training.settings), "rows": self.rows}, fresh)
        fresh.rename(self.path)

    def restore(self, training: Training) -> tuple[int, int]:
        """Give the training what was kept; the epoch and place to go on from."""
        if not self.path.exists():
            return (0, 0)
        kept = torch.load(self.path, map_location=training.device, weights_only=True)
        if (kept["settings"], kept["rows"]) != (asdict(training.settings), self.rows):
            raise ModelError(f"{self.path} is of other settings or other posts: give this training another folder")
        computing = dict(training.network.named_parameters())
        with torch.no_grad():
            for name, tensor in kept["masters"].items():
                training.masters[name].copy_(tensor)
                computing[name].copy_(tensor)
        restore_sites(training.network, kept)
        training.optimizer.load_state_dict(kept["optimizer"])
        return tuple(kept["at"])


def restore_sites(network: Network, kept: dict[str, Any]) -> None:
    """Give the network's roundings the ranges of a checkpoint."""
    for site, (low, high) in zip(network.sites(), kept["sites"], strict=True):
        site.low.copy_(low)
        site.high.copy_(high)


def grown(source: Base, path: Path) -> Network:
    """The network of a checkpoint, in float32, for evaluation."""
    kept = torch.load(path, map_location="cpu", weights_only=True)
    settings = kept["settings"]
    network = source.network(settings["layers"], short=settings["short"])
    network.load_state_dict(kept["masters"], strict=False)
    restore_sites(network, kept)
    network.eval()
    return network


def _say(log: TextIO, what: dict[str, Any]) -> None:
    line = json.dumps(what, ensure_ascii=False)
    log.write(line + "\n")
    log.flush()
    print(line, flush=True)
