import json
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from pydantic import ValidationError

from domain.dead_letter import DeadLetter
from domain.errors import RetryLater, SourceError, SourceMisconfigured, SourceStopped
from domain.post import Post, Record
from ingest.bluesky import BlueskySource, Config
from ingest.bluesky.parse import read_frame, read_post
from tests.kit.cases_bluesky import HOUR_AGO_US
from tests.kit.ingest import NOON, Clock
from tests.kit.streams import Jetstream, frame, serving

HEARD = datetime.fromtimestamp(HOUR_AGO_US / 1e6, UTC)


def sky(*servers: Jetstream, clock: Clock | None = None, page_size: int = 500) -> BlueskySource:
    urls = tuple(server.url for server in servers)
    config = Config(kind="bluesky", name="sky", urls=urls, page_size=page_size)
    return BlueskySource(config, clock=clock or Clock(), gather_seconds=0.1)


@pytest.fixture
async def jetstream() -> AsyncIterator[Jetstream]:
    async with serving(server := Jetstream()):
        yield server


def parsed(given: dict[str, Any]) -> Post | None:
    return read_post(read_frame(json.dumps(given).encode()), source="sky", collected_at=NOON)


def post_of(**record: Any) -> Post:
    found = parsed(frame(HOUR_AGO_US, "abc", **{"text": "Aurora Air"} | record))
    assert found is not None
    return found


def test_a_post_is_read_with_its_address_author_language_and_parent() -> None:
    parent = "at://did:plc:x/app.bsky.feed.post/1"
    post = post_of(createdAt="2026-11-20T10:58:00.000Z", langs=["pt-BR", "en"], reply={"parent": {"uri": parent}})
    assert post.native_id == "at://did:plc:abc/app.bsky.feed.post/abc"
    assert post.url == "https://bsky.app/profile/did:plc:abc/post/abc"
    assert (post.author.id, post.lang, post.kind, post.reply_to) == ("did:plc:abc", "pt", "comment", parent)
    assert post.created_at == datetime(2026, 11, 20, 10, 58, tzinfo=UTC)
    assert post.observed_at == HEARD
    assert post.version


@pytest.mark.parametrize(
    "claim", ["1988-05-05T00:00:00Z", "2031-01-01T00:00:00Z", "2026-11-20T11:06:00Z", "yesterday", "", None, 7, []]
)
def test_a_time_that_cannot_be_true_gives_way_to_when_it_was_heard(claim: object) -> None:
    assert post_of(createdAt=claim).created_at == HEARD


def test_an_edit_is_another_version_of_the_same_post() -> None:
    new, edited = parsed(frame(1, "a", text="x")), parsed(frame(2, "a", operation="update", text="xy"))
    assert new is not None
    assert edited is not None
    assert new.id == edited.id
    assert new.version != edited.version
    assert edited.edited_at is not None


def test_a_deletion_is_an_event_without_text() -> None:
    gone = parsed(frame(HOUR_AGO_US, "a", operation="delete"))
    assert gone is not None
    assert (gone.deleted, gone.text, gone.native_id) == (True, "", "at://did:plc:abc/app.bsky.feed.post/a")


def test_an_edit_that_leaves_no_words_is_a_deletion() -> None:
    gone = parsed(frame(1, "a", operation="update", text=" "))
    assert gone is not None
    assert gone.deleted


def test_of_a_post_without_words_the_pictures_are_described_and_the_link_is_called() -> None:
    images = {"images": [{"alt": "Aurora Air plane"}, {"alt": ""}, 7]}
    assert post_of(text="", embed=images).text == "Aurora Air plane"
    assert post_of(text="", embed={"external": {"title": "Aurora Air in court"}}).text == "Aurora Air in court"
    assert parsed(frame(1, "a", text="", embed={"images": {}})) is None


@pytest.mark.parametrize(
    "other",
    [
        {"did": "did:plc:abc", "time_us": 5, "kind": "identity", "identity": {}},
        {"did": "did:plc:abc", "time_us": 5, "kind": "account", "account": {"active": False, "status": "deleted"}},
        frame(5, "a", text="x")
        | {"commit": {"operation": "create", "collection": "app.bsky.feed.like", "rkey": "a"}},
        frame(5, "a", operation="splice", text="x"),
    ],
)
def test_frames_about_something_else_are_passed_over(other: dict[str, Any]) -> None:
    assert parsed(other) is None


async def test_broken_frames_are_dead_letters_and_the_rest_goes_on(jetstream: Jetstream) -> None:
    broken: Sequence[bytes | dict[str, Any]] = [
        b"", b"[]", b"{", b"\xff", b"[" * 20_000,
        {"did": "nobody", "time_us": 5, "kind": "commit"},
        frame(10**30, "a", text="x"), frame(-1, "a", text="x"), frame(5, "../a", text="x"),
        frame(5, "a"), frame(5, "b", text=7),
        frame(5, "c") | {"commit": {"operation": "create", "collection": "app.bsky.feed.post", "rkey": "c"}},
    ]  # fmt: skip
    for one in broken:
        jetstream.publish(one)
    jetstream.publish(frame(9, "good", text="Aurora Air"))
    source = sky(jetstream)
    page = await source.fetch(None)
    assert [record.post.native_id.rpartition("/")[2] for record in page.records] == ["good"]
    assert len(page.dead_letters) == len(broken)
    assert {letter.reason for letter in page.dead_letters} == {"bad_frame", "bad_record"}
    await source.aclose()


async def test_it_goes_on_from_the_last_event_and_only_the_last_comes_again(jetstream: Jetstream) -> None:
    for number in range(6):
        jetstream.publish(frame(1000 + number, f"k{number}", text="Aurora Air"))
    source = sky(jetstream, page_size=4)
    first = await source.fetch(None)
    await source.aclose()
    again = sky(jetstream)
    second = await again.fetch(first.cursor)
    await again.aclose()
    keys = [record.post.native_id.rpartition("/")[2] for record in second.records]
    assert keys == ["k3", "k4", "k5"]
    assert jetstream.asked[-1][1]["cursor"] == "1003"


async def test_other_frames_move_the_cursor_too(jetstream: Jetstream) -> None:
    jetstream.publish({"did": "did:plc:abc", "time_us": 77, "kind": "identity"})
    source = sky(jetstream)
    assert msgspec.json.decode((await source.fetch(None)).cursor)["time_us"] == 77
    await source.aclose()


async def test_a_dropped_connection_is_retried_from_the_cursor(jetstream: Jetstream) -> None:
    jetstream.publish(frame(1000, "a", text="Aurora Air"))
    source = sky(jetstream)
    page = await source.fetch(None)
    jetstream.drop()
    with pytest.raises(RetryLater):
        await source.fetch(page.cursor)
    jetstream.publish(frame(1001, "b", text="Aurora Air"))
    page = await source.fetch(page.cursor)
    assert [record.post.native_id.rpartition("/")[2] for record in page.records] == ["a", "b"]
    await source.aclose()


async def test_another_server_is_asked_for_a_few_seconds_more(jetstream: Jetstream) -> None:
    async with serving(other := Jetstream()):
        jetstream.publish(frame(60_000_000, "a", text="Aurora Air"))
        source = sky(jetstream, other)
        page = await source.fetch(None)
        jetstream.refuse_with = 503
        jetstream.drop()
        with pytest.raises(RetryLater):
            await source.fetch(page.cursor)
        await source.fetch(page.cursor)
        assert other.asked[-1][1]["cursor"] == str(60_000_000 - 5_000_000)
        await source.aclose()


async def test_a_server_that_is_down_is_passed_over_at_once(jetstream: Jetstream) -> None:
    async with serving(down := Jetstream(refuse_with=500)):
        jetstream.publish(frame(5, "a", text="Aurora Air"))
        source = sky(down, jetstream)
        assert len((await source.fetch(None)).records) == 1
        await source.aclose()


@pytest.mark.parametrize(
    ("statuses", "order"),
    [
        ((404, 404), SourceMisconfigured),
        ((401, 403), SourceStopped),
        ((404, 503), RetryLater),
        ((429, 500), RetryLater),
    ],
)
async def test_when_all_refuse_it_stops_unless_one_may_get_better(
    statuses: tuple[int, int], order: type[SourceError]
) -> None:
    async with serving(one := Jetstream(refuse_with=statuses[0])), serving(two := Jetstream(refuse_with=statuses[1])):
        with pytest.raises(order):
            await sky(one, two).fetch(None)


async def test_only_posts_are_asked_for_and_none_too_large(jetstream: Jetstream) -> None:
    source = sky(jetstream)
    await source.fetch(None)
    assert jetstream.asked[0][1] == {"wantedCollections": "app.bsky.feed.post", "maxMessageSizeBytes": "1000000"}
    await source.aclose()


async def test_an_older_cursor_is_gone_back_to(jetstream: Jetstream) -> None:
    for number in range(6):
        jetstream.publish(frame(1000 + number, f"k{number}", text="Aurora Air"))
    source = sky(jetstream, page_size=2)
    first = await source.fetch(None)
    second = await source.fetch(first.cursor)
    again = await source.fetch(first.cursor)
    assert {record.post.id for record in second.records} & {record.post.id for record in again.records}
    await source.aclose()


async def test_a_place_older_than_the_servers_keep_is_said_to_be_a_gap(
    jetstream: Jetstream, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    clock = Clock()
    jetstream.publish(frame(int((clock() - timedelta(hours=40)).timestamp() * 1e6), "a", text="Aurora Air"))
    first = sky(jetstream, clock=clock)
    cursor = (await first.fetch(None)).cursor
    await first.aclose()
    second = sky(jetstream, clock=clock)
    await second.fetch(cursor)
    await second.aclose()
    assert "gap" in caplog.text + capsys.readouterr().out


async def test_check_waits_for_an_event(jetstream: Jetstream) -> None:
    jetstream.publish(frame(5, "a", text="Aurora Air"))
    assert "posts are coming" in await sky(jetstream).check()
    jetstream.refuse_with = 404
    with pytest.raises(SourceMisconfigured):
        await sky(jetstream).check()


@pytest.mark.parametrize("urls", [(), ("https://x.example",), ("wss://x.example/subscribe?cursor=1",), ("x",)])
def test_wrong_addresses_are_refused(urls: tuple[str, ...]) -> None:
    with pytest.raises(ValidationError):
        Config(kind="bluesky", name="sky", urls=urls)


def test_a_refused_frame_is_read_again() -> None:
    source = BlueskySource(Config(kind="bluesky", name="sky"), clock=Clock())

    def again(given: dict[str, Any]) -> Record | DeadLetter:
        letter = DeadLetter(
            source="sky",
            stage="fetch",
            reason="bad_frame",
            detail="",
            where="x",
            raw=json.dumps(given).encode(),
            at=NOON,
        )
        return source.reread(letter)

    assert isinstance(again(frame(5, "a", text="Aurora Air")), Record)
    for other in (frame(5, "a"), frame(5, "a", text="")):
        assert isinstance(again(other), DeadLetter)


async def test_its_past_ends_at_the_moment_it_was_asked_for(jetstream: Jetstream) -> None:
    noon = int(NOON.timestamp() * 1e6)
    for place in range(-3, 3):
        jetstream.publish(frame(noon + place, f"p{place}", text="Aurora Air"))
    source = sky(jetstream, page_size=2)
    past = source.history(NOON - timedelta(hours=1), name="past")
    pages = [await past.fetch(None)]
    while not pages[-1].exhausted:
        pages.append(await past.fetch(pages[-1].cursor))
    heard = [record.post.native_id.rpartition("/")[2] for page in pages for record in page.records]
    assert heard == ["p-3", "p-2", "p-1", "p0"]
    assert not any(page.troubles for page in pages)
    await past.aclose()


async def test_a_past_beyond_what_the_servers_keep_is_spoken_of_once(jetstream: Jetstream) -> None:
    jetstream.publish(frame(HOUR_AGO_US, "a", text="Aurora Air"))
    past = sky(jetstream).history(NOON - timedelta(days=30), name="past")
    first = await past.fetch(None)
    second = await past.fetch(first.cursor)
    assert first.troubles == [
        "the servers of Bluesky keep 36 hours: nothing from before 2026-11-19 00:00 UTC is told"
    ]
    assert (second.troubles, second.exhausted) == ([], True)
    await past.aclose()
