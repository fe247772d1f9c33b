"""The contract cases of Discourse: all that is written in a forum, and what its search finds."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal

from pydantic import SecretStr

from domain.brand import Brand
from ingest.discourse import Config, build
from tests.kit.ingest import HOSTILE_TEXT, HTML_BOMB, NOON, SECRET, Clock, Failure, Rig, SourceCase, polite_client
from tests.kit.scripted_http import Told
from tests.networks.discourse import SLOW_DOWN, Forum, forum

CONFIG: dict[str, Any] = {"kind": "discourse", "api": "https://forum.example", "token": SECRET}
BRANDS = (Brand(name="Aurora Air", query='"Aurora Air"'),)
HOST = "127.0.0.1"


def fail_as(board: Forum) -> Callable[[Failure | None], None]:
    """All failures that a contract case knows, as this forum tells them."""

    def fail(failure: Failure | None) -> None:
        board.key = "another" if failure == "revoked" else SECRET
        down = Told(500, b"<h1>oops</h1>")
        told = {
            "busy": Told(429, SLOW_DOWN.body, {"retry-after": "7"}),
            "down": down,
            "flaky": down,
            "garbage": Told(200, b'{"latest_posts": {"no": "list"}, "posts": 7}'),
            "huge": Told(200, b" " * 11_000_000),
        }.get(failure or "")
        board.server.misbehave(told, share=0.3 if failure in {"flaky", "huge"} else 1.0)

    return fail


def fill(board: Forum) -> set[str]:
    """Write posts of the last day, among them what cannot be read, and what is not for all; return the readable."""
    board.posts[1] = {
        "id": 1, "topic_id": "none", "post_number": 2, "created_at": "2026-11-20T08:00:00Z", "username": "x",
        "cooked": "Aurora Air",
    }  # fmt: skip
    for number in range(1, 106):
        board.write(12, number, NOON - timedelta(hours=9) + timedelta(minutes=5 * number), f"<p>Aurora Air {number}")
    late = NOON - timedelta(minutes=30)
    board.write(13, 1, late, HOSTILE_TEXT)
    board.write(13, 2, late, "<p>Aurora Air" + HTML_BOMB, reply_to_post_number=1)
    board.write(13, 3, late, "Aurora Air " * 20_000)
    board.write(13, 4, late, "nul \x00 Aurora Air")
    board.write(13, 5, late, "Aurora Air, a half letter \ud800 of it")
    board.write(13, 6, late, "Aurora Air was pinned by a moderator", post_type=3)
    board.write(13, 7, late, "Aurora Air, among ourselves", post_type=4)
    board.write(13, 8, late, "(Aurora Air deleted by author)", user_deleted=True)
    board.write(14, 2, late, "Aurora Air again", version="two")
    return {f"{HOST}/12/{number}" for number in range(1, 106)} | {f"{HOST}/13/{number}" for number in range(1, 6)}


def _start(via: Literal["latest", "search"]) -> Callable[[Path], AbstractAsyncContextManager[Rig]]:
    @asynccontextmanager
    async def start(_: Path) -> AsyncIterator[Rig]:
        clock = Clock()
        async with forum(key=SECRET) as board, polite_client(clock) as client:
            expected = fill(board)
            config = Config(
                kind="discourse",
                name="forum",
                api=board.server.url,
                token=SecretStr(SECRET),
                via=via,
                requests_a_minute=60_000,
            )

            def publish(count: int) -> list[str]:
                first = max((post["post_number"] for post in board.posts.values()), default=0) + 1
                for number in range(first, first + count):
                    board.write(15, number, clock(), "<p>Aurora Air once more</p>")
                return [f"{HOST}/15/{number}" for number in range(first, first + count)]

            def place(native_id: str) -> tuple[int, int]:
                topic, number = native_id.split("/")[1:]
                return int(topic), int(number)

            yield Rig(
                make=lambda: build(config, client=client, clock=clock, brands=BRANDS),
                clock=clock,
                expected=expected,
                unreadable=2,
                publish=publish,
                fail=fail_as(board),
                edit=lambda native_id: board.edit(
                    *place(native_id), "<p>Aurora Air, on second thoughts</p>", clock()
                ),
                delete=lambda native_id: board.delete(*place(native_id)),
            )

    return start


CASES = tuple(
    SourceCase(
        kind="discourse",
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
