"""Which rows an epoch draws, and how often."""

import pytest
from tokenizers import Tokenizer

from models import bundle
from models.training import batches
from models.training.corpus import Corpus, Row


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return Tokenizer.from_file(str(bundle.DEFAULT / bundle.TOKENIZER))


def rows(part: str, texts: int, *brands: str, label: int = 0) -> list[Row]:
    return [
        Row(f"post number {n} of {part}", brand, "en", {"sentiment": label}, part)
        for n in range(texts)
        for brand in brands or ("",)
    ]


def drawn(corpus: Corpus, tokenizer: Tokenizer, **told: bool) -> list[Row]:
    return [row for batch in batches.epoch(corpus, tokenizer, seed=1, number=0, **told) for row in batch.rows]


def test_a_small_set_stands_twice_a_large_one_is_drawn_from_and_rare_labels_come_whole(tokenizer: Tokenizer) -> None:
    most = batches.MIXTURE["ajgt"]
    corpus = Corpus({
        "rusentne": rows("rusentne", 50), "ajgt": rows("ajgt", 2 * most) + rows("ajgt", 30, label=2),
    })  # fmt: skip
    found = drawn(corpus, tokenizer)
    assert sum(row.part == "rusentne" for row in found) == 100
    assert sum(row.part == "ajgt" for row in found) == most
    assert sum(row.part == "ajgt" and row.labels == {"sentiment": 2} for row in found) == 30


def test_posts_without_labels_are_for_a_student_only(tokenizer: Tokenizer) -> None:
    silent = [Row(f"a post {n}", "", "en", {}, "irony") for n in range(20)]
    corpus = Corpus({"irony": silent, "written en": rows("written en", 10)})
    assert {row.part for row in drawn(corpus, tokenizer)} == {"written en"}
    assert {row.part for row in drawn(corpus, tokenizer, taught=True)} == {"irony", "written en"}


def test_the_brand_is_forgotten_now_and_then_but_never_where_it_decides(tokenizer: Tokenizer) -> None:
    corpus = Corpus({
        "written en": rows("written en", 200, "Aurora"), "written ru": rows("written ru", 200, "Aurora", "Borealis"),
    })  # fmt: skip
    found = drawn(corpus, tokenizer)
    alone = [row.brand for row in found if row.part == "written en"]
    assert 10 < alone.count("") < 80
    assert {row.brand for row in found if row.part == "written ru"} == {"Aurora", "Borealis"}
