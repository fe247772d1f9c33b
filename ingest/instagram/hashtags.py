"""`via = "hashtags"`: public media of the last day under a few hashtags. Instagram does not say whose they are.

An account may ask for so many different hashtags in any seven days. They are counted in the cursor, by when each was
asked for last, and the next one waits until one of them is a week old.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from domain.dead_letter import DeadLetter
from domain.errors import SourceError, SourceMisconfigured
from domain.post import Record
from ingest.cursors import read_cursor, write_cursor
from ingest.graph.answers import TagsUsedUp, TagUnknown
from ingest.graph.api import Graph, segment
from ingest.graph.batch import Batch
from ingest.graph.follow import CALLS
from ingest.graph.progress import Memory
from ingest.graph.tokens import TokenWatch, told
from ingest.graph.wall import Found, Place, Reading
from ingest.http import PoliteClient
from ingest.instagram.config import Config
from ingest.instagram.media import MOST, meet
from ingest.instagram.parse import NETWORK, read_media
from ingest.source import Page

RIGHTS = ("instagram_basic",)
FIELDS = "id,caption,media_type,comments_count,like_count,permalink,timestamp"
WEEK = 7 * 86_400

_WHOLE_EVERY = 3_600
_DAY = 86_400


class Tag(Struct, omit_defaults=True):
    """How one hashtag stands. Its `id` never changes. `whole` is whether this look reads on to the last page."""

    id: str = ""
    next_at: int = 0
    whole_at: int = 0
    whole: bool = False
    page: int = 0
    after: str = ""


class Progress(Memory, omit_defaults=True):
    """The whole cursor. `asked` is when each hashtag was asked for last (unix seconds)."""

    tags: dict[str, Tag] = msgspec.field(default_factory=dict)
    asked: dict[str, int] = msgspec.field(default_factory=dict)


class _Found(Struct):
    id: str


class _Search(Struct):
    data: list[_Found]


class HashtagSource:
    """Public media under the configured hashtags."""

    finite = False

    def __init__(self, config: Config, *, client: PoliteClient, clock: Callable[[], datetime]) -> None:
        self.name = config.name
        self._config, self._clock = config, clock
        self._user = config.users[0]
        self._graph = Graph(config, client=client)
        self._watch = TokenWatch(config, self._graph, clock=clock)
        self._unknown: dict[str, SourceError] = {}

    def __repr__(self) -> str:
        return f"HashtagSource(name={self.name!r}, tags={len(self._config.tags)})"

    async def fetch(self, cursor: bytes | None) -> Page:
        """Read on until something is news; an empty page means that nothing is due."""
        progress = read_cursor(cursor, Progress, source=self.name)
        progress.since = progress.since or self._now() - int(self._config.backlog_hours * 3_600)
        batch = Batch(progress)
        progress.day, sentence = await self._watch.daily(progress.day)
        batch.troubles += [sentence] if sentence else []
        for _ in range(CALLS):
            tag = self._due(progress)
            if tag is None or batch.holds_anything:
                break
            await self._advance(tag, progress, batch)
            if self._graph.rest:
                break
        batch.settle(horizon=self._clock() - timedelta(hours=self._config.refresh_hours))
        if len(self._unknown) == len(self._config.tags):
            raise SourceMisconfigured("; ".join(f"#{tag}: {error}" for tag, error in self._unknown.items()))
        return Page(
            records=batch.records,
            dead_letters=batch.letters,
            troubles=batch.troubles,
            cursor=write_cursor(progress),
            wait=max(self._next_at(progress) - self._now(), self._graph.rest, 0.0),
        )

    async def committed(self, cursor: bytes) -> None:
        """Nobody waits for it."""

    async def check(self) -> str:
        """Ask what the token is and whose allowance is spent; no hashtag is asked for."""
        token = told(await self._watch.look(), RIGHTS, self._clock())
        place = await meet(self._graph, self._user)
        count = f"{len(self._config.tags)} of {self._config.tags_per_week} hashtags a week"
        return f"{place.account} asks for {count}; {token}"

    def reread(self, letter: DeadLetter) -> Record | DeadLetter:
        """See `ingest.source.Rereads`."""
        reading = replace(self._reading(letter.where.rpartition(" ")[2]), source=letter.source, at=letter.at)
        return read_media(letter.raw, reading).outcome or replace(letter, detail="there is nothing to read in it")

    async def aclose(self) -> None:
        """Nothing is held: the client belongs to the application."""

    async def _advance(self, tag: str, progress: Progress, batch: Batch) -> None:
        """Find out a hashtag's number, or read one page of it."""
        state = progress.tags.setdefault(tag, Tag())
        allowed_at = self._allowed_at(tag, progress)
        if allowed_at > self._now():
            state.next_at = allowed_at
            until = datetime.fromtimestamp(allowed_at, UTC)
            most = self._config.tags_per_week
            batch.troubles.append(
                f"#{tag} waits until {until:%Y-%m-%d %H:%M} UTC: {most} hashtags were asked for lately"
            )
            return
        progress.asked = {one: at for one, at in progress.asked.items() if at > self._now() - WEEK}
        progress.asked[tag] = self._now()
        try:
            if not state.id:
                await self._search(tag, state)
            else:
                await self._read(tag, state, progress, batch)
        except TagUnknown as error:
            self._unknown[tag] = error
            batch.troubles.append(f"#{tag}: {error}")
        except TagsUsedUp as error:
            del progress.asked[tag]
            state.next_at = self._now() + _DAY
            batch.troubles.append(f"#{tag} waits for a day: {error}")

    async def _search(self, tag: str, state: Tag) -> None:
        found = await self._graph.get("ig_hashtag_search", {"user_id": self._user, "q": tag}, _Search)
        if not found.data:
            raise TagUnknown("Instagram knows no such hashtag")
        state.id = found.data[0].id

    async def _read(self, tag: str, state: Tag, progress: Progress, batch: Batch) -> None:
        if not state.page:
            state.whole = state.whole_at <= self._now()
        listing = await self._graph.list(
            f"{segment(state.id)}/recent_media",
            {"user_id": self._user, "fields": FIELDS},
            after=state.after,
            most=MOST,
        )
        reading = self._reading(f"#{tag}")
        unknown = [self._take(read_media(bytes(raw), reading), progress, batch) for raw in listing.data]
        state.page, state.after = state.page + 1, listing.after
        if not state.after or state.page >= self._config.most_pages or not (state.whole or any(unknown)):
            now = self._now()
            state.next_at = now + int(self._config.every)
            state.whole_at = now + _WHOLE_EVERY if state.whole else state.whole_at
            state.page, state.after = 0, ""

    def _take(self, found: Found, progress: Progress, batch: Batch) -> bool:
        """Give a medium if it is news; return whether it was unknown."""
        if isinstance(found.outcome, DeadLetter):
            batch.refuse(found.outcome)
        if not isinstance(found.outcome, Record) or found.at < progress.since:
            return False
        unknown = found.id not in progress.recent
        batch.give(found.outcome)
        return unknown

    def _reading(self, edge: str) -> Reading:
        place = Place(network=NETWORK, id=self._user)
        return Reading(place=place, edge=edge, source=self.name, at=self._clock())

    def _allowed_at(self, tag: str, progress: Progress) -> int:
        """When a hashtag may be asked for: at once when it counts already or another one may."""
        counted = {one: at for one, at in progress.asked.items() if at > self._now() - WEEK}
        if tag in counted or len(counted) < self._config.tags_per_week:
            return 0
        return min(counted.values()) + WEEK

    def _due(self, progress: Progress) -> str | None:
        ready = [tag for tag in self._known() if self._tag(progress, tag).next_at <= self._now()]
        return min(
            ready, key=lambda tag: (not self._tag(progress, tag).page, self._tag(progress, tag).next_at), default=None
        )

    def _next_at(self, progress: Progress) -> float:
        return min(float(self._tag(progress, tag).next_at) for tag in self._known())

    def _known(self) -> list[str]:
        return [tag for tag in self._config.tags if tag not in self._unknown]

    @staticmethod
    def _tag(progress: Progress, tag: str) -> Tag:
        return progress.tags.get(tag, Tag())

    def _now(self) -> int:
        return int(self._clock().timestamp())
