import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from domain.dead_letter import DeadLetter
from domain.errors import RetryLater, SourceMisconfigured, SourceStopped
from domain.post import Record
from ingest.guard import Guard
from ingest.mastodon import Config, MastodonSource
from ingest.mastodon.source import REMEMBERED
from ingest.source import Page
from tests.kit.ingest import NOON, SECRET, Clock, polite_client
from tests.kit.scripted_http import Asked, ScriptedServer, Told, scripted_server
from tests.kit.streams import Instance, serving, status

Make = Callable[..., MastodonSource]


@asynccontextmanager
async def makes(url: str, clock: Clock, guard: Guard | None = None) -> AsyncIterator[Make]:
    made: list[MastodonSource] = []
    async with polite_client(clock) as client:

        def make(**settings: Any) -> MastodonSource:
            given = {"kind": "mastodon", "name": "masto", "instance": url, "tags": ["AuroraAir"], "token": SECRET}
            config = Config.model_validate(given | settings)
            made.append(MastodonSource(config, client=client, clock=clock, guard=guard, gather_seconds=0.1))
            return made[-1]

        yield make
        for source in made:
            await source.aclose()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def instance() -> AsyncIterator[Instance]:
    async with serving(server := Instance(token=SECRET)):
        yield server


@pytest.fixture
async def make(instance: Instance, clock: Clock) -> AsyncIterator[Make]:
    async with makes(instance.url, clock) as make:
        yield make


def numbers(*pages: Page) -> list[int]:
    return [int(record.post.native_id.rpartition("/")[2]) for page in pages for record in page.records]


async def settle(source: MastodonSource, cursor: bytes | None = None, *, most: int = 20) -> list[Page]:
    """Fetch until two pages in a row are empty."""
    pages: list[Page] = []
    while len(pages) < most and not (len(pages) > 2 and not pages[-1].records and not pages[-2].records):
        pages.append(await source.fetch(pages[-1].cursor if pages else cursor))
    return pages


async def test_the_first_time_the_latest_statuses_come_then_what_happens(instance: Instance, make: Make) -> None:
    instance.statuses = [status(number) for number in range(100)]
    source = make()
    pages = await settle(source)
    assert numbers(*pages) == list(range(60, 100))
    instance.publish(status(100))
    instance.publish(status(101))
    assert numbers(await source.fetch(pages[-1].cursor)) == [100, 101]


async def test_what_was_missed_is_read_page_by_page_with_no_hole(instance: Instance, make: Make) -> None:
    instance.statuses = [status(number) for number in range(10)]
    source = make()
    cursor = (await settle(source))[-1].cursor
    await source.aclose()
    for number in range(10, 150):
        instance.statuses.append(status(number))
    assert numbers(*await settle(make(), cursor)) == list(range(10, 150))


async def test_a_dropped_stream_is_opened_again_and_the_gap_filled(instance: Instance, make: Make) -> None:
    instance.statuses = [status(1)]
    source = make()
    cursor = (await settle(source))[-1].cursor
    instance.drop()
    instance.publish(status(2))
    with pytest.raises(RetryLater):
        await source.fetch(cursor)
    assert numbers(*await settle(source, cursor)) == [2]
    instance.publish(status(3))
    assert 3 in numbers(*await settle(source, cursor))


async def test_an_edit_is_another_version_and_a_deletion_has_no_text(instance: Instance, make: Make) -> None:
    source = make()
    cursor = (await settle(source))[-1].cursor
    instance.publish(status(1))
    first = await source.fetch(cursor)
    edited = status(1, "<p>Aurora Air found it</p>", edited_at="2026-11-20T11:59:00Z")
    instance.publish(edited, event="status.update")
    second = await source.fetch(first.cursor)
    instance.tell("delete", "1")
    third = await source.fetch(second.cursor)
    posts = [page.records[0].post for page in (first, second, third)]
    assert len({post.id for post in posts}) == 1
    assert posts[0].stamp != posts[1].stamp
    assert (posts[2].deleted, posts[2].text) == (True, "")


async def test_an_edit_that_leaves_no_words_is_a_deletion(instance: Instance, make: Make) -> None:
    source = make()
    cursor = (await settle(source))[-1].cursor
    instance.publish(status(1) | {"content": ""}, event="status.update")
    assert (await source.fetch(cursor)).records[0].post.deleted


async def test_a_deletion_is_understood_after_a_restart_but_not_of_what_was_never_heard(
    instance: Instance, make: Make
) -> None:
    instance.statuses = [status(1)]
    source = make()
    cursor = (await settle(source))[-1].cursor
    await source.aclose()
    again = make()
    cursor = (await settle(again, cursor))[-1].cursor
    instance.tell("delete", "1")
    instance.tell("delete", "999")
    page = await again.fetch(cursor)
    assert [record.post.native_id for record in page.records] == [status(1)["uri"]]
    assert page.dead_letters == []


async def test_the_cursor_remembers_a_bounded_number_of_statuses(instance: Instance, make: Make) -> None:
    source = make()
    cursor = (await settle(source))[-1].cursor
    for number in range(REMEMBERED + 200):
        instance.publish(status(number))
    pages = await settle(source, cursor)
    assert len(numbers(*pages)) == REMEMBERED + 200
    assert len(json.loads(pages[-1].cursor)["uris"]) == REMEMBERED


async def test_a_gap_between_pages_is_safe_when_ids_grow_longer(instance: Instance, make: Make) -> None:
    instance.statuses = [status(number) for number in (98, 99)]
    source = make()
    cursor = (await settle(source))[-1].cursor
    await source.aclose()
    instance.statuses += [status(number) for number in (100, 101)]
    assert numbers(*await settle(make(), cursor)) == [100, 101]


async def test_broken_events_are_dead_letters_and_the_rest_goes_on(instance: Instance, make: Make) -> None:
    source = make()
    cursor = (await settle(source))[-1].cursor
    for frame in (b"{", b"[]", b"\xff", b'{"event": 7}', b'{"event": "update", "payload": "{"}', b"7"):
        instance.say(frame)
    instance.tell("update", json.dumps({"id": "5"}))
    instance.say({"stream": ["hashtag", "auroraair"], "event": "update", "payload": status(6)})
    for other in ("notification", "filters_changed", "conversation", "announcement"):
        instance.tell(other, "{}")
    instance.publish(status(7))
    page = await source.fetch(cursor)
    assert numbers(page) == [6, 7]
    assert [letter.reason for letter in page.dead_letters] == [
        "bad_frame", "bad_frame", "bad_frame", "bad_frame", "bad_json", "bad_frame", "bad_status",
    ]  # fmt: skip


async def test_several_channels_share_one_connection(instance: Instance, make: Make) -> None:
    source = make(tags=["#AuroraAir", "BorealisJet", "auroraair"], streams=["public:local"])
    await settle(source)
    sockets = [query for path, query, _ in instance.asked if path == "/api/v1/streaming"]
    assert sockets == [{"stream": "hashtag", "tag": "auroraair"}]
    assert instance.subscribed == [
        {"type": "subscribe", "stream": "hashtag", "tag": "borealisjet"},
        {"type": "subscribe", "stream": "public:local"},
    ]
    polled = {(path, query.get("local")) for path, query, _ in instance.asked if "timelines" in path}
    assert polled == {
        ("/api/v1/timelines/tag/auroraair", None),
        ("/api/v1/timelines/tag/borealisjet", None),
        ("/api/v1/timelines/public", "true"),
    }


async def test_the_token_goes_into_the_header_and_nowhere_else(instance: Instance, make: Make) -> None:
    await settle(make())
    assert all(headers["authorization"] == f"Bearer {SECRET}" for _, _, headers in instance.asked)
    assert SECRET not in str([(path, query) for path, query, _ in instance.asked])


async def test_without_any_stream_it_polls_at_its_pace_and_tries_streaming_again_later(
    instance: Instance, make: Make, clock: Clock
) -> None:
    instance.ways = set()
    instance.statuses = [status(1)]
    source = make(poll_seconds=30)
    pages = [await source.fetch(None)]
    while not pages[-1].wait:
        pages.append(await source.fetch(pages[-1].cursor))
    assert numbers(*pages) == [1]
    assert pages[-1].wait == 30
    instance.statuses.append(status(2))
    pages = await settle(source, pages[-1].cursor)
    assert numbers(*pages) == [2]
    clock.advance(3601)
    instance.ways = {"websocket"}
    pages = await settle(source, pages[-1].cursor)
    instance.publish(status(3))
    assert numbers(await source.fetch(pages[-1].cursor)) == [3]


async def test_a_stream_that_keeps_hanging_up_is_given_up_for_polling(instance: Instance, make: Make) -> None:
    source, cursor = make(), None
    for _ in range(30):
        try:
            page = await source.fetch(cursor)
        except RetryLater:
            continue
        cursor = page.cursor
        if page.wait:
            break
        instance.drop()
    assert page.wait == 60


async def test_a_server_that_only_wants_a_token_for_streams_is_polled(instance: Instance, make: Make) -> None:
    instance.statuses = [status(1)]
    assert numbers(*await settle(make(token=None))) == [1]


async def test_an_error_told_on_the_stream_leads_to_another_way(instance: Instance, make: Make) -> None:
    instance.statuses = [status(1)]
    source = make()
    cursor = (await settle(source))[-1].cursor
    instance.say({"error": "Access token lacks rights", "status": 401})
    await source.fetch(cursor)
    instance.statuses.append(status(2))
    assert numbers(*await settle(source, cursor)) == [2]


@pytest.mark.parametrize(("code", "order"), [(401, SourceStopped), (403, SourceStopped), (410, SourceMisconfigured)])
async def test_a_server_that_refuses_us_stops_the_source(
    instance: Instance, make: Make, code: int, order: type[Exception]
) -> None:
    instance.refuse_with = code
    with pytest.raises(order) as caught:
        await make().fetch(None)
    assert SECRET not in str(caught.value)


async def test_a_timeline_that_wants_a_token_says_how_to_get_one(clock: Clock) -> None:
    async with scripted_server() as server, makes(server.url, clock) as make:
        server.answers = {"/api/v2/instance": Told(200, b"{}"), "/api/v1/timelines/tag/auroraair": Told(422, b"{}")}
        with pytest.raises(SourceStopped, match="read:statuses"):
            await settle(make(token=None))


async def test_check_names_the_server(instance: Instance, make: Make) -> None:
    sentence = await make().check()
    assert "(4.4.0) answers for 1 channels" in sentence
    assert f"ws://127.0.0.1:{instance.port}" in sentence


class Events:
    """A server with event streams and no WebSocket."""

    def __init__(self, server: ScriptedServer) -> None:
        self.statuses = [status(1)]
        self.queue: asyncio.Queue[bytes] = asyncio.Queue()
        server.answers = {
            "/api/v2/instance": Told(404),
            "/api/v1/instance": Told(200, b'{"urls": {"streaming_api": "ws://127.0.0.1"}}'),
            "/api/v1/timelines/tag/auroraair": self._timeline,
            "/api/v1/streaming/hashtag": Told(
                200, headers={"content-type": "text/event-stream"}, chunks=self._chunks
            ),
        }

    def _timeline(self, asked: Asked) -> Told:
        after = int(asked.query.get("min_id", "0"))
        return Told(200, json.dumps([one for one in self.statuses if int(one["id"]) > after]).encode())

    async def _chunks(self) -> AsyncIterator[bytes]:
        while True:
            yield await self.queue.get()


async def test_where_there_is_no_websocket_event_streams_are_read(clock: Clock) -> None:
    async with scripted_server() as server, makes(server.url, clock) as make:
        events = Events(server)
        source = make()
        pages = await settle(source)
        assert numbers(*pages) == [1]
        events.queue.put_nowait(b":thump\n\nevent: update\ndata: " + json.dumps(status(2)).encode() + b"\n\n")
        events.queue.put_nowait(b"event: delete\ndata: 1\n\n")
        found: list[Page] = []
        while len(numbers(*found)) < 2:
            found.append(await source.fetch((found or pages)[-1].cursor))
        posts = [record.post for page in found for record in page.records]
        assert [(post.native_id.rpartition("/")[2], post.deleted) for post in posts] == [("2", False), ("1", True)]
        asked = [one for one in server.asked if one.path == "/api/v1/streaming/hashtag"]
        assert asked[0].query == {"tag": "auroraair"}
        assert asked[0].headers["authorization"] == f"Bearer {SECRET}"


async def test_another_streaming_host_must_be_public_and_as_protected(instance: Instance, make: Make) -> None:
    instance.streaming = "ws://localhost:1"
    with pytest.raises(SourceMisconfigured, match="public internet"):
        await make().fetch(None)


async def test_another_streaming_host_is_used_where_it_is_public(instance: Instance, clock: Clock) -> None:
    async def resolve(host: str, port: int) -> list[str]:
        assert (host, port) == ("streaming.example", instance.port)
        return ["127.0.0.1"]

    instance.streaming = f"wss://streaming.example:{instance.port}"
    instance.statuses = [status(1)]
    async with makes(instance.url, clock, Guard(resolve=resolve, public=lambda _: True)) as make:
        assert numbers(*await settle(make())) == [1]
    assert len([path for path, _, _ in instance.asked if path == "/api/v1/streaming"]) == 1


async def test_a_page_that_is_no_timeline_is_retried(clock: Clock) -> None:
    async with scripted_server() as server, makes(server.url, clock) as make:
        server.answers = {
            "/api/v2/instance": Told(200, b"{}"),
            "/api/v1/timelines/tag/auroraair": Told(200, b"<html>"),
        }
        source = make()
        with pytest.raises(RetryLater, match="something else than a timeline"):
            await settle(source)


async def test_a_server_that_repeats_itself_does_not_hold_us_up(clock: Clock) -> None:
    async with scripted_server() as server, makes(server.url, clock) as make:
        page = json.dumps([status(1), status(2)]).encode()
        server.answers = {"/api/v2/instance": Told(200, b"{}"), "/api/v1/timelines/tag/auroraair": Told(200, page)}
        pages = await settle(make(), most=12)
        assert any(page.wait for page in pages)


async def test_a_refused_status_is_read_again(make: Make) -> None:
    source = make()

    def again(given: dict[str, Any]) -> Record | DeadLetter:
        letter = DeadLetter(
            source="masto", stage="fetch", reason="x", detail="", where="x", raw=json.dumps(given).encode(), at=NOON
        )
        return source.reread(letter)

    assert isinstance(again(status(1)), Record)
    for other in (status(1) | {"account": None}, status(1, visibility="private")):
        assert isinstance(again(other), DeadLetter)
