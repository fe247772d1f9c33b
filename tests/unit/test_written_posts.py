"""The posts written for training: their form, their number, and that validation stands apart."""

import json
import re
from collections import Counter
from functools import cache
from typing import Any

import pytest

from domain.judgement import SENTIMENTS, SUPPORTED_LANGUAGES, THEMES, URGENCIES
from models.training.corpus import WRITTEN, normal

KEYS = {
    "id", "lang", "network", "industry", "brand", "text", "sentiment", "urgency", "theme", "toxic", "hard",
}  # fmt: skip
HARD = {
    "violent_idiom", "calm_grave", "sarcasm", "solved", "rival_crisis", "negation", "praise_in_complaint",
    "neutral_news", "polite_legal", "numbers", "two_brands", "quote", "homonym", "slang", "mixed_language",
}  # fmt: skip


@cache
def rows(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (WRITTEN / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()]


def spaced(text: str) -> str:
    return re.sub(r"\W+", " ", text.lower()).strip()


@pytest.mark.parametrize("lang", SUPPORTED_LANGUAGES)
def test_every_language_has_its_posts_and_a_validation_of_its_own(lang: str) -> None:
    assert len(rows(lang)) >= 1000
    assert len(rows(f"{lang}.validation")) >= 150


@pytest.mark.parametrize("name", [f"{lang}{part}" for lang in SUPPORTED_LANGUAGES for part in ("", ".validation")])
def test_every_row_is_in_form(name: str) -> None:
    for row in rows(name):
        assert set(row) == KEYS
        assert row["lang"] == name[:2]
        assert row["sentiment"] in SENTIMENTS
        assert row["urgency"] in URGENCIES
        assert row["theme"] in THEMES
        assert row["hard"] in HARD | {""}
        assert isinstance(row["toxic"], bool)
        assert len(row["text"].strip()) >= 3
    assert len({row["id"] for row in rows(name)}) == len(rows(name))
    assert len({(spaced(row["text"]), row["brand"]) for row in rows(name)}) == len(rows(name))


@pytest.mark.parametrize("lang", SUPPORTED_LANGUAGES)
def test_four_in_ten_are_hard_and_every_label_occurs(lang: str) -> None:
    for name in (lang, f"{lang}.validation"):
        assert sum(bool(row["hard"]) for row in rows(name)) >= 0.4 * len(rows(name))
        for task, labels in (("sentiment", SENTIMENTS), ("urgency", URGENCIES), ("theme", THEMES)):
            assert {row[task] for row in rows(name)} == set(labels)


def test_validation_shares_no_post_and_no_brand_with_training() -> None:
    train = [row for lang in SUPPORTED_LANGUAGES for row in rows(lang)]
    validation = [row for lang in SUPPORTED_LANGUAGES for row in rows(f"{lang}.validation")]
    assert {normal(row["text"]) for row in train}.isdisjoint(normal(row["text"]) for row in validation)
    named = {row["brand"].casefold() for row in train} - {""}
    assert named.isdisjoint(row["brand"].casefold() for row in validation)


@pytest.mark.parametrize("lang", SUPPORTED_LANGUAGES)
def test_two_brands_in_one_post_are_told_apart(lang: str) -> None:
    told: dict[str, set[str]] = {}
    for row in rows(lang):
        told.setdefault(row["text"], set()).add(row["sentiment"])
    assert sum(len(sentiments) > 1 for sentiments in told.values()) >= 20


@pytest.mark.parametrize("lang", SUPPORTED_LANGUAGES)
def test_posts_do_not_follow_a_template(lang: str) -> None:
    openings = Counter(" ".join(spaced(row["text"]).split()[:4]) for row in rows(lang) if row["hard"] != "two_brands")
    assert max(count for opening, count in openings.items() if opening.count(" ") == 3) <= 6
