"""How groups are read: only what changed, nothing lost while others write, each error with its own order."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from domain.dead_letter import DeadLetter
from domain.errors import RetryLater, SourceError, SourceMisconfigured, SourceStopped
from domain.post import Post
from ingest.ok import Config, OkGroups
from tests.kit.ingest import NOON, SECRET, Clock, polite_client
from tests.networks.ok import GROUP, Network, error, network

OTHER = "57000000000002"


@asynccontextmanager
async def reading(**other: Any) -> AsyncIterator[tuple[Network, Clock, OkGroups]]:
    clock = Clock()
    async with network(token="tkn", secret=SECRET) as net, polite_client(clock) as client:
        given = {
            "kind": "ok", "groups": [GROUP], "application_key": "CAPPKEY", "session_secret_key": SECRET,
            "token": "tkn", "api": net.server.url, "requests_a_minute": 60_000, **other,
        }  # fmt: skip
        yield net, clock, OkGroups(Config.model_validate(given), client=client, clock=clock)


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
    return [post.native_id for post in posts]


def asked(net: Network, method: str) -> int:
    return sum(one.query.get("method") == method for one in net.server.asked)


def ago(minutes: float) -> datetime:
    return NOON - timedelta(minutes=minutes)


async def test_only_what_changed_is_asked_for() -> None:
    async with reading() as (net, clock, source):
        topics = [net.topic(ago(100 - one), f"Aurora Air {one}") for one in range(8)]
        for topic in topics:
            net.comment(topic, ago(50), "Aurora Air?")
        reader = Reader(source, clock)
        assert len(await reader.look()) == 16
        await reader.later()
        before = asked(net, "discussions.getComments")
        assert await reader.later() == []
        assert asked(net, "discussions.getComments") == before
        fresh = net.comment(topics[3], clock(), "Aurora Air!")
        topic = f"{GROUP}/topic/{topics[3]}"
        assert ids(await reader.later()) == [topic, f"{topic}/{fresh}"], "the topic's counter is another now"
        assert asked(net, "discussions.getComments") == before + 1


@pytest.mark.parametrize("own", [True, False])
async def test_a_comment_on_an_old_topic_is_found(own: bool) -> None:  # noqa: FBT001  # a parameter
    async with reading() as (net, clock, source):
        net.own = own
        old = net.topic(NOON - timedelta(days=20), "Aurora Air of old")
        reader = Reader(source, clock)
        assert await reader.look() == []
        fresh = net.comment(old, clock(), "Aurora Air, still?")
        assert ids(await reader.later()) == [f"{GROUP}/topic/{old}/{fresh}"]
        assert await reader.later() == []


async def test_a_comment_on_a_topic_too_old_to_be_listed_is_told_by_what_changed() -> None:
    async with reading() as (net, clock, source):
        net.size = 5
        old = net.topic(NOON - timedelta(days=20), "Aurora Air of old")
        for one in range(12):
            net.topic(NOON - timedelta(hours=30 + one), "no news")
        reader = Reader(source, clock)
        await reader.look()
        fresh = net.comment(old, clock(), "Aurora Air, still?")
        assert ids(await reader.later()) == [f"{GROUP}/topic/{old}/{fresh}"]


async def test_what_comes_between_two_pages_is_not_lost() -> None:
    async with reading() as (net, clock, source):
        net.size = 4
        busy = net.topic(ago(400), "Aurora Air")
        written = {f"{GROUP}/topic/{busy}"}
        written |= {f"{GROUP}/topic/{net.topic(ago(300 - one), 'Aurora Air')}" for one in range(15)}
        written |= {f"{GROUP}/topic/{busy}/{net.comment(busy, ago(200 - one), 'Aurora Air')}" for one in range(15)}

        def meanwhile() -> None:
            written.add(f"{GROUP}/topic/{net.topic(clock(), 'Aurora Air, meanwhile')}")
            written.add(f"{GROUP}/topic/{busy}/{net.comment(busy, clock(), 'Aurora Air, meanwhile')}")

        net.between = meanwhile
        reader = Reader(source, clock)
        found = await reader.look()
        net.between = lambda: None
        found += await reader.later()
        assert sorted(ids(found)) == sorted(written)


async def test_an_anchor_that_is_too_old_begins_anew_and_gives_nothing_twice() -> None:
    async with reading() as (net, clock, source):
        net.size = 4
        busy = net.topic(ago(400), "Aurora Air")
        written = {f"{GROUP}/topic/{busy}"}
        written |= {f"{GROUP}/topic/{net.topic(ago(300 - one), 'Aurora Air')}" for one in range(9)}
        written |= {f"{GROUP}/topic/{busy}/{net.comment(busy, ago(200 - one), 'Aurora Air')}" for one in range(9)}
        reader = Reader(source, clock)
        first = await source.fetch(None)
        net.stale = 1
        reader.cursor = first.cursor
        found = [record.post for record in first.records] + await reader.look()
        assert sorted(ids(found)) == sorted(written)


async def test_edits_and_counters_come_again() -> None:
    async with reading() as (net, clock, source):
        topic = net.topic(ago(30), "Aurora Air")
        comments = [net.comment(topic, ago(20 - one), "Aurora Air") for one in range(3)]
        reader = Reader(source, clock)
        before = {post.native_id: post.version for post in await reader.look()}
        edited, liked = (f"{GROUP}/topic/{topic}/{one}" for one in comments[:2])
        net.edit(edited, "Aurora Air, better")
        net.talks[topic][1]["like_count"] = 70
        found = await reader.later(600)
        assert {post.native_id: before[post.native_id] == post.version for post in found} == {
            edited: False, liked: True,
        }  # fmt: skip


async def test_what_is_missing_twice_is_deleted_and_what_comes_back_is_not() -> None:
    async with reading() as (net, clock, source):
        topics = [net.topic(ago(60 - one), "Aurora Air") for one in range(4)]
        comments = [net.comment(topics[0], ago(20 - one), "Aurora Air") for one in range(4)]
        reader = Reader(source, clock)
        await reader.look()
        taken, hidden = net.topics[GROUP][1], net.talks[topics[0]][2]
        net.topics[GROUP].remove(taken)
        net.talks[topics[0]].remove(hidden)
        net.delete(f"{GROUP}/topic/{topics[0]}/{comments[1]}")
        assert not any(post.deleted for post in await reader.later(600)), "once is not enough"
        net.talks[topics[0]].insert(2, hidden)
        found = await reader.later()
        assert sorted(ids([post for post in found if post.deleted])) == sorted(
            [f"{GROUP}/topic/{topics[1]}", f"{GROUP}/topic/{topics[0]}/{comments[1]}"]
        )
        assert not any(post.deleted for post in await reader.later())


async def test_a_group_is_introduced_once_a_day() -> None:
    async with reading() as (net, clock, source):
        net.topic(ago(5), "Aurora Air")
        reader = Reader(source, clock)
        assert [(post.author.name, post.author.followers) for post in await reader.look()] == [("Aurora Air", 4_200)]
        await reader.later()
        assert asked(net, "group.getInfo") == 1
        await reader.later(86_400)
        assert asked(net, "group.getInfo") == 2


async def test_a_group_that_is_not_ours_is_named_and_the_others_go_on() -> None:
    async with reading(groups=[OTHER, GROUP]) as (net, clock, source):
        net.topics[OTHER] = []
        net.denied.add(OTHER)
        topic = net.topic(ago(5), "Aurora Air")
        reader = Reader(source, clock)
        assert ids(await reader.look()) == [f"{GROUP}/topic/{topic}"]
        assert len(reader.troubles) == 1
        assert OTHER in reader.troubles[0]
        assert "VALUABLE_ACCESS" in reader.troubles[0]


async def test_a_topic_that_went_away_before_its_comments_were_read_stops_nothing() -> None:
    async with reading() as (net, clock, source):
        gone, stays = net.topic(ago(9), "Aurora Air"), net.topic(ago(8), "Aurora Air")
        net.comment(gone, ago(7), "Aurora Air")
        kept = net.comment(stays, ago(6), "Aurora Air")
        first = await source.fetch(None)
        net.talks.pop(gone)
        reader = Reader(source, clock)
        reader.cursor = first.cursor
        assert ids(await reader.look()) == [f"{GROUP}/topic/{stays}/{kept}"]


@pytest.mark.parametrize(
    ("number", "order", "after", "says"),
    [
        (2, RetryLater, None, "error 2"),
        (9999, RetryLater, None, "error 9999"),
        (555, RetryLater, None, "error 555"),
        (11, RetryLater, 300, "LIMIT_REACHED"),
        (10, SourceStopped, None, "GROUP_CONTENT"),
        (100, SourceMisconfigured, None, "PARAM"),
        (101, SourceStopped, None, "application_key"),
        (102, SourceStopped, None, "access token"),
        (104, SourceMisconfigured, None, "session_secret_key"),
    ],
)
async def test_each_error_has_its_order(
    number: int, order: type[SourceError], after: float | None, says: str
) -> None:
    async with reading() as (net, _, source):
        net.server.override = error(number, f"{SECRET} tkn")
        with pytest.raises(order, match=says) as caught:
            await source.fetch(None)
        assert SECRET not in str(caught.value)
        if isinstance(caught.value, RetryLater):
            assert caught.value.after == after


async def test_a_wrong_secret_a_wrong_key_and_an_old_token_are_told_apart() -> None:
    for name, says in (("secret", "signature"), ("key", "application"), ("token", "session")):
        async with reading() as (net, _, source):
            setattr(net, name, "another")
            with pytest.raises(SourceError, match=says):
                await source.check()


async def test_check_names_the_groups_and_those_that_are_not_known() -> None:
    async with reading(groups=[GROUP, OTHER]) as (_, _, source):
        assert await source.check() == f"topics can be read of Aurora Air (4,200 members); not known: {OTHER}"
    async with reading(groups=[OTHER]) as (_, _, source):
        with pytest.raises(SourceMisconfigured, match=OTHER):
            await source.check()
    async with reading() as (net, _, source):
        net.denied.add(GROUP)
        with pytest.raises(SourceStopped, match="VALUABLE_ACCESS"):
            await source.check()


async def test_history_goes_back_to_its_date_with_the_comments() -> None:
    async with reading(groups=[GROUP, OTHER]) as (net, clock, source):
        net.size = 5
        net.topics[OTHER] = []
        written = set()
        for group in (GROUP, OTHER):
            for days in range(1, 30):
                topic = net.topic(NOON - timedelta(days=days), "Aurora Air", group=group)
                comment = net.comment(topic, NOON - timedelta(days=days - 0.5), "Aurora Air")
                if days <= 14:
                    written |= {f"{group}/topic/{topic}", f"{group}/topic/{topic}/{comment}"}
        net.stale = 1
        found = await Reader(source.history(NOON - timedelta(days=14, minutes=1), name="past"), clock).look()
        assert set(ids(found)) == written
        assert {(post.origin, post.source) for post in found} == {("backfill", "past")}


async def test_dead_letters_are_read_again() -> None:
    async with reading() as (net, clock, source):
        topic = net.topic(ago(9), "Aurora Air")
        net.comment(topic, ago(8), "Aurora Air", date="вчера")
        net.topics[GROUP].append({"id": "7", "created_ms": "soon"})
        reader = Reader(source, clock)
        await reader.look()
        assert sorted(letter.reason for letter in reader.letters) == ["bad_comment", "bad_topic"]
        assert [source.reread(letter).reason for letter in reader.letters] == [  # type: ignore[union-attr]  # letters again
            letter.reason for letter in reader.letters
        ]


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"token": None}, "token"),
        ({"application_key": ""}, "application_key"),
        ({"session_secret_key": None}, "only one"),
        ({"application_secret_key": "x"}, "only one"),
        ({"groups": ["auroraair"]}, "number"),
        ({"groups": []}, "groups"),
        ({"via": "messages"}, "guess"),
        ({"via": "messages", "name": "a" * 40}, "guess"),
        ({"via": "messages", "name": "ok 9f2c47d1e8b35a60c4d7b2e1"}, "guess"),
        ({"via": "messages", "name": "ok-9f2c47d1e8b35a60c4d7b2e1"}, 'goes with via = "groups" only'),
    ],
)
def test_settings_that_cannot_work_are_refused(wrong: dict[str, Any], says: str) -> None:
    good: dict[str, Any] = {
        "kind": "ok", "groups": [GROUP], "application_key": "K", "session_secret_key": "s", "token": "t",
    }  # fmt: skip
    with pytest.raises(ValidationError, match=says):
        Config.model_validate({**good, **wrong})
