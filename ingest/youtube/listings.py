"""Steps that read listings: a channel's threads and videos, a video's threads, a thread's replies. One page each."""

from msgspec.structs import replace

from domain.dead_letter import DeadLetter
from domain.post import Record
from ingest.passes import StaleToken
from ingest.youtube.api import BATCH, Dropped, NotThere
from ingest.youtube.look import Look
from ingest.youtube.parse import VIDEO, Read, Thread, read_comment, read_thread, read_upload, read_video
from ingest.youtube.state import THREADS, UPLOADS, VIDEOS, Open, Target


async def read_on(look: Look, key: str, target: Target) -> None:
    """Read the next page of a target."""
    if key.startswith(UPLOADS):
        await _uploads(look, key.removeprefix(UPLOADS), target)
    else:
        await _threads(look, key, target)


async def read_replies(look: Look) -> None:
    """Read the next page of replies of the first thread that waits for it."""
    first, *others = look.progress.open
    try:
        answer = await look.tube.replies(first.thread, token=first.token)
    except (NotThere, Dropped):
        look.progress.open = others
        return
    except StaleToken:
        look.progress.open = [Open(first.thread), *others]
        return
    context = look.context
    await look.give([read_comment(bytes(raw), context) for raw in answer.items])
    more = [Open(first.thread, answer.next_page_token)] if answer.next_page_token and answer.items else []
    look.progress.open = more + others


async def take_threads(look: Look, threads: list[Thread], *, since: int) -> None:
    """Hand threads on, and note those whose replies did not all come along."""
    within = [one for one in threads if _time(one.top) >= since]
    for one in within:
        look.at_home(one.id, one.video, one.owner)
    read: list[Read] = [one.top for one in threads if isinstance(one.top, DeadLetter)]
    for one in within:
        read += [one.top, *one.replies]
    changed = await look.give(read)
    waiting = {one.thread for one in look.progress.open}
    look.progress.open += [
        Open(one.id) for one in within if one.total > len(one.replies) and one.id in changed and one.id not in waiting
    ]


async def _threads(look: Look, key: str, target: Target) -> None:
    reading = look.reading(target)
    of = {"videoId": key.removeprefix(VIDEOS)}
    if key.startswith(THREADS):
        of = {"allThreadsRelatedToChannelId": key.removeprefix(THREADS)}
    etag = "" if reading.token else target.etag
    answer = await look.tube.threads(token=reading.token, etag=etag, **of)
    if answer is None:
        look.end(target, etag=target.etag)
        return
    context = look.context
    read = [read_thread(bytes(raw), context) for raw in answer.items]
    threads = [one for one in read if isinstance(one, Thread)]
    await look.give([one for one in read if isinstance(one, DeadLetter)])
    await take_threads(look, threads, since=reading.since)
    if not reading.token:
        target.reading = replace(reading, etag=answer.etag)
    last = next((at for one in reversed(threads) if (at := _time(one.top))), None)
    look.turn(target, token=answer.next_page_token, last=last)


async def _uploads(look: Look, playlist: str, target: Target) -> None:
    reading = look.reading(target)
    etag = "" if reading.token else target.etag
    answer = await look.tube.uploads(playlist, token=reading.token, etag=etag)
    if answer is None:
        look.end(target, etag=target.etag)
        return
    context = look.context
    read = [read_upload(bytes(raw), context) for raw in answer.items]
    uploads = [one for one in read if not isinstance(one, DeadLetter)]
    fresh = [
        video
        for video, at in uploads
        if at and at.timestamp() >= reading.since and VIDEO + video not in look.progress.recent
    ]
    posts: list[Read] = [one for one in read if isinstance(one, DeadLetter)]
    if fresh:
        posts += await videos(look, fresh[:BATCH])
    await look.give(posts)
    if not reading.token:
        target.reading = replace(reading, etag=answer.etag)
    last = next((int(at.timestamp()) for _, at in reversed(uploads) if at), None)
    look.turn(target, token=answer.next_page_token, last=last)


async def videos(look: Look, ids: list[str]) -> list[Read]:
    """Read these videos as posts."""
    context = look.context
    read = [read_video(bytes(raw), context) for raw in (await look.tube.videos(ids)).items]
    return [one if isinstance(one, DeadLetter) else one.post for one in read]


def _time(read: Read) -> int:
    return int(read.post.created_at.timestamp()) if isinstance(read, Record) else 0
