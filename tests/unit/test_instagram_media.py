"""What looking at an account's own media finds, and what a webhook brings of it."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from msgspec.structs import replace
from pydantic import ValidationError

from domain.errors import SourceStopped
from domain.post import Post, Record
from ingest.graph.inbox import InboxSource
from ingest.http import PoliteClient
from ingest.instagram import Config
from ingest.instagram.media import media_source
from ingest.instagram.pushed import webhook_source
from ingest.source import Page
from tests.kit.cases_instagram import MEDIA, PUSHED, TAGS, account_of_all_sorts
from tests.kit.ingest import NOON, SECRET, Clock, Harvest, Rig, harvest, polite_client
from tests.kit.scripted_http import ScriptedServer
from tests.networks.facebook import Thing, minutes_ago
from tests.networks.graph import APP_SECRET, GONE, signed
from tests.networks.instagram import HANDLE, USER, Instagram, body, comment_change, mention_change

HOUR = 3_600
OURS = f"instagram:{HANDLE}"


@pytest.fixture
async def client(clock: Clock) -> AsyncIterator[PoliteClient]:
    async with polite_client(clock) as client:
        yield client


@pytest.fixture
def network(server: ScriptedServer, clock: Clock) -> Instagram:
    network = Instagram(server, secret=APP_SECRET, page_size=2, clock=clock)
    network.media = [Thing("1", "Aurora Air over Astana", minutes_ago(60), by=HANDLE)]
    network.comments = [
        Thing("11", "Where is my bag?", minutes_ago(50), "inna", "1"),
        Thing("12", "We are looking for it", minutes_ago(40), HANDLE, "1", "11"),
    ]
    return network


class Looking:
    """A source, its clock and its cursor."""

    def __init__(self, network: Instagram, client: PoliteClient, clock: Clock) -> None:
        self.clock = clock
        config = Config.model_validate({**MEDIA, "api": network.server.url, "calls_per_hour": 1_000_000})
        self.rig = Rig(make=lambda: media_source(config, client=client, clock=clock), clock=clock, expected=set())
        self.cursor: bytes | None = None

    async def all(self, *, after: float = 0) -> Harvest:
        """Everything that is news after so many seconds, by a fresh object."""
        self.clock.advance(after)
        found = await harvest(self.rig, self.rig.make(), self.cursor)
        self.cursor = found.cursors[-1]
        return found

    async def posts(self, *, after: float = 0) -> dict[str, Post]:
        """The same by id."""
        return {post.native_id: post for post in (await self.all(after=after)).posts}


@pytest.fixture
def looking(network: Instagram, client: PoliteClient, clock: Clock) -> Looking:
    return Looking(network, client, clock)


async def test_a_medium_a_comment_and_the_accounts_answer_are_told_apart(looking: Looking) -> None:
    found = await looking.posts()
    medium, comment, answer = found["1"], found["11"], found["12"]
    assert (medium.kind, medium.account, medium.addressed, medium.author.followers) == ("post", OURS, "", 9_000)
    assert (comment.kind, comment.reply_to, comment.addressed) == ("comment", "1", OURS)
    assert (comment.account, comment.author.id, comment.author.followers) == ("instagram:inna", "7inna", None)
    assert (answer.account, answer.reply_to, answer.addressed) == (OURS, "11", "")
    assert medium.url == "https://www.instagram.com/p/1/"


async def test_likes_that_are_hidden_are_absent_and_not_nought(looking: Looking, network: Instagram) -> None:
    network.hides_likes = {"1"}
    medium = (await looking.posts())["1"]
    assert (medium.engagement.likes, medium.engagement.replies) == (None, 2)


async def test_answers_beyond_those_that_come_along_are_read_too(looking: Looking, network: Instagram) -> None:
    network.comments += [
        Thing(f"{n}", f"Me too {n}", minutes_ago(30 - n / 10), "ayla", "1", "11") for n in range(20, 45)
    ]
    found = await looking.posts()
    assert {f"{n}" for n in range(20, 45)} <= set(found)
    assert {found[f"{n}"].reply_to for n in range(20, 45)} == {"11"}


async def test_a_new_answer_under_an_old_comment_is_found(looking: Looking, network: Instagram) -> None:
    network.media.append(Thing("2", "Of last week", NOON - timedelta(days=8), by=HANDLE))
    network.comments.append(Thing("21", "Old question", NOON - timedelta(days=7), "inna", "2"))
    network.comments += [Thing(f"{n}", "Later", NOON - timedelta(days=6), "petr", "2") for n in range(30, 40)]
    await looking.all()
    network.comments.append(Thing("99", "And now?", looking.clock(), "inna", "2", "21"))
    assert set(await looking.posts(after=HOUR)) == {"99"}


async def test_edits_deletions_and_counters_are_told(looking: Looking, network: Instagram) -> None:
    first = await looking.posts()
    network.edit("1")
    network.thing("11").likes = 70
    later = await looking.posts(after=HOUR)
    assert later["1"].version != first["1"].version
    assert (later["11"].engagement.likes, later["11"].version) == (70, first["11"].version)
    network.delete("12")
    assert (await looking.posts(after=HOUR))["12"].deleted
    network.delete("1")
    assert {name for name, post in (await looking.posts(after=HOUR)).items() if post.deleted} == {"1", "11"}


async def test_history_reads_comments_and_answers_of_old_media(looking: Looking, network: Instagram) -> None:
    network.media += [Thing(f"{n}", f"Day {n}", NOON - timedelta(days=n - 100), by=HANDLE) for n in range(101, 140)]
    network.comments += [
        Thing("500", "In time", NOON - timedelta(days=12), "inna", "115"),
        Thing("501", "An answer", NOON - timedelta(days=2), HANDLE, "115", "500"),
        Thing("502", "Too old", NOON - timedelta(days=14), "inna", "115"),
    ]
    network.refused["101/comments"] = GONE
    source = looking.rig.make()
    past = source.history(NOON - timedelta(days=13), name="past")  # type: ignore[attr-defined]  # its own kind
    found = await harvest(Rig(make=lambda: past, clock=looking.clock, expected=set()), past)
    assert found.ids == {"1", "11", "12", "500", "501", *(f"{n}" for n in range(101, 114))}


class Hook:
    """A source, and a runtime that stores whatever it brings."""

    def __init__(self, source: InboxSource) -> None:
        self.source, self.cursor = source, None

    async def send(self, told: Any) -> tuple[int, Page]:
        """Deliver; return the status of the answer and what was stored."""
        sent = json.dumps(told).encode()
        answering = asyncio.ensure_future(self.source.receive(signed(sent), sent))
        page = await self.source.fetch(self.cursor)
        while not (page.records or page.dead_letters or answering.done()):
            page = await self.source.fetch(self.cursor)
        await self.source.committed(page.cursor)
        self.cursor = page.cursor  # type: ignore[assignment]  # bytes from now on
        return (await answering)[0], page

    async def posts(self, *changes: dict[str, Any]) -> list[Post]:
        """The posts of a delivery."""
        status, page = await self.send(body(*changes))
        assert status == 200
        return [record.post for record in page.records]


@pytest.fixture
def hook(network: Instagram, client: PoliteClient, clock: Clock) -> Hook:
    network.elsewhere = [
        Thing("500", "Stranded again, @auroraair", minutes_ago(3), "dana"),
        Thing("501", "@auroraair please answer", minutes_ago(2), "dana", "777"),
    ]
    config = Config.model_validate({**PUSHED, "api": network.server.url})
    return Hook(webhook_source(config, client=client, clock=clock, idle_wait=0.02))


async def test_brought_and_looked_at_are_the_same_comments_in_the_same_versions(
    server: ScriptedServer, client: PoliteClient, clock: Clock
) -> None:
    network = account_of_all_sorts(server, clock)
    looked = {post.native_id: post for post in (await Looking(network, client, clock).all()).posts}
    config = Config.model_validate({**PUSHED, "api": server.url})
    hook = Hook(webhook_source(config, client=client, clock=clock, idle_wait=0.02))
    things = [one for one in network.comments if one.raw is None and not one.hidden]
    brought = await hook.posts(*(comment_change(one) for one in things))
    assert len(brought) == len(things)
    for post in brought:
        same = looked[post.native_id]
        assert (post.version, post.account, post.reply_to) == (same.version, same.account, same.reply_to)
        assert (post.addressed, post.kind) == (same.addressed, same.kind)


async def test_a_comment_without_a_time_was_written_when_meta_told_it(hook: Hook) -> None:
    (post,) = await hook.posts(comment_change(Thing("15", "Hello?", minutes_ago(9), "inna", "1")))
    assert post.created_at == NOON


async def test_mentions_are_asked_for_their_words(hook: Hook) -> None:
    medium, comment = await hook.posts(mention_change("500"), mention_change("777", "501"))
    assert (medium.text, medium.account, medium.kind) == ("Stranded again, @auroraair", "instagram:dana", "post")
    assert (medium.addressed, medium.created_at) == ("", minutes_ago(3))
    assert (comment.text, comment.kind, comment.reply_to) == ("@auroraair please answer", "comment", "777")
    assert (comment.author.handle, comment.url) == ("", "https://www.instagram.com/p/777/")


async def test_a_mention_that_is_gone_is_dropped(hook: Hook) -> None:
    assert await hook.posts(mention_change("404"), mention_change("7", "404")) == []


async def test_while_mentions_cannot_be_read_meta_is_asked_to_send_again_and_none_is_asked_for_twice(
    hook: Hook, network: Instagram
) -> None:
    await hook.posts(comment_change(Thing("15", "Hello?", minutes_ago(9), "inna", "1")))
    network.fail("down")
    both = body(mention_change("500"), mention_change("777", "501"))
    assert (await hook.send(both))[0] == 503
    network.fail(None)
    network.paths.clear()
    status, page = await hook.send(both)
    assert (status, len(page.records)) == (200, 2)
    assert (await hook.send(both))[0] == 200
    assert network.paths == [USER, USER]


async def test_a_dead_token_stops_the_source_and_the_mention_is_sent_again(hook: Hook, network: Instagram) -> None:
    await hook.source.fetch(None)
    network.fail("revoked")
    sent = json.dumps(body(mention_change("500"))).encode()
    assert (await hook.source.receive(signed(sent), sent))[0] == 503
    with pytest.raises(SourceStopped):
        await hook.source.fetch(None)


async def test_other_fields_are_passed_over_and_bad_changes_kept(hook: Hook) -> None:
    status, page = await hook.send(
        body({"field": "story_insights", "value": {"id": []}}, {"field": "mentions", "value": {"media_id": 7}})
    )
    assert (status, page.records) == (200, [])
    (letter,) = page.dead_letters
    assert (letter.reason, letter.where) == ("bad_change", f"{USER} {HANDLE} mentions")
    assert hook.source.reread(letter) == letter
    comment = replace(letter, where=f"{USER} {HANDLE} comments", raw=json.dumps({"id": "9", "text": "Hi"}).encode())
    assert isinstance(hook.source.reread(comment), Record)


@pytest.mark.parametrize(
    ("table", "sentence"),
    [
        ({**MEDIA, "users": ["auroraair"]}, "named by its number"),
        ({**MEDIA, "users": []}, 'via = "media" needs users'),
        ({**MEDIA, "tags": ["fog"]}, 'tags is for via = "hashtags"'),
        ({**TAGS, "tags": []}, 'via = "hashtags" needs tags'),
        ({**TAGS, "tags": ["late flight"]}, "a hashtag is one word"),
        ({**TAGS, "tags": [f"t{n}" for n in range(31)]}, "30 different hashtags a week, not 31"),
        ({**TAGS, "users": ["1", "2"]}, "takes one account"),
        ({**TAGS, "follow_days": 3}, 'follow_days is for via = "media"'),
        ({**PUSHED, "verify_token": None}, 'via = "webhook" needs verify_token'),
        ({**PUSHED, "users": ["1"]}, 'users is for via = "hashtags" and via = "media"'),
    ],
)
def test_what_a_config_may_not_say(table: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValidationError, match="validation error") as caught:
        Config.model_validate(table)
    assert sentence in str(caught.value)
    assert SECRET not in str(caught.value)


def test_hashtags_are_written_with_or_without_their_sign() -> None:
    assert Config.model_validate({**TAGS, "tags": ["#Қазақстан", "аврора_эйр", "#aurora", "AURORA"]}).tags == (
        "қазақстан",
        "аврора_эйр",
        "aurora",
    )
