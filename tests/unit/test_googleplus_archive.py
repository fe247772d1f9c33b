"""The archive of Google+: read in place, whatever it holds, and posts become history."""

import json
import os
import struct
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from domain.dead_letter import DeadLetter
from domain.errors import SourceMisconfigured
from domain.post import Post
from ingest.googleplus import Config, GooglePlusSource
from ingest.googleplus.parse import Context, read_file
from tests.kit.cases_googleplus import PAGE, POSTS, activity, archive, comment, person
from tests.kit.ingest import NOON, Clock

CONTEXT = Context(source="gp", at=NOON, where=f"{POSTS}/a.json")
GOOD = json.dumps(activity(1, "Aurora Air")).encode()


def make(path: Path | str, **other: Any) -> GooglePlusSource:
    return GooglePlusSource(Config.model_validate({"kind": "googleplus", "path": str(path), **other}), clock=Clock())


async def everything(source: GooglePlusSource) -> tuple[list[Post], list[DeadLetter]]:
    posts: list[Post] = []
    letters: list[DeadLetter] = []
    cursor = None
    while True:
        page = await source.fetch(cursor)
        cursor = page.cursor
        posts += [record.post for record in page.records]
        letters += page.dead_letters
        if page.exhausted:
            await source.aclose()
            return posts, letters


def packed(path: Path, files: dict[str, bytes], change: Callable[[zipfile.ZipFile], None] | None = None) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as target:
        for name, body in files.items():
            target.writestr(name, body)
        if change is not None:
            change(target)
    return path


def posts_of(told: dict[str, Any], context: Context = CONTEXT) -> list[Post]:
    return [one.post for one in read_file(json.dumps(told).encode(), context) if not isinstance(one, DeadLetter)]


def test_a_post_and_its_comments() -> None:
    said = [
        comment(1, 5, "<b>Aurora Air</b> lost my bag"),
        comment(2, 5, "We are sorry", author=person(101, page="+AuroraAir")),
    ]
    post, asked, answer = posts_of(activity(5, "Good <br>morning", comments=said))
    assert (post.native_id, post.text, post.origin) == (f"{PAGE}/posts/t5", "Good\nmorning", "backfill")
    assert post.created_at == datetime(2018, 3, 2, 8, 0, tzinfo=UTC)
    assert (post.account, post.addressed, post.edited_at) == ("googleplus:+auroraair", "", None)
    assert (post.engagement.likes, post.engagement.reposts, post.engagement.replies) == (1, 0, 2)
    assert (asked.kind, asked.reply_to, asked.text) == ("comment", post.native_id, "Aurora Air lost my bag")
    assert (asked.addressed, asked.account) == (post.account, "googleplus:201")
    assert (answer.account, answer.addressed) == (post.account, "")


def test_times_carry_their_zone_and_edits_are_told() -> None:
    (post,) = posts_of(
        activity(5, "x", creationTime="2018-03-02 08:00:00+0300", updateTime="2018-03-02 09:00:00+0300")
    )
    assert post.created_at == datetime(2018, 3, 2, 5, 0, tzinfo=UTC)
    assert post.edited_at == datetime(2018, 3, 2, 6, 0, tzinfo=UTC)


def test_a_reshared_post_without_words_is_a_repost_of_them() -> None:
    shared = {
        "url": "https://plus.google.com/9/posts/z",
        "content": "Aurora Air flies",
        "resourceName": "users/9/posts/z",
    }
    (post,) = posts_of(activity(5, "", resharedPost=shared))
    assert (post.kind, post.repost_of, post.text) == ("repost", "users/9/posts/z", "Aurora Air flies")
    (post,) = posts_of(activity(5, "Look", resharedPost=shared))
    assert (post.kind, post.repost_of, post.text) == ("post", "users/9/posts/z", "Look")


def test_a_post_of_a_link_alone_is_its_title_and_one_of_a_picture_leaves_its_comments() -> None:
    assert [one.text for one in posts_of(activity(5, "", link={"title": "Aurora Air"}))] == ["Aurora Air"]
    assert [one.text for one in posts_of(activity(5, "", comments=[comment(1, 5, "Nice, Aurora Air")]))] == [
        "Nice, Aurora Air"
    ]


@pytest.mark.parametrize(
    ("acl", "shown"),
    [
        (None, True),
        ({"isPublic": True}, True),
        ({"isPublic": False}, False),
        ({"visibleToStandardAcl": {"circles": [{"type": "CIRCLE_TYPE_PUBLIC"}]}}, True),
        ({"visibleToStandardAcl": {"circles": [{"type": "CIRCLE_TYPE_YOUR_CIRCLES"}]}}, False),
        ({"communityAcl": {"community": {"displayName": "Flyers"}}}, False),
    ],
)
def test_only_what_was_for_all_is_read_unless_told_otherwise(acl: Any, *, shown: bool) -> None:
    told = activity(5, "Aurora Air", postAcl=acl)
    assert bool(posts_of(told)) is shown
    assert posts_of(told, Context(source="gp", at=NOON, where="a", private=True))


def test_other_files_of_an_archive_are_no_posts_wherever_they_lie() -> None:
    elsewhere = Context(source="gp", at=NOON, where="Takeout/Circles/a.json", sure=False)
    assert read_file(b'[{"displayName": "Friends"}]', elsewhere) == []
    assert read_file(b"{", elsewhere) == []
    (letter,) = read_file(json.dumps(activity(5, "x", creationTime="once")).encode(), elsewhere)
    assert isinstance(letter, DeadLetter)


def test_comments_without_an_id_are_known_by_what_they_say() -> None:
    said = [comment(1, 5, "one", resourceName=""), comment(1, 5, "two", resourceName="")]
    assert len({one.native_id for one in posts_of(activity(5, "x", comments=said))}) == 3


async def test_an_archive_in_parts_is_one(tmp_path: Path) -> None:
    files, expected = archive()
    names = sorted(files)
    packed(tmp_path / "takeout-001.zip", {name: files[name] for name in names[::2]})
    packed(tmp_path / "takeout-002.zip", {name: files[name] for name in names[1::2]})
    posts, _ = await everything(make(tmp_path / "takeout-*.zip", page_size=3))
    assert {post.native_id for post in posts} == expected


async def test_history_from_a_date_on(tmp_path: Path) -> None:
    old, new = activity(1, "old"), activity(2, "new", creationTime="2018-06-01 00:00:00+0000")
    path = packed(
        tmp_path / "a.zip", {f"{POSTS}/{n}.json": json.dumps(one).encode() for n, one in enumerate((old, new))}
    )
    past = make(path).history(datetime(2018, 5, 1, tzinfo=UTC), name="past")
    page = await past.fetch(None)
    assert [(record.post.text, record.post.source) for record in page.records] == [("new", "past")]
    assert (past.finite, page.exhausted) == (True, True)
    await past.aclose()


async def test_posts_that_are_web_pages_are_named_once_and_not_read(tmp_path: Path) -> None:
    path = packed(tmp_path / "a.zip", {f"{POSTS}/a.json": GOOD, f"{POSTS}/b.html": b"<html>", f"{POSTS}/c.html": b""})
    source = make(path)
    page = await source.fetch(None)
    assert page.troubles == ["2 posts are web pages (.html), which are not read: only JSON is"]
    assert (await source.fetch(page.cursor)).troubles == []
    assert "1 posts in JSON" in await source.check()
    with pytest.raises(SourceMisconfigured, match="web pages"):
        await make(packed(tmp_path / "b.zip", {f"{POSTS}/b.html": b"<html>"})).check()


@pytest.mark.parametrize(
    "name", ["../../etc/evil.json", "/etc/evil.json", "C:\\evil.json", "a\\..\\..\\evil.json", "x/../../y"]
)
async def test_an_archive_with_paths_that_lead_out_is_refused(tmp_path: Path, name: str) -> None:
    path = packed(tmp_path / "a.zip", {f"{POSTS}/a.json": GOOD, name: GOOD})
    with pytest.raises(SourceMisconfigured, match="lead out"):
        await make(path).fetch(None)


async def test_an_archive_with_links_is_refused_and_links_in_a_folder_are_not_followed(tmp_path: Path) -> None:
    def link(target: zipfile.ZipFile) -> None:
        info = zipfile.ZipInfo(f"{POSTS}/link.json")
        info.external_attr = 0o120777 << 16
        target.writestr(info, "/etc/passwd")

    with pytest.raises(SourceMisconfigured, match="lead out"):
        await make(packed(tmp_path / "a.zip", {f"{POSTS}/a.json": GOOD}, link)).fetch(None)

    secret = tmp_path / "secret.json"
    secret.write_bytes(GOOD)
    folder = tmp_path / "takeout" / "Posts"
    folder.mkdir(parents=True)
    (folder / "link.json").symlink_to(secret)
    (folder.parent / "more").symlink_to(tmp_path)
    os.mkfifo(folder / "pipe.json")
    posts, letters = await everything(make(folder.parent))
    assert posts == []
    assert [(letter.reason, letter.where) for letter in letters] == [
        ("bad_file", "Posts/link.json"), ("bad_file", "Posts/pipe.json"),
    ]  # fmt: skip


async def test_a_bomb_is_refused_whole_and_a_large_file_alone(tmp_path: Path) -> None:
    bomb = packed(tmp_path / "bomb.zip", {f"{POSTS}/{n}.json": b" " * 9_000_000 for n in range(12)})
    with pytest.raises(SourceMisconfigured, match="unpacks to"):
        await make(bomb).fetch(None)
    large = packed(tmp_path / "large.zip", {f"{POSTS}/a.json": GOOD, f"{POSTS}/b.json": b" " * 11_000_000})
    posts, letters = await everything(make(large))
    assert (len(posts), [letter.reason for letter in letters]) == (1, ["too_large"])


async def test_a_file_that_lies_about_its_size_is_not_unpacked_further(tmp_path: Path) -> None:
    path = packed(tmp_path / "liar.zip", {f"{POSTS}/a.json": b" " * 40_000_000})
    body = path.read_bytes().replace(struct.pack("<I", 40_000_000), struct.pack("<I", 1_000))
    path.write_bytes(body)
    posts, letters = await everything(make(path))
    assert (posts, [letter.stage for letter in letters]) == ([], ["fetch"])


async def test_broken_files_are_dead_letters_and_the_rest_goes_on(tmp_path: Path) -> None:
    path = packed(tmp_path / "a.zip", {f"{POSTS}/a.json": GOOD * 1, f"{POSTS}/b.json": GOOD})
    body = bytearray(path.read_bytes())
    at = body.index(b"b.json") + len(b"b.json")
    body[at : at + 8] = b"\xff" * 8
    path.write_bytes(bytes(body))
    posts, letters = await everything(make(path))
    assert (len(posts), [letter.reason for letter in letters]) == (1, ["bad_file"])


@pytest.mark.parametrize("body", [b"", b"no zip", b"PK\x03\x04" + b"\x00" * 40])
async def test_what_is_no_archive_is_said_to_be_none(tmp_path: Path, body: bytes) -> None:
    (tmp_path / "a.zip").write_bytes(body)
    with pytest.raises(SourceMisconfigured, match="neither a folder nor"):
        await make(tmp_path / "a.zip").check()
    with pytest.raises(SourceMisconfigured, match="no file"):
        await make(tmp_path / "nowhere.zip").check()
