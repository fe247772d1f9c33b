import pytest
from msgspec.structs import replace

from domain.explanation import Explanation
from domain.judgement import Judgeable, Judgement
from models.explanation import HEAVIEST, PIECES, explain
from tests.kit.words import WeighingJudge


def explained(text: str, lang: str = "en", judge: WeighingJudge | None = None) -> Explanation:
    return explain(Judgeable(text, "Aurora Air", lang), classifier=judge or WeighingJudge())


def test_the_word_that_decides_weighs_most_and_the_one_that_speaks_against_it_less_than_nothing() -> None:
    found = explained("The slow desk was terrible, but thanks")
    sentiment = found.tasks["sentiment"]
    assert sentiment.label == "negative"
    assert sentiment.probability == pytest.approx(0.9, abs=0.05)
    assert [word.word for word in sentiment.words][:2] == ["terrible", "slow"]
    assert (sentiment.words[-1].word, sentiment.words[-1].weight < 0) == ("thanks", True)
    assert len(sentiment.words) == 7
    weights = [word.weight for word in sentiment.words]
    assert weights == sorted(weights, reverse=True)


def test_every_task_has_its_own_words() -> None:
    found = explained("terrible queue and a fire")
    heaviest = {task: of.words[0].word for task, of in found.tasks.items()}
    assert heaviest == {"sentiment": "terrible", "urgency": "fire", "theme": "fire"}
    assert (found.tasks["urgency"].label, found.tasks["theme"].label) == ("critical", "safety")


@pytest.mark.parametrize(
    ("text", "lang", "heaviest"),
    [
        ("Рейс опять отменили… ужасно!!!", "ru", "ужасно"),
        ("Қызмет көрсету өте жаман, әкеңнің-ай", "kk", "жаман"),
        ("الرحلة سيئة\u064c وتأخرت كثيرًا", "ar", "وتأخرت"),
        ("late again 😡😡 thanks", "en", "😡😡"),
        ("https://a.example/terrible/x?y=1 was slow", "en", "https://a.example/terrible/x?y=1"),
        ("#terrible @slow_air", "en", "#terrible"),
    ],
)
def test_words_are_found_where_they_stand_in_any_script(text: str, lang: str, heaviest: str) -> None:
    found = explained(text, lang)
    words = found.tasks["sentiment"].words
    assert words[0].word == heaviest
    assert all(text[word.start : word.end] == word.word for word in words)


def test_what_belongs_to_a_word_stays_with_it() -> None:
    text = "don't pay 1,870.50 for كثيرًا x-ray 👨‍👩‍👧 1️⃣ пусто)) wow :-( why???"
    words = sorted(explained(text).tasks["sentiment"].words, key=lambda word: word.start)
    assert [word.word for word in words] == [
        "don't", "pay", "1,870.50", "for", "كثيرًا", "x-ray", "👨‍👩‍👧", "1️⃣", "пусто", "))", "wow", ":-(", "why", "???",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "lang", "reason"),
    [("", "en", "no words"), ("😡 !!!", "en", "no words"), ("sehr schlecht", "de", "language is not known")],
)
def test_what_was_not_judged_has_no_words_and_the_reason(text: str, lang: str, reason: str) -> None:
    judge = WeighingJudge()
    found = explained(text, lang, judge)
    assert found.tasks == {}
    assert reason in found.reason
    assert judge.calls == [1]


def test_a_text_of_one_word_rests_on_it() -> None:
    (word,) = explained("terrible").tasks["sentiment"].words
    assert word.weight == pytest.approx(0.84 - 1 / 3, abs=0.01), "what remains is a guess"


def test_a_short_text_takes_one_round() -> None:
    judge = WeighingJudge()
    explained("word " * (PIECES - 1) + "terrible", judge=judge)
    assert judge.calls == [1, PIECES]


def test_in_a_long_text_the_heavy_words_are_found_in_a_few_rounds() -> None:
    judge = WeighingJudge()
    filler = "и " * 320
    text = f"{filler}ужасно {filler}fire {filler}"
    found = explained(text, "ru", judge)
    assert found.tasks["sentiment"].words[0].word == "ужасно"
    assert found.tasks["urgency"].words[0].word == "fire"
    assert text.index("fire") == found.tasks["urgency"].words[0].start
    assert len(judge.calls) <= 4
    assert max(judge.calls) <= PIECES
    assert len(found.tasks["sentiment"].words) <= PIECES


def test_a_text_of_a_hundred_kilobytes_is_bounded_too() -> None:
    judge = WeighingJudge()
    found = explained("terrible " + "a " * 50_000, judge=judge)
    assert found.tasks["sentiment"].words[0].word == "terrible"
    assert sum(judge.calls) <= 1 + 3 * PIECES


def test_groups_that_weigh_the_same_are_taken_in_order() -> None:
    found = explained("word " * 500)
    starts = sorted(word.start for word in found.tasks["sentiment"].words)
    assert starts
    assert starts[0] == 0
    assert len(starts) <= PIECES
    assert HEAVIEST < PIECES


def test_a_task_that_the_model_does_not_answer_is_not_explained() -> None:
    class SentimentOnly(WeighingJudge):
        def _judge(self, asked: Judgeable) -> Judgement:
            return replace(super()._judge(asked), urgency="unscored", theme="unscored")

    assert set(explained("terrible", judge=SentimentOnly()).tasks) == {"sentiment"}
