"""What was written in groups of Odnoklassniki since a date: topics, newest first, and the comments on them."""

from collections.abc import Awaitable, Callable
from datetime import datetime

from msgspec import Struct
from msgspec.structs import replace

from domain.dead_letter import DeadLetter
from domain.errors import SourceError, SourceMisconfigured, SourceStopped
from domain.post import Record
from ingest.cursors import read_cursor
from ingest.listing import in_steps
from ingest.ok.api import BadParam, Caller, Denied
from ingest.ok.parse import Context, Group, Talk, Topic, read_comment, read_topic
from ingest.source import Page


class Past(Struct, frozen=True):
    """What is left: groups (None: all), the place in the first of them, and topics whose comments are to be read."""

    left: tuple[str, ...] | None = None
    anchor: str = ""
    restarted: bool = False
    over: bool = False
    group: Group = Group()
    talks: tuple[Talk, ...] = ()
    comments: str = ""


class OkHistory:
    """A finite source; it ends with the last topic of the last group."""

    finite = True

    def __init__(
        self,
        caller: Caller,
        groups: tuple[str, ...],
        *,
        since: datetime,
        name: str,
        clock: Callable[[], datetime],
        check: Callable[[], Awaitable[str]],
    ) -> None:
        self.name = name
        self._caller, self._groups, self._since = caller, groups, int(since.timestamp())
        self._clock, self._check = clock, check

    async def fetch(self, cursor: bytes | None) -> Page:
        """Bring the next page of topics, or of comments on those of the last page."""
        return await in_steps(read_cursor(cursor, Past, source=self.name), self._step)

    async def committed(self, cursor: bytes) -> None:
        """Nobody waits for it."""

    async def check(self) -> str:
        """Say what the live source says."""
        return await self._check()

    async def aclose(self) -> None:
        """Nothing is held: the client belongs to the application."""

    async def _step(self, at: Past) -> tuple[Page, Past]:
        left = self._groups if at.left is None else at.left
        if at.talks:
            return await self._comments(at)
        if at.over:
            left, at = left[1:], Past()
        if not left:
            return Page(records=[], cursor=b"", exhausted=True), Past(left=())
        return await self._topics(replace(at, left=left), left[0])

    async def _topics(self, at: Past, group: str) -> tuple[Page, Past]:
        try:
            if not at.group.at:
                found = (await self._caller.groups((group,))).get(group)
                now = int(self._clock().timestamp())
                at = replace(at, group=Group(found.name, found.members_count, now) if found else Group(at=now))
            page = await self._caller.topics(group, at.anchor)
        except (Denied, BadParam) as error:
            return self._refused(at, group, error)
        context = Context(source=self.name, at=self._clock(), origin="backfill")
        read = [read_topic(bytes(raw), group, at.group, context) for raw in page.media_topics]
        topics = [one for one in read if isinstance(one, Topic)]
        times = [one.at for one in topics if not one.pinned]
        after = replace(
            at,
            anchor=page.next,
            over=not page.next or bool(times and min(times) < self._since),
            talks=tuple(one.talk for one in topics if one.comments and one.at >= self._since),
        )
        records = [one.record for one in topics if one.record and one.at >= self._since]
        letters = [one for one in read if isinstance(one, DeadLetter)]
        return Page(records=_in_order(records), dead_letters=letters, cursor=b""), after

    async def _comments(self, at: Past) -> tuple[Page, Past]:
        talk = at.talks[0]
        done = replace(at, talks=at.talks[1:], comments="")
        try:
            page = await self._caller.comments(talk, at.comments)
        except BadParam:
            return Page(records=[], cursor=b""), replace(at, comments="") if at.comments else done
        except Denied:
            return Page(records=[], cursor=b""), done
        context = Context(source=self.name, at=self._clock(), origin="backfill")
        read = [read_comment(bytes(raw), talk, at.group, context) for raw in page.comments]
        comments = [one for one in read if not isinstance(one, DeadLetter)]
        ended = not page.next or any(one.at < self._since for one in comments)
        records = [one.record for one in comments if one.record and one.at >= self._since]
        letters = [one for one in read if isinstance(one, DeadLetter)]
        found = Page(records=_in_order(records), dead_letters=letters, cursor=b"")
        return found, done if ended else replace(at, comments=page.next)

    def _refused(self, at: Past, group: str, error: SourceError) -> tuple[Page, Past]:
        """Begin the group anew when an anchor is too old; else leave it out."""
        if isinstance(error, BadParam) and at.anchor and not at.restarted:
            return Page(records=[], cursor=b""), replace(at, anchor="", restarted=True)
        if len(self._groups) == 1:
            raise (SourceStopped if isinstance(error, Denied) else SourceMisconfigured)(str(error)) from None
        return Page(records=[], cursor=b"", troubles=[f"group {group}: {error}"]), replace(at, over=True)


def _in_order(records: list[Record]) -> list[Record]:
    return sorted(records, key=lambda record: record.post.created_at)
