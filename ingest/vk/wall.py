"""`via = "wall"`: the walls of own and watched communities, newest posts first, and the comments there."""

from collections.abc import Collection, Iterator, Mapping
from datetime import datetime
from typing import Any

from domain.dead_letter import DeadLetter
from ingest.vk.answers import Glimpse, Listing, glimpse
from ingest.vk.api import Call
from ingest.vk.checking import Try
from ingest.vk.comments import OVERLAP, Comments, comments_call, drop_comments, listen, settle
from ingest.vk.names import owner_of, wall_params
from ingest.vk.orders import Closed, NoSuch
from ingest.vk.parse import post_id, read_post
from ingest.vk.people import FIELDS
from ingest.vk.polled import PolledSource
from ingest.vk.progress import Job, Progress, Wall, due_again
from ingest.vk.turn import Turn

MOST_IDS = 100
"""Posts that `wall.getById` takes."""

_TALKS_OF_OLD_POSTS = 1_500


class WallSource(PolledSource):
    """Walls, and the comments under their posts.

    The newest hundred posts of a wall come with each look: edits show there at once, and so does the number of
    comments, which tells under which posts to read. Posts that are older, or not where they should be, are looked at
    again by their ids.
    """

    def history(self, since: datetime, *, name: str) -> "WallSource":
        """What was written on the walls from `since` on, and the comments under it."""
        return WallSource(self._config, client=self._client, clock=self._clock, history=since, name=name)

    def _names(self) -> Collection[str]:
        return self._config.communities

    def _begun(self, progress: Progress) -> Mapping[str, Wall]:
        return {name: progress.walls[name] for name in self._config.communities if name in progress.walls}

    def _plan(self, turn: Turn) -> None:
        settle(turn)
        progress = turn.progress
        since = self._since(turn)
        held = self._api.used_up("wall.get")
        if held:
            self._tell("wall.get", held, turn)
            progress.jobs[:] = [job for job in progress.jobs if job.ask != "wall" or job.offset]
        queued = {job.of for job in progress.jobs if job.ask == "wall"}
        for name in self._config.communities:
            owner = owner_of(name)
            wall = progress.walls.setdefault(name, Wall(since=since, owner=owner, handle="" if owner else name))
            if wall.done or wall.due > turn.now or name in queued:
                continue
            if held and not self.finite:
                progress.jobs += self._again(name, wall, turn, below=0)
                self._looked(wall, turn)
            else:
                progress.jobs.append(Job("wall", name))

    def _call(self, job: Job, most: int) -> Call:
        if job.ask == "posts":
            return posts_call(job, most)
        if job.ask in {"comments", "thread"}:
            return comments_call(job, most)
        params: dict[str, Any] = {**wall_params(job.of), "offset": job.offset, "count": most}
        return Call("wall.get", {**params, "extended": 1, "fields": FIELDS})

    def _take(self, job: Job, call: Call, listing: Listing, turn: Turn) -> None:
        wall = turn.progress.walls[job.of]
        if job.ask in {"comments", "thread"}:
            people = self._people(listing, wall)
            found = Comments(job, listing, wall=wall, people=people, turn=turn, site=self._config.site)
            turn.replace(job, found.take())
        elif job.ask == "posts":
            turn.replace(job, self._take_posts(job, call, listing, turn))
        else:
            turn.replace(job, self._take_wall(job, listing, wall, turn))

    def _take_wall(self, job: Job, listing: Listing, wall: Wall, turn: Turn) -> list[Job]:
        looks = [(bytes(raw), glimpse(bytes(raw))) for raw in listing.items]
        standing = [look for _, look in looks if look.id and not look.is_pinned]
        ids = [look.id for look in standing]
        if not job.unbroken(ids):
            return [job.back()]
        wall.owner = wall.owner or next((look.owner_id for _, look in looks if look.owner_id), 0)
        following = self._posts(job, looks, listing, turn, wall)
        following += again(job.of, self._missing(wall, looks, ids, turn, from_the_top=job.offset == 0))
        job.low = min([job.low or ids[0], *ids]) if ids else job.low
        reached = any(look.id <= wall.last or 0 < look.date < wall.since for look in standing)
        if looks and not reached and job.offset + len(looks) < (listing.count or 0):
            job.offset += max(len(looks) - OVERLAP, 1)
            return [*following, job]
        following += self._again(job.of, wall, turn, below=job.low)
        wall.last = max(wall.last, job.top)
        self._looked(wall, turn)
        return following

    def _posts(
        self, job: Job, looks: list[tuple[bytes, Glimpse]], listing: Listing, turn: Turn, wall: Wall, *,
        again: bool = False,
    ) -> list[Job]:  # fmt: skip
        """Give the posts that are new or changed; return the calls for their comments."""
        people, following, old = self._people(listing, wall), list[Job](), 0
        for raw, look in looks:
            read = read_post(
                raw, people, source=self.name, at=turn.at, site=self._config.site, origin=self._origin
            )  # fmt: skip
            counters = again or due_again(look.date, wall.looked, turn.now)
            new = (look.id > wall.last or not look.id) and not 0 < look.date < wall.since
            turn.offer(read, post_id(wall.owner, look.id), new=new, counters=counters)
            if not isinstance(read, DeadLetter):
                job.top = max(job.top, look.id)
            old += look.date < turn.now - self._config.refresh_hours * 3_600
            if self._hears(look, wall, old, again=again):
                looked = 0 if again else wall.looked
                talk = listen(turn, of=job.of, owner=wall.owner, post=look, looked=looked)
                following += [talk] if talk else []
        return following

    def _hears(self, look: Glimpse, wall: Wall, old: int, *, again: bool) -> bool:
        """Whether the comments under a post are followed: of history all, else not under too many old ones."""
        if not (self._config.comments and look.id):
            return False
        if self.finite:
            return bool(look.is_pinned) or look.date >= wall.since
        return again or bool(look.is_pinned) or old <= _TALKS_OF_OLD_POSTS // len(self._config.communities)

    def _take_posts(self, job: Job, call: Call, listing: Listing, turn: Turn) -> list[Job]:
        """Posts asked for by id: those that VK does not show are gone."""
        asked = str(call.params["posts"]).split(",")
        looks = [(bytes(raw), glimpse(bytes(raw))) for raw in listing.items]
        for missing in set(asked) - {post_id(look.owner_id, look.id) for _, look in looks}:
            turn.lose(missing)
        wall = turn.progress.walls[job.of]
        return self._posts(job, looks, listing, turn, wall, again=True) + again(job.of, job.ids[len(asked) :])

    def _missing(
        self, wall: Wall, looks: list[tuple[bytes, Glimpse]], ids: list[int], turn: Turn, *, from_the_top: bool
    ) -> list[str]:
        """Remembered posts that should stand on this page and do not."""
        there = {look.id for _, look in looks}
        lowest = min(ids, default=0)
        highest = wall.last if from_the_top else max(ids, default=0)
        known = [] if self.finite else remembered_posts(turn.progress, wall.owner)
        return [post_id(wall.owner, one) for one in known if lowest < one <= highest and one not in there]

    def _again(self, of: str, wall: Wall, turn: Turn, *, below: int) -> list[Job]:
        """Ask for the remembered posts below an id (0: for all) by their ids, as often as they are due."""
        queued = any(job.ask == "posts" and job.of == of for job in turn.progress.jobs)
        if self.finite or queued:
            return []
        recent = turn.progress.recent
        named = [
            post_id(wall.owner, one)
            for one in remembered_posts(turn.progress, wall.owner)
            if not below or one < below
        ]
        return again(of, [name for name in named if due_again(recent[name].at, wall.looked, turn.now)])

    def _looked(self, wall: Wall, turn: Turn) -> None:
        wall.looked = turn.now
        wall.due = turn.now + int(self._stretched(len(self._config.communities), "wall.get"))
        wall.done = self.finite

    def _dropped(self, job: Job, error: Closed | NoSuch, turn: Turn) -> None:
        if job.ask in {"comments", "thread"}:
            drop_comments(job, error, turn)

    def _tries(self) -> Iterator[Try]:
        for name in self._config.communities:
            yield Try(name, Call("wall.get", {**wall_params(name), "count": 1, "extended": 1, "fields": FIELDS}))


def posts_call(job: Job, most: int) -> Call:
    """Ask for posts by their ids."""
    return Call(
        "wall.getById",
        {"posts": ",".join(job.ids[:most]), "copy_history_depth": 2, "extended": 1, "fields": FIELDS},
    )


def again(of: str, names: list[str]) -> list[Job]:
    """The calls that look at posts again."""
    return [Job("posts", of, ids=names[n : n + MOST_IDS]) for n in range(0, len(names), MOST_IDS)]


def remembered_posts(progress: Progress, owner: int) -> list[int]:
    """The numbers of the remembered posts of a wall."""
    start = f"{owner}_"
    found = (name.removeprefix(start) for name in progress.recent if name.startswith(start))
    return [int(rest) for rest in found if rest.isdigit()]
