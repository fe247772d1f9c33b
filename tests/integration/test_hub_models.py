"""A real, tiny model of Hugging Face behind the classifier's protocol, and every way in which one may not fit."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from domain.errors import ConfigError, ModelError, TocsinError
from domain.judgement import SENTIMENTS, Judgeable
from models.config import HubConfig
from models.hub import HubModel
from models.layered import Answer
from models.pretrained import Window
from tests.kit.hub import LABELS, POSITIONS, Calm, sentiment_of, tiny_model
from tocsin.bootstrap import bootstrap
from tocsin.config import load

pytest.importorskip("torch", reason="the extra `hub` (torch, transformers) is not installed")
transformers = pytest.importorskip("transformers", reason="the extra `hub` (torch, transformers) is not installed")

KEY = "model.hub[0]"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_model(tmp_path_factory.mktemp("tiny"))


def opened(config: HubConfig, *, threads: int = 1) -> HubModel:
    return HubModel.open(config, key=KEY, threads=threads)


def one(model: HubModel, text: str, brand: str = "", lang: str = "en") -> Answer:
    return model.answer([Judgeable(text, brand, lang)])[0]


def refusal(config: HubConfig) -> TocsinError:
    with pytest.raises((ConfigError, ModelError)) as refused:
        opened(config)
    assert KEY in str(refused.value)
    return refused.value


def changed(folder: Path, to: Path, **settings: object) -> Path:
    """A copy with other settings in its config.json."""
    shutil.copytree(folder, to)
    file = to / "config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | settings))
    return to


def test_it_answers_with_the_tasks_labels_and_all_probabilities(folder: Path) -> None:
    said = one(opened(sentiment_of(folder)), "late again and nobody answers")
    assert tuple(said.scores) == SENTIMENTS
    assert sum(said.scores.values()) == pytest.approx(1, abs=0.001)
    assert said.scores[said.label] == max(said.scores.values())


def test_the_probabilities_are_those_of_the_model_itself(folder: Path) -> None:
    import torch

    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    network = transformers.AutoModelForSequenceClassification.from_pretrained(folder).eval()
    with torch.inference_mode():
        expected = network(**tokenizer("late again", return_tensors="pt")).logits.softmax(1)[0].tolist()
    said = one(opened(sentiment_of(folder)), "late again")
    assert list(said.scores.values()) == pytest.approx(expected, abs=1e-4)


def test_several_labels_of_the_model_may_mean_one_of_the_tasks(tmp_path: Path) -> None:
    stars = [f"{stars} stars" for stars in range(1, 6)]
    meant = dict(zip(stars, ["negative", "negative", "neutral", "positive", "positive"], strict=True))
    tiny_model(tmp_path, labels=stars)
    model = opened(sentiment_of(tmp_path, labels=meant))
    shares = model._pretrained.shares(model._pretrained.windows("late again", "")[0])
    expected = [shares[0] + shares[1], shares[2], shares[3] + shares[4]]
    assert list(one(model, "late again").scores.values()) == pytest.approx(expected, abs=1e-4)


def test_labels_are_left_out_where_the_models_own_are_the_tasks(tmp_path: Path) -> None:
    tiny_model(tmp_path, labels=["Positive", "NEGATIVE"])
    said = one(opened(HubConfig(task="sentiment", path=tmp_path)), "late again")
    assert said.scores["neutral"] == 0


def test_the_name_tells_the_model_and_changes_with_its_weights(folder: Path, tmp_path: Path) -> None:
    name, other = opened(sentiment_of(folder)).name, tiny_model(tmp_path / folder.name, weights=0.4)
    assert name.startswith(f"{folder.name}@")
    assert opened(sentiment_of(folder)).name == name != opened(sentiment_of(other)).name


def test_the_brand_is_ignored_unless_the_model_was_taught_pairs(folder: Path) -> None:
    alone, pair = opened(sentiment_of(folder)), opened(sentiment_of(folder, brand="pair"))
    assert one(alone, "late again", "Aurora Air") == one(alone, "late again", "Borealis Jet")
    assert one(pair, "late again", "Aurora Air") != one(pair, "late again", "Borealis Jet")
    assert one(pair, "late again") == one(alone, "late again")


def test_a_long_brand_leaves_room_for_the_text(folder: Path) -> None:
    pair = opened(sentiment_of(folder, brand="pair"))
    assert one(pair, "late again", "aurora " * 3 + "a" * 500) != one(pair, "on time", "aurora " * 3 + "b" * 500)
    assert one(pair, "late again", "\U0001f600").label in SENTIMENTS


def test_a_long_text_is_read_in_windows_that_the_model_can_read(folder: Path) -> None:
    model = opened(sentiment_of(folder))
    start = "late " * 60
    lengths = [window.length for window in model._pretrained.windows(start.strip(), "")]
    assert max(lengths) == POSITIONS - 2
    assert len(lengths) > 1
    assert one(model, start) != one(model, start[:60])
    assert one(model, "late " * 399 + "good") == one(model, "late " * 399 + "oops")


@pytest.mark.parametrize(
    ("text", "lang", "reason"),
    [
        ("", "en", "no text"),
        ("\u200b\u202e ", "ru", "no text"),
        ("😡 12 !!!", "und", "no words"),
        ("pozdě", "cs", "'cs' is not one of ru, kk"),
    ],
)
def test_what_it_cannot_answer_is_unscored_with_the_reason(folder: Path, text: str, lang: str, reason: str) -> None:
    said = one(opened(sentiment_of(folder, languages=("ru", "kk"))), text, lang=lang)
    assert (said.label, said.scores) == ("unscored", {})
    assert reason in said.reason


@pytest.mark.parametrize(
    "text", ["a" * 100_000, "漢字", "x\x00\ud800y", "<s> </s> <pad>", "خدمة ممتازة", "ẑ̸a̷l̴g̶o̵ " * 900]
)
def test_odd_texts_get_a_valid_answer(folder: Path, text: str) -> None:
    assert one(opened(sentiment_of(folder, brand="pair")), text, text, "und").label in SENTIMENTS


def test_identical_texts_are_read_once(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = opened(sentiment_of(folder))
    read: list[tuple[str, str]] = []
    windows = model._pretrained.windows

    def counted(words: str, brand: str) -> list[Window]:
        read.append((words, brand))
        return windows(words, brand)

    monkeypatch.setattr(model._pretrained, "windows", counted)
    model.answer([Judgeable("late   again", "A", "en"), Judgeable("late again", "B", "en")])
    model.answer([Judgeable("late again", "C", "ru")])
    assert read == [("late again", "")]


def test_every_label_without_a_meaning_is_named(folder: Path) -> None:
    refused = refusal(sentiment_of(folder, labels={"LABEL_0": "negative", "LABEL_9": "positive"}))
    assert isinstance(refused, ConfigError)
    unknown, unmapped = refused.problems
    assert unknown == f"model.hub[0].labels.LABEL_9: {folder} has no such label: it has LABEL_0, LABEL_1, LABEL_2"
    assert unmapped.startswith(f"model.hub[0].labels: what LABEL_1, LABEL_2 of {folder} means is not said")
    assert unmapped.endswith('add "LABEL_1" = ..., one of negative, neutral, positive')


def test_a_model_of_another_task_is_refused_with_its_labels(tmp_path: Path) -> None:
    tiny_model(tmp_path, labels=["joy", "anger"])
    assert "what joy, anger of" in str(refusal(HubConfig(task="sentiment", path=tmp_path)))


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"labels": ["LABEL_0"]}, "answers with a number"),
        ({"problem_type": "regression"}, "answers with a number"),
        ({"problem_type": "multi_label_classification"}, "any number of labels"),
        ({"task": "MaskedLM"}, "is a BertForMaskedLM, which does not classify texts"),
        ({"max_position_embeddings": 20}, "reads only 18 tokens at a time"),
    ],
)
def test_a_model_that_does_not_choose_one_label_is_refused(
    tmp_path: Path, settings: dict[str, object], sentence: str
) -> None:
    assert sentence in str(refusal(sentiment_of(tiny_model(tmp_path, **settings))))  # type: ignore[arg-type]


def test_a_head_that_was_never_trained_is_refused(tmp_path: Path) -> None:
    folder = tiny_model(tmp_path / "one", task="MaskedLM")
    pretending = changed(folder, tmp_path / "two", architectures=["BertForSequenceClassification"])
    assert "was never trained to classify" in str(refusal(sentiment_of(pretending)))


def test_broken_weights_are_refused(folder: Path, tmp_path: Path) -> None:
    copy = changed(folder, tmp_path / "copy")
    (copy / "model.safetensors").write_bytes(b"nothing")
    assert "cannot be opened" in str(refusal(sentiment_of(copy)))
    assert "is no number" in str(refusal(sentiment_of(tiny_model(tmp_path / "nan", weights=1e30))))


@pytest.mark.parametrize("missing", ["config.json", "model.safetensors", "tokenizer.json"])
def test_a_folder_that_is_not_whole_is_refused(folder: Path, tmp_path: Path, missing: str) -> None:
    copy = changed(folder, tmp_path / "copy")
    (copy / missing).unlink()
    assert str(copy) in str(refusal(sentiment_of(copy)))


def test_a_tokenizer_of_another_model_is_refused(folder: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(folder, tmp_path / "copy")
    foreign = transformers.AutoTokenizer.from_pretrained(copy)
    foreign.add_tokens([f"token{number}" for number in range(100)])
    foreign.save_pretrained(copy)
    assert "weights know only" in str(refusal(sentiment_of(copy)))


def test_code_that_lies_beside_a_model_is_not_run(folder: Path, tmp_path: Path) -> None:
    settings = {"model_type": "mine", "auto_map": {"AutoConfig": "mine.Mine"}}
    copy = changed(folder, tmp_path / "copy", **settings)
    (copy / "mine.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')")
    assert "cannot be opened" in str(refusal(sentiment_of(copy)))
    assert not (tmp_path / "ran").exists()


def test_a_folder_is_never_asked_for_on_the_network(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def asked(*_: object) -> None:
        raise AssertionError("the network was asked")

    monkeypatch.setattr("socket.socket.connect", asked)
    monkeypatch.setattr("socket.getaddrinfo", asked)
    assert one(opened(sentiment_of(folder)), "late again").label in SENTIMENTS


def test_a_name_on_the_hub_is_read_as_it_was_fetched(folder: Path, tmp_path: Path) -> None:
    fetched = tmp_path / "hub" / "models--someone--theirs"
    shutil.copytree(folder, fetched / "snapshots" / "c0ffee")
    (fetched / "refs").mkdir()
    (fetched / "refs" / "v1").write_text("c0ffee")
    code = (
        "from models.config import HubConfig; from models.hub import HubModel; import sys\n"
        "config = HubConfig(task='sentiment', id='someone/theirs', revision=sys.argv[1], "
        "labels=dict(LABEL_0='negative', LABEL_1='neutral', LABEL_2='positive'))\n"
        "print(HubModel.open(config, key='model.hub[0]', threads=1).name)"
    )
    environ = {**os.environ, "HF_HOME": str(tmp_path), "HF_HUB_OFFLINE": "1"}
    known, unknown = (
        subprocess.run(
            [sys.executable, "-c", code, revision], env=environ, capture_output=True, text=True, check=False
        )
        for revision in ("v1", "v2")
    )
    assert re.fullmatch(r"someone/theirs@[0-9a-f]{8}\n", known.stdout)
    assert "ModelError: model.hub[0]: someone/theirs cannot be opened" in unknown.stderr


def test_it_is_laid_over_the_shipped_judge_by_the_configuration(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("models.classifier.Judge.open", lambda *_, **__: Calm())
    labels = ", ".join(f'{label} = "{meant}"' for label, meant in LABELS.items())
    shutil.copytree(folder, tmp_path / "mine")
    file = tmp_path / "tocsin.toml"
    file.write_text(
        '[[brand]]\nname = "A"\n[model]\nreview_below = 1\n'
        f'[[model.hub]]\ntask = "sentiment"\npath = "mine"\nlabels = {{ {labels} }}\n'
    )
    classifier = bootstrap(load(file, environ={})).classifier()
    assert re.fullmatch(r"calm-1; sentiment by mine@[0-9a-f]{8}", classifier.name)
    (said,) = classifier.classify([Judgeable("late again", "A", "en")])
    assert said.model == classifier.name
    assert said.sentiment_scores == one(opened(sentiment_of(folder)), "late again").scores
    assert (said.urgency, said.review.count("is only")) == ("low", 2)


def test_transformers_is_loaded_only_for_a_hub_model() -> None:
    asked = "import sys, tocsin.bootstrap, models, models.hub; sys.exit('transformers' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", asked], check=False).returncode == 0
