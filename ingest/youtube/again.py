"""A step that looks again at fifty posts that were given: likes, edits, new replies, and whether they are gone."""

from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress

import msgspec

from domain.dead_letter import DeadLetter
from domain.post import Record
from ingest.recent import deletion
from ingest.youtube.api import BATCH, Dropped, NotThere
from ingest.youtube.listings import take_threads, videos
from ingest.youtube.look import Look
from ingest.youtube.parse import NETWORK, VIDEO, Answer, Read, Thread, read_comment, read_thread
from ingest.youtube.state import Again

AGES = ((0.0, 2.0, 600), (2.0, 12.0, 1_800), (12.0, float("inf"), 3_600))
"""Posts from so many hours old to so many are looked at again every so many seconds."""


def next_look(look: Look) -> float:
    """When to look again at anything (unix seconds); 0 while a look is on its way."""
    again = look.progress.again
    if look.since or again is None:
        return float("inf")
    if not look.in_plenty:
        return look.now + look.tube.seconds_left()
    if again.age >= 0:
        return 0
    return min(at + every for at, (_, _, every) in zip(again.looked, AGES, strict=True))


async def look_again(look: Look) -> None:
    """Look at the next posts of the age that is due."""
    again = look.progress.again or Again(looked=[look.now] * len(AGES))
    if again.age < 0:
        due = (n for n, (_, _, every) in enumerate(AGES) if again.looked[n] + every <= look.now)
        again.age, again.began, again.after = next(due, 0), look.now, ""
    younger, older, _ = AGES[again.age]
    keyed = sorted((_kind(key), key) for key in look.remembered(younger=younger, older=older))
    waiting = [one for one in keyed if "".join(one) > again.after]
    batch = [one for one in waiting if one[0] == waiting[0][0]][:BATCH]
    if batch:
        with suppress(Dropped):
            await _look_at(look, batch[0][0], [key for _, key in batch])
        again.after = "".join(batch[-1])
    if len(batch) == len(waiting):
        again.looked[again.age], again.age = again.began, -1
    look.progress.again = again


async def _look_at(look: Look, kind: str, ids: list[str]) -> None:
    if kind == _VIDEO:
        shown = await _look_at_videos(look, ids)
    elif kind == _REPLY:
        shown = await _look_at_comments(look, ids)
    else:
        shown = await _look_at_threads(look, ids)
        shown |= await _look_at_comments(look, [one for one in ids if one not in shown])
    gone = [one for one in ids if one not in shown]
    look.forget([deletion(NETWORK, one, source=look.name, at=look.at) for one in gone])


async def _look_at_threads(look: Look, ids: list[str]) -> set[str]:
    context = look.context
    read = [read_thread(raw, context) for raw in await _one_by_one(look.tube.threads_by_id, ids)]
    threads = [one for one in read if isinstance(one, Thread)]
    await take_threads(look, threads, since=0)
    return {one.id for one in threads} | _unread(read, ids)


async def _look_at_comments(look: Look, ids: list[str]) -> set[str]:
    if not ids:
        return set()
    context = look.context
    read: list[Read] = [read_comment(raw, context) for raw in await _one_by_one(look.tube.comments_by_id, ids)]
    replies = [one for one in read if isinstance(one, DeadLetter) or "." in one.post.native_id]
    await look.give(replies)
    return {one.post.native_id for one in read if isinstance(one, Record)} | _unread(read, ids)


async def _look_at_videos(look: Look, ids: list[str]) -> set[str]:
    read = await videos(look, [key.removeprefix(VIDEO) for key in ids])
    await look.give(read)
    return {one.post.native_id for one in read if isinstance(one, Record)} | _unread(read, ids)


async def _one_by_one(ask: Callable[[Sequence[str]], Awaitable[Answer]], ids: Sequence[str]) -> list[bytes]:
    """Ask for all at once; by halves where YouTube will not answer because of one that is not there."""
    try:
        return [bytes(raw) for raw in (await ask(ids)).items]
    except NotThere:
        if len(ids) == 1:
            return []
    half = len(ids) // 2
    return await _one_by_one(ask, ids[:half]) + await _one_by_one(ask, ids[half:])


class _Named(msgspec.Struct):
    id: str = ""


def _unread(read: Sequence[object], ids: list[str]) -> set[str]:
    """Those that are there, but cannot be read."""
    named: set[str] = set()
    for one in read:
        if isinstance(one, DeadLetter):
            try:
                named.add(msgspec.json.decode(one.raw, type=_Named).id)
            except msgspec.DecodeError:
                return set(ids)
    return named | {VIDEO + one for one in named}


_THREAD, _REPLY, _VIDEO = "0", "1", "2"


def _kind(native_id: str) -> str:
    if native_id.startswith(VIDEO):
        return _VIDEO
    return _REPLY if "." in native_id else _THREAD
