"""What stands between us and Telethon: TL objects as dicts, errors as orders, and no Telethon at all."""

import socket
import subprocess
import sys
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from telethon import errors, types  # type: ignore[import-untyped]
from telethon.crypto import AuthKey  # type: ignore[import-untyped]
from telethon.sessions import StringSession  # type: ignore[import-untyped]

from domain.dead_letter import DeadLetter
from domain.errors import RetryLater, SourceMisconfigured, SourceStopped
from domain.post import Post, Record
from ingest.telegram import build
from ingest.telegram.config import Config
from ingest.telegram.loose import write_json
from ingest.telegram.mtproto import Place, Unreachable, open_connection
from ingest.telegram.parse import Room, User, read_message, read_update
from ingest.telegram.tl import Reader
from ingest.telegram.with_telethon import connect, orders, raw_of
from tests.kit.cases_telegram import READING_CONFIG
from tests.kit.docs import ROOT
from tests.kit.ingest import NOON, SECRET, Clock, polite_client
from tests.networks.telegram import CHANNEL, DISCUSSION, GROUP, forwarded_from, mirror, said
from tests.networks.telegram_mtproto import CHAT, CITY, FLYERS, INNA, Telegram, answer, channel, message
from tests.networks.telegram_mtproto import mirror as tl_mirror

PLACE = Place(
    CITY, 1, title="City talk", username="CityTalk", broadcast=True, size=5_200,
    linked_id=CHAT, linked_hash=1, linked_title="City talk, the chat",
)  # fmt: skip
FLYERS_PLACE = Place(FLYERS, 1, title="Flyers", username="flyers")


def by(found: Any, sender: Any) -> Any:
    """A message whose author came with it, as Telethon's client gives it."""
    found._sender = sender
    return found


def read_tl(found: Any, *, place: Place = PLACE, roots: dict[str, int] | None = None) -> Post:
    record = Reader(place, roots or {}, source="tg", clock=Clock()).read(raw_of(found))
    assert isinstance(record, Record)
    return record.post


def read_bot(found: dict[str, Any], *, room: Room = Room()) -> Post:  # noqa: B008  # frozen
    update = read_update({"update_id": 1, "message": found}, source="tg", at=NOON)
    assert not isinstance(update, DeadLetter)
    record = read_message(update, write_json(found), room=room, bot=User(1), source="tg", at=NOON)
    assert isinstance(record, Record)
    return record.post


def test_a_message_becomes_a_dict_that_json_holds_without_what_is_private() -> None:
    media = types.MessageMediaPhoto(photo=types.Photo(1, 2, b"\xff\xfe", NOON, [], 1))
    found = by(message(FLYERS, 7, "late", NOON, media=media), INNA)
    raw = raw_of(found)
    assert msgspec.json.decode(msgspec.json.encode(raw)) == raw
    assert raw["message"]["date"] == "2026-11-20T12:00:00+00:00"
    assert raw["message"]["media"]["photo"]["file_reference"] == "//4="
    assert "phone" not in raw["sender"]
    assert raw_of(message(FLYERS, 7, "late"))["sender"] is None


def test_of_several_names_the_first_that_is_in_use_counts() -> None:
    names = [types.Username("old", active=False), types.Username("inna_now", active=True)]
    named = types.User(id=41, first_name="Inna", usernames=names)
    assert raw_of(by(message(FLYERS, 7, "late"), named))["sender"]["username"] == "inna_now"


SAME = [
    (
        said(CHANNEL, 7, NOON, "Aurora Air is late", edit_date=int(NOON.timestamp()) + 60),
        message(CITY, 7, "Aurora Air is late", NOON, post=True, edit_date=NOON + timedelta(minutes=1)),
        PLACE, Room(size=5_200),
    ),
    (
        said(CHANNEL, 8, NOON, "see", forward_origin=forwarded_from(GROUP, 3, NOON)),
        message(CITY, 8, "see", NOON, post=True, fwd_from=types.MessageFwdHeader(
            date=NOON, from_id=types.PeerChannel(FLYERS), channel_post=3,
        )),
        PLACE, Room(size=5_200),
    ),
    (
        said(DISCUSSION, 302, NOON, "Why? \U0001f600", message_thread_id=301, reply_to_message=mirror(
            said(CHANNEL, 7, NOON, "x"), 301, DISCUSSION,
        )),
        by(message(CHAT, 302, "Why? \U0001f600", NOON, reply_to=answer(301)), INNA),
        PLACE, Room(),
    ),
    (
        said(DISCUSSION, 304, NOON, "Fog", message_thread_id=301, sender_chat=CHANNEL, reply_to_message=mirror(
            said(CHANNEL, 7, NOON, "x"), 301, DISCUSSION,
        )),
        message(CHAT, 304, "Fog", NOON, reply_to=answer(301), from_id=types.PeerChannel(CITY)),
        PLACE, Room(),
    ),
    (
        said(GROUP, 5, NOON, "<b>late</b>", reply_to_message=said(GROUP, 4, NOON, "x")),
        by(message(FLYERS, 5, "<b>late</b>", NOON, reply_to=answer(4)), INNA),
        FLYERS_PLACE, Room(),
    ),
    (
        said(GROUP, 6, NOON, caption="a picture"),
        by(message(FLYERS, 6, "a picture", NOON, media=types.MessageMediaPhoto()), INNA),
        FLYERS_PLACE, Room(),
    ),
]  # fmt: skip


@pytest.mark.parametrize(("told", "found", "place", "room"), SAME)
def test_a_bot_and_an_account_hear_the_same_post(told: dict[str, Any], found: Any, place: Place, room: Room) -> None:
    one, other = read_bot(told, room=room), read_tl(found, place=place, roots={"301": 7})
    same = (
        "native_id", "version", "text", "kind", "created_at", "edited_at", "reply_to", "repost_of", "addressed",
        "url", "author", "account",
    )  # fmt: skip
    assert {name: getattr(one, name) for name in same} == {name: getattr(other, name) for name in same}


def test_the_channel_s_post_in_its_own_discussion_group_is_not_counted_twice() -> None:
    post = message(CITY, 7, "late", NOON, post=True)
    assert Reader(PLACE, {}, source="tg", clock=Clock()).read(raw_of(tl_mirror(post, 301, CHAT))) is None


@pytest.mark.parametrize(
    "raw",
    [
        {},
        {"message": 7},
        {"message": {"_": "Message", "id": 1}},
        {"message": {"_": "Message", "id": "1", "peer_id": {}, "date": "2026-11-20T12:00:00+00:00"}},
        {"message": {"_": "Message", "id": 1, "peer_id": {}, "date": "yesterday"}},
    ],
)
def test_what_cannot_be_read_is_a_dead_letter(raw: dict[str, Any]) -> None:
    letter = Reader(PLACE, {}, source="tg", clock=Clock()).read(raw)
    assert isinstance(letter, DeadLetter)
    assert (letter.reason, letter.raw) == ("bad_message", write_json(raw))


ORDERS: list[tuple[Any, Any, str, float | None]] = [
    (errors.FloodWaitError(None, capture=43_210), RetryLater, "wait 43210 s", 43_210),
    (errors.FloodPremiumWaitError(None, capture=3), RetryLater, "wait 3 s", 3),
    (errors.SlowModeWaitError(None, capture=5), RetryLater, "wait 5 s", 5),
    (errors.AuthKeyUnregisteredError(None), SourceStopped, "AuthKeyUnregisteredError", None),
    (errors.SessionRevokedError(None), SourceStopped, "SessionRevokedError", None),
    (errors.ApiIdInvalidError(None), SourceMisconfigured, "`api_id`", None),
    (errors.ChannelPrivateError(None), Unreachable, "it is private", None),
    (errors.ChatAdminRequiredError(None), Unreachable, "closed to this account", None),
    (errors.ChatForbiddenError(None), Unreachable, "closed to this account", None),
    (errors.UsernameNotOccupiedError(None), Unreachable, "nobody has this name", None),
    (errors.UsernameInvalidError(None), Unreachable, "nobody has this name", None),
    (errors.ChannelInvalidError(None), Unreachable, "Telegram does not know it", None),
    (errors.MsgIdInvalidError(None), Unreachable, "Telegram refuses", None),
    (errors.RpcCallFailError(None), RetryLater, "fails for now", None),
    (errors.TypeNotFoundError(7, b""), RetryLater, "fails for now", None),
    (ConnectionError("no route"), RetryLater, "fails for now", None),
]


@pytest.mark.parametrize(("error", "order", "words", "after"), ORDERS, ids=lambda one: type(one).__name__)
def test_every_error_of_telethon_is_an_order(error: Exception, order: Any, words: str, after: float | None) -> None:
    with pytest.raises(order, match=words) as caught, orders():
        raise error
    assert getattr(caught.value, "after", None) == after
    assert getattr(caught.value, "stale", False) is isinstance(error, errors.ChannelInvalidError)


async def test_a_channel_is_found_and_described() -> None:
    telegram = Telegram()
    telegram.add(channel(CHAT, "City talk, the chat", "talkchat", broadcast=False))
    telegram.add(channel(CITY, "City talk", "CityTalk", broadcast=True), members=5_200, linked=CHAT)
    connection = await telegram.connect()
    found = await connection.find("citytalk")
    assert found == Place(CITY, CITY * 7, title="City talk", username="CityTalk", broadcast=True)
    told = await connection.describe(found)
    assert (told.size, told.linked_id, told.linked_hash) == (5_200, CHAT, CHAT * 7)
    assert (told.linked_title, told.linked_username) == ("City talk, the chat", "talkchat")


async def test_a_session_that_is_none_is_the_settings_fault_and_is_not_repeated() -> None:
    with pytest.raises(SourceMisconfigured, match="is not a session string") as caught:
        await connect(Config.model_validate(READING_CONFIG))
    assert SECRET not in f"{caught.value!r}{caught.value.__cause__!r}"


async def test_where_telegram_cannot_be_reached_it_is_tried_again() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    session = StringSession()
    session.set_dc(2, "127.0.0.1", port)
    session.auth_key = AuthKey(bytes(range(256)))
    config = Config.model_validate({**READING_CONFIG, "session": session.save()})
    with pytest.raises(RetryLater, match="fails for now"):
        await connect(config)


async def test_without_telethon_the_sentence_holds_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "ingest.telegram.with_telethon")
    monkeypatch.setitem(sys.modules, "telethon", None)
    with pytest.raises(SourceMisconfigured, match=r"pip install 'tocsin\[telegram\]'"):
        await open_connection(Config.model_validate(READING_CONFIG))


def test_the_other_ways_need_no_telethon() -> None:
    program = (
        "import sys; sys.modules['telethon'] = None\n"
        "from ingest.http import HttpTransport, PoliteClient\n"
        "from ingest.telegram import Config, build\n"
        "client = PoliteClient(HttpTransport(), clock=None)\n"
        "print(build(Config(kind='telegram', token='1:a'), client=client, clock=None))"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT)
    assert ended.stdout.strip() == "BotSource(name='telegram')"


async def test_each_way_has_its_source() -> None:
    clock = Clock()
    async with polite_client(clock) as client:
        made = [
            repr(build(Config.model_validate({"kind": "telegram", **settings}), client=client, clock=clock))
            for settings in ({"token": "1:a"}, {"token": "1:a", "via": "webhook", "secret": "s"}, READING_CONFIG)
        ]
    assert made == ["BotSource(name='telegram')", "PushedSource(name='telegram')", "ChannelsSource(name='tg')"]
