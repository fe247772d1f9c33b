"""A stream of lines from a real server: JSON a line, empty lines as signs of life."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from domain.errors import RetryLater, SourceError, SourceStopped
from domain.transport import Reply
from ingest.bounded import AnswerTooLarge
from ingest.http import LARGEST_EVENT, HttpTransport, PoliteClient
from tests.kit.ingest import SECRET, Clock
from tests.kit.scripted_http import ScriptedServer, Told


@pytest.fixture
async def client(clock: Clock) -> AsyncIterator[PoliteClient]:
    client = PoliteClient(HttpTransport(), clock=clock)
    yield client
    await client.aclose()


def pieces(*chunks: bytes, then: float = 0.0) -> Told:
    """An answer in pieces; it stays open for so long after the last."""

    async def tell() -> AsyncIterator[bytes]:
        for chunk in chunks:
            yield chunk
            await asyncio.sleep(0.01)
        await asyncio.sleep(then)

    return Told(chunks=tell)


async def heard(client: PoliteClient, url: str, *, silence: float = 5.0) -> list[bytes]:
    return [line async for line in client.stream_lines(url, silence=silence)]


async def test_lines_come_whole_however_they_are_cut(server: ScriptedServer, client: PoliteClient) -> None:
    server.answers["/s"] = pieces(b'{"a"', b":1}\r", b"\n\r\n", b"\n{}\n[", b"]\n")
    assert await heard(client, server.at("/s")) == [b'{"a":1}', b"{}", b"[]"]


async def test_what_a_broken_stream_leaves_unended_is_no_line(server: ScriptedServer, client: PoliteClient) -> None:
    server.answers["/s"] = pieces(b'{"a":1}\n{"b"')
    assert await heard(client, server.at("/s")) == [b'{"a":1}']


async def test_silence_ends_the_stream_and_signs_of_life_keep_it(
    server: ScriptedServer, client: PoliteClient
) -> None:
    server.answers["/alive"] = pieces(*[b"\r\n"] * 30, b"{}\n")
    assert await heard(client, server.at("/alive"), silence=0.2) == [b"{}"]
    server.answers["/s"] = pieces(b"{}\n", then=5)
    with pytest.raises(RetryLater, match="silent"):
        await heard(client, server.at("/s"), silence=0.2)


async def test_a_line_without_end_is_given_up(server: ScriptedServer, client: PoliteClient) -> None:
    server.answers["/s"] = pieces(b"{}\n", *[b"x" * 300_000] * (LARGEST_EVENT // 300_000 + 1))
    with pytest.raises(AnswerTooLarge):
        await heard(client, server.at("/s"))


@pytest.mark.parametrize(("status", "order"), [(401, SourceStopped), (429, RetryLater), (503, RetryLater)])
async def test_a_refusal_is_an_order(
    server: ScriptedServer, client: PoliteClient, status: int, order: type[SourceError]
) -> None:
    server.answers["/s"] = Told(status, headers={"retry-after": "7"})
    with pytest.raises(order) as caught:
        await heard(client, server.at(f"/s?token={SECRET}"))
    assert SECRET not in str(caught.value)


async def test_the_head_is_shown_at_once_and_a_refusal_with_its_words(
    server: ScriptedServer, client: PoliteClient
) -> None:
    shown: list[Reply] = []
    server.answers["/s"] = Told(429, b"too many connections")
    with pytest.raises(RetryLater):
        await anext(client.stream_lines(server.at("/s"), shown=shown.append))
    server.answers["/s"] = pieces(then=5)
    waiting = asyncio.ensure_future(anext(client.stream_lines(server.at("/s"), shown=shown.append)))
    while len(shown) < 2:
        await asyncio.sleep(0.01)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    assert [(head.status, head.body) for head in shown] == [(429, b"too many connections"), (200, b"")]


async def test_the_head_may_be_answered_with_an_order(server: ScriptedServer, client: PoliteClient) -> None:
    def judge(reply: Reply) -> None:
        raise SourceStopped(f"no more of {reply.body.decode()}")

    server.answers["/s"] = Told(403, b"this")
    with pytest.raises(SourceStopped, match="no more of this"):
        await anext(client.stream_lines(server.at("/s"), shown=judge))
