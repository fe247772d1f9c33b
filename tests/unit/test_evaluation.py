import numpy as np
import pytest

from domain.judgement import SENTIMENTS, Judgement
from models.evaluation import CUT_OFFS, Places, Shares, measure
from models.scorecard import Scorecard

TRUTH = np.array([0, 0, 1, 2])
SHARES = np.array([[0.9, 0.1, 0.0], [0.2, 0.7, 0.1], [0.1, 0.8, 0.1], [0.0, 0.0, 0.0]])


def said(sentiment: str, **more: object) -> Judgement:
    scores = {"negative": 0.1, "neutral": 0.1, "positive": 0.1, sentiment: 0.8}
    known = {"sentiment": sentiment, "sentiment_scores": scores, "urgency": "low", "theme": "other", "model": "kit"}
    return Judgement(**{**known, **more})  # type: ignore[arg-type]  # written short


def unscored(reason: str = "the language 'de' is not one of ours") -> Judgement:
    return Judgement(sentiment="unscored", urgency="unscored", theme="unscored", model="kit", reason=reason)


def test_an_unscored_text_counts_as_missed_and_both_figures_are_given() -> None:
    found = measure(TRUTH, SHARES, SENTIMENTS)
    assert (found.texts, found.unscored) == (4, 1)
    assert found.accuracy == 0.5
    assert found.accuracy_scored == pytest.approx(2 / 3)
    assert found.macro_f1 == pytest.approx((2 / 3 + 2 / 3 + 0) / 3)
    assert found.macro_f1_scored == pytest.approx(2 / 3)
    assert found.confusion[2] == (0, 0, 0, 1)


def test_labels_that_do_not_occur_are_no_part_of_the_mean_but_of_a_subset_that_names_them() -> None:
    found = measure(TRUTH[:3], SHARES[:3], SENTIMENTS, subset=("negative", "positive"))
    assert found.macro_f1 == pytest.approx(2 / 3)
    assert found.subset_f1 == pytest.approx((2 / 3 + 0) / 2)


def test_answers_that_are_not_the_likeliest_label_are_measured_as_they_were_given() -> None:
    found = measure(TRUTH[:3], SHARES[:3], SENTIMENTS, answers=np.array([0, 0, 1]))
    assert found.accuracy == 1
    assert found.cut_offs[0].review == pytest.approx(1 / 3), "an answer is as sure as its own probability"


def test_a_judge_that_is_as_sure_as_it_is_right_has_no_calibration_error() -> None:
    shares = np.tile([0.75, 0.25, 0.0], (4, 1))
    assert measure(np.array([0, 0, 0, 1]), shares, SENTIMENTS).calibration_error == pytest.approx(0)
    assert measure(np.array([1, 1, 1, 1]), shares, SENTIMENTS).calibration_error == pytest.approx(0.75)


def test_cut_offs_run_from_35_to_95_percent_and_send_more_and_more_to_people() -> None:
    table = measure(TRUTH, SHARES, SENTIMENTS).cut_offs
    assert [row.at for row in table] == list(CUT_OFFS)
    assert (CUT_OFFS[0], CUT_OFFS[-1], len(CUT_OFFS)) == (0.35, 0.95, 13)
    review = [row.review for row in table]
    assert review == sorted(review)
    assert table[-1].accuracy is None, "nobody is that sure"


def test_an_alarm_gives_what_was_found_and_how_often_it_was_false() -> None:
    found = measure(np.array([0, 0, 1, 1, 1]), np.eye(2)[[0, 1, 0, 1, 1]], ("critical", "low"), alarm="critical")
    assert found.alarm is not None
    assert (found.alarm.recall, found.alarm.found, found.alarm.texts) == (0.5, 1, 2)
    assert (found.alarm.false, found.alarm.others) == (1, 3)
    assert found.alarm.false_rate == pytest.approx(1 / 3)


def test_nothing_to_measure_is_none_and_not_zero() -> None:
    found = measure(np.array([1]), np.zeros((1, 2)), ("critical", "low"), alarm="critical", ranked=("critical",))
    assert found.alarm is not None
    assert found.alarm.recall is found.average_precision is found.calibration_error is found.accuracy_scored is None
    assert found.cut_offs == ()


@pytest.mark.parametrize(
    ("truth", "shares"), [(np.array([], np.int64), np.zeros((0, 3))), (np.array([1]), np.zeros((1, 2)))]
)
def test_no_texts_and_wrong_shapes_are_refused(truth: Places, shares: Shares) -> None:
    with pytest.raises(ValueError, match="do not fit"):
        measure(truth, shares, SENTIMENTS)


def test_a_scorecard_groups_texts_and_counts_why_some_were_unscored() -> None:
    card = Scorecard()
    card.add({"sentiment": "negative"}, said("negative"), "ru")
    card.add({"sentiment": "positive"}, said("negative"), "ru")
    card.add({"sentiment": "positive"}, unscored(), "kk")
    report = card.report(model="kit", by="lang", unlabelled=2, bad=1)
    (task,) = report.tasks
    assert (report.texts, report.unlabelled, report.bad) == (3, 2, 1)
    assert {name: figures.accuracy for name, figures in task.groups.items()} == {"ru": 0.5, "kk": 0.0}
    assert list(task.groups) == ["ru", "kk"], "most texts first"
    assert task.reasons == {"the language 'de' is not one of ours": 1}


def test_a_text_counts_only_for_the_tasks_it_is_labelled_for() -> None:
    card = Scorecard()
    card.add({"urgency": "low"}, said("neutral"), "")
    card.add({"sentiment": "neutral", "theme": "other"}, said("neutral"), "")
    assert [(t.task, t.overall.texts) for t in card.report(model="kit", by="lang").tasks] == [
        ("sentiment", 1), ("urgency", 1), ("theme", 1),
    ]  # fmt: skip


def test_toxicity_is_measured_where_the_model_speaks_of_it() -> None:
    card = Scorecard()
    card.add({"toxicity": "toxic"}, said("negative", toxicity=0.8), "")
    card.add({"toxicity": "civil"}, said("negative", toxicity=0.1), "")
    (task,) = card.report(model="kit", by="lang").tasks
    assert (task.overall.macro_f1, task.overall.average_precision) == (1, 1)


def test_a_model_without_a_word_on_toxicity_is_not_called_wrong_about_it() -> None:
    card = Scorecard()
    card.add({"toxicity": "toxic", "sentiment": "negative"}, said("negative"), "")
    report = card.report(model="kit", by="lang")
    assert ([task.task for task in report.tasks], report.silent) == (["sentiment"], ("toxicity",))


def test_a_model_that_knows_one_task_is_measured_on_that_one() -> None:
    card = Scorecard()
    labels = {"sentiment": "negative", "urgency": "low", "theme": "other"}
    card.add(labels, said("negative", urgency="unscored", theme="unscored"), "")
    card.add({"urgency": "low"}, said("negative", urgency="unscored", theme="unscored"), "")
    report = card.report(model="kit", by="lang")
    assert ([task.task for task in report.tasks], report.silent) == (["sentiment"], ("urgency", "theme"))
