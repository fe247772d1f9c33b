"""Which rows train, which judge, and how they are typed."""

import json
import random
from pathlib import Path

import pytest

from models.training.augment import augmented
from models.training.batches import MIXTURE
from models.training.corpus import TASKS, WRITTEN, fraction, normal, read, written

SETS = Path(__file__).parents[3] / "shared" / "data"
needs_sets = pytest.mark.skipif(
    not SETS.is_dir(), reason="needs the public sets beside the repository: ../shared/data"
)


@needs_sets
@pytest.mark.shared
def test_no_text_that_judges_trains_and_forbidden_sets_never_train() -> None:
    corpus = read(SETS)
    held = {normal(row.text) for rows in corpus.held.values() for row in rows}
    assert not any(normal(row.text) in held for rows in corpus.train.values() for row in rows)
    assert {"cs facebook", "cs restaurants", "astd", "airline"}.isdisjoint(corpus.train)
    assert {"cs facebook", "cs restaurants", "astd", "airline"} <= set(corpus.held)
    assert {part for part in corpus.train if not part.startswith("written")} == set(MIXTURE)


@pytest.mark.parametrize(
    "same",
    ["So late again! https://t.co/x1", "so late again http", "RT @aurora: so late again", '"@aurora So late, again"'],
)
def test_a_text_is_known_again_whatever_its_links_handles_and_retweet_marks(same: str) -> None:
    assert normal(same) == "solateagain"
    assert normal("rtl and shttp") == "rtlandshttp"


@needs_sets
@pytest.mark.shared
def test_only_sets_with_a_stated_licence_train_a_strict_model() -> None:
    strict = read(SETS, stated_only=True)
    assert {"rusentitweet", "banks", "sxsw", "priority"}.isdisjoint(strict.train)
    assert {"rusentitweet", "banks", "sxsw", "priority"} <= set(strict.held)


@needs_sets
@pytest.mark.shared
def test_a_post_about_two_banks_is_a_row_for_each() -> None:
    rows = [row for part in (read(SETS).train["banks"], read(SETS).held["banks"]) for row in part]
    ids = [row.id for row in rows]
    assert len(ids) > len(set(ids))
    assert all("," not in row.brand for row in rows)


def test_a_written_row_has_a_label_of_every_task() -> None:
    for row in written(WRITTEN / "kk.jsonl")[:50]:
        assert set(row.labels) == set(TASKS)
        assert row.lang == "kk"


def test_corrections_train_in_the_same_form(tmp_path: Path) -> None:
    line = (WRITTEN / "ru.jsonl").read_text(encoding="utf-8").splitlines()[0]
    (tmp_path / "corrected.jsonl").write_text(line + "\n", encoding="utf-8")
    assert written(tmp_path / "corrected.jsonl") == written(WRITTEN / "ru.jsonl")[:1]


def test_a_correction_that_says_nothing_of_toxicity_trains_the_other_tasks(tmp_path: Path) -> None:
    row = json.loads((WRITTEN / "ru.jsonl").read_text(encoding="utf-8").splitlines()[0])
    del row["toxic"]
    (tmp_path / "corrected.jsonl").write_text(json.dumps(row) + "\n", encoding="utf-8")
    (read_back,) = written(tmp_path / "corrected.jsonl")
    assert set(read_back.labels) == set(TASKS) - {"toxicity"}


def test_what_is_held_out_depends_on_the_text_alone() -> None:
    assert fraction("a post") == pytest.approx(0.092224299, abs=1e-8)
    assert 0 <= fraction("\ud800 broken") < 1


def test_texts_differ_only_as_people_type_them() -> None:
    chance = random.Random(3)
    czech = {augmented("Příliš žluťoučký kůň", "cs", chance) for _ in range(60)}
    assert {"Příliš žluťoučký kůň", "příliš žluťoučký kůň", "Prilis zlutoucky kun"} <= czech
    kazakh = {augmented("Қосымша ашылмайды", "kk", chance) for _ in range(60)}
    assert {"Қосымша ашылмайды", "Косымша ашылмайды"} <= kazakh
    assert "Косымша ашылмайды" not in {augmented("Қосымша ашылмайды", "ru", chance) for _ in range(60)}


def test_a_shorter_text_loses_single_words_and_never_all() -> None:
    chance = random.Random(4)
    text = "one two three four five six seven eight"
    shorter = [augmented(text, "en", chance).split() for _ in range(200)]
    assert all(words for words in shorter)
    assert any(len(words) < 8 for words in shorter)
    assert all({word.lower() for word in words} <= set(text.split()) for words in shorter)
