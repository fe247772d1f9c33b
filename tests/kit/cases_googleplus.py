"""The contract cases of Google+: an archive of Takeout as a folder, and packed."""

import json
import zipfile
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

from ingest.googleplus import Config, build
from tests.kit.ingest import HOSTILE_TEXT, HTML_BOMB, Clock, Rig, SourceCase, polite_client

POSTS = "Takeout/Google+ Stream/Posts"
PAGE = "users/101"
"""The one whose archive it is."""


def person(number: int, *, page: str = "") -> dict[str, Any]:
    """An author as the archive tells it."""
    return {
        "displayName": f"Person {number}", "profilePageUrl": f"https://plus.google.com/{page or number}",
        "avatarImageUrl": "https://lh3.example/photo.jpg", "resourceName": f"users/{number}",
    }  # fmt: skip


def comment(number: int, post: int, content: str, **other: Any) -> dict[str, Any]:
    """A comment as the archive tells it."""
    return {
        "creationTime": "2018-03-02 09:10:11+0000", "author": person(200 + number), "content": content,
        "postUrl": f"https://plus.google.com/+AuroraAir/posts/p{post}",
        "resourceName": f"{PAGE}/posts/t{post}/comments/c{number}", **other,
    }  # fmt: skip


def activity(number: int, content: str, **other: Any) -> dict[str, Any]:
    """A post as the archive tells it."""
    return {
        "url": f"https://plus.google.com/+AuroraAir/posts/p{number}", "creationTime": "2018-03-02 08:00:00+0000",
        "updateTime": "2018-03-02 08:00:00+0000", "author": person(101, page="+AuroraAir"), "content": content,
        "comments": [], "plusOnes": [{"plusOner": person(7)}], "reshares": [],
        "resourceName": f"{PAGE}/posts/t{number}",
        "postAcl": {"visibleToStandardAcl": {"circles": [{"type": "CIRCLE_TYPE_PUBLIC"}]}}, **other,
    }  # fmt: skip


def archive() -> tuple[dict[str, bytes], set[str]]:
    """The files of an archive by path, and the ids of what is readable in them for all."""
    files: dict[str, Any] = {}
    expected: set[str] = set()
    for number in range(12):
        replies = [comment(100 * number + one, number, f"<b>Aurora Air</b>&#33; {one}") for one in range(3)]
        files[f"{POSTS}/201803{number + 1:02d} - Aurora Air.json"] = activity(
            number, f"Aurora Air is <br>late {number}", comments=replies
        )
        expected |= {f"{PAGE}/posts/t{number}", *(one["resourceName"] for one in replies)}
    for number, text in enumerate((HOSTILE_TEXT, "Aurora Air" + HTML_BOMB, "Aurora Air \x00 nul", "half \ud800"), 20):
        files[f"{POSTS}/20180401 - Post({number}).json"] = activity(number, text)
        expected.add(f"{PAGE}/posts/t{number}")
    files[f"{POSTS}/20180402 - for friends.json"] = activity(
        30, "Aurora Air", postAcl={"visibleToStandardAcl": {"circles": [{"type": "CIRCLE_TYPE_YOUR_CIRCLES"}]}}
    )
    files[f"{POSTS}/20180403 - no time.json"] = activity(31, "Aurora Air", creationTime="once")
    files[f"{POSTS}/20180404 - odd comment.json"] = activity(32, "Aurora Air", comments=[{"content": "Aurora Air"}])
    expected.add(f"{PAGE}/posts/t32")
    files["Takeout/Google+ Circles/Friends.json"] = [{"displayName": "Aurora Air"}]
    written = {path: json.dumps(told).encode() for path, told in files.items()}
    return {**written, f"{POSTS}/20180404 - cut.json": b'{"url": "https://plus'}, expected


def _start(*, packed: bool) -> Callable[[Path], AbstractAsyncContextManager[Rig]]:
    @asynccontextmanager
    async def start(folder: Path) -> AsyncIterator[Rig]:
        files, expected = archive()
        path = folder / ("takeout.zip" if packed else "takeout")
        if packed:
            with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as target:
                for name, body in files.items():
                    target.writestr(name, body)
        else:
            for name, body in files.items():
                (path / name).parent.mkdir(parents=True, exist_ok=True)
                (path / name).write_bytes(body)
        clock = Clock()
        config = Config(kind="googleplus", path=str(path), page_size=5)
        async with polite_client(clock) as client:
            yield Rig(
                make=lambda: build(config, client=client, clock=clock), clock=clock, expected=expected, unreadable=3
            )

    return start


CASES = tuple(
    SourceCase(
        kind="googleplus",
        way="zip" if packed else "folder",
        start=_start(packed=packed),
        config={"kind": "googleplus", "path": "takeout.zip"},
        quiet=99,
        endless=False,
        http=False,
    )
    for packed in (False, True)
)
