"""The two stages that ask the models."""

from collections.abc import Sequence
from datetime import UTC, datetime

import msgspec

from domain.judgement import Judgeable, Judgement
from domain.mention import Mention, mention_id
from domain.post import Post
from processors.classify import classify
from processors.detect_language import detect_language

NOW = datetime(2024, 5, 1, 12, tzinfo=UTC)


class Detector:
    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []

    def detect(self, text: str, *, claimed: str = "") -> tuple[str, float]:
        self.asked.append((text, claimed))
        return "kk", 0.876543


class Classifier:
    name = "scripted"

    def __init__(self) -> None:
        self.asked: list[Judgeable] = []

    def classify(self, texts: Sequence[Judgeable]) -> list[Judgement]:
        self.asked += texts
        return [
            Judgement(sentiment="neutral", urgency="low", theme="other", model=self.name, reason=text.text)
            for text in texts
        ]


def mention(text: str, *, title: str = "", deleted: bool = False) -> Mention:
    post = Post(
        network="rss", native_id=text or "gone", text=text, title=title, created_at=NOW, collected_at=NOW,
        source="feed", lang="ru", deleted=deleted,
    )  # fmt: skip
    return Mention(id=mention_id("rss", post.native_id, "Aurora Air"), brand="Aurora Air", post=post, event_at=NOW)


def test_the_language_of_title_and_text_is_set_with_its_confidence() -> None:
    detector = Detector()
    (found,) = detect_language(mention("қосымша ашылмайды", title="Аврора"), detector=detector)
    assert (found.lang, found.lang_confidence) == ("kk", 0.8765)
    assert detector.asked == [("Аврора\nқосымша ашылмайды", "ru")]


def test_title_and_text_are_judged_with_brand_and_language() -> None:
    classifier = Classifier()
    first = msgspec.structs.replace(mention("one", title="Head"), lang="en")
    second = mention("two")
    judged = classify([first, second], classifier=classifier)
    assert classifier.asked == [Judgeable("Head\none", "Aurora Air", "en"), Judgeable("two", "Aurora Air", "und")]
    assert [one.judgement.reason for one in judged if one.judgement] == ["Head\none", "two"]
    assert [one.id for one in judged] == [first.id, second.id]


def test_a_deletion_passes_untouched_and_is_not_judged() -> None:
    classifier, detector = Classifier(), Detector()
    gone = mention("", deleted=True)
    assert detect_language(gone, detector=detector) == [gone]
    judged = classify([mention("one"), gone, mention("two")], classifier=classifier)
    assert judged[1] == gone
    assert [one.text for one in classifier.asked] == ["one", "two"]
    assert detector.asked == []
