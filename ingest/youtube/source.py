"""Listens to YouTube by asking: a page, a search or fifty posts at a time, whatever is due, within a day's units."""

from collections.abc import Callable, Sequence
from datetime import datetime
from math import ceil

from domain.dead_letter import DeadLetter
from domain.errors import RetryLater, SourceMisconfigured
from domain.post import Record
from ingest.cursors import read_cursor, write_cursor
from ingest.http import PoliteClient
from ingest.passes import StaleToken
from ingest.source import Page
from ingest.youtube.again import AGES, look_again, next_look
from ingest.youtube.api import BATCH, DAY, Dropped, YouTube
from ingest.youtube.config import Config
from ingest.youtube.finding import aim, follow, followed, next_search, resolve, search, unresolved
from ingest.youtube.listings import read_on, read_replies
from ingest.youtube.look import Look
from ingest.youtube.parse import Context, Thread, read_comment, read_thread, read_upload, read_video
from ingest.youtube.state import THREADS, UPLOADS, VIDEOS, Again, Progress, Target

HISTORY_SHARE = 0.5
"""The part of a day's units that reading history may spend."""

_STEPS = 20
_HOUR = 3_600
_NEVER = float("inf")
_LONGEST_WAIT = 3_600.0
_WATCHED_AGAIN = 3_600
"""Seconds after which a configured video is read although its number of comments is the same."""


class YouTubeSource:
    """Comments and videos of YouTube; with `since`, only those written from then on, once."""

    def __init__(
        self,
        config: Config,
        *,
        client: PoliteClient,
        clock: Callable[[], datetime],
        phrases: Sequence[str] = (),
        since: datetime | None = None,
        name: str = "",
    ) -> None:
        self.name = name or config.name
        self.finite = since is not None
        self._config, self._client, self._clock = config, client, clock
        self._phrases, self._since = phrases, since
        self._tube = YouTube(config, client=client, clock=clock, share=HISTORY_SHARE if since else 1.0)
        self._subscribers: dict[str, int | None] = {}

    def __repr__(self) -> str:
        return f"YouTubeSource(name={self.name!r})"

    async def fetch(self, cursor: bytes | None) -> Page:
        """Bring the next page that holds anything new; an empty one when nothing is due."""
        progress = read_cursor(cursor, Progress, source=self.name)
        self._tube.resume(progress.units, progress.searches)
        look = self._look(progress)
        progress.again = progress.again or Again(looked=[look.now] * len(AGES))
        aim(look)
        for step in range(_STEPS):
            try:
                idle = not await self._step(look)
            except RetryLater:
                if not step:
                    raise
                break
            if idle or look.brought:
                break
        look.prune()
        progress.units, progress.searches = self._tube.units, self._tube.searches
        over = self.finite and self._next(look) == _NEVER
        return Page(
            records=look.records,
            dead_letters=look.letters,
            troubles=look.troubles,
            cursor=write_cursor(progress),
            wait=0.0 if over else min(max(self._next(look) - look.now, 0.0), _LONGEST_WAIT),
            exhausted=over,
        )

    async def committed(self, cursor: bytes) -> None:
        """Nobody waits for it: YouTube is read, it does not deliver."""

    async def check(self) -> str:
        """Ask for one channel, or for what any key may see."""
        config = self._config
        told = "the API key is accepted"
        if config.channels:
            first = config.channels[0]
            found = await (self._tube.channel(first) if first.startswith("@") else self._tube.channels([first]))
            if not found:
                raise SourceMisconfigured(f"the API key is accepted, but YouTube knows no channel {first}")
            told += f"; {first} is {found[0].snippet.title or found[0].id!r}"
        else:
            await self._tube.popular()
        searched = f"{len(self._phrases)} phrases are searched for" if config.search else "nothing is searched for"
        return f"{told}; {len(config.channels)} channels and {len(config.videos)} videos are listened to, {searched}"

    def reread(self, letter: DeadLetter) -> Record | DeadLetter:
        """Read a refused object again."""
        context = Context(source=self.name, at=self._clock())
        if letter.where == "commentThreads":
            thread = read_thread(letter.raw, context)
            return thread.top if isinstance(thread, Thread) else thread
        if letter.where == "videos":
            video = read_video(letter.raw, context)
            return video if isinstance(video, DeadLetter) else video.post
        if letter.where == "playlistItems":
            upload = read_upload(letter.raw, context)
            return upload if isinstance(upload, DeadLetter) else letter
        return read_comment(letter.raw, context)

    def history(self, since: datetime, *, name: str) -> "YouTubeSource":
        """Read what was written in the channels and under the videos from `since` on, with half of the units."""
        return YouTubeSource(self._config, client=self._client, clock=self._clock, since=since, name=name)

    async def aclose(self) -> None:
        """Nothing is held: the client belongs to the application."""

    def _look(self, progress: Progress) -> Look:
        return Look(
            self._config,
            self._tube,
            progress,
            name=self.name,
            now=self._clock(),
            since=self._since,
            subscribers=self._subscribers,
        )

    async def _step(self, look: Look) -> bool:
        """Do one thing that is due; return whether there was any."""
        if names := unresolved(look):
            await resolve(look, names)
        elif look.progress.open:
            await read_replies(look)
        elif self._next_follow(look) <= look.now:
            await follow(look)
        elif key := self._next_target(look):
            await self._read(look, key)
        elif next_search(look, self._phrases) <= look.now:
            await search(look, self._phrases)
        elif next_look(look) <= look.now:
            await look_again(look)
        else:
            return False
        self._refuse_nothing(look)
        return True

    async def _read(self, look: Look, key: str) -> None:
        target = look.progress.targets[key]
        try:
            await read_on(look, key, target)
        except Dropped as error:
            target.barred, target.reading, target.stale = look.now + error.seconds, None, False
            if not target.found:
                look.troubles.append(f"{key}: {error.why}; it is tried again in {error.seconds / _HOUR:.0f} h")
        except StaleToken:
            target.reading = None

    def _refuse_nothing(self, look: Look) -> None:
        """Nothing to listen to at all is a mistake of the configuration."""
        if not look.troubles or self.finite or unresolved(look) or (self._phrases and self._config.search):
            return
        if all(one.barred > look.now + DAY for one in look.progress.targets.values()):
            raise SourceMisconfigured(f"there is nothing to listen to: {look.troubles[-1]}")

    def _next_target(self, look: Look) -> str:
        """The target to read on: one that was begun, else the one that waits longest."""
        targets = look.progress.targets
        due = [key for key, one in targets.items() if self._due(look, key, one) <= look.now]
        begun = [key for key in due if targets[key].reading]
        return next(iter(begun), "") or min(due, key=lambda key: targets[key].looked, default="")

    def _due(self, look: Look, key: str, target: Target) -> float:
        if self.finite and (target.done or target.barred > look.now):
            return _NEVER
        if target.reading or not (target.done or target.found):
            return target.barred
        if not key.startswith(VIDEOS):
            return max(target.barred, target.looked + self._pace(look))
        if target.stale:
            return max(target.barred, target.looked + self._pace(look) if target.looked else 0)
        return _NEVER if target.found else max(target.barred, target.looked + max(_WATCHED_AGAIN, self._pace(look)))

    def _next_follow(self, look: Look) -> float:
        if not followed(look) or (self.finite and look.progress.followed):
            return _NEVER
        return look.progress.followed + self._pace(look) if look.progress.followed else 0

    def _pace(self, look: Look) -> float:
        """Seconds between looks: more than configured where the units would not last until the end of the day."""
        targets = look.progress.targets
        listed = sum(key.startswith((THREADS, UPLOADS)) for key in targets)
        single = sum(one.stale for one in targets.values()) + ceil((len(targets) - listed) / BATCH)
        affordable = max(self._tube.left() * 0.6, 1)
        return max(self._config.every, (listed + single) * self._tube.seconds_left() / affordable)

    def _next(self, look: Look) -> float:
        """When anything is due (unix seconds)."""
        if look.progress.open or unresolved(look):
            return 0
        targets = look.progress.targets
        waiting = [self._due(look, key, one) for key, one in targets.items()]
        again = _NEVER if self.finite else min(next_search(look, self._phrases), next_look(look))
        return min([*waiting, self._next_follow(look), again])
