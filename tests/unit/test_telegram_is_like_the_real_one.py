"""The scripted Bot API against python-telegram-bot: its models read every answer whole, its client talks to it."""

from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from inspect import signature
from typing import Any

import pytest
import telegram
from telegram.error import BadRequest, ChatMigrated, Conflict, InvalidToken, NetworkError, RetryAfter

from ingest.telegram.api import BotApi
from ingest.telegram.config import Config
from ingest.telegram.parse import ALLOWED
from tests.kit.cases_telegram import FAILURES, TOKEN, populate
from tests.kit.ingest import NOON, SECRET, Clock, polite_client
from tests.networks.telegram import (
    CHANNEL,
    DISCUSSION,
    GROUP,
    INNA,
    ScriptedTelegram,
    forwarded_from,
    mirror,
    said,
    scripted_telegram,
)

OLD_GROUP = -4_001


@pytest.fixture
async def scripted() -> AsyncIterator[ScriptedTelegram]:
    async with scripted_telegram(TOKEN, Clock()) as found:
        yield found


@pytest.fixture
async def bot(scripted: ScriptedTelegram) -> AsyncIterator[telegram.Bot]:
    async with telegram.Bot(TOKEN, base_url=f"{scripted.server.url}/bot") as found:
        yield found


def unknown(found: Any, where: str = "update") -> Iterator[str]:
    """The fields that the models do not know, however deep."""
    if isinstance(found, telegram.TelegramObject):
        yield from (f"{where}.{name}" for name in found.api_kwargs)
        for name in found._get_attrs(include_private=False):
            yield from unknown(getattr(found, name), f"{where}.{name}")
    elif isinstance(found, list | tuple):
        for one in found:
            yield from unknown(one, where)


def holds(whole: Any, part: Any) -> bool:
    """Whether all of `part` is in `whole` as it was; the models add what is false."""
    if isinstance(part, dict):
        return all(name in whole and holds(whole[name], value) for name, value in part.items())
    if isinstance(part, list):
        return len(whole) == len(part) and all(map(holds, whole, part))
    return bool(whole == part)


def happened() -> list[dict[str, Any]]:
    """Everything that the tests let happen."""
    post = said(CHANNEL, 7, NOON, "Aurora Air is late", author_signature="Inna", edit_date=int(NOON.timestamp()) + 9)
    copy = mirror(post, 301, DISCUSSION)
    entity = {"type": "bot_command", "offset": 0, "length": 6}
    member = {"user": {**INNA, "id": 700_001}, "status": "kicked", "until_date": 0}
    poll = {
        "id": "1", "question": "Fly again?", "total_voter_count": 0, "is_closed": False, "is_anonymous": True,
        "type": "regular", "allows_multiple_answers": False, "allows_revoting": True, "members_only": False,
        "options": [{"text": one, "voter_count": 0, "persistent_id": one} for one in ("yes", "no")],
    }  # fmt: skip
    messages = [
        copy,
        said(DISCUSSION, 302, NOON, "Same here", reply_to_message=copy, message_thread_id=301),
        said(GROUP, 5, NOON, "/start", entities=[entity]),
        said(GROUP, 6, NOON, "see", forward_origin=forwarded_from(CHANNEL, 7, NOON)),
        said(GROUP, 7, NOON, "hidden", forward_origin={
            "type": "hidden_user", "date": 1_790_000_000, "sender_user_name": "Somebody",
        }),
        said(GROUP, 8, NOON, "as the channel", sender_chat=CHANNEL),
        said(GROUP, 9, NOON, caption="a picture", media_group_id="9"),
        said(GROUP, 10, NOON, poll=poll),
        said(GROUP, 11, NOON, "there", external_reply={
            "origin": forwarded_from(CHANNEL, 7, NOON), "chat": CHANNEL, "message_id": 7,
        }),
        said({"id": OLD_GROUP, "type": "group", "title": "Old"}, 12, NOON, migrate_to_chat_id=GROUP["id"]),
    ]  # fmt: skip
    updates = [{"message": one} for one in messages]
    updates += [{"channel_post": post}, {"edited_channel_post": post}, {"edited_message": messages[1]}]
    updates.append({"message_reaction_count": {
        "chat": CHANNEL, "message_id": 7, "date": 1_790_000_000,
        "reactions": [{"type": {"type": "emoji", "emoji": "👍"}, "total_count": 12}],
    }})  # fmt: skip
    updates.append({"my_chat_member": {
        "chat": GROUP, "from": INNA, "date": 1_790_000_000, "new_chat_member": member,
        "old_chat_member": {"user": member["user"], "status": "member"},
    }})  # fmt: skip
    return [{"update_id": number, **update} for number, update in enumerate(updates, 1)]


@pytest.mark.parametrize("update", happened(), ids=lambda one: f"{one['update_id']}-{min(one)}")
def test_an_update_is_one_that_the_models_know_to_the_last_field(update: dict[str, Any]) -> None:
    read = telegram.Update.de_json(update, bot=None)
    assert list(unknown(read)) == []
    assert read is not None
    assert holds(read.to_dict(), update)


async def test_what_waits_comes_to_a_client_that_is_not_ours(scripted: ScriptedTelegram, bot: telegram.Bot) -> None:
    populate(scripted)
    readable = {update["update_id"] for update in scripted.waiting()[:-2]}
    scripted.updates = scripted.updates[:-2]
    updates: list[telegram.Update] = []
    offset = 0
    while found := await bot.get_updates(offset=offset, allowed_updates=ALLOWED):
        updates += found
        offset = found[-1].update_id + 1
    assert {update.update_id for update in updates} == readable
    assert [text for update in updates for text in unknown(update)] == []
    assert not scripted.waiting(), "asking after the last confirms all"


async def test_what_is_told_about_bot_chats_and_webhook_is_whole(
    scripted: ScriptedTelegram, bot: telegram.Bot
) -> None:
    group, channel = await bot.get_chat(DISCUSSION["id"]), await bot.get_chat("@citytalk")
    told = [group, channel, await bot.get_me(), await bot.get_webhook_info()]
    assert [name for one in told for name in unknown(one)] == []
    assert (group.linked_chat_id, channel.id) == (CHANNEL["id"], CHANNEL["id"])
    assert await bot.get_chat_member_count(CHANNEL["id"]) == 5_200
    assert await bot.set_webhook("https://tocsin.example/webhooks/tg", secret_token=SECRET, allowed_updates=ALLOWED)
    assert (scripted.hook, scripted.hook_secret) == ("https://tocsin.example/webhooks/tg", SECRET)


async def test_its_refusals_are_the_errors_of_the_real_one(
    scripted: ScriptedTelegram, bot: telegram.Bot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PTB_TIMEDELTA", "true")
    scripted.moved[OLD_GROUP] = GROUP["id"]
    with pytest.raises(ChatMigrated) as moved:
        await bot.get_chat(OLD_GROUP)
    assert moved.value.new_chat_id == GROUP["id"]
    with pytest.raises(BadRequest, match=r"(?i)chat not found"):
        await bot.get_chat(-77)
    with pytest.raises(BadRequest, match=r"(?i)https url"):
        await bot.set_webhook("http://tocsin.example")
    scripted.rival = True
    with pytest.raises(Conflict, match="other getUpdates"):
        await bot.get_updates()
    scripted.rival, scripted.hook = False, "https://elsewhere.example"
    with pytest.raises(Conflict, match="webhook is active"):
        await bot.get_updates()
    scripted.revoked = True
    with pytest.raises(InvalidToken):
        await bot.get_me()
    scripted.server.misbehave(FAILURES["busy"])
    with pytest.raises(RetryAfter) as busy:
        await bot.get_me()
    assert busy.value.retry_after == timedelta(seconds=7)
    scripted.server.misbehave(FAILURES["down"])
    with pytest.raises(NetworkError):
        await bot.get_me()


async def test_we_ask_only_what_its_methods_take(scripted: ScriptedTelegram) -> None:
    clock = Clock()
    config = Config.model_validate({"kind": "telegram", "token": TOKEN, "api": scripted.server.url})
    async with polite_client(clock) as client:
        api = BotApi(config, client=client, clock=clock)
        scripted.happen("message", said(GROUP, 1, NOON, "hello"))
        await api.updates(offset=1, limit=100, seconds=1)
        await api.set_webhook("https://tocsin.example/webhooks/tg", SECRET)
        await api.me()
        await api.webhook()
        await api.chat(GROUP["id"])
        await api.members(GROUP["id"])
    methods: dict[str, Any] = {
        "getUpdates": telegram.Bot.get_updates, "setWebhook": telegram.Bot.set_webhook, "getMe": telegram.Bot.get_me,
        "getWebhookInfo": telegram.Bot.get_webhook_info, "getChat": telegram.Bot.get_chat,
        "getChatMemberCount": telegram.Bot.get_chat_member_count,
    }  # fmt: skip
    asked = dict(scripted.asked)
    assert asked.keys() == methods.keys()
    for name, parameters in asked.items():
        assert parameters.keys() <= signature(methods[name]).parameters.keys()


def test_we_ask_for_kinds_of_updates_that_there_are() -> None:
    assert set(ALLOWED) <= set(telegram.Update.ALL_TYPES)
