"""The contract cases of VK's own telling: the stream, the Callback API, Bots Long Poll."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from domain.brand import Brand
from ingest.vk.config import Config
from ingest.vk.push.callback import CallbackSource
from ingest.vk.push.longpoll import LongPollSource
from ingest.vk.push.stream import StreamSource
from tests.kit.ingest import HOSTILE_TEXT, HTML_BOMB, NOON, SECRET, Clock, Rig, SourceCase, polite_client
from tests.networks.vk_happenings import GROUP, comment, heard, message, person, post, removal, update
from tests.networks.vk_push import HOSTILE_FRAMES, vk_push

NOW = NOON.timestamp()
BRANDS = (Brand(name="Aurora Air", query='"aurora air" OR #auroraair'),)
CALLBACK: dict[str, Any] = {
    "kind": "vk", "via": "callback", "name": "page", "group": GROUP, "secret": SECRET, "confirmation": "c0nf1rm",
}  # fmt: skip
LONGPOLL: dict[str, Any] = {"kind": "vk", "via": "longpoll", "name": "page", "group": GROUP, "token": SECRET}
STREAM: dict[str, Any] = {"kind": "vk", "via": "stream", "name": "stream", "token": SECRET}
SPOTS = {
    "": ("wall_reply", "post_id", "post_owner_id"),
    "photo": ("photo_comment", "photo_id", "photo_owner_id"),
    "video": ("video_comment", "video_id", "video_owner_id"),
    "market": ("market_comment", "item_id", "market_owner_id"),
    "topic": ("board_post", "topic_id", "topic_owner_id"),
}
EDITED = "Aurora Air, and now in other words"


def happenings() -> tuple[list[dict[str, Any]], set[str]]:
    """What happens in the community, and the native ids of what can be read; three events cannot."""
    told = [
        update("wall_post_new", post(70, NOW - 600, "Aurora Air flies again", author=-GROUP)),
        update("wall_reply_new", comment(9, NOW - 500, HOSTILE_TEXT, post_id=70, post_owner_id=-GROUP)),
        update("wall_reply_new", comment(10, NOW - 400, "Aurora Air" + HTML_BOMB, post_id=70, owner_id=-GROUP)),
        update("message_new", {"message": message(4, NOW - 300, "Aurora Air \ud800 lost my bag"), "client_info": {}}),
        update("group_join", {"user_id": 9001, "join_type": "join"}),
        update("photo_comment_new", comment(7, NOW - 200, "Aurora Air!", photo_id=33, photo_owner_id=-GROUP)),
        update("video_comment_new", comment(7, NOW - 200, "Aurora Air!", video_id=33, video_owner_id=-GROUP)),
        update("market_comment_new", comment(7, NOW - 200, "Aurora Air!", item_id=33, market_owner_id=-GROUP)),
        update("board_post_new", comment(7, NOW - 200, "x" * 200_000, topic_id=33, topic_owner_id=-GROUP)),
        update("wall_reply_new", {"id": "nine", "text": "Aurora Air", "post_id": 70}),
        update("wall_reply_delete", {"owner_id": -GROUP, "post_id": 70}),
        update("wall_post_new", ["Aurora Air"]),
    ]
    below = {f"{what}-501_33_r7" for what in ("photo", "video", "market", "topic")}
    return told, {"-501_70", "-501_70_r9", "-501_70_r10", "im-501_9001_4", *below}


def changed(native_id: str, act: str) -> dict[str, Any]:
    """The event that a comment was edited or deleted. Of posts VK does not tell that."""
    place, _, number = native_id.rpartition("_r")
    kind, item, owner = SPOTS[place.partition("-")[0]]
    if act == "delete":
        there = owner if kind == "board_post" else "owner_id"
        return update(f"{kind}_delete", removal(int(number), **{item: int(place.rpartition("_")[2]), there: -GROUP}))
    told = comment(int(number), NOW, EDITED, **{item: int(place.rpartition("_")[2]), owner: -GROUP})
    return update(f"{kind}_edit", told)


def fresh(count: int, after: int, at: float) -> tuple[list[dict[str, Any]], list[str]]:
    """So many new comments."""
    numbers = range(100 + after, 100 + after + count)
    told = [comment(number, at, f"Aurora Air, {number}", post_id=70, owner_id=-GROUP) for number in numbers]
    return [update("wall_reply_new", one) for one in told], [f"-501_70_r{number}" for number in numbers]


@asynccontextmanager
async def _callback(folder: Path) -> AsyncIterator[Rig]:
    del folder  # nothing is kept in files
    clock = Clock()
    sending: set[asyncio.Task[Any]] = set()
    made: list[CallbackSource] = []
    told, expected = happenings()

    def send(source: CallbackSource, *updates: dict[str, Any]) -> None:
        async def deliver(one: dict[str, Any]) -> None:
            await source.receive({"X-Retry-Counter": "0"}, json.dumps({**one, "secret": SECRET}).encode())

        for one in updates:
            sending.add(asyncio.ensure_future(deliver(one)))

    async with polite_client(clock) as client:

        def make() -> CallbackSource:
            source = CallbackSource(Config.model_validate(CALLBACK), client=client, clock=clock, idle_wait=0.05)
            send(source, *told)
            made.append(source)
            return source

        later: list[str] = []

        def publish(count: int) -> list[str]:
            updates, names = fresh(count, len(later), clock().timestamp())
            later.extend(names)
            send(made[-1], *updates)
            return names

        yield Rig(
            make=make,
            clock=clock,
            expected=expected,
            unreadable=3,
            publish=publish,
            edit=lambda native_id: send(made[-1], changed(native_id, "edit")),
            delete=lambda native_id: send(made[-1], changed(native_id, "delete")),
        )
        for task in sending:
            task.cancel()
        await asyncio.gather(*sending, return_exceptions=True)


@asynccontextmanager
async def _longpoll(folder: Path) -> AsyncIterator[Rig]:
    del folder  # nothing is kept in files
    clock = Clock()
    told, expected = happenings()
    async with vk_push(SECRET) as vk, polite_client(clock) as client:
        vk.profiles[9001] = person(9001, "Inna", screen_name="innak", followers_count=1_520)
        vk.happen(*told)
        config = Config.model_validate({**LONGPOLL, "api": vk.url})

        def publish(count: int) -> list[str]:
            updates, names = fresh(count, len(vk.updates), clock().timestamp())
            vk.happen(*updates)
            return names

        yield Rig(
            make=lambda: LongPollSource(config, client=client, clock=clock, idle_wait=0.3),
            clock=clock,
            expected=expected,
            unreadable=3,
            publish=publish,
            fail=vk.fail,
            edit=lambda native_id: vk.happen(changed(native_id, "edit")),
            delete=lambda native_id: vk.happen(changed(native_id, "delete")),
            hold=lambda seconds: setattr(vk, "poll_patience", seconds),
        )


@asynccontextmanager
async def _stream(folder: Path) -> AsyncIterator[Rig]:
    del folder  # nothing is kept in files
    clock = Clock()
    async with vk_push(SECRET) as vk, polite_client(clock) as client:
        vk.profiles[9001] = person(9001, "Inna", screen_name="innak", followers_count=1_520)
        said: dict[str, dict[str, Any]] = {
            "12_70": heard("post", {"post_owner_id": 12, "post_id": 70}, NOW - 300, "Aurora Air &amp; me<br>again"),
            "-501_70_r9": heard(
                "comment", {"post_owner_id": -GROUP, "post_id": 70, "comment_id": 9}, NOW - 200, HOSTILE_TEXT
            ),
            "13_5": heard(
                "share", {"post_owner_id": 13, "post_id": 5, "shared_post_id": 70}, NOW - 100,
                "Aurora Air" + HTML_BOMB, shared_post_text="Aurora Air is late",
                shared_post_creation_time=int(NOW - 300),
            ),
            "topic-501_33_r7": heard(
                "topic_post", {"topic_owner_id": -GROUP, "topic_id": 33, "topic_post_id": 7}, NOW - 90, "x" * 200_000
            ),
            "12_71": heard("post", {"post_owner_id": 12, "post_id": 71}, NOW - 50, "Aurora Air \ud800 halved"),
        }  # fmt: skip
        expected = set(said)
        vk.say(*said.values(), *HOSTILE_FRAMES)
        vk.say({"code": 300, "service_message": {"message": "hello", "service_code": 1}})
        config = Config.model_validate({**STREAM, "api": vk.url})

        def make() -> StreamSource:
            vk.hang_up()  # one listener at a time
            return StreamSource(config, client=client, clock=clock, brands=BRANDS, gather_seconds=0.15)

        def publish(count: int) -> list[str]:
            fresh = {
                f"12_{number}": heard(
                    "post", {"post_owner_id": 12, "post_id": number}, clock().timestamp(), "Aurora Air"
                )
                for number in range(100 + len(said), 100 + len(said) + count)
            }
            said.update(fresh)
            vk.say(*fresh.values())
            return list(fresh)

        def again(native_id: str, **other: Any) -> None:
            event = {**said[native_id]["event"], "action_time": int(clock().timestamp()), **other}
            vk.say({"code": 100, "event": event})

        yield Rig(
            make=make,
            clock=clock,
            expected=expected,
            unreadable=len(HOSTILE_FRAMES),
            publish=publish,
            fail=vk.fail,
            edit=lambda native_id: again(native_id, action="update", text=EDITED),
            delete=lambda native_id: again(native_id, action="delete", text=""),
        )


PUSH_CASES = (
    SourceCase(
        kind="vk", way="stream", start=_stream, config=STREAM, replays=False, quiet=2, key=True, edits=True,
        deletions=True,
    ),
    SourceCase(
        kind="vk", way="callback", start=_callback, config=CALLBACK, replays=False, http=False, quiet=2, edits=True,
        deletions=True,
    ),
    SourceCase(
        kind="vk", way="longpoll", start=_longpoll, config=LONGPOLL, quiet=2, key=True, edits=True, deletions=True,
    ),
)  # fmt: skip
