import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from email.utils import parsedate_to_datetime
from typing import Any, Self

import pytest

from domain.errors import RetryLater, SourceMisconfigured, SourceStopped
from domain.post import Post
from ingest.deliveries import Answer
from ingest.vk.config import Config
from ingest.vk.push.callback import LARGEST_BODY, CallbackSource
from tests.kit.cases_vk_push import CALLBACK
from tests.kit.ingest import NOON, SECRET, Clock, polite_client
from tests.networks.vk_happenings import GROUP, comment, person, post, update
from tests.networks.vk_push import VkPush, vk_push

NOW = NOON.timestamp()
TOKEN = "community-token"
ANSWER_OK: Answer = (200, {"content-type": "text/plain"}, b"ok")


class Runtime:
    """Fetches and commits, as the embedded runtime does."""

    def __init__(self, source: CallbackSource, cursor: bytes | None = None) -> None:
        self.source, self.cursor = source, cursor
        self.stored: list[Post] = []
        self.refused = 0
        self.troubles: list[str] = []
        self._task = asyncio.ensure_future(self._run())

    async def _run(self) -> None:
        while True:
            page = await self.source.fetch(self.cursor)
            self.stored += [record.post for record in page.records]
            self.refused += len(page.dead_letters)
            self.troubles += page.troubles
            self.cursor = page.cursor
            await self.source.committed(page.cursor)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)


@asynccontextmanager
async def callback(vk: VkPush | None = None, *, commit_wait: float = 5.0) -> AsyncIterator[CallbackSource]:
    table = CALLBACK if vk is None else {**CALLBACK, "token": TOKEN, "api": vk.url}
    async with polite_client(clock := Clock()) as client:
        yield CallbackSource(
            Config.model_validate(table), client=client, clock=clock, commit_wait=commit_wait, idle_wait=0.02
        )


@pytest.fixture
async def source() -> AsyncIterator[CallbackSource]:
    async with callback() as source:
        yield source


async def send(source: CallbackSource, told: dict[str, Any], *, secret: str | None = SECRET) -> Answer:
    body = {**told, "secret": secret} if secret is not None else told
    return await source.receive({"X-Retry-Counter": "1"}, json.dumps(body).encode())


def reply(number: int = 9, **other: Any) -> dict[str, Any]:
    return update("wall_reply_new", comment(number, NOW, "Aurora Air is late", post_id=70, owner_id=-501), **other)


async def test_the_confirmation_is_answered_with_the_configured_word(source: CallbackSource) -> None:
    asked = {"type": "confirmation", "group_id": GROUP}
    for secret in (SECRET, None):
        assert await send(source, asked, secret=secret) == (200, {"content-type": "text/plain"}, b"c0nf1rm")
    assert (await send(source, asked, secret="guessed"))[2] == b"refused"
    assert (await send(source, {**asked, "group_id": 7}))[2] == b"refused"


async def test_vk_is_answered_once_what_it_brought_is_durable(source: CallbackSource) -> None:
    sending = asyncio.ensure_future(send(source, reply()))
    page = await source.fetch(None)
    await asyncio.sleep(0.05)
    assert not sending.done()
    await source.committed(page.cursor)
    assert await sending == ANSWER_OK
    assert [record.post.native_id for record in page.records] == ["-501_70_r9"]


async def test_what_is_not_stored_in_time_is_to_come_again_within_three_hours() -> None:
    async with callback(commit_wait=0.05) as source:
        status, headers, body = await send(source, reply())
    assert (status, body) == (503, b"later")
    again = parsedate_to_datetime(headers["retry-after"])
    assert headers["retry-after"].endswith("GMT")
    assert timedelta(0) < again - NOON < timedelta(hours=3)


async def test_what_comes_again_after_that_is_stored_once() -> None:
    async with callback(commit_wait=0.05) as source:
        assert (await send(source, reply()))[0] == 503
        async with Runtime(source) as runtime:
            await asyncio.sleep(0.05)
            assert await send(source, reply()) == ANSWER_OK
            assert await send(source, reply()) == ANSWER_OK
        assert [found.native_id for found in runtime.stored] == ["-501_70_r9"]


async def test_an_event_seen_before_is_ignored_also_after_a_restart(source: CallbackSource) -> None:
    async with Runtime(source) as runtime:
        assert await send(source, reply(event="one")) == ANSWER_OK
        assert await send(source, reply(10, event="one")) == ANSWER_OK
    assert len(runtime.stored) == 1
    async with callback() as restarted, Runtime(restarted, runtime.cursor) as later:
        await asyncio.sleep(0.05)
        assert await send(restarted, reply(event="one")) == ANSWER_OK
        assert await send(restarted, reply(11, event="two")) == ANSWER_OK
    assert [found.native_id for found in later.stored] == ["-501_70_r11"]


async def test_events_without_an_id_are_told_apart_by_their_words(source: CallbackSource) -> None:
    async with Runtime(source) as runtime:
        for number in (9, 9, 10):
            told = reply(number)
            del told["event_id"]
            assert await send(source, told) == ANSWER_OK
    assert len(runtime.stored) == 2


@pytest.mark.parametrize("secret", ["", "guessed", SECRET[:-1], SECRET + "x", "\u0455ecret", None])
async def test_another_secret_is_refused_and_nothing_is_taken(source: CallbackSource, secret: str | None) -> None:
    async with Runtime(source) as runtime:
        assert await send(source, reply(), secret=secret) == (403, {"content-type": "text/plain"}, b"refused")
    assert runtime.stored == []


async def test_another_community_is_refused(source: CallbackSource) -> None:
    assert (await send(source, reply(owner=7)))[0] == 403


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"\x00\xff<<<", 400),
        (b"[" * 100_000, 400),
        (b'{"type": "remove"}', 400),
        (b'{"type": 7, "group_id": 501}', 400),
        (b" " * (LARGEST_BODY + 1), 413),
    ],
)
async def test_what_is_no_event_is_refused_in_a_fixed_word(source: CallbackSource, body: bytes, status: int) -> None:
    answer = await source.receive({}, body)
    assert answer[0] == status
    assert answer[2] in {b"unreadable", b"too large"}


async def test_events_about_something_else_are_acknowledged_at_once(source: CallbackSource) -> None:
    for kind in ("group_join", "an_event_of_next_year", "remove"):
        assert await send(source, update(kind, {"user_id": 1})) == ANSWER_OK
    page = await source.fetch(None)
    assert (page.records, page.dead_letters) == ([], [])


async def test_an_event_that_cannot_be_read_is_kept_and_acknowledged(source: CallbackSource) -> None:
    async with Runtime(source) as runtime:
        assert await send(source, update("wall_post_new", ["nothing"])) == ANSWER_OK
    assert runtime.refused == 1


async def test_too_much_at_a_time_is_to_come_again() -> None:
    async with polite_client(clock := Clock()) as client:
        config = Config.model_validate({**CALLBACK, "waiting_posts": 1})
        narrow = CallbackSource(config, client=client, clock=clock, commit_wait=0.2, idle_wait=0.02)
        first = asyncio.ensure_future(send(narrow, reply(1)))
        await asyncio.sleep(0.05)
        status, headers, body = await send(narrow, reply(2))
        assert (status, body) == (503, b"later")
        assert "retry-after" in headers
        await first


async def test_with_a_token_names_and_followers_are_joined() -> None:
    async with vk_push(TOKEN) as vk, callback(vk) as source, Runtime(source) as runtime:
        vk.profiles[9001] = person(9001, "Inna", screen_name="innak", followers_count=1_520)
        assert await send(source, reply()) == ANSWER_OK
        assert await send(source, reply(10)) == ANSWER_OK
        names = [asked for asked in vk.asked if asked.path.startswith("/method/")]
    author = runtime.stored[0].author
    assert (author.name, author.handle, author.followers) == ("Inna K", "innak", 1_520)
    assert runtime.stored[0].addressed == "vk:auroraair"
    assert len(names) == 2, "one question for people and one for communities; then both are known"


async def test_without_a_token_people_are_known_by_their_numbers(source: CallbackSource) -> None:
    async with Runtime(source) as runtime:
        await send(source, update("wall_post_new", post(71, NOW, "Where is my bag?")))
    assert (runtime.stored[0].account, runtime.stored[0].addressed) == ("vk:id9001", "vk:club501")


async def test_while_names_cannot_be_asked_for_the_event_is_to_come_again() -> None:
    async with vk_push(TOKEN) as vk, callback(vk) as source, Runtime(source) as runtime:
        vk.fail("down")
        assert (await send(source, reply()))[0] == 503
        vk.fail(None)
        assert await send(source, reply()) == ANSWER_OK
        assert len(runtime.stored) == 1


async def test_a_token_that_is_revoked_costs_the_names_and_nothing_else() -> None:
    async with vk_push(TOKEN) as vk, callback(vk) as source, Runtime(source) as runtime:
        vk.fail("revoked")
        assert await send(source, reply()) == ANSWER_OK
        assert await send(source, reply(10)) == ANSWER_OK
    assert [found.account for found in runtime.stored] == ["vk:id9001", "vk:id9001"]
    assert len(runtime.troubles) == 1
    assert "names are not looked up any more" in runtime.troubles[0]


async def test_check_compares_the_confirmation_with_what_vk_expects() -> None:
    async with vk_push(TOKEN) as vk, callback(vk) as source:
        assert "Aurora Air (auroraair)" in await source.check()
        vk.confirmation = "another"
        with pytest.raises(SourceMisconfigured, match="confirmation"):
            await source.check()
        vk.fail("revoked")
        with pytest.raises(SourceStopped):
            await source.check()
        vk.fail("down")
        with pytest.raises(RetryLater):
            await source.check()


async def test_check_without_a_token_says_where_vk_is_to_call(source: CallbackSource) -> None:
    assert "POST /webhooks/page" in await source.check()


async def test_a_process_that_stops_lets_vk_come_again(source: CallbackSource) -> None:
    sending = asyncio.ensure_future(send(source, reply()))
    await source.fetch(None)
    await source.aclose()
    assert (await sending)[0] == 503
