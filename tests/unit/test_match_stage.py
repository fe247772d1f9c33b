"""The stage that turns posts into mentions."""

from datetime import timedelta

from msgspec import structs

from domain.brand import Brand
from domain.event_time import LARGEST_DELAY
from domain.mention import mention_id
from domain.query import BrandMatcher
from processors.match import match
from tests.kit.query import AT, post

MATCHER = BrandMatcher([Brand(name="Aurora Air", query="aurora"), Brand(name="Borealis", query="borealis")])


def test_a_post_becomes_one_mention_for_each_brand_it_names() -> None:
    heard = post("Aurora beats Borealis", lang="en")
    mentions = match(heard, matcher=MATCHER)
    assert [(mention.brand, mention.matched) for mention in mentions] == [
        ("Aurora Air", ("Aurora",)),
        ("Borealis", ("Borealis",)),
    ]
    assert all(mention.post == heard and mention.lang == "en" for mention in mentions)
    assert mentions[0].id == mention_id("vk", "1", "Aurora Air")
    assert mentions[0].id != mentions[1].id


def test_a_post_that_names_nobody_becomes_nothing() -> None:
    assert match(post("hello"), matcher=MATCHER) == []


def test_a_deleted_post_becomes_nothing_here() -> None:
    assert match(post("aurora", deleted=True), matcher=MATCHER) == []


def test_an_edit_keeps_the_mentions_id() -> None:
    (first,) = match(post("aurora"), matcher=MATCHER)
    (second,) = match(post("aurora, edited", version="2"), matcher=MATCHER)
    assert first.id == second.id


def test_a_language_nobody_named_is_undetermined() -> None:
    (mention,) = match(post("aurora"), matcher=MATCHER)
    assert mention.lang == "und"


def test_event_time_is_the_claim_kept_near_its_collection() -> None:
    (honest,) = match(post("aurora"), matcher=MATCHER)
    assert honest.event_at == AT
    (old,) = match(structs.replace(post("aurora"), created_at=AT - timedelta(days=900)), matcher=MATCHER)
    assert old.event_at == AT - LARGEST_DELAY
