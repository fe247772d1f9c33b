"""What travels in Kafka: packed and read again it is the same; what cannot travel stays behind with its reason."""

import base64
from datetime import UTC, datetime, timedelta, timezone

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from domain.dead_letter import RAW_LIMIT, DeadLetter
from domain.errors import Refused
from domain.post import Author, Engagement, Post, Record
from storage.encoding import clean
from tests.kit.engine import START, record
from tests.kit.scripted_source import letter
from tocsin.runtimes.cluster.broker import partition_of
from tocsin.runtimes.cluster.packing import LARGEST_POST, Packed, pack
from tocsin.runtimes.cluster.wire import MOST_BYTES, MOST_MESSAGES, Reader, encode, encoded

RECORDS, LETTERS = Reader(Record), Reader(DeadLetter)

TEXTS = st.text(st.characters(exclude_categories=[]), max_size=40)
WORDS = st.text("abcXYZ019:_-ңҚ", min_size=1, max_size=8)
ZONES = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
TIMES = st.datetimes(datetime(1990, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC) | ZONES)  # noqa: DTZ001  # given zones
COUNTS = st.none() | st.integers(0, 2**53)
POSTS = st.builds(
    Post,
    network=WORDS,
    native_id=TEXTS,
    text=TEXTS,
    created_at=TIMES,
    collected_at=TIMES,
    source=WORDS,
    version=st.just("") | WORDS,
    origin=st.sampled_from(["live", "replay", "backfill"]),
    title=TEXTS,
    author=st.builds(Author, name=TEXTS, followers=COUNTS),
    engagement=st.builds(Engagement, likes=COUNTS, as_of=st.none() | TIMES),
    deleted=st.booleans(),
)
MESSAGES = st.lists(st.builds(Record, post=POSTS, raw=st.binary(max_size=60)), max_size=12)


def packed(*records: Record, letters: tuple[DeadLetter, ...] = (), partitions: int = 4) -> Packed:
    return pack(records, letters, partitions=lambda _topic: partitions, at=START)


def read(packed: Packed, topic: str) -> list[Record]:
    found = (one for out in packed.records if out.topic == topic for one in RECORDS.read(out.value))
    return [one for one in found if isinstance(one, Record)]


def cleaned(record: Record) -> Record:
    """As it is after a journey: text that no UTF-8 can hold is cleaned, and a version is there."""
    post = record.post
    return replace(
        record,
        post=replace(
            post,
            native_id=clean(post.native_id),
            text=clean(post.text),
            title=clean(post.title),
            author=replace(post.author, name=clean(post.author.name)),
            version=post.stamp,
        ),
    )


@given(records=MESSAGES, partitions=st.integers(1, 9))
def test_every_post_arrives_as_it_was_with_its_version_in_the_partition_of_its_id(
    records: list[Record], partitions: int
) -> None:
    made = packed(*records, partitions=partitions)
    assert made.letters == []
    for topic, origins in (("posts", {"live", "replay"}), ("posts.backfill", {"backfill"})):
        sent = [one for one in records if one.post.origin in origins]
        for place in range(partitions):
            expected = [cleaned(one) for one in sent if partition_of(one.post.id.encode(), partitions) == place]
            values = [out.value for out in made.records if (out.topic, out.partition) == (topic, place)]
            assert [one for value in values for one in RECORDS.read(value)] == expected
        assert made.messages.get(topic, 0) == len(sent)


@given(records=MESSAGES)
def test_packing_is_json_that_any_other_program_reads(records: list[Record]) -> None:
    for out in packed(*records).records:
        for message in msgspec.json.decode(out.value):
            assert set(message) == {"post", "raw"}
            base64.b64decode(message["raw"], validate=True)


def test_a_record_holds_so_many_messages_and_no_more() -> None:
    counts = [count for _, count in encode(record(number, "aurora") for number in range(MOST_MESSAGES * 2 + 1))]
    assert counts == [MOST_MESSAGES, MOST_MESSAGES, 1]


def test_a_record_holds_so_many_bytes_unless_one_message_is_larger() -> None:
    large = record(0, "a" * (MOST_BYTES // 7))
    huge = record(1, "a" * (MOST_BYTES * 2))
    values = list(encode([large, large, large, huge, large]))
    assert [count for _, count in values] == [2, 1, 1, 1]
    assert [len(value) > MOST_BYTES for value, _ in values] == [False, False, True, False]


def test_nothing_makes_no_record() -> None:
    assert list(encode([])) == []
    assert packed() == Packed(records=[], messages={}, letters=[])


def test_a_post_that_is_too_large_to_travel_becomes_a_dead_letter_and_the_others_go_on() -> None:
    made = packed(record(1, "aurora"), record(2, "a" * LARGEST_POST), record(3, "aurora"))
    assert {one.post.native_id for one in read(made, "posts")} == {"1", "3"}
    (refused,) = made.letters
    assert (refused.stage, refused.reason, refused.where) == ("ingest", "too_large", "vk:2")
    assert len(refused.raw) == RAW_LIMIT
    assert made.messages == {"posts": 2, "posts.dead": 1}


def test_a_post_that_json_cannot_carry_becomes_a_dead_letter() -> None:
    odd = record(1, "aurora")
    strange = replace(odd, post=replace(odd.post, rating=object()))
    (refused,) = packed(strange).letters
    assert (refused.stage, refused.reason) == ("ingest", "not_json")


def test_dead_letters_travel_by_source_with_their_bytes() -> None:
    poison = replace(letter(1), raw=bytes(range(256)), detail="half a pair: \ud83d")
    made = packed(letters=(poison, letter(2), replace(letter(3), source="news")))
    assert made.messages == {"posts.dead": 3}
    found = {out.key: LETTERS.read(out.value) for out in made.records}
    assert found == {
        b"kit": [replace(poison, detail="half a pair: �"), letter(2)],
        b"news": [replace(letter(3), source="news")],
    }


def test_one_message_alone_is_read_as_an_array_of_one() -> None:
    assert RECORDS.read(encoded(record(1, "aurora"))) == [record(1, "aurora")]


@pytest.mark.parametrize(
    ("value", "reasons"),
    [
        (None, ["empty"]),
        (b"", ["empty"]),
        (b"[]", ["empty"]),
        (b"\x00\xff no json", ["bad_json"]),
        (b"[1, 2", ["bad_json"]),
        (b"{}", ["bad_message"]),
        (b'[{"post": 3}]', ["bad_message"]),
        (b'["\xff"]', ["bad_message"]),
        (b"[" * 100_000, ["bad_json"]),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_reason(value: bytes | None, reasons: list[str]) -> None:
    found = RECORDS.read(value)
    assert [one.reason if isinstance(one, Refused) else "read" for one in found] == reasons


def test_poison_in_an_array_leaves_its_neighbours_in_their_places() -> None:
    whole = b"[" + b",".join([encoded(record(1, "a")), b'{"post": 3}', b"7", encoded(record(2, "b"))]) + b"]"
    first, second, third, fourth = RECORDS.read(whole)
    assert (first, fourth) == (record(1, "a"), record(2, "b"))
    assert isinstance(second, Refused)
    assert isinstance(third, Refused)


@given(value=st.binary(max_size=80) | st.binary(max_size=80).map(lambda tail: b"[" + tail))
def test_reading_never_fails(value: bytes) -> None:
    assert RECORDS.read(value)
