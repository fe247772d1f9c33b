"""The contract case of Reddit: subreddits with their comments, and its search."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from domain.brand import Brand
from ingest.reddit import Config, build
from tests.kit.ingest import HOSTILE_TEXT, HTML_BOMB, NOON, SECRET, Clock, Failure, Rig, SourceCase, polite_client
from tests.kit.scripted_http import Told, scripted_server
from tests.networks.reddit import Reddit, refusal

CONFIG: dict[str, Any] = {
    "kind": "reddit", "client_id": "app", "client_secret": SECRET, "username": "aurora_press",
    "subreddits": ["travel"],
}  # fmt: skip
BRANDS = (Brand(name="Aurora Air", query='"Aurora Air"', accounts=("reddit:auroraair",)),)


def fail_as(network: Reddit) -> Callable[[Failure | None], None]:
    """All failures that a contract case knows, as Reddit tells them."""

    def fail(failure: Failure | None) -> None:
        network.secret = "another" if failure == "revoked" else SECRET
        if failure == "revoked":
            network.tokens.clear()
        down = Told(503, b"<h1>our CDN was unable to reach our servers</h1>")
        busy = refusal(429, "Too Many Requests")
        told = {
            "busy": Told(429, busy.body, {"x-ratelimit-remaining": "0.0", "x-ratelimit-reset": "7"}),
            "down": Told(500, down.body),
            "flaky": down,
            "garbage": Told(200, b'{"kind": "Listing", "data": 7}'),
            "huge": Told(200, b" " * 11_000_000),
        }.get(failure or "")
        network.server.misbehave(told, share=0.3 if failure in {"flaky", "huge"} else 1.0)

    return fail


def fill(network: Reddit) -> set[str]:
    """Write posts and comments of the last day, among them what cannot be read; return the readable."""
    for number in range(30):
        at = NOON - timedelta(minutes=40 * number + 30)
        link = network.write(f"Aurora Air is late again, {number}", "Two hours.", at=at)
        network.comment(link, f"Same with Aurora Air, {number}", at=at + timedelta(minutes=5))
    late = NOON - timedelta(minutes=3)
    network.write("Aurora Air", HOSTILE_TEXT, at=late)
    network.write("Aurora Air", HTML_BOMB, at=late)
    network.comment(link, "Aurora Air " * 20_000, at=late)
    network.comment(link, "nul \x00 Aurora Air", at=late)
    network.comment(link, "Aurora Air, a half letter \ud800 of it", at=late)
    network.write("Aurora Air elsewhere", at=late, subreddit="flying")
    network.write("Aurora Air, the rules of this place", at=NOON - timedelta(days=90), stickied=True)
    expected = set(network.things) - {list(network.things)[-1]}
    for odd in ({"kind": "t3", "data": {"name": "t3_x"}}, {"kind": "more", "data": {}}, 7):
        network.odd[network.write("Aurora Air", at=late)] = odd
    return expected


@asynccontextmanager
async def _start(_: Path) -> AsyncIterator[Rig]:
    clock = Clock()
    async with scripted_server() as server, polite_client(clock) as client:
        network = Reddit(server, clock, "app", SECRET, size=20)
        expected = fill(network)
        config = Config(
            kind="reddit",
            client_id="app",
            client_secret=SecretStr(SECRET),
            username="aurora_press",
            subreddits=("travel",),
            api=server.url,
            auth=server.url,
            requests_a_minute=60_000,
        )

        def publish(count: int) -> list[str]:
            return [network.write("Aurora Air once more", f"{number}") for number in range(count)]

        yield Rig(
            make=lambda: build(config, client=client, clock=clock, brands=BRANDS),
            clock=clock,
            expected=expected,
            unreadable=3,
            publish=publish,
            fail=fail_as(network),
            edit=lambda name: network.edit(name, "Aurora Air, on second thoughts"),
            delete=network.delete,
        )


CASES = (SourceCase(kind="reddit", start=_start, config=CONFIG, key=True, edits=True, deletions=True, history=True),)
