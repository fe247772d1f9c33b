"""The RSS source against a real server: politeness, memory, and feeds that go wrong one by one."""

from collections.abc import AsyncIterator, Callable
from datetime import timedelta

import pytest
from pydantic import ValidationError

from domain.errors import RetryLater, SourceMisconfigured, SourceStopped
from ingest.guard import Guard
from ingest.http import HttpTransport, PoliteClient
from ingest.rss import Config, build
from ingest.source import Page, Source
from tests.kit.feeds import Story, json_feed, rss
from tests.kit.ingest import NOON, SECRET, Clock
from tests.kit.scripted_http import Asked, ScriptedServer, Told

STORIES = [Story(f"n{n}", f"Aurora Air {n}", f"text {n}", NOON - timedelta(minutes=n)) for n in range(3)]
Make = Callable[..., Source]


@pytest.fixture
async def make(clock: Clock) -> AsyncIterator[Make]:
    async def resolve(_: str, __: int) -> list[str]:
        return ["127.0.0.1"]

    # Names ending in .invalid stand for sites elsewhere: they lead here, as public addresses would lead there.
    guard = Guard(resolve=resolve, public=lambda _: True)
    client = PoliteClient(HttpTransport(guard=guard), clock=clock)

    def source(*urls: str, **settings: object) -> Source:
        config = Config.model_validate({"kind": "rss", "name": "runway", "urls": urls, **settings})
        return build(config, client=client, clock=clock)

    yield source
    await client.aclose()


def titles(page: Page) -> list[str]:
    return [record.post.title for record in page.records]


async def test_an_unchanged_feed_is_asked_with_its_validators_and_brings_nothing(
    server: ScriptedServer, make: Make, clock: Clock
) -> None:
    def answer(asked: Asked) -> Told:
        validators = {"etag": 'W/"abc"', "last-modified": "Fri, 20 Nov 2026 11:00:00 GMT"}
        known = asked.headers.get("if-none-match") == 'W/"abc"'
        return Told(304, headers=validators) if known else Told(body=rss(STORIES), headers=validators)

    server.answers["/f"] = answer
    source = make(server.at("/f"))
    first = await source.fetch(None)
    assert titles(first) == ["Aurora Air 2", "Aurora Air 1", "Aurora Air 0"], "oldest first"
    clock.advance(first.wait)
    second = await source.fetch(first.cursor)
    assert second.records == []
    assert server.asked[1].headers["if-modified-since"] == "Fri, 20 Nov 2026 11:00:00 GMT"


async def test_nothing_is_asked_before_its_time_even_after_a_restart(
    server: ScriptedServer, make: Make, clock: Clock
) -> None:
    server.answers["/f"] = Told(body=rss(STORIES))
    page = await make(server.at("/f")).fetch(None)
    assert 300 <= page.wait <= 330
    clock.advance(60)
    again = await make(server.at("/f")).fetch(page.cursor)
    assert (again.records, len(server.asked)) == ([], 1)
    assert again.wait == pytest.approx(page.wait - 60, abs=1)


async def test_the_operators_interval_is_kept_to_the_second(server: ScriptedServer, make: Make) -> None:
    server.answers["/f"] = Told(body=rss(STORIES, channel="<ttl>60</ttl>"))
    assert (await make(server.at("/f"), every=30).fetch(None)).wait == 30
    assert (await make(server.at("/f")).fetch(None)).wait >= 3_600


async def test_an_edit_comes_again_and_the_rest_does_not(server: ScriptedServer, make: Make, clock: Clock) -> None:
    server.answers["/f"] = Told(body=rss(STORIES))
    source = make(server.at("/f"))
    first = await source.fetch(None)
    edited = Story("n1", "Aurora Air 1", "text 1, corrected", STORIES[1].at)
    server.answers["/f"] = Told(body=rss([STORIES[0], edited, STORIES[2]]))
    clock.advance(first.wait)
    second = await source.fetch(first.cursor)
    assert [record.post.text for record in second.records] == ["text 1, corrected"]
    before = {record.post.native_id for record in first.records}
    assert second.records[0].post.native_id in before


async def test_one_broken_feed_stops_no_other_and_is_spoken_of(
    server: ScriptedServer, make: Make, clock: Clock
) -> None:
    server.answers["/good"] = lambda _: Told(body=rss(STORIES))
    server.answers["/down"] = Told(500)
    server.answers["/locked"] = Told(403)
    source = make(server.at(f"/down?key={SECRET}"), server.at("/good"), server.at("/locked"))
    page = await source.fetch(None)
    assert len(page.records) == 3
    assert len(page.troubles) == 2
    assert "feed 1 (http://127.0.0.1" in page.troubles[0]
    assert SECRET not in "".join(page.troubles)
    server.answers["/down"] = Told(body=rss([Story("d", "Back again", "x", NOON)]))
    clock.advance(600)
    assert "Back again" in titles(await source.fetch(page.cursor))
    assert [asked.path for asked in server.asked].count("/locked") == 1, "what is refused is not asked again"


async def test_when_every_feed_fails_the_runtime_is_told_when_to_come_back(
    server: ScriptedServer, make: Make
) -> None:
    server.answers["/a"] = Told(500)
    server.answers["/b"] = Told(401)
    with pytest.raises(RetryLater, match=r"feed 1 .*500.*feed 2 .*401") as caught:
        await make(server.at("/a"), server.at("/b")).fetch(None)
    assert caught.value.after is not None


async def test_refused_everywhere_is_stopped_and_unknown_everywhere_is_misconfigured(
    server: ScriptedServer, make: Make
) -> None:
    with pytest.raises(SourceMisconfigured, match="no such feed"):
        await make(server.at("/a"), server.at("/b")).fetch(None)
    server.answers["/a"] = Told(401)
    with pytest.raises(SourceStopped):
        await make(server.at("/a"), server.at("/b")).fetch(None)


async def test_a_feed_that_is_gone_for_good_is_switched_off(server: ScriptedServer, make: Make, clock: Clock) -> None:
    server.answers["/a"] = Told(body=rss(STORIES))
    source = make(server.at("/a"))
    page = await source.fetch(None)
    server.answers["/a"] = Told(410)
    clock.advance(page.wait)
    with pytest.raises(SourceStopped, match="gone for good"):
        await source.fetch(page.cursor)


async def test_a_feed_that_was_there_and_is_not_found_is_looked_for_again(
    server: ScriptedServer, make: Make, clock: Clock
) -> None:
    server.answers["/a"] = Told(body=rss(STORIES))
    source = make(server.at("/a"))
    page = await source.fetch(None)
    del server.answers["/a"]
    clock.advance(page.wait)
    with pytest.raises(RetryLater) as caught:
        await source.fetch(page.cursor)
    assert caught.value.after == 3_600


async def test_a_feed_that_has_moved_is_asked_at_its_new_home_and_keeps_its_ids(
    server: ScriptedServer, make: Make, clock: Clock
) -> None:
    server.answers["/old"] = Told(301, headers={"location": "/new"})
    server.answers["/new"] = Told(body=rss(STORIES))
    page = await make(server.at("/old")).fetch(None)
    clock.advance(page.wait)
    again = await make(server.at("/old")).fetch(page.cursor)
    assert [asked.path for asked in server.asked] == ["/old", "/new", "/new"]
    assert (len(page.records), again.records) == (3, [])
    assert {record.post.native_id.partition("#")[0] for record in page.records} == {"127.0.0.1/old"}


async def test_a_new_home_that_dies_is_left_for_the_old_one(server: ScriptedServer, make: Make, clock: Clock) -> None:
    server.answers["/old"] = Told(301, headers={"location": server.at("/new").replace("127.0.0.1", "new.invalid")})
    server.answers["/new"] = Told(body=rss(STORIES))
    page = await make(server.at("/old")).fetch(None)
    assert len(page.records) == 3
    server.answers["/new"] = Told(403)
    server.answers["/old"] = Told(body=rss([Story("home", "Home again", "x", NOON)]))
    clock.advance(page.wait)
    assert titles(await make(server.at("/old")).fetch(page.cursor)) == ["Home again"]


async def test_an_answer_that_is_no_feed_is_kept_once_as_a_dead_letter_and_the_rest_goes_on(
    server: ScriptedServer, make: Make, clock: Clock
) -> None:
    portal = b"<html>Sign in to the free network</html>"
    server.answers["/a"] = Told(body=portal)
    server.answers["/b"] = Told(body=json_feed(STORIES))
    source = make(server.at("/a"), server.at("/b"))
    page = await source.fetch(None)
    assert [(letter.reason, letter.raw, letter.source) for letter in page.dead_letters] == [
        ("not_a_feed", portal, "runway")
    ]
    assert len(page.records) == 3
    clock.advance(900)
    again = await source.fetch(page.cursor)
    assert again.dead_letters == []
    assert "neither RSS nor Atom nor JSON Feed" in again.troubles[0]
    server.answers["/a"] = Told(body=rss(STORIES))
    clock.advance(3_600)
    assert len((await source.fetch(again.cursor)).records) == 3


async def test_a_feed_without_an_end_is_kept_in_part_and_asked_again_later(
    server: ScriptedServer, make: Make
) -> None:
    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield b"<item><title>Aurora Air</title></item>" * 10_000

    server.answers["/a"] = Told(body=b"<rss version='2.0'><channel>", chunks=endless)
    page = await make(server.at("/a")).fetch(None)
    assert [letter.reason for letter in page.dead_letters] == ["too_large"]
    assert page.dead_letters[0].raw.startswith(b"<rss version='2.0'>")
    assert len(page.dead_letters[0].raw) == 65_536
    assert page.wait > 0


async def test_a_bad_entry_is_told_once(server: ScriptedServer, make: Make, clock: Clock) -> None:
    server.answers["/a"] = Told(body=rss(STORIES, body="<item><guid>empty</guid></item>"))
    source = make(server.at("/a"))
    page = await source.fetch(None)
    assert [letter.reason for letter in page.dead_letters] == ["no_text"]
    newer = [Story("n9", "Newer", "x", NOON), *STORIES]
    server.answers["/a"] = Told(body=rss(newer, body="<item><guid>empty</guid></item>"))
    clock.advance(page.wait)
    again = await source.fetch(page.cursor)
    assert (titles(again), again.dead_letters) == (["Newer"], [])


async def test_the_cursor_stays_small_and_holds_no_address(server: ScriptedServer, make: Make, clock: Clock) -> None:
    source, cursor = make(server.at(f"/a?token={SECRET}"), every=5), None
    for day in range(50):
        fresh = [Story(f"{day}-{n}", f"t {day} {n}", "x", clock()) for n in range(20)]
        server.answers["/a"] = Told(body=rss(fresh))
        page = await source.fetch(cursor)
        assert len(page.records) == 20
        cursor = page.cursor
        clock.advance(5)
    assert cursor is not None
    assert len(cursor) < 10_000
    assert SECRET.encode() not in cursor


async def test_an_entry_that_leaves_and_comes_back_is_not_news(
    server: ScriptedServer, make: Make, clock: Clock
) -> None:
    cursor, found = None, []
    for stories in (STORIES, STORIES[:1], STORIES):
        server.answers["/a"] = Told(body=rss(stories))
        page = await make(server.at("/a")).fetch(cursor)
        cursor = page.cursor
        found.append(len(page.records))
        clock.advance(3_600)
    assert found == [3, 0, 0]


async def test_many_feeds_are_looked_at_a_few_at_a_time_and_all_in_the_end(
    server: ScriptedServer, make: Make
) -> None:
    for n in range(20):
        server.answers[f"/{n}"] = Told(body=rss([Story(f"{n}", f"story {n}", "x", NOON)]))
    source = make(*(server.at(f"/{n}") for n in range(20)))
    pages = [await source.fetch(None)]
    while pages[-1].wait == 0:
        pages.append(await source.fetch(pages[-1].cursor))
    assert [len(page.records) for page in pages] == [8, 8, 4]


async def test_a_cursor_of_another_kind_is_refused(make: Make) -> None:
    with pytest.raises(SourceMisconfigured, match="another name"):
        await make("http://127.0.0.1:1/").fetch(b'{"feeds": 7}')


async def test_check_counts_the_entries_and_names_the_feed_that_fails(server: ScriptedServer, make: Make) -> None:
    server.answers["/a"] = Told(body=rss([Story("1", "x", "x", NOON - timedelta(minutes=12))]))
    server.answers["/b"] = Told(body=json_feed(STORIES[1:]))
    server.answers["/c"] = Told(body=rss([Story("1", "undated", "x")]))
    assert await make(server.at("/a")).check() == "1 feed reachable: 1 entry, newest 12 min ago"
    assert await make(server.at("/a"), server.at("/b")).check() == "2 feeds reachable: 3 entries, newest 60 s ago"
    assert await make(server.at("/c")).check() == "1 feed reachable: 1 entry, none of them dated"
    with pytest.raises(SourceMisconfigured, match=r"1 of 2 feeds cannot be read: feed 2 .*no such feed"):
        await make(server.at("/a"), server.at("/d")).check()


def test_a_config_without_a_feed_or_with_a_wrong_one_says_what_to_write() -> None:
    with pytest.raises(ValidationError, match="no feed is named: add url"):
        Config.model_validate({"kind": "rss"})
    with pytest.raises(ValidationError, match="not an http or https address"):
        Config.model_validate({"kind": "rss", "urls": ["feeds.example/rss"]})
    both = Config.model_validate(
        {"kind": "rss", "url": "http://a.example/", "urls": ["http://a.example/", "http://b.example/"]}
    )
    assert both.feeds == ("http://a.example/", "http://b.example/")
