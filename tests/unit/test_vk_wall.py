"""Walls and their comments, as they change while they are read."""

from typing import Any

import msgspec
import pytest

from domain.errors import RetryLater
from tests.kit.cases_vk import ADA, AURORA, BOB, CITY, NOW, listening
from tests.kit.vk_reading import Reader
from tests.networks.vk import Fault


async def test_posts_that_arrive_while_we_page_shift_the_pages_and_none_is_lost_or_repeated() -> None:
    async with listening() as (vk, clock, made):
        first = {vk.post(AURORA, f"post {n}", NOW - 40_000 + n) for n in range(450)}
        late: set[str] = set()
        vk.arriving = [lambda: late.update(vk.post(AURORA, "late", NOW) for _ in range(7))] * 5
        reader = Reader(lambda: made(communities=["auroraair"]), clock)
        await reader.read()
        assert first <= reader.ids
        assert len(reader.posts) == len(reader.ids)
        await reader.later(60)
        assert reader.ids == first | late
        assert len(reader.posts) == len(reader.ids)


async def test_posts_that_are_deleted_while_we_page_pull_none_past_us() -> None:
    async with listening() as (vk, clock, made):
        names = [vk.post(AURORA, f"post {n}", NOW - 40_000 + n) for n in range(450)]
        gone = names[-100:]

        def delete() -> None:
            for name in gone[-60:]:
                vk.remove(name)
            del gone[-60:]

        vk.arriving = [delete]
        reader = Reader(lambda: made(communities=["auroraair"]), clock)
        await reader.read(fresh=True)
        assert reader.ids >= set(names[:350])


async def test_a_pinned_post_is_old_yet_first_and_stops_nothing() -> None:
    async with listening() as (vk, clock, made):
        pinned = vk.post(AURORA, "Welcome", NOW - 90 * 86_400, is_pinned=1)
        names = {vk.post(AURORA, f"post {n}", NOW - 4_000 + n) for n in range(120)}
        reader = Reader(lambda: made(communities=["auroraair"]), clock)
        await reader.read()
        assert reader.ids == names
        new = vk.post(AURORA, "new", NOW + 30)
        assert [post.native_id for post in await reader.later(60)] == [new]
        vk.thing(new)["is_pinned"], vk.thing(pinned)["is_pinned"] = 1, 0
        newest = vk.post(AURORA, "newest", NOW + 90)
        assert [post.native_id for post in await reader.later(60)] == [newest]


async def test_a_known_wall_costs_one_request_for_all_communities() -> None:
    async with listening() as (vk, clock, made):
        vk.post(AURORA, "post", NOW - 4_000)
        vk.post(CITY, "post", NOW - 4_000)
        reader = Reader(made, clock)
        await reader.read()
        before = len(vk.server.asked)
        assert await reader.later(60) == []
        assert [asked.path for asked in vk.server.asked[before:]] == ["/method/execute"]
        assert dict(vk.per_method) == {"wall.get": 4}


async def test_a_token_that_may_not_bundle_asks_one_by_one() -> None:
    async with listening() as (vk, clock, made):
        names = {vk.post(wall, "post", NOW - 4_000) for wall in (AURORA, CITY)}
        vk.faults["execute"] = 15
        reader = Reader(made, clock)
        await reader.read()
        assert reader.ids == names
        methods = [asked.path.removeprefix("/method/") for asked in vk.server.asked]
        assert methods == ["execute", "wall.get", "wall.get"]
        single = Reader(lambda: made(batch=1), clock)
        await single.read()
        assert single.ids == names


async def test_more_than_vk_answers_at_once_is_asked_for_in_smaller_parts() -> None:
    async with listening() as (vk, clock, made):
        names = {vk.post(wall, f"post {n}", NOW - 4_000) for wall in (AURORA, CITY) for n in range(30)}
        vk.faults["execute"] = 13
        reader = Reader(made, clock)
        await reader.read()
        assert reader.ids == names


async def test_a_method_that_takes_too_long_is_asked_for_half() -> None:
    async with listening() as (vk, clock, made):
        names = {vk.post(AURORA, f"post {n}", NOW - 4_000) for n in range(200)}
        honest = vk.methods["wall.get"]

        def slow(params: dict[str, str]) -> Any:
            if int(params["count"]) > 25:
                raise Fault(36)
            return honest(params)

        vk.methods["wall.get"] = slow
        reader = Reader(lambda: made(communities=["auroraair"]), clock)
        await reader.read()
        assert reader.ids == names
        vk.faults["wall.get"] = 36
        with pytest.raises(RetryLater):
            await reader.later(60)


async def test_a_comment_is_addressed_to_the_page_and_answers_what_it_stands_under() -> None:
    async with listening() as (vk, clock, made):
        post = vk.post(AURORA, "We fly", NOW - 600)
        question = vk.comment(post, "Do you?", NOW - 500, by=ADA)
        number = int(question.rpartition("_r")[2])
        answer = vk.comment(post, "We do", NOW - 400, by=AURORA, thread=number)
        thanks = vk.comment(post, "Thanks", NOW - 300, by=ADA, thread=number, to=int(answer.rpartition("_r")[2]))
        visitor = vk.post(AURORA, "Where is my bag?", NOW - 200, by=BOB)
        reader = Reader(made, clock)
        await reader.read()
        told = {one.native_id: (one.account, one.addressed, one.reply_to) for one in reader.posts}
        assert told == {
            post: ("vk:auroraair", "", ""),
            question: ("vk:ada_l", "vk:auroraair", post),
            answer: ("vk:auroraair", "", question),
            thanks: ("vk:ada_l", "vk:auroraair", answer),
            visitor: (f"vk:id{BOB}", "vk:auroraair", ""),
        }


async def test_whose_wall_it_is_is_known_where_vk_tells_only_who_commented() -> None:
    async with listening() as (vk, clock, made):
        post = vk.post(AURORA, "We fly", NOW - 600)
        vk.thing(vk.comment(post, "Do you?", NOW - 500, by=ADA))["owner_id"] = 0
        vk.comment(vk.post(CITY, "News", NOW - 600), "Yes?", NOW - 400, by=ADA)
        reader = Reader(lambda: made(communities=["club501", "club502"]), clock)
        await reader.read(fresh=True)
        assert {one.addressed for one in reader.posts} == {"", "vk:auroraair", "vk:club502"}
        assert reader.cursor is not None
        assert msgspec.json.decode(reader.cursor)["walls"]["club501"]["handle"] == "auroraair"


async def test_all_comments_of_a_long_discussion_come_with_their_threads() -> None:
    async with listening() as (vk, clock, made):
        post = vk.post(AURORA, "Ask us", NOW - 6_000)
        names = {post}
        for number in range(230):
            top = vk.comment(post, f"q {number}", NOW - 5_000 + number, by=ADA)
            inner = int(top.rpartition("_r")[2])
            names |= {top}
            names |= {vk.comment(post, f"a {n}", NOW - 4_000, by=BOB, thread=inner) for n in range(number % 15)}
        vk.arriving = [lambda: names.add(vk.comment(post, "late", NOW - 10, by=BOB))] * 6
        reader = Reader(made, clock)
        await reader.read(fresh=True)
        await reader.later(60)
        assert reader.ids == names
        assert len(reader.posts) == len(names)


async def test_a_new_answer_in_an_old_thread_deep_down_is_found() -> None:
    async with listening() as (vk, clock, made):
        post = vk.post(AURORA, "Ask us", NOW - 40_000)
        deep = vk.comment(post, "the first question", NOW - 39_000, by=ADA)
        inner = int(deep.rpartition("_r")[2])
        for n in range(14):
            vk.comment(post, f"an answer {n}", NOW - 38_000, by=BOB, thread=inner)
        for n in range(330):
            vk.comment(post, f"question {n}", NOW - 37_000 + n, by=BOB)
        reader = Reader(made, clock)
        await reader.read()
        new = vk.comment(post, "at last", NOW + 30, by=AURORA, thread=inner)
        found = await reader.later(60)
        assert new in {one.native_id for one in found}
        assert {one.native_id for one in found} <= {new, deep, post}


async def test_a_quiet_discussion_costs_no_calls() -> None:
    async with listening() as (vk, clock, made):
        vk.comment(vk.post(AURORA, "Ask us", NOW - 20_000), "why?", NOW - 19_000, by=ADA)
        reader = Reader(made, clock)
        await reader.read()
        assert vk.per_method["wall.getComments"] == 1
        for _ in range(10):
            await reader.later(60)
        assert vk.per_method["wall.getComments"] <= 2


async def test_comments_come_under_an_old_pinned_post_but_not_those_from_before_the_backlog() -> None:
    async with listening() as (vk, clock, made):
        pinned = vk.post(AURORA, "Complaints here", NOW - 90 * 86_400, is_pinned=1)
        vk.comment(pinned, "long ago", NOW - 80 * 86_400, by=ADA)
        young = vk.comment(pinned, "today", NOW - 600, by=ADA)
        reader = Reader(made, clock)
        await reader.read()
        assert reader.ids == {young}
        newer = vk.comment(pinned, "now", NOW + 30, by=BOB)
        assert [post.native_id for post in await reader.later(60)] == [newer]


async def test_without_comments_none_are_asked_for() -> None:
    async with listening() as (vk, clock, made):
        post = vk.post(AURORA, "Ask us", NOW - 600)
        vk.comment(post, "why?", NOW - 500, by=ADA)
        reader = Reader(lambda: made(comments=False), clock)
        await reader.read()
        assert reader.ids == {post}
        assert "wall.getComments" not in vk.per_method
