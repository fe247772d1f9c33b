"""The contract cases of Lemmy: all that an instance lists, and what its search finds."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal

from pydantic import SecretStr

from domain.brand import Brand
from ingest.lemmy import Config, build
from tests.kit.ingest import HOSTILE_TEXT, HTML_BOMB, NOON, SECRET, Clock, Failure, Rig, SourceCase, polite_client
from tests.kit.scripted_http import Told
from tests.networks.lemmy import HOME, SLOW_DOWN, Instance, instance

CONFIG: dict[str, Any] = {"kind": "lemmy", "api": "https://lemmy.example", "token": SECRET}
BRANDS = (Brand(name="Aurora Air", query='"Aurora Air"'),)


def fail_as(place: Instance) -> Callable[[Failure | None], None]:
    """All failures that a contract case knows, as this instance tells them."""

    def fail(failure: Failure | None) -> None:
        place.token = "another" if failure == "revoked" else SECRET
        down = Told(500, b"<h1>oops</h1>")
        told = {
            "busy": Told(429, SLOW_DOWN.body, {"retry-after": "7"}),
            "down": down,
            "flaky": down,
            "garbage": Told(200, b'{"posts": {"no": "list"}, "comments": 7}'),
            "huge": Told(200, b" " * 11_000_000),
        }.get(failure or "")
        place.server.misbehave(told, share=0.3 if failure in {"flaky", "huge"} else 1.0)

    return fail


def fill(place: Instance) -> set[str]:
    """Write posts and comments of the last hours, and what cannot be read; return the readable."""
    start, late = NOON - timedelta(hours=9), NOON - timedelta(minutes=30)
    opening = place.post(start, "Aurora Air is late again")
    place.post(late - timedelta(days=300), "Aurora Air: read the rules", featured_local=True)
    written = {opening}
    for number in range(70):
        written.add(place.post(start + timedelta(minutes=5 * number), f"Aurora Air {number}", "Gate *B*"))
        written.add(place.comment(start + timedelta(minutes=5 * number), f"Aurora Air? {number}", post=opening))
    answer = place.comment(late, HOSTILE_TEXT, post=opening)
    texts = (HTML_BOMB, "Aurora Air " * 20_000, "nul \x00 Aurora Air", "Aurora Air, a half letter \ud800 of it")
    written |= {place.comment(late, f"Aurora Air {text}", post=opening, under=answer) for text in texts}
    place.comment(late, "Aurora Air, deleted by its author", post=opening, deleted=True)
    place.post(late, "Aurora Air, removed by a moderator", removed=True)
    place.post(late, "Aurora Air of no time")
    place.posts[-1]["post"]["published"] = "2026-11-20T11:3x"
    place.comment(late, "Aurora Air of nobody", post=opening)
    place.comments[-1]["creator"] = None
    return {*written, answer}


def _start(via: Literal["latest", "search"]) -> Callable[[Path], AbstractAsyncContextManager[Rig]]:
    @asynccontextmanager
    async def start(_: Path) -> AsyncIterator[Rig]:
        clock = Clock()
        async with instance(token=SECRET) as place, polite_client(clock) as client:
            expected = fill(place)
            config = Config(
                kind="lemmy",
                name="lemmy",
                api=place.server.url,
                token=SecretStr(SECRET),
                via=via,
                requests_a_minute=60_000,
                searches_a_minute=60_000,
            )

            def publish(count: int) -> list[str]:
                return [
                    place.comment(clock(), f"Aurora Air, once more {number}", post=f"{HOME}/post/1")
                    for number in range(count)
                ]

            yield Rig(
                make=lambda: build(config, client=client, clock=clock, brands=BRANDS),
                clock=clock,
                expected=expected,
                unreadable=2,
                publish=publish,
                fail=fail_as(place),
                edit=lambda native_id: place.edit(native_id, "Aurora Air, on second thoughts", clock()),
                delete=place.delete,
            )

    return start


CASES = tuple(
    SourceCase(
        kind="lemmy",
        way=via,
        start=_start(via),
        config={**CONFIG, "via": via},
        key=True,
        edits=True,
        deletions=True,
        history=True,
        quiet=9,
    )
    for via in ("latest", "search")
)
