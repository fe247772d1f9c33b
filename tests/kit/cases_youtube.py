"""The contract cases of YouTube: a channel, a single video, and a video that the search finds."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from domain.brand import Brand
from ingest.youtube import Config, build
from tests.kit.ingest import HOSTILE_TEXT, HTML_BOMB, NOON, SECRET, Clock, Failure, Rig, SourceCase, polite_client
from tests.networks.youtube import FAILURES, Channel, Comment, Video, YouTubeServer, youtube

AURORA, BLOGGER = "UCaurora000000000000000a", "UCblogger00000000000000b"
BRAND = Brand(name="Aurora Air", query='"aurora air"')


def stock(tube: YouTubeServer) -> None:
    """Put comments under the videos of a brand and of a blogger."""
    now = NOON.timestamp()
    tube.channels = [Channel(AURORA, "auroraair"), Channel(BLOGGER, "blogger", None), Channel("UCinna", "inna", 40)]
    tube.videos = [
        Video("vidgate1", AURORA, now - 70_000, pinned="Ugold"), Video("vidgate2", AURORA, now - 9_000),
        Video("vidtrip1", BLOGGER, now - 60_000, "My trip", "by train"), Video("vidfind1", BLOGGER, now - 7_000),
    ]  # fmt: skip
    tube.comments = [
        Comment(f"Ug{n}", "vidgate1", now - n * 1_500, f"Gate {n}<br>no staff &lt;3") for n in range(1, 40)
    ]
    tube.comments += [Comment("Ugreply", "vidgate2", now - 8_000), Comment("Ugfew", "vidgate2", now - 8_100)]
    tube.comments += [
        Comment(f"Ugreply.r{n}", "vidgate2", now - 7_000 + n, "me too", parent="Ugreply") for n in range(12)
    ]
    tube.comments += [
        Comment("Ugfew.own", "vidgate2", now - 7_500, "We are sorry", "@auroraair", AURORA, parent="Ugfew")
    ]
    tube.comments += [Comment("Ughtml", "vidgate2", now - 900, f"Aurora Air{HTML_BOMB}")]
    tube.comments += [
        Comment("Ugodd", "vidgate2", now - 950, HOSTILE_TEXT),
        Comment("Ugnul", "vidgate2", now, "a\x00b"),
    ]
    tube.comments += [Comment("Uglong", "vidgate2", now - 990, "Aurora Air " * 20_000)]
    tube.comments += [Comment("Ughalf", "vidgate2", now - 991, "half \ud83d Aurora")]
    tube.comments += [Comment(f"Ugtrip{n}", "vidtrip1", now - n * 500) for n in range(5)]
    tube.page = 8


def unreadable() -> list[Comment]:
    """Comments without a time, a word, and an author that is one; all of one video."""
    now = NOON.timestamp()
    return [
        Comment("Ugtime", "vidgate2", now - 60, broken={"publishedAt": "soon"}),
        Comment("Ugempty", "vidgate2", now - 61, "<br>"),
        Comment("Ugwho", "vidgate2", now - 62, broken={"authorChannelId": "?"}),
    ]


def start(**settings: Any) -> Callable[[Path], Any]:
    """Start a YouTube that is listened to with these settings."""

    @asynccontextmanager
    async def _start(_: Path) -> AsyncIterator[Rig]:
        clock = Clock()
        now = NOON.timestamp()
        async with youtube(clock) as tube, polite_client(clock) as client:
            stock(tube)
            if settings.get("search", True):
                tube.comments += [Comment(f"Ugfind{n}", "vidfind1", now - n * 400) for n in range(10)]
            expected = {one.id for one in tube.comments} | {"video/vidgate1", "video/vidgate2", "video/vidtrip1"}
            expected |= {"video/vidfind1"} if settings.get("search", True) else set()
            tube.comments += unreadable()
            told = {
                "kind": "youtube", "token": SECRET, "channels": ["@auroraair"], "videos": ["vidtrip1"],
                "api": tube.server.at("/youtube/v3"), "requests_per_minute": 100_000, **settings,
            }  # fmt: skip
            config = Config.model_validate(told)

            def publish(count: int) -> list[str]:
                at = clock().timestamp()
                fresh = [Comment(f"Ugnew{at:.0f}{n}", "vidgate2", at, "Aurora Air again") for n in range(count)]
                tube.comments += fresh
                return [one.id for one in fresh]

            def fail(failure: Failure | None) -> None:
                told = FAILURES[failure] if failure else None
                tube.server.misbehave(told, share=0.3 if failure == "flaky" else 1.0)

            yield Rig(
                make=lambda: build(config, client=client, clock=clock, brands=[BRAND]),
                clock=clock,
                expected=expected,
                unreadable=3,
                publish=publish,
                fail=fail,
                edit=tube.edit,
                delete=tube.delete,
            )

    return _start


CASES = (
    SourceCase(
        kind="youtube",
        way="search",
        start=start(),
        config={"kind": "youtube", "token": SECRET},
        key=True,
        edits=True,
        deletions=True,
    ),
    SourceCase(
        kind="youtube",
        way="channels",
        start=start(search=False),
        config={"kind": "youtube", "token": SECRET, "channels": ["@auroraair"], "search": False},
        key=True,
        edits=True,
        deletions=True,
        history=True,
    ),
)
