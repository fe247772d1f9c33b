"""The `lemmy` source: walks an instance's lists of posts and comments, or what its search finds, newest first."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

import msgspec
from msgspec import Struct

from domain.brand import Brand
from domain.dead_letter import DeadLetter
from domain.errors import SourceMisconfigured
from domain.post import Origin, Record
from domain.query.phrases import phrases
from ingest.history import History
from ingest.http import PoliteClient
from ingest.lemmy.api import SEARCH, Instance
from ingest.lemmy.config import Config
from ingest.lemmy.parse import Kind, Read, parent_of, read_view
from ingest.listing import Known, Slice
from ingest.source import Page, Source
from ingest.walk import Walker

MOST_PARENTS = 5_000
"""Addresses of comments kept, to name what a comment answers."""


class _Place(Struct, array_like=True):
    """How many entries were read, and the instance's own word for where that is, if it has one."""

    offset: int = 0
    cursor: str = ""


class Lists:
    """The lists of posts and of comments: of the whole instance, or of some communities."""

    network, covers = "lemmy", True

    def __init__(
        self,
        instance: Instance,
        config: Config,
        *,
        source: str,
        clock: Callable[[], datetime],
        origin: Origin = "live",
    ) -> None:
        self._instance, self._config = instance, config
        self._source, self._clock, self._origin = source, clock, origin
        self._parents: dict[int, str] = {}
        ends = [f":{one}" for one in config.communities] or [""]
        self.targets: Sequence[str] = tuple(f"{kind}{end}" for end in ends for kind in ("post", "comment"))

    async def page(self, target: str, place: str, known: Mapping[str, Known]) -> Slice:
        """A page of one list; the addresses of comments that are answered are asked for where they are not known."""
        kind, _, community = target.partition(":")
        params: dict[str, str | int] = {"sort": "New", "type_": self._config.listing}
        if community:
            params["community_name"] = community
        at = _place(place)
        listed, size = await self._instance.listed(f"/{kind}/list", params, offset=at.offset, page_cursor=at.cursor)
        raw = [bytes(one) for one in (listed.posts if kind == "post" else listed.comments)]
        read = await self._read("post" if kind == "post" else "comment", raw, known)
        goes_on = bool(raw) and (len(raw) >= size or bool(listed.next_page))
        after = _Place(at.offset + size, listed.next_page or "")
        return self._slice(target, read, place=_written(after) if goes_on else "")

    async def one(self, known: Known) -> Record | DeadLetter | None:
        """Ask for one post or comment."""
        kind, _, number = known.ask.partition("/")
        raw = await self._instance.one("post" if kind == "post" else "comment", int(number))
        if raw is None:
            return None
        read = (await self._read("post" if kind == "post" else "comment", [raw], {}))[0]
        return read.record or read.letter

    async def _read(self, kind: Kind, raw: Sequence[bytes], known: Mapping[str, Known]) -> list[Read]:
        if kind == "comment":
            await self._find_parents(raw, known)
        at = self._clock()
        read = [
            read_view(kind, one, source=self._source, at=at, origin=self._origin, parents=self._parents)
            for one in raw
        ]
        if kind == "comment":
            self._parents |= {one.local: one.native_id for one in read if one.native_id}
            self._parents = dict(list(self._parents.items())[-MOST_PARENTS:])
        return read

    async def _find_parents(self, raw: Sequence[bytes], known: Mapping[str, Known]) -> None:
        here = {int(how.ask.partition("/")[2]): one for one, how in known.items() if how.ask.startswith("comment/")}
        at = self._clock()
        for one in raw:
            read = read_view("comment", one, source=self._source, at=at)
            here |= {read.local: read.native_id} if read.native_id else {}
        for number in {parent_of(one) for one in raw} - {0, *self._parents}:
            self._parents[number] = here.get(number) or await self._address(number)

    async def _address(self, number: int) -> str:
        """The address of a comment by its number here; empty when it is gone."""
        try:
            raw = await self._instance.one("comment", number)
        except KeyError:
            return ""
        return read_view("comment", raw, source=self._source, at=self._clock()).native_id if raw else ""

    def _slice(self, target: str, read: Sequence[Read], *, place: str) -> Slice:
        times = [one.at for one in read if one.at is not None]
        return Slice(
            records=[one.record for one in read if one.record],
            letters=[one.letter for one in read if one.letter],
            known={
                one.native_id: Known(target, f"{one.record.post.kind}/{one.local}", one.at or 0)
                for one in read
                if one.record
            },
            gone=[one.native_id for one in read if one.native_id and not one.record],
            oldest=min(times, default=None),
            newest=max(times, default=None),
            low=min(times, default=None),
            place=place,
        )


class Found(Lists):
    """What the instance's search finds, phrase by phrase."""

    covers = False

    def __init__(
        self,
        instance: Instance,
        config: Config,
        *,
        source: str,
        clock: Callable[[], datetime],
        origin: Origin = "live",
        wanted: Sequence[str] = (),
    ) -> None:
        super().__init__(instance, config, source=source, clock=clock, origin=origin)
        self.targets = tuple(wanted)

    async def page(self, target: str, place: str, known: Mapping[str, Known]) -> Slice:
        """A page of posts and a page of comments, each newest first."""
        at = _place(place)
        params: dict[str, str | int] = {
            "q": target, "type_": "All", "sort": "New", "listing_type": self._config.listing,
        }  # fmt: skip
        listed, size = await self._instance.listed(SEARCH, params, offset=at.offset)
        posts = await self._read("post", [bytes(one) for one in listed.posts], known)
        comments = await self._read("comment", [bytes(one) for one in listed.comments], known)
        full = [kind for kind in (posts, comments) if len(kind) >= size]
        found = self._slice(target, [*posts, *comments], place=_written(_Place(at.offset + size)) if full else "")
        ends = [min((one.at for one in kind if one.at is not None), default=0) for kind in full]
        return msgspec.structs.replace(found, oldest=max(ends, default=found.oldest))


class LemmySource:
    """One instance."""

    finite = False

    def __init__(
        self, config: Config, *, client: PoliteClient, clock: Callable[[], datetime], brands: Sequence[Brand] = ()
    ) -> None:
        self.name = config.name
        self._config, self._clock = config, clock
        self._instance = Instance(config, client=client, clock=clock)
        self._wanted = tuple(dict.fromkeys(one.plain() for brand in brands for one in phrases(brand)))
        self._walker = Walker(
            self._listing(self.name, "live"),
            name=self.name,
            clock=clock,
            every=config.every,
            backlog_hours=config.backlog_hours,
            refresh_hours=config.refresh_hours,
        )

    def __repr__(self) -> str:
        return f"LemmySource(name={self.name!r})"

    async def fetch(self, cursor: bytes | None) -> Page:
        """Bring the next page that holds anything new, oldest first; an empty one when all was read."""
        self._refuse_without_words()
        return await self._walker.fetch(cursor)

    async def committed(self, cursor: bytes) -> None:
        """Nobody waits for it: an instance is read, it does not deliver."""

    async def check(self) -> str:
        """Ask the instance who it is, and who we are."""
        self._refuse_without_words()
        return await self._instance.site()

    def history(self, since: datetime, *, name: str) -> Source:
        """What was written from `since` on."""
        self._refuse_without_words()
        return History(self._listing(name, "backfill"), name=name, since=since, check=self.check)

    def reread(self, letter: DeadLetter) -> Record | DeadLetter:
        """Read a refused post or comment again."""
        kind: Kind = "comment" if letter.where == "comment" else "post"
        read = read_view(kind, letter.raw, source=self.name, at=self._clock())
        return read.record or letter

    async def aclose(self) -> None:
        """Nothing is held: the client belongs to the application."""

    def _listing(self, source: str, origin: Origin) -> Lists:
        if self._config.via == "search":
            return Found(
                self._instance, self._config, source=source, clock=self._clock, origin=origin, wanted=self._wanted
            )
        return Lists(self._instance, self._config, source=source, clock=self._clock, origin=origin)

    def _refuse_without_words(self) -> None:
        if self._config.via == "search" and not self._wanted:
            raise SourceMisconfigured('via = "search" asks for the brands, and there is none')


def _place(place: str) -> _Place:
    return msgspec.json.decode(place, type=_Place) if place else _Place()


def _written(place: _Place) -> str:
    return msgspec.json.encode(place).decode()
