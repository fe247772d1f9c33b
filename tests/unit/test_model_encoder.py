"""The built encoder against the weights it was built from."""

import numpy as np
import pytest
from tokenizers import Tokenizer

from models import bundle
from models.fasttext import LANGUAGES, probabilities
from models.text import prepare
from models.training import e5_file, vocabulary
from tests.kit import judge

SENTENCES = (
    "Aurora Air lost my suitcase, and nobody answers the phone since Monday!",
    "Третий час стоим на табло, а рейс так и не объявили",
    "Қосымша ашылмайды, ақшам қайда кетті?",
    "Balík nepřišel, zákaznická linka hodinu nebere",
    "التطبيق لا يعمل منذ الصباح والدعم لا يرد",
)


@pytest.fixture(scope="module")
def source() -> e5_file.Encoder:
    return e5_file.read(e5_file.locate())


@pytest.mark.parametrize("sentence", SENTENCES)
def test_the_vector_of_a_text_is_that_of_the_published_weights(source: e5_file.Encoder, sentence: str) -> None:
    tokenizer = Tokenizer.from_file(str(bundle.DEFAULT / bundle.TOKENIZER))
    place = {piece: number for number, piece in enumerate(source.pieces)}
    ids = [place[token] for token in tokenizer.encode(sentence).tokens]
    expected = judge.reference_vector(source, ids, judge.heads().layer)
    (found,) = judge.encoder().vectors([prepare(sentence)])
    likeness = float(found @ expected) / float(np.linalg.norm(found) * np.linalg.norm(expected))
    assert likeness > 0.998


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
