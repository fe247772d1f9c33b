"""How an instance is read: its lists move while they are read, and its words are orders."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from domain.brand import Brand
from domain.dead_letter import DeadLetter
from domain.errors import RetryLater, SourceError, SourceMisconfigured, SourceStopped
from domain.post import Post
from ingest.lemmy import Config, LemmySource
from tests.kit.ingest import NOON, Clock, polite_client
from tests.kit.scripted_http import Asked, Told
from tests.networks.lemmy import NOT_LOGGED_IN, SLOW_DOWN, Instance, instance, problem

BRANDS = (Brand(name="Aurora Air", query='"Aurora Air"'),)


@asynccontextmanager
async def reading(*, token: str = "", **other: Any) -> AsyncIterator[tuple[Instance, Clock, LemmySource]]:
    clock = Clock()
    async with instance(token=token) as place, polite_client(clock) as client:
        paces = {"requests_a_minute": 60_000, "searches_a_minute": 60_000}
        given = {"kind": "lemmy", "api": place.server.url, **paces, **({"token": token} if token else {}), **other}
        yield place, clock, LemmySource(Config.model_validate(given), client=client, clock=clock, brands=BRANDS)


class Reader:
    """Reads a source as the runtime does, from where it stopped."""

    def __init__(self, source: Any, clock: Clock) -> None:
        self.source, self.clock = source, clock
        self.cursor: bytes | None = None
        self.letters: list[DeadLetter] = []
        self.troubles: list[str] = []

    async def look(self) -> list[Post]:
        """Until the source rests."""
        found: list[Post] = []
        while True:
            page = await self.source.fetch(self.cursor)
            self.cursor = page.cursor
            self.letters += page.dead_letters
            self.troubles += page.troubles
            found += [record.post for record in page.records]
            if page.wait or page.exhausted:
                return found

    async def later(self, seconds: float = 60) -> list[Post]:
        self.clock.advance(seconds)
        return await self.look()


def addresses(posts: list[Post]) -> list[str]:
    return [post.native_id for post in posts]


@pytest.mark.parametrize("cursors", [True, False])
async def test_what_comes_between_two_pages_shifts_nothing_out(cursors: bool) -> None:  # noqa: FBT001  # a parameter
    async with reading() as (place, clock, source):
        place.cursors = cursors
        written = [place.post(NOON - timedelta(minutes=200 - one), f"Aurora Air {one}") for one in range(130)]
        written += [
            place.comment(NOON - timedelta(minutes=200 - one), f"Aurora Air {one}", post=written[0])
            for one in range(130)
        ]
        late: list[str] = []

        def meanwhile() -> None:
            late.append(place.post(clock(), f"Aurora Air, meanwhile {len(late)}"))
            late.append(place.comment(clock(), f"Aurora Air, meanwhile {len(late)}", post=written[0]))

        place.between = meanwhile
        reader = Reader(source, clock)
        found = addresses(await reader.look())
        place.between = lambda: None
        found += addresses(await reader.later())
        assert late
        assert sorted(found) == sorted([*written, *late])


async def test_pinned_posts_of_long_ago_neither_come_nor_end_the_look() -> None:
    async with reading() as (place, clock, source):
        for one in range(3):
            place.post(NOON - timedelta(days=300 + one), "Aurora Air: rules", featured_local=True)
        written = [place.post(NOON - timedelta(minutes=one), f"Aurora Air {one}") for one in range(60)]
        assert sorted(addresses(await Reader(source, clock).look())) == sorted(written)


async def test_a_list_that_is_too_large_is_asked_for_in_smaller_pieces() -> None:
    async with reading() as (place, clock, source):
        place.cursors = False
        written = [place.post(NOON - timedelta(minutes=one), f"Aurora Air {one}") for one in range(60)]
        listed = place.server.answers

        def large(asked: Asked) -> Told:
            if int(asked.query.get("limit", "0")) > 5:
                return Told(200, b" " * 11_000_000)
            told = listed.get(asked.path)
            assert callable(told)
            return told(asked)

        place.server.override = large
        assert sorted(addresses(await Reader(source, clock).look())) == sorted(written)


async def test_a_place_whose_post_was_deleted_meanwhile_is_found_by_counting() -> None:
    async with reading() as (place, clock, source):
        written = [place.post(NOON - timedelta(minutes=one), f"Aurora Air {one}") for one in range(120)]
        first = await source.fetch(None)
        place.delete(written[49])
        reader = Reader(source, clock)
        reader.cursor = first.cursor
        found = addresses([record.post for record in first.records] + await reader.look())
        found += addresses(await reader.later(7_200))
        assert sorted(set(found)) == sorted(written)


async def test_the_address_of_what_is_answered_is_asked_for_once() -> None:
    async with reading(backlog_hours=1) as (place, clock, source):
        opening = place.post(NOON - timedelta(days=3), "Aurora Air")
        old = place.comment(NOON - timedelta(days=2), "Aurora Air?", post=opening)
        place.comment(NOON - timedelta(minutes=9), "yes", post=opening, under=old)
        place.comment(NOON - timedelta(minutes=8), "no", post=opening, under=old)
        hidden = place.find(old)
        listed = place.server.answers

        def without(asked: Asked) -> Told:
            place.comments = [one for one in place.comments if one is not hidden]
            if asked.path.endswith("/comment"):
                place.comments.append(hidden)
            told = listed.get(asked.path)
            assert callable(told)
            return told(asked)

        place.server.override = without
        reader = Reader(source, clock)
        answers = await reader.look()
        assert [post.reply_to for post in answers] == [old, old]
        place.comments[0]["counts"]["upvotes"] = 90
        again = await reader.later()
        assert {post.reply_to for post in again} <= {old}
        assert len([asked for asked in place.server.asked if asked.path == "/api/v3/comment"]) == 1


async def test_communities_are_read_apart_and_one_that_is_gone_is_named() -> None:
    async with reading(communities=["runway", "!nowhere"]) as (place, clock, source):
        written = place.post(NOON - timedelta(minutes=1), "Aurora Air")
        reader = Reader(source, clock)
        assert addresses(await reader.look()) == [written]
        assert len(reader.troubles) == 2
        assert "couldnt_find_community" in reader.troubles[0]


async def test_a_source_of_unknown_communities_alone_is_misconfigured() -> None:
    async with reading(communities=["nowhere"]) as (_, clock, source):
        with pytest.raises(SourceMisconfigured, match="couldnt_find_community"):
            await Reader(source, clock).look()


async def test_what_an_author_deletes_is_deleted_and_what_never_came_is_not_spoken_of() -> None:
    async with reading() as (place, clock, source):
        opening = place.post(NOON - timedelta(minutes=9), "Aurora Air")
        place.post(NOON - timedelta(minutes=8), "Aurora Air, never seen", deleted=True)
        reader = Reader(source, clock)
        assert addresses(await reader.look()) == [opening]
        place.find(opening)["post"]["deleted"] = True
        assert [(post.native_id, post.deleted) for post in await reader.later()] == [(opening, True)]
        assert await reader.later() == []


@pytest.mark.parametrize(("told", "gone"), [(None, True), (Told(404), False), (problem(400, "unknown"), False)])
async def test_only_what_lemmy_itself_does_not_find_is_deleted(told: Told | None, *, gone: bool) -> None:
    async with reading() as (place, clock, source):
        written = [place.post(NOON - timedelta(minutes=9 - one), f"Aurora Air {one}") for one in range(4)]
        reader = Reader(source, clock)
        await reader.look()
        place.delete(written[2])
        listed = place.server.answers
        if told is not None:
            place.server.override = lambda asked: (
                told if asked.path == "/api/v3/post" else listed.get(asked.path)(asked)  # type: ignore[operator, misc]
            )
        assert addresses([post for post in await reader.later(600) if post.deleted]) == (written[2:3] if gone else [])


@pytest.mark.parametrize(
    ("told", "order", "after"),
    [
        (SLOW_DOWN, RetryLater, None),
        (problem(429, "rate_limit_error"), RetryLater, None),
        (Told(429, b"", {"retry-after": "12"}), RetryLater, 12),
        (Told(502), RetryLater, None),
        (Told(200, b"<html>"), RetryLater, None),
        (NOT_LOGGED_IN, SourceStopped, None),
        (problem(400, "not_logged_in"), SourceStopped, None),
        (problem(400, "instance_is_private"), SourceStopped, None),
        (Told(403), SourceStopped, None),
        (problem(400, "couldnt_get_posts"), SourceMisconfigured, None),
        (Told(404), SourceMisconfigured, None),
    ],
)
async def test_what_is_wrong_is_an_order(told: Told, order: type[SourceError], after: float | None) -> None:
    async with reading() as (place, clock, source):
        place.server.override = told
        with pytest.raises(order) as caught:
            await Reader(source, clock).look()
        if isinstance(caught.value, RetryLater):
            assert caught.value.after == (None if after is None else pytest.approx(after, abs=0.1))


async def test_a_search_reads_on_as_long_as_either_list_goes_on() -> None:
    async with reading(via="search", backlog_hours=100) as (place, clock, source):
        opening = place.post(NOON - timedelta(hours=50), "Aurora Air, an old post")
        written = [opening]
        written += [place.comment(NOON - timedelta(minutes=one), "Aurora Air", post=opening) for one in range(120)]
        place.comment(NOON - timedelta(minutes=1), "something else", post=opening)
        assert sorted(addresses(await Reader(source, clock).look())) == sorted(written)


async def test_check_says_who_answers_and_a_token_that_is_not_known_stops() -> None:
    async with reading(token="jwt") as (place, _, source):
        assert await source.check() == "Runway (Lemmy 0.19.11) is reachable as tocsin"
        place.token = ""
        with pytest.raises(SourceStopped, match="log in again"):
            await source.check()
    async with reading() as (_, _, source):
        assert await source.check() == "Runway (Lemmy 0.19.11) is reachable without a token"


async def test_history_goes_back_to_its_date() -> None:
    async with reading() as (place, clock, source):
        written = [place.post(NOON - timedelta(days=one), f"Aurora Air {one}") for one in range(1, 120)]
        found = await Reader(source.history(NOON - timedelta(days=80, minutes=1), name="past"), clock).look()
        assert sorted(addresses(found)) == sorted(written[:80])
        assert {(post.origin, post.source) for post in found} == {("backfill", "past")}


@pytest.mark.parametrize(
    "wrong",
    [{"api": "lemmy"}, {"communities": ["a b"]}, {"via": "search", "communities": ["a"]}, {"listing": "Mine"}],
)
def test_settings_that_cannot_work_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Config.model_validate({"kind": "lemmy", "api": "https://lemmy.example", **wrong})
