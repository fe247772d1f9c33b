"""The contract cases of X: its filtered stream, and its recent search."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal

from pydantic import SecretStr

from domain.brand import Brand
from ingest.source import Source
from ingest.x import Config, build
from ingest.x.stream import StreamSource
from tests.kit.ingest import HOSTILE_TEXT, HTML_BOMB, NOON, SECRET, Clock, Failure, Rig, SourceCase, polite_client
from tests.kit.scripted_http import Told, scripted_server
from tests.networks.x import X, snowflake, user

CONFIG: dict[str, Any] = {"kind": "x", "token": SECRET}
BRANDS = (Brand(name="Aurora Air", query='"Aurora Air"', accounts=("x:auroraair",)),)


def fail_as(network: X) -> Callable[[Failure | None], None]:
    """All failures that a contract case knows, as X tells them."""

    def fail(failure: Failure | None) -> None:
        network.token = "another" if failure == "revoked" else SECRET
        if failure:
            network.drop()
        down = Told(500, b"<h1>oops</h1>")
        reset = {"x-rate-limit-remaining": "0", "x-rate-limit-reset": f"{int(network.clock().timestamp()) + 7}"}
        told = {
            "busy": Told(429, b'{"title": "Too Many Requests", "type": "about:blank", "status": 429}', reset),
            "down": down,
            "flaky": down,
            "garbage": Told(200, b'{"data": {"no": "list"}}'),
            "huge": Told(200, b" " * 11_000_000),
        }.get(failure or "")
        network.server.misbehave(told, share=0.3 if failure in {"flaky", "huge"} else 1.0)

    return fail


def fill(network: X) -> set[str]:
    """Write posts of the last hours, among them what cannot be read; return the readable."""
    network.users = {"7": user("7", "ada"), "9": user("9", "auroraair")}
    for number in range(60):
        network.write(f"Aurora Air is late again, {number}", NOON - timedelta(minutes=2 * number + 2))
    late = NOON - timedelta(minutes=1)
    network.write(HOSTILE_TEXT, late)
    network.write(f"Aurora Air{HTML_BOMB}", late)
    network.write("Aurora Air " * 20_000, late)
    network.write("nul \x00 Aurora Air", late)
    network.write("Aurora Air, a half letter \ud800 of it", late, author="404")
    expected = set(network.posts)
    for odd in ({"id": "none", "text": "Aurora Air"}, {"id": snowflake(late, 77), "text": "Aurora Air"}, 7):
        network.posts[network.write("Aurora Air", late)].odd = odd
    return expected


def _start(via: Literal["stream", "search"]) -> Callable[[Path], AbstractAsyncContextManager[Rig]]:
    @asynccontextmanager
    async def start(_: Path) -> AsyncIterator[Rig]:
        clock = Clock()
        async with scripted_server() as server, polite_client(clock) as client:
            network = X(server, clock, SECRET, page=20, most_connections=100)
            expected = fill(network)
            config = Config(
                kind="x",
                via=via,
                token=SecretStr(SECRET),
                api=server.url,
                backlog_hours=168,
                requests=60_000,
                connects=60_000,
                daily_cap=1_000,
                monthly_cap=1_000,
            )

            def make() -> Source:
                if via == "search":
                    return build(config, client=client, clock=clock, brands=BRANDS)
                return StreamSource(config, client=client, clock=clock, brands=BRANDS, gather_seconds=0.1)

            def publish(count: int) -> list[str]:
                return [network.write(f"Aurora Air once more {number}") for number in range(count)]

            yield Rig(
                make=make,
                clock=clock,
                expected=expected,
                unreadable=3,
                publish=publish,
                fail=fail_as(network),
                edit=lambda native_id: network.edit(native_id, "Aurora Air, on second thoughts"),
                delete=network.delete,
            )

    return start


CASES = tuple(
    SourceCase(
        kind="x",
        way=via,
        start=_start(via),
        config={**CONFIG, "via": via},
        quiet=3 if via == "stream" else 1,
        key=True,
        edits=True,
        deletions=True,
        history=True,
    )
    for via in ("stream", "search")
)
