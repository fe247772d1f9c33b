"""A bot that is told: the secret first, then the store, then the answer."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from domain.errors import RetryLater, SourceMisconfigured, SourceStopped
from domain.post import Post
from ingest.telegram.bot import BotSource
from ingest.telegram.config import Config
from ingest.telegram.parse import ALLOWED
from ingest.telegram.push import LARGEST_BODY, PushedSource
from tests.kit.cases_telegram import BOT_CONFIG, PUSHED_CONFIG, TOKEN
from tests.kit.ingest import NOON, SECRET, Clock, polite_client
from tests.networks.telegram import CHANNEL, GROUP, ScriptedTelegram, error, said, scripted_telegram

SIGNED = {"X-Telegram-Bot-Api-Secret-Token": SECRET}


class Desk:
    """A bot's Telegram and what makes a source that is told."""

    def __init__(self, telegram: ScriptedTelegram, client: Any, clock: Clock) -> None:
        self.telegram, self.client, self.clock = telegram, client, clock

    def source(self, *, commit_wait: float = 10, **settings: Any) -> PushedSource:
        config = Config.model_validate({**PUSHED_CONFIG, "api": self.telegram.server.url, **settings})
        return PushedSource(config, client=self.client, clock=self.clock, commit_wait=commit_wait, idle_wait=1)


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    clock = Clock()
    async with scripted_telegram(TOKEN, clock) as telegram, polite_client(clock) as client:
        yield Desk(telegram, client, clock)


def update(number: int, text: str = "Aurora Air is late", **other: Any) -> bytes:
    return json.dumps({"update_id": number, "channel_post": said(CHANNEL, number, NOON, text, **other)}).encode()


async def stored(source: PushedSource, cursor: bytes | None = None) -> tuple[list[Post], bytes]:
    """Fetch and commit what arrived."""
    page = await source.fetch(cursor)
    await source.committed(page.cursor)
    return [record.post for record in page.records], page.cursor


async def test_an_update_is_answered_when_its_post_is_durable(desk: Desk) -> None:
    source = desk.source()
    telling = asyncio.ensure_future(source.receive(SIGNED, update(7)))
    page = await source.fetch(None)
    assert [record.post.native_id for record in page.records] == ["-1001234567890_7"]
    assert not telling.done()
    await source.committed(page.cursor)
    assert (await telling)[0] == 200


async def test_one_that_nobody_stores_is_to_be_sent_again_and_then_is_stored_once(desk: Desk) -> None:
    source = desk.source(commit_wait=0.2)
    status, headers, _ = await source.receive(SIGNED, update(7))
    assert (status, headers["retry-after"]) == (503, "10")
    posts, cursor = await stored(source)
    assert (len(posts), (await source.receive(SIGNED, update(7)))[0]) == (1, 200)
    assert (await source.receive(SIGNED, update(7, "the same number")))[0] == 200
    assert await stored(source, cursor) == ([], cursor)


@pytest.mark.parametrize(
    "headers", [{}, {"X-Telegram-Bot-Api-Secret-Token": ""}, {"X-Telegram-Bot-Api-Secret-Token": "ё"}]
)
async def test_without_the_secret_nothing_is_even_read(desk: Desk, headers: dict[str, str]) -> None:
    assert (await desk.source().receive(headers, b"\xff not JSON"))[0] == 401
    assert not desk.telegram.asked


@pytest.mark.parametrize(
    ("body", "status"), [(b"\xff", 400), (b"{", 400), (b"[" * 100_000, 400), (b'"' + b"x" * LARGEST_BODY + b'"', 413)]
)
async def test_what_is_no_update_is_refused(desk: Desk, body: bytes, status: int) -> None:
    assert (await desk.source().receive(SIGNED, body))[0] == status


@pytest.mark.parametrize("body", [b"7", b'{"update_id": 8, "message": {"chat": 1}}', b'{"channel_post": {}}'])
async def test_an_update_that_cannot_be_read_is_kept_and_not_sent_for_ever(desk: Desk, body: bytes) -> None:
    source = desk.source()
    telling = asyncio.ensure_future(source.receive(SIGNED, body))
    page = await source.fetch(None)
    await source.committed(page.cursor)
    assert [letter.reason for letter in page.dead_letters] == ["bad_update"]
    assert (await telling)[0] == 200


async def test_what_has_nothing_to_store_is_answered_at_once(desk: Desk) -> None:
    body = json.dumps({"update_id": 9, "message": said(GROUP, 9, NOON) | {"new_chat_members": []}}).encode()
    assert (await desk.source().receive(SIGNED, body))[0] == 200


async def test_while_telegram_does_not_say_who_the_bot_is_updates_are_put_off(desk: Desk) -> None:
    desk.telegram.server.misbehave(error(500, "Internal Server Error"))
    source = desk.source()
    assert (await source.receive(SIGNED, update(7)))[0] == 503
    with pytest.raises(RetryLater):
        await source.fetch(None)


async def test_the_address_is_set_with_telegram_at_the_start_once(desk: Desk) -> None:
    source = desk.source(public_url="https://tocsin.example/in/", name="tg")
    _, cursor = await stored(source)
    await stored(source, cursor)
    assert desk.telegram.asked_for("setWebhook") == [
        {"url": "https://tocsin.example/in/webhooks/tg", "secret_token": SECRET, "allowed_updates": list(ALLOWED)}
    ]
    assert "updates go to https://tocsin.example, 0 are waiting" in await source.check()


async def test_an_address_that_telegram_does_not_take_is_the_settings_fault(desk: Desk) -> None:
    with pytest.raises(SourceMisconfigured, match="does not take `public_url`: Bad Request: bad webhook"):
        await desk.source(public_url="http://tocsin.example").fetch(None)


async def test_without_an_address_check_says_that_none_is_set(desk: Desk) -> None:
    assert "no webhook is set yet: set it yourself (setWebhook), or give `public_url`" in await desk.source().check()
    assert (
        "no webhook is set yet: it is set at the start" in await desk.source(public_url="https://t.example").check()
    )


async def test_a_revoked_token_stops_it(desk: Desk) -> None:
    desk.telegram.revoked = True
    source = desk.source()
    with pytest.raises(SourceStopped, match="@BotFather"):
        await source.fetch(None)
    with pytest.raises(SourceStopped, match="@BotFather"):
        await source.check()


async def test_being_removed_from_a_chat_is_a_trouble_of_the_next_page(desk: Desk) -> None:
    member = {"user": {"id": 700_001, "is_bot": True, "first_name": "b"}, "status": "left"}
    body = json.dumps({"update_id": 9, "my_chat_member": {"chat": GROUP, "new_chat_member": member}}).encode()
    source = desk.source()
    assert (await source.receive(SIGNED, body))[0] == 200
    page = await source.fetch(None)
    assert page.troubles == ["the bot was removed from @flyers: nothing is heard from there any more"]
    assert (await source.fetch(page.cursor)).troubles == []


async def test_both_ways_of_hearing_a_bot_give_the_same_post(desk: Desk) -> None:
    source = desk.source()
    telling = asyncio.ensure_future(source.receive(SIGNED, update(7)))
    (told,), _ = await stored(source)
    await telling
    desk.telegram.happen("channel_post", said(CHANNEL, 7, NOON, "Aurora Air is late"))
    config = Config.model_validate({**BOT_CONFIG, "api": desk.telegram.server.url})
    asking = BotSource(config, client=desk.client, clock=desk.clock)
    (asked,) = (await asking.fetch(None)).records
    await asking.aclose()
    assert asked.post == told
