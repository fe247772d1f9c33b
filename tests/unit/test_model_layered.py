"""Models laid over the shipped judge: each answers its task, the judge the rest."""

from collections.abc import Mapping, Sequence

import pytest

from domain.judgement import Judgeable, Judgement
from models.layered import Answer, LayeredJudge
from models.review import doubt
from tests.kit.hub import Calm


class Says:
    """Answers one task always alike."""

    def __init__(self, task: str, label: str, scores: Mapping[str, float], reason: str = "") -> None:
        self.task, self.name = task, f"{task}-model@1"
        self._answer = Answer(label, scores, reason)

    def answer(self, texts: Sequence[Judgeable]) -> list[Answer]:
        return [self._answer for _ in texts]


ANGRY = Says("sentiment", "negative", {"negative": 0.75, "neutral": 0.25, "positive": 0.0})
UNSURE = Says("urgency", "high", {"low": 0.3, "normal": 0.25, "high": 0.35, "critical": 0.1})
MUTE = Says("theme", "unscored", {}, "the language 'cs' is not one of ru")


def judged(*layers: Says, lang: str = "en", review_below: float = 0.5) -> Judgement:
    judge = LayeredJudge(Calm(), layers, review_below=review_below)
    return judge.classify([Judgeable("late again", "Aurora Air", lang)])[0]


def test_a_layer_answers_its_task_and_the_judge_below_the_others() -> None:
    said = judged(ANGRY)
    assert (said.sentiment, said.urgency, said.theme, said.toxicity) == ("negative", "low", "other", 0.25)
    assert said.sentiment_scores == {"negative": 0.75, "neutral": 0.25, "positive": 0.0}
    assert said.urgency_scores["low"] == 0.9


def test_the_model_of_a_judgement_names_everyone_who_answered() -> None:
    assert judged(ANGRY, UNSURE).model == "calm-1; sentiment by sentiment-model@1; urgency by urgency-model@1"


def test_review_looks_at_what_was_answered_in_the_end() -> None:
    assert judged(ANGRY, UNSURE).review == "urgency high is only 35% sure"
    assert judged(ANGRY, UNSURE, review_below=0.8).review == (
        "urgency high is only 35% sure; sentiment negative is only 75% sure"
    )
    assert judged(ANGRY, UNSURE, review_below=0).review == ""


def test_a_task_without_an_answer_is_unscored_with_the_reason_and_the_others_stand() -> None:
    said = judged(ANGRY, MUTE)
    assert (said.sentiment, said.theme, said.theme_scores) == ("negative", "unscored", {})
    assert said.reason == "the language 'cs' is not one of ru"


def test_a_layer_may_read_a_language_that_the_judge_below_does_not() -> None:
    said = judged(ANGRY, lang="de")
    assert (said.sentiment, said.urgency, said.reason, said.review) == ("negative", "unscored", "no German", "")


def test_the_judge_below_has_no_say_when_all_tasks_are_answered_over_it() -> None:
    praise = Says("theme", "praise", {"praise": 1.0})
    assert judged(ANGRY, UNSURE, praise, lang="de").reason == ""


def test_order_and_number_of_texts_are_kept() -> None:
    judge = LayeredJudge(Calm(), [ANGRY], review_below=0.5)
    texts = [Judgeable("a", lang=lang) for lang in ("en", "de", "ru")]
    assert [said.urgency for said in judge.classify(texts)] == ["low", "unscored", "low"]
    assert judge.classify([]) == []


@pytest.mark.parametrize(("below", "said"), [(0.5, ""), (0.51, "sentiment neutral is only 50% sure"), (0, "")])
def test_what_is_exactly_at_the_cut_off_is_sure_enough(below: float, said: str) -> None:
    assert doubt({"sentiment": {"neutral": 0.5, "negative": 0.5}, "urgency": {}}, below=below) == said
