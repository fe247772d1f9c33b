"""What `tocsin process` makes of posts, with everything around it in memory."""

from collections.abc import Mapping
from datetime import timedelta

import pytest
from msgspec.structs import replace

from domain.errors import BrokerUnavailable, StoreError, StoreUnavailable
from domain.post import Record
from storage.cluster import Known, Origin
from tests.kit.engine import clock, record
from tests.kit.processing import PostMemory, Topics, broken, build_processor, deal, dealt, packed, received
from tocsin.metrics import Metrics
from tocsin.runtimes.cluster.process import read
from tocsin.runtimes.cluster.wire import AGAIN, MENTIONS, POSTS, Heard, backfill


class Surroundings:
    """A processor, its memory and its topics; posts stand one a record in one partition."""

    def __init__(self, memory: PostMemory | None = None, topics: Topics | None = None) -> None:
        self.memory, self.topics, self.metrics = memory or PostMemory(), topics or Topics(), Metrics()
        self.processor = build_processor(self.memory, self.topics, metrics=self.metrics)
        self._next = 0

    def hear(self, *records: Record, topic: str = POSTS) -> list[bool]:
        """Deal with new records."""
        taken = [one._replace(offset=self._next + one.offset) for one in packed(records, (1,), topic=topic)]
        self._next += len(taken)
        return deal(self.processor, taken)

    def heard(self, topic: str = MENTIONS) -> list[Heard]:
        return self.topics.messages(topic, Heard)

    def told(self, topic: str = MENTIONS) -> list[tuple[str, str, str]]:
        """Post, brand and change of every message."""
        events = [one.event for one in self.heard(topic)]
        return [(event.mention.post.native_id, event.brand, event.change) for event in events]

    def counted(self, name: str) -> dict[str, float]:
        """A metric's value by its labels as they are printed."""
        lines = [line for line in self.metrics.render().decode().splitlines() if line.startswith(f"tocsin_{name}")]
        return {line.partition("{")[2].partition("}")[0]: float(line.split()[-1]) for line in lines}


def test_a_post_is_told_for_each_brand_that_it_names_with_where_it_stood_and_its_month() -> None:
    around = Surroundings()
    assert around.hear(record(1, "nobody"), record(2, "aurora and borealis")) == [False, False]
    assert around.told() == [("2", "Aurora Air", "new"), ("2", "Borealis Jet", "new")]
    assert {(one.origin, one.month) for one in around.heard()} == {(Origin("posts-0.g1", 1), "2026-03")}
    assert [one.key for one in around.topics.records] == [b"Aurora Air", b"Borealis Jet"]


def test_only_posts_that_named_a_brand_are_remembered() -> None:
    around = Surroundings()
    around.hear(record(1, "nobody"), record(2, "aurora"), record(3, "", deleted=True))
    assert [[m.brand for m in known.mentions] for known in around.memory.posts.values()] == [["Aurora Air"]]


def test_messages_of_one_brand_share_a_record() -> None:
    around = Surroundings()
    taken = packed([record(number, "aurora") for number in range(6)], (3,))
    dealt(around.processor, read(taken))
    assert len(around.topics.records) == 1
    assert [one.origin for one in around.heard()] == [Origin("posts-0.g1", at // 3, at % 3) for at in range(6)]


def test_history_goes_to_a_topic_of_its_own() -> None:
    around = Surroundings()
    around.hear(record(1, "aurora"), topic=backfill(POSTS))
    assert around.told() == []
    assert around.told(backfill(MENTIONS)) == [("1", "Aurora Air", "new")]
    assert around.heard(backfill(MENTIONS))[0].origin.line == "posts.backfill-0.g1"


def test_an_edit_tells_each_brand_what_became_of_its_mention() -> None:
    around = Surroundings()
    around.hear(record(1, "aurora bad wing"), record(1, "aurora and borealis", version="2"))
    around.hear(record(1, "borealis only", version="3"))
    assert around.told() == [
        ("1", "Aurora Air", "new"),
        ("1", "Aurora Air", "edited"),
        ("1", "Borealis Jet", "new"),
        ("1", "Borealis Jet", "edited"),
        ("1", "Aurora Air", "deleted"),
    ]
    gone = around.heard()[-1].event.mention
    assert (gone.post.text, gone.deleted_at) == ("aurora and borealis", clock())


def test_a_deleted_post_deletes_its_mentions_once_and_saying_it_again_makes_new_ones() -> None:
    around = Surroundings()
    around.hear(
        record(1, "aurora"), record(1, "", deleted=True, version="2"), record(1, "", deleted=True, version="3")
    )
    around.hear(record(1, "aurora is back", version="4"))
    assert [change for _, _, change in around.told()] == ["new", "deleted", "new"]


def test_an_edit_stays_in_the_month_of_the_first_version() -> None:
    around = Surroundings()
    around.hear(record(1, "aurora"), record(1, "aurora later", version="2", minutes=60 * 24 * 29))
    assert [one.month for one in around.heard()] == ["2026-03", "2026-03"]


def test_the_same_version_again_is_told_to_nobody() -> None:
    around = Surroundings()
    around.hear(record(1, "aurora"), record(2, "borealis"))
    around.hear(record(1, "aurora"), record(2, "borealis"))
    assert len(around.told()) == 2
    assert around.counted("posts_repeated_total") == {'source="kit"': 2}
    assert around.counted("posts_total") == {'source="kit"': 2}


def test_a_record_delivered_again_is_told_to_nobody_even_after_a_later_version() -> None:
    around = Surroundings()
    taken = packed([record(1, "aurora"), record(1, "aurora again", version="2")], (1,))
    deal(around.processor, taken)
    deal(around.processor, taken)
    deal(around.processor, taken[:1])
    assert [change for _, _, change in around.told()] == ["new", "edited"]
    assert around.counted("redelivered_total") == {'stage="process"': 3}


def test_a_dead_letter_that_is_replayed_is_dealt_with_although_its_post_is_known_and_only_once() -> None:
    around = Surroundings()
    first, replayed = packed([record(1, "aurora")] * 2, (1,))
    replayed = replayed._replace(key=AGAIN)
    dealt(around.processor, read([first, replayed]))
    deal(around.processor, [first, replayed])
    assert [change for _, _, change in around.told()] == ["new", "edited"]


def test_what_is_no_post_becomes_a_dead_letter_with_its_own_bytes_and_its_neighbours_go_on() -> None:
    around = Surroundings()
    array = b"[" + b",".join((broken(text="aurora 1"), b'{"post": 7}', broken(native_id="2"))) + b"]"
    values = (b"\xff\xfe", None, b"[]", array, broken(text=b"\xc3".decode("latin-1"))[:-1])
    taken = [received(value, offset) for offset, value in enumerate(values)]
    assert deal(around.processor, taken) == [True, True, True, False, True, False, True]
    letters = around.topics.letters
    assert [(one.stage, one.reason, one.where) for one in letters] == [
        ("process", "bad_json", "posts-0:0.0"),
        ("process", "empty", "posts-0:1.0"),
        ("process", "empty", "posts-0:2.0"),
        ("process", "bad_message", "posts-0:3.1"),
        ("process", "bad_json", "posts-0:4.0"),
    ]
    assert (letters[0].raw, letters[3].raw) == (b"\xff\xfe", b'{"post": 7}')
    assert [post for post, _, _ in around.told()] == ["1", "2"]


def test_a_post_whose_time_says_no_zone_is_refused() -> None:
    around = Surroundings()
    assert deal(around.processor, [received(broken(created_at="2026-03-02T09:00:00"))]) == [True]
    assert [one.reason for one in around.topics.letters] == ["no_timezone"]


def test_poison_in_a_stage_becomes_a_dead_letter_and_its_neighbours_go_on() -> None:
    around = Surroundings()
    assert around.hear(record(1, "aurora"), record(2, "aurora poison"), record(3, "  "), record(4, "borealis")) == [
        False, True, True, False,
    ]  # fmt: skip
    assert [(one.stage, one.reason, one.where) for one in around.topics.letters] == [
        ("normalise", "no_text", "vk:3"),
        ("classify", "stage_error", "vk:2"),
    ]
    assert [post for post, _, _ in around.told()] == ["1", "4"]
    assert around.counted("dead_letters_total") == {
        'reason="no_text",stage="normalise"': 1,
        'reason="stage_error",stage="classify"': 1,
    }


class Choosy(PostMemory):
    """A memory that will never take one post."""

    def remember(self, posts: Mapping[str, Known]) -> list[str]:
        if any(mention.post.native_id == "2" for known in posts.values() for mention in known.mentions):
            raise StoreError("a post cannot be remembered (too_large)")
        return super().remember(posts)


def test_a_post_that_breaks_what_is_around_the_stages_is_found_and_becomes_a_dead_letter() -> None:
    around = Surroundings(Choosy())
    assert around.hear(*(record(number, "aurora") for number in range(5))) == [False, False, True, False, False]
    assert [(one.stage, one.reason, one.where) for one in around.topics.letters] == [
        ("process", "stage_error", "vk:2")
    ]
    assert len(around.memory.posts) == 4


def away(step: str) -> None:
    if step.startswith("remember"):
        raise StoreUnavailable("Elasticsearch is away")
    raise BrokerUnavailable("Kafka is away")


@pytest.mark.parametrize(
    ("memory", "topics", "error"),
    [(PostMemory(effect=away), Topics(), StoreUnavailable), (PostMemory(), Topics(effect=away), BrokerUnavailable)],
)
def test_a_server_that_is_away_is_an_error_for_the_caller_and_not_the_posts_fault(
    memory: PostMemory, topics: Topics, error: type[Exception]
) -> None:
    around = Surroundings(memory, topics)
    with pytest.raises(error):
        around.hear(record(1, "aurora"))
    assert around.topics.letters == []


class Raced(PostMemory):
    """Another process passes another version of the post on, just before it is remembered here."""

    def __init__(self, other: Known) -> None:
        super().__init__()
        self.other = [other]

    def remember(self, posts: Mapping[str, Known]) -> list[str]:
        while self.other:
            (post_id,) = posts
            self.posts[post_id] = self.other.pop()
        return super().remember(posts)


def test_a_post_that_another_process_took_further_meanwhile_is_told_on_top_of_that() -> None:
    first = Surroundings()
    first.hear(record(1, "aurora and borealis", version="live"))
    (live,) = first.memory.posts.values()
    around = Surroundings(Raced(live))
    around.hear(record(1, "borealis", version="old"), topic=backfill(POSTS))
    assert around.told(backfill(MENTIONS)) == [
        ("1", "Borealis Jet", "new"),
        ("1", "Borealis Jet", "edited"),
        ("1", "Aurora Air", "deleted"),
    ]
    (known,) = around.memory.posts.values()
    assert (known.version, known.revision, known.earlier) == ("old", 2, (live.origin,))


def test_what_the_model_is_given_at_once_is_measured() -> None:
    around = Surroundings()
    dealt(around.processor, read(packed([record(number, "aurora") for number in range(7)], (7,))))
    assert around.counted("judged_texts_sum") == {"": 7}
    assert around.counted("judge_seconds_count") == {"": 1}


def test_a_live_mention_counts_by_what_was_judged_and_a_deleted_one_does_not() -> None:
    around = Surroundings()
    live = record(1, "aurora fire")
    live = replace(live, post=replace(live.post, origin="live", created_at=clock() - timedelta(minutes=1)))
    around.hear(live, record(1, "", deleted=True, version="2"))
    assert list(around.counted("mentions_total").values()) == [1]
    assert around.counted("published_total") == {'topic="mentions"': 2}
    assert around.counted("consumed_total") == {'topic="posts"': 2}
