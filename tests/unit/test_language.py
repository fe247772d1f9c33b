"""Language detection of posts as people type them."""

import pytest

from models.language import LanguageDetector, detect
from models.training.corpus import WRITTEN, written

DETECTOR = LanguageDetector()


@pytest.mark.parametrize(
    ("text", "lang"),
    [
        ("Рейс опять задержали, сижу в аэропорту третий час", "ru"),
        ("нормально доехали", "ru"),
        ("Ұшақ кешігіп жатыр, ешкім жауап бермейді", "kk"),
        ("Оте жаксы колданба рахмет", "kk"),  # without a single Kazakh letter
        ("доставка оте жаксы, бирак кымбат", "kk"),  # with Russian words
        ("ote jaqsy qoldanba, rahmet sizderge", "kk"),  # in Latin letters
        ("Kde mám balík? Už týden nic", "cs"),
        ("prosim kdy to zase pojede, uz me to nebavi", "cs"),  # without diacritics
        ("الرحلة متأخرة ومحدش بيرد علينا", "ar"),
        ("wallah el app da msh shaghal keda", "ar"),  # in Latin letters
        ("where is my parcel, it's been a week", "en"),
        ("Der Flug war leider verspätet und niemand hat geholfen", "de"),
        ("Вибачте, чому застосунок їсть батарею?", "uk"),
        ("ОЧЕНЬ ПЛОХО ВЕРНИТЕ ДЕНЬГИ", "ru"),
        ("iPhone-ға Aurora Air қосымшасы орнатылмайды", "kk"),
        ("@AuroraAir https://aurora.example спасибо #быстро", "ru"),
    ],
)
def test_posts_are_heard_in_their_language(text: str, lang: str) -> None:
    found, confidence = DETECTOR.detect(text)
    assert found == lang
    assert 0 < confidence <= 1


@pytest.mark.parametrize("text", ["", "   \n\t ", "😡😡😡", "12:30 !!!", "@aurora https://aurora.example", "\ud800"])
def test_a_text_without_letters_is_undetermined(text: str) -> None:
    assert DETECTOR.detect(text) == ("und", 0.0)


@pytest.mark.parametrize(
    "text", ["line\nbreak\r\nmore", "nul \x00 inside", "lone \ud83d surrogate", "я" * 200_000, "漢字"]
)
def test_odd_texts_are_answered_without_an_exception(text: str) -> None:
    code, confidence = DETECTOR.detect(text)
    assert code
    assert 0 <= confidence <= 1


def test_what_the_network_claims_tips_an_open_question_only() -> None:
    assert DETECTOR.detect("супер", claimed="kk")[0] == "kk"
    assert DETECTOR.detect("супер", claimed="ru")[0] == "ru"
    assert DETECTOR.detect("Рейс опять задержали, сижу в аэропорту третий час", claimed="kk")[0] == "ru"
    assert DETECTOR.detect("where is my parcel, it's been a week", claimed="ar-EG")[0] == "en"


def test_nothing_is_printed_or_logged(capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture) -> None:
    LanguageDetector().detect("a long text " * 100)
    assert capfd.readouterr() == ("", "")
    assert caplog.records == []


def test_the_module_answers_as_a_detector_does() -> None:
    assert detect("where is my parcel") == DETECTOR.detect("where is my parcel")


@pytest.mark.parametrize(("lang", "right"), [("ru", 0.97), ("kk", 0.97), ("cs", 0.95), ("ar", 0.96), ("en", 0.97)])
def test_nearly_all_written_posts_are_heard_in_their_language(lang: str, right: float) -> None:
    texts = [row.text for part in ("", ".validation") for row in written(WRITTEN / f"{lang}{part}.jsonl")]
    assert sum(DETECTOR.detect(text)[0] == lang for text in texts) >= right * len(texts)
