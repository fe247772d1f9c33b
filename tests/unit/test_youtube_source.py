"""Listening to YouTube: threads, replies, searches and second looks, within a day's units."""

import json
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from typing import Any

import pytest

from domain.brand import Brand
from domain.errors import RetryLater, SourceMisconfigured
from domain.post import Post
from ingest.source import Historic, Page, Source
from ingest.youtube import Config, build
from tests.kit.cases_youtube import AURORA, BLOGGER
from tests.kit.ingest import NOON, SECRET, Clock, polite_client
from tests.kit.scripted_http import Told
from tests.networks.youtube import Channel, Comment, Video, YouTubeServer, error, youtube

NOW = NOON.timestamp()
BRAND = Brand(name="Aurora Air", query='"aurora air"')
Make = Callable[..., Source]


@pytest.fixture
async def tube(clock: Clock) -> AsyncIterator[YouTubeServer]:
    async with youtube(clock) as tube:
        tube.channels = [Channel(AURORA, "auroraair"), Channel(BLOGGER, "blogger")]
        tube.videos = [Video("vidgate1", AURORA, NOW - 50_000)]
        yield tube


@pytest.fixture
async def make(tube: YouTubeServer, clock: Clock) -> AsyncIterator[Make]:
    async with polite_client(clock) as client:

        def source(*, brands: tuple[Brand, ...] = (), **settings: Any) -> Source:
            told = {"kind": "youtube", "token": SECRET, "api": tube.server.at("/youtube/v3"), **settings}
            told = {"requests_per_minute": 100_000, "channels": ["@auroraair"], "search": bool(brands), **told}
            return build(Config.model_validate(told), client=client, clock=clock, brands=brands)

        yield source


async def read(source: Source, clock: Clock, cursor: bytes | None = None, *, rounds: int = 1) -> list[Page]:
    """Fetch until nothing is due, so many times."""
    pages: list[Page] = []
    for _ in range(300):
        pages.append(await source.fetch(pages[-1].cursor if pages else cursor))
        if pages[-1].exhausted or pages[-1].wait:
            rounds -= 1
            if not rounds:
                return pages
        clock.advance(pages[-1].wait)
    raise AssertionError("it never rests")


def posts(pages: list[Page]) -> list[Post]:
    return [record.post for page in pages for record in page.records]


def ids(pages: list[Page]) -> list[str]:
    return [post.native_id for post in posts(pages)]


def asked(tube: YouTubeServer, method: str) -> list[dict[str, str]]:
    return [one.query for one in tube.server.asked if one.path == f"/youtube/v3/{method}"]


async def test_a_thread_tells_who_answers_whom_and_who_is_addressed(
    tube: YouTubeServer, make: Make, clock: Clock
) -> None:
    tube.comments = [
        Comment("Ug1", "vidgate1", NOW - 100),
        Comment("Ug1.a", "vidgate1", NOW - 90, author="@auroraair", author_id=AURORA, parent="Ug1"),
    ]
    told = {post.native_id: post for post in posts(await read(make(), clock))}
    assert (told["Ug1"].reply_to, told["Ug1"].addressed, told["Ug1"].kind) == (
        "video/vidgate1",
        "youtube:auroraair",
        "comment",
    )
    assert told["Ug1"].url == "https://www.youtube.com/watch?v=vidgate1&lc=Ug1"
    assert (told["Ug1.a"].reply_to, told["Ug1.a"].addressed) == ("Ug1", "")
    assert told["Ug1.a"].account == told["video/vidgate1"].account == "youtube:auroraair"
    assert told["video/vidgate1"].addressed == ""


async def test_comments_under_videos_of_others_are_addressed_to_nobody(
    tube: YouTubeServer, make: Make, clock: Clock
) -> None:
    tube.videos += [Video("vidtrip1", BLOGGER, NOW - 500)]
    tube.comments = [Comment("Ug1", "vidtrip1", NOW - 100)]
    (comment,) = [post for post in posts(await read(make(videos=["vidtrip1"]), clock)) if post.kind == "comment"]
    assert (comment.native_id, comment.addressed, comment.account) == ("Ug1", "", "youtube:inna")


async def test_replies_are_asked_for_only_where_they_did_not_all_come_along(
    tube: YouTubeServer, make: Make, clock: Clock
) -> None:
    tube.comments = [Comment("Ug1", "vidgate1", NOW - 100), Comment("Ug2", "vidgate1", NOW - 99)]
    tube.comments += [Comment(f"Ug1.{n}", "vidgate1", NOW - 90 + n, parent="Ug1") for n in range(5)]
    tube.comments += [Comment(f"Ug2.{n}", "vidgate1", NOW - 90 + n, parent="Ug2") for n in range(6)]
    found = ids(await read(make(), clock, rounds=3))
    assert sorted(found) == sorted([*(one.id for one in tube.comments), "video/vidgate1"])
    assert [query["parentId"] for query in asked(tube, "comments") if "parentId" in query] == ["Ug2"]


async def test_a_new_reply_in_a_known_thread_is_found(tube: YouTubeServer, make: Make, clock: Clock) -> None:
    tube.comments = [Comment("Ug1", "vidgate1", NOW - 30_000)]
    source = make()
    before = await read(source, clock)
    tube.comments += [Comment(f"Ug1.{n}", "vidgate1", NOW + 10 + n, parent="Ug1") for n in range(9)]
    clock.advance(3_600)
    after = await read(source, clock, before[-1].cursor)
    assert {f"Ug1.{n}" for n in range(9)} <= set(ids(after))
    assert [post.engagement.replies for post in posts(after) if post.native_id == "Ug1"] == [9]


async def test_what_arrives_between_two_pages_is_neither_lost_nor_told_twice(
    tube: YouTubeServer, make: Make, clock: Clock
) -> None:
    tube.page = 5
    tube.comments = [Comment(f"Ug{n}", "vidgate1", NOW - 100 - n) for n in range(23)]
    tube.arriving = [Comment(f"Uglate{n}", "vidgate1", NOW - n) for n in range(4)]
    found = ids(await read(make(), clock, rounds=2))
    assert sorted(found) == sorted([*(one.id for one in tube.comments), "video/vidgate1"])


async def test_an_old_pinned_comment_on_top_does_not_end_the_reading(
    tube: YouTubeServer, make: Make, clock: Clock
) -> None:
    tube.page = 4
    tube.comments = [Comment(f"Ug{n}", "vidgate1", NOW - 100 - n) for n in range(11)]
    tube.comments += [Comment("Ugold", "vidgate1", NOW - 9_000_000)]
    tube.videos[0].pinned = "Ugold"
    found = ids(await read(make(videos=["vidgate1"], channels=[]), clock))
    assert sorted(found) == sorted([*(f"Ug{n}" for n in range(11)), "video/vidgate1"])


async def test_a_quiet_channel_is_not_told_again_and_again(tube: YouTubeServer, make: Make, clock: Clock) -> None:
    tube.comments = [Comment(f"Ug{n}", "vidgate1", NOW - 4_000_000 - n) for n in range(9)]
    tube.comments += [Comment("Ugnew", "vidgate1", NOW - 3_600)]
    assert sorted(ids(await read(make(), clock, rounds=30))) == ["Ugnew", "video/vidgate1"]


async def test_a_page_that_did_not_change_is_not_sent_again(tube: YouTubeServer, make: Make, clock: Clock) -> None:
    tube.comments = [Comment("Ug1", "vidgate1", NOW - 100)]
    await read(make(), clock, rounds=2)
    threads = [one for one in tube.server.asked if one.query.get("allThreadsRelatedToChannelId")]
    assert "if-none-match" not in threads[0].headers
    assert "if-none-match" in threads[1].headers


async def test_likes_are_told_again_under_the_same_version(tube: YouTubeServer, make: Make, clock: Clock) -> None:
    tube.comments = [Comment("Ug1", "vidgate1", NOW - 100)]
    source = make()
    before = await read(source, clock)
    tube.comment("Ug1").likes = 77
    clock.advance(3_600)
    (again,) = posts(await read(source, clock, before[-1].cursor))
    assert (again.native_id, again.engagement.likes) == ("Ug1", 77)
    assert again.version == next(post.version for post in posts(before) if post.native_id == "Ug1")


@pytest.mark.parametrize("strict", [False, True])
async def test_a_comment_that_is_gone_is_a_deletion_and_its_neighbours_stay(
    tube: YouTubeServer, make: Make, clock: Clock, *, strict: bool
) -> None:
    tube.comments = [Comment(f"Ug{n}", "vidgate1", NOW - 100 - n) for n in range(7)]
    tube.comments += [Comment(f"Ug6.{n}", "vidgate1", NOW - 50 - n, parent="Ug6") for n in range(3)]
    source = make()
    before = await read(source, clock)
    for gone in ("Ug3", "Ug6.1"):
        tube.delete(gone)
    tube.strict = strict
    clock.advance(3_600)
    after = posts(await read(source, clock, before[-1].cursor))
    assert {post.native_id for post in after if post.deleted} == {"Ug3", "Ug6.1"}
    again = await read(source, clock, (await read(source, clock, before[-1].cursor))[-1].cursor)
    assert not [post for post in posts(again) if post.deleted]


async def test_an_edited_reply_keeps_its_place_though_it_is_asked_for_alone(
    tube: YouTubeServer, make: Make, clock: Clock
) -> None:
    tube.comments = [Comment("Ug1", "vidgate1", NOW - 100), Comment("Ug1.a", "vidgate1", NOW - 90, parent="Ug1")]
    source = make()
    before = await read(source, clock)
    tube.bare = True
    clock.advance(3_600)
    tube.edit("Ug1.a", "It was found")
    after = [post for post in posts(await read(source, clock, before[-1].cursor)) if post.native_id == "Ug1.a"]
    assert after
    assert {(post.text, post.reply_to, post.addressed, post.url, post.edited_at) for post in after} == {
        (
            "It was found",
            "Ug1",
            "youtube:auroraair",
            "https://www.youtube.com/watch?v=vidgate1&lc=Ug1.a",
            NOON + timedelta(seconds=3_600),
        )
    }


async def test_subscribers_are_asked_for_fifty_authors_at_a_time_and_hidden_ones_are_not_nought(
    tube: YouTubeServer, make: Make, clock: Clock
) -> None:
    tube.channels += [Channel(f"UCa{n}", f"a{n}", None if n == 7 else n) for n in range(70)]
    tube.comments = [Comment(f"Ug{n}", "vidgate1", NOW - n, author=f"@a{n}", author_id=f"UCa{n}") for n in range(70)]
    found = {post.native_id: post.author.followers for post in posts(await read(make(), clock))}
    assert (found["Ug0"], found["Ug7"], found["Ug69"]) == (0, None, 69)
    statistics = [query["id"].count(",") + 1 for query in asked(tube, "channels") if query["part"] == "statistics"]
    assert sorted(statistics) == [1, 20, 50]


async def test_a_video_without_comments_is_left_alone_for_a_day(
    tube: YouTubeServer, make: Make, clock: Clock
) -> None:
    tube.videos += [Video("vidmute1", BLOGGER, NOW - 500, disabled=True)]
    source = make(channels=[], videos=["vidmute1", "vidgate1"])
    pages = await read(source, clock, rounds=20)
    assert {query["videoId"] for query in asked(tube, "commentThreads")} == {"vidgate1"}
    clock.advance(25 * 3_600)
    tube.videos[1].disabled = False
    tube.comments = [Comment("Ug1", "vidmute1", clock().timestamp())]
    assert "Ug1" in ids(await read(source, clock, pages[-1].cursor))


@pytest.mark.parametrize(
    ("reason", "status", "hours"), [("commentsDisabled", 403, 24), ("videoNotFound", 404, 7 * 24)]
)
async def test_a_video_that_is_refused_is_a_trouble_and_the_rest_goes_on(
    tube: YouTubeServer, make: Make, clock: Clock, reason: str, status: int, hours: int
) -> None:
    tube.videos += [Video("vidtrip1", BLOGGER, NOW - 500)]
    tube.comments = [Comment("Ug1", "vidtrip1", NOW - 100), Comment("Ug2", "vidgate1", NOW - 100)]
    answer = tube._threads
    refuse = error(status, reason)
    tube._threads = lambda query: refuse if query.get("videoId") == "vidtrip1" else answer(query)  # type: ignore[method-assign]
    pages = await read(make(channels=[], videos=["vidtrip1", "vidgate1"]), clock)
    assert "Ug2" in ids(pages)
    (trouble,) = [sentence for page in pages for sentence in page.troubles]
    assert "vidtrip1" in trouble
    assert f"{hours} h" in trouble


async def test_a_video_that_is_not_shown_is_a_trouble_once(tube: YouTubeServer, make: Make, clock: Clock) -> None:
    tube.comments = [Comment("Ug2", "vidgate1", NOW - 100)]
    pages = await read(make(channels=[], videos=["vidgone1", "vidgate1"]), clock, rounds=10)
    assert "Ug2" in ids(pages)
    assert [sentence for page in pages for sentence in page.troubles] == [
        "video vidgone1: YouTube does not show it (deleted, private or blocked)"
    ]


async def test_channels_that_do_not_exist_are_said_so(tube: YouTubeServer, make: Make, clock: Clock) -> None:
    pages = await read(make(channels=["@auroraair", "@nobody"]), clock)
    assert ["@nobody" in sentence for page in pages for sentence in page.troubles] == [True]
    with pytest.raises(SourceMisconfigured, match="@nobody"):
        await read(make(channels=["@nobody"]), clock)
    assert tube.spent


async def test_a_place_that_is_not_known_any_more_is_read_anew(tube: YouTubeServer, make: Make, clock: Clock) -> None:
    tube.page = 3
    tube.comments = [Comment(f"Ug{n}", "vidgate1", NOW - 100 - n) for n in range(10)]
    source = make()
    pages = [await source.fetch(None)]
    while not any('"token":"T' in page.cursor.decode() for page in pages):
        pages.append(await source.fetch(pages[-1].cursor))
    stale = pages[-1].cursor.replace(b'"token":"T', b'"token":"stale')
    rest = await read(source, clock, stale)
    assert set(ids(pages) + ids(rest)) >= {f"Ug{n}" for n in range(10)}


async def test_the_search_finds_videos_and_their_comments_are_read(
    tube: YouTubeServer, make: Make, clock: Clock
) -> None:
    tube.videos += [Video("vidfind1", BLOGGER, NOW - 4_000), Video("vidother", BLOGGER, NOW - 4_000, "Trains", "x")]
    tube.comments = [Comment("Ug1", "vidfind1", NOW - 100), Comment("Ug2", "vidother", NOW - 100)]
    pages = await read(make(brands=(BRAND,), channels=[]), clock)
    assert sorted(ids(pages)) == ["Ug1", "video/vidfind1", "video/vidgate1"]
    (query,) = asked(tube, "search")
    assert (query["q"], query["type"], query["order"]) == ('"aurora air"', "video", "date")
    assert query["publishedAfter"] == "2026-11-19T12:00:00Z"


async def test_at_most_one_search_in_fifteen_minutes_whatever_there_is_to_search_for(
    tube: YouTubeServer, make: Make, clock: Clock
) -> None:
    many = Brand(name="Aurora", query='"aurora air" OR auroraair OR "аврора эйр"')
    source, cursor = make(brands=(many, BRAND), channels=[]), None
    while clock() < NOON + timedelta(hours=6):
        page = await source.fetch(cursor)
        cursor = page.cursor
        clock.advance(page.wait)
    assert 20 <= len(asked(tube, "search")) <= 25
    assert {query["q"] for query in asked(tube, "search")} == {'"aurora air"', "auroraair", '"аврора эйр"'}


async def test_used_up_searches_end_at_midnight_in_california_and_comments_are_read_meanwhile(
    tube: YouTubeServer, make: Make, clock: Clock
) -> None:
    tube.searches = 2
    tube.comments = [Comment("Ug1", "vidgate1", NOW - 100)]
    source = make(brands=(BRAND,))
    pages = await read(source, clock, rounds=40)
    assert "Ug1" in ids(pages)
    assert len(asked(tube, "search")) == 3, "the third is refused, and there is no fourth"
    tube.searches = 100
    clock.now = NOON.replace(hour=8, minute=1) + timedelta(days=1)
    await read(source, clock, pages[-1].cursor)
    assert len(asked(tube, "search")) == 4


async def test_no_more_searches_than_configured(tube: YouTubeServer, make: Make, clock: Clock) -> None:
    await read(make(brands=(BRAND,), daily_searches=3), clock, rounds=60)
    assert len(asked(tube, "search")) == 3


async def test_used_up_units_are_waited_for_until_midnight_in_california(tube: YouTubeServer, make: Make) -> None:
    tube.units = 0
    source = make()
    with pytest.raises(RetryLater, match="YouTube units") as caught:
        await source.fetch(None)
    assert caught.value.after == timedelta(hours=20).total_seconds(), "noon in UTC is four in the morning there"


async def test_no_more_units_are_spent_than_configured_and_they_last_all_day(
    tube: YouTubeServer, make: Make, clock: Clock
) -> None:
    source, cursor, looks = make(daily_units=100), None, 0
    while clock() < NOON + timedelta(hours=19):
        page = await source.fetch(cursor)
        cursor, looks = page.cursor, looks + 1
        if looks % 7 == 0:
            tube.comments.append(Comment(f"Ug{looks}", "vidgate1", clock().timestamp()))
        clock.advance(page.wait)
    assert tube.spent <= 100
    assert looks > 25
    assert asked(tube, "commentThreads")


async def test_what_was_spent_outlives_the_process(tube: YouTubeServer, make: Make, clock: Clock) -> None:
    pages = await read(make(), clock)
    units = json.loads(pages[-1].cursor)["units"]
    assert units == ["2026-11-20", tube.spent]


async def test_history_goes_back_to_its_date_does_not_search_and_keeps_half_of_the_units(
    tube: YouTubeServer, make: Make, clock: Clock
) -> None:
    tube.page = 7
    tube.comments = [Comment(f"Ug{n}", "vidgate1", NOW - 86_400 * n) for n in range(1, 60)]
    source = make(brands=(BRAND,), daily_units=100)
    assert isinstance(source, Historic)
    past = source.history(NOON - timedelta(days=40), name="past")
    cursor, found, waits = None, [], 0
    for _ in range(100):
        try:
            page = await past.fetch(cursor)
        except RetryLater as error:
            waits += 1
            clock.advance(error.after or 60)
            continue
        cursor = page.cursor
        found += [record.post for record in page.records]
        if page.exhausted:
            break
    assert {post.native_id for post in found} == {"video/vidgate1", *(f"Ug{n}" for n in range(1, 41))}
    assert {post.origin for post in found} == {"backfill"}
    assert not asked(tube, "search")
    assert waits <= 1


async def test_an_answer_that_is_too_large_is_asked_for_in_smaller_pages(
    tube: YouTubeServer, make: Make, clock: Clock
) -> None:
    tube.comments = [Comment(f"Ug{n}", "vidgate1", NOW - 100 - n) for n in range(9)]
    answer = tube._threads

    def large(query: dict[str, str]) -> Any:
        return Told(200, b" " * 11_000_000) if int(query.get("maxResults", "1")) > 20 else answer(query)

    tube._threads = large  # type: ignore[method-assign]
    assert len(ids(await read(make(), clock))) == 10
