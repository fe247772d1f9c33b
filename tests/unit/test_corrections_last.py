"""A correction under the engine: posts read again, replayed, edited and deleted."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from msgspec.structs import replace

from domain.correction import correction
from domain.judgement import Judgeable, Judgement
from domain.mention import Mention, MentionQuery
from domain.post import Record
from storage.memory import MemoryStore
from storage.sqlite import open_store
from storage.store import Store
from tests.kit.engine import START, WordClassifier, build_engine, record
from tests.kit.stores import correct
from tocsin.corrections import deployed, standing


@pytest.fixture(params=["memory", "sqlite"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    opened: Store = MemoryStore() if request.param == "memory" else open_store(tmp_path / "tocsin.db")
    yield opened
    opened.close()


def read(store: Store, *records: Record, again: bool = False) -> None:
    for commit in build_engine(store).process(list(records), [], {}, again=again):
        store.commit(commit)


def only(store: Store) -> Mention:
    (mention,) = store.search(MentionQuery())
    return mention


def judged_by_inna(store: Store) -> None:
    act = correction(
        only(store), by="Inna", at=START + timedelta(days=31), labels={"sentiment": "positive", "urgency": "low"}
    )
    store.keep(act)


def test_reading_or_replaying_the_same_post_does_not_undo_a_correction(store: Store) -> None:
    heard = record(1, "aurora bad wing")
    read(store, heard)
    judged_by_inna(store)
    before = only(store)
    read(store, heard)
    assert only(store) == before
    read(store, heard, again=True)
    assert only(store) == before
    assert [mention.id for mention in standing(store).mentions] == [before.id]


def test_an_edit_is_judged_anew_and_the_act_is_kept(store: Store) -> None:
    read(store, record(1, "aurora bad wing"))
    judged_by_inna(store)
    read(store, record(1, "aurora fire", version="2"))
    judgement = only(store).judgement
    assert judgement is not None
    assert (judgement.urgency, judgement.corrected_by, judgement.model_said) == ("critical", "", {})
    assert [act.by for act in store.acts()] == ["Inna"]
    assert standing(store) == ([], 1)


def test_a_deleted_mention_is_corrected_no_more(store: Store) -> None:
    read(store, record(1, "aurora bad wing"))
    judged_by_inna(store)
    read(store, record(1, "", version="gone", deleted=True))
    assert standing(store) == ([], 1)


def test_a_few_corrections_leave_the_classifier_as_it_is(store: Store) -> None:
    for number in range(12):
        read(store, record(number, f"aurora bad wing {number}"))
    for number, mention in enumerate(store.search(MentionQuery())):
        store.keep(correct(mention, act_id=f"c{number}", confirm=True))
    judge = deployed(WordClassifier(), store)
    assert (judge.name, judge.describe()) == ("words-1", "off: 12 of 50 corrections")


class Pessimist(WordClassifier):
    """Sees more in a wing than people do: the number in the text is what it makes of its chance to be meant badly."""

    name = "pessimist-1"

    def _judge(self, text: str) -> Judgement:
        bad = int(text.rsplit(maxsplit=1)[-1]) / 100
        scores = {"negative": bad, "neutral": 1 - bad, "positive": 0.0}
        return replace(
            super()._judge(text), sentiment="negative" if bad > 1 / 2 else "neutral", sentiment_scores=scores
        )


def test_many_corrections_calibrate_it(store: Store) -> None:
    read(store, *(record(number, f"aurora wing {number}") for number in range(20, 100)))
    for mention in store.search(MentionQuery(limit=100)):
        meant_badly = int(mention.post.native_id) > 70
        store.keep(correct(mention, act_id=mention.id, sentiment="negative" if meant_badly else "neutral"))
    judge = deployed(Pessimist(), store)
    assert judge.name.startswith("pessimist-1+deployment-")
    assert judge.describe().startswith("calibrated from 80 corrections: sentiment ")
    plain, calibrated = (one.classify([Judgeable("aurora wing 55")])[0] for one in (Pessimist(), judge))
    assert (plain.sentiment, calibrated.sentiment) == ("negative", "neutral")
