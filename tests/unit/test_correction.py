"""What a person's word does to a mention, without any store."""

from itertools import permutations

import pytest
from msgspec.structs import replace

from domain.correction import corrected, correction, said_by_model
from tests.kit.stores import at, correct, judged, mention, post

TOLD = mention(post(), judgement=judged("negative", "normal", "delivery", review="sentiment 0.41"))


def test_a_word_on_one_task_leaves_the_others_and_the_scores_to_the_model() -> None:
    judgement = corrected(TOLD, [correct(TOLD, urgency="high")]).judgement
    assert judgement is not None
    assert (judgement.sentiment, judgement.urgency, judgement.theme) == ("negative", "high", "delivery")
    assert judgement.model_said == {"urgency": "normal"}
    assert judgement.urgency_scores == {"normal": 1.0}
    assert judgement.review, "why the model asked stays to be read"


def test_confirming_says_of_every_task_that_the_model_was_right() -> None:
    act = correct(TOLD, confirm=True)
    assert act.labels == {"sentiment": "negative", "urgency": "normal", "theme": "delivery"}
    assert not corrected(TOLD, [act]).awaits_review


def test_confirming_the_rest_beside_a_correction() -> None:
    act = correct(TOLD, urgency="critical", confirm=True)
    assert act.labels == {"sentiment": "negative", "urgency": "critical", "theme": "delivery"}


def test_confirming_after_a_correction_takes_it_back() -> None:
    once = corrected(TOLD, [correct(TOLD, sentiment="positive")])
    act = correct(once, act_id="c2", minutes=90, confirm=True)
    judgement = corrected(once, [correct(TOLD, sentiment="positive"), act]).judgement
    assert judgement is not None
    assert judgement.sentiment == "negative"
    assert said_by_model(once)["sentiment"] == "negative"


def test_the_order_of_acts_and_repetition_do_not_matter() -> None:
    acts = [
        correct(TOLD, act_id="c1", minutes=1, sentiment="neutral", theme="staff"),
        correct(TOLD, act_id="c2", minutes=2, sentiment="positive", by="Dana"),
        correct(TOLD, act_id="c3", minutes=2, urgency="low", by="Ali"),
    ]
    answers = [corrected(TOLD, order) for order in permutations(acts)]
    assert all(answer == answers[0] for answer in answers)
    assert corrected(answers[0], [*acts, *acts]) == answers[0]
    assert corrected(answers[0], []) == TOLD


def test_an_act_about_another_mention_or_another_wording_is_passed_over() -> None:
    edited = replace(TOLD, post=post(text="Aurora Air found my bag"))
    titled = replace(TOLD, post=post(title="A bag"))
    other = mention(post("2"), judgement=judged())
    act = correct(TOLD, sentiment="positive")
    for untouched in (edited, titled, other):
        assert corrected(untouched, [act]) == untouched
    seen_again = replace(TOLD, post=post(version="2", url="https://example.org/1"))
    assert corrected(seen_again, [act]) != seen_again


def test_a_mention_that_nobody_judged_can_be_judged_by_a_person() -> None:
    unjudged = mention(post())
    judgement = corrected(unjudged, [correct(unjudged, sentiment="neutral")]).judgement
    assert judgement is not None
    assert (judgement.sentiment, judgement.urgency) == ("neutral", "unscored")
    assert judgement.model_said == {"sentiment": "unscored"}


@pytest.mark.parametrize(
    ("by", "labels", "sentence"),
    [
        ("Inna", {}, "nothing is said"),
        ("Inna", {"sentiment": ""}, "nothing is said"),
        ("Inna", {"sentiment": "angry"}, 'sentiment: "angry" is none of negative, neutral, positive'),
        ("Inna", {"urgency": "unscored"}, "urgency"),
        (" \n ", {"sentiment": "neutral"}, "by: say who"),
        ("I" * 201, {"sentiment": "neutral"}, "by: say who"),
    ],
)
def test_a_word_that_cannot_be_is_a_sentence(by: str, labels: dict[str, str], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        correction(TOLD, by=by, at=at(0), labels=labels)


def test_there_is_nothing_to_confirm_where_the_model_said_nothing() -> None:
    with pytest.raises(ValueError, match="confirm: the model did not judge"):
        correct(mention(post()), confirm=True)


def test_the_same_word_at_the_same_time_is_the_same_act_and_a_later_one_is_not() -> None:
    one, same, later = (correct(TOLD, act_id="", minutes=minutes, theme="staff") for minutes in (1, 1, 2))
    assert one == same
    assert one.id != later.id


def test_a_name_is_one_line() -> None:
    assert correct(TOLD, by="  Inna\n\x1f K. ", theme="staff").by == "Inna K."
