"""How a forum is read: nothing is lost while it moves, and nothing counts as deleted that only failed."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from domain.brand import Brand
from domain.dead_letter import DeadLetter
from domain.errors import RetryLater, SourceError, SourceMisconfigured, SourceStopped
from domain.post import Post, Record
from ingest.discourse import Config, DiscourseSource
from tests.kit.ingest import NOON, Clock, polite_client
from tests.kit.scripted_http import Told
from tests.networks.discourse import FORBIDDEN, NOT_FOUND, SLOW_DOWN, Forum, forum, problem

Make = Callable[..., DiscourseSource]
BRANDS = (Brand(name="Aurora Air", query='"Aurora Air" OR auroraair'),)


@asynccontextmanager
async def reading(**other: Any) -> AsyncIterator[tuple[Forum, Clock, DiscourseSource]]:
    clock = Clock()
    async with forum() as board, polite_client(clock) as client:
        config = Config.model_validate(
            {"kind": "discourse", "api": board.server.url, "requests_a_minute": 60_000, **other}
        )
        yield board, clock, DiscourseSource(config, client=client, clock=clock, brands=BRANDS)


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


def ids(posts: list[Post]) -> list[str]:
    return [post.native_id.partition("/")[2] for post in posts]


async def test_posts_that_come_between_two_pages_are_not_lost_and_shift_nothing_out() -> None:
    async with reading() as (board, clock, source):
        board.size = 5
        for number in range(1, 21):
            board.write(1, number, NOON - timedelta(minutes=100 - number), "Aurora Air")

        def meanwhile() -> None:
            board.write(2, len(board.posts), clock(), "Aurora Air, meanwhile")

        board.between = meanwhile
        reader = Reader(source, clock)
        first = await reader.look()
        board.between = lambda: None
        second = await reader.later()
        assert len(ids(first + second)) == len(set(ids(first + second))) == len(board.posts)


@pytest.mark.parametrize("window", [False, True])
async def test_a_gap_of_private_posts_is_stepped_over(window: bool) -> None:  # noqa: FBT001  # a parameter
    async with reading(backlog_hours=24) as (board, clock, source):
        board.window = window
        board.write(1, 1, NOON - timedelta(hours=3), "Aurora Air before")
        for number in range(2, 190):
            board.write(1, number, NOON - timedelta(hours=2), "among ourselves", post_type=4)
        board.write(1, 190, NOON - timedelta(hours=1), "Aurora Air after")
        assert sorted(ids(await Reader(source, clock).look())) == ["1/1", "1/190"]


async def test_the_first_look_goes_back_as_far_as_the_backlog() -> None:
    async with reading(backlog_hours=2) as (board, clock, source):
        for hours in range(6, 0, -1):
            board.write(1, 7 - hours, NOON - timedelta(hours=hours), "Aurora Air")
        assert ids(await Reader(source, clock).look()) == ["1/5", "1/6"]


async def test_after_days_of_silence_everything_in_between_is_read() -> None:
    async with reading(backlog_hours=1, refresh_hours=2) as (board, clock, source):
        board.write(1, 1, NOON - timedelta(minutes=5), "Aurora Air")
        reader = Reader(source, clock)
        assert ids(await reader.look()) == ["1/1"]
        for number in range(2, 150):
            board.write(1, number, NOON + timedelta(minutes=number), "Aurora Air")
        assert ids(await reader.later(3 * 86_400)) == [f"1/{number}" for number in range(100, 150)] + [
            f"1/{number}" for number in range(50, 100)
        ] + [f"1/{number}" for number in range(2, 50)]


async def test_a_quiet_forum_is_not_given_twice() -> None:
    async with reading(backlog_hours=1_000, refresh_hours=1) as (board, clock, source):
        board.write(1, 1, NOON - timedelta(days=20), "Aurora Air")
        reader = Reader(source, clock)
        assert ids(await reader.look()) == ["1/1"]
        assert [await reader.later(7_200) for _ in range(4)] == [[], [], [], []]


async def test_an_old_post_that_was_moved_up_does_not_end_the_look() -> None:
    async with reading() as (board, clock, source):
        board.size = 10
        for number in range(1, 31):
            at = NOON - timedelta(days=400) if number == 21 else NOON - timedelta(hours=1)
            board.write(1, number, at, "Aurora Air")
        found = ids(await Reader(source, clock).look())
        assert len(found) == 29
        assert "1/21" not in found


async def test_edits_and_counters_come_again_and_what_did_not_change_does_not() -> None:
    async with reading() as (board, clock, source):
        for number in range(1, 5):
            board.write(1, number, NOON - timedelta(minutes=10), "Aurora Air")
        reader = Reader(source, clock)
        before = {post.native_id: post for post in await reader.look()}
        board.edit(1, 2, "Aurora Air, better", clock())
        counted = board.at(1, 3)
        assert counted is not None
        counted["actions_summary"] = [{"id": 2, "count": 40}]
        after = await reader.later(600)
        assert sorted(ids(after)) == ["1/2", "1/3"]
        same = {ids([post])[0]: post.version == before[post.native_id].version for post in after}
        assert same == {"1/2": False, "1/3": True}


@pytest.mark.parametrize(
    ("answer", "gone"), [(None, True), (FORBIDDEN, False), (Told(404, b"<h1>nginx</h1>"), False), (NOT_FOUND, True)]
)
async def test_only_what_discourse_itself_calls_not_found_is_deleted(answer: Told | None, *, gone: bool) -> None:
    async with reading() as (board, clock, source):
        for number in range(1, 5):
            board.write(1, number, NOON - timedelta(minutes=10 - number), "Aurora Air")
        reader = Reader(source, clock)
        await reader.look()
        board.delete(1, 3)
        if answer is not None:
            listed = board.server.answers
            board.server.override = lambda asked: (
                answer if "by_number" in asked.path else listed.get(asked.path)(asked)  # type: ignore[operator, misc]
            )
        deleted = [post for post in await reader.later(600) if post.deleted]
        assert ids(deleted) == (["1/3"] if gone else [])


async def test_a_post_whose_author_took_it_back_is_deleted() -> None:
    async with reading() as (board, clock, source):
        board.write(1, 1, NOON - timedelta(minutes=10), "Aurora Air")
        reader = Reader(source, clock)
        await reader.look()
        taken = board.at(1, 1)
        assert taken is not None
        taken |= {"user_deleted": True, "cooked": "<p>(post deleted by author)</p>"}
        assert [post.deleted for post in await reader.later()] == [True]
        assert await reader.later() == []


async def test_a_search_asks_for_each_post_once() -> None:
    async with reading(via="search") as (board, clock, source):
        board.write(1, 1, NOON - timedelta(minutes=10), "Aurora Air of title")
        for number in range(2, 30):
            board.write(1, number, NOON - timedelta(minutes=9), "auroraair, Aurora Air" if number % 2 else "nothing")
        reader = Reader(source, clock)
        found = await reader.look()
        assert len(found) == len(set(ids(found))) == 15
        assert next(post.title for post in found if post.native_id.endswith("/1/1")) == "Topic 1"
        alone = [asked.path for asked in board.server.asked if "search" not in asked.path]
        assert len(alone) == len(set(alone)) == 15
        assert await reader.later() == []
        assert len([asked for asked in board.server.asked if "search" not in asked.path]) == 15


async def test_a_hit_that_cannot_be_read_is_a_dead_letter_once() -> None:
    async with reading(via="search") as (board, clock, source):
        board.odd_hits = [{"topic_id": "none"}]
        reader = Reader(source, clock)
        await reader.look()
        await reader.later()
        assert [letter.reason for letter in reader.letters] == ["bad_hit"]


@pytest.mark.parametrize(
    ("told", "order", "after"),
    [
        (SLOW_DOWN, RetryLater, 7),
        (Told(429, b"", {"retry-after": "30"}), RetryLater, 30),
        (Told(429, b"slow down"), RetryLater, None),
        (Told(503, b"", {"retry-after": "9"}), RetryLater, 9),
        (Told(500), RetryLater, None),
        (Told(200, b"<html>maintenance</html>"), RetryLater, None),
        (FORBIDDEN, SourceStopped, None),
        (Told(401), SourceStopped, None),
        (NOT_FOUND, SourceMisconfigured, None),
        (problem(422, "invalid", "no"), SourceMisconfigured, None),
    ],
)
async def test_what_is_wrong_is_an_order(told: Told, order: type[SourceError], after: float | None) -> None:
    async with reading() as (board, _, source):
        board.server.override = told
        with pytest.raises(order) as caught:
            await source.fetch(None)
        if isinstance(caught.value, RetryLater):
            assert caught.value.after == (None if after is None else pytest.approx(after, abs=0.1))


async def test_history_goes_back_to_its_date_and_says_that_it_is_history() -> None:
    async with reading() as (board, clock, source):
        board.size = 7
        for number in range(1, 41):
            board.write(1, number, NOON - timedelta(days=41 - number), "Aurora Air")
        past = Reader(source.history(NOON - timedelta(days=20), name="past"), clock)
        found = await past.look()
        assert len(found) == 20
        assert {(post.origin, post.source) for post in found} == {("backfill", "past")}


async def test_check_says_who_we_are_and_what_is_there() -> None:
    async with reading(token="k", username="bot") as (board, _, source):
        board.write(1, 1, NOON - timedelta(minutes=3), "Aurora Air")
        assert await source.check() == "forum 127.0.0.1 is reachable as bot: newest post 3 min ago"


async def test_a_dead_letter_is_read_again() -> None:
    async with reading() as (board, clock, source):
        board.write(1, 2, NOON - timedelta(minutes=3), "Aurora Air", version="two")
        reader = Reader(source, clock)
        await reader.look()
        (letter,) = reader.letters
        assert source.reread(letter) == letter
        mended = source.reread(DeadLetter(**{
            name: getattr(letter, name) for name in ("source", "stage", "reason", "detail", "where", "at")
        }, raw=letter.raw.replace(b'"two"', b"2")))  # fmt: skip
        assert isinstance(mended, Record)


@pytest.mark.parametrize("wrong", [{"api": "forum"}, {"username": "bot"}, {"every": 1}, {"via": "all"}])
def test_settings_that_cannot_work_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Config.model_validate({"kind": "discourse", "api": "https://forum.example", **wrong})


async def test_a_search_without_brands_says_so() -> None:
    clock = Clock()
    async with polite_client(clock) as client:
        config = Config(kind="discourse", api="https://forum.example", via="search")
        with pytest.raises(SourceMisconfigured, match="brands"):
            await DiscourseSource(config, client=client, clock=clock).check()


async def test_a_search_of_more_than_ten_pages_goes_on_by_days_and_says_what_it_left_out() -> None:
    async with reading(via="search", backlog_hours=24 * 40) as (board, clock, source):
        board.size = 3
        for number in range(1, 61):
            board.write(1, number, NOON - timedelta(days=number / 2), "Aurora Air")
        reader = Reader(source, clock)
        assert len(set(ids(await reader.look()))) == 60
        assert reader.letters == []
        for number in range(61, 101):
            board.write(1, number, NOON + timedelta(seconds=number), "Aurora Air")
        clock.advance(200)
        assert len(await reader.later()) == 30
        assert [letter.reason for letter in reader.letters] == ["too_many"]


async def test_what_was_reached_is_kept_when_a_later_step_fails() -> None:
    async with reading(via="search") as (board, clock, source):
        for number in range(1, 13):
            board.write(1, number, NOON - timedelta(minutes=20 - number), "Aurora Air")
        listed = board.server.answers
        board.server.override = lambda asked: (
            Told(500) if len(board.server.asked) > 4 else listed.get(asked.path)(asked)  # type: ignore[operator, misc]
        )
        first = await source.fetch(None)
        assert len(first.records) == 3, "one search, three posts, and then the forum failed"
        with pytest.raises(RetryLater):
            await source.fetch(first.cursor)
        board.server.override = None
        reader = Reader(source, clock)
        reader.cursor = first.cursor
        assert len(await reader.look()) == 9


async def test_garbage_in_place_of_a_post_is_no_post() -> None:
    async with reading(via="search") as (board, clock, source):
        board.write(1, 1, NOON - timedelta(minutes=20), "Aurora Air")
        board.write(1, 2, NOON - timedelta(minutes=19), "Aurora Air")
        listed = board.server.answers
        board.server.override = lambda asked: (
            Told(200, b'{"no": "post"}') if "search" not in asked.path else listed.get(asked.path)(asked)  # type: ignore[operator, misc]
        )
        reader = Reader(source, clock)
        reader.cursor = (await source.fetch(None)).cursor
        with pytest.raises(RetryLater):
            await source.fetch(reader.cursor)
        board.server.override = None
        assert sorted(ids(await reader.look())) == ["1/1", "1/2"]
