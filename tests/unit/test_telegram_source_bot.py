"""A bot that asks: nothing is confirmed before it is stored, and every refusal has its order."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from msgspec.structs import replace

from domain.dead_letter import DeadLetter
from domain.errors import RetryLater, SourceError, SourceMisconfigured, SourceStopped
from domain.post import Post, Record
from ingest.telegram.bot import BotSource
from ingest.telegram.config import Config
from ingest.telegram.parse import ALLOWED
from tests.kit.cases_telegram import BOT_CONFIG, TOKEN
from tests.kit.ingest import NOON, Clock, polite_client
from tests.kit.scripted_http import Asked, Told
from tests.networks.telegram import (
    CHANNEL,
    DISCUSSION,
    GROUP,
    PRIVATE,
    ScriptedTelegram,
    error,
    mirror,
    result,
    said,
    scripted_telegram,
)

Settings = dict[str, Any]


class Desk:
    """A bot's Telegram and what makes a source that asks it."""

    def __init__(self, telegram: ScriptedTelegram, client: Any, clock: Clock) -> None:
        self.telegram, self.client, self.clock = telegram, client, clock
        self.telegram.patience = 0.05
        self.made: list[BotSource] = []

    def source(self, **settings: Any) -> BotSource:
        config = Config.model_validate(
            {**BOT_CONFIG, "api": self.telegram.server.url, "per_minute": 60_000, **settings}
        )
        self.made.append(BotSource(config, client=self.client, clock=self.clock, idle_wait=5, store_wait=0.05))
        return self.made[-1]

    def say(self, number: int, text: str = "Aurora Air is late", **other: Any) -> int:
        return self.telegram.happen("channel_post", said(CHANNEL, number, NOON, text, **other))

    def offsets(self) -> list[int | None]:
        return [asked.get("offset") for asked in self.telegram.asked_for("getUpdates")]


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    clock = Clock()
    async with scripted_telegram(TOKEN, clock) as telegram, polite_client(clock) as client:
        found = Desk(telegram, client, clock)
        yield found
        for source in found.made:
            await source.aclose()


async def posts_of(source: BotSource, cursor: bytes | None = None) -> list[Post]:
    return [record.post for record in (await source.fetch(cursor)).records]


async def test_the_question_names_what_it_wants_to_hear(desk: Desk) -> None:
    desk.say(1)
    await desk.source().fetch(None)
    assert desk.telegram.asked_for("getUpdates") == [
        {"limit": 100, "timeout": 50, "allowed_updates": list(ALLOWED)}
    ]  # fmt: skip


async def test_nothing_is_confirmed_before_it_is_stored(desk: Desk) -> None:
    source, number = desk.source(), desk.say(1)
    page = await source.fetch(None)
    desk.say(2)
    waiting = await source.fetch(page.cursor)
    assert (waiting.records, waiting.cursor) == ([], page.cursor)
    assert desk.offsets() == [None], "the store has not answered yet"
    await source.committed(page.cursor)
    assert [post.native_id for post in await posts_of(source, page.cursor)] == ["-1001234567890_2"]
    assert desk.offsets() == [None, number + 1]


async def test_a_process_killed_before_the_commit_hears_the_same_again_and_one_killed_after_it_does_not(
    desk: Desk,
) -> None:
    desk.say(1)
    page = await desk.source().fetch(None)
    assert [post.native_id for post in await posts_of(desk.source())] == ["-1001234567890_1"]
    desk.say(2)
    assert [post.native_id for post in await posts_of(desk.source(), page.cursor)] == ["-1001234567890_2"]


async def test_a_hundred_come_at_a_time_and_all_come(desk: Desk) -> None:
    for number in range(1, 251):
        desk.say(number)
    source, cursor, sizes = desk.source(), None, []
    for _ in range(3):
        page = await source.fetch(cursor)
        sizes.append(len(page.records))
        cursor = page.cursor
        await source.committed(cursor)
    assert sizes == [100, 100, 50]


async def test_a_question_stays_open_while_nothing_happens_and_tells_what_does(desk: Desk) -> None:
    desk.telegram.patience = 50
    source = BotSource(desk.source()._config, client=desk.client, clock=desk.clock, idle_wait=0.1)
    desk.made.append(source)
    empty = await source.fetch(None)
    assert (empty.records, empty.wait) == ([], 0)
    await source.fetch(empty.cursor)
    desk.say(1)
    found: list[Post] = []
    for _ in range(100):
        found += await posts_of(source, empty.cursor)
        if found:
            break
    assert [post.native_id for post in found] == ["-1001234567890_1"]
    assert len(desk.offsets()) == 1, "one question was open all the time"


async def test_an_answer_that_is_too_large_is_asked_for_in_smaller_parts(desk: Desk) -> None:
    for number in range(1, 31):
        desk.say(number)
    real = desk.telegram.server

    def answer(asked: Asked) -> Told:
        if asked.path.endswith("getUpdates") and int(asked.query["limit"]) > 20:
            return Told(200, b'{"ok":true,"result":["' + b"x" * 11_000_000)
        return real._told(asked)

    real.override = answer
    source, cursor = desk.source(), None
    sizes: list[int] = []
    while sum(sizes) < 30:
        page = await source.fetch(cursor)
        sizes += [len(page.records)] if page.records else []
        cursor = page.cursor
        await source.committed(cursor)
    assert sizes == [12, 12, 6], "from 100 down to 12, then up again, and not beyond what is taken"


async def test_after_a_quiet_week_telegram_may_begin_at_another_number(desk: Desk) -> None:
    source = desk.source()
    desk.say(1)
    page = await source.fetch(None)
    await source.committed(page.cursor)
    desk.clock.advance(7 * 86_400)
    desk.telegram.updates.clear()
    desk.telegram.numbers = 3
    desk.say(2)
    assert [post.native_id for post in await posts_of(source, page.cursor)] == ["-1001234567890_2"]
    assert desk.offsets()[-1] is None


REFUSALS = [
    (error(429, "Too Many Requests: retry after 31", retry_after=31), RetryLater, "come back later"),
    (error(401, "Unauthorized"), SourceStopped, "@BotFather"),
    (error(404, "Not Found"), SourceMisconfigured, "knows no such bot"),
    (Told(404, b"<h1>nginx</h1>"), SourceMisconfigured, "knows no such bot"),
    (error(400, "Bad Request: no"), SourceStopped, "Bad Request: no"),
    (error(403, "Forbidden: bot was blocked"), SourceStopped, "Forbidden"),
    (error(500, "Internal Server Error"), RetryLater, "fails for now"),
    (error(502, "Bad Gateway"), RetryLater, "fails for now"),
    (Told(200, b"<html>"), RetryLater, "not the Bot API's format"),
    (Told(200, b'{"ok": true, "result": [1]}'), RetryLater, "not the Bot API's format"),
    (Told(200, b'{"ok": true, "result": {"id": "x"}}'), RetryLater, "not its own format"),
]


@pytest.mark.parametrize(("told", "order", "words"), REFUSALS)
async def test_every_refusal_has_its_order(desk: Desk, told: Told, order: type[SourceError], words: str) -> None:
    desk.telegram.server.misbehave(told)
    source = desk.source()
    for call in (source.check(), source.fetch(None)):
        with pytest.raises(order) as caught:
            await call
        assert words in str(caught.value) or "asked us to wait" in str(caught.value)
        assert TOKEN not in str(caught.value)


async def test_the_pause_that_telegram_asks_for_is_kept_to_the_second(desk: Desk) -> None:
    source = desk.source()
    desk.telegram.server.misbehave(error(429, "Too Many Requests: retry after 31", retry_after=31))
    with pytest.raises(RetryLater) as busy:
        await source.fetch(None)
    assert busy.value.after == 31
    desk.telegram.server.misbehave(None)
    asked = len(desk.telegram.server.asked)
    desk.clock.advance(30)
    with pytest.raises(RetryLater) as still:
        await source.fetch(None)
    assert (still.value.after, len(desk.telegram.server.asked)) == (1, asked)
    desk.clock.advance(1)
    await source.fetch(None)


async def test_a_webhook_and_another_program_are_told_apart(desk: Desk) -> None:
    desk.telegram.hook = "https://elsewhere.example"
    source = desk.source()
    with pytest.raises(SourceStopped, match="a webhook is set for this bot"):
        await source.fetch(None)
    with pytest.raises(SourceStopped, match="a webhook is set for this bot"):
        await source.check()
    desk.telegram.hook, desk.telegram.rival = "", True
    with pytest.raises(SourceStopped, match="another program asks for this bot's updates"):
        await source.fetch(None)


async def test_only_wanted_chats_are_heard_and_private_messages_always(desk: Desk) -> None:
    desk.say(1)
    desk.telegram.happen("message", said(GROUP, 2, NOON, "in the group"))
    desk.telegram.happen("message", said(PRIVATE, 3, NOON, "to the bot"))
    found = await posts_of(desk.source(chats=["@Flyers"]))
    assert [post.text for post in found] == ["in the group", "to the bot"]


async def test_a_wanted_channel_brings_its_discussion_group(desk: Desk) -> None:
    desk.telegram.happen("message", said(DISCUSSION, 9, NOON, "in the chat"))
    desk.telegram.happen("message", said(GROUP, 2, NOON, "elsewhere"))
    assert [post.text for post in await posts_of(desk.source(chats=["@citytalk"]))] == ["in the chat"]


async def test_a_group_that_became_a_supergroup_is_followed(desk: Desk) -> None:
    desk.telegram.moved[-4001] = GROUP["id"]
    desk.telegram.happen("message", said(GROUP, 2, NOON, "after the move"))
    assert [post.text for post in await posts_of(desk.source(chats=[-4001]))] == ["after the move"]


async def test_a_group_that_becomes_a_supergroup_while_we_listen_is_followed(desk: Desk) -> None:
    old = {"id": -4001, "type": "group", "title": "Flyers"}
    desk.telegram.chats[-4001] = old
    desk.telegram.happen("message", said(old, 1, NOON, "before"))
    desk.telegram.happen("message", said(old, 2, NOON, migrate_to_chat_id=GROUP["id"]))
    desk.telegram.happen("message", said(GROUP, 1, NOON, "after"))
    found = await posts_of(desk.source(chats=[-4001]))
    assert [(post.native_id, post.text) for post in found] == [("-4001_1", "before"), ("-1001600000002_1", "after")]


async def test_a_chat_that_the_bot_does_not_see_is_told_once(desk: Desk) -> None:
    source = desk.source(chats=["@nowhere", "@flyers"])
    desk.say(1)
    first = await source.fetch(None)
    (trouble,) = first.troubles
    assert trouble == "the bot does not see @nowhere (Bad Request: chat not found): add it there"
    await source.committed(first.cursor)
    assert (await source.fetch(first.cursor)).troubles == []


async def test_being_removed_is_a_trouble(desk: Desk) -> None:
    member = {"user": {"id": 700_001, "is_bot": True, "first_name": "b"}, "status": "kicked", "until_date": 0}
    desk.telegram.happen("my_chat_member", {"chat": GROUP, "new_chat_member": member})
    assert (await desk.source().fetch(None)).troubles == [
        "the bot was removed from @flyers: nothing is heard from there any more"
    ]


async def test_followers_and_the_linked_channel_are_asked_for_once_a_day(desk: Desk) -> None:
    source = desk.source()
    desk.say(1)
    desk.telegram.happen("message", said(DISCUSSION, 9, NOON, "in the chat"))
    page = await source.fetch(None)
    post, comment = (record.post for record in page.records)
    assert (post.author.followers, comment.addressed) == (5_200, "telegram:citytalk")
    await source.committed(page.cursor)
    desk.say(2)
    desk.telegram.members[CHANNEL["id"]] = 6_000
    page = await source.fetch(page.cursor)
    assert page.records[0].post.author.followers == 5_200
    await source.committed(page.cursor)
    desk.clock.advance(90_000)
    desk.say(3)
    assert (await source.fetch(page.cursor)).records[0].post.author.followers == 6_000
    assert len(desk.telegram.asked_for("getChatMemberCount")) == 2


async def test_posts_do_not_wait_for_what_cannot_be_found_out(desk: Desk) -> None:
    desk.say(1)
    real = desk.telegram.server
    real.override = lambda asked: (
        error(500, "Internal Server Error") if asked.path.endswith("getChatMemberCount") else real._told(asked)
    )
    (post,) = await posts_of(desk.source())
    assert post.author.followers is None


async def test_reactions_refresh_the_likes_of_a_remembered_post(desk: Desk) -> None:
    source = desk.source()
    desk.say(1)
    counts = [
        {"type": {"type": "emoji", "emoji": "👍"}, "total_count": 12},
        {"type": {"type": "paid"}, "total_count": 3},
    ]
    told = {"chat": CHANNEL, "date": int(NOON.timestamp()), "reactions": counts}
    desk.telegram.happen("message_reaction_count", {**told, "message_id": 1})
    desk.telegram.happen("message_reaction_count", {**told, "message_id": 99})
    desk.telegram.happen(
        "edited_channel_post", said(CHANNEL, 1, NOON, "On time", edit_date=int(NOON.timestamp()) + 60)
    )
    found = await posts_of(source)
    assert [(post.native_id, post.text, post.engagement.likes) for post in found] == [
        ("-1001234567890_1", "Aurora Air is late", None),
        ("-1001234567890_1", "Aurora Air is late", 15),
        ("-1001234567890_1", "On time", 15),
    ]
    assert found[0].version == found[1].version != found[2].version


async def test_a_thread_is_heard_as_one(desk: Desk) -> None:
    post = said(CHANNEL, 7, NOON, "Aurora Air is late")
    copy = mirror(post, 301, DISCUSSION)
    desk.telegram.happen("channel_post", post)
    desk.telegram.happen("message", copy)
    desk.telegram.happen("message", said(DISCUSSION, 302, NOON, "Why?", reply_to_message=copy, message_thread_id=301))
    answered = said(DISCUSSION, 302, NOON, "Why?")
    reply = said(DISCUSSION, 303, NOON, "Fog", reply_to_message=answered, message_thread_id=301, sender_chat=CHANNEL)
    desk.telegram.happen("message", reply)
    found = await posts_of(desk.source())
    assert [(post.native_id, post.reply_to, post.addressed) for post in found] == [
        ("-1001234567890_7", "", ""),
        ("-1001700000001_302", "-1001234567890_7", "telegram:citytalk"),
        ("-1001700000001_303", "-1001700000001_302", ""),
    ]


async def test_check_says_who_the_bot_is_and_what_it_may_hear(desk: Desk) -> None:
    said_first = await desk.source(chats=["@nowhere"]).check()
    assert "bot @AuroraAirBot answers" in said_first
    assert "privacy mode is on" in said_first
    assert "does not see @nowhere" in said_first


@pytest.mark.parametrize("number", [None, "9", True, -1, 2**70])
async def test_updates_without_usable_numbers_are_no_answer(desk: Desk, number: Any) -> None:
    desk.telegram.server.override = lambda asked: (
        result([{"update_id": number, "channel_post": said(CHANNEL, 1, NOON, "late")}])
        if asked.path.endswith("getUpdates")
        else desk.telegram.server._told(asked)
    )
    with pytest.raises(RetryLater, match="have no numbers"):
        await desk.source().fetch(None)


async def test_a_dead_letter_that_has_become_readable_is_a_post(desk: Desk) -> None:
    update = {"update_id": 1, "channel_post": said(CHANNEL, 1, NOON, "late")}
    letter = DeadLetter(
        source="tg", stage="parse", reason="bad_update", detail="?", where="update 1", at=NOON,
        raw=json.dumps(update).encode(),
    )  # fmt: skip
    read = desk.source().reread(letter)
    assert isinstance(read, Record)
    assert (read.post.native_id, read.post.text) == ("-1001234567890_1", "late")
    broken = desk.source().reread(replace(letter, raw=b"{"))
    assert isinstance(broken, DeadLetter)


async def test_a_dead_letter_is_read_again(desk: Desk) -> None:
    desk.telegram.happen("message", said(GROUP, 1, NOON, "x") | {"chat": None})
    source = desk.source()
    (letter,) = (await source.fetch(None)).dead_letters
    assert source.reread(letter) == letter
