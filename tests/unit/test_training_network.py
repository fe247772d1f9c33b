"""The network under training, the shipped graph of it, and a training that goes on after being killed."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed: `make setup-train`")
pytest.importorskip("onnx", reason="onnx is not installed: `make setup-train`")

from tokenizers import Tokenizer  # noqa: E402

from domain.errors import ModelError  # noqa: E402
from models import bundle, onnx  # noqa: E402
from models.training import batches, export, graph, train  # noqa: E402
from models.training.corpus import TASKS, Corpus, Row  # noqa: E402
from models.training.e5_file import Shape, Tensor4  # noqa: E402
from models.training.network import Network  # noqa: E402
from models.training.teacher import Teacher  # noqa: E402

SHAPE = Shape(hidden=64, layers=3, heads=2, feed_forward=128, vocabulary=120_000, positions=128, epsilon=1e-12)
WORDS = 120


def words() -> Tensor4:
    chance = np.random.default_rng(0)
    nibbles = chance.integers(0, 16, (WORDS, 2, 32), dtype=np.uint8)
    return Tensor4(nibbles, chance.uniform(0.02, 0.05, (WORDS, 2)).astype(np.float32))


def network(*, short: bool, layers: int = 3) -> Network:
    torch.manual_seed(0)
    made = Network(SHAPE, layers, torch.from_numpy(words().dequantised()), short=short)
    for layer in made.layers:
        for part in (layer.qkv, layer.ao, layer.fi, layer.fo):
            torch.nn.init.normal_(part.weight, std=0.12)
    made.eval()
    return made


def settled(made: Network) -> Network:
    """The network with ranges watched on random texts, rounding."""
    for site in made.sites():
        site.watching = True
    with torch.inference_mode():
        for _ in range(3):
            made(torch.randint(4, WORDS, (16, 12)))
    for site in made.sites():
        site.watching, site.rounding = False, True
    return made


def shipped(made: Network, folder: Path) -> onnx.Network:
    (folder / "model.onnx").write_bytes(
        graph.build(export.trained(SHAPE, words(), made)).SerializeToString(deterministic=True)
    )
    return onnx.Network(folder / "model.onnx")


@pytest.mark.parametrize("short", [True, False])
def test_the_shipped_graph_computes_what_was_trained(tmp_path: Path, short: bool) -> None:  # noqa: FBT001
    made = settled(network(short=short))
    ids = torch.randint(4, WORDS, (5, 9))
    found = shipped(made, tmp_path).pooled(ids.tolist())
    with torch.inference_mode():
        expected = made.pooled(ids).numpy()
    likeness = (found * expected).sum(1) / np.linalg.norm(found, axis=1) / np.linalg.norm(expected, axis=1)
    assert likeness.min() > 0.999


def test_rounding_changes_little_and_clipped_values_get_no_gradient() -> None:
    made = network(short=True)
    ids = torch.randint(4, WORDS, (8, 12))
    with torch.inference_mode():
        exact = made.pooled(ids)
        rounded = settled(made).pooled(ids)
    assert torch.nn.functional.cosine_similarity(exact, rounded).min() > 0.99
    site = made.sites()[0]
    state = torch.full((1, 64), 1000.0, requires_grad=True)
    site(state).sum().backward()
    assert state.grad is not None
    assert not state.grad.any()


def corpus() -> Corpus:
    """Posts of which half say a good word and half a bad one."""
    rows = [
        Row(f"post {n} was {'good' if n % 2 else 'bad'}", "Aurora" if n % 3 else "", "en",
            {"sentiment": 2 * (n % 2), "urgency": n % 4, "theme": n % 14, "toxicity": n % 2}, "written en", str(n))
        for n in range(60)
    ]  # fmt: skip
    return Corpus({"written en": rows[:48]}, {"written en": rows[48:]})


def tokenizer() -> Tokenizer:
    """The product's tokenizer with every token folded into the test's few."""
    return Tokenizer.from_file(str(bundle.DEFAULT / bundle.TOKENIZER))


class Folded:
    """A tokenizer whose ids fit the small vocabulary."""

    def __init__(self) -> None:
        self._inner = tokenizer()

    def encode_batch_fast(self, input: Sequence[str], *, add_special_tokens: bool) -> list["Ids"]:  # noqa: A002  # its name
        encoded = self._inner.encode_batch_fast(list(input), add_special_tokens=add_special_tokens)
        return [Ids([4 + i % (WORDS - 4) for i in one.ids]) for one in encoded]


class Ids:
    def __init__(self, ids: list[int]) -> None:
        self.ids = ids


SETTINGS = train.Settings(layers=2, epochs=3, rate=1e-3, seed=5, short=True, watch_from=0.3, round_from=0.6)


def start(settings: train.Settings = SETTINGS) -> train.Training:
    return train.Training(network(short=True, layers=2), settings, torch.device("cpu"))


class Killed(Exception):
    pass


@pytest.mark.parametrize("checkpoint", [1, 2, 4, 7])
def test_a_training_killed_after_any_checkpoint_goes_on_as_if_it_had_not_been(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, checkpoint: int
) -> None:
    monkeypatch.setattr(train, "_SAVE_EVERY_S", -1.0)
    whole, part = tmp_path / "whole", tmp_path / "part"
    whole.mkdir()
    part.mkdir()
    straight = start()
    train.fit(straight, corpus(), Folded(), whole)
    keep, kept = train._Checkpoint.keep, count(1)

    def dying(*given: Any) -> None:
        keep(*given)
        if next(kept) == checkpoint:
            raise Killed

    monkeypatch.setattr(train._Checkpoint, "keep", dying)
    with pytest.raises(Killed):
        train.fit(start(), corpus(), Folded(), part)
    resumed = start()
    train.fit(resumed, corpus(), Folded(), part)
    for name, tensor in straight.masters.items():
        assert torch.equal(tensor, resumed.masters[name]), name


def test_a_network_that_is_not_to_round_never_does(tmp_path: Path) -> None:
    exact = start(replace(SETTINGS, epochs=1, watch_from=1.0, round_from=1.0))
    train.fit(exact, corpus(), Folded(), tmp_path)
    assert not any(site.rounding or site.watching for site in exact.network.sites())


def test_a_checkpoint_of_other_posts_or_other_settings_is_refused(tmp_path: Path) -> None:
    settings = replace(SETTINGS, epochs=1)
    train.fit(start(settings), corpus(), Folded(), tmp_path)
    fewer = Corpus({"written en": corpus().train["written en"][1:]}, {})
    with pytest.raises(ModelError, match="other posts"):
        train.fit(start(settings), fewer, Folded(), tmp_path)
    with pytest.raises(ModelError, match="other settings"):
        train.fit(start(replace(settings, seed=6)), corpus(), Folded(), tmp_path)


def test_the_loss_is_told_what_is_drawn_and_keeps_most_of_a_sets_own_balance() -> None:
    rows = [Row("good", "", "en", {"toxicity": 0}, "offensive")] * 59 + [
        Row("bad", "", "en", {"toxicity": 1}, "offensive")
    ] * 19
    drawn = rows[40:78]
    loss = train.Loss(Corpus({"offensive": rows}, {}), [batches.Batch(drawn, [])], torch.device("cpu"))
    own, told = torch.tensor([60 / 80, 20 / 80]), torch.tensor([20 / 40, 20 / 40])
    logits = torch.tensor([[0.3, -0.4], [0.1, 0.2]])
    said = {task: logits if task == "toxicity" else torch.zeros(2, len(of)) for task, of in TASKS.items()}
    batch = batches.Batch([rows[0], rows[-1]], [])
    expected = torch.log_softmax(logits + told.log() - 0.65 * own.log(), -1)
    lost = loss(batch, torch.zeros(2, 8), said, None, SETTINGS)
    assert float(lost) == pytest.approx(-0.3 * float(expected[0, 0] + expected[1, 1]), rel=1e-5)


def test_training_learns_what_the_words_say(tmp_path: Path) -> None:
    training = start()
    train.fit(training, corpus(), Folded(), tmp_path)
    held = corpus().held["written en"]
    ids = batches.encoded(Folded(), [row.text for row in held], [row.brand for row in held])
    with torch.inference_mode():
        said = [int(training.network(torch.tensor([one]))["sentiment"].argmax()) for one in ids]
    right = sum(place == row.labels["sentiment"] for place, row in zip(said, held, strict=True))
    assert right > 0.8 * len(held)


def test_a_student_learns_its_teachers_answers(tmp_path: Path) -> None:
    teacher = train.lower_precision(network(short=True))
    unlabelled = [Row(row.text, row.brand, row.lang, {}, row.part) for row in corpus().train["written en"]]
    silent = Corpus({"written en": unlabelled}, {})
    student = start(replace(SETTINGS, epochs=12, rate=3e-3, dropout=0.0))
    ids = batches.encoded(Folded(), [row.text for row in unlabelled], [row.brand for row in unlabelled])

    def apart() -> float:
        """How far the answers are from each other, summed over posts."""
        total = 0.0
        with torch.inference_mode():
            for one in map(torch.tensor, ids):
                ours, theirs = student.network(one[None])["theme"], teacher(one[None])["theme"]
                total += float((ours.softmax(-1) - theirs.softmax(-1)).abs().sum())
        return total

    before = apart()
    train.fit(student, silent, Folded(), tmp_path, Teacher(teacher, Folded(), torch.device("cpu")))
    assert apart() < 0.8 * before


def test_every_task_has_a_head_of_its_labels() -> None:
    said = network(short=True)(torch.randint(4, WORDS, (2, 5)))
    assert {task: values.shape[1] for task, values in said.items()} == {task: len(of) for task, of in TASKS.items()}
