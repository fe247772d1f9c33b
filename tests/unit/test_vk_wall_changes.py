"""Walls and their comments that change, run out or are closed, and what is remembered of them."""

from datetime import timedelta
from itertools import pairwise

import msgspec
import pytest

from domain.dead_letter import DeadLetter
from domain.errors import RetryLater, SourceMisconfigured, SourceStopped
from domain.post import Record
from ingest.vk.progress import due_again
from tests.kit.cases_vk import ADA, AURORA, BOB, CITY, NOW, listening
from tests.kit.ingest import NOON, SECRET
from tests.kit.vk_reading import Reader


async def test_edits_come_at_once_counters_more_rarely_with_age_and_deletions_soon() -> None:
    async with listening() as (vk, clock, made):
        old, young = vk.post(AURORA, "old", NOW - 80_000), vk.post(AURORA, "young", NOW - 600)
        reader = Reader(made, clock)
        await reader.read()
        for name in (young, old):
            vk.thing(name)["views"] = {"count": 400}
        told = await reader.later(300)
        assert [(post.native_id, post.engagement.views) for post in told] == [(young, 400)]
        vk.thing(old)["text"], vk.thing(old)["edited"] = "old, corrected", NOW + 310
        told = await reader.later(60)
        assert [(post.native_id, post.text) for post in told] == [(old, "old, corrected")]
        assert told[0].version == f"{NOW + 310}"
        vk.remove(young)
        told = await reader.later(60)
        assert [(post.native_id, post.deleted) for post in told] == [(young, True)]
        assert await reader.later(7_200) == []


async def test_posts_that_left_the_first_page_are_looked_at_by_their_ids() -> None:
    async with listening() as (vk, clock, made):
        names = [vk.post(AURORA, f"post {n}", NOW - 30_000 + n * 100) for n in range(250)]
        reader = Reader(lambda: made(communities=["auroraair"]), clock)
        await reader.read()
        vk.thing(names[3])["text"] += ", corrected"
        vk.thing(names[3])["edited"] = NOW
        vk.thing(names[7])["likes"]["count"] = 99
        vk.remove(names[5])
        told = {post.native_id: post for post in await reader.later(3_600)}
        assert told.keys() >= {names[3], names[5], names[7]}
        assert (told[names[5]].deleted, told[names[7]].engagement.likes) == (True, 99)


async def test_comments_that_were_edited_or_deleted_are_told() -> None:
    async with listening() as (vk, clock, made):
        post = vk.post(AURORA, "Ask us", NOW - 6_000)
        first, second, third = (vk.comment(post, f"q {n}", NOW - 5_000 + n, by=ADA) for n in range(3))
        inner = vk.comment(post, "inner", NOW - 4_000, by=BOB, thread=int(first.rpartition("_r")[2]))
        reader = Reader(made, clock)
        await reader.read()
        vk.thing(second)["text"] = "q 1, corrected"
        vk.thing(third).update({"deleted": True, "text": ""})
        vk.remove(inner)
        told = {one.native_id: (one.text, one.deleted) for one in await reader.later(3_600)}
        del told[first], told[post]
        assert told == {second: ("q 1, corrected", False), third: ("", True), inner: ("", True)}
        assert await reader.later(3_600) == []


async def test_a_post_that_lost_its_words_is_gone_but_not_the_comments_under_it() -> None:
    async with listening() as (vk, clock, made):
        post, picture = vk.post(AURORA, "words", NOW - 600), vk.post(AURORA, "", NOW - 500)
        comments = {vk.comment(one, "so?", NOW - 400, by=ADA) for one in (post, picture)}
        reader = Reader(made, clock)
        await reader.read()
        assert reader.ids == {post, *comments}
        vk.thing(post)["text"] = ""
        assert [(one.native_id, one.deleted) for one in await reader.later(60)] == [(post, True)]


async def test_with_a_post_the_comments_under_it_are_gone() -> None:
    async with listening() as (vk, clock, made):
        vk.post(AURORA, "another", NOW - 700)
        post = vk.post(AURORA, "words", NOW - 600)
        comment = vk.comment(post, "so?", NOW - 400, by=ADA)
        reader = Reader(made, clock)
        await reader.read()
        vk.remove(comment)
        vk.remove(post)
        assert {(one.native_id, one.deleted) for one in await reader.later(60)} == {(post, True), (comment, True)}


async def test_refreshing_ends_when_a_post_is_old() -> None:
    async with listening() as (vk, clock, made):
        for n in range(150):
            vk.post(AURORA, f"post {n}", NOW - 7_200 + n)
        reader = Reader(lambda: made(refresh_hours=6), clock)
        await reader.read()
        await reader.later(3 * 3_600)
        assert vk.per_method["wall.getById"]
        await reader.later(3 * 3_600)
        asked = vk.per_method["wall.getById"]
        await reader.later(3 * 3_600)
        assert vk.per_method["wall.getById"] == asked


async def test_when_the_calls_of_walls_are_used_up_comments_and_known_posts_go_on() -> None:
    async with listening() as (vk, clock, made):
        post = vk.post(AURORA, "Ask us", NOW - 6_000)
        reader = Reader(lambda: made(communities=["auroraair"]), clock)
        await reader.read()
        vk.faults["wall.get"] = 29
        comment = vk.comment(post, "why?", NOW, by=ADA)
        vk.post(AURORA, "unseen", NOW)
        told = await reader.later(3_600)
        assert {one.native_id for one in told} == {post, comment}
        assert len(reader.troubles) == 1
        assert "wall.get is not called for 480 min; the rest goes on" in reader.troubles[0]
        vk.faults.clear()
        assert vk.per_method["wall.get"] == 2
        await reader.later(3_600)
        assert vk.per_method["wall.get"] == 2
        assert {one.text for one in await reader.later(8 * 3_600)} >= {"unseen"}
        assert len(reader.troubles) == 1


async def test_the_calls_of_a_day_last_the_day() -> None:
    async with listening() as (vk, _, made):
        vk.post(AURORA, "post", NOW - 600)
        source = made(calls_per_day={"wall.get": 100})
        page = await source.fetch(None)
        page = await source.fetch(page.cursor)
        assert page.wait == 2 * 86_400 / 80


@pytest.mark.parametrize("code", [15, 18, 19, 30, 203, 100, 113, 125, 9_999])
async def test_a_wall_that_is_closed_to_us_is_told_and_the_others_go_on(code: int) -> None:
    async with listening() as (vk, clock, made):
        vk.post(AURORA, "secret", NOW - 600)
        shown = vk.post(CITY, "news", NOW - 600)
        vk.faults["wall.get auroraair"] = code
        reader = Reader(made, clock)
        await reader.read()
        assert reader.ids == {shown}
        assert len(reader.troubles) == 1
        assert reader.troubles[0].startswith("auroraair: ")
        for _ in range(5):
            await reader.later(60)
        assert vk.per_method["wall.get"] == 7
        vk.faults.clear()
        assert [post.text for post in await reader.later(3_600)] == ["secret"]


@pytest.mark.parametrize(
    ("code", "order"),
    [(15, SourceStopped), (100, SourceMisconfigured), (9_999, RetryLater)]
)  # fmt: skip
async def test_when_no_wall_is_left_the_source_says_so(code: int, order: type[Exception]) -> None:
    async with listening() as (vk, _, made):
        vk.faults["wall.get"] = code
        with pytest.raises(order, match="nothing that `vk` is to read can be read"):
            await made().fetch(None)


async def test_a_flooded_call_is_not_repeated_and_the_others_go_on() -> None:
    async with listening() as (vk, clock, made):
        late, shown = vk.post(AURORA, "late", NOW - 600), vk.post(CITY, "news", NOW - 600)
        vk.faults["wall.get auroraair"] = 9
        reader = Reader(made, clock)
        await reader.read()
        assert reader.ids == {shown}
        assert vk.per_method["wall.get"] == 2
        vk.faults.clear()
        await reader.later(60)
        assert reader.ids == {shown, late}


@pytest.mark.parametrize(("code", "letters"), [(15, 0), (212, 0), (100, 1), (9_999, 0)])
async def test_comments_that_are_closed_to_us_are_left_for_a_day(code: int, letters: int) -> None:
    async with listening() as (vk, clock, made):
        post = vk.post(AURORA, "Ask us", NOW - 600)
        comment = vk.comment(post, "why?", NOW - 500, by=ADA)
        vk.faults[f"wall.getComments {post}"] = code
        reader = Reader(lambda: made(communities=["auroraair"]), clock)
        await reader.read()
        assert reader.ids == {post}
        assert [letter.where for letter in reader.letters] == [post] * letters
        assert reader.troubles == []
        vk.faults.clear()
        await reader.later(3_600)
        assert vk.per_method["wall.getComments"] == 1
        await reader.later(86_400)
        assert reader.ids == {post, comment}


async def test_a_community_that_is_configured_no_more_is_forgotten_and_a_new_one_begun() -> None:
    async with listening() as (vk, clock, made):
        for n in range(300):
            vk.post(AURORA, f"post {n}", NOW - 5_000 + n)
        new = vk.post(CITY, "news", NOW - 600)
        page = await made(communities=["auroraair"]).fetch(None)
        assert page.wait == 0
        reader = Reader(lambda: made(communities=["club502"]), clock)
        reader.cursor = page.cursor
        await reader.read()
        assert reader.ids == {new}
        assert msgspec.json.decode(reader.cursor)["walls"].keys() == {"club502"}


async def test_history_goes_back_to_its_date_in_any_number_of_pages_and_ends() -> None:
    async with listening() as (vk, clock, made):
        names = [vk.post(AURORA, f"post {n}", NOW - (500 - n) * 86_400 // 4) for n in range(500)]
        comments = [vk.comment(name, "so?", NOW - 60, by=ADA) for name in names[::50]]
        past = Reader(lambda: made(communities=["auroraair"]).history(NOON - timedelta(days=50), name="past"), clock)
        await past.read(fresh=True)
        assert past.ids == {*names[-200:], *comments[-4:]}
        assert {(post.origin, post.source) for post in past.posts} == {("backfill", "past")}
        live = Reader(lambda: made(backlog_hours=1_200), clock)
        await live.read()
        versions = {(post.native_id, post.version) for post in live.posts}
        assert {(post.native_id, post.version) for post in past.posts} <= versions


async def test_check_says_whose_token_it_is_and_what_is_shown() -> None:
    async with listening() as (vk, _, made):
        vk.post(AURORA, "post", NOW)
        vk.post(CITY, "post", NOW)
        told = await made().check()
        assert told == "VK takes a service token and shows Aurora Air (auroraair), City talk (club502)"
        vk.tokens[SECRET] = vk.users[ADA]
        vk.faults["wall.get -502"] = 15
        told = await made(batch=1).check()
        assert told.startswith("VK takes a user token of Ada Lovelace and shows Aurora Air (auroraair); it does not")
        assert "club502 (wall.get: VK says 15" in told
        vk.faults["wall.get"] = 15
        with pytest.raises(SourceStopped, match="15"):
            await made().check()


async def test_a_refused_post_can_be_read_again() -> None:
    async with listening() as (vk, clock, made):
        post = vk.post(AURORA, "Ask us", NOW - 600)
        vk.thing(post)["date"] = "yesterday"
        other = vk.post(AURORA, "We fly", NOW - 500)
        comment = vk.comment(other, "why?", NOW - 400, by=ADA)
        vk.thing(comment)["date"] = "yesterday"
        source = made()
        reader = Reader(lambda: source, clock)
        await reader.read()
        assert len(reader.letters) == 2
        for letter in reader.letters:
            again = source.reread(letter)
            assert isinstance(again, DeadLetter)
            assert again.id == letter.id
            raw = letter.raw.replace(b'"yesterday"', b"1790000000")
            mended = source.reread(msgspec.structs.replace(letter, raw=raw))
            assert isinstance(mended, Record)
            assert mended.post.native_id in {post, comment}
            assert mended.post.addressed in {"", "vk:auroraair"}


def test_looks_grow_rarer_with_age() -> None:
    def looks(since: int, until: int) -> int:
        return sum(due_again(0, one, other) for one, other in pairwise(range(since, until, 60)))

    assert looks(0, 3_600) in {11, 12}
    assert looks(3_600, 7_200) in {8, 9}
    assert looks(12 * 3_600, 24 * 3_600) in {8, 9}
    assert looks(47 * 3_600, 48 * 3_600) <= 1


async def test_what_is_remembered_has_a_limit() -> None:
    async with listening() as (vk, clock, made):
        for n in range(2_400):
            vk.post(AURORA, f"post {n}", NOW - 5_000 + n)
        reader = Reader(lambda: made(communities=["auroraair"]), clock)
        await reader.read()
        assert len(reader.ids) == 2_400
        assert reader.cursor is not None
        assert len(msgspec.json.decode(reader.cursor)["recent"]) == 2_000
        assert len(reader.cursor) < 150_000
        assert {post.native_id for post in await reader.later(60)} <= reader.ids
