"""The polite client against a real server that is anything but polite."""

import asyncio
import gzip
import logging
from collections.abc import AsyncIterator
from datetime import timedelta
from email.utils import format_datetime

import pytest

from domain.errors import RetryLater, SourceError, SourceMisconfigured, SourceStopped
from ingest.bounded import AnswerTooLarge
from ingest.guard import Guard
from ingest.http import LARGEST_EVENT, HttpTransport, PoliteClient, StreamEvent, user_agent
from tests.kit.ingest import SECRET, Clock
from tests.kit.scripted_http import ScriptedServer, Told, scripted_server


@pytest.fixture
async def client(clock: Clock) -> AsyncIterator[PoliteClient]:
    client = PoliteClient(HttpTransport(), clock=clock)
    yield client
    await client.aclose()


async def test_an_answer_comes_whole_with_small_header_names(server: ScriptedServer, client: PoliteClient) -> None:
    server.answers["/a"] = Told(body=b"hello", headers={"ETag": 'W/"1"'})
    answer = await client.get(server.at("/a"), params={"q": "Аврора & co", "page": 2})
    assert (answer.status, answer.body, answer.headers["etag"], answer.moved) == (200, b"hello", 'W/"1"', "")
    assert server.asked[0].query == {"q": "Аврора & co", "page": "2"}
    assert server.asked[0].headers["user-agent"] == user_agent()


async def test_parameters_join_those_of_the_address(server: ScriptedServer, client: PoliteClient) -> None:
    server.answers["/a"] = Told()
    await client.get(server.at("/a?key=1"), params={"page": 2})
    assert server.asked[0].query == {"key": "1", "page": "2"}


@pytest.mark.parametrize(
    ("status", "order"),
    [
        (401, SourceStopped),
        (403, SourceStopped),
        (404, SourceMisconfigured),
        (410, SourceMisconfigured),
        (422, SourceMisconfigured),
        (408, RetryLater),
        (425, RetryLater),
        (429, RetryLater),
        (500, RetryLater),
        (503, RetryLater),
    ],
)
async def test_a_status_is_an_order(
    server: ScriptedServer, client: PoliteClient, status: int, order: type[SourceError]
) -> None:
    server.answers["/a"] = Told(status)
    with pytest.raises(order) as caught:
        await client.get(server.at(f"/a?token={SECRET}"))
    assert type(caught.value) is order
    assert SECRET not in str(caught.value)
    assert str(status) in str(caught.value)


async def test_an_accepted_status_is_given_back(server: ScriptedServer, client: PoliteClient) -> None:
    server.answers["/a"] = Told(410)
    assert (await client.get(server.at("/a"), accept_status=(304, 410))).status == 410


@pytest.mark.parametrize("status", [429, 503])
async def test_retry_after_is_obeyed_as_seconds_and_as_a_date(
    server: ScriptedServer, client: PoliteClient, clock: Clock, status: int
) -> None:
    for dated in (False, True):
        asked = format_datetime(clock() + timedelta(seconds=7), usegmt=True) if dated else "7"
        server.answers["/a"] = Told(status, headers={"retry-after": asked})
        with pytest.raises(RetryLater) as caught:
            await client.get(server.at("/a"))
        assert caught.value.after == 7
        clock.advance(8)


async def test_nobody_asks_while_the_network_wants_peace(
    server: ScriptedServer, client: PoliteClient, clock: Clock
) -> None:
    server.answers["/a"] = Told(429, headers={"retry-after": "60"})
    server.answers["/b"] = Told(body=b"ok")
    with pytest.raises(RetryLater):
        await client.get(server.at("/a"), limiter_key="the credential")
    with pytest.raises(RetryLater) as caught:
        await client.get(server.at("/b"), limiter_key="the credential")
    assert caught.value.after == 60
    assert len(server.asked) == 1
    assert (await client.get(server.at("/b"), limiter_key="another")).body == b"ok"
    clock.advance(60)
    assert (await client.get(server.at("/b"), limiter_key="the credential")).body == b"ok"


async def test_the_last_allowed_request_is_followed_by_a_pause(
    server: ScriptedServer, client: PoliteClient, clock: Clock
) -> None:
    reset = (clock() + timedelta(seconds=30)).isoformat()
    server.answers["/a"] = Told(headers={"x-ratelimit-remaining": "0", "x-ratelimit-reset": reset})
    await client.get(server.at("/a"))
    with pytest.raises(RetryLater) as caught:
        await client.get(server.at("/a"))
    assert caught.value.after == 30


async def test_a_host_is_asked_one_thing_at_a_time(server: ScriptedServer, client: PoliteClient) -> None:
    at_once = [0]

    async def slow() -> AsyncIterator[bytes]:
        at_once.append(at_once[-1] + 1)
        await asyncio.sleep(0.02)
        at_once.append(at_once[-1] - 1)
        yield b"."

    server.answers["/a"] = Told(chunks=slow)
    await asyncio.gather(*(client.get(server.at("/a")) for _ in range(4)))
    assert max(at_once) == 1
    assert len(server.asked) == 4


async def test_the_rate_of_a_credential_is_kept(server: ScriptedServer, client: PoliteClient) -> None:
    server.answers["/a"] = Told()
    client.limit("slow", requests=2, seconds=3_600)
    for _ in range(2):
        await client.get(server.at("/a"), limiter_key="slow")
    third = asyncio.ensure_future(client.get(server.at("/a"), limiter_key="slow"))
    await client.get(server.at("/a"))
    assert not third.done()
    third.cancel()
    await asyncio.gather(third, return_exceptions=True)
    assert len(server.asked) == 3


async def test_redirects_are_followed_and_a_permanent_one_is_reported(
    server: ScriptedServer, client: PoliteClient
) -> None:
    server.answers["/a"] = Told(301, headers={"location": "/b"})
    server.answers["/b"] = Told(308, headers={"location": "/c"})
    server.answers["/c"] = Told(302, headers={"location": "/d"})
    server.answers["/d"] = Told(body=b"here")
    answer = await client.get(server.at("/a"))
    assert (answer.body, answer.url, answer.moved) == (b"here", server.at("/d"), server.at("/c"))


async def test_a_permanent_move_behind_a_passing_one_is_not_believed(
    server: ScriptedServer, client: PoliteClient
) -> None:
    server.answers["/a"] = Told(302, headers={"location": "/b"})
    server.answers["/b"] = Told(301, headers={"location": "/c"})
    server.answers["/c"] = Told()
    assert (await client.get(server.at("/a"))).moved == ""


async def test_a_circle_of_redirects_ends(server: ScriptedServer, client: PoliteClient) -> None:
    server.answers["/a"] = Told(302, headers={"location": "/a"})
    with pytest.raises(RetryLater, match="redirects more than 5 times"):
        await client.get(server.at("/a"))
    assert len(server.asked) == 6


@pytest.mark.parametrize("target", ["file:///etc/passwd", "ftp://x/", "gopher://x", "//[", "data:text/plain,x"])
async def test_a_redirect_out_of_the_web_is_refused(
    server: ScriptedServer, client: PoliteClient, target: str
) -> None:
    server.answers["/a"] = Told(302, headers={"location": target})
    with pytest.raises(SourceMisconfigured):
        await client.get(server.at("/a"))


async def test_a_redirect_to_a_private_address_is_refused(server: ScriptedServer, client: PoliteClient) -> None:
    async with scripted_server() as inner:
        inner.answers["/"] = Told(body=b"the crown jewels")
        server.answers["/a"] = Told(302, headers={"location": inner.at("/")})
        with pytest.raises(SourceMisconfigured, match="does not lead to the public internet"):
            await client.get(server.at("/a"))
        assert inner.asked == []


async def test_an_address_of_the_operator_may_be_private_and_one_from_outside_may_not(
    server: ScriptedServer, client: PoliteClient
) -> None:
    server.answers["/a"] = Told(body=b"mine")
    assert (await client.get(server.at("/a"))).body == b"mine"
    with pytest.raises(SourceMisconfigured):
        await client.get(server.at("/a"), outside=True)


async def test_the_address_that_was_checked_is_the_one_connected_to(server: ScriptedServer, clock: Clock) -> None:
    """A name that leads to a public address when checked and to a private one a moment later."""
    looked_up: list[str] = []

    async def resolve(host: str, _: int) -> list[str]:
        looked_up.append(host)
        return ["127.0.0.1"]

    server.answers["/a"] = Told(body=b"checked")
    guard = Guard(resolve=resolve, public=lambda address: address == "127.0.0.1")
    client = PoliteClient(HttpTransport(guard=guard), clock=clock)
    port = server.url.rpartition(":")[2]
    answer = await client.get(f"http://feeds.aurora.invalid:{port}/a", outside=True)
    await client.aclose()
    assert answer.body == b"checked", "the name cannot be resolved by the system: only the checked address was used"
    assert looked_up == ["feeds.aurora.invalid"]
    assert server.asked[0].headers["host"] == f"feeds.aurora.invalid:{port}"


async def test_a_second_address_is_tried_when_the_first_is_silent(server: ScriptedServer, clock: Clock) -> None:
    async def resolve(_: str, __: int) -> list[str]:
        return ["127.0.0.2", "127.0.0.1"]

    server.answers["/a"] = Told(body=b"here")
    client = PoliteClient(HttpTransport(guard=Guard(resolve=resolve, public=lambda _: True)), clock=clock)
    port = server.url.rpartition(":")[2]
    assert (await client.get(f"http://feeds.aurora.invalid:{port}/a", outside=True)).body == b"here"
    await client.aclose()


async def test_credentials_do_not_follow_a_redirect_to_another_site(server: ScriptedServer, clock: Clock) -> None:
    async def resolve(_: str, __: int) -> list[str]:
        return ["127.0.0.1"]

    client = PoliteClient(HttpTransport(guard=Guard(resolve=resolve, public=lambda _: True)), clock=clock)
    async with scripted_server() as other:
        other.answers["/b"] = Told()
        server.answers["/a"] = Told(302, headers={"location": other.at("/b").replace("127.0.0.1", "other.invalid")})
        await client.get(server.at("/a"), headers={"Authorization": SECRET, "Cookie": SECRET, "Accept": "text/x"})
        assert server.asked[0].headers["authorization"] == SECRET
        assert "authorization" not in other.asked[0].headers
        assert "cookie" not in other.asked[0].headers
        assert other.asked[0].headers["accept"] == "text/x"
    await client.aclose()


async def test_cookies_are_not_kept(server: ScriptedServer, client: PoliteClient) -> None:
    server.answers["/a"] = Told(headers={"set-cookie": "follow=me; Path=/"})
    await client.get(server.at("/a"))
    await client.get(server.at("/a"))
    assert "cookie" not in server.asked[1].headers


async def test_an_answer_is_cut_at_its_limit_after_decompression(
    server: ScriptedServer, client: PoliteClient
) -> None:
    bomb = gzip.compress(b"<item>" * 1_000_000)
    server.answers["/a"] = Told(body=bomb, headers={"content-encoding": "gzip"})
    with pytest.raises(AnswerTooLarge, match="more than 1000 bytes") as caught:
        await client.get(server.at("/a"), max_bytes=1_000)
    assert caught.value.head.startswith(b"<item>")
    assert len(bomb) < 100_000


async def test_a_packed_answer_within_the_limit_is_unpacked(server: ScriptedServer, client: PoliteClient) -> None:
    server.answers["/a"] = Told(body=gzip.compress(b"x" * 1_000), headers={"content-encoding": "gzip"})
    assert (await client.get(server.at("/a"), max_bytes=1_000)).body == b"x" * 1_000


@pytest.mark.parametrize(
    ("body", "encoding"),
    [(b"not gzip", "gzip"), (gzip.compress(b"x" * 1_000)[:-10], "gzip"), (b"x", "br"), (b"x", "gzip, gzip")],
    ids=["not packed", "cut short", "unknown", "twice"],
)
async def test_broken_or_unasked_compression_is_tried_again(
    server: ScriptedServer, client: PoliteClient, body: bytes, encoding: str
) -> None:
    server.answers["/a"] = Told(body=body, headers={"content-encoding": encoding})
    with pytest.raises(RetryLater):
        await client.get(server.at("/a"))


async def test_an_answer_that_never_ends_is_given_up(server: ScriptedServer, client: PoliteClient) -> None:
    async def drip() -> AsyncIterator[bytes]:
        while True:
            yield b"<item/>"
            await asyncio.sleep(0.01)

    server.answers["/a"] = Told(chunks=drip)
    with pytest.raises(RetryLater, match=r"did not finish its answer within 0\.2 s"):
        await client.get(server.at("/a"), timeout=0.2)


async def test_an_answer_broken_off_is_tried_again(server: ScriptedServer, client: PoliteClient) -> None:
    server.answers["/a"] = Told(body=b"half", headers={"content-length": "8"})
    with pytest.raises(RetryLater, match="broke off"):
        await client.get(server.at("/a"))


async def test_a_closed_door_is_tried_again(client: PoliteClient) -> None:
    with pytest.raises(RetryLater, match=r"http://127\.0\.0\.1:1 cannot be reached") as caught:
        await client.get(f"http://user:{SECRET}@127.0.0.1:1/bot{SECRET}/?token={SECRET}")
    assert SECRET not in repr(caught.value)


@pytest.mark.parametrize("url", ["ftp://x/", "", "x", "http://", "http://[::1", "http://host:port/", "/etc/passwd"])
async def test_what_is_no_web_address_is_refused(client: PoliteClient, url: str) -> None:
    with pytest.raises(SourceMisconfigured, match="not an http or https address"):
        await client.get(url)


async def test_an_address_with_control_characters_is_refused(client: PoliteClient) -> None:
    with pytest.raises(SourceMisconfigured):
        await client.get("http://127.0.0.1/\x00", params={"a": 1})


async def test_libraries_do_not_write_addresses_to_the_log(
    server: ScriptedServer, client: PoliteClient, caplog: pytest.LogCaptureFixture
) -> None:
    server.answers["/a"] = Told()
    with caplog.at_level(logging.DEBUG):
        await client.get(server.at(f"/a?token={SECRET}"), headers={"authorization": SECRET})
    assert SECRET not in caplog.text


async def test_a_post_is_sent_and_its_redirect_is_not_followed(server: ScriptedServer, client: PoliteClient) -> None:
    server.answers["/a"] = lambda asked: Told(body=asked.method.encode() + asked.body)
    assert (await client.request("POST", server.at("/a"), content=b"!")).body == b"POST!"
    server.answers["/b"] = Told(307, headers={"location": "/a"})
    with pytest.raises(SourceMisconfigured):
        await client.request("POST", server.at("/b"), content=b"!")


def _stream(*chunks: bytes) -> Told:
    async def send() -> AsyncIterator[bytes]:
        for chunk in chunks:
            yield chunk

    return Told(headers={"content-type": "text/event-stream; charset=utf-8"}, chunks=send)


async def test_an_event_stream_gives_its_events(server: ScriptedServer, client: PoliteClient) -> None:
    server.answers["/a"] = _stream(b":thump\n\nevent: update\nid: 5\nda", b'ta: {"a":\ndata: 1}\n\ndata: x\r\n\r\n')
    events = [event async for event in client.stream_sse(server.at("/a"), headers={"authorization": "t"})]
    assert events == [StreamEvent("update", '{"a":\n1}', "5"), StreamEvent("message", "x", "5")]
    assert server.asked[0].headers["authorization"] == "t"
    assert server.asked[0].headers["accept"] == "text/event-stream"


@pytest.mark.parametrize(
    ("told", "order"),
    [
        (Told(401), SourceStopped),
        (Told(404), SourceMisconfigured),
        (Told(429, headers={"retry-after": "9"}), RetryLater),
        (Told(500), RetryLater),
        (Told(200, b"<html>"), SourceMisconfigured),
        (_stream(b"data: " + b"x" * (LARGEST_EVENT + 1)), AnswerTooLarge),
    ],
)
async def test_an_event_stream_that_is_none_is_an_order(
    server: ScriptedServer, client: PoliteClient, told: Told, order: type[SourceError]
) -> None:
    server.answers["/a"] = told
    with pytest.raises(order):
        await anext(client.stream_sse(server.at("/a")))


async def test_an_open_stream_does_not_keep_others_from_the_host(
    server: ScriptedServer, client: PoliteClient
) -> None:
    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield b"data: x\n\n"
            await asyncio.sleep(0.01)

    server.answers["/stream"] = Told(headers={"content-type": "text/event-stream"}, chunks=endless)
    server.answers["/a"] = Told(body=b"ok")
    stream = client.stream_sse(server.at("/stream"))
    await anext(stream)
    assert (await client.get(server.at("/a"))).body == b"ok"
    await stream.aclose()
