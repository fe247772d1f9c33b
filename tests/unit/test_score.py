"""The open formula of reach, influence and priority."""

from math import log10
from typing import Any

import pytest
from msgspec.structs import replace

from domain.mention import Mention, Score
from domain.post import Author, Engagement
from processors.score import TYPICAL, score
from tests.kit.stores import judged, mention, post


def scored(*, judgement: Any = None, network: str = "mastodon", **author_and_engagement: Any) -> Score:
    author = {k: v for k, v in author_and_engagement.items() if k in {"followers", "verified", "bot"}}
    engagement = {k: v for k, v in author_and_engagement.items() if k not in author}
    written = post(network=network, author=Author(**author), engagement=Engagement(**engagement))
    (told,) = score(mention(written, judgement=judgement))
    assert told.score is not None
    return told.score


def test_the_formula_gives_what_its_page_says() -> None:
    result = scored(judgement=judged("negative", "high"), followers=9_999, views=999)
    reach, influence, stakes = log10(1 + 0.2 * 9_999) / 7, log10(10_000) / 7, 0.75 * 0.6 + 0.25
    assert result.reach == round(reach, 4)
    assert result.influence == round(influence, 4)
    assert result.priority == round(stakes * (0.75 + 0.25 * (0.6 * reach + 0.4 * influence)), 4)
    assert result.parts == {
        "audience": 1999.8,
        "followers_assumed": 0.0,
        "views_known": 1.0,
        "urgency": 0.6,
        "negativity": 1.0,
        "judged": 1.0,
        "addressed": 0.0,
    }


def test_an_absent_number_is_not_zero() -> None:
    unknown, nobody = scored(), scored(followers=0, views=0)
    assert unknown.influence > nobody.influence
    assert unknown.reach > nobody.reach
    assert unknown.parts["followers_assumed"] == 1.0
    assert unknown.parts["audience"] == TYPICAL["mastodon"].views
    assert nobody.reach == nobody.influence == 0.0


def test_each_network_has_its_own_usual_author() -> None:
    assert scored(network="news").reach > scored(network="vk").reach > 0
    assert scored(network="somewhere new").reach > 0


def test_reactions_tell_of_an_audience_that_the_network_does_not_show() -> None:
    assert scored(followers=10, likes=900, reposts=80, replies=20).parts["audience"] == 50_000


def test_a_verified_author_weighs_more_and_a_bot_less() -> None:
    plain = scored(followers=1_000)
    assert scored(followers=1_000, verified=True).influence > plain.influence
    assert scored(followers=1_000, bot=True).influence == pytest.approx(plain.influence / 4, abs=1e-4)
    assert scored(followers=1_000, verified=False, bot=False) == plain


def test_a_critical_word_from_nobody_outranks_a_complaint_of_a_star() -> None:
    nobody = scored(judgement=judged("negative", "critical"), followers=0, views=0)
    star = scored(judgement=judged("negative", "high"), followers=10**9, verified=True)
    assert nobody.priority > star.priority


def test_praise_has_no_priority_whoever_says_it() -> None:
    assert scored(judgement=judged("positive", "low"), followers=10**9).priority == 0.0


def test_what_was_judged_counts_beside_what_was_not() -> None:
    whole = judged("negative", "critical")
    urgent = scored(judgement=replace(whole, sentiment="unscored", sentiment_scores={}))
    angry = scored(judgement=replace(whole, urgency="unscored", urgency_scores={}))
    assert (urgent.parts["urgency"], angry.parts["negativity"]) == (1.0, 1.0)
    assert urgent.priority > angry.priority > scored().priority
    assert urgent.parts["judged"] == angry.parts["judged"] == 0.0


def test_a_mention_nobody_could_judge_is_neither_first_nor_last() -> None:
    unjudged = scored()
    assert unjudged.parts["judged"] == 0.0
    low, critical = scored(judgement=judged("positive", "low")), scored(judgement=judged("negative", "critical"))
    assert low.priority < unjudged.priority < critical.priority


def test_only_the_score_changes() -> None:
    told = mention(post())
    (result,) = score(told)
    assert isinstance(result, Mention)
    assert result.score is not None
    assert score(result) == [result]
