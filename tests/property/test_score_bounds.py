"""More followers, more urgency, more negativity never lower a score; nothing leaves [0, 1]."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from domain.judgement import URGENCIES, Judgement
from domain.mention import Mention, Score
from domain.post import Author, Engagement
from processors.score import TYPICAL, score
from tests.kit.stores import mention, post

counts = st.none() | st.integers(0, 10**12)
share = st.floats(0, 1)
four_weights = st.lists(share, min_size=4, max_size=4)


def judgement_of(weights: list[float], negative: float) -> Judgement:
    total = sum(weights) or 1.0
    urgency = {str(level): weight / total for level, weight in zip(URGENCIES, weights, strict=True)}
    sentiment = {"negative": negative, "neutral": 1 - negative, "positive": 0.0}
    return Judgement(
        sentiment="neutral",
        urgency="low",
        theme="other",
        model="kit",
        sentiment_scores=sentiment,
        urgency_scores=urgency,
    )


judgements = st.none() | st.builds(judgement_of, four_weights, share)


@st.composite
def mentions(draw: st.DrawFn) -> Mention:
    author = Author(
        followers=draw(counts), verified=draw(st.none() | st.booleans()), bot=draw(st.none() | st.booleans())
    )
    engagement = Engagement(likes=draw(counts), reposts=draw(counts), replies=draw(counts), views=draw(counts))
    network = draw(st.sampled_from([*TYPICAL, "elsewhere"]))
    return mention(post(network=network, author=author, engagement=engagement), judgement=draw(judgements))


def scored(told: Mention) -> Score:
    (result,) = score(told)
    assert result.score is not None
    return result.score


def with_author(told: Mention, **fields: Any) -> Mention:
    return replace(told, post=replace(told.post, author=replace(told.post.author, **fields)))


@settings(max_examples=300, deadline=None)
@given(told=mentions())
def test_scores_stay_between_zero_and_one_with_four_digits(told: Mention) -> None:
    result = scored(told)
    for value in (result.reach, result.influence, result.priority):
        assert 0.0 <= value <= 1.0
        assert value == round(value, 4)
    assert all(isinstance(part, float) for part in result.parts.values())


@settings(max_examples=200, deadline=None)
@given(told=mentions(), followers=st.integers(0, 10**9), more=st.integers(1, 10**9))
def test_more_followers_never_lower_a_score(told: Mention, followers: int, more: int) -> None:
    few, many = (scored(with_author(told, followers=number)) for number in (followers, followers + more))
    assert few.reach <= many.reach
    assert few.influence <= many.influence
    assert few.priority <= many.priority


@settings(max_examples=200, deadline=None)
@given(
    told=mentions(),
    weights=st.lists(share, min_size=4, max_size=4),
    negative=share,
    moved=share,
    step=st.integers(0, 2),
)
def test_more_urgency_or_negativity_never_lowers_the_priority(
    told: Mention, weights: list[float], negative: float, moved: float, step: int
) -> None:
    before = scored(replace(told, judgement=judgement_of(weights, negative))).priority
    shifted = list(weights)
    part = shifted[step] * moved
    shifted[step], shifted[step + 1] = shifted[step] - part, shifted[step + 1] + part
    assert scored(replace(told, judgement=judgement_of(shifted, negative))).priority >= before - 1e-4
    worse = judgement_of(weights, negative + (1 - negative) * moved)
    assert scored(replace(told, judgement=worse)).priority >= before
