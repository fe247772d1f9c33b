"""Rules about single posts: critical_mention, influencer, keyword."""

from typing import Any

import pytest
from pydantic import ValidationError

from alerting.rules import critical_mention, influencer, keyword
from domain.alert import Alert, NearMiss
from domain.event import Event, Output
from tests.kit.alerts import at, heard, judged
from tocsin.stages import Fold


def ring(fold: Fold[Any], *events: Event) -> list[Output]:
    state, said = fold.initial(), list[Output]()
    for event in events:
        state, more = fold.step(state, event)
        said += more
    return said


def alerts(said: list[Output]) -> list[Alert]:
    return [one for one in said if isinstance(one, Alert)]


def misses(said: list[Output]) -> list[str]:
    return [one.reason.code for one in said if isinstance(one, NearMiss)]


def critical(**config: Any) -> Fold[Any]:
    return critical_mention.build(critical_mention.Config(**config))


GRAVE = judged("negative", "critical", "safety", critical=0.9)


def test_one_grave_post_rings_with_its_probability_and_its_words() -> None:
    (alert,) = alerts(ring(critical(), heard("a", at(1), text="the cabin filled with smoke", judgement=GRAVE)))
    assert (alert.severity, alert.group, alert.at, alert.rule) == ("critical", "safety", at(1), "critical_mention")
    assert (alert.reason.observed, alert.reason.threshold, alert.reason.model) == (0.9, 0.9, "test-1")
    assert alert.evidence.first is not None
    assert alert.evidence.first.text == "the cabin filled with smoke"
    assert alert.evidence.networks == {"mastodon": 1}


@pytest.mark.parametrize(
    ("judgement", "codes"),
    [
        (judged("negative", "high", "safety", critical=0.45), ["below_threshold"]),
        (judged("negative", "high", "safety", critical=0.2), []),
        (judged("positive", "critical", "praise", critical=0.9), ["not_against_the_brand"]),
        (judged("unscored", "unscored", "unscored"), []),
        (None, []),
    ],
)
def test_what_is_not_sure_or_not_against_the_brand_or_not_judged_does_not_ring(
    judgement: Any, codes: list[str]
) -> None:
    said = ring(critical(), heard("a", at(1), judgement=judgement))
    assert not alerts(said)
    assert misses(said) == codes


def test_calm_words_about_something_grave_ring() -> None:
    calm = judged("neutral", "critical", "fraud_security", critical=0.95)
    assert alerts(ring(critical(), heard("a", at(1), judgement=calm)))


def test_when_it_is_not_sure_a_second_author_must_say_the_like() -> None:
    likely = judged("negative", "critical", "fraud_security", critical=0.6)
    other = judged("negative", "critical", "legal", critical=0.6)
    said = ring(
        critical(),
        heard("a", at(1), author="one", judgement=likely),
        heard("b", at(1.2), author="one", judgement=likely),
        heard("c", at(1.3), author="two", story="a", judgement=likely),
        heard("d", at(3.9), author="three", judgement=likely),
        heard("e", at(4.9), author="four", judgement=other),
    )
    (alert,) = alerts(said)
    assert (alert.at, alert.group) == (at(4.9), "legal")
    assert alert.evidence.themes == {"legal": 1, "fraud_security": 1}
    assert alert.evidence.first is not None
    assert alert.evidence.first.mention_id == "d"
    assert misses(said) == ["alone", "alone"]
    assert alerts(ring(critical(alone=0.5), heard("a", at(1), judgement=likely)))


def test_a_story_rings_once_however_often_it_is_repeated() -> None:
    said = ring(
        critical(cool_down_minutes=0),
        heard("a", at(1), judgement=GRAVE),
        heard("b", at(1.1), story="a", judgement=GRAVE),
        heard("a", at(1), "edited", judgement=GRAVE),
        heard("a", at(1), judgement=GRAVE),
    )
    assert len(alerts(said)) == 1
    assert not misses(said)


def test_a_theme_cools_down_and_another_does_not_wait_for_it() -> None:
    other = judged("negative", "critical", "legal", critical=0.9)
    said = ring(
        critical(),
        heard("a", at(1), judgement=GRAVE),
        heard("b", at(1.5), judgement=GRAVE),
        heard("c", at(1.6), judgement=other),
        heard("d", at(2.1), judgement=GRAVE),
    )
    assert [one.at for one in alerts(said)] == [at(1), at(1.6), at(2.1)]
    assert misses(said) == ["cooling_down"]


def test_near_misses_are_recorded_once_an_hour() -> None:
    near = judged("negative", "high", "safety", critical=0.45)
    said = ring(critical(), *(heard(f"m{n}", at(1, minutes=n), judgement=near) for n in range(130)))
    assert misses(said) == ["below_threshold"] * 3


def test_an_edit_that_makes_a_post_grave_rings_but_an_old_ones_counter_does_not() -> None:
    now_grave = heard("a", at(1), "edited", judgement=GRAVE)
    assert alerts(ring(critical(), heard("a", at(1), judgement=judged()), now_grave))
    forgotten = [heard("b", at(40), judgement=judged("negative", "critical", "legal", critical=0.9)), now_grave]
    assert len(alerts(ring(critical(), *forgotten))) == 1


def test_history_and_deletions_wake_nobody() -> None:
    said = ring(
        critical(),
        heard("a", at(1), origin="backfill", judgement=GRAVE),
        heard("b", at(1), "deleted", judgement=GRAVE),
    )
    assert not said


def test_a_rule_for_one_brand_leaves_the_others_alone() -> None:
    assert not ring(critical(brand="Borealis Jet"), heard("a", at(1), judgement=GRAVE))


def test_the_memory_stays_small() -> None:
    fold = critical(cool_down_minutes=0)
    state = fold.initial()
    for n in range(1000):
        state, _ = fold.step(state, heard(f"m{n}", at(1, seconds=n), judgement=GRAVE))
    assert len(state.stories) == 256


def test_a_widely_followed_author_who_is_unhappy_rings_once_a_day() -> None:
    fold = influencer.build(influencer.Config())
    said = ring(
        fold,
        heard("a", at(1), author="star", followers=60_000),
        heard("b", at(2), author="star", followers=60_000),
        heard("c", at(2.1), author="nobody", followers=600),
        heard("d", at(2.2), author="happy", followers=10**6, judgement=judged("positive", "low", "praise")),
        heard("e", at(2.3), author="polite", followers=10**6, judgement=judged("neutral", "high", "support")),
        heard("f", at(2.4), author="unjudged", followers=10**6, judgement=None),
    )
    assert [one.reason.numbers["author"] for one in alerts(said)] == ["star", "polite"]
    assert [one.severity for one in alerts(said)] == ["major", "major"]
    assert misses(said) == ["cooling_down"]


def test_a_keyword_rings_in_any_form_of_the_word_and_says_which() -> None:
    fold = keyword.build(keyword.Config(words=["recall", "class action"], severity="critical", cool_down_minutes=0))
    said = ring(
        fold,
        heard("a", at(1), text="They are recalling all seats", judgement=None),
        heard("b", at(2), text="A class action is coming"),
        heard("c", at(3), text="An action of the first class"),
        heard("d", at(4), text="They are recalling all seats", story="a"),
    )
    assert [one.evidence.first.mention_id for one in alerts(said) if one.evidence.first] == ["a", "b"]
    assert "recalling" in str(alerts(said)[0].reason.numbers["words"])
    assert alerts(said)[0].severity == "critical"


def test_a_query_rings_with_its_fields() -> None:
    fold = keyword.build(keyword.Config(name="strikes", query="strike AND network:mastodon"))
    said = ring(fold, heard("a", at(1), text="strike", network="vk"), heard("b", at(2), text="strike"))
    assert [one.group for one in alerts(said)] == ["keyword:strikes"]


@pytest.mark.parametrize(
    "settings", [{}, {"words": ["a"], "query": "b"}, {"query": '"open'}, {"query": "AND"}, {"words": [""]}]
)
def test_a_keyword_rule_that_cannot_be_read_is_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        keyword.Config(**settings)


def test_words_that_are_operators_or_hold_quotes_are_words() -> None:
    fold = keyword.build(keyword.Config(words=["OR", 'say "no"']))
    assert alerts(ring(fold, heard("a", at(1), text='they say "no" to everything')))


def test_a_grave_post_a_day_behind_the_latest_one_is_too_late_to_wake_anyone() -> None:
    said = ring(critical(), heard("new", at(40), judgement=judged()), heard("old", at(1), judgement=GRAVE))
    assert alerts(said) == []
    assert misses(said) == ["too_late"]
    assert alerts(ring(critical(), heard("new", at(24), judgement=judged()), heard("old", at(1), judgement=GRAVE)))
