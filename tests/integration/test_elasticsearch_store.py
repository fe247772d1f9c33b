"""Mentions in a real Elasticsearch: versions, corrections racing with them, months, and whatever a post may say."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from domain.act import Assign
from domain.incident import Step
from domain.judgement import Judgement
from domain.mention import Mention, MentionQuery, Score
from domain.post import Author, Engagement
from storage.cluster import Known, Origin, Versioned, month_of
from storage.elasticsearch import ElasticsearchStore, PostMemory, open_store
from storage.elasticsearch.documents import MOST_WORDS, MentionDocument, mention_source
from storage.elasticsearch.schema import FIXED, MENTION
from storage.store import Commit
from tests.kit.elastic import cluster_of
from tests.kit.services import ElasticServer
from tests.kit.stores import (
    alert,
    at,
    correct,
    dead_letter,
    ids,
    incident,
    judged,
    mention,
    near_miss,
    notification,
    post,
    replied,
)

FIRST_MOMENT = datetime(1, 1, 1, tzinfo=UTC)
LAST_MOMENT = datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)
LARGEST_NUMBER = 2**64 - 1


@pytest.fixture
def store(elastic: ElasticServer, index_prefix: str) -> Iterator[ElasticsearchStore]:
    opened = open_store(cluster_of(elastic, index_prefix, keep_months=2))
    yield opened
    opened.close()


def told(of: Mention, version: int = 1) -> Versioned:
    return Versioned(mention=of, version=version, month=month_of(of.post))


def stored(store: ElasticsearchStore, of: Mention) -> Mention | None:
    """The mention as it is now, whatever searches see by now."""
    refresh(store)
    return store.mention(of.id)


def refresh(store: ElasticsearchStore) -> None:
    store._cluster.ask("POST", f"/{store.schema.mentions}/_refresh")


def test_the_highest_version_of_a_mention_stays_in_whatever_order_they_come(store: ElasticsearchStore) -> None:
    one, two, three = (mention(post(text=f"version {number}")) for number in (1, 2, 3))
    outcome = store.index([told(two, 2), told(one, 1)])
    assert (list(outcome.places), outcome.overtaken) == ([0], [1])
    assert stored(store, one) == two
    assert store.index([told(one, 1)]).overtaken == [0]
    assert store.index([told(two, 2)]).written == 1, "the same again is written: nobody knows whether it was"
    assert store.index([told(three, 7)]).written == 1
    assert stored(store, one) == three


def test_new_counters_told_without_the_story_keep_the_one_that_is_stored(store: ElasticsearchStore) -> None:
    one, two = mention(post("1"), story="s1"), mention(post("2"), story="s2")
    store.index([told(one), told(two)])
    counted = [
        replace(each, story="", post=replace(each.post, engagement=Engagement(likes=9, as_of=at(9))))
        for each in (one, two)
    ]
    later = replace(counted[1], post=replace(counted[1].post, engagement=Engagement(likes=10, as_of=at(10))))
    store.index([told(counted[0], 2), told(counted[1], 2), told(later, 3)])
    assert stored(store, one) == replace(counted[0], story="s1")
    assert stored(store, two) == replace(later, story="s2")


def test_a_mention_stays_in_its_month_though_its_post_moves(store: ElasticsearchStore) -> None:
    march = mention(post())
    may = mention(post(minutes=90 * 24 * 60, version="2"))
    store.index([told(march, 1)])
    store.index([Versioned(mention=may, version=2, month=month_of(march.post))])
    assert stored(store, march) == may
    assert list(store.schema.months()) == ["2026-03"]
    store.keep(correct(may, sentiment="positive"))
    assert list(store.schema.months()) == ["2026-03"]
    assert store.count(MentionQuery()) == 1


def test_a_correction_and_its_mention_may_come_in_any_order_and_again(store: ElasticsearchStore) -> None:
    early, late = mention(post("1"), judgement=judged()), mention(post("2"), judgement=judged())
    store.keep(correct(early, act_id="c1", sentiment="positive"))
    store.index([told(early), told(late)])
    store.keep(correct(late, act_id="c2", sentiment="positive"))
    refresh(store)
    assert ids(store, sentiment="positive") == ["1", "2"] or ids(store, sentiment="positive") == ["2", "1"]
    store.index([told(early), told(late, 2)])
    refresh(store)
    assert store.count(MentionQuery(sentiment="positive")) == 2, "indexed again, it is still corrected"


def test_whoever_is_faster_a_correction_holds(store: ElasticsearchStore) -> None:
    heard = [mention(post(str(number)), judgement=judged()) for number in range(24)]

    def index(one: Mention) -> None:
        for version in (1, 2, 3):
            store.index([told(one, version)])

    def judge(one: Mention) -> None:
        store.keep(correct(one, act_id=f"s{one.id}", minutes=1, sentiment="positive"))

    def judge_too(one: Mention) -> None:
        store.keep(correct(one, act_id=f"u{one.id}", minutes=2, urgency="critical", by="Dana"))

    with ThreadPoolExecutor(6) as many:
        list(many.map(lambda job: job[0](job[1]), [(act, one) for one in heard for act in (judge, index, judge_too)]))
    refresh(store)
    found = store.search(MentionQuery(sentiment="positive", urgency="critical", limit=100))
    assert {one.id for one in found} == {one.id for one in heard}
    assert {one.judgement.corrected_by for one in found if one.judgement} == {"Dana"}


def hostile() -> dict[str, Mention]:
    """Mentions that say the worst, by what is wrong with them."""
    words = " ".join(f"w{number}" for number in range(MOST_WORDS + 5_000))
    huge = Engagement(likes=LARGEST_NUMBER, reposts=-LARGEST_NUMBER // 2, views=0, as_of=LAST_MOMENT)
    posts = {
        "oldest": post(minutes=0, created_at=FIRST_MOMENT, collected_at=FIRST_MOMENT, origin="backfill"),
        "newest": post(created_at=LAST_MOMENT, collected_at=LAST_MOMENT, edited_at=LAST_MOMENT),
        "surrogates": post(text="needle \ud83d alone \udc00", author=Author(name="\udfff"), url="\ud800"),
        "nul": post(text="needle \x00 \x1f\x7f", title="\x00", author=Author(handle="\x00")),
        "long": post(text="needle " + "x" * 10_000_000),
        "wide": post(text="needle " + "🙂" * 2_000_000),
        "many words": post(text=f"{words} needle"),
        "long word": post(text="needle " + "a" * 5_000 + "end"),
        "long values": post(
            text="needle", url="https://e/" + "u" * 40_000, author=Author(id="i" * 40_000, name="n" * 40_000),
            network="vk" * 20_000, reply_to="r" * 40_000, source="s" * 40_000, lang="l" * 40_000,
        ),
        "numbers": post(
            text="needle", engagement=huge, author=Author(followers=LARGEST_NUMBER), rating=-(2**63)
        ),
    }  # fmt: skip
    mentions = {
        name: mention(replace(one, native_id=name, text=one.text if "needle" in one.text else "needle"))
        for name, one in posts.items()
    }
    strange = Judgement(
        sentiment="negative",
        urgency="low",
        theme="other",
        model="m" * 40_000,
        sentiment_scores={"": 1.0, ".": 0.5, "a..b": 0.1, "x" * 70_000: 1e300, "negative": 1e300},
        urgency_scores={f"label {number}": 0.1 for number in range(5_000)},
        toxicity=1e300,
        review="r" * 40_000,
    )
    mentions["scores"] = mention(
        post("scores", "needle"),
        judgement=strange,
        score=Score(reach=1e308, influence=-1.0, priority=1e-320, parts={"..": 1.0}),
        matched=tuple("m" * 40_000 for _ in range(20)),
        story="s" * 40_000,
        lang="l" * 40_000,
        brand="b" * 40_000,
    )
    return mentions


def test_nothing_that_a_post_says_keeps_its_mention_out(store: ElasticsearchStore) -> None:
    mentions = hostile()
    for name, one in mentions.items():
        outcome = store.index([told(one)])
        assert (outcome.written, outcome.refused) == (1, []), name
    refresh(store)
    found = {one.post.native_id: one for one in store.search(MentionQuery(text="needle", limit=100))}
    assert set(found) == set(mentions)
    for name in set(mentions) - {"surrogates"}:
        assert found[name] == mentions[name], name
    assert found["surrogates"].post.text == "needle \ufffd alone \ufffd"
    assert store.mentions_of(mentions["long"].post.id) == [mentions["long"]]
    long = mentions["long values"]
    assert ids(store, network=long.post.network) == ["long values"]
    assert ids(store, brand="b" * 40_000) == ids(store, lang="l" * 40_000) == ["scores"]
    assert ids(store, brand="b" * 39_999) == []
    assert ids(store, text="w7") == ids(store, text=f"w{MOST_WORDS + 4_999}") == ["many words"]
    assert ids(store, text=f'"{"a" * 5_000}end"') == ["long word"]
    assert ids(store, text=f'"{"a" * 5_000}"') == []
    assert store.search(MentionQuery(limit=100))[0] == mentions["newest"]
    assert store.search(MentionQuery(limit=100))[-1] == mentions["oldest"]
    assert store.count(MentionQuery(until=datetime(1, 1, 1, 0, 0, 0, 1, tzinfo=UTC))) == 1
    assert sum(row.mentions for row in store.stats(MentionQuery())) == len(mentions)


def test_what_is_too_large_for_any_server_is_one_refused_mention_among_others(store: ElasticsearchStore) -> None:
    small, huge = mention(post("1")), mention(post("2", "🙂" * 6_000_000))
    outcome = store.index([told(small), told(huge)])
    assert [(one.number, one.id, one.reason) for one in outcome.refused] == [(1, huge.id, "too_large")]
    assert outcome.written == 1


def test_what_a_person_or_a_receiver_says_is_kept_whatever_it_is(store: ElasticsearchStore) -> None:
    one = mention(post())
    store.commit(Commit(mentions=[one]))
    for act_id in ("", "\ud800", "x" * 5_000, "slash/ and ?"):
        store.keep(correct(one, act_id=act_id, by="\x00 name \ud800" + "n" * 100, theme="staff"))
    assert len(store.acts(brand="Aurora Air")) == 4
    assert store.mention("") is None
    assert store.mention("\ud800" * 600) is None
    assert store.incident("x" * 5_000) is None
    assert store.mentions_beginning("\ud800") == store.mentions_beginning("*") == []
    store.mark_replayed("/\ud800", at=at(0))


def test_a_lying_clock_makes_no_index_of_its_own() -> None:
    assert month_of(post(minutes=0)) == "2026-03"
    assert month_of(post(created_at=LAST_MOMENT)) == "2026-03", "nothing is written after it is collected"
    assert month_of(post(created_at=FIRST_MOMENT)) == "1999-12", "all before 2000 lies together"


def test_whole_months_go_when_they_are_old_with_what_is_remembered_of_their_posts(store: ElasticsearchStore) -> None:
    months = [post(str(number), created_at=datetime(2026, number, 28, tzinfo=UTC)) for number in (1, 2, 3, 4, 5)]
    heard = [mention(replace(one, collected_at=at(200_000), origin="backfill")) for one in months]
    store.index(list(map(told, heard)))
    memory = PostMemory(store._cluster)
    known = {
        one.post.id: Known(version="1", origin=Origin("posts-0", number), month=month_of(one.post), mentions=(one,))
        for number, one in enumerate(heard)
    }
    memory.remember(known)
    store._cluster.ask("POST", f"/{store._cluster.name('posts')}/_refresh")
    assert store.drop_expired(datetime(2026, 5, 1, tzinfo=UTC)) == ["2026-01", "2026-02"]
    assert store.drop_expired(datetime(2026, 5, 1, tzinfo=UTC)) == []
    refresh(store)
    assert ids(store) == ["5", "4", "3"]
    assert set(memory.recall(known)) == {one.post.id for one in heard[2:]}
    assert store.index([told(heard[0])]).written == 1, "one that comes late makes its month again"


def test_without_a_limit_no_month_goes(elastic: ElasticServer, index_prefix: str) -> None:
    store = open_store(cluster_of(elastic, index_prefix))
    store.index([told(mention(post()))])
    assert store.drop_expired(LAST_MOMENT) == []
    store.close()


def test_a_month_indexed_with_other_word_forms_is_searched_whole_until_it_is_indexed_anew(
    store: ElasticsearchStore,
) -> None:
    old, new = mention(post("1", "late flights")), mention(post("2", "late flights", minutes=60 * 24 * 40))
    store.index([told(old), told(new)])
    cluster, index = store._cluster, store.schema.month_index("2026-03")
    source = json.loads(mention_source(old)) | {"words": "fold3d otherw1se"}
    cluster.ask("PUT", f"/{index}/_doc/{old.id}?version=1&version_type=external_gte", source)
    refresh(store)
    assert ids(store, text="flight") == ["2"], "an index that claims to be current is believed"
    cluster.ask("PUT", f"/{index}/_mapping", {"_meta": {"words": "of an older Tocsin"}})
    assert store.schema.outdated(look=True) == {"2026-03": index}
    assert ids(store, text="flight") == ["2", "1"]
    store.keep(correct(old, sentiment="positive"))
    assert store.bring_up_to_date() == 1
    assert store.schema.outdated() == {}
    assert ids(store, text="flight") == ["2", "1"]
    assert ids(store, text="flight", sentiment="positive") == ["1"]
    assert store.bring_up_to_date() == 0


def test_more_mentions_than_a_search_may_skip_are_paged_and_counted_exactly(store: ElasticsearchStore) -> None:
    base = post(text="late flight")
    heard = [
        mention(replace(base, native_id=str(number)), brand=f"brand {number % 1_500}", event_at=at(number % 7))
        for number in range(10_300)
    ]
    for start in range(0, len(heard), 2_000):
        store.index(list(map(told, heard[start : start + 2_000])))
    refresh(store)
    wanted = sorted(heard, key=lambda one: (-one.event_at.timestamp(), one.id))
    assert store.search(MentionQuery(limit=20_000)) == wanted
    assert store.search(MentionQuery(limit=30, offset=9_990)) == wanted[9_990:10_020]
    assert store.search(MentionQuery(limit=30, offset=2_490, text="flight")) == wanted[2_490:2_520]
    assert store.count(MentionQuery()) == store.count(MentionQuery(text="flight")) == 10_300
    rows = store.stats(MentionQuery())
    assert len(rows) == 1_500
    assert rows == store.stats(MentionQuery(text="flight"))
    assert sum(row.mentions for row in rows) == 10_300


def test_every_field_of_a_mention_s_document_is_mapped(store: ElasticsearchStore) -> None:
    written = {field.encode_name for field in msgspec.structs.fields(MentionDocument)}
    filled_later = {"location"}
    assert written - set(MENTION) == {"priority_rank"}, "which needs a cluster that has it"
    assert set(MENTION) - written == filled_later
    asked = post(title="Title", addressed="mastodon:auroraair")
    one = mention(
        asked, judgement=judged(review="unsure"), score=score(0.5), deleted_at=at(1), matched=("@mastodon:auroraair",)
    )
    store.index([told(one)])
    assert store.answer([replied(one, minutes=12)]) == [replace(one, first_response_at=at(12))]
    assert store.answer([replied(one, minutes=12)]) == [], "the clock was stopped before"
    refresh(store)
    body = {"query": {"match_all": {}}, "fields": ["*"], "_source": False}
    answer = json.loads(store._cluster.ask("POST", f"/{store.schema.mentions}/_search", body).body)
    (hit,) = answer["hits"]["hits"]
    fields: dict[str, Any] = hit["fields"]
    assert fields["@timestamp"] == ["2026-03-01T09:00:00.000Z"]
    assert fields["priority"] == [0.5]
    assert fields["author.name"] == ["Anna"]
    assert fields["addressed"] == ["mastodon:auroraair"]
    assert fields["first_response_at"] == ["2026-03-01T09:12:00.000Z"]
    assert fields["response_seconds"] == [720]
    assert fields["sentiment_scores.negative"] == [1.0]
    assert "body" not in fields, "people are not shown what only programs read"


def test_every_field_of_every_decision_is_mapped(store: ElasticsearchStore) -> None:
    taken = Step(at=at(3), what="acknowledged", by="Inna")
    closed = replace(
        incident(status="resolved"), timeline=(taken,), acknowledged_by="Inna", assignee="Dana", resolved_at=at(9)
    )
    one = mention(post())
    store.commit(
        Commit(
            alerts=[alert()], near_misses=[near_miss()], incidents=[closed], notifications=[notification()],
            dead_letters=[dead_letter()],
            acts=[
                correct(one, sentiment="positive", urgency="high", theme="staff"),
                replied(one),
                Assign(id="a", by="Inna", at=at(1), brand="Aurora Air", incident="i1", assignee="Dana"),
            ],
        )
    )  # fmt: skip
    assert [entry.notification.id for entry in store.claim(at(0), "left", 60, 10)] == ["o1"]
    unmapped = {name: set(fields) - set(FIXED[name]) for name, fields in written(store).items()}
    assert not any(unmapped.values()), unmapped
    store.mark_sent("o1", at=at(1), handle="ts:1")
    store.mark_retry("o1", next_at=at(2), error="late")
    store.mark_replayed(dead_letter().id, at=at(2))
    unmapped = {name: set(fields) - set(FIXED[name]) for name, fields in written(store).items()}
    assert not any(unmapped.values()), unmapped
    assert written(store)["incidents"]["seconds_to_acknowledge"] == 180
    assert written(store)["incidents"]["seconds_to_resolve"] == 540
    assert written(store)["outbox"]["seconds_to_send"] == 60.0


def refresh_all(store: ElasticsearchStore) -> None:
    store._cluster.ask("POST", f"/{store._cluster.name('*')}/_refresh")


def written(store: ElasticsearchStore) -> dict[str, dict[str, Any]]:
    """All fields that the documents of each index of decisions have, each with one of its values."""
    found: dict[str, dict[str, Any]] = {}
    refresh_all(store)
    for name in FIXED:
        answer = json.loads(store._cluster.ask("POST", f"/{store._cluster.name(name)}/_search", {}).body)
        found[name] = {field: value for hit in answer["hits"]["hits"] for field, value in hit["_source"].items()}
    return found


def score(priority: float) -> Score:
    return Score(reach=0.1, influence=0.2, priority=priority, parts={})


def test_a_window_is_exact_to_the_microsecond_before_1970_too(store: ElasticsearchStore) -> None:
    moments = [datetime(1969, 12, 31, 23, 59, 59, 999_000, tzinfo=UTC) + timedelta(microseconds=n) for n in range(4)]
    heard = [mention(post(str(n)), event_at=moment) for n, moment in enumerate(moments)]
    store.commit(Commit(mentions=heard))
    assert ids(store) == ["3", "2", "1", "0"]
    assert ids(store, since=moments[1], until=moments[3]) == ["2", "1"]
