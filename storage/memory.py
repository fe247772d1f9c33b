"""The store in memory: for trying things out, for the demo, and to hold the others to. Searches by looking at all."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from threading import RLock
from typing import Literal, Protocol, Self, TypeVar

from msgspec.structs import replace

from domain.act import AnyAct, MentionAct, kind_of
from domain.acted import acted
from domain.alert import Alert, NearMiss
from domain.errors import StoreError
from domain.incident import Incident, IncidentStatus
from domain.mention import Mention, MentionQuery
from domain.post import Post, Record
from domain.query import analyse, compile_query
from storage.facets import FACETS, facets, tally_mentions
from storage.marks import edit_times, marked_deleted, refusal
from storage.store import NEAR_MISSES_KEPT, Commit, DeadLetterRow, OutboxEntry, OutboxStatus, StatRow


class _Identified(Protocol):
    @property
    def id(self) -> str: ...


T = TypeVar("T")
Kept = TypeVar("Kept", bound=_Identified)


class _Contents:
    """All that is kept, in order of arrival. Values are immutable, so a copy of the tables is a snapshot."""

    def __init__(self) -> None:
        self.posts: dict[tuple[str, str], Record] = {}
        self.latest: dict[str, str] = {}
        self.mentions: dict[str, Mention] = {}
        self.of_post: dict[str, frozenset[str]] = {}
        self.folds: dict[tuple[str, str], bytes] = {}
        self.cursors: dict[str, bytes] = {}
        self.alerts: dict[str, Alert] = {}
        self.near_misses: dict[str, NearMiss] = {}
        self.incidents: dict[str, Incident] = {}
        self.outbox: dict[str, OutboxEntry] = {}
        self.dead_letters: dict[str, DeadLetterRow] = {}
        self.acts: dict[str, AnyAct] = {}
        self.done: dict[str, tuple[MentionAct, ...]] = {}

    def copy(self) -> Self:
        """Return contents whose changes leave these alone."""
        twin = type(self)()
        for name, table in vars(self).items():
            setattr(twin, name, dict(table))
        return twin

    def write(self, batch: Commit) -> None:
        """Take a batch in: mentions first, then what edits and deletions take away."""
        for record in batch.posts:
            self._keep(record)
        concerned = [self.mentions[name] for name in self._take(batch.acts) if name in self.mentions]
        for mention in (*concerned, *batch.mentions, *batch.recounted):
            self.mentions[mention.id] = acted(mention, self.done.get(mention.id, ()))
            self.of_post[mention.post.id] = self.of_post.get(mention.post.id, frozenset()) | {mention.id}
        written, times = {mention.id for mention in batch.mentions}, edit_times(batch.posts)
        for post_id in batch.edited_posts:
            self._mark(post_id, times.get(post_id), spared=written)
        for post_id, at in batch.deleted_posts.items():
            self._mark(post_id, at, spared=set())
        self.folds.update({(fold.fold, fold.key): fold.state for fold in batch.folds})
        self.cursors.update(batch.cursors)
        self._decide(batch)

    def _keep(self, record: Record) -> None:
        place = record.post.id, record.post.version
        if self.latest.get(place[0]) == place[1]:
            return
        self.latest[place[0]] = place[1]
        self.posts.pop(place, None)
        self.posts[place] = record

    def _take(self, acts: Iterable[AnyAct]) -> Iterator[str]:
        """Keep acts that are not kept yet; yield the mentions that they are about."""
        for act in acts:
            if act.id in self.acts:
                continue
            self.acts[act.id] = act
            if isinstance(act, MentionAct):
                self.done[act.mention] = (*self.done.get(act.mention, ()), act)
                yield act.mention

    def _mark(self, post_id: str, at: datetime | None, *, spared: set[str]) -> None:
        for mention_id in self.of_post.get(post_id, frozenset()) - spared:
            mention = self.mentions[mention_id]
            if mention.deleted_at is None:
                self.mentions[mention_id] = marked_deleted(mention, at)

    def _decide(self, batch: Commit) -> None:
        for alert in batch.alerts:
            self.alerts.setdefault(alert.id, alert)
        for miss in batch.near_misses:
            self.near_misses.setdefault(miss.id, miss)
        for brand in {miss.brand for miss in batch.near_misses}:
            of_brand = [miss for miss in self.near_misses.values() if miss.brand == brand]
            for old in _latest(of_brand, lambda miss: miss.at)[NEAR_MISSES_KEPT:]:
                del self.near_misses[old.id]
        self.incidents.update({incident.id: incident for incident in batch.incidents})
        for order in batch.notifications:
            entry = OutboxEntry(notification=order, status="pending", attempts=0, next_at=order.at)
            self.outbox.setdefault(order.id, entry)
        for letter in batch.dead_letters:
            self.dead_letters.setdefault(letter.id, DeadLetterRow(id=letter.id, letter=letter))


class MemoryStore:
    """`storage.store.Store` that is gone with the process. Safe from any thread: each change is a new contents."""

    def __init__(self) -> None:
        self._contents = _Contents()
        self._writing = RLock()

    def commit(self, batch: Commit) -> None:
        """See `Store.commit`."""
        with self._writing:
            contents = self._contents.copy()
            contents.write(batch)
            self._contents = contents

    def keep(self, act: AnyAct) -> None:
        """See `Store.keep`."""
        self.commit(Commit(acts=[act]))

    def cursor(self, source: str) -> bytes | None:
        """See `Store.cursor`."""
        return self._contents.cursors.get(source)

    def known_versions(self, post_ids: Sequence[str]) -> dict[str, str]:
        """See `Store.known_versions`."""
        latest = self._contents.latest
        return {post_id: latest[post_id] for post_id in post_ids if post_id in latest}

    def fold_state(self, fold: str, key: str) -> bytes | None:
        """See `Store.fold_state`."""
        return self._contents.folds.get((fold, key))

    def fold_keys(self, fold: str) -> list[str]:
        """See `Store.fold_keys`."""
        return sorted(key for name, key in self._contents.folds if name == fold)

    def mentions_of(self, post_id: str) -> list[Mention]:
        """See `Store.mentions_of`."""
        contents = self._contents
        mentions = [contents.mentions[mention_id] for mention_id in contents.of_post.get(post_id, ())]
        return sorted(mentions, key=lambda mention: (mention.brand, mention.id))

    def mentions_of_each(self, post_ids: Sequence[str]) -> dict[str, list[Mention]]:
        """See `Store.mentions_of_each`."""
        return {post_id: found for post_id in post_ids if (found := self.mentions_of(post_id))}

    def mention(self, mention_id: str) -> Mention | None:
        """See `Store.mention`."""
        return self._contents.mentions.get(mention_id)

    def mentions_beginning(self, beginning: str, limit: int = 2) -> list[Mention]:
        """See `Store.mentions_beginning`."""
        mentions = self._contents.mentions
        return _page([mentions[name] for name in sorted(mentions) if name.startswith(beginning)], limit)

    def acts(self, *, brand: str = "", since: datetime | None = None, kind: str = "") -> list[AnyAct]:
        """See `Store.acts`."""
        asked = [
            act
            for act in self._contents.acts.values()
            if brand in {"", act.brand} and kind in {"", kind_of(act)} and _within(act.at, since, None)
        ]
        return sorted(asked, key=lambda act: (act.at, act.id))

    def search(self, query: MentionQuery) -> list[Mention]:
        """See `Store.search`."""
        return _page(_latest(self._matching(query), lambda mention: mention.event_at), query.limit, query.offset)

    def count(self, query: MentionQuery) -> int:
        """See `Store.count`."""
        return sum(1 for _ in self._matching(query))

    def stats(self, query: MentionQuery) -> list[StatRow]:
        """See `Store.stats`."""
        return tally_mentions(self._matching(query))

    def posts(self, since: datetime | None = None, until: datetime | None = None) -> Iterator[Post]:
        """See `Store.posts`."""
        posts = [record.post for record in self._contents.posts.values()]
        asked = [post for post in posts if _within(post.created_at, since, until)]
        yield from sorted(asked, key=lambda post: post.created_at)

    def evidence(self, post_id: str) -> list[Record]:
        """See `Store.evidence`."""
        return [record for (kept_id, _), record in self._contents.posts.items() if kept_id == post_id]

    def incidents(
        self, *, brand: str = "", status: IncidentStatus | Literal[""] = "", limit: int = 50, offset: int = 0
    ) -> list[Incident]:
        """See `Store.incidents`."""
        asked = [
            incident
            for incident in self._contents.incidents.values()
            if brand in {"", incident.brand} and status in {"", incident.status}
        ]
        return _page(_latest(asked, lambda incident: incident.updated_at), limit, offset)

    def incident(self, incident_id: str) -> Incident | None:
        """See `Store.incident`."""
        return self._contents.incidents.get(incident_id)

    def alerts(self, *, brand: str = "", limit: int = 50) -> list[Alert]:
        """See `Store.alerts`."""
        asked = [alert for alert in self._contents.alerts.values() if brand in {"", alert.brand}]
        return _page(_latest(asked, lambda alert: alert.at), limit)

    def near_misses(self, *, brand: str = "", limit: int = 50) -> list[NearMiss]:
        """See `Store.near_misses`."""
        asked = [miss for miss in self._contents.near_misses.values() if brand in {"", miss.brand}]
        return _page(_latest(asked, lambda miss: miss.at), limit)

    def outbox_due(self, now: datetime, limit: int = 20) -> list[OutboxEntry]:
        """See `Store.outbox_due`."""
        due: list[OutboxEntry] = []
        held: set[tuple[str, str]] = set()
        for entry in self._contents.outbox.values():
            line = entry.notification.receiver, entry.notification.incident.id
            if entry.status != "pending" or line in held:
                continue
            if entry.next_at > now:
                held.add(line)
            else:
                due.append(entry)
        return _page(due, limit)

    def outbox(self, *, status: OutboxStatus | Literal[""] = "", limit: int = 50) -> list[OutboxEntry]:
        """See `Store.outbox`."""
        entries = [entry for entry in self._contents.outbox.values() if status in {"", entry.status}]
        return _page(entries[::-1], limit)

    def outbox_pending(self) -> int:
        """See `Store.outbox_pending`."""
        return sum(entry.status == "pending" for entry in self._contents.outbox.values())

    def outbox_handle(self, incident_id: str, receiver: str) -> str:
        """See `Store.outbox_handle`."""
        sent = [
            (entry.sent_at, entry.handle)
            for entry in self._contents.outbox.values()
            if entry.sent_at is not None
            and entry.handle
            and (entry.notification.incident.id, entry.notification.receiver) == (incident_id, receiver)
        ]
        return min(sent, key=lambda one: one[0])[1] if sent else ""

    def mark_sent(self, notification_id: str, *, at: datetime, handle: str) -> None:
        """See `Store.mark_sent`."""
        with self._writing:
            entry = self._entry(notification_id)
            if entry.status != "sent":
                self._attempted(replace(entry, status="sent", sent_at=at, handle=handle, error=""))

    def mark_retry(self, notification_id: str, *, next_at: datetime, error: str) -> None:
        """See `Store.mark_retry`."""
        with self._writing:
            entry = self._entry(notification_id)
            if entry.status != "sent":
                self._attempted(replace(entry, status="pending", next_at=next_at, error=error))

    def mark_refused(self, notification_id: str, *, at: datetime, error: str) -> None:
        """See `Store.mark_refused`."""
        with self._writing:
            entry = self._entry(notification_id)
            if entry.status == "pending":
                self._attempted(replace(entry, status="refused", error=error))
                self.commit(Commit(dead_letters=[refusal(entry.notification, at=at, error=error)]))

    def dead_letters(
        self, *, source: str = "", reason: str = "", pending: bool = True, limit: int = 50
    ) -> list[DeadLetterRow]:
        """See `Store.dead_letters`."""
        asked = [
            row
            for row in self._contents.dead_letters.values()
            if source in {"", row.letter.source}
            and reason in {"", row.letter.reason}
            and not (pending and row.replayed_at)
        ]
        return _page(_latest(asked, lambda row: row.letter.at), limit)

    def mark_replayed(self, dead_letter_id: str, *, at: datetime) -> None:
        """See `Store.mark_replayed`."""
        with self._writing:
            row = self._contents.dead_letters.get(dead_letter_id)
            if row is not None and row.replayed_at is None:
                contents = self._contents.copy()
                contents.dead_letters[row.id] = replace(row, replayed_at=at)
                self._contents = contents

    def purge(self, *, posts_before: datetime) -> int:
        """See `Store.purge`."""
        with self._writing:
            contents = self._contents.copy()
            for place, record in self._contents.posts.items():
                if record.post.collected_at < posts_before and place[0] not in contents.of_post:
                    del contents.posts[place]
            contents.latest = dict(contents.posts.keys())
            purged = len(self._contents.posts) - len(contents.posts)
            self._contents = contents
        return purged

    def close(self) -> None:
        """See `Store.close`. What is kept can still be read."""

    def _entry(self, notification_id: str) -> OutboxEntry:
        entry = self._contents.outbox.get(notification_id)
        if entry is None:
            raise StoreError(f"no notification {notification_id} was ever decided")
        return entry

    def _attempted(self, entry: OutboxEntry) -> None:
        contents = self._contents.copy()
        contents.outbox[entry.notification.id] = replace(entry, attempts=entry.attempts + 1)
        self._contents = contents

    def _matching(self, query: MentionQuery) -> Iterator[Mention]:
        """Yield the mentions that a query finds, in order of arrival."""
        asked = [(place, getattr(query, name)) for place, name in enumerate(FACETS) if getattr(query, name)]
        matches = _text_test(query.text)
        for mention in self._contents.mentions.values():
            found = (
                mention.deleted_at is None
                and query.brand in {"", mention.brand}
                and (mention.awaits_review or not query.review)
                and _within(mention.event_at, query.since, query.until)
            )
            if found and all(facets(mention)[place] == wanted for place, wanted in asked) and matches(mention.post):
                yield mention


def _text_test(text: str) -> Callable[[Post], bool]:
    if not text:
        return lambda _: True
    query = compile_query(text)
    return lambda post: query.match(analyse(post)) is not None


def _latest(values: Iterable[Kept], moment: Callable[[Kept], datetime]) -> list[Kept]:
    """Return values, latest first, then by id."""
    by_id = sorted(values, key=lambda value: value.id)
    return sorted(by_id, key=moment, reverse=True)


def _page(values: list[T], limit: int, offset: int = 0) -> list[T]:
    start = max(offset, 0)
    return values[start : start + max(limit, 0)]


def _within(at: datetime, since: datetime | None, until: datetime | None) -> bool:
    return (since is None or at >= since) and (until is None or at < until)
