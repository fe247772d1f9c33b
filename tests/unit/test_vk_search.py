"""Search in slices of time, in pages, within a day's calls; and on walls."""

from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs

import pytest

from domain.errors import SourceMisconfigured, SourceStopped
from domain.post import Post
from ingest.vk import Config, build
from tests.kit.cases_vk import ADA, AURORA, BOB, CITY, NOW, listening
from tests.kit.ingest import NOON, SECRET, Clock, polite_client
from tests.networks.vk import Vk


async def read(source: Any, cursor: bytes | None = None) -> tuple[list[Post], bytes]:
    """Until nothing is left to be asked now."""
    posts: list[Post] = []
    for _ in range(300):
        page = await source.fetch(cursor)
        cursor = page.cursor
        posts += [record.post for record in page.records]
        if page.wait or page.exhausted:
            return posts, page.cursor
    pytest.fail("it never rests")


def asked(vk: Vk, word: bytes = b"newsfeed.search") -> list[str]:
    """The bodies of requests for a method."""
    bodies = [one for one in vk.server.asked if word in one.body or word.decode() in one.path]
    return [parse_qs(one.body.decode()).get("code", [one.body.decode()])[0] for one in bodies]


async def test_the_phrases_of_the_brands_are_asked_for_together() -> None:
    async with listening() as (vk, _, made):
        one = vk.post(CITY, "Aurora Air is late", NOW - 600, by=ADA)
        other = vk.post(BOB, "Аврора Эйр опаздывает", NOW - 500)
        vk.post(BOB, "Nothing to see", NOW - 400)
        posts, _ = await read(made(via="search"))
        assert {post.native_id for post in posts} == {one, other}
        assert {post.addressed for post in posts} == {"vk:club502", ""}
        assert '"q":"\\"aurora air\\""' in asked(vk)[0]
        assert '"q":"\\"аврора эйр\\""' in asked(vk)[0]


async def test_configured_queries_take_their_place() -> None:
    async with listening() as (vk, _, made):
        vk.post(CITY, "Aurora Air", NOW - 600)
        found = vk.post(CITY, "acme", NOW - 600)
        posts, _ = await read(made(via="search", queries=["acme"]))
        assert [post.native_id for post in posts] == [found]


async def test_a_slice_with_more_than_vk_tells_is_halved_until_all_is_told() -> None:
    async with listening() as (vk, clock, made):
        vk.most_found = 300
        names = {vk.post(BOB, f"acme {n}", NOW - 5_000 + n * 2) for n in range(1_700)}
        source = made(
            via="search", queries=["acme"], results_per_query=300, calls_per_day={"newsfeed.search": 90_000}
        )
        posts, cursor = await read(source)
        assert {post.native_id for post in posts} == names
        clock.advance(60)
        assert (await read(source, cursor))[0] == []


async def test_more_than_vk_tells_of_one_second_is_told_to_people() -> None:
    async with listening() as (vk, _, made):
        vk.most_found = 50
        for n in range(80):
            vk.post(BOB, f"acme {n}", NOW - 900)
        source = made(via="search", queries=["acme"], results_per_query=50)
        letters, cursor = [], None
        for _ in range(100):
            page = await source.fetch(cursor)
            cursor = page.cursor
            letters += page.dead_letters
            if page.wait:
                break
        assert {(letter.reason, letter.where) for letter in letters} <= {
            ("too_many", f"acme at {NOW - 900}"), ("too_many", f"acme at {NOW - 901}"),
        }  # fmt: skip
        assert letters


async def test_what_the_index_shows_late_is_found() -> None:
    async with listening() as (vk, clock, made):
        source = made(via="search", queries=["acme"])
        vk.post(BOB, "acme", NOW - 60)
        posts, cursor = await read(source)
        late = vk.post(ADA, "acme, late in the index", NOW - 1_500)
        clock.advance(108)
        posts, cursor = await read(source, cursor)
        assert [post.native_id for post in posts] == [late]
        clock.advance(108)
        assert (await read(source, cursor))[0] == []


async def test_an_outage_of_hours_is_caught_up_with() -> None:
    async with listening() as (vk, clock, made):
        source = made(via="search", queries=["acme"])
        _, cursor = await read(source)
        names = {vk.post(BOB, f"acme {n}", NOW + n * 360) for n in range(100)}
        clock.advance(10 * 3_600 + 60)
        posts, _ = await read(source, cursor)
        assert {post.native_id for post in posts} == names


async def test_the_thousand_calls_of_a_day_last_the_day() -> None:
    async with listening() as (vk, _, made):
        del vk
        one = await made(via="search", queries=["acme"]).fetch(None)
        assert one.wait == 108
        ten = await made(via="search", queries=[f"acme {n}" for n in range(10)]).fetch(None)
        assert ten.wait == 1_080


async def test_a_found_post_is_looked_at_again_by_its_id() -> None:
    async with listening() as (vk, clock, made):
        first, second, third = (vk.post(CITY, f"acme {n}", NOW - 7_000, by=BOB) for n in range(3))
        source = made(via="search", queries=["acme"])
        _, cursor = await read(source)
        vk.thing(first)["views"] = {"count": 999}
        vk.thing(second).update(text="acme, corrected", edited=NOW + 60)
        vk.remove(third)
        clock.advance(3_600)
        posts, cursor = await read(source, cursor)
        told = {post.native_id: post for post in posts}
        assert told[first].engagement.views == 999
        assert (told[second].text, told[second].version) == ("acme, corrected", f"{NOW + 60}")
        assert told[third].deleted
        clock.advance(3_600)
        assert (await read(source, cursor))[0] == []


async def test_a_comment_that_was_found_is_a_comment() -> None:
    async with listening() as (vk, clock, made):
        vk.elsewhere = [{
            "id": 9, "owner_id": CITY, "post_id": 3, "from_id": ADA, "date": NOW - 60, "post_type": "reply",
            "text": "acme!", "inner_type": "wall_wallpost",
        }]  # fmt: skip
        source = made(via="search", queries=["acme"])
        posts, cursor = await read(source)
        assert [(post.native_id, post.kind, post.reply_to, post.addressed) for post in posts] == [
            ("-502_3_r9", "comment", "-502_3", "vk:club502")
        ]
        clock.advance(3_600)
        assert (await read(source, cursor))[0] == []


async def test_walls_are_searched_for_every_query() -> None:
    async with listening() as (vk, clock, made):
        names = {vk.post(AURORA, f"acme {n}", NOW - 9_000 + n, by=ADA) for n in range(230)}
        vk.post(AURORA, "acme of old", NOW - 90 * 86_400)
        vk.methods["newsfeed.search"] = lambda _: {
            "items": [],
            "count": 0,
            "total_count": 0,
            "profiles": [],
            "groups": [],
        }
        source = made(via="search", queries=["acme"], communities=["auroraair", "club502"])
        posts, cursor = await read(source)
        assert {post.native_id for post in posts} == names
        assert len(posts) == len(names)
        assert vk.per_method["wall.search"] == 4
        new = vk.post(CITY, "acme again", NOW + 60)
        clock.advance(120)
        posts, _ = await read(source, cursor)
        assert [post.native_id for post in posts] == [new]


async def test_a_wall_that_may_not_be_searched_is_told_and_the_rest_goes_on() -> None:
    async with listening() as (vk, _, made):
        found = vk.post(BOB, "acme", NOW - 60)
        vk.faults["wall.search"] = 15
        source = made(via="search", queries=["acme"], communities=["auroraair"])
        page = await source.fetch(None)
        posts, _ = await read(source, page.cursor)
        assert [post.native_id for post in posts] == [found]
        assert page.troubles[0].startswith("acme @auroraair: wall.search: VK says 15")
        vk.faults["newsfeed.search"] = 15
        with pytest.raises(SourceStopped, match="nothing that `vk` is to read"):
            await made(via="search", queries=["acme"]).fetch(None)


async def test_nothing_to_search_for_is_a_mistake_in_the_settings() -> None:
    clock = Clock()
    async with polite_client(clock) as client:
        config = Config.model_validate({"kind": "vk", "via": "search", "token": SECRET})
        source = build(config, client=client, clock=clock)
        with pytest.raises(SourceMisconfigured, match="nothing to search for"):
            await source.fetch(None)
        with pytest.raises(SourceMisconfigured, match="nothing to search for"):
            await source.check()


async def test_history_is_searched_in_slices_and_ends() -> None:
    async with listening() as (vk, _, made):
        vk.most_found = 200
        names = [vk.post(BOB, f"acme {n}", NOW - (700 - n) * 3_600) for n in range(700)]
        walls = [vk.post(AURORA, f"acme on a wall {n}", NOW - (40 - n) * 86_400) for n in range(40)]
        source = made(
            via="search", queries=["acme"], communities=["auroraair"], results_per_query=200,
            calls_per_day={"newsfeed.search": 90_000},
        ).history(NOON - timedelta(days=20), name="past")  # fmt: skip
        posts, _ = await read(source)
        assert {post.native_id for post in posts} == {*names[-480:], *walls[-20:]}
        assert {(post.origin, post.source) for post in posts} == {("backfill", "past")}
        assert source.finite


async def test_check_says_what_is_searched_for() -> None:
    async with listening() as (vk, _, made):
        assert await made(via="search", queries=["acme"]).check() == "VK takes a service token and shows acme"
        vk.faults["newsfeed.search"] = 29
        told = await made(via="search", queries=["acme"], communities=["auroraair"]).check()
        assert told.startswith("VK takes a service token and shows acme @auroraair; it does not show acme (newsfeed")
