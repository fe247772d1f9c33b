"""Reddit: paging that shifts, what is taken away, subreddits that close, tokens that end, limits obeyed."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest

from domain.brand import Brand
from domain.errors import RetryLater, SourceMisconfigured, SourceStopped
from domain.post import Post
from ingest.http import PoliteClient
from ingest.reddit import Config, build
from ingest.reddit.source import RedditSource
from ingest.source import Historic, Page, Rereads
from tests.kit.ingest import NOON, SECRET, Clock, polite_client
from tests.kit.scripted_http import Asked, Told, scripted_server
from tests.networks.reddit import Reddit, refusal

BRANDS = (Brand(name="Aurora Air", query='"Aurora Air" OR (aurora AND flight)', accounts=("reddit:auroraair",)),)


@dataclass
class Desk:
    """The network, and all that came of it."""

    network: Reddit
    client: PoliteClient
    clock: Clock
    cursor: bytes | None = None
    posts: list[Post] = field(default_factory=list)
    troubles: list[str] = field(default_factory=list)
    letters: int = 0

    def source(self, *subreddits: str, brands: tuple[Brand, ...] = BRANDS, **settings: Any) -> RedditSource:
        """A source of some subreddits, without search unless it is wanted."""
        given = {
            "kind": "reddit", "client_id": "app", "client_secret": SECRET, "username": "aurora_press",
            "subreddits": subreddits, "search": False, "api": self.network.server.url,
            "auth": self.network.server.url, "requests_a_minute": 60_000, **settings,
        }  # fmt: skip
        found = build(Config.model_validate(given), client=self.client, clock=self.clock, brands=brands)
        assert isinstance(found, RedditSource)
        return found

    async def fetch(self, source: RedditSource) -> Page:
        """One fetch, taken in."""
        page = await source.fetch(self.cursor)
        self.cursor = page.cursor
        self.posts += [record.post for record in page.records]
        self.troubles += page.troubles
        self.letters += len(page.dead_letters)
        return page

    async def look(self, source: RedditSource) -> None:
        """Fetch until the source rests, and let the clock go on to its next look."""
        while not (page := await self.fetch(source)).wait:
            pass
        self.clock.advance(page.wait)

    def names(self) -> list[str]:
        """What came, in order."""
        return [post.native_id for post in self.posts]

    def asked(self, path: str) -> list[Asked]:
        """The requests to a path."""
        return [one for one in self.network.server.asked if one.path == path]


@pytest.fixture
async def reddit() -> AsyncIterator[Desk]:
    clock = Clock()
    async with scripted_server() as server, polite_client(clock) as client:
        yield Desk(Reddit(server, clock, "app", SECRET), client, clock)


async def test_what_is_written_while_pages_are_read_comes_once(reddit: Desk) -> None:
    for number in range(50):
        reddit.network.write(f"Aurora Air {number}", at=NOON - timedelta(minutes=number + 1))
    reddit.network.size = 10

    def between() -> None:
        reddit.clock.advance(1)
        reddit.network.write("Aurora Air in between")

    reddit.network.between = between
    source = reddit.source("travel")
    await reddit.look(source)
    reddit.network.between = lambda: None
    await reddit.look(source)
    assert sorted(reddit.names()) == sorted(reddit.network.things)


async def test_a_page_after_something_deleted_begins_after_what_was_before_it(reddit: Desk) -> None:
    for number in range(30):
        reddit.network.write(f"Aurora Air {number}", at=NOON - timedelta(minutes=number + 1))
    reddit.network.size = 10

    def between() -> None:
        newest = sorted(
            (name for name in reddit.network.things if name not in reddit.network.gone),
            key=lambda name: -reddit.network.things[name]["created_utc"],
        )
        if len(reddit.network.gone) < 3:
            reddit.network.delete(newest[9 - len(reddit.network.gone)])

    reddit.network.between = between
    await reddit.look(reddit.source("travel", comments=False))
    assert set(reddit.network.things) - set(reddit.names()) <= reddit.network.gone


async def test_a_pinned_post_neither_comes_nor_ends_the_reading(reddit: Desk) -> None:
    for number in range(30):
        reddit.network.write(f"Aurora Air {number}", at=NOON - timedelta(minutes=number + 1))
    rules = reddit.network.write("The rules", at=NOON - timedelta(days=400), stickied=True)
    reddit.network.size = 10
    await reddit.look(reddit.source("travel"))
    assert len(reddit.names()) == 30
    assert rules not in reddit.names()


async def test_only_the_backlog_is_read_at_first(reddit: Desk) -> None:
    reddit.network.write("old", at=NOON - timedelta(hours=5))
    new = reddit.network.write("new", at=NOON - timedelta(hours=1))
    await reddit.look(reddit.source("travel", backlog_hours=2))
    assert reddit.names() == [new]


async def test_what_moderators_let_in_late_is_found(reddit: Desk) -> None:
    reddit.network.write("Aurora Air", at=NOON - timedelta(minutes=2))
    source = reddit.source("travel")
    await reddit.look(source)
    late = reddit.network.write("held back", at=NOON - timedelta(minutes=8))
    await reddit.look(source)
    assert reddit.names()[-1] == late


async def test_edits_deletions_and_scores_are_looked_for_by_name(reddit: Desk) -> None:
    kept = reddit.network.write("Aurora Air", "kept", at=NOON - timedelta(minutes=30))
    edited = reddit.network.comment(kept, "Aurora Air", at=NOON - timedelta(minutes=20))
    gone = reddit.network.comment(kept, "Aurora Air is bad", at=NOON - timedelta(minutes=10))
    removed = reddit.network.write("Aurora Air", "removed", at=NOON - timedelta(minutes=5))
    source = reddit.source("travel")
    await reddit.look(source)
    reddit.network.edit(edited, "Aurora Air is good")
    reddit.network.delete(gone)
    reddit.network.delete(removed, by="moderator")
    reddit.network.things[kept]["score"] = 400
    reddit.clock.advance(900)
    await reddit.look(source)
    later = {post.native_id: post for post in reddit.posts[4:]}
    assert set(later) == {kept, edited, gone, removed}
    assert (later[edited].text, later[kept].engagement.likes) == ("Aurora Air is good", 400)
    assert later[edited].edited_at is not None
    assert later[gone].deleted
    assert later[removed].deleted
    assert (later[gone].text, later[removed].title) == ("", "")
    assert len(reddit.asked("/api/info")) == 1
    reddit.clock.advance(900)
    await reddit.look(source)
    assert len(reddit.posts) == 8, "each change comes once"


async def test_posts_older_than_refresh_hours_are_left_in_peace(reddit: Desk) -> None:
    reddit.network.write("Aurora Air", at=NOON - timedelta(minutes=30))
    source = reddit.source("travel", refresh_hours=1)
    await reddit.look(source)
    reddit.clock.advance(3 * 3_600)
    await reddit.look(source)
    assert not reddit.asked("/api/info")


async def test_the_search_asks_for_the_phrases_of_the_brands(reddit: Desk) -> None:
    there = reddit.network.write("Late again: Aurora Air", subreddit="flying", at=NOON - timedelta(minutes=3))
    reddit.network.write("something else", subreddit="flying", at=NOON - timedelta(minutes=2))
    source = reddit.source(search=True, backlog_hours=100)
    await reddit.look(source)
    assert reddit.names() == [there]
    query = reddit.asked("/search")[0].query
    assert (query["q"], query["sort"], query["t"]) == ('"Aurora Air" OR (aurora flight)', "new", "week")
    await reddit.look(source)
    assert reddit.asked("/search")[-1].query["t"] == "hour"


async def test_a_search_without_brands_is_said(reddit: Desk) -> None:
    with pytest.raises(SourceMisconfigured, match="no \\[\\[brand\\]\\]"):
        await reddit.fetch(reddit.source(search=True, brands=()))


async def test_subreddits_are_asked_for_together(reddit: Desk) -> None:
    await reddit.look(reddit.source("travel", "flying", "airports", at_once=2))
    assert {one.path for one in reddit.network.server.asked} == {
        "/api/v1/access_token", "/r/travel+flying/new", "/r/travel+flying/comments",
        "/r/airports/new", "/r/airports/comments",
    }  # fmt: skip


@pytest.mark.parametrize(("status", "reason"), [(403, "private"), (403, "quarantined"), (404, "banned")])
async def test_a_closed_subreddit_is_told_and_the_others_go_on(reddit: Desk, status: int, reason: str) -> None:
    post = reddit.network.write("Aurora Air", at=NOON - timedelta(minutes=3))
    reddit.network.closed["flying"] = (status, reason)
    source = reddit.source("travel", "flying", comments=False)
    await reddit.look(source)
    assert reddit.names() == [post]
    assert reddit.troubles == [f"r/flying cannot be read ({reason}); the others are"]
    await reddit.look(source)
    assert len(reddit.troubles) == 1, "it is left alone for an hour"
    reddit.network.closed.clear()
    reddit.clock.advance(3_600)
    back = reddit.network.write("Aurora Air", subreddit="flying")
    await reddit.look(source)
    assert back in reddit.names()


async def test_a_subreddit_that_does_not_exist_is_told(reddit: Desk) -> None:
    reddit.network.missing.add("travels")
    await reddit.look(reddit.source("travel", "travels"))
    assert reddit.troubles == ["r/travels cannot be read (it does not exist); the others are"]


async def test_when_all_subreddits_are_closed_the_source_stops(reddit: Desk) -> None:
    reddit.network.closed = {"travel": (403, "private"), "flying": (404, "banned")}
    with pytest.raises(SourceMisconfigured, match=r"r/travel \(private\), r/flying \(banned\)"):
        await reddit.fetch(reddit.source("travel", "flying"))
    with pytest.raises(SourceMisconfigured, match="none of the subreddits"):
        await reddit.source("travel", "flying").check()


async def test_the_search_goes_on_when_all_subreddits_are_closed(reddit: Desk) -> None:
    reddit.network.closed = {"travel": (403, "private")}
    post = reddit.network.write("Aurora Air", subreddit="flying", at=NOON - timedelta(minutes=3))
    await reddit.look(reddit.source("travel", search=True))
    assert reddit.names() == [post]


async def test_a_token_that_ends_is_renewed_before_and_one_that_is_refused_once(reddit: Desk) -> None:
    reddit.network.lifetime = 3_600
    source = reddit.source("travel")
    await reddit.look(source)
    await reddit.look(source)
    assert reddit.network.granted == 1
    reddit.clock.advance(3_600)
    await reddit.look(source)
    assert reddit.network.granted == 2
    reddit.network.tokens.clear()
    await reddit.look(source)
    assert reddit.network.granted == 3


async def test_an_app_that_is_refused_stops_the_source(reddit: Desk) -> None:
    reddit.network.secret = "another"
    with pytest.raises(SourceStopped, match="client_id and client_secret"):
        await reddit.fetch(reddit.source("travel"))
    reddit.network.server.override = Told(body=b'{"error": "unsupported_grant_type"}')
    with pytest.raises(SourceStopped, match="unsupported_grant_type"):
        await reddit.fetch(reddit.source("travel"))


async def test_a_token_that_is_refused_as_soon_as_it_is_given_stops_the_source(reddit: Desk) -> None:
    reddit.network.lifetime = -1
    with pytest.raises(SourceStopped, match="has just given"):
        await reddit.fetch(reddit.source("travel"))


async def test_a_search_that_is_not_allowed_stops_the_source(reddit: Desk) -> None:
    def refuse(asked: Asked) -> Told:
        return refusal(403, "Forbidden") if asked.path == "/search" else reddit.network.server._told(asked)

    reddit.network.server.override = refuse
    with pytest.raises(SourceStopped, match="search = false"):
        await reddit.fetch(reddit.source(search=True))


async def test_the_last_request_of_a_window_is_followed_by_a_pause(reddit: Desk) -> None:
    reddit.network.remaining = 1.0
    source = reddit.source("travel")
    with pytest.raises(RetryLater) as caught:
        await reddit.fetch(source)
    assert caught.value.after == 90
    reddit.network.remaining = None
    reddit.clock.advance(90)
    await reddit.look(source)


async def test_every_request_names_the_app_and_its_owner(reddit: Desk) -> None:
    await reddit.look(reddit.source("travel"))
    agents = {one.headers["user-agent"] for one in reddit.network.server.asked}
    assert len(agents) == 1
    assert agents.pop().endswith("(by /u/aurora_press)")


async def test_a_listing_that_ends_before_what_is_known_is_told(reddit: Desk) -> None:
    reddit.network.write("Aurora Air", at=NOON - timedelta(minutes=3))
    source = reddit.source("travel", comments=False)
    await reddit.look(source)
    reddit.clock.advance(7_200)
    for number in range(1_100):
        reddit.network.write(f"Aurora Air {number}", at=reddit.clock() - timedelta(seconds=number + 1))
    await reddit.look(source)
    assert any("more was written since the last look" in trouble for trouble in reddit.troubles)
    assert len(set(reddit.names())) == 1_001


async def test_a_large_answer_is_asked_for_in_smaller_pieces(reddit: Desk) -> None:
    for number in range(30):
        reddit.network.write(f"Aurora Air {number}", at=NOON - timedelta(minutes=number + 1))

    def too_large(asked: Asked) -> Told:
        huge = int(asked.query.get("limit", "0")) > 25
        return Told(body=b" " * 11_000_000) if huge else reddit.network.server._told(asked)

    reddit.network.server.override = too_large
    await reddit.look(reddit.source("travel", comments=False))
    assert len(reddit.names()) == 30


async def test_history_goes_as_far_as_listings_do(reddit: Desk) -> None:
    for number in range(1_050):
        reddit.network.write(f"Aurora Air {number}", at=NOON - timedelta(minutes=30 * number + 1))
    source = reddit.source("travel", comments=False)
    assert isinstance(source, Historic)
    past, cursor, names = source.history(NOON - timedelta(days=30), name="past"), None, list[str]()
    while True:
        page = await past.fetch(cursor)
        cursor = page.cursor
        names += [record.post.native_id for record in page.records]
        assert all(record.post.origin == "backfill" for record in page.records)
        if page.exhausted:
            break
    assert len(names) == len(set(names)) == 1_000
    assert (await past.fetch(cursor)).exhausted


async def test_check_names_what_is_closed(reddit: Desk) -> None:
    assert "2 of 2 subreddits can be read, search is off" in await reddit.source("travel", "flying").check()
    reddit.network.closed["flying"] = (403, "private")
    assert "1 of 2 subreddits can be read, search is off; closed: r/flying (private)" in (
        await reddit.source("travel", "flying").check()
    )
    assert "search is on" in await reddit.source(search=True).check()


async def test_what_cannot_be_read_is_told_once_and_read_again_from_its_bytes(reddit: Desk) -> None:
    name = reddit.network.write("Aurora Air", at=NOON - timedelta(minutes=3))
    reddit.network.odd[name] = {"kind": "t3", "data": {"name": "odd"}}
    source = reddit.source("travel")
    page = await reddit.fetch(source)
    assert isinstance(source, Rereads)
    assert source.reread(page.dead_letters[0]) == page.dead_letters[0]
    await reddit.look(source)
    assert reddit.letters == 1
