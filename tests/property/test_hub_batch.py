"""A hub model's answer never depends on the rest of the batch, on its size, or on how many threads work."""

from functools import cache
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from domain.judgement import Judgeable
from models.hub import HubModel
from models.layered import Answer
from tests.kit.hub import sentiment_of, tiny_model

pytest.importorskip("torch", reason="the extra `hub` (torch, transformers) is not installed")
pytest.importorskip("transformers", reason="the extra `hub` (torch, transformers) is not installed")

TEXTS = [
    Judgeable("late again " * times + ending, brand, "en")
    for times in (0, 1, 2, 9, 40)
    for ending in ("", "nobody answers", "спасибо")
    for brand in ("", "Aurora Air")
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_model(tmp_path_factory.mktemp("tiny"))


def fresh(folder: Path, threads: int) -> HubModel:
    """A model that remembers nothing yet."""
    return HubModel.open(sentiment_of(folder, brand="pair"), key="model.hub[0]", threads=threads)


@cache
def alone(folder: Path) -> list[Answer]:
    return [fresh(folder, 1).answer([text])[0] for text in TEXTS]


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    numbers=st.lists(st.integers(0, len(TEXTS) - 1), min_size=1, max_size=24),
    size=st.integers(1, 24),
    threads=st.sampled_from([1, 3]),
)
def test_every_text_is_answered_as_if_it_were_alone(
    folder: Path, numbers: list[int], size: int, threads: int
) -> None:
    model, said = fresh(folder, threads), []
    for start in range(0, len(numbers), size):
        said += model.answer([TEXTS[number] for number in numbers[start : start + size]])
    assert said == [alone(folder)[number] for number in numbers]
