"""Steps that find what to listen to: channels by their handles, videos by a search, videos with new comments.

A search is dear and has a daily number of its own; fifty videos cost one unit.
"""

from collections.abc import Sequence
from datetime import UTC, datetime

from msgspec.structs import replace

from domain.dead_letter import DeadLetter
from domain.errors import RetryLater
from ingest.passes import StaleToken
from ingest.youtube.api import BATCH, DAY
from ingest.youtube.look import Look
from ingest.youtube.parse import Read, Video, read_found, read_video
from ingest.youtube.state import THREADS, UPLOADS, VIDEOS, Channel, Hunt, Target

MOST_FOUND = 500
"""Videos of the search that are listened to at a time, the latest ones."""

_HOUR = 3_600
_WEEK = 7 * DAY


def unresolved(look: Look) -> list[str]:
    """Configured channels whose ids are not known, or were asked for a day ago: up to fifty ids, or one handle."""
    known = look.progress.channels
    waiting = [one for one in look.config.channels if one not in known or look.now - known[one].at >= DAY]
    ids = [one for one in waiting if not one.startswith("@")]
    return ids[:BATCH] or waiting[:1]


async def resolve(look: Look, names: Sequence[str]) -> None:
    """Ask who these channels are, and listen to them."""
    named = names[0].startswith("@")
    told = await (look.tube.channel(names[0]) if named else look.tube.channels(names))
    by_name = {one.id: one for one in told} | dict(zip(names[:1], told[:1], strict=False) if named else ())
    for name in names:
        found = by_name.get(name)
        channel = replace(look.progress.channels.get(name, Channel(0)), at=look.now)
        if found is None:
            look.troubles.append(f"YouTube knows no channel {name}: check its spelling")
        else:
            channel = Channel(look.now, found.id, found.account, found.content_details.related_playlists.uploads)
        look.progress.channels[name] = channel
    aim(look)


def aim(look: Look) -> None:
    """Make the targets those of the configuration, and of the videos that were found lately."""
    progress, config = look.progress, look.config
    wanted = [VIDEOS + video for video in config.videos]
    for name in config.channels:
        channel = progress.channels.get(name, Channel(0))
        wanted += [THREADS + channel.id] if channel.id else []
        wanted += [UPLOADS + channel.uploads] if channel.uploads else []
    oldest = look.now - int(config.follow_hours * _HOUR)
    found = sorted(((one.found, key) for key, one in progress.targets.items() if one.found >= oldest), reverse=True)
    keys = dict.fromkeys([*wanted, *(key for at, key in found[:MOST_FOUND] if at)])
    progress.targets = {key: progress.targets.get(key, Target()) for key in keys}
    progress.channels = {name: one for name, one in progress.channels.items() if name in config.channels}


def followed(look: Look) -> list[str]:
    """Single videos that can be asked for, in order."""
    targets = look.progress.targets
    return sorted(key for key, one in targets.items() if key.startswith(VIDEOS) and one.barred <= look.now)


async def follow(look: Look) -> None:
    """Ask for the next fifty videos: given once as posts, and to be read where the number of comments changed."""
    progress = look.progress
    keys = [key for key in followed(look) if key > progress.follow_after][:BATCH]
    if keys:
        context = look.context
        answer = await look.tube.videos([key.removeprefix(VIDEOS) for key in keys])
        read = [read_video(bytes(raw), context) for raw in answer.items]
        told = {VIDEOS + one.id: one for one in read if isinstance(one, Video)}
        posts: list[Read] = [one for one in read if isinstance(one, DeadLetter)]
        for key in keys:
            posts += _take(look, key, told.get(key))
        await look.give(posts)
        progress.follow_after = keys[-1]
    if len(keys) < BATCH:
        progress.followed, progress.follow_after = look.now, ""


def _take(look: Look, key: str, video: Video | None) -> list[Read]:
    """Note how many comments a video has; return it as a post the first time."""
    target, name = look.progress.targets[key], key.removeprefix(VIDEOS)
    target.start = target.start or look.start
    if video is None:
        target.barred = look.now + _WEEK
        if not target.found:
            look.troubles.append(f"video {name}: YouTube does not show it (deleted, private or blocked)")
        return []
    if video.comments is None:
        target.barred = look.now + DAY
    elif video.comments != target.count:
        target.count, target.stale = video.comments, True
    first, target.given = not target.given, True
    written = 0 if isinstance(video.post, DeadLetter) else video.post.post.created_at.timestamp()
    return [video.post] if first and (written >= target.start or isinstance(video.post, DeadLetter)) else []


def next_search(look: Look, phrases: Sequence[str]) -> float:
    """When to search again (unix seconds)."""
    if not (phrases and look.config.search and look.config.daily_searches) or look.since:
        return float("inf")
    if look.tube.searches_left() < 1:
        return look.now + look.tube.seconds_left()
    return look.progress.hunted + look.config.search_every if look.progress.hunted else 0


def _put_off(look: Look, error: RetryLater) -> None:
    """A search that failed costs one of the few: it is not tried again at once, and the comments go on meanwhile."""
    if not look.progress.targets:
        raise RetryLater(str(error), after=max(error.after or 0, look.config.search_every))
    look.troubles.append(f"search: {error}")


async def search(look: Look, phrases: Sequence[str]) -> None:
    """Search for the phrase that waits longest, and listen to the videos that are found."""
    progress = look.progress
    hunts = {phrase: progress.hunts.get(phrase, Hunt(look.start)) for phrase in phrases}
    phrase = min(hunts, key=lambda one: hunts[one].looked)
    hunt = hunts[phrase]
    since = max(hunt.done - DAY, hunt.start) if hunt.done else hunt.start
    progress.hunted = look.now
    try:
        answer = await look.tube.search(phrase, after=datetime.fromtimestamp(since, UTC), token=hunt.token)
    except StaleToken:
        progress.hunts = {**hunts, phrase: Hunt(hunt.start, hunt.done)}
        return
    except RetryLater as error:
        if look.tube.searches_left() >= 1:
            _put_off(look, error)
        return
    for video in read_found(answer.items):
        progress.targets.setdefault(VIDEOS + video, Target(found=look.now))
    began = hunt.began or look.now
    more = bool(answer.next_page_token and answer.items)
    progress.hunts = {
        **hunts,
        phrase: Hunt(hunt.start, hunt.done, look.now, began, answer.next_page_token)
        if more
        else Hunt(hunt.start, began, look.now),
    }
    progress.followed = 0
    aim(look)
