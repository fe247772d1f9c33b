"""Updates of the Bot API to posts: who, what, where, in answer to what."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.dead_letter import DeadLetter
from domain.post import Post, Record
from ingest.telegram.loose import read_json, write_json
from ingest.telegram.parse import Room, User, read_message, read_update
from tests.kit.ingest import HTML_BOMB, NOON
from tests.networks.telegram import CHANNEL, DISCUSSION, GROUP, INNA, PRIVATE, forwarded_from, mirror, said

BOT = User(700_001, is_bot=True, username="AuroraAirBot")
POST = said(CHANNEL, 7, NOON, "Aurora Air is late")
COPY = mirror(POST, 301, DISCUSSION)
LINKED = Room(channel=CHANNEL["id"], account="telegram:citytalk")


def read(message: dict[str, Any], *, kind: str = "message", room: Room = Room()) -> Record | DeadLetter | None:  # noqa: B008  # frozen
    update = read_update({"update_id": 9, kind: message}, source="tg", at=NOON)
    if isinstance(update, DeadLetter):
        return update
    return read_message(update, write_json(message), room=room, bot=BOT, source="tg", at=NOON)


def post_of(message: dict[str, Any], *, kind: str = "message", room: Room = Room()) -> Post:  # noqa: B008  # frozen
    found = read(message, kind=kind, room=room)
    assert isinstance(found, Record)
    return found.post


def test_a_channel_s_post_is_the_channel_s_with_its_size_and_permalink() -> None:
    post = post_of({**POST, "author_signature": "Inna"}, kind="channel_post", room=Room(size=5_200))
    assert (post.network, post.native_id, post.kind) == ("telegram", "-1001234567890_7", "post")
    assert (post.text, post.created_at, post.edited_at) == ("Aurora Air is late", NOON, None)
    assert post.url == "https://t.me/CityTalk/7"
    assert (post.author.name, post.author.id, post.author.followers) == ("City talk", "-1001234567890", 5_200)
    assert (post.account, post.addressed, post.reply_to) == ("telegram:citytalk", "", "")
    assert post.engagement.likes is None, "the Bot API tells no counters, and absent is not zero"


def test_a_post_without_a_public_name_has_the_private_permalink() -> None:
    channel = {name: value for name, value in CHANNEL.items() if name != "username"}
    post = post_of(said(channel, 7, NOON, "late"), kind="channel_post")
    assert (post.url, post.account) == ("https://t.me/c/1234567890/7", "telegram:-1001234567890")


def test_a_comment_answers_the_channel_s_post_and_is_written_to_the_channel() -> None:
    post = post_of(said(DISCUSSION, 302, NOON, "Same here", reply_to_message=COPY, message_thread_id=301))
    assert (post.native_id, post.kind) == ("-1001700000001_302", "comment")
    assert post.reply_to == "-1001234567890_7"
    assert post.addressed == "telegram:citytalk"
    assert post.url == "https://t.me/CityTalk/7?comment=302"
    assert (post.account, post.author.name, post.author.bot) == ("telegram:inna_b", "Inna B.", False)


def test_an_answer_to_a_comment_answers_that_and_is_still_written_to_the_channel() -> None:
    comment = said(DISCUSSION, 302, NOON, "Same here")
    answer = said(DISCUSSION, 305, NOON, "Me too", reply_to_message=comment, message_thread_id=301)
    post = post_of(answer, room=LINKED)
    assert (post.reply_to, post.addressed) == ("-1001700000001_302", "telegram:citytalk")
    assert post.url == "https://t.me/c/1700000001/305?thread=301"


@pytest.mark.parametrize("sender", [CHANNEL, DISCUSSION])
def test_what_the_channel_answers_itself_is_not_written_to_it(sender: dict[str, Any]) -> None:
    post = post_of(
        said(DISCUSSION, 303, NOON, "We are on it", reply_to_message=COPY, sender_chat=sender), room=LINKED
    )
    assert (post.author.id, post.addressed, post.reply_to) == (str(sender["id"]), "", "-1001234567890_7")


def test_the_channel_s_post_in_its_own_discussion_group_is_not_counted_twice() -> None:
    assert read(COPY) is None


def test_a_private_message_is_written_to_the_bot() -> None:
    post = post_of(said(PRIVATE, 3, NOON, "Where is my bag?"))
    assert (post.kind, post.addressed, post.url) == ("message", "telegram:auroraairbot", "")
    assert post.native_id == "41_3"


@pytest.mark.parametrize(
    ("origin", "repost_of"),
    [
        (forwarded_from(CHANNEL, 7, NOON), "-1001234567890_7"),
        ({"type": "user", "date": 1, "sender_user": INNA}, ""),
        ({"type": "hidden_user", "date": 1, "sender_user_name": "Somebody"}, ""),
        ({"type": "chat", "date": 1, "sender_chat": GROUP}, ""),
    ],
)
def test_a_forwarded_message_is_a_repost_of_what_has_an_address(origin: dict[str, Any], repost_of: str) -> None:
    post = post_of(said(GROUP, 6, NOON, "see", forward_origin=origin))
    assert (post.kind, post.repost_of) == ("repost", repost_of)


def test_an_answer_to_another_chat_names_what_it_answers() -> None:
    elsewhere = {"origin": forwarded_from(CHANNEL, 7, NOON), "chat": CHANNEL, "message_id": 7}
    assert post_of(said(GROUP, 6, NOON, "look", external_reply=elsewhere)).reply_to == "-1001234567890_7"


def test_the_first_message_of_a_topic_is_nothing_that_is_answered() -> None:
    topic = said(GROUP, 2, NOON) | {"forum_topic_created": {"name": "Lost bags", "icon_color": 1}}
    post = post_of(said(GROUP, 6, NOON, "hello", reply_to_message=topic, is_topic_message=True, message_thread_id=2))
    assert (post.kind, post.reply_to) == ("post", "")


def test_a_channel_that_answers_its_own_post_has_written_a_post() -> None:
    post = post_of(said(CHANNEL, 8, NOON, "Landed", reply_to_message=POST), kind="channel_post")
    assert (post.kind, post.reply_to) == ("post", "-1001234567890_7")


def test_pictures_speak_by_their_caption_and_polls_by_question_and_answers() -> None:
    assert post_of(said(GROUP, 6, NOON, caption="Gate 7, right now")).text == "Gate 7, right now"
    poll = {"question": "Fly again?", "options": [{"text": "yes"}, {"text": "never"}]}
    assert post_of(said(GROUP, 6, NOON, poll=poll)).text == "Fly again?\nyes\nnever"


@pytest.mark.parametrize(
    "message",
    [
        said(GROUP, 6, NOON) | {"new_chat_members": [INNA]},
        said(GROUP, 6, NOON) | {"photo": []},
        said(GROUP, 6, NOON, "   "),
        said(PRIVATE, 6, NOON, "/start", entities=[{"type": "bot_command", "offset": 0, "length": 6}]),
    ],
)
def test_what_has_no_words_is_passed_over(message: dict[str, Any]) -> None:
    assert read(message) is None


def test_entities_are_counted_in_utf_16() -> None:
    command = {"type": "bot_command", "offset": 0, "length": 4}
    assert read(said(PRIVATE, 6, NOON, "/\U0001f600a", entities=[command])) is None, "three characters are four units"
    assert post_of(said(PRIVATE, 6, NOON, "/\U0001f600ab", entities=[command])).text == "/\U0001f600ab"


def test_an_edit_is_a_new_version_and_a_changed_reaction_is_not() -> None:
    later = int(NOON.timestamp()) + 60
    edited = post_of({**POST, "text": "On time", "edit_date": later}, kind="edited_channel_post")
    assert edited.version != post_of(POST).version
    assert edited.edited_at == datetime.fromtimestamp(later, UTC)
    assert post_of({**POST, "edit_date": later}).version == post_of(POST).version


@pytest.mark.parametrize(
    "text", [HTML_BOMB, "I <3 b & c", "\u202ereversed\u2066", "nul \x00", "Ұшақ кешікті", "تأخرت الرحلة"]
)
def test_a_text_comes_as_it_was_typed(text: str) -> None:
    assert post_of(said(GROUP, 6, NOON, text)).text == text


def test_half_a_character_does_not_cost_the_rest() -> None:
    body = b'{"message_id": 6, "date": 1790000000, "chat": {"id": -5, "type": "group"}, "text": "late \\ud83d again"}'
    assert post_of(read_json(body)).text == "late ? again"


@pytest.mark.parametrize(
    ("update", "reason"),
    [
        (7, "bad_update"),
        ({"message": said(GROUP, 1, NOON, "x")}, "bad_update"),
        ({"update_id": "9", "message": said(GROUP, 1, NOON, "x")}, "bad_update"),
        ({"update_id": 9, "message": said(GROUP, 1, NOON, "x") | {"chat": None}}, "bad_update"),
        ({"update_id": 9, "message": said(GROUP, 1, NOON, "x") | {"text": ["x"]}}, "bad_update"),
        ({"update_id": 9, "message": said(GROUP, 1, NOON, "x") | {"date": 10**17}}, "bad_date"),
        ({"update_id": 9, "message": said(GROUP, 1, NOON, "x") | {"edit_date": 10**17}}, "bad_date"),
    ],
)
def test_what_cannot_be_read_is_a_dead_letter_that_says_why(update: Any, reason: str) -> None:
    found = read_update(update, source="tg", at=NOON)
    letter = (
        found
        if isinstance(found, DeadLetter)
        else read_message(found, b"{}", room=Room(), bot=BOT, source="tg", at=NOON)
    )
    assert isinstance(letter, DeadLetter)
    assert (letter.reason, letter.source, letter.stage) == (reason, "tg", "parse")
    assert letter.where.startswith("update")


FIELDS = ("update_id", "message", "chat", "id", "date", "text", "from", "poll", "reply_to_message", "type")
PLAIN = st.none() | st.booleans() | st.integers() | st.text()


@given(st.recursive(PLAIN, lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(FIELDS), inner)))
def test_nothing_that_is_sent_breaks_the_reader(found: Any) -> None:
    update = read_update(found, source="tg", at=NOON)
    if not isinstance(update, DeadLetter):
        read_message(update, b"{}", room=Room(), bot=BOT, source="tg", at=NOON)
