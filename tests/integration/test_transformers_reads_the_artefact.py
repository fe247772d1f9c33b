"""transformers reads the shipped model's folder: `AutoTokenizer` and `AutoConfig`, with the same tokens."""

import json
from functools import cache
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer

from models import bundle

transformers = pytest.importorskip("transformers", reason="transformers (of the extra `hub`) is not installed")

ODD = [
    "",
    "  two  spaces\tand\nlines ",
    "Ужасный сервис, деньги не вернули!!! Ёлка; й и й",
    "Қызмет көрсету нашар, ақшамды қайтармайды. ӘІҢҒҮҰҚӨҺ әіңғүұқөһ",
    "Příšerný servis, žluťoučký kůň úpěl ďábelské ódy",
    "خدمة سيئة جدًا، لم يُرجعوا المال ﷽ ٣٤٥",
    "Worst company ever, I can't even… naïve ﬁle №5 ½",
    "👨‍👩‍👧 😡😡 \U0001f1f0\U0001f1ff",
    "<s> </s> <pad> <unk> [CLS] ##a @user http",
    "▁metaspace\u200b\u202e\u0301 \ufeff",
    "word " * 400,
]


@cache
def theirs() -> Any:
    return transformers.AutoTokenizer.from_pretrained(bundle.DEFAULT, local_files_only=True)


@cache
def ours() -> Tokenizer:
    return Tokenizer.from_file(str(bundle.DEFAULT / bundle.TOKENIZER))


@pytest.mark.parametrize("text", ODD, ids=range(len(ODD)))
def test_odd_strings_get_the_same_tokens(text: str) -> None:
    assert theirs()(text)["input_ids"] == ours().encode(text).ids


@settings(max_examples=200)
@given(st.text(max_size=60))
def test_any_string_gets_the_same_tokens(text: str) -> None:
    assert theirs()(text)["input_ids"] == ours().encode(text).ids


def test_a_text_and_its_brand_get_the_same_tokens_as_a_pair() -> None:
    pair = "тағы кешікті", "Aurora Air"
    assert theirs()(*pair)["input_ids"] == ours().encode(*pair).ids


def test_the_marks_are_known_by_their_roles() -> None:
    marks = theirs()
    for role, mark in {
        "bos": "<s>", "cls": "<s>", "eos": "</s>", "sep": "</s>", "pad": "<pad>", "unk": "<unk>",
    }.items():  # fmt: skip
        assert getattr(marks, f"{role}_token") == mark
        assert getattr(marks, f"{role}_token_id") == ours().token_to_id(mark)


def test_the_tokenizer_knows_how_much_the_network_reads() -> None:
    assert theirs().model_max_length == bundle.MAX_TOKENS


def test_sizes_and_marks_of_the_configuration_are_those_of_the_model() -> None:
    config = transformers.AutoConfig.from_pretrained(bundle.DEFAULT, local_files_only=True)
    assert config.vocab_size == ours().get_vocab_size() == len(theirs())
    assert config.max_position_embeddings >= bundle.MAX_TOKENS
    assert config.hidden_size % config.num_attention_heads == 0
    for role in ("bos", "eos", "pad"):
        assert getattr(config, f"{role}_token_id") == getattr(theirs(), f"{role}_token_id")
    written = json.loads((bundle.DEFAULT / "config.json").read_text(encoding="utf-8"))
    assert {key: getattr(config, key) for key in written if key != "tocsin"} == {
        key: value for key, value in written.items() if key != "tocsin"
    }
