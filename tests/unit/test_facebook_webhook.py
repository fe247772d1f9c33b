"""What Meta brings of a page: verified, read change by change, the same posts as by looking."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from pydantic import ValidationError

from domain.dead_letter import DeadLetter
from domain.errors import SourceStopped
from domain.post import Post, Record
from ingest.facebook import Config, build
from ingest.facebook.pages import pages_source
from ingest.facebook.pushed import webhook_source
from ingest.graph.inbox import InboxSource
from ingest.http import PoliteClient
from ingest.source import Page
from tests.kit.cases_facebook import POLLED, PUSHED, page_of_all_sorts
from tests.kit.console import console
from tests.kit.ingest import NOON, SECRET, Clock, Rig, harvest, polite_client
from tests.kit.scripted_http import ScriptedServer
from tests.networks.facebook import HANDLE, PAGE, Facebook, Thing, body, change, minutes_ago
from tests.networks.graph import APP_SECRET, VERIFY_TOKEN, error, signed

POST = Thing(f"{PAGE}_5", "I am stranded", minutes_ago(9))
COMMENT = Thing("5_9", "Aurora Air is late", minutes_ago(5), by="42", under=f"{PAGE}_5")
ANSWER = Thing("5_10", "We are on it", minutes_ago(4), by=PAGE, under=f"{PAGE}_5", answers="5_9")


@pytest.fixture
async def client(clock: Clock) -> AsyncIterator[PoliteClient]:
    async with polite_client(clock) as client:
        yield client


@pytest.fixture
def network(server: ScriptedServer) -> Facebook:
    return Facebook(server, secret=APP_SECRET)


class Hook:
    """A source, and a runtime that stores whatever it brings."""

    def __init__(self, source: InboxSource) -> None:
        self.source = source
        self.cursor: bytes | None = None

    async def send(self, told: Any, secret: str = APP_SECRET, *, raw: bytes = b"") -> tuple[int, Page]:
        """Deliver; return the status of the answer and what was stored."""
        sent = raw or json.dumps(told).encode()
        answering = asyncio.ensure_future(self.source.receive(signed(sent, secret), sent))
        page = await self.source.fetch(self.cursor)
        while not (page.records or page.dead_letters or answering.done()):
            page = await self.source.fetch(self.cursor)
        await self.source.committed(page.cursor)
        self.cursor = page.cursor
        return (await answering)[0], page

    async def posts(self, *changes: dict[str, Any]) -> list[Post]:
        """The posts of a delivery."""
        status, page = await self.send(body(*changes))
        assert status == 200
        return [record.post for record in page.records]


@pytest.fixture
def hook(network: Facebook, client: PoliteClient, clock: Clock) -> Hook:
    config = Config.model_validate({**PUSHED, "api": network.server.url})
    return Hook(webhook_source(config, client=client, clock=clock, idle_wait=0.02))


@pytest.fixture
def mute(client: PoliteClient, clock: Clock) -> Hook:
    """Without a token."""
    config = Config.model_validate({name: told for name, told in PUSHED.items() if name != "token"})
    return Hook(webhook_source(config, client=client, clock=clock, idle_wait=0.02))


async def test_posts_comments_and_answers_come_with_their_thread(hook: Hook) -> None:
    post, comment, answer = await hook.posts(change(POST), change(COMMENT), change(ANSWER))
    assert (post.native_id, post.kind, post.addressed) == (f"{PAGE}_5", "post", f"facebook:{HANDLE}")
    assert (comment.native_id, comment.kind, comment.reply_to) == ("5_9", "comment", f"{PAGE}_5")
    assert (comment.addressed, comment.account, comment.author.name) == (
        f"facebook:{HANDLE}",
        "facebook:42",
        "Inna 42",
    )
    assert (answer.reply_to, answer.addressed, answer.account) == ("5_9", "", f"facebook:{HANDLE}")
    assert (comment.created_at, comment.url) == (minutes_ago(5), f"https://www.facebook.com/{PAGE}_5")


async def test_brought_and_looked_at_are_the_same_posts_in_the_same_versions(
    server: ScriptedServer, client: PoliteClient, clock: Clock
) -> None:
    network = page_of_all_sorts(server)
    config = Config.model_validate({**POLLED, "api": server.url, "calls_per_hour": 1_000_000})
    looking = pages_source(config, client=client, clock=clock)
    looked = await harvest(Rig(make=lambda: looking, clock=clock, expected=set()), looking)
    by_id = {post.native_id: post for post in looked.posts}
    pushed = Config.model_validate({**PUSHED, "api": server.url})
    hook = Hook(webhook_source(pushed, client=client, clock=clock, idle_wait=0.02))
    things = [one for one in (*network.feed, *network.comments) if one.raw is None and not one.hidden and one.text]
    for post in await hook.posts(*(change(one) for one in things)):
        same = by_id[post.native_id]
        assert (post.version, post.text, post.account) == (same.version, same.text, same.account)
        assert (post.reply_to, post.addressed, post.kind) == (same.reply_to, same.addressed, same.kind)
        assert post.created_at == same.created_at
    review = {
        "item": "rating", "verb": "add", "open_graph_story_id": "900", "reviewer_id": 43, "reviewer_name": "Inna 43",
        "review_text": "Never again", "recommendation_type": "NEGATIVE", "created_time": 1_795_172_400,
    }  # fmt: skip
    (post,) = await hook.posts({"field": "ratings", "value": review})
    same = by_id["900"]
    assert (post.version, post.rating, post.kind, post.addressed) == (same.version, None, "review", same.addressed)


@pytest.mark.parametrize("verb", ["remove", "delete", "hide"])
@pytest.mark.parametrize("thing", [POST, COMMENT], ids=["post", "comment"])
async def test_what_is_removed_or_hidden_is_a_deletion(hook: Hook, verb: str, thing: Thing) -> None:
    (post,) = await hook.posts(change(thing, verb, message=None))
    assert (post.native_id, post.deleted, post.text) == (thing.id, True, "")


@pytest.mark.parametrize("verb", ["edited", "edit", "update"])
async def test_an_edit_is_another_version(hook: Hook, verb: str) -> None:
    (first,) = await hook.posts(change(COMMENT))
    (edited,) = await hook.posts(change(COMMENT, verb, message="Aurora Air was late"))
    assert (edited.native_id, edited.text) == (first.native_id, "Aurora Air was late")
    assert edited.version != first.version


async def test_what_comes_back_without_its_words_is_asked_for(hook: Hook, network: Facebook, mute: Hook) -> None:
    network.feed, network.comments = [POST], [COMMENT]
    back = change(COMMENT, "unhide", message=None)
    (post,) = await hook.posts(back)
    assert (post.text, post.native_id, post.reply_to) == ("Aurora Air is late", "5_9", f"{PAGE}_5")
    assert post.addressed == f"facebook:{HANDLE}"
    assert await mute.posts(back) == [], "without a token there is nobody to ask"
    network.delete("5_9")
    assert await hook.posts(change(COMMENT, "unhide", message=None, created_time=1)) == [], "gone meanwhile"


@pytest.mark.parametrize(
    "value",
    [
        {"item": "reaction", "verb": "add", "post_id": f"{PAGE}_5", "reaction_type": "angry"},
        {"item": "like", "verb": "add"},
        {"item": "photo", "verb": "add", "post_id": f"{PAGE}_5", "photo_id": "7"},
        {"item": "status", "verb": "mute", "post_id": f"{PAGE}_5", "message": "x"},
    ],
)
async def test_what_is_nothing_to_read_is_passed_over(hook: Hook, value: dict[str, Any]) -> None:
    status, page = await hook.send(body({"field": "feed", "value": value}))
    assert (status, page.records, page.dead_letters) == (200, [], [])


async def test_fields_that_are_not_ours_are_passed_over(hook: Hook) -> None:
    assert await hook.posts({"field": "leadgen", "value": {"item": []}}) == []


async def test_a_mention_elsewhere_is_not_addressed(hook: Hook) -> None:
    value = {
        "item": "post",
        "verb": "add",
        "post_id": "42_70",
        "sender_id": "42",
        "sender_name": "Inna",
        "message": "@A",
    }
    (post,) = await hook.posts({"field": "mention", "value": value})
    assert (post.native_id, post.account, post.addressed, post.kind) == ("42_70", "facebook:42", "", "post")
    assert post.created_at == NOON, "told when Meta told it"
    comment = {**value, "item": "comment", "comment_id": "70_1"}
    (post,) = await hook.posts({"field": "mention", "value": comment})
    assert (post.native_id, post.reply_to, post.kind) == ("70_1", "42_70", "comment")


async def test_a_share_is_a_repost(hook: Hook) -> None:
    shared = {"item": "share", "verb": "add", "post_id": f"{PAGE}_8", "parent_id": "9_9", "message": "Look"}
    (post,) = await hook.posts({"field": "feed", "value": {**shared, "from": {"id": "42"}}})
    assert (post.kind, post.repost_of, post.reply_to) == ("repost", "9_9", "")


async def test_messages_are_addressed_and_the_pages_own_answer_is_not(hook: Hook) -> None:
    told = {
        "object": "page",
        "entry": [
            {
                "id": PAGE,
                "time": 1_795_176_000_000,
                "messaging": [
                    {"sender": {"id": "42"}, "recipient": {"id": PAGE}, "timestamp": 1_795_175_999_000,
                     "message": {"mid": "m_1", "text": "Where is my bag?"}},
                    {"sender": {"id": PAGE}, "recipient": {"id": "42"}, "timestamp": 1_795_176_000_000,
                     "message": {"mid": "m_2", "text": "On its way", "is_echo": True, "reply_to": {"mid": "m_1"}}},
                    {"sender": {"id": "42"}, "recipient": {"id": PAGE}, "timestamp": 1_795_176_000_000,
                     "message": {"mid": "m_3", "attachments": [{"type": "image"}]}},
                    {"sender": {"id": "42"}, "recipient": {"id": PAGE}, "timestamp": 1_795_176_000_000,
                     "read": {"watermark": 1}},
                    {"sender": "42"},
                ],
            }
        ],
    }  # fmt: skip
    status, page = await hook.send(told)
    asked, answered = (record.post for record in page.records)
    assert status == 200
    assert (asked.kind, asked.native_id, asked.addressed) == ("message", "m_1", f"facebook:{HANDLE}")
    assert asked.account == "facebook:42"
    assert (answered.account, answered.addressed, answered.reply_to) == (f"facebook:{HANDLE}", "", "m_1")
    assert [letter.reason for letter in page.dead_letters] == ["bad_message"]


async def test_a_thousand_changes_of_several_pages_are_one_delivery(mute: Hook) -> None:
    changes = [change(Thing(f"5_{n}", f"Comment {n}", NOON, under=f"{PAGE}_5")) for n in range(500)]
    told = body(*changes)
    told["entry"] += body(*(change(Thing(f"6_{n}", "x", NOON, under="222_6")) for n in range(500)), page="222")[
        "entry"
    ]
    status, page = await mute.send(told)
    assert status == 200
    assert len(page.records) == 1_000
    assert {record.post.addressed for record in page.records} == {f"facebook:{PAGE}", "facebook:222"}


async def test_one_bad_change_spoils_no_other(hook: Hook) -> None:
    bad = [
        {"field": "feed", "value": {"item": "comment", "verb": "add", "created_time": "soon"}},
        {"field": "feed", "value": {"item": "comment", "verb": "add", "message": "no id"}},
        {"field": "feed", "value": {"item": 7}},
    ]
    status, page = await hook.send(body(change(COMMENT), *bad, change(ANSWER)))
    assert status == 200
    assert [record.post.native_id for record in page.records] == ["5_9", "5_10"]
    assert [letter.reason for letter in page.dead_letters] == ["bad_change"] * 3
    assert {letter.where for letter in page.dead_letters} == {f"{PAGE} {HANDLE} feed"}


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"not json", "bad_body"),
        (b'{"object": "page"}', "bad_body"),
        (b'{"object": "user", "entry": []}', "wrong_object"),
        (b'{"object": "page", "entry": [{"id": []}]}', "bad_entry"),
    ],
)
async def test_a_signed_delivery_that_cannot_be_read_is_kept_and_not_asked_for_again(
    hook: Hook, raw: bytes, reason: str
) -> None:
    status, page = await hook.send(None, raw=raw)
    assert status == 200
    assert [letter.reason for letter in page.dead_letters] == [reason]


async def test_a_wrong_signature_is_refused_before_anything_is_read(hook: Hook, network: Facebook) -> None:
    status, page = await hook.send(body(change(COMMENT)), "another secret")
    assert (status, page.records, page.dead_letters) == (401, [], [])
    sent = json.dumps(body(change(COMMENT))).encode()
    assert (await hook.source.receive({}, sent))[0] == 401
    assert f"{PAGE}" not in network.paths


async def test_half_a_character_in_one_message_spoils_no_other(hook: Hook) -> None:
    sent = json.dumps(body(change(COMMENT), change(ANSWER))).replace("Aurora Air is late", "late \\ud83d").encode()
    status, page = await hook.send(None, raw=sent)
    assert status == 200
    assert [record.post.text for record in page.records] == ["late ?", "We are on it"]


async def test_a_delivery_sent_again_is_answered_and_stored_once(hook: Hook) -> None:
    assert len(await hook.posts(change(COMMENT))) == 1
    assert await hook.posts(change(COMMENT)) == []


async def test_while_pages_cannot_be_asked_for_meta_is_asked_to_send_again(hook: Hook, network: Facebook) -> None:
    await hook.source.fetch(None)
    network.fail("down")
    sent = json.dumps(body(change(COMMENT))).encode()
    status, headers, said = await hook.source.receive(signed(sent), sent)
    assert (status, headers["retry-after"]) == (503, "60")
    assert SECRET.encode() not in said
    network.fail(None)
    assert [post.native_id for post in await hook.posts(change(COMMENT))] == ["5_9"]


async def test_a_dead_token_stops_the_source_and_loses_nothing(hook: Hook, network: Facebook) -> None:
    await hook.source.fetch(None)
    network.fail("revoked")
    sent = json.dumps(body(change(COMMENT))).encode()
    assert (await hook.source.receive(signed(sent), sent))[0] == 503
    with pytest.raises(SourceStopped, match="password was changed"):
        await hook.source.fetch(None)


async def test_a_page_that_may_not_be_asked_for_is_known_by_its_number(hook: Hook, network: Facebook) -> None:
    network.refused[PAGE] = error(10)
    (post,) = await hook.posts(change(COMMENT))
    assert post.addressed == f"facebook:{PAGE}"


async def test_the_end_of_the_token_is_told(hook: Hook, network: Facebook, clock: Clock) -> None:
    network.expires_at = int(NOON.timestamp()) + 3 * 86_400
    assert "ends in 3 days" in (await hook.source.fetch(None)).troubles[0]
    assert (await hook.source.fetch(None)).troubles == []
    clock.advance(86_400)
    network.fail("down")
    assert "not known" in (await hook.source.fetch(None)).troubles[0]


async def test_check_says_where_deliveries_are_expected(hook: Hook, mute: Hook) -> None:
    assert "POST /webhooks/pushed; page token" in await hook.source.check()
    assert "it lacks pages_manage_metadata" in await hook.source.check()
    assert (
        await mute.source.check()
        == "signed deliveries are taken at POST /webhooks/pushed; no token, so nothing is asked"
    )


async def test_a_dead_letter_is_read_again(hook: Hook) -> None:
    _, page = await hook.send(body({"field": "feed", "value": {**change(COMMENT)["value"], "comment_id": 7}}))
    (letter,) = page.dead_letters
    assert hook.source.reread(letter) == letter
    mended = DeadLetter(**{name: getattr(letter, name) for name in letter.__struct_fields__} | {
        "raw": letter.raw.replace(b'"comment_id": 7', b'"comment_id": "5_9"')
    })  # fmt: skip
    record = hook.source.reread(mended)
    assert isinstance(record, Record)
    assert (record.post.native_id, record.post.addressed) == ("5_9", f"facebook:{HANDLE}")


async def test_the_challenge_is_answered(hook: Hook) -> None:
    asked = {"hub.mode": "subscribe", "hub.verify_token": VERIFY_TOKEN, "hub.challenge": "115"}
    assert hook.source.challenge(asked)[::2] == (200, b"115")
    assert hook.source.challenge({**asked, "hub.verify_token": "x"})[0] == 403


async def test_meta_is_answered_at_the_products_own_door(hook: Hook) -> None:
    asked = {"hub.mode": "subscribe", "hub.verify_token": VERIFY_TOKEN, "hub.challenge": "1158201444"}
    sent = json.dumps(body(change(COMMENT))).encode()
    async with console(inboxes={"pushed": hook.source}) as door:
        answered = await door.get("/webhooks/pushed", params=asked)
        assert (answered.status_code, answered.text) == (200, "1158201444")
        assert answered.headers["content-type"].startswith("text/plain")
        assert (await door.get("/webhooks/pushed", params={**asked, "hub.verify_token": "x"})).status_code == 403
        assert (await door.post("/webhooks/pushed", content=sent)).status_code == 401
        sending = asyncio.ensure_future(door.post("/webhooks/pushed", content=sent, headers=signed(sent)))
        page = await hook.source.fetch(None)
        while not page.records:
            page = await hook.source.fetch(page.cursor)
        await hook.source.committed(page.cursor)
        assert ((await sending).status_code, page.records[0].post.native_id) == (200, "5_9")


@pytest.mark.parametrize(
    ("table", "sentence"),
    [
        ({"token": SECRET}, 'via = "pages" needs pages'),
        ({"pages": ["a"]}, 'via = "pages" needs token'),
        ({"pages": ["a"], "token": SECRET, "verify_token": "x"}, 'verify_token is for via = "webhook"'),
        ({"pages": ["https://www.facebook.com/a"], "token": SECRET}, "name a page by its number"),
        ({"via": "webhook", "app_secret": SECRET}, 'via = "webhook" needs verify_token'),
        ({"via": "webhook", "app_secret": SECRET, "verify_token": "x", "every": 60}, 'every is for via = "pages"'),
        ({"pages": ["a"], "token": SECRET, "slow_at": 99}, "slow_at must not be above stop_at"),
        ({"pages": ["a"], "token": SECRET, "api": "ftp://x"}, "not an http or https address"),
        ({"pages": ["a"], "token": " "}, "it is empty"),
    ],
)
def test_what_a_config_may_not_say(table: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValidationError, match="validation error") as caught:
        Config.model_validate({"kind": "facebook", **table})
    assert sentence in str(caught.value)
    assert SECRET not in str(caught.value)


def test_the_way_decides_what_is_built(client: PoliteClient, clock: Clock) -> None:
    assert isinstance(build(Config.model_validate(PUSHED), client=client, clock=clock), InboxSource)
    assert not isinstance(build(Config.model_validate(POLLED), client=client, clock=clock), InboxSource)
