"""What the command line says of the model and hands on of its answers."""

import sys
from pathlib import Path
from typing import Any

import pytest

import models
from domain.errors import ModelError
from models.config import HubConfig
from models.hub import HubModel
from tests.kit.cli import rows, tocsin
from tests.kit.hub import Calm

LINE = b'{"id": 7, "text": "late again", "brand": "Aurora Air", "lang": "en"}\n'


@pytest.fixture
def loaded(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What the model was loaded with, call by call."""
    calls: list[dict[str, Any]] = []

    def load(path: Path | None = None, **asked: Any) -> Calm:
        calls.append({"path": path, **asked})
        return Calm()

    monkeypatch.setattr(models, "load", load)
    return calls


def configuration(folder: Path, model: str) -> Path:
    file = folder / "tocsin.toml"
    file.write_text(f'[[brand]]\nname = "Aurora Air"\n[model]\n{model}')
    return file


def test_classify_hands_on_every_answer_and_keeps_what_was_written(
    tmp_path: Path, loaded: list[dict[str, Any]]
) -> None:
    done = tocsin("classify", cwd=tmp_path, stdin=LINE)
    (said,) = rows(done.stdout)
    assert list(said) == [
        "id", "text", "brand", "lang", "sentiment", "sentiment_scores", "urgency", "urgency_scores", "theme",
        "theme_scores", "toxicity", "review",
    ]  # fmt: skip
    assert (said["id"], said["theme_scores"], said["toxicity"], said["review"]) == (7, {"other": 1.0}, 0.25, "")
    assert loaded == [{"path": None, "threads": 1}]


def test_classify_judges_as_a_configuration_says_and_flags_win(tmp_path: Path, loaded: list[dict[str, Any]]) -> None:
    hub = '[[model.hub]]\ntask = "theme"\nid = "someone/theirs"\n'
    file = configuration(tmp_path, f"threads = 3\nreview_below = 0.7\n{hub}")
    tocsin("classify", "--config", str(file), cwd=tmp_path, stdin=LINE)
    tocsin("classify", "--config", str(file), "--model", "mine", "--threads", "2", cwd=tmp_path, stdin=LINE)
    of_file, with_flags = loaded
    assert (of_file["path"], of_file["threads"], of_file["review_below"]) == (None, 3, 0.7)
    assert (with_flags["path"], with_flags["threads"]) == (tmp_path / "mine", 2)
    assert with_flags["hub"] == (HubConfig(task="theme", id="someone/theirs"),)


@pytest.mark.usefixtures("loaded")
def test_doctor_says_which_models_answer(tmp_path: Path) -> None:
    configuration(tmp_path, '[[model.hub]]\ntask = "theme"\nid = "someone/theirs"\n')
    found = rows(tocsin("doctor", "--json", cwd=tmp_path).stdout)
    (model,) = [finding for finding in found if finding["part"] == "model"]
    assert (model["name"], model["detail"]) == ("built-in, someone/theirs for theme", "calm-1 answers")


def test_doctor_names_the_missing_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("models.classifier.Judge.open", lambda *_, **__: Calm())
    configuration(tmp_path, '[[model.hub]]\ntask = "theme"\npath = "mine"\n')
    monkeypatch.setitem(sys.modules, "torch", None)
    done = tocsin("doctor", "--json", cwd=tmp_path)
    (model,) = [finding for finding in rows(done.stdout) if finding["part"] == "model"]
    assert (done.returncode, model["ok"]) == (1, False)
    assert model["detail"] == (
        "model.hub[0] needs the Python package torch: pip install 'tocsin[hub]', or take the table out"
    )


def test_without_the_extra_the_error_names_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(
        ModelError, match=r"model\.hub\[1\] needs the Python package torch: pip install 'tocsin\[hub\]'"
    ):
        HubModel.open(HubConfig(task="theme", id="someone/theirs"), key="model.hub[1]", threads=1)
