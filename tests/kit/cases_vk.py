"""Walls and search of a scripted VK; what VK tells by itself is in `cases_vk_push`."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from domain.brand import Brand
from ingest.vk import Config, build
from tests.kit.cases_vk_push import PUSH_CASES
from tests.kit.ingest import HOSTILE_TEXT, HTML_BOMB, NOON, SECRET, Clock, Failure, Rig, SourceCase, polite_client
from tests.kit.scripted_http import Told
from tests.networks.vk import Vk, failed, serving

AURORA, CITY, ADA, BOB = -501, -502, 9001, 9002
NOW = int(NOON.timestamp())
HUGE = Told(body=b'{"response": {"count": 1, "items": ["' + b"x" * 11_000_000 + b'"]}}')
FAILURES = {
    "busy": Told(429, headers={"retry-after": "7"}),
    "down": Told(500, b"<h1>oops</h1>"),
    "garbage": Told(body=b'{"response": "nonsense"}'),
    "revoked": failed(5, f"User authorization failed: invalid access_token {SECRET}."),
    "huge": HUGE,
}
WALL: dict[str, Any] = {"kind": "vk", "token": SECRET, "communities": ["auroraair", "club502"]}
SEARCH: dict[str, Any] = {"kind": "vk", "via": "search", "token": SECRET}
BRANDS = (Brand(name="Aurora Air", query='"aurora air" OR "аврора эйр"'),)


def populated(vk: Vk) -> None:
    """Two communities, two people, no posts."""
    vk.group(501, "Aurora Air", "auroraair", members=90_000)
    vk.group(502, "City talk", members=1_000)
    vk.user(ADA, "Ada", "Lovelace", "ada_l", followers=1_520)
    vk.user(BOB, "Bob", "Stone")


def hostile(vk: Vk, owner: int) -> set[str]:
    """Posts that are hard to read and must come through."""
    return {
        vk.post(owner, text, NOW - 900, by=ADA)
        for text in (
            HOSTILE_TEXT,
            "Aurora Air" + HTML_BOMB,
            "Aurora Air " * 20_000,
            "nul \x00 Aurora Air",
            "half \ud83d Aurora Air",
        )
    }


def unreadable(number: int) -> list[Any]:
    """Things among the posts that are none: three."""
    text = "Aurora Air"
    return [
        17,
        {"id": "x", "text": text},
        {"id": number, "owner_id": AURORA, "date": NOW - 60, "from_id": "nobody", "text": text},
    ]


async def _walls(vk: Vk) -> set[str]:
    populated(vk)
    expected = set()
    old = vk.post(AURORA, "Aurora Air was founded", NOW - 90 * 86_400, is_pinned=1)
    expected.add(vk.comment(old, "and I was there", NOW - 600, by=BOB))
    vk.comment(old, "long ago", NOW - 80 * 86_400, by=BOB)
    for number in range(130):
        by = ADA if number % 7 == 0 else None
        expected.add(vk.post(AURORA, f"Aurora Air flies, {number}", NOW - 36_000 + number * 200, by=by))
    for number in range(20):
        expected.add(vk.post(CITY, f"News of the city, {number}", NOW - 20_000 + number * 100))
    busy = vk.post(AURORA, "Ask us anything", NOW - 9_000)
    expected.add(busy)
    for number in range(120):
        comment = vk.comment(busy, f"Why, {number}?", NOW - 8_000 + number, by=ADA)
        expected.add(comment)
        thread = int(comment.rpartition("_r")[2])
        for answer in range(15 if number == 3 else number % 2):
            expected.add(vk.comment(busy, f"Because {answer}", NOW - 7_000, by=AURORA, thread=thread))
    expected |= hostile(vk, AURORA)
    vk.post(AURORA, "", NOW - 500)
    vk.post(AURORA, "later", NOW - 500, post_type="postpone")
    broken = vk.comment(busy, "who is this?", NOW - 400, by=BOB)
    vk.thing(broken)["date"] = "yesterday"
    vk.strange[AURORA] = unreadable(100_000)
    return expected


async def _found(vk: Vk) -> set[str]:
    populated(vk)
    expected = set()
    for number in range(60):
        owner = (AURORA, CITY, ADA, BOB)[number % 4]
        expected.add(vk.post(owner, f"Aurora Air again, {number}", NOW - 36_000 + number * 550))
        vk.post(owner, f"Something else, {number}", NOW - 36_000 + number * 550)
    expected |= {vk.post(CITY, f"Аврора Эйр, рейс {number}", NOW - 8_000) for number in range(30)}
    expected |= hostile(vk, BOB)
    vk.elsewhere = [*unreadable(100_000)[1:], {
        "id": 7_000, "owner_id": CITY, "post_id": 3, "from_id": ADA, "date": NOW - 60, "post_type": "reply",
        "text": "Aurora Air, as I said", "inner_type": "wall_wallpost",
    }]  # fmt: skip
    return {*expected, f"{CITY}_3_r7000"}


@asynccontextmanager
async def listening() -> AsyncIterator[tuple[Vk, Clock, Callable[..., Any]]]:
    """A VK with two communities, a clock, and what makes a source of it with the given settings."""
    clock = Clock()
    async with serving(SECRET) as vk, polite_client(clock) as client:
        populated(vk)

        def made(**table: Any) -> Any:
            whole = {"requests_per_second": 1_000, **WALL, "api": vk.server.url, **table}
            if whole.get("via") == "search" and "communities" not in table:
                del whole["communities"]
            return build(Config.model_validate(whole), client=client, clock=clock, brands=BRANDS)

        yield vk, clock, made


def _case(
    way: str, fill: Callable[[Vk], Any], table: dict[str, Any], *, refused: int, more: str
) -> SourceCase:  # fmt: skip
    @asynccontextmanager
    async def start(_: Path) -> AsyncIterator[Rig]:
        clock = Clock()
        async with serving(SECRET) as vk, polite_client(clock) as client:
            expected = await fill(vk)
            config = Config.model_validate(
                {
                    **table,
                    "api": vk.server.url,
                    "requests_per_second": 1_000,
                    "calls_per_day": {"newsfeed.search": 90_000},
                }
            )

            def publish(count: int) -> list[str]:
                return [vk.post(AURORA, f"{more}, {n}", clock().timestamp(), by=ADA) for n in range(count)]

            def fail(failure: Failure | None) -> None:
                if failure == "flaky":
                    vk.server.misbehave(failed(10), share=0.3)
                else:
                    vk.server.misbehave(FAILURES[failure] if failure else None)

            def edit(native_id: str) -> None:
                vk.thing(native_id)["text"] += " (as I see it now)"
                if "_r" not in native_id:
                    vk.thing(native_id)["edited"] = int(clock().timestamp())

            yield Rig(
                make=lambda: build(config, client=client, clock=clock, brands=BRANDS),
                clock=clock,
                expected=expected,
                unreadable=refused,
                publish=publish,
                fail=fail,
                edit=edit,
                delete=vk.remove,
            )

    return SourceCase(
        kind="vk", way=way, start=start, config=table, key=True, edits=True, deletions=True, history=True
    )


CASES = (
    _case("wall", _walls, WALL, refused=4, more="Boarding"),
    _case("search", _found, SEARCH, refused=2, more="Aurora Air, and again"),
    *PUSH_CASES,
)
