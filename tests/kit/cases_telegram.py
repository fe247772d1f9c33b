"""The contract cases of Telegram: a bot that asks, a bot that is told, a person's account that reads channels."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from itertools import count as count_from
from pathlib import Path
from typing import Any

from ingest.telegram import Config
from ingest.telegram.bot import BotSource
from ingest.telegram.channels import ChannelsSource
from ingest.telegram.push import PushedSource
from ingest.telegram.words import CHANNEL as CHANNEL_NUMBER
from ingest.telegram.words import channel_id
from tests.kit.ingest import (
    HOSTILE_TEXT,
    HTML_BOMB,
    NOON,
    SECRET,
    Clock,
    Failure,
    Rig,
    SourceCase,
    polite_client,
)
from tests.kit.scripted_http import Told
from tests.networks import telegram_mtproto as mtproto
from tests.networks.telegram import (
    CHANNEL,
    DISCUSSION,
    GROUP,
    PRIVATE,
    ScriptedTelegram,
    error,
    mirror,
    said,
    scripted_telegram,
)

TOKEN = f"700001:{SECRET}"
BOT_CONFIG: dict[str, Any] = {"kind": "telegram", "name": "tg", "token": TOKEN}
PUSHED_CONFIG: dict[str, Any] = {**BOT_CONFIG, "via": "webhook", "secret": SECRET}
READING_CONFIG = mtproto.SETTINGS
TAGS_AS_TYPED = HTML_BOMB.partition("<script")[0]
"""In Telegram a tag is what its author typed, and stays so."""
FAILURES: dict[Failure, Told] = {
    "busy": error(429, "Too Many Requests: retry after 7", retry_after=7),
    "down": error(500, "Internal Server Error"),
    "garbage": Told(200, b'{"ok": true, "result": {"no": "list"}}', {"content-type": "application/json"}),
    "flaky": error(502, "Bad Gateway"),
    "huge": Told(200, b'{"ok":true,"result":["' + b"x" * 11_000_000 + b'"]}'),
}


def populate(telegram: ScriptedTelegram) -> set[str]:
    """Let some readable and two unreadable things happen; return the native ids of the readable ones."""
    at = NOON - timedelta(minutes=50)
    post = said(CHANNEL, 7, at, "Aurora Air is late again")
    kept = [said(CHANNEL, 10 + n, at, f"Aurora Air gate {n} is closed") for n in range(120)]
    kept += [post, said(CHANNEL, 8, at, caption="Aurora Air, a picture"), said(CHANNEL, 9, at, HOSTILE_TEXT)]
    for one in kept:
        telegram.happen("channel_post", one)
    copy = mirror(post, 301, DISCUSSION)
    comment = said(DISCUSSION, 302, at, "Same here", reply_to_message=copy, message_thread_id=301)
    spoken = [
        comment, said(GROUP, 5, at, TAGS_AS_TYPED), said(GROUP, 6, at, "Aurora Air " * 20_000),
        said(GROUP, 7, at, "half \ud83d a letter and \x00"), said(PRIVATE, 3, at, "Where is my bag?"),
    ]  # fmt: skip
    for one in (copy, *spoken):
        telegram.happen("message", one)
    telegram.happen("message", {**said(GROUP, 90, at), "new_chat_members": []})
    telegram.happen("message", {**said(GROUP, 91, at, "no chat"), "chat": None})
    telegram.happen("message", said(GROUP, 92, at, "no time") | {"date": 10**15})
    return {f"{one['chat']['id']}_{one['message_id']}" for one in (*kept, *spoken)}


@asynccontextmanager
async def _asking(_: Path) -> AsyncIterator[Rig]:
    clock = Clock()
    async with scripted_telegram(TOKEN, clock) as telegram, polite_client(clock) as client:
        expected, telegram.patience = populate(telegram), 0.05
        config = Config.model_validate({**BOT_CONFIG, "api": telegram.server.url, "per_minute": 60_000})
        numbers = count_from(1_000)

        def publish(count: int) -> list[str]:
            fresh = [said(CHANNEL, next(numbers), clock(), "Aurora Air again") for _ in range(count)]
            for one in fresh:
                telegram.happen("channel_post", one)
            return [f"{CHANNEL['id']}_{one['message_id']}" for one in fresh]

        def fail(failure: Failure | None) -> None:
            telegram.revoked = failure == "revoked"
            told = FAILURES.get(failure) if failure else None
            telegram.server.misbehave(told, share=0.3 if failure == "flaky" else 1.0)

        def edit(native_id: str) -> None:
            chat, _, number = native_id.partition("_")
            kind = "edited_channel_post" if telegram.chats[int(chat)]["type"] == "channel" else "edited_message"
            now = int(clock().timestamp())
            telegram.happen(kind, said(telegram.chats[int(chat)], int(number), NOON, "On time!", edit_date=now))

        yield Rig(
            make=lambda: BotSource(config, client=client, clock=clock, idle_wait=5, store_wait=0.02),
            clock=clock,
            expected=expected,
            unreadable=2,
            publish=publish,
            fail=fail,
            edit=edit,
            hold=lambda seconds: setattr(telegram, "patience", seconds),
        )


@asynccontextmanager
async def _pushed(_: Path) -> AsyncIterator[Rig]:
    clock = Clock()
    sending: set[asyncio.Task[Any]] = set()
    made: list[PushedSource] = []
    ended = asyncio.Event()
    async with scripted_telegram(TOKEN, clock) as telegram, polite_client(clock) as client:
        expected = populate(telegram)
        happened = [update for _, update in telegram.updates]
        config = Config.model_validate({**PUSHED_CONFIG, "api": telegram.server.url, "per_minute": 60_000})

        def send(source: PushedSource, updates: list[dict[str, Any]]) -> None:
            async def deliver(update: dict[str, Any]) -> None:
                status = 0
                while status != 200 and not ended.is_set():
                    status, _, _ = await source.receive(
                        {"X-Telegram-Bot-Api-Secret-Token": SECRET}, json.dumps(update).encode()
                    )
                    await asyncio.sleep(0.01)

            sending.update(asyncio.ensure_future(deliver(update)) for update in updates)

        def make() -> PushedSource:
            source = PushedSource(config, client=client, clock=clock, idle_wait=0.5)
            send(source, happened)
            made.append(source)
            return source

        def publish(count: int) -> list[str]:
            first = 1_000 + len(telegram.updates)
            fresh = [said(CHANNEL, first + n, clock(), "Aurora Air again") for n in range(count)]
            numbers = [telegram.happen("channel_post", one) for one in fresh]
            send(made[-1], [update for _, update in telegram.updates if update["update_id"] in numbers])
            return [f"{CHANNEL['id']}_{one['message_id']}" for one in fresh]

        yield Rig(make=make, clock=clock, expected=expected, unreadable=2, publish=publish)
        ended.set()
        for task in sending:
            task.cancel()
        await asyncio.gather(*sending, return_exceptions=True)


@asynccontextmanager
async def _reading(_: Path) -> AsyncIterator[Rig]:
    clock = Clock()
    telegram, expected = mtproto.Telegram(), set[str]()
    telegram.add(mtproto.channel(mtproto.CHAT, "City talk, the chat", None, broadcast=False))
    telegram.add(
        mtproto.channel(mtproto.CITY, "City talk", "CityTalk", broadcast=True), members=5_200, linked=mtproto.CHAT
    )
    telegram.add(mtproto.channel(mtproto.FLYERS, "Flyers", "flyers", broadcast=False), members=310)
    at = NOON - timedelta(hours=1)
    for n in range(1, 131):
        post = mtproto.message(mtproto.CITY, n, f"Aurora Air gate {n} is closed", at, post=True, views=n)
        telegram.write(post)
        telegram.mirrored(post, n)
        if n % 40 == 0:
            for number in range(500 + n, 505 + n):
                telegram.comment(post, number, "Same here", at)
    group = [HOSTILE_TEXT, TAGS_AS_TYPED, "Aurora Air " * 20_000, "half \ud83d a letter and \x00", "late again"]
    telegram.write(*(mtproto.message(mtproto.FLYERS, n, text, at) for n, text in enumerate(group, 1)))
    for where, there in telegram.written.items():
        expected |= {f"{channel_id(where)}_{number}" for number in there if where != mtproto.CHAT or number > 500}
    for n in (20, 21):
        broken = mtproto.message(mtproto.FLYERS, n, "no time", at)
        broken.date = None
        telegram.write(broken)
    telegram.write(mtproto.message(mtproto.FLYERS, 22, "", at))
    config = Config.model_validate({**READING_CONFIG, "per_minute": 60_000})

    def publish(count: int) -> list[str]:
        first = max(telegram.written[mtproto.CITY]) + 1
        numbers = range(first, first + count)
        telegram.write(*(mtproto.message(mtproto.CITY, n, "Aurora Air again", clock(), post=True) for n in numbers))
        return [f"{channel_id(mtproto.CITY)}_{n}" for n in numbers]

    def fail(failure: Failure | None) -> None:
        telegram.failure = failure

    def edit(native_id: str) -> None:
        chat, _, number = native_id.partition("_")
        one = telegram.written[CHANNEL_NUMBER - int(chat)][int(number)]
        one.message, one.edit_date = "On time!", clock()

    def delete(native_id: str) -> None:
        chat, _, number = native_id.partition("_")
        del telegram.written[CHANNEL_NUMBER - int(chat)][int(number)]

    yield Rig(
        make=lambda: ChannelsSource(config, open_connection=telegram.connect, clock=clock),
        clock=clock,
        expected=expected,
        unreadable=2,
        publish=publish,
        fail=fail,
        edit=edit,
        delete=delete,
    )


CASES = (
    SourceCase(
        kind="telegram", way="bot", start=_asking, config=BOT_CONFIG, replays=False, quiet=3, key=True, edits=True
    ),
    SourceCase(
        kind="telegram", way="webhook", start=_pushed, config=PUSHED_CONFIG, replays=False, http=False, quiet=2
    ),
    # Between two looks at a channel it listens for what Telegram tells of itself, five seconds at a time.
    SourceCase(
        kind="telegram", way="mtproto", start=_reading, config=READING_CONFIG, quiet=13, key=True, edits=True,
        deletions=True, history=True,
    ),
)  # fmt: skip
