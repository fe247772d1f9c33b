"""`via = "search"`: what people write anywhere on VK, asked for by words, in slices of time; and on walls, by words.

VK gives at most a thousand posts to a question, and promises neither order nor that its index is complete: the last
half hour is read again with each look.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from domain.brand import Brand
from domain.errors import SourceMisconfigured
from domain.post import Record
from domain.query import phrases
from ingest.http import PoliteClient
from ingest.vk.answers import Glimpse, Listing, glimpse
from ingest.vk.api import Call
from ingest.vk.checking import Try
from ingest.vk.comments import OVERLAP
from ingest.vk.config import Config
from ingest.vk.names import wall_params
from ingest.vk.orders import Closed, NoSuch
from ingest.vk.parse import post_id, read_post
from ingest.vk.people import FIELDS
from ingest.vk.polled import PolledSource
from ingest.vk.progress import Job, Progress, Query, Wall, due_again
from ingest.vk.turn import Turn
from ingest.vk.wall import again, posts_call

REREAD = 1_800
"""Seconds back from now that every look reads again: VK's index lags."""

_FIRST_SPAN, _FIRST_SPAN_OF_HISTORY, _LONGEST_SPAN = 3_600, 86_400, 30 * 86_400
_FEW = 4
_DEEPEST = 1_000


class SearchSource(PolledSource):
    """The brands' phrases, or configured queries, searched for in all of VK and on walls."""

    def __init__(
        self,
        config: Config,
        *,
        client: PoliteClient,
        clock: Callable[[], datetime],
        brands: Sequence[Brand] = (),
        history: datetime | None = None,
        name: str = "",
    ) -> None:
        super().__init__(config, client=client, clock=clock, history=history, name=name)
        self._brands = brands
        asked = config.queries or [phrase.quoted() for brand in brands for phrase in phrases(brand)]
        self._queries = list(dict.fromkeys(asked))
        self._on_walls = {
            f"{query} @{community}": (query, community) for community in config.communities for query in self._queries
        }

    def history(self, since: datetime, *, name: str) -> "SearchSource":
        """What VK's search still finds of what was written from `since` on."""
        return SearchSource(
            self._config, client=self._client, clock=self._clock, brands=self._brands, history=since, name=name
        )

    def _names(self) -> Collection[str]:
        return {*self._queries, *self._on_walls}

    def _begun(self, progress: Progress) -> Mapping[str, Wall | Query]:
        return {
            **{query: progress.queries[query] for query in self._queries if query in progress.queries},
            **{key: progress.walls[key] for key in self._on_walls if key in progress.walls},
        }

    def _plan(self, turn: Turn) -> None:
        self._asks()
        progress, queued = turn.progress, {job.of for job in turn.progress.jobs}
        since, span = self._since(turn), _FIRST_SPAN_OF_HISTORY if self.finite else _FIRST_SPAN
        for name in self._queries:
            query = progress.queries.setdefault(name, Query(since, span))
            if not (query.done or query.due > turn.now or name in queued):
                end = min(query.at + query.span, self._until(turn))
                progress.jobs.append(Job("news", name, start=query.at, end=end))
        for name in self._on_walls:
            wall = progress.walls.setdefault(name, Wall(since=since))
            if not (wall.done or wall.due > turn.now or name in queued):
                progress.jobs.append(Job("found", name))
        if not self.finite and turn.now >= progress.looked + self._config.every and "" not in queued:
            recent = progress.recent
            due = [name for name, one in recent.items() if due_again(one.at, progress.looked, turn.now)]
            progress.jobs += again("", [name for name in due if name.replace("-", "").replace("_", "").isdigit()])
            progress.looked = turn.now

    def _call(self, job: Job, most: int) -> Call:
        if job.ask == "posts":
            return posts_call(job, most)
        params: dict[str, Any] = {"extended": 1, "fields": FIELDS}
        if job.ask == "found":
            query, community = self._on_walls[job.of]
            params |= wall_params(community) | {"query": query, "count": most, "offset": job.offset}
            return Call("wall.search", params)
        params |= {"q": job.of, "count": most * 2, "start_time": job.start, "end_time": job.end}
        return Call("newsfeed.search", params | ({"start_from": job.after} if job.after else {}))

    def _take(self, job: Job, call: Call, listing: Listing, turn: Turn) -> None:
        looks = [(bytes(raw), glimpse(bytes(raw))) for raw in listing.items]
        if job.ask == "posts":
            self._give(looks, listing, turn, counters=True)
            asked = str(call.params["posts"]).split(",")
            for missing in set(asked) - {post_id(look.owner_id, look.id) for _, look in looks}:
                turn.lose(missing)
            turn.replace(job, again("", job.ids[len(asked) :]))
        elif job.ask == "found":
            turn.replace(job, self._take_found(job, looks, listing, turn))
        else:
            turn.replace(job, self._take_news(job, looks, listing, turn))

    def _take_news(
        self, job: Job, looks: list[tuple[bytes, Glimpse]], listing: Listing, turn: Turn
    ) -> list[Job]:  # fmt: skip
        self._give(looks, listing, turn, since=0)
        job.found += len(looks)
        most = self._config.results_per_query
        if looks and listing.next_from and listing.next_from != job.after and job.found < most:
            job.after = listing.next_from
            return [job]
        if job.found >= most:
            if job.end - job.start > 1:
                half = job.start + (job.end - job.start) // 2
                return [Job("news", job.of, start=job.start, end=half)]
            sentence = f"VK found more than the {most} posts that it tells of one second; some were not read"
            turn.refuse_job(job, f"{job.of} at {job.start}", "too_many", sentence)
        query, span = turn.progress.queries[job.of], job.end - job.start
        query.span = min(span * 2, _LONGEST_SPAN) if job.found * _FEW < most else span
        query.at = job.end
        if job.end >= self._until(turn):
            query.done = self.finite
            query.at = turn.now - REREAD
            query.due = turn.now + int(self._stretched(len(self._queries), "newsfeed.search"))
        return []

    def _take_found(
        self, job: Job, looks: list[tuple[bytes, Glimpse]], listing: Listing, turn: Turn
    ) -> list[Job]:  # fmt: skip
        """VK does not promise the order of what it finds on a wall: read on while a page holds anything unknown."""
        wall = turn.progress.walls[job.of]
        hours = int(self._config.refresh_hours * 3_600)
        since = turn.now - max(hours, REREAD) if wall.looked else wall.since
        fresh = self._give(looks, listing, turn, since=since)
        young = not wall.looked and any(look.date >= wall.since for _, look in looks)
        end = job.offset + len(looks)
        if looks and (fresh or young) and end < min(listing.count or 0, _DEEPEST):
            job.offset += max(len(looks) - OVERLAP, 1)
            return [job]
        wall.looked, wall.done = turn.now, self.finite
        wall.due = turn.now + int(self._stretched(len(self._on_walls), "wall.search"))
        return []

    def _give(
        self,
        looks: list[tuple[bytes, Glimpse]],
        listing: Listing,
        turn: Turn,
        *,
        since: int | None = None,
        counters: bool = False,
    ) -> bool:
        """Give what is unknown and was written from `since` on (None: nothing), or has changed."""
        people, fresh = self._people(listing), False
        for raw, look in looks:
            read = read_post(
                raw, people, source=self.name, at=turn.at, site=self._config.site, origin=self._origin
            )  # fmt: skip
            native_id = read.post.native_id if isinstance(read, Record) else post_id(look.owner_id, look.id)
            new = since is not None and (look.date >= since or not look.date)
            fresh |= turn.offer(read, native_id, new=new, counters=counters)
        return fresh

    def _until(self, turn: Turn) -> int:
        """The end of what is to be read by now."""
        return (turn.progress.started if self.finite else turn.now) + 1

    def _dropped(self, job: Job, error: Closed | NoSuch, turn: Turn) -> None:
        """Posts that may not be looked at again are left as they were given."""

    def _tries(self) -> Iterator[Try]:
        self._asks()
        for query in self._queries:
            yield Try(query, Call("newsfeed.search", {"q": query, "count": 1, "extended": 1, "fields": FIELDS}))
        for name, (query, community) in self._on_walls.items():
            params = wall_params(community) | {"query": query, "count": 1, "extended": 1, "fields": FIELDS}
            yield Try(name, Call("wall.search", params))

    def _asks(self) -> None:
        if not self._queries:
            raise SourceMisconfigured(f"`{self.name}` has nothing to search for: add a [[brand]] or `queries`")
