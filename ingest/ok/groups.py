"""The `ok` source, via groups: topics and comments, asked for where something changed, and now and then again."""

from collections.abc import Callable, Iterable
from datetime import datetime

from msgspec.structs import replace

from domain.dead_letter import DeadLetter
from domain.errors import SourceError, SourceMisconfigured, SourceStopped
from domain.post import Record
from ingest import relook
from ingest.cursors import read_cursor
from ingest.http import PoliteClient
from ingest.listing import in_steps
from ingest.ok.api import BadParam, Caller, Denied
from ingest.ok.config import Config
from ingest.ok.history import OkHistory
from ingest.ok.parse import Comment, Context, Group, Topic, read_comment, read_topic
from ingest.ok.progress import Heard, Progress, Reading, Walk, talk_of, topic_of
from ingest.recent import deletion, news
from ingest.source import Page, Source

OVERLAP = 120
"""Seconds that a look goes behind the newest post of the last one."""
GROUP_SECONDS = 86_400
"""How long what a group says of itself is taken as it was."""


class OkGroups:
    """Groups of Odnoklassniki."""

    finite = False

    def __init__(self, config: Config, *, client: PoliteClient, clock: Callable[[], datetime]) -> None:
        self.name = config.name
        self._config, self._clock = config, clock
        self._caller = Caller(config, client=client)

    def __repr__(self) -> str:
        return f"OkGroups(name={self.name!r})"

    async def fetch(self, cursor: bytes | None) -> Page:
        """Take steps until one brings something, a few at most; rest when a look has ended."""
        return await in_steps(read_cursor(cursor, Progress, source=self.name), self._step)

    async def committed(self, cursor: bytes) -> None:
        """Nobody waits for it: groups are read, they do not deliver."""

    async def check(self) -> str:
        """Ask for the groups, and for the topics of the first."""
        found = await self._caller.groups(self._config.groups)
        named = [f"{one.name or number} ({_members(one.members_count)})" for number, one in found.items()]
        gone = [number for number in self._config.groups if number not in found]
        if not named:
            raise SourceMisconfigured(f"the network knows none of these groups: {', '.join(gone)}")
        try:
            await self._caller.topics(next(iter(found)), "")
        except Denied as error:
            raise SourceStopped(str(error)) from None
        except BadParam as error:
            raise SourceMisconfigured(str(error)) from None
        return f"topics can be read of {', '.join(named)}" + (f"; not known: {', '.join(gone)}" if gone else "")

    def history(self, since: datetime, *, name: str) -> Source:
        """What was written in the groups from `since` on: topics, and the comments on them."""
        return OkHistory(
            self._caller, self._config.groups, since=since, name=name, clock=self._clock, check=self.check
        )

    def reread(self, letter: DeadLetter) -> Record | DeadLetter:
        """Read a refused topic or comment again."""
        context = Context(source=self.name, at=self._clock())
        read: Topic | Comment | DeadLetter = (
            read_comment(letter.raw, talk_of(letter.where), Group(), context)
            if "/" in letter.where
            else read_topic(letter.raw, letter.where, Group(), context)
        )
        return letter if isinstance(read, DeadLetter) else read.record or letter

    async def aclose(self) -> None:
        """Nothing is held: the client belongs to the application."""

    async def _step(self, at: Progress) -> tuple[Page, Progress]:
        now = self._clock()
        if at.walk is None:
            at = self._begin(at, int(now.timestamp()))
        walk = at.walk
        if walk is not None and walk.left:
            return await self._topics(at, walk, now)
        if walk is not None and not walk.listed:
            return _nothing(), await self._changed(at, walk, int(now.timestamp()))
        if at.reading:
            return await self._comments(at, now)
        if walk is not None and walk.hours and not at.doubt:
            looked = relook.done(at.looked, int(now.timestamp()), walk.hours, most=self._config.refresh_hours)
            at = replace(at, looked=looked)
        return Page(records=[], cursor=b"", wait=self._config.every), replace(at, walk=None)

    def _begin(self, at: Progress, now: int) -> Progress:
        looked = at.looked or relook.fresh(now)
        hours = max(relook.due(looked, now, most=self._config.refresh_hours), at.doubt)
        walk = self._enter(Walk(left=self._config.groups, hours=hours), at, now)
        return replace(at, looked=looked, doubt=0.0, walk=walk)

    def _enter(self, walk: Walk, at: Progress, now: int) -> Walk:
        """Say how far down the topics of the first group that is left are to be read."""
        left = tuple(group for group in walk.left if group in self._config.groups)
        known = at.upto.get(left[0]) if left else None
        until = now - int(self._config.backlog_hours * 3_600) if known is None else known - OVERLAP
        if walk.hours:
            until = min(until, int(now - walk.hours * 3_600))
        return replace(walk, left=left, anchor="", until=until, low=0, top=0, restarted=False)

    async def _topics(self, at: Progress, walk: Walk, now: datetime) -> tuple[Page, Progress]:
        """Read a page of a group's topics: give what is new, note what is talked about anew."""
        unix, group = int(now.timestamp()), walk.left[0]
        try:
            at = await self._introduced(at, group, unix)
            page = await self._caller.topics(group, walk.anchor)
        except (Denied, BadParam) as error:
            return self._refused(at, walk, unix, error)
        context = Context(source=self.name, at=now)
        read = [read_topic(bytes(raw), group, at.groups[group], context) for raw in page.media_topics]
        topics = [one for one in read if isinstance(one, Topic)]
        letters = [one for one in read if isinstance(one, DeadLetter) and one.id[:12] not in at.refused]
        newest = at.upto.get(group, 0)
        told = [one.record for one in topics if one.record and self._is_due(one.record, at, walk.until, newest, now)]
        times = [one.at for one in topics if not one.pinned]
        bottom, upper = min(times, default=walk.until), walk.low or float("inf")
        shown = {one.talk.native_id for one in topics}
        absent = [
            one
            for one, seen in at.recent.items()
            if one.startswith(f"{group}/") and topic_of(one) == one and one not in shown and bottom < seen.at < upper
        ]  # fmt: skip
        records, at = self._settle(at, news(told, at.recent), shown, absent if walk.hours else [], now)
        at = self._noted(at, topics, unix).remember(records, letters, now, hours=self._config.refresh_hours)
        walk = replace(walk, anchor=page.next, low=bottom, top=max([walk.top, *(min(one, unix) for one in times)]))
        if not page.next or (times and bottom < walk.until):
            at = replace(at, upto={**at.upto, group: max(at.upto.get(group, walk.until), walk.top)})
            walk = self._enter(replace(walk, left=walk.left[1:]), at, unix)
        return Page(records=records, dead_letters=letters, cursor=b""), replace(at, walk=walk)

    def _refused(self, at: Progress, walk: Walk, now: int, error: SourceError) -> tuple[Page, Progress]:
        """Begin anew at the top when an anchor is too old; else leave the group out of this look."""
        if isinstance(error, BadParam) and walk.anchor and not walk.restarted:
            return _nothing(), replace(at, walk=replace(walk, anchor="", restarted=True))
        walk = replace(walk, bad=walk.bad + 1)
        if walk.bad >= len(self._config.groups):
            raise (SourceStopped if isinstance(error, Denied) else SourceMisconfigured)(str(error)) from None
        trouble = f"group {walk.left[0]}: {error}"
        walk = self._enter(replace(walk, left=walk.left[1:]), at, now)
        return Page(records=[], cursor=b"", troubles=[trouble]), replace(at, walk=walk)

    async def _introduced(self, at: Progress, group: str, now: int) -> Progress:
        """Know the group's name and how many members it has, as of today."""
        known = at.groups.get(group)
        if known is not None and now - known.at < GROUP_SECONDS:
            return at
        found = (await self._caller.groups((group,))).get(group)
        told = Group(found.name, found.members_count, now) if found else Group(at=now)
        return replace(at, groups={**at.groups, group: told})

    def _noted(self, at: Progress, topics: Iterable[Topic], now: int) -> Progress:
        """Note the topics whose number of comments is another than it was."""
        reading = dict(at.reading)
        for topic in topics:
            name, heard = topic.talk.native_id, at.heard.get(topic.talk.native_id, Heard())
            if topic.comments != heard.comments:
                deep = topic.comments < heard.comments
                until = self._floor(heard, now, deep=deep)
                reading[name] = Reading(topic.talk, until, deep, topic.comments, heard.active)
        return replace(at, reading=reading)

    async def _changed(self, at: Progress, walk: Walk, now: int) -> Progress:
        """Ask what changed among the discussions of our own groups; add what is to be looked at again."""
        reading = dict(at.reading)
        try:
            changed = await self._caller.changed()
        except (Denied, BadParam):
            changed = []  # groups that are only watched have none: their topics tell it
        for one in changed:
            group = one.group(self._config.groups)
            if not (group and one.object_id and one.object_type.startswith("GROUP_")):
                continue
            talk = talk_of(f"{group}/{one.object_type.removeprefix('GROUP_').lower()}/{one.object_id}")
            heard = at.heard.get(talk.native_id, Heard())
            active = one.last_activity_date or heard.active
            if talk.native_id in reading:
                reading[talk.native_id] = replace(reading[talk.native_id], active=active)
            elif active != heard.active or (not active and one.comments_count != heard.comments):
                deep = one.comments_count < heard.comments
                until = self._floor(heard, now, deep=deep)
                reading[talk.native_id] = Reading(talk, until, deep, one.comments_count, active)
        for name, until in self._again(at, int(now - walk.hours * 3_600) if walk.hours else now).items():
            heard = at.heard.get(name, Heard())
            known = reading.get(name, Reading(talk_of(name), until, comments=heard.comments, active=heard.active))
            reading[name] = replace(known, until=min(known.until, until), deep=True)
        return replace(at, reading=reading, walk=replace(walk, listed=True))

    @staticmethod
    def _again(at: Progress, since: int) -> dict[str, int]:
        """What is to be read again, and down to when: for its comments since then, and those missing."""
        again: dict[str, int] = {}
        for one, seen in sorted(at.recent.items(), key=lambda known: -known[1].at):
            name = topic_of(one)
            if name != one and (seen.at >= since or one in at.missing):
                again[name] = min(again.get(name, since), seen.at - 1)
        return again

    def _floor(self, heard: Heard, now: int, *, deep: bool) -> int:
        """How far down comments are to be read: to the newest known, the first time as far as the backlog goes."""
        if deep:
            return int(now - self._config.refresh_hours * 3_600)
        return heard.newest - OVERLAP if heard.newest else int(now - self._config.backlog_hours * 3_600)

    async def _comments(self, at: Progress, now: datetime) -> tuple[Page, Progress]:
        """Read a page of comments on the first thing that is to be read."""
        name, reading = next(iter(at.reading.items()))
        left = {one: how for one, how in at.reading.items() if one != name}
        heard = at.heard.get(name, Heard())
        try:
            page = await self._caller.comments(reading.talk, reading.anchor)
        except (Denied, BadParam) as error:
            if isinstance(error, BadParam) and reading.anchor and not reading.restarted:
                again = replace(reading, anchor="", low=0, restarted=True)
                return _nothing(), replace(at, reading={name: again, **left})
            done = Heard(reading.comments, heard.newest, reading.active)  # it is gone, or not ours: not asked again
            return _nothing(), replace(at.hear(name, done), reading=left)
        context = Context(source=self.name, at=now)
        info = at.groups.get(reading.talk.group, Group())
        read = [read_comment(bytes(raw), reading.talk, info, context) for raw in page.comments]
        comments = [one for one in read if isinstance(one, Comment)]
        letters = [one for one in read if isinstance(one, DeadLetter) and one.id[:12] not in at.refused]
        told = [
            one.record
            for one in comments
            if one.record and self._is_due(one.record, at, reading.until, heard.newest, now)
        ]
        times = [one.at for one in comments]
        bottom = min(times, default=reading.until) if page.next else reading.until
        upper = reading.low or float("inf")
        shown = {one.native_id for one in comments}
        absent = [
            one
            for one, seen in at.recent.items()
            if one.startswith(f"{name}/") and one not in shown and bottom < seen.at < upper
        ]
        known = bool(comments) and all(one.native_id in at.recent for one in comments if one.record)
        records, at = self._settle(at, news(told, at.recent), shown, absent if reading.deep else [], now)
        at = at.remember(records, letters, now, hours=self._config.refresh_hours)
        top = max([reading.top, *(min(one, int(now.timestamp())) for one in times)])
        ended = not page.next or (times and bottom < reading.until) or (known and not reading.deep)
        if ended:
            done = Heard(reading.comments, max(heard.newest, top), reading.active)
            at = replace(at.hear(name, done), reading=left)
        else:
            going = replace(reading, anchor=page.next, low=bottom, top=top)
            at = replace(at, reading={name: going, **left})
        return Page(records=records, dead_letters=letters, cursor=b""), at

    def _is_due(self, record: Record, at: Progress, until: int, newest: int, now: datetime) -> bool:
        """Whether a post that may be known is to be looked at: what is too old to be remembered was given already."""
        written = int(record.post.created_at.timestamp())
        if record.post.native_id in at.recent:
            return True
        forgotten = now.timestamp() - self._config.refresh_hours * 3_600
        return written >= until and (written >= forgotten or written > newest)

    def _settle(
        self, at: Progress, fresh: Iterable[Record], shown: set[str], absent: Iterable[str], now: datetime
    ) -> tuple[list[Record], Progress]:
        """Put what is new into its order, and what is missing for the second time behind it, as deleted.

        Nothing says of a single post that it is gone, and a page that was read while others wrote may have a hole.
        """
        unix = int(now.timestamp())
        missing = {one: since for one, since in at.missing.items() if one not in shown and one in at.recent}
        records = sorted(fresh, key=lambda record: record.post.created_at)
        doubt = at.doubt
        for one in absent:
            if missing.get(one, unix) < unix:
                del missing[one]
                records.append(deletion("ok", one, source=self.name, at=now))
            else:
                missing[one] = unix
                if topic_of(one) == one:
                    doubt = max(doubt, (unix - at.recent[one].at) / 3_600 + 0.1)
        return records, replace(at, missing=missing, doubt=doubt)


def _nothing() -> Page:
    return Page(records=[], cursor=b"")


def _members(count: int | None) -> str:
    return "members not told" if count is None else f"{count:,} members"
