"""What every store promises of finding mentions."""

import pytest
from msgspec.structs import replace

from domain.errors import QueryError
from domain.mention import MentionQuery
from storage.store import Commit, MentionStore
from tests.kit.stores import (
    at,
    ids,
    judged,
    mention,
    post,
)


def test_search_gives_the_newest_event_first_and_pages_without_gaps(store: MentionStore) -> None:
    heard = [post(str(number), minutes=number % 4) for number in range(10)]
    store.commit(Commit(mentions=[mention(one) for one in heard]))
    whole = store.search(MentionQuery(limit=100))
    assert whole == sorted(whole, key=lambda one: (-one.event_at.timestamp(), one.id))
    pages = [store.search(MentionQuery(limit=3, offset=offset)) for offset in range(0, 12, 3)]
    assert [one for page in pages for one in page] == whole
    assert store.search(MentionQuery(limit=0)) == []
    assert store.count(MentionQuery(limit=3, offset=3)) == 10


def test_search_filters_by_everything_it_says(store: MentionStore) -> None:
    one = post("1", minutes=1)
    two = post("2", minutes=2, network="vk")
    three = post("3", minutes=3)
    store.commit(
        Commit(
            mentions=[
                mention(one, judgement=judged("negative", "critical", "safety")),
                mention(two, judgement=judged("positive", "low", "praise"), lang="kk"),
                mention(three, brand="Borealis Jet"),
            ]
        )
    )
    assert ids(store) == ["3", "2", "1"]
    assert ids(store, brand="Aurora Air") == ["2", "1"]
    assert ids(store, sentiment="negative") == ids(store, urgency="critical") == ids(store, theme="safety") == ["1"]
    assert ids(store, network="vk") == ids(store, lang="kk") == ["2"]
    assert ids(store, sentiment="unscored") == ids(store, urgency="unscored") == ["3"]
    assert ids(store, since=at(2)) == ["3", "2"]
    assert ids(store, until=at(2)) == ["1"]
    assert ids(store, since=at(2), until=at(3)) == ["2"]
    assert ids(store, brand="Aurora Air", sentiment="positive", network="vk", since=at(1)) == ["2"]
    assert ids(store, brand="Nobody") == []
    assert store.count(MentionQuery(brand="Aurora Air")) == 2


def test_text_search_is_a_brand_query_with_word_forms(store: MentionStore) -> None:
    texts = {
        "1": "Задержали рейсы, стою в аэропорту",
        "2": "Рейс задержан опять",
        "3": "The flights were delayed again",
        "4": "nothing to see here",
    }
    store.commit(Commit(mentions=[mention(post(name, text, minutes=int(name))) for name, text in texts.items()]))
    assert ids(store, text="рейс") == ["2", "1"]
    assert ids(store, text="flight AND delayed") == ["3"]
    assert ids(store, text="рейс OR flight", limit=2) == ["3", "2"]
    assert ids(store, text="рейс OR flight", limit=2, offset=2) == ["1"]
    assert ids(store, text='"рейс задержан"') == ["2"]
    assert ids(store, text="flight", brand="Borealis Jet") == []
    assert ids(store, text="рейс", until=at(2)) == ["1"]
    assert ids(store, text="see -рейс -flight") == ["4"]
    assert ids(store, text="author:anna AND задерж*") == ["2", "1"]
    assert store.count(MentionQuery(text="рейс OR flight", limit=1)) == 3
    assert store.stats(MentionQuery(text="рейс"))[0].mentions == 2


def test_text_search_follows_an_edit(store: MentionStore) -> None:
    first, second = post(text="where is my luggage"), post(text="where is my refund", version="2")
    store.commit(Commit(mentions=[mention(first)]))
    store.commit(Commit(mentions=[mention(second)], edited_posts=[first.id]))
    assert ids(store, text="luggage") == []
    assert ids(store, text="refund") == ["1"]
    store.commit(Commit(deleted_posts={first.id: at(1)}))
    assert ids(store, text="refund") == []


def test_a_bad_text_query_says_where_and_what_instead(store: MentionStore) -> None:
    for ask in (store.search, store.count, store.stats):
        with pytest.raises(QueryError) as refusal:
            ask(MentionQuery(text='"aurora'))
        assert refusal.value.remedy


def test_stats_count_each_brand_most_mentions_first(store: MentionStore) -> None:
    store.commit(
        Commit(
            mentions=[
                mention(post("1"), judgement=judged("negative", "high")),
                mention(post("2", network="vk"), judgement=judged("positive", "low", "praise")),
                mention(post("3"), brand="Borealis Jet"),
                mention(post("4", minutes=90), judgement=judged("negative", "high")),
            ]
        )
    )
    rows = store.stats(MentionQuery(limit=1, until=at(60)))
    assert [(row.brand, row.mentions) for row in rows] == [("Aurora Air", 2), ("Borealis Jet", 1)]
    assert rows[0].sentiments == {"negative": 1, "positive": 1}
    assert rows[0].urgencies == {"high": 1, "low": 1}
    assert rows[0].themes == {"delivery": 1, "praise": 1}
    assert rows[0].networks == {"mastodon": 1, "vk": 1}
    assert rows[0].langs == {"en": 2}
    assert rows[1].sentiments == {"unscored": 1}


def test_a_mention_is_found_by_its_id_and_by_the_beginning_of_it(store: MentionStore) -> None:
    told = sorted((mention(post(str(number))) for number in range(40)), key=lambda one: one.id)
    store.commit(Commit(mentions=told, deleted_posts={told[0].post.id: at(1)}))
    assert store.mention(told[5].id) == told[5]
    assert store.mention(told[5].id[:9]) is None
    assert store.mentions_beginning(told[5].id[:12]) == [told[5]]
    assert store.mentions_beginning("", limit=3) == [replace(told[0], deleted_at=at(1)), *told[1:3]]
    assert store.mentions_beginning("nosuch") == []
