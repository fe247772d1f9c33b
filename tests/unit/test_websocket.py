import asyncio

import pytest
from websockets.asyncio.server import ServerConnection, serve
from websockets.http11 import Request, Response

from domain.errors import RetryLater, SourceMisconfigured
from ingest.guard import Guard
from ingest.websocket import LARGEST_FRAME, HandshakeRefused, open_websocket, site
from tests.kit.ingest import SECRET, Clock
from tests.kit.streams import Jetstream, answer, serving

CLOCK = Clock()


async def test_frames_are_gathered_up_to_a_number_or_for_a_time() -> None:
    async with serving(server := Jetstream(frames=[b"%d" % number for number in range(5)])):
        socket = await open_websocket(server.url, clock=CLOCK)
        frames: list[bytes] = []
        await socket.gather(frames, most=3, seconds=5)
        assert frames == [b"0", b"1", b"2"]
        await socket.gather(frames, most=100, seconds=0.1)
        assert frames == [b"0", b"1", b"2", b"3", b"4"]
        await socket.close()


async def test_a_cancelled_gathering_loses_no_frame() -> None:
    async with serving(server := Jetstream(frames=[b"1", b"2"])):
        socket = await open_websocket(server.url, clock=CLOCK)
        frames: list[bytes] = []
        task = asyncio.ensure_future(socket.gather(frames, most=9, seconds=5))
        await asyncio.sleep(0.05)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        server.say(b"3")
        await socket.gather(frames, most=3, seconds=5)
        assert frames == [b"1", b"2", b"3"]
        await socket.close()


async def test_what_came_before_the_end_is_given_first() -> None:
    async with serving(server := Jetstream(frames=[b"1"])):
        socket = await open_websocket(server.url, clock=CLOCK)
        frames: list[bytes] = []
        await socket.gather(frames, most=1, seconds=5)
        server.drop()
        await socket.gather(frames, most=2, seconds=5)
        assert frames == [b"1"]
        with pytest.raises(RetryLater, match="ended the stream"):
            await socket.gather([], most=1, seconds=5)
        with pytest.raises(RetryLater):
            await socket.send("x")
        await socket.close()


async def test_a_sender_is_held_back_while_nobody_reads() -> None:
    sent = 0

    async def flood(connection: ServerConnection) -> None:
        nonlocal sent
        while True:
            await connection.send("x" * 100_000)
            sent += 1

    async with serve(flood, "127.0.0.1", 0, ping_interval=None, compression=None, close_timeout=0.1) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        socket = await open_websocket(f"ws://127.0.0.1:{port}", clock=CLOCK)
        seen = -1
        while sent != seen:  # until it stands still
            seen = sent
            await asyncio.sleep(0.2)
        assert seen < 500
        await socket.close()


async def test_a_frame_over_the_limit_ends_the_connection() -> None:
    async with serving(server := Jetstream(frames=[b"x" * (LARGEST_FRAME + 1)])):
        socket = await open_websocket(server.url, clock=CLOCK)
        with pytest.raises(RetryLater):
            await socket.gather([], most=1, seconds=5)
        await socket.close()


@pytest.mark.parametrize("status", [400, 401, 403, 404, 429, 500, 503])
async def test_a_status_instead_of_a_handshake_is_told(status: int) -> None:
    async with serving(server := Jetstream(refuse_with=status)):
        with pytest.raises(HandshakeRefused) as caught:
            await open_websocket(server.url, clock=CLOCK, headers={"authorization": SECRET})
    assert caught.value.status == status
    assert SECRET not in str(caught.value)


async def test_the_wait_a_server_asks_for_is_passed_on() -> None:
    async with serving(server := Jetstream(failure="busy")):
        with pytest.raises(HandshakeRefused) as caught:
            await open_websocket(server.url, clock=CLOCK)
    assert caught.value.after == 7


async def test_a_redirect_is_a_refusal() -> None:
    async with serving(target := Jetstream()):

        def redirect(connection: ServerConnection, request: Request) -> Response:
            del connection, request
            return answer(302, b"", Location=target.url)

        async with serve(target.handle, "127.0.0.1", 0, process_request=redirect) as server:
            port = next(iter(server.sockets)).getsockname()[1]
            with pytest.raises(HandshakeRefused):
                await open_websocket(f"ws://127.0.0.1:{port}", clock=CLOCK, headers={"authorization": SECRET})
        assert target.asked == []


async def test_nobody_there_is_retried() -> None:
    async with serving(server := Jetstream()):
        url = server.url
    with pytest.raises(RetryLater, match="cannot be reached"):
        await open_websocket(url, clock=CLOCK)


@pytest.mark.parametrize(
    "url", ["http://x.example", "wss://", "ws://[", "nonsense", "wss://x.example:0", "wss://x.example:x"]
)
async def test_an_address_that_is_none_is_refused_without_repeating_it(url: str) -> None:
    with pytest.raises(SourceMisconfigured, match="wss://host/path"):
        await open_websocket(url, clock=CLOCK)


async def test_an_address_named_by_the_network_must_be_public() -> None:
    async with serving(server := Jetstream()):
        with pytest.raises(SourceMisconfigured, match="public internet"):
            await open_websocket(server.url, clock=CLOCK, outside=Guard())
        assert server.asked == []


async def test_an_address_named_by_the_network_is_connected_to_as_checked() -> None:
    async def resolve(host: str, port: int) -> list[str]:
        assert (host, port) == ("stream.example", server.port)
        return ["127.0.0.1"]

    async with serving(server := Jetstream(frames=[b"1"])):
        guard = Guard(resolve=resolve, public=lambda _: True)
        socket = await open_websocket(f"ws://stream.example:{server.port}/x", clock=CLOCK, outside=guard)
        assert server.asked[0][2]["host"] == f"stream.example:{server.port}"
        await socket.close()


@pytest.mark.parametrize(
    ("url", "named"),
    [
        (f"wss://user:{SECRET}@x.example/stream?token={SECRET}", "wss://x.example"),
        ("ws://[::1]:7/a", "ws://[::1]:7"),
    ],
)
def test_an_address_is_named_without_its_secrets(url: str, named: str) -> None:
    assert site(url) == named
