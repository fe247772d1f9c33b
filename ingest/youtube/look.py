"""One fetch on its way: where we are, what came of it so far, and what is due next."""

from collections.abc import Sequence
from datetime import UTC, datetime

from msgspec.structs import replace

from domain.dead_letter import DeadLetter
from domain.errors import RetryLater
from domain.post import Record
from ingest.passes import Reading, begin, is_letter, unheard
from ingest.recent import news, remembered
from ingest.youtube.api import BATCH, YouTube
from ingest.youtube.config import Config
from ingest.youtube.parse import Context, Read
from ingest.youtube.state import Progress, Target

MOST = 2_000
"""Posts that are remembered."""
AUTHORS = 5_000
"""Authors whose subscribers are remembered, in memory only."""

_HOUR = 3_600
_SPARED = 0.2
"""Share of the daily units that is kept for reading what is new."""


class Look:
    """What the steps work on. `since` makes it history: nothing older is read, and nothing twice."""

    def __init__(
        self,
        config: Config,
        tube: YouTube,
        progress: Progress,
        *,
        name: str,
        now: datetime,
        since: datetime | None,
        subscribers: dict[str, int | None],
    ) -> None:
        self.config, self.tube, self.progress = config, tube, progress
        self.name, self.at, self.since = name, now, since
        self.now = int(now.timestamp())
        self.records: list[Record] = []
        self.letters: list[DeadLetter] = []
        self.troubles: list[str] = []
        self._subscribers = subscribers

    @property
    def brought(self) -> bool:
        """Whether there is anything to hand on."""
        return bool(self.records or self.letters or self.troubles)

    @property
    def context(self) -> Context:
        """What reading needs to know."""
        accounts = {one.id: one.account for one in self.progress.channels.values() if one.id}
        return Context(
            source=self.name,
            at=self.at,
            accounts=accounts,
            videos=self.progress.homes,
            owners=self.progress.owners,
        )

    @property
    def start(self) -> int:
        """Where listening begins for what is listened to from now on."""
        return int(self.since.timestamp()) if self.since else self.now - int(self.config.backlog_hours * _HOUR)

    @property
    def keep(self) -> int:
        """What was written from then on is remembered."""
        return self.now - int(self.config.refresh_hours * _HOUR)

    def reading(self, target: Target) -> Reading:
        """Go on with a target's reading, or begin another."""
        target.start = target.start or self.start
        target.reading = target.reading or begin(
            self.now,
            start=target.start,
            done=target.done,
            keep=self.keep,
            recent=self.progress.recent,
            most=MOST,
        )
        return target.reading

    def turn(self, target: Target, *, token: str, last: int | None) -> None:
        """Go on to the next page, or be done: where there is none, or what was listed last is old enough."""
        reading = self.reading(target)
        if token and last is not None and last >= reading.stop:
            target.reading = replace(reading, token=token)
        else:
            self.end(target, etag=reading.etag)

    def end(self, target: Target, *, etag: str) -> None:
        """A reading is over."""
        target.done, target.looked, target.etag = self.reading(target).began, self.now, etag
        target.reading, target.stale = None, False

    async def give(self, read: Sequence[Read], *, since: int = 0) -> set[str]:
        """Hand on what was written from `since` on and is new or changed; return the ids of those posts."""
        records = [one for one in read if isinstance(one, Record) and one.post.created_at.timestamp() >= since]
        letters = [one for one in read if isinstance(one, DeadLetter)]
        fresh = await self._with_subscribers(news(records, self.progress.recent))
        if self.since:
            fresh = [replace(one, post=replace(one.post, origin="backfill")) for one in fresh]
        self.records += fresh
        self._remember(fresh)
        self.letters += unheard(letters, self.progress.recent, self.now)
        return {one.post.native_id for one in fresh}

    def forget(self, gone: Sequence[Record]) -> None:
        """Hand on that posts are gone."""
        self.records += gone
        self._remember(gone)

    def at_home(self, thread: str, video: str, owner: str) -> None:
        """Note where a thread stands: its comments do not say so when they are asked for one by one."""
        if video:
            self.progress.homes[thread] = video
            self.progress.owners[video] = owner

    def prune(self) -> None:
        """Let go of what belongs to nothing that is remembered."""
        progress = self.progress
        wanted = {key.partition(".")[0] for key in progress.recent} | {one.thread for one in progress.open}
        progress.homes = {thread: video for thread, video in progress.homes.items() if thread in wanted}
        videos = set(progress.homes.values())
        progress.owners = {video: owner for video, owner in progress.owners.items() if video in videos}

    @property
    def in_plenty(self) -> bool:
        """Whether there are units for more than what is new."""
        return self.tube.left() >= _SPARED * self.config.daily_units * (0.5 if self.since else 1)

    def remembered(self, *, younger: float, older: float) -> list[str]:
        """Posts between two ages, in hours."""
        ages = {key: (self.now - one.at) / _HOUR for key, one in self.progress.recent.items() if not is_letter(key)}
        return [key for key, age in ages.items() if younger <= age < older]

    def _remember(self, records: Sequence[Record]) -> None:
        since = datetime.fromtimestamp(self.keep, UTC)
        self.progress.recent = remembered(self.progress.recent, records, since=since, most=MOST)

    async def _with_subscribers(self, records: list[Record]) -> list[Record]:
        """Tell how many subscribers the authors have, as far as that can be asked now."""
        authors = list(dict.fromkeys(one.post.author.id for one in records if one.post.author.id))
        unknown = [one for one in authors if one not in self._subscribers]
        if self.config.followers and self.in_plenty:
            await self._ask_for_subscribers(unknown)
        return [self._with_audience(one) for one in records]

    async def _ask_for_subscribers(self, unknown: list[str]) -> None:
        try:
            for number in range(0, len(unknown), BATCH):
                some = unknown[number : number + BATCH]
                told = await self.tube.channels(some, part="statistics")
                self._subscribers |= dict.fromkeys(some) | {one.id: one.subscribers for one in told}
        except RetryLater:
            return
        finally:
            for old in list(self._subscribers)[:-AUTHORS]:
                del self._subscribers[old]

    def _with_audience(self, record: Record) -> Record:
        followers = self._subscribers.get(record.post.author.id)
        author = replace(record.post.author, followers=followers)
        return replace(record, post=replace(record.post, author=author))
