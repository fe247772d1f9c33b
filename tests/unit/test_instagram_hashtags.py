"""Hashtags: each number is asked for once, no more of them than allowed, everything of the last day is found."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from domain.errors import SourceMisconfigured
from domain.post import Record
from ingest.http import PoliteClient
from ingest.instagram import Config
from ingest.instagram.hashtags import HashtagSource
from tests.kit.cases_instagram import TAGS
from tests.kit.ingest import NOON, Clock, Harvest, Rig, harvest, polite_client
from tests.kit.scripted_http import ScriptedServer
from tests.networks.facebook import Thing, minutes_ago
from tests.networks.graph import APP_SECRET
from tests.networks.instagram import USER, Instagram

HOUR, DAY = 3_600, 86_400


@pytest.fixture
async def client(clock: Clock) -> AsyncIterator[PoliteClient]:
    async with polite_client(clock) as client:
        yield client


@pytest.fixture
def network(server: ScriptedServer, clock: Clock) -> Instagram:
    network = Instagram(server, secret=APP_SECRET, page_size=50, clock=clock)
    network.tags = {f"t{n}": f"900{n}" for n in range(60)}
    network.tagged = {"t1": [Thing(f"{n}", f"Number {n} #t1", minutes_ago(n)) for n in range(1, 200)]}
    return network


def source(network: Instagram, client: PoliteClient, clock: Clock, *tags: str, **other: Any) -> HashtagSource:
    table = {**TAGS, "tags": tags, "api": network.server.url, "calls_per_hour": 1_000_000, **other}
    return HashtagSource(Config.model_validate(table), client=client, clock=clock)


async def read(made: HashtagSource, clock: Clock, cursor: bytes | None = None) -> tuple[Harvest, list[str]]:
    """Everything that is news, and the troubles on the way."""
    troubles: list[str] = []

    class Telling:
        """The source, its troubles overheard."""

        def __getattr__(self, name: str) -> Any:
            return getattr(made, name)

        async def fetch(self, cursor: bytes | None) -> Any:
            page = await made.fetch(cursor)
            troubles.extend(page.troubles)
            return page

    telling: Any = Telling()
    found = await harvest(Rig(make=lambda: telling, clock=clock, expected=set()), telling, cursor, quiet=20)
    return found, troubles


async def test_the_number_of_a_hashtag_is_asked_for_once_and_for_ever(
    network: Instagram, client: PoliteClient, clock: Clock
) -> None:
    found, _ = await read(source(network, client, clock, "t1"), clock)
    clock.advance(30 * DAY)
    await read(source(network, client, clock, "t1"), clock, found.cursors[-1])
    assert network.paths.count("ig_hashtag_search") == 1


async def test_everything_of_the_last_day_is_found_though_it_is_in_no_order(
    network: Instagram, client: PoliteClient, clock: Clock
) -> None:
    found, _ = await read(source(network, client, clock, "t1"), clock)
    assert found.ids == {f"{n}" for n in range(1, 200)}
    post = found.posts[0]
    assert (post.network, post.author.handle, post.addressed, post.kind) == ("instagram", "", "", "post")
    assert post.url.startswith("https://www.instagram.com/p/")


async def test_what_arrives_while_pages_are_read_is_found(
    network: Instagram, client: PoliteClient, clock: Clock
) -> None:
    network.shifts, network.page_size = True, 7
    late = iter(range(300, 312))

    def arrive() -> None:
        if (number := next(late, None)) is not None:
            network.tagged["t1"].append(Thing(f"{number}", "Late #t1", clock()))

    network.arrives = arrive
    made = source(network, client, clock, "t1", most_pages=100)
    found, _ = await read(made, clock)
    network.arrives = None
    clock.advance(HOUR)
    later, _ = await read(made, clock, found.cursors[-1])
    assert found.ids | later.ids == {thing.id for thing in network.tagged["t1"]}


async def test_no_news_costs_one_call_between_the_hourly_whole_looks(
    network: Instagram, client: PoliteClient, clock: Clock
) -> None:
    made = source(network, client, clock, "t1")
    found, _ = await read(made, clock)
    network.paths.clear()
    await made.fetch(found.cursors[-1])
    assert network.paths == ["9001/recent_media"]
    network.paths.clear()
    clock.advance(HOUR)
    await made.fetch(found.cursors[-1])
    assert network.paths == ["9001/recent_media"] * 4


async def test_counters_and_captions_are_told_again(network: Instagram, client: PoliteClient, clock: Clock) -> None:
    network.hides_likes = {"2"}
    made = source(network, client, clock, "t1")
    found, _ = await read(made, clock)
    likes = {post.native_id: post.engagement.likes for post in found.posts}
    assert (likes["1"], likes["2"]) == (3, None)
    network.thing("1").likes = 50
    network.edit("3")
    clock.advance(HOUR)
    later, _ = await read(made, clock, found.cursors[-1])
    assert {post.native_id: post.engagement.likes for post in later.posts} == {"1": 50, "3": 3}


async def test_a_look_reads_no_more_pages_than_it_is_allowed(
    network: Instagram, client: PoliteClient, clock: Clock
) -> None:
    network.page_size = 10
    made, page = source(network, client, clock, "t1", most_pages=2), None
    while page is None or not page.wait:
        page = await made.fetch(page.cursor if page else None)
    assert network.paths.count("9001/recent_media") == 2


async def test_thirty_hashtags_a_week_are_never_exceeded_even_when_the_list_changes(
    network: Instagram, client: PoliteClient, clock: Clock
) -> None:
    first = [f"t{n}" for n in range(20)]
    found, troubles = await read(source(network, client, clock, *first), clock)
    assert troubles == []
    second = [f"t{n}" for n in range(15, 40)]
    found, troubles = await read(source(network, client, clock, *second), clock, found.cursors[-1])
    assert len(network.asked_tags) == 30, "the network itself counts"
    waiting = [trouble for trouble in troubles if "waits until" in trouble]
    assert len(waiting) == 10
    assert "30 hashtags were asked for lately" in waiting[0]
    clock.advance(8 * DAY)
    network.tagged["t39"] = [Thing("900", "At last #t39", clock())]
    found, troubles = await read(source(network, client, clock, *second), clock, found.cursors[-1])
    assert "900" in found.ids
    assert troubles == []
    assert not any(asked.query.get("q") == "t60" for asked in network.server.asked)


async def test_when_instagram_counts_others_the_hashtag_waits_for_a_day(
    network: Instagram, client: PoliteClient, clock: Clock
) -> None:
    network.asked_tags = {f"other{n}": clock() for n in range(30)}
    network.asked_tags["t1"] = clock()
    found, troubles = await read(source(network, client, clock, "t1", "t2"), clock)
    assert len(found.ids) == 199
    assert len(troubles) == 1
    assert "#t2 waits for a day" in troubles[0]


async def test_an_unknown_hashtag_is_dropped_and_the_others_go_on(
    network: Instagram, client: PoliteClient, clock: Clock
) -> None:
    found, troubles = await read(source(network, client, clock, "t1", "nowhere"), clock)
    assert len(found.ids) == 199
    assert len(troubles) == 1
    assert "#nowhere: Instagram knows no such hashtag" in troubles[0]
    with pytest.raises(SourceMisconfigured, match="#nowhere"):
        await read(source(network, client, clock, "nowhere"), clock)


async def test_what_is_older_than_the_backlog_is_not_given(
    network: Instagram, client: PoliteClient, clock: Clock
) -> None:
    found, _ = await read(source(network, client, clock, "t1", backlog_hours=1), clock)
    assert found.ids == {f"{n}" for n in range(1, 61)}
    assert all(post.created_at >= NOON - timedelta(hours=1) for post in found.posts)


async def test_check_spends_no_hashtag(network: Instagram, client: PoliteClient, clock: Clock) -> None:
    network.scopes = ("instagram_basic",)
    found = await source(network, client, clock, "t1", "t2").check()
    assert "instagram:auroraair asks for 2 of 30 hashtags a week" in found
    assert "it has every right that is needed" in found
    assert network.asked_tags == {}
    assert network.paths == ["debug_token", USER]


async def test_a_dead_letter_is_read_again(network: Instagram, client: PoliteClient, clock: Clock) -> None:
    network.tagged["t1"] = [Thing("1", "odd", clock(), raw={"like_count": "many"})]
    made = source(network, client, clock, "t1")
    found, _ = await read(made, clock)
    (letter,) = found.dead_letters
    assert letter.where == f"{USER} - #t1"
    assert made.reread(letter) == letter
    network.thing("1").raw = {"like_count": 5}
    clock.advance(HOUR)
    later, _ = await read(made, clock, found.cursors[-1])
    assert isinstance(later.posts[0].engagement.likes, int)
    assert isinstance(made.reread(letter), type(letter))
    assert not isinstance(made.reread(letter), Record)
