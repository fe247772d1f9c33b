from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from domain.errors import Refused
from domain.post import Author, Engagement, Post
from ingest.records.fields import Columns
from ingest.records.post import PostReader

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


def read(row: dict[str, Any], mapped: dict[str, str] | None = None, **settings: Any) -> Post:
    reader = PostReader(Columns(mapped), source="history", network="file", **settings)
    return reader.read(row, collected_at=NOW)


def row(**other: Any) -> dict[str, Any]:
    return {"id": "1", "text": "Aurora Air lost my bag", "created_at": "2026-11-01T10:00:00Z", **other}


def refusal(given: dict[str, Any]) -> str:
    with pytest.raises(Refused) as caught:
        read(given)
    assert caught.value.detail
    return caught.value.reason


def test_a_row_with_everything_becomes_a_post_with_everything() -> None:
    post = read(
        row(
            network="VK", kind="reply", url="https://vk.example/wall1", lang="ru-RU", title="Bags", rating="4",
            edited_at=1793527200, reply_to=17, repost_of="x", likes="3", retweets=2.0, replies=1, views=0,
            author={"id": 7, "name": "Inna K", "screen_name": "@innak", "followers_count": 1520, "verified": "yes"},
        )
    )  # fmt: skip
    assert post == Post(
        network="vk",
        native_id="1",
        text="Aurora Air lost my bag",
        title="Bags",
        created_at=datetime(2026, 11, 1, 10, 0, tzinfo=UTC),
        edited_at=datetime.fromtimestamp(1793527200, UTC),
        version=datetime.fromtimestamp(1793527200, UTC).isoformat(),
        collected_at=NOW,
        source="history",
        kind="comment",
        url="https://vk.example/wall1",
        lang="ru",
        rating=4,
        reply_to="17",
        repost_of="x",
        engagement=Engagement(likes=3, reposts=2, replies=1, views=0, as_of=NOW),
        author=Author(id="7", name="Inna K", handle="innak", followers=1520, verified=True),
    )


def test_a_row_with_only_text_and_date_is_enough() -> None:
    post = read({"text": "Aurora Air", "created_at": "2026-11-01"})
    assert (post.network, post.kind, post.engagement, post.author) == ("file", "post", Engagement(), Author())


@pytest.mark.parametrize(
    ("author", "expected"),
    [
        ("innak", Author(handle="innak")),
        ("@innak", Author(handle="innak")),
        ("Inna K", Author(name="Inna K")),
        (77, Author(id="77")),
        ({"handle": "innak"}, Author(handle="innak")),
        ({"id": [1], "name": {}}, None),
        ([], Author()),
        (True, Author()),
    ],
)
def test_an_author_may_be_a_string_a_number_or_an_object(author: object, expected: Author | None) -> None:
    if expected is None:
        assert refusal(row(author=author)) == "bad_field"
    else:
        assert read(row(author=author)).author == expected


def test_columns_are_mapped_with_dots_into_objects() -> None:
    post = read(
        {"tweet": {"full_text": "Aurora Air", "user": {"screen_name": "innak"}}, "at": 1793527200, "a.b": "x9"},
        {"text": "tweet.full_text", "author_handle": "tweet.user.screen_name", "created_at": "at", "id": "a.b"},
    )
    assert (post.text, post.author.handle, post.native_id) == ("Aurora Air", "innak", "x9")


def test_a_mapped_field_is_read_from_its_column_only() -> None:
    assert read(row(tweet_id="9"), {"id": "tweet_id"}).native_id == "9"


def test_what_tocsin_wrote_is_read_again() -> None:
    first = read(row(author="innak", likes=3))
    assert first.native_id == read({"native_id": "1", "text": "x", "created_at": 1793527200}).native_id
    assert read(row(engagement={"likes": 3})).engagement.likes == 3


def test_rows_of_other_shapes_in_one_file_are_each_read_in_their_own() -> None:
    reader = PostReader(Columns({}), source="s", network="file")
    posts = [reader.read(row(**other), collected_at=NOW) for other in ({}, {"likes": 1}, {"retweets": 2}, {})]
    assert [(post.engagement.likes, post.engagement.reposts) for post in posts] == [
        (None, None), (1, None), (None, 2), (None, None),
    ]  # fmt: skip


@pytest.mark.parametrize("broken", ["many", "-3", -3, True, [], {}, "1e400", float("nan"), 10**30, "²"])
def test_a_broken_counter_does_not_cost_the_post(broken: object) -> None:
    assert read(row(likes=broken, followers=broken, rating=broken)).engagement.likes is None


def test_without_id_the_same_row_is_the_same_post_and_another_another() -> None:
    bare = {"text": "Aurora Air", "created_at": "2026-11-01", "author": "innak"}
    assert read(bare).id == read(dict(bare)).id
    others = [bare | {"text": "Aurora Air!"}, bare | {"created_at": "2026-11-02"}, bare | {"author": "boris"}]
    assert len({read(other).id for other in [bare, *others]}) == 4


def test_an_id_twice_with_the_same_words_is_the_same_version_and_with_other_words_another() -> None:
    assert read(row(likes=1)).stamp == read(row(likes=2)).stamp
    assert read(row()).stamp != read(row(text="Aurora Air found my bag")).stamp
    assert read(row(edited_at="2026-11-02")).stamp != read(row(edited_at="2026-11-03")).stamp


def test_a_large_number_keeps_all_its_digits_as_an_id() -> None:
    assert read(row(id=1234567890123456789)).native_id == "1234567890123456789"


@pytest.mark.parametrize("text", ["", None, "   ", "\n\t", "\u200b\ufeff", "\u00a0"])
def test_an_empty_text_is_refused(text: object) -> None:
    assert refusal(row(text=text)) == "no_text"


def test_a_title_alone_is_the_text() -> None:
    post = read(row(text="", title="Aurora Air in court"))
    assert (post.text, post.title) == ("Aurora Air in court", "")


@pytest.mark.parametrize("text", [["a"], {"a": 1}, True])
def test_a_text_that_is_no_text_is_refused(text: object) -> None:
    assert refusal(row(text=text)) == "bad_field"


def test_nul_and_bidi_characters_pass() -> None:
    assert read(row(text="Aurora\x00 \u202eriA")).text == "Aurora\x00 \u202eriA"


@pytest.mark.parametrize("date", [None, ""])
def test_a_missing_date_is_refused_because_now_would_be_wrong(date: object) -> None:
    assert refusal(row(created_at=date)) == "no_date"


@pytest.mark.parametrize("date", ["soon", "1901-01-01", 12, (NOW + timedelta(days=1, seconds=1)).isoformat(), {}])
def test_a_wrong_date_is_refused(date: object) -> None:
    assert refusal(row(created_at=date)) == "bad_date"


@pytest.mark.parametrize("date", ["1988-01-01T00:00:00Z", (NOW + timedelta(hours=23)).isoformat()])
def test_a_date_of_1988_and_of_tomorrow_stay_as_they_are(date: str) -> None:
    assert read(row(created_at=date)).created_at == datetime.fromisoformat(date)


@pytest.mark.parametrize("said", [True, 1, "true", "Yes"])
def test_a_deletion_has_no_text_and_needs_no_date(said: object) -> None:
    post = read({"id": "1", "deleted": said, "text": "gone"})
    assert post.deleted
    assert (post.text, post.stamp, post.created_at) == ("", "deleted", NOW)


def test_a_deletion_of_nothing_is_refused() -> None:
    assert refusal({"deleted": True, "created_at": "2026-11-01"}) == "no_id"


@pytest.mark.parametrize("network", ["a b", "x" * 65, "<script>"])
def test_a_network_with_an_impossible_name_is_refused(network: str) -> None:
    assert refusal(row(network=network)) == "bad_network"


@pytest.mark.parametrize("url", ["javascript:alert(1)", "/etc/passwd", 7, "ftp://x.example"])
def test_only_web_addresses_are_links(url: object) -> None:
    assert read(row(url=url)).url == ""


def test_unknown_columns_are_ignored() -> None:
    assert read(row(meta={"a": 1}, brand="Aurora Air", label="negative", split="train", source="x")) == read(row())


def test_language_and_zone_come_from_config_where_the_row_is_silent() -> None:
    assert read(row(), lang="kk").lang == "kk"
    assert read(row(lang="cs_CZ"), lang="kk").lang == "cs"
