import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest

from domain.brand import Brand
from domain.dead_letter import DeadLetter
from domain.errors import RetryLater, SourceMisconfigured, SourceStopped
from domain.post import Record
from ingest.source import Page
from ingest.vk.config import Config
from ingest.vk.parse import read_comment, read_post
from ingest.vk.people import People
from ingest.vk.push.host import address
from ingest.vk.push.rules import PREFIX
from ingest.vk.push.stream import StreamSource
from ingest.vk.push.told import people_of, read_event, read_frame, to_post
from tests.kit.cases_vk_push import BRANDS, STREAM
from tests.kit.ingest import NOON, SECRET, Clock, polite_client
from tests.kit.scripted_http import Told
from tests.networks.vk_happenings import GROUP, comment, group, heard, person, post
from tests.networks.vk_push import VkPush, api_error, vk_push

NOW = NOON.timestamp()
ON_A_WALL = {"post_owner_id": 12, "post_id": 70}


@pytest.fixture
async def vk() -> AsyncIterator[VkPush]:
    async with vk_push(SECRET) as vk:
        vk.profiles[9001] = person(9001, "Inna", screen_name="innak", followers_count=1_520)
        yield vk


@asynccontextmanager
async def listening(vk: VkPush, clock: Clock, brands: tuple[Brand, ...] = BRANDS, **table: Any) -> AsyncIterator[Any]:
    async with polite_client(clock) as client:
        config = Config.model_validate({**STREAM, "api": vk.url, **table})
        source = StreamSource(config, client=client, clock=clock, brands=brands, gather_seconds=0.1)
        yield source
        await source.aclose()


def written(number: int = 70, text: str = "Aurora Air is late", **other: Any) -> dict[str, Any]:
    return heard("post", {"post_owner_id": 12, "post_id": number}, NOW, text, **other)


def ids(page: Page) -> list[str]:
    return [record.post.native_id for record in page.records]


def read(told: dict[str, Any], people: People | None = None) -> Record | DeadLetter | None:
    raw = json.dumps(told).encode()
    return to_post(read_event(bytes(read_frame(raw).event)), raw, people or {}, source="stream", at=NOON)


# --- the connection ---------------------------------------------------------------------------------------------


async def test_rules_are_given_before_the_stream_is_opened_and_those_of_others_are_left(
    vk: VkPush, clock: Clock
) -> None:
    vk.rules = {"somebody": "else", f"{PREFIX}old": "old words"}
    async with listening(vk, clock) as source:
        await source.fetch(None)
    assert sorted(vk.rules.values()) == ["#auroraair", "aurora air", "else"]
    assert [asked.path for asked in vk.asked].index("/stream/") == len(vk.asked) - 1


async def test_own_queries_are_listened_for_instead_of_the_brands(vk: VkPush, clock: Clock) -> None:
    async with listening(vk, clock, queries=['"Aurora" -job']) as source:
        await source.fetch(None)
    assert list(vk.rules.values()) == ['"Aurora" -job']


async def test_a_rule_that_vk_does_not_take_is_told_and_the_stream_is_heard(vk: VkPush, clock: Clock) -> None:
    async with listening(vk, clock, queries=['half a "quote', "good words"]) as source:
        page = await source.fetch(None)
        assert len(page.troubles) == 1
        assert "quote without its other half" in page.troubles[0]
        vk.say(written())
        assert ids(await source.fetch(page.cursor)) == ["12_70"]
    assert list(vk.rules.values()) == ["good words"]


async def test_many_rules_are_given_in_several_fetches_while_the_stream_is_heard(vk: VkPush, clock: Clock) -> None:
    vk.say(written())
    async with listening(vk, clock, queries=[f"word{number}" for number in range(15)]) as source:
        page = await source.fetch(None)
        assert (ids(page), len(vk.rules)) == (["12_70"], 10)
        await source.fetch(page.cursor)
    assert len(vk.rules) == 15


async def test_a_connection_that_breaks_is_opened_again_and_the_gap_is_told(vk: VkPush, clock: Clock) -> None:
    async with listening(vk, clock) as source:
        vk.say(written(70))
        page = await source.fetch(None)
        vk.hang_up()
        clock.advance(90)
        page = await source.fetch(page.cursor)
        assert len(page.troubles) == 1
        assert "was not listened to for 90 s from 2026-11-20 12:00:00 UTC" in page.troubles[0]
        vk.say(written(71))
        page = await source.fetch(page.cursor)
    assert (ids(page), page.troubles) == (["12_71"], [])


async def test_a_gap_between_two_processes_is_told(vk: VkPush, clock: Clock) -> None:
    async with listening(vk, clock) as source:
        vk.say(written(70))
        page = await source.fetch(None)
    clock.advance(3_600)
    async with listening(vk, clock) as restarted:
        page = await restarted.fetch(page.cursor)
        assert "3600 s" in page.troubles[0]


async def test_a_silent_stream_writes_down_now_and_then_that_it_listened(vk: VkPush, clock: Clock) -> None:
    async with listening(vk, clock) as source:
        page = await source.fetch(None)
        same = await source.fetch(page.cursor)
        assert same.cursor == page.cursor
        clock.advance(61)
        later = await source.fetch(page.cursor)
        assert later.cursor != page.cursor
    clock.advance(10)
    async with listening(vk, clock) as restarted:
        assert "10 s" in (await restarted.fetch(later.cursor)).troubles[0]


async def test_a_key_that_is_good_no_more_is_renewed(vk: VkPush, clock: Clock) -> None:
    async with listening(vk, clock) as source:
        vk.say(written(70))
        page = await source.fetch(None)
        vk.renew_key()
        vk.say(written(71))
        assert ids(await source.fetch(page.cursor)) == ["12_71"]
    assert len([asked for asked in vk.asked if asked.path.endswith("getServerUrl")]) == 2


async def test_a_key_that_is_never_good_is_tried_again_later(vk: VkPush, clock: Clock) -> None:
    server = {"response": {"endpoint": vk.url.removeprefix("http://"), "key": "bad"}}
    vk.answers["/method/streaming.getServerUrl"] = Told(200, json.dumps(server).encode())
    async with listening(vk, clock) as source:
        with pytest.raises(RetryLater, match="good no more"):
            await source.fetch(None)


async def test_while_vk_holds_the_old_connection_the_stream_waits_for_it_to_die(vk: VkPush, clock: Clock) -> None:
    vk.busy_streams.add("0")
    async with listening(vk, clock) as source:
        with pytest.raises(RetryLater) as caught:
            await source.fetch(None)
        assert caught.value.after is not None
        assert 30 <= caught.value.after <= 60
        vk.busy_streams.clear()
        vk.say(written())
        assert ids(await source.fetch(None)) == ["12_70"]


async def test_streams_with_different_numbers_are_heard_side_by_side(vk: VkPush, clock: Clock) -> None:
    async with listening(vk, clock) as one, listening(vk, clock, stream_id=3) as other:
        await one.fetch(None)
        await other.fetch(None)
        vk.say(written())
        assert ids(await one.fetch(None)) == ids(await other.fetch(None)) == ["12_70"]


async def test_a_number_that_vk_does_not_take_is_a_matter_of_configuration(vk: VkPush, clock: Clock) -> None:
    async with listening(vk, clock, stream_id=99) as source:
        with pytest.raises(SourceMisconfigured, match="stream_id"):
            await source.fetch(None)


async def test_when_vk_asks_to_reconnect_nothing_that_was_said_is_lost(vk: VkPush, clock: Clock) -> None:
    async with listening(vk, clock) as source:
        vk.say(written(70), {"code": 300, "service_message": {"message": "soon", "service_code": 3000}}, written(71))
        page = await source.fetch(None)
        assert ids(page) == ["12_70", "12_71"]
        await asyncio.sleep(0.05)
        assert not vk.streams
        vk.say(written(72))
        assert ids(await source.fetch(page.cursor)) == ["12_72"]


async def test_an_error_said_in_the_stream_is_told_and_a_new_key_taken(vk: VkPush, clock: Clock) -> None:
    async with listening(vk, clock) as source:
        vk.say(written(70), {"code": 400, "error": {"message": "Bad key", "error_code": 1004}})
        page = await source.fetch(None)
        assert (ids(page), len(page.troubles)) == (["12_70"], 1)
        vk.say(written(71))
        assert ids(await source.fetch(page.cursor)) == ["12_71"]
    assert len([asked for asked in vk.asked if asked.path.endswith("getServerUrl")]) == 2


async def test_what_was_given_and_not_committed_is_given_again(vk: VkPush, clock: Clock) -> None:
    async with listening(vk, clock) as source:
        vk.say(written(70))
        first = await source.fetch(None)
        vk.say(written(71))
        second = await source.fetch(first.cursor)
        assert ids(await source.fetch(None)) == ["12_70"]
        assert ids(await source.fetch(first.cursor)) == ["12_71"]
        await source.committed(second.cursor)
        vk.say(written(72))
        assert ids(await source.fetch(second.cursor)) == ["12_72"]


async def test_events_wait_for_the_names_of_their_authors(vk: VkPush, clock: Clock) -> None:
    good = vk.answers["/method/users.get"]
    async with listening(vk, clock) as source:
        vk.answers["/method/users.get"] = Told(500, b"oops")
        vk.say(written(70))
        with pytest.raises(RetryLater):
            await source.fetch(None)
        vk.answers["/method/users.get"] = good
        page = await source.fetch(None)
    author = page.records[0].post.author
    assert (author.name, author.handle, author.followers) == ("Inna K", "innak", 1_520)


@pytest.mark.parametrize("code", [9, 15, 29, 100])
async def test_without_names_authors_are_known_by_their_numbers(vk: VkPush, clock: Clock, code: int) -> None:
    vk.answers["/method/users.get"] = api_error(code, "no")
    async with listening(vk, clock) as source:
        vk.say(written(70))
        page = await source.fetch(None)
    assert page.records[0].post.account == "vk:id9001"


async def test_a_revoked_token_stops_the_source(vk: VkPush, clock: Clock) -> None:
    vk.fail("revoked")
    async with listening(vk, clock) as source:
        with pytest.raises(SourceStopped):
            await source.fetch(None)


async def test_a_connection_that_never_says_anything_and_breaks_is_not_hammered(vk: VkPush, clock: Clock) -> None:
    async with listening(vk, clock) as source:
        await source.fetch(None)
        vk.hang_up()
        with pytest.raises(RetryLater):
            await source.fetch(None)


async def test_check_says_that_the_stream_is_a_sample(vk: VkPush, clock: Clock) -> None:
    vk.rules = {"somebody": "else", f"{PREFIX}old": "old words"}
    async with listening(vk, clock) as source:
        said = await source.check()
    assert "2 rules wanted, 1 held and 1 of others" in said
    assert "at most 1 %" in said
    assert not vk.streams


async def test_the_stream_is_asked_where_config_says(vk: VkPush, clock: Clock) -> None:
    vk.answers["/method/streaming.getServerUrl"] = Told(
        200, json.dumps({"response": {"endpoint": "streaming.invalid", "key": vk.key}}).encode()
    )
    async with listening(vk, clock, streaming=vk.url.replace("http", "ws")) as source:
        vk.say(written())
        assert ids(await source.fetch(None)) == ["12_70"]


@pytest.mark.parametrize("endpoint", ["", "host/../..?x", "user@host", "host:port", "a b", "host#x", "\u202ehost"])
def test_a_host_that_is_none_is_not_asked(endpoint: str) -> None:
    with pytest.raises(RetryLater):
        address(endpoint, tls=True)


def test_the_host_is_asked_as_safely_as_the_api() -> None:
    assert address("streaming.vk.ru", tls=True) == "wss://streaming.vk.ru"
    assert address("127.0.0.1:8080/", tls=False) == "ws://127.0.0.1:8080"


# --- what is said -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["Aurora Air &amp; me<br>again", "&lt;b&gt;Aurora&lt;/b&gt; Air", "Aurora Air"])
def test_a_post_is_the_same_as_on_its_wall(text: str) -> None:
    told = read(heard("post", ON_A_WALL, NOW, text))
    plain = text.replace("<br>", "\n").replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
    polled = read_post(json.dumps(post(70, NOW, plain, owner=12)).encode(), {}, source="stream", at=NOON)
    assert isinstance(told, Record)
    assert isinstance(polled, Record)
    assert told.post.native_id == polled.post.native_id == "12_70"
    assert (told.post.version, told.post.text, told.post.url) == (
        polled.post.version,
        polled.post.text,
        polled.post.url,
    )
    assert (told.post.created_at, told.post.addressed) == (polled.post.created_at, polled.post.addressed)


def test_an_edited_post_has_the_version_that_its_wall_gives_it() -> None:
    told = read(heard("post", ON_A_WALL, NOW, "Aurora Air", action="update", action_time=int(NOW) + 60))
    polled = read_post(
        json.dumps(post(70, NOW, "Aurora Air", owner=12, edited=int(NOW) + 60)).encode(), {}, source="stream", at=NOON
    )
    assert isinstance(told, Record)
    assert isinstance(polled, Record)
    assert (told.post.version, told.post.edited_at) == (polled.post.version, polled.post.edited_at)


@pytest.mark.parametrize("action", ["new", "update", "restore"])
def test_a_comment_is_the_same_as_under_its_post(action: str) -> None:
    place = {"post_owner_id": -GROUP, "post_id": 70, "comment_id": 9}
    told = read(heard("comment", place, NOW, "Aurora Air", action=action, action_time=int(NOW) + 60))
    polled = read_comment(
        json.dumps(comment(9, NOW, "Aurora Air", post_id=70, owner_id=-GROUP)).encode(), {}, source="stream", at=NOON
    )
    assert isinstance(told, Record)
    assert isinstance(polled, Record)
    assert (told.post.native_id, told.post.version) == (polled.post.native_id, polled.post.version)
    assert (told.post.reply_to, told.post.addressed) == ("-501_70", "vk:club501")
    assert told.post.engagement.likes is None


def test_a_share_is_a_repost_with_the_words_of_both() -> None:
    event = heard("share", {"post_owner_id": 13, "post_id": 5, "shared_post_id": 70}, NOW, "At last", author=13)
    event["event"] |= {"shared_post_text": "Aurora Air &amp; co", "shared_post_creation_time": int(NOW) - 60}
    event["event"]["author"]["shared_post_author_id"] = -GROUP
    found = read(event)
    assert isinstance(found, Record)
    assert (found.post.native_id, found.post.kind, found.post.repost_of) == ("13_5", "repost", "-501_70")
    assert found.post.text == "At last\nAurora Air & co"


def test_a_post_of_a_discussion_has_the_id_that_the_community_is_told() -> None:
    found = read(
        heard("topic_post", {"topic_owner_id": -GROUP, "topic_id": 33, "topic_post_id": 7}, NOW, "Aurora Air")
    )
    assert isinstance(found, Record)
    assert (found.post.native_id, found.post.kind) == ("topic-501_33_r7", "comment")


@pytest.mark.parametrize(
    ("kind", "place", "native_id"),
    [
        ("post", ON_A_WALL, "12_70"),
        ("share", {**ON_A_WALL, "shared_post_id": 3}, "12_70"),
        ("comment", {**ON_A_WALL, "comment_id": 9}, "12_70_r9"),
        ("topic_post", {"topic_owner_id": -GROUP, "topic_id": 33, "topic_post_id": 7}, "topic-501_33_r7"),
    ],
)
def test_a_deletion_is_told_of_everything(kind: str, place: dict[str, int], native_id: str) -> None:
    told = heard(kind, place, NOW, "", action="delete")
    found = read(told)
    assert isinstance(found, Record)
    assert (found.post.native_id, found.post.deleted) == (native_id, True)
    assert people_of(read_event(json.dumps(told["event"]).encode())) == set()


@pytest.mark.parametrize("kind", ["post", "share", "comment", "topic_post"])
def test_an_event_without_its_place_is_a_dead_letter(kind: str) -> None:
    letter = read(heard(kind, {"post_id": 1}, NOW, "Aurora Air"))
    assert isinstance(letter, DeadLetter)
    assert (letter.reason, letter.where) == ("bad_event", "stream")


async def test_a_refused_frame_can_be_read_again(vk: VkPush, clock: Clock) -> None:
    async with listening(vk, clock) as source:
        vk.say(b'{"code": 100, "event": {"event_type": "poem", "event_id": {}}}', b"<<<")
        page = await source.fetch(None)
        assert [letter.reason for letter in page.dead_letters] == ["bad_event", "bad_frame"]
        for letter in page.dead_letters:
            assert isinstance(source.reread(letter), DeadLetter)
            mended = msgspec.structs.replace(letter, raw=json.dumps(written()).encode())
            assert isinstance(source.reread(mended), Record)
            silent = msgspec.structs.replace(letter, raw=json.dumps(written(text="")).encode())
            assert source.reread(silent).reason == "no_post"


async def test_names_are_asked_for_by_hundreds_and_remembered(vk: VkPush, clock: Clock) -> None:
    vk.groups |= {number: group(number, "g", f"g{number}") for number in range(1, 121)}
    async with listening(vk, clock) as source:
        told = [
            heard("post", {"post_owner_id": -n, "post_id": 1}, NOW, "Aurora Air", author=-n) for n in range(1, 121)
        ]
        vk.say(*told)
        page = await source.fetch(None)
        vk.say(*told)
        await source.fetch(page.cursor)
    assert {record.post.account for record in page.records} == {f"vk:g{n}" for n in range(1, 121)}
    assert len([asked for asked in vk.asked if asked.path.endswith("groups.getById")]) == 1
