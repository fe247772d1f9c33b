"""Whatever the text: words at their places, within bounds, and the same answer each time."""

from hypothesis import given, settings
from hypothesis import strategies as st

from domain.judgement import Judgeable
from models.explanation import PIECES, explain
from tests.kit.words import WEIGHTS, WeighingJudge

PARTS = st.one_of(
    st.sampled_from([*WEIGHTS, "не", "ما", "қой", "👍🏽", "\u200f", "\u202e", "((", "a\u0301", "…", "\n", "🇰🇿"]),
    st.text(max_size=6),
)
TEXTS = st.lists(PARTS, max_size=200).map(" ".join)


@settings(max_examples=60)
@given(TEXTS)
def test_an_explanation_is_well_formed_bounded_and_repeatable(text: str) -> None:
    judge = WeighingJudge()
    found = explain(Judgeable(text, "", "und"), classifier=judge)
    assert found == explain(Judgeable(text, "", "und"), classifier=WeighingJudge())
    assert sum(judge.calls) <= 1 + 4 * PIECES
    assert bool(found.reason) == (not any(of.words for of in found.tasks.values()))
    for of in found.tasks.values():
        assert len({word.start for word in of.words}) == len(of.words)
        for word in of.words:
            assert text[word.start : word.end] == word.word
            assert word.word.strip() == word.word != ""
            assert -1 <= word.weight <= 1
