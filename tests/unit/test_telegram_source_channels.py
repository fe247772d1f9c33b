"""Channels and groups read by a person's account: threads, counters, edits, deletions, floods, and what is closed."""

from datetime import timedelta
from typing import Any

import msgspec
import pytest
from telethon import errors, functions, types  # type: ignore[import-untyped]

from domain.dead_letter import DeadLetter
from domain.errors import RetryLater, SourceError, SourceMisconfigured, SourceStopped
from tests.kit.ingest import NOON
from tests.networks.telegram_mtproto import (
    CHAT,
    CITY,
    CITY_POST,
    COMMENT,
    FLYERS,
    HOUR_AGO,
    Desk,
    answer,
    message,
)


async def test_a_channel_s_post_has_its_counters_and_its_size() -> None:
    desk = Desk()
    counts = [types.ReactionCount(types.ReactionEmoji(sign), count) for sign, count in (("👍", 9), ("👎", 4))]
    desk.post(7, views=120, forwards=3, reactions=types.MessageReactions(results=counts))
    (post,) = await desk.read()
    assert (post.native_id, post.url, post.kind) == (CITY_POST.format(7), "https://t.me/CityTalk/7", "post")
    assert (post.account, post.author.name, post.author.followers) == ("telegram:citytalk", "City talk", 5_200)
    told = post.engagement
    assert (told.views, told.reposts, told.likes, told.replies, told.as_of) == (120, 3, 13, None, NOON)


async def test_a_thread_is_read_with_who_answers_what_and_to_whom_it_is_written() -> None:
    desk = Desk()
    post = desk.post(7)
    desk.telegram.comment(post, 501, "Why?", HOUR_AGO)
    desk.telegram.comment(post, 502, "Me too", HOUR_AGO, reply_to=answer(501, top=7))
    desk.telegram.comment(post, 503, "Fog", HOUR_AGO, reply_to=answer(501, top=7), from_id=types.PeerChannel(CITY))
    desk.telegram.comment(post, 504, "I am the admin", HOUR_AGO, from_id=None)
    found = {one.native_id: one for one in await desk.read()}
    assert [(name, one.reply_to, one.addressed, one.account) for name, one in found.items()] == [
        (CITY_POST.format(7), "", "", "telegram:citytalk"),
        (COMMENT.format(501), CITY_POST.format(7), "telegram:citytalk", "telegram:inna_b"),
        (COMMENT.format(502), COMMENT.format(501), "telegram:citytalk", "telegram:inna_b"),
        (COMMENT.format(503), COMMENT.format(501), "", "telegram:citytalk"),
        (COMMENT.format(504), CITY_POST.format(7), "", "telegram:-1001700000001"),
    ]
    first = found[COMMENT.format(501)]
    assert (first.kind, first.url, first.author.name) == ("comment", "https://t.me/CityTalk/7?comment=501", "Inna B.")


async def test_more_comments_than_fit_an_answer_all_come() -> None:
    desk = Desk()
    post = desk.post(7)
    for number in range(500, 760):
        desk.telegram.comment(post, number, f"me too, {number}", HOUR_AGO)
    assert len(await desk.read()) == 261


async def test_new_comments_are_found_when_the_post_is_looked_at_again() -> None:
    desk = Desk()
    post = desk.post(7)
    await desk.read()
    desk.telegram.comment(post, 501, "Why?", NOON)
    found = await desk.read(after=700)
    assert [(one.native_id, one.engagement.replies) for one in found] == [
        (CITY_POST.format(7), 1), (COMMENT.format(501), None),
    ]  # fmt: skip


async def test_comments_are_left_alone_where_they_are_not_wanted() -> None:
    desk = Desk(comments=False)
    desk.telegram.comment(desk.post(7), 501, "Why?", HOUR_AGO)
    assert [one.native_id for one in await desk.read()] == [CITY_POST.format(7)]


async def test_posts_that_come_while_pages_are_read_are_not_lost() -> None:
    desk = Desk(channels=["@citytalk"])
    for number in range(1, 151):
        desk.post(number)
    page = await desk.source.fetch(None)
    assert len(page.records) == 100
    for number in range(151, 161):
        desk.post(number, at=NOON)
    desk.cursor = page.cursor
    rest = await desk.read()
    assert {int(one.native_id.partition("_")[2]) for one in rest} == set(range(101, 161))


async def test_the_first_look_goes_as_far_back_as_it_is_told() -> None:
    desk = Desk(backlog_hours=2)
    desk.post(1, at=NOON - timedelta(hours=3))
    desk.post(2, at=NOON - timedelta(hours=1))
    assert [one.native_id for one in await desk.read()] == [CITY_POST.format(2)]


async def test_edits_counters_and_deletions_of_posts_and_comments_are_seen() -> None:
    desk = Desk()
    first, second = desk.post(7, views=1), desk.post(8)
    comment = desk.telegram.comment(second, 501, "Why?", HOUR_AGO)
    desk.telegram.comment(second, 502, "Bye", HOUR_AGO)
    await desk.read()
    first.views, comment.message, comment.edit_date = 90, "Why, why?", NOON
    second.edit_date, second.edit_hide = NOON, True
    del desk.telegram.written[CHAT][502]
    found = {one.native_id: one for one in await desk.read(after=700)}
    assert found.keys() == {CITY_POST.format(7), COMMENT.format(501), COMMENT.format(502)}
    assert found[CITY_POST.format(7)].engagement.views == 90
    assert (found[COMMENT.format(501)].text, found[COMMENT.format(501)].edited_at) == ("Why, why?", NOON)
    assert found[COMMENT.format(502)].deleted


async def test_what_is_old_is_looked_at_no_more() -> None:
    desk = Desk(refresh_hours=2)
    post = desk.post(7, views=1)
    await desk.read()
    post.views = 90
    assert await desk.read(after=2 * 3_600) == []


async def test_what_telegram_tells_of_itself_comes_within_seconds() -> None:
    desk = Desk()
    post = desk.post(7)
    desk.telegram.comment(post, 501, "Why?", HOUR_AGO)
    await desk.read()
    looks = len(desk.telegram.requests(functions.messages.GetHistoryRequest))
    fresh = message(CITY, 9, "Now", NOON, post=True)
    await desk.telegram.tell(types.UpdateNewChannelMessage(fresh, pts=1, pts_count=1))
    edited = message(CITY, 7, "On time", HOUR_AGO, post=True, edit_date=NOON)
    await desk.telegram.tell(types.UpdateEditChannelMessage(edited, pts=2, pts_count=1))
    answered = message(CHAT, 503, "Thanks", NOON, reply_to=answer(501, top=7))
    await desk.telegram.tell(types.UpdateNewChannelMessage(answered, pts=3, pts_count=1))
    await desk.telegram.tell(types.UpdateDeleteChannelMessages(CHAT, [501, 999], pts=4, pts_count=1))
    elsewhere = message(555, 1, "another channel", NOON, post=True)
    await desk.telegram.tell(types.UpdateNewChannelMessage(elsewhere, pts=1, pts_count=1))
    page = await desk.source.fetch(desk.cursor)
    assert [(one.post.native_id, one.post.text, one.post.deleted) for one in page.records] == [
        (CITY_POST.format(9), "Now", False),
        (CITY_POST.format(7), "On time", False),
        (COMMENT.format(503), "Thanks", False),
        (COMMENT.format(501), "", True),
    ]
    assert len(desk.telegram.requests(functions.messages.GetHistoryRequest)) == looks
    assert 0 <= page.wait <= 5


async def test_what_was_told_and_is_found_again_by_looking_comes_once() -> None:
    desk = Desk()
    desk.post(7)
    await desk.read()
    fresh = desk.post(9, at=NOON)
    await desk.telegram.tell(types.UpdateNewChannelMessage(fresh, pts=1, pts_count=1))
    assert [one.native_id for one in await desk.read(after=61)] == [CITY_POST.format(9)]
    assert await desk.read(after=61) == []


async def test_a_gap_in_what_is_told_is_closed_by_looking() -> None:
    desk = Desk()
    desk.post(7)
    await desk.read()
    desk.post(8, at=NOON)
    await desk.telegram.tell(types.UpdateNewChannelMessage(desk.post(9, at=NOON), pts=1, pts_count=1))
    assert {one.native_id for one in await desk.read(after=61)} == {CITY_POST.format(8), CITY_POST.format(9)}


async def test_a_comment_in_a_thread_that_was_never_read_waits_for_the_thread() -> None:
    desk = Desk()
    await desk.read()
    stray = message(CHAT, 503, "Thanks", NOON, reply_to=answer(77))
    await desk.telegram.tell(types.UpdateNewChannelMessage(stray, pts=3, pts_count=1))
    assert (await desk.source.fetch(desk.cursor)).records == []


async def test_a_discussion_group_that_is_itself_listened_to_tells_the_same_comments() -> None:
    desk = Desk()
    comment = desk.telegram.comment(desk.post(7), 501, "Why?", HOUR_AGO)
    as_comment = next(one for one in await desk.read() if one.native_id == COMMENT.format(501))
    group = Desk(channels=["@talkchat"])
    group.telegram.channels[CHAT].username = "talkchat"
    group.telegram.comment(group.post(7), 501, "Why?", HOUR_AGO)
    (as_message,) = await group.read()
    assert comment.message == as_message.text
    same = ("native_id", "version", "reply_to", "addressed", "kind", "url", "author")
    assert [getattr(as_message, one) for one in same] == [getattr(as_comment, one) for one in same]


async def test_answers_in_a_group_are_comments_and_topics_are_not_answered() -> None:
    desk = Desk()
    desk.telegram.write(
        message(FLYERS, 1, "late"),
        message(FLYERS, 2, "again", reply_to=answer(1)),
        message(FLYERS, 3, "hello", reply_to=answer(1, forum_topic=True)),
        message(FLYERS, 4, "look", reply_to=answer(7, reply_to_peer_id=types.PeerChannel(CITY))),
        message(FLYERS, 5, "as the group", from_id=None),
    )
    found = await desk.read()
    assert [(one.kind, one.reply_to, one.addressed) for one in found] == [
        ("post", "", ""), ("comment", "-1001600000002_1", ""), ("post", "", ""),
        ("comment", CITY_POST.format(7), ""), ("post", "", ""),
    ]  # fmt: skip
    assert (found[0].url, found[4].account) == ("https://t.me/flyers/1", "telegram:flyers")


async def test_a_forwarded_post_names_where_it_was_first() -> None:
    desk = Desk()
    forward = types.MessageFwdHeader(date=NOON, from_id=types.PeerChannel(CITY), channel_post=7)
    hidden = types.MessageFwdHeader(date=NOON, from_name="Somebody")
    desk.telegram.write(message(FLYERS, 1, "see", fwd_from=forward), message(FLYERS, 2, "and", fwd_from=hidden))
    assert [(one.kind, one.repost_of) for one in await desk.read()] == [
        ("repost", CITY_POST.format(7)),
        ("repost", ""),
    ]


async def test_polls_speak_and_service_messages_do_not() -> None:
    desk = Desk()
    answers = [types.PollAnswer(types.TextWithEntities(one, []), one.encode()) for one in ("yes", "never")]
    poll = types.Poll(id=1, question=types.TextWithEntities("Fly again?", []), answers=answers, hash=0)
    media = types.MessageMediaPoll(poll=poll, results=types.PollResults())
    desk.telegram.write(message(FLYERS, 1, "", media=media))
    joined = types.MessageActionChatAddUser(users=[41])
    desk.telegram.write(types.MessageService(id=2, peer_id=types.PeerChannel(FLYERS), date=HOUR_AGO, action=joined))
    assert [one.text for one in await desk.read()] == ["Fly again?\nyes\nnever"]
    assert not desk.letters


async def test_a_name_is_resolved_once_and_for_all() -> None:
    desk = Desk()
    desk.post(7)
    await desk.read()
    await desk.read(after=90_000)
    again = desk.made()
    await again.fetch(desk.cursor)
    resolved = desk.telegram.requests(functions.contacts.ResolveUsernameRequest)
    assert sorted(one.username for one in resolved) == ["citytalk", "flyers"]
    assert len(desk.telegram.requests(functions.channels.GetFullChannelRequest)) == 4, (
        "how many are in it: once a day"
    )


async def test_another_account_finds_the_channels_anew() -> None:
    desk = Desk()
    desk.post(7)
    await desk.read()
    for found in desk.telegram.channels.values():
        found.access_hash += 1
    desk.post(8, at=NOON)
    assert [one.native_id for one in await desk.read(after=61)] == [CITY_POST.format(8)]
    assert not desk.troubles


async def test_a_flood_wait_is_obeyed_to_the_second_and_what_was_found_out_is_kept() -> None:
    desk = Desk()
    desk.post(7)
    desk.telegram.failure = "busy"
    with pytest.raises(RetryLater) as busy:
        await desk.source.fetch(None)
    assert busy.value.after == 7
    asked = len(desk.telegram.asked)
    desk.telegram.failure = None
    desk.clock.advance(6)
    with pytest.raises(RetryLater) as still:
        await desk.source.fetch(None)
    assert (still.value.after, len(desk.telegram.asked)) == (1, asked)
    with pytest.raises(RetryLater):
        await desk.source.check()
    desk.clock.advance(1)
    assert len(await desk.read()) == 1


async def test_a_flood_wait_in_the_middle_of_a_fetch_keeps_the_resolved_names() -> None:
    desk = Desk()
    real = desk.telegram.reply

    def reply(request: Any) -> Any:
        if isinstance(request, functions.channels.GetFullChannelRequest):
            raise errors.FloodWaitError(request, capture=3_600)
        return real(request)

    desk.telegram.reply = reply  # type: ignore[method-assign]  # the server's whim
    page = await desk.source.fetch(None)
    lines = msgspec.json.decode(page.cursor)["lines"]
    assert [line["place"]["id"] for line in lines.values() if line.get("place")] == [CITY, FLYERS]
    with pytest.raises(RetryLater) as wait:
        await desk.source.fetch(page.cursor)
    assert wait.value.after == pytest.approx(3_600)


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ("@nobody_there", "@nobody_there cannot be read: nobody has this name"),
        ("@inna_b", "@inna_b cannot be read: it is a person or a bot, not a channel or a group"),
    ],
)
async def test_one_channel_in_trouble_does_not_cost_the_others(wrong: str, sentence: str) -> None:
    desk = Desk(channels=[wrong, "@citytalk"])
    desk.post(7)
    assert [one.native_id for one in await desk.read()] == [CITY_POST.format(7)]
    assert desk.troubles == [sentence]
    await desk.read(after=1_800)
    assert desk.troubles == [sentence], "not asked again at once"
    await desk.read(after=3_600)
    assert desk.troubles == [sentence, sentence]


async def test_a_channel_that_becomes_private_is_a_trouble_until_it_opens_again() -> None:
    desk = Desk()
    desk.post(7)
    await desk.read()
    desk.telegram.private.add(CITY)
    desk.post(8, at=NOON)
    assert await desk.read(after=61) == []
    assert desk.troubles == ["@citytalk cannot be read: it is private, or closed to this account"]
    desk.telegram.private.clear()
    assert [one.native_id for one in await desk.read(after=3_700)] == [CITY_POST.format(8)]


async def test_a_closed_discussion_group_costs_the_edits_of_its_comments_only() -> None:
    desk = Desk()
    desk.telegram.comment(desk.post(7), 501, "Why?", HOUR_AGO)
    await desk.read()
    desk.telegram.private.add(CHAT)
    assert await desk.read(after=700) == []
    assert not desk.troubles


async def test_when_no_channel_can_be_read_the_source_stops() -> None:
    desk = Desk(channels=["@nobody_there", "@inna_b"])
    with pytest.raises(SourceStopped, match=r"none of the channels can be read: .*nobody has this name"):
        await desk.read()


REFUSALS = [
    (errors.AuthKeyUnregisteredError, SourceStopped, "sign in again"),
    (errors.SessionRevokedError, SourceStopped, "sign in again"),
    (errors.SessionExpiredError, SourceStopped, "sign in again"),
    (errors.UserDeactivatedBanError, SourceStopped, "sign in again"),
    (errors.AuthKeyDuplicatedError, SourceStopped, "sign in again"),
    (errors.ApiIdInvalidError, SourceMisconfigured, "my.telegram.org"),
    (errors.RpcCallFailError, RetryLater, "fails for now"),
    (errors.WorkerBusyTooLongRetryError, RetryLater, "fails for now"),
    (ConnectionError, RetryLater, "fails for now"),
    (TimeoutError, RetryLater, "fails for now"),
    (EOFError, RetryLater, "fails for now"),
]


@pytest.mark.parametrize(("error", "order", "words"), REFUSALS)
async def test_every_refusal_has_its_order(error: type[Exception], order: type[SourceError], words: str) -> None:
    desk = Desk()
    desk.telegram.error = error
    for call in (desk.source.fetch(None), desk.source.check()):
        with pytest.raises(order, match=words):
            await call
    desk.telegram.error = None
    desk.post(7)
    assert len(await desk.read()) == 1, "it connects again when asked again"


async def test_check_says_who_reads() -> None:
    assert await Desk().source.check() == "reads 2 channels and groups as @tocsin_reader"


async def test_what_cannot_be_read_is_a_dead_letter_once_and_can_be_read_again() -> None:
    desk = Desk()
    broken = message(FLYERS, 1, "no time")
    broken.date = None
    desk.telegram.write(broken, message(FLYERS, 2, "late"))
    assert len(await desk.read()) == 1
    await desk.read(after=700)
    (letter,) = desk.letters
    assert (letter.reason, letter.where) == ("bad_message", "flyers 1")
    again = desk.source.reread(letter)
    assert isinstance(again, DeadLetter)
    assert (again.reason, again.source) == ("bad_message", "tg")


async def test_no_telephone_number_is_kept_with_a_post() -> None:
    desk = Desk()
    desk.telegram.write(message(FLYERS, 1, "late"))
    page = await desk.source.fetch(None)
    (record,) = page.records
    assert b"7700765" not in record.raw
    assert msgspec.json.decode(record.raw)["sender"] == {
        "_": "User", "id": 41, "username": "inna_b", "first_name": "Inna", "last_name": "B.",
    }  # fmt: skip
