"""A text's answer never depends on what else is in its batch, nor on how the texts are cut into batches."""

from functools import cache

from hypothesis import given, settings
from hypothesis import strategies as st

from domain.judgement import SUPPORTED_LANGUAGES, Judgeable, Judgement
from models.training.corpus import WRITTEN, written
from tests.kit.judge import fresh_judge

TEXTS = [
    Judgeable(row.text, row.brand, row.lang)
    for lang in SUPPORTED_LANGUAGES
    for row in (*written(WRITTEN / f"{lang}.validation.jsonl")[::4], *written(WRITTEN / f"{lang}.jsonl")[::80])
] + [
    Judgeable("The flight was late, and then it was cancelled. " * repeated, "", "en") for repeated in (6, 13, 40)
]  # fmt: skip


@cache
def alone(number: int) -> Judgement:
    return fresh_judge().classify([TEXTS[number]])[0]


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(0, len(TEXTS) - 1), min_size=1, max_size=24), st.integers(1, 24))
def test_every_text_is_judged_as_if_it_were_alone(numbers: list[int], size: int) -> None:
    judge = fresh_judge()
    said = []
    for start in range(0, len(numbers), size):
        said += judge.classify([TEXTS[number] for number in numbers[start : start + size]])
    assert said == [alone(number) for number in numbers]


def test_all_at_once_is_one_by_one() -> None:
    assert fresh_judge().classify(TEXTS) == [alone(number) for number in range(len(TEXTS))]
