"""Calibration from corrections: it helps where the deployment differs, and leaves alone a model that is right."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.correction import corrected
from domain.judgement import SENTIMENTS, Judgeable, Judgement
from models.deployment import MOST, Biases, Deployed, Evidence, fit, gather
from models.leaning import BOUND, NEEDED
from tests.kit.stores import correct, mention, post

Array = npt.NDArray[np.float64]

TRAINED_ON = np.array([0.4, 0.35, 0.25])
MOSTLY_NEUTRAL = np.array([0.2, 0.65, 0.15])
LOPSIDED = np.array([0.1, 0.85, 0.05])


@dataclass(frozen=True)
class Readers:
    """How often people report a judgement that is wrong, one that is right, and mistake the label themselves."""

    wrong: float
    right: float
    mistaken: float = 0.03


CAREFUL = Readers(wrong=0.5, right=0.05)
ONLY_ERRORS = Readers(wrong=0.5, right=0.0)
EVERYTHING = Readers(wrong=0.3, right=0.3)


def world(seed: int, size: int, there: Array, trained_on: Array) -> tuple[Array, npt.NDArray[np.intp]]:
    """The model's shares for posts of a place, and the truth: right for the priors it was trained on."""
    chance = np.random.default_rng(seed)
    truth = chance.choice(len(there), size, p=there)
    seen = 1.5 * np.eye(len(there))[truth] + chance.normal(size=(size, len(there)))
    odds = np.exp(1.5 * seen) * trained_on
    return (odds / odds.sum(axis=1, keepdims=True)).round(4), truth


def reported(
    seed: int, number: int, readers: Readers, there: Array, trained_on: Array = TRAINED_ON
) -> list[Evidence]:
    """The first so many mentions that people of the place picked and judged."""
    shares, truth = world(seed, number * 60, there, trained_on)
    chance = np.random.default_rng(seed + 1_000)
    rate = np.where(shares.argmax(axis=1) == truth, readers.right, readers.wrong)
    picked = np.flatnonzero(chance.random(len(truth)) < rate)[:number]
    assert len(picked) == number
    mistaken = chance.random(number) < readers.mistaken
    labels = np.where(mistaken, chance.integers(0, len(there), number), truth[picked])
    return [
        Evidence(
            scores={"sentiment": dict(zip(SENTIMENTS, map(float, shares[place]), strict=True))},
            labels={"sentiment": SENTIMENTS[label]},
        )
        for place, label in zip(picked, labels, strict=True)
    ]


def gains(readers: Readers, number: int, there: Array, trained_on: Array = TRAINED_ON) -> Array:
    """How much accuracy changes on held-out posts of the place, in points, for thirty places of the kind."""
    changes = []
    for seed in range(30):
        biases = fit(reported(seed, number, readers, there, trained_on)).by_task.get("sentiment", {})
        shares, truth = world(seed + 5_000, 8_000, there, trained_on)
        moved = shares * np.exp([biases.get(label, 0.0) for label in SENTIMENTS])
        before, after = shares.argmax(axis=1) == truth, moved.argmax(axis=1) == truth
        changes.append(100 * (after.mean() - before.mean()))
    return np.array(changes)


@pytest.mark.parametrize("readers", [CAREFUL, ONLY_ERRORS, EVERYTHING], ids=["careful", "only errors", "everything"])
@pytest.mark.parametrize("there", [MOSTLY_NEUTRAL, LOPSIDED], ids=["mostly neutral", "lopsided"])
def test_biases_help_on_held_out_posts_where_the_labels_are_spread_otherwise(readers: Readers, there: Array) -> None:
    for number, least in ((60, 1.5), (200, 3.0)):
        changes = gains(readers, number, there)
        assert changes.mean() > least
        assert changes.min() > -1


@pytest.mark.parametrize("readers", [CAREFUL, ONLY_ERRORS, EVERYTHING], ids=["careful", "only errors", "everything"])
@pytest.mark.parametrize("there", [TRAINED_ON, LOPSIDED], ids=["even", "lopsided"])
def test_biases_do_no_harm_where_the_model_is_right_already(readers: Readers, there: Array) -> None:
    for number in (60, 200):
        changes = gains(readers, number, there, trained_on=there)
        assert changes.mean() > -0.15, "though nearly all that people report is wrong"
        assert changes.min() > -2
        assert (changes != 0).mean() < 0.3


def test_calibration_is_off_until_there_are_enough_corrections() -> None:
    everything = reported(1, 200, CAREFUL, LOPSIDED)
    few = fit(everything[: NEEDED - 1])
    assert (few.by_task, few.suffix, few.describe()) == ({}, "", f"off: 49 of {NEEDED} corrections")
    enough = fit(everything)
    assert enough.by_task["sentiment"]["neutral"] > 0.2
    assert enough.describe().startswith("calibrated from 200 corrections: sentiment neutral +")
    assert fit([]).describe() == f"off: 0 of {NEEDED} corrections"


def test_one_label_alone_or_a_model_that_is_right_leaves_it_off() -> None:
    everything = reported(1, 400, EVERYTHING, TRAINED_ON)
    neutral = [one for one in everything if one.labels["sentiment"] == "neutral"]
    assert len(neutral) > NEEDED
    for biases in (fit(neutral), fit(everything)):
        assert biases.by_task == {}
        assert "do not show that the model leans" in biases.describe()


def test_a_fit_does_not_depend_on_the_order_of_the_evidence() -> None:
    everything = reported(2, 120, CAREFUL, LOPSIDED)
    assert fit(everything) == fit(everything[::-1])
    assert fit(everything).suffix.startswith("+deployment-")


def test_labels_that_the_model_cannot_give_and_tasks_nobody_spoke_of_are_passed_over() -> None:
    everything = reported(2, 120, CAREFUL, LOPSIDED)
    strange = [Evidence(scores={"sentiment": {}, "theme": {}}, labels={"sentiment": "neutral", "theme": "staff"})]
    assert fit([*everything, *strange * 90]) == fit(everything)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.tuples(*[st.floats(0, 1)] * 3).filter(any), st.sampled_from(SENTIMENTS)
        ),
        min_size=NEEDED, max_size=120,
    )
)  # fmt: skip
def test_biases_are_bounded_whatever_people_say(pairs: list[tuple[tuple[float, ...], str]]) -> None:
    evidence = [
        Evidence(
            scores={"sentiment": dict(zip(SENTIMENTS, (share / sum(shares) for share in shares), strict=True))},
            labels={"sentiment": label},
        )
        for shares, label in pairs
    ]
    assert all(abs(bias) <= BOUND for bias in fit(evidence).by_task.get("sentiment", {}).values())


class Scripted:
    """Says of every text what its first word says, with its own reason where it is no label."""

    name = "scripted-1"

    def __init__(self) -> None:
        self.asked = 0

    def classify(self, texts: Sequence[Judgeable]) -> list[Judgement]:
        self.asked += len(texts)
        return [self._said(text.text.split()[0]) for text in texts]

    def _said(self, word: str) -> Judgement:
        if word not in SENTIMENTS:
            return Judgement(sentiment="unscored", urgency="unscored", theme="unscored", model=self.name, reason="?")
        rest = {label: 0.2 for label in SENTIMENTS if label != word}
        return Judgement(
            sentiment=word, urgency="low", theme="other", model=self.name, review="sentiment 0.60",
            sentiment_scores={label: rest.get(label, 0.6) for label in SENTIMENTS}, urgency_scores={"low": 1.0},
        )  # fmt: skip


LEANING = Biases(by_task={"sentiment": {"neutral": 0.9, "negative": -0.4}}, judged={"sentiment": 63})


def test_a_bias_moves_shares_and_label_and_names_the_model_anew() -> None:
    (judged,) = Deployed(Scripted(), LEANING).classify([Judgeable("negative")])
    assert judged.sentiment == "neutral"
    assert judged.sentiment_scores == {"negative": 0.3676, "neutral": 0.4496, "positive": 0.1828}
    odds = judged.sentiment_scores["neutral"] / judged.sentiment_scores["negative"]
    assert odds == pytest.approx(0.2 / 0.6 * np.exp(1.3), rel=1e-3)
    assert (judged.urgency, judged.urgency_scores) == ("low", {"low": 1.0})
    assert judged.model == Deployed(Scripted(), LEANING).name == "scripted-1" + LEANING.suffix


def test_whether_a_person_should_look_is_asked_again_of_what_was_moved() -> None:
    texts = [Judgeable("negative"), Judgeable("neutral")]
    closer, clearer = Deployed(Scripted(), LEANING).classify(texts)
    assert closer.review == "sentiment neutral is only 45% sure"
    assert (clearer.sentiment, clearer.review) == ("neutral", "")
    assert Deployed(Scripted(), LEANING, review_below=0.4).classify(texts)[0].review == ""


def test_unscored_passes_through_and_so_does_everything_while_it_is_off() -> None:
    texts = [Judgeable("mumble"), Judgeable("positive")]
    plain = Scripted().classify(texts)
    assert Deployed(Scripted(), LEANING).classify(texts)[0] == plain[0]
    off = Deployed(Scripted(), Biases())
    assert (off.classify(texts), off.name, off.describe()) == (plain, "scripted-1", f"off: 0 of {NEEDED} corrections")


def test_an_answer_does_not_depend_on_the_batch() -> None:
    texts = [Judgeable(word) for word in ("negative", "mumble", "neutral", "positive")]
    judge = Deployed(Scripted(), LEANING)
    assert judge.classify(texts) == [judge.classify([text])[0] for text in texts]
    assert judge.classify([]) == []


def test_evidence_is_what_the_classifier_says_now_of_what_people_judged() -> None:
    told = mention(post(text="negative again"), judgement=Scripted().classify([Judgeable("positive")])[0])
    judged = corrected(told, [correct(told, sentiment="neutral")])
    (one,) = gather([judged], Scripted())
    assert one.labels == {"sentiment": "neutral"}
    assert one.scores["sentiment"]["negative"] == 0.6
    assert gather([], Scripted()) == []


def test_only_the_latest_corrections_are_judged_anew() -> None:
    judge, told = Scripted(), mention(post(text="negative"))
    assert len(gather([corrected(told, [correct(told, theme="staff")])] * (MOST + 5), judge)) == judge.asked == MOST
