import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from domain.errors import RetryLater, SourceStopped
from ingest.source import Page
from ingest.vk.config import Config
from ingest.vk.push.longpoll import LongPollSource
from tests.kit.cases_vk_push import LONGPOLL
from tests.kit.ingest import NOON, SECRET, Clock, polite_client
from tests.kit.scripted_http import Asked, Told
from tests.networks.vk_happenings import comment, person, update
from tests.networks.vk_push import VkPush, vk_push

NOW = NOON.timestamp()


@pytest.fixture
async def vk() -> AsyncIterator[VkPush]:
    async with vk_push(SECRET) as vk:
        vk.profiles[9001] = person(9001, "Inna", screen_name="innak", followers_count=1_520)
        yield vk


@asynccontextmanager
async def listening(vk: VkPush, *, idle_wait: float = 20.0) -> AsyncIterator[LongPollSource]:
    """Wait for every answer, unless the test is about a question that stays open."""
    async with polite_client(clock := Clock()) as client:
        config = Config.model_validate({**LONGPOLL, "api": vk.url})
        source = LongPollSource(config, client=client, clock=clock, idle_wait=idle_wait)
        yield source
        await source.aclose()


def reply(number: int) -> dict[str, object]:
    return update("wall_reply_new", comment(number, NOW, f"Aurora Air, {number}", post_id=70, owner_id=-501))


def ids(page: Page) -> list[str]:
    return [record.post.native_id for record in page.records]


async def test_the_place_is_kept_before_anything_happens(vk: VkPush) -> None:
    vk.happen(reply(1))
    vk.forget()
    async with listening(vk) as source:
        first = await source.fetch(None)
    vk.happen(reply(2))
    async with listening(vk) as restarted:
        assert ids(await restarted.fetch(first.cursor)) == ["-501_70_r2"]


@pytest.mark.parametrize("kind", [str, int])
async def test_the_place_is_understood_as_text_and_as_a_number(vk: VkPush, kind: type) -> None:
    vk.ts_as_text = kind is str
    async with listening(vk) as source:
        page = await source.fetch(None)
        for number in (1, 2, 3):
            vk.happen(reply(number))
            page = await source.fetch(page.cursor)
            assert ids(page) == [f"-501_70_r{number}"]


async def test_authors_are_joined_in_one_question_for_many(vk: VkPush) -> None:
    vk.profiles |= {number: person(number, "P", screen_name=f"p{number}") for number in range(1, 61)}
    vk.happen(
        *(
            update("wall_reply_new", comment(number, NOW, "Aurora Air", author=number, post_id=70, owner_id=-501))
            for number in range(1, 61)
        )
    )
    async with listening(vk) as source:
        page = await source.fetch((await source.fetch(None)).cursor)
    assert {record.post.author.handle for record in page.records} == {f"p{number}" for number in range(1, 61)}
    assert {record.post.addressed for record in page.records} == {"vk:auroraair"}
    assert len([asked for asked in vk.asked if asked.path == "/method/users.get"]) == 1


async def test_an_old_key_is_renewed_and_the_place_kept(vk: VkPush) -> None:
    async with listening(vk) as source:
        page = await source.fetch(None)
        vk.poll_key += 1
        vk.happen(reply(1))
        page = await source.fetch(page.cursor)
    assert ids(page) == ["-501_70_r1"]
    assert page.troubles == []


async def test_a_history_that_was_forgotten_is_told_and_listening_goes_on(vk: VkPush) -> None:
    async with listening(vk) as source:
        page = await source.fetch(None)
    vk.happen(reply(1), reply(2))
    vk.forget()
    async with listening(vk) as later:
        gap = await later.fetch(page.cursor)
        assert ids(gap) == []
        assert len(gap.troubles) == 1
        assert "were missed" in gap.troubles[0]
        assert "messages cannot" in gap.troubles[0]
        vk.happen(reply(3))
        page = await later.fetch(gap.cursor)
    assert ids(page) == ["-501_70_r3"]
    assert page.troubles == []


async def test_a_history_that_began_anew_is_told_and_listening_goes_on(vk: VkPush) -> None:
    vk.happen(reply(1), reply(2))
    async with listening(vk) as source:
        page = await source.fetch((await source.fetch(None)).cursor)
        assert len(ids(page)) == 2
        vk.updates.clear()
        gap = await source.fetch(page.cursor)
        assert "were missed" in gap.troubles[0]
        vk.happen(reply(3))
        assert ids(await source.fetch(gap.cursor)) == ["-501_70_r3"]


async def test_a_question_stays_open_while_fetches_come_and_go(vk: VkPush) -> None:
    vk.poll_patience = 5.0
    async with listening(vk, idle_wait=0.3) as source:
        place = (await source.fetch(None)).cursor
        for _ in range(3):
            idle = await source.fetch(place)
            assert (ids(idle), idle.cursor) == ([], place)
        vk.happen(reply(1))
        assert ids(await source.fetch(place)) == ["-501_70_r1"]
    assert len([asked for asked in vk.asked if asked.path == "/poll"]) == 1


async def test_an_open_question_outlives_a_fetch_that_was_cancelled(vk: VkPush) -> None:
    vk.poll_patience = 5.0
    async with listening(vk, idle_wait=0.3) as source:
        place = (await source.fetch(None)).cursor
        task = asyncio.ensure_future(source.fetch(place))
        await asyncio.sleep(0.1)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        vk.happen(reply(1))
        assert ids(await source.fetch(place)) == ["-501_70_r1"]


async def test_an_open_question_keeps_nobody_from_asking_the_same_host(vk: VkPush) -> None:
    vk.poll_patience = 5.0
    async with listening(vk, idle_wait=0.3) as source:
        await source.fetch((await source.fetch(None)).cursor)
        async with asyncio.timeout(2):
            await source.check()


async def test_asked_from_another_place_it_asks_again_from_there(vk: VkPush) -> None:
    vk.poll_patience = 5.0
    async with listening(vk, idle_wait=0.3) as source:
        start = (await source.fetch(None)).cursor
        vk.happen(reply(1))
        later = (await source.fetch(start)).cursor
        await source.fetch(later)
        assert ids(await source.fetch(start)) == ["-501_70_r1"]


async def test_a_server_that_takes_no_key_is_tried_again_later(vk: VkPush) -> None:
    vk.answers["/poll"] = Told(200, b'{"failed": 2}')
    async with listening(vk) as source:
        place = (await source.fetch(None)).cursor
        with pytest.raises(RetryLater, match="none of the keys"):
            await source.fetch(place)


@pytest.mark.parametrize(
    "told", [b"{}", b"[]", b"<html>", b'{"ts": "7", "updates": 3}', b'{"ts": [], "updates": []}']
)
async def test_an_answer_that_is_no_answer_is_asked_for_again(vk: VkPush, told: bytes) -> None:
    good = vk.answers["/poll"]
    async with listening(vk) as source:
        place = (await source.fetch(None)).cursor
        vk.answers["/poll"] = Told(200, told)
        with pytest.raises(RetryLater):
            await source.fetch(place)
        vk.answers["/poll"] = good
        vk.happen(reply(1))
        assert ids(await source.fetch(place)) == ["-501_70_r1"]


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410])
async def test_a_server_that_went_away_is_asked_for_anew(vk: VkPush, status: int) -> None:
    good, gone = vk.answers["/poll"], [Told(status, b"no")]
    assert callable(good)

    def answer(asked: Asked) -> Told:
        return gone.pop() if gone else good(asked)

    async with listening(vk) as source:
        place = (await source.fetch(None)).cursor
        vk.answers["/poll"] = answer
        vk.happen(reply(1))
        assert ids(await source.fetch(place)) == ["-501_70_r1"]


async def test_events_wait_at_vk_while_names_cannot_be_asked_for(vk: VkPush) -> None:
    good = vk.answers["/method/users.get"]
    async with listening(vk) as source:
        place = (await source.fetch(None)).cursor
        vk.happen(reply(1))
        vk.answers["/method/users.get"] = Told(500, b"oops")
        with pytest.raises(RetryLater):
            await source.fetch(place)
        vk.answers["/method/users.get"] = good
        page = await source.fetch(place)
    assert page.records[0].post.author.name == "Inna K"


async def test_a_community_that_is_not_ours_stops_the_source(vk: VkPush) -> None:
    async with polite_client(clock := Clock()) as client:
        config = Config.model_validate({**LONGPOLL, "group": 777, "api": vk.url})
        source = LongPollSource(config, client=client, clock=clock)
        with pytest.raises(SourceStopped, match="getLongPollServer"):
            await source.fetch(None)
        await source.aclose()


async def test_check_names_the_events_that_are_switched_off(vk: VkPush) -> None:
    async with listening(vk) as source:
        said = await source.check()
    assert said.startswith("Aurora Air (auroraair): long poll answers")
    assert "board_post_new" in said
    assert "message_new" not in said


async def test_the_key_is_not_kept_in_the_cursor(vk: VkPush) -> None:
    async with listening(vk) as source:
        page = await source.fetch((await source.fetch(None)).cursor)
    assert b"poll1" not in page.cursor
