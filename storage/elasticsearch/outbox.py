"""The durable outbox, shared by several couriers: what must be told, to whom, how far that went, and who is at it."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from domain.errors import StoreError, StoreUnavailable
from domain.ids import stable_id
from domain.incident import Notification
from storage.elasticsearch import reading
from storage.elasticsearch.bulk import Write
from storage.elasticsearch.client import Cluster
from storage.elasticsearch.decisions import source
from storage.elasticsearch.documents import exact, key
from storage.elasticsearch.ledger import Ledger
from storage.elasticsearch.schema import OUTBOX
from storage.encoding import clean
from storage.moments import micros
from storage.store import OutboxEntry, OutboxStatus

_COUNTER = "counter"
_AT_ONCE = 1_000_000
_MOST_TRIES = 20
_IN_ORDER: reading.Sort = [{"place": "asc"}]
_LATEST_FIRST: reading.Sort = [{"place": "desc"}]
_ENTRIES: reading.Query = {"exists": {"field": "place"}}
_PENDING: reading.Query = {"term": {"status": "pending"}}
_WATCHED = "receiver", "incident", "next_micros", "leased_by", "leased_until_micros"

_ENTRY = msgspec.json.Decoder(OutboxEntry)


class _Lease(Struct, frozen=True):
    """Who may send it until when; nobody where `by` is empty."""

    by: str = ""
    until: int = 0

    def keeps_out(self, holder: str, now: int) -> bool:
        return self.until > now and self.by != holder


class _Fields(Struct):
    """What the document says beside the entry itself."""

    place: int
    leased_by: str = ""
    leased_until_micros: int = 0


_FIELDS = msgspec.json.Decoder(_Fields)


class _Held(Struct, frozen=True):
    """An entry as it is in the index at this moment."""

    entry: OutboxEntry
    place: int
    lease: _Lease
    seen: tuple[int, int]


class Outbox:
    """The outbox of all processes. `place` numbers the decisions in their order, whichever process made them."""

    def __init__(self, cluster: Cluster, ledger: Ledger) -> None:
        self._cluster, self._index, self._ledger = cluster, cluster.name(OUTBOX), ledger
        self._claimed: dict[str, _Held] = {}
        """What was claimed last, as it was then: it need not be read again unless another has written it since."""

    def orders(self, notifications: Sequence[Notification]) -> list[Write]:
        """What puts notifications at the end of the outbox, unless they are in it."""
        new = [OutboxEntry(notification=one, status="pending", attempts=0, next_at=one.at) for one in notifications]
        return [self._write(entry, place) for entry, place in self._numbered(new)]

    def due(self, now: datetime, limit: int) -> list[OutboxEntry]:
        """What nobody is at and whose time has come, in order of decision."""
        return [held.entry for held in self._due(now, "", limit)]

    def claim(self, now: datetime, holder: str, lease_seconds: float, limit: int) -> list[OutboxEntry]:
        """What is due, for `holder` alone to send until the lease is over; what it holds already is among it.

        A lease that is half over is renewed. No two holders are given the same entry before its lease is over, nor
        one an entry while another is at an earlier one of the same incident and receiver.
        """
        until = micros(now + timedelta(seconds=lease_seconds))
        renew = micros(now + timedelta(seconds=lease_seconds / 2))
        due = self._due(now, holder, limit)
        lacking = [held for held in due if held.lease.by != holder or held.lease.until <= renew]
        writes = [self._write(held.entry, held.place, _Lease(holder, until), held.seen) for held in lacking]
        outcome = self._ledger.write(writes)
        lost = {lacking[number].place for number in outcome.overtaken}
        mine, unwanted = _up_to(due, lost)
        now_at = {lacking[number].place: seen for number, seen in outcome.places.items()}
        self._claimed = {
            held.entry.notification.id: _Held(held.entry, held.place, held.lease, now_at.get(held.place, held.seen))
            for held in mine
        }
        if unwanted:
            self._let_go([held.entry.notification.id for held in unwanted], holder)
        return [held.entry for held in mine]

    def release(self, holder: str) -> None:
        """Give back all that `holder` has, for others to claim at once."""
        asked = reading.everything([_PENDING, {"term": {"leased_by": exact(holder)}}])
        leased = list(self._ledger.scan(self._index, asked, _IN_ORDER))
        self._let_go([_ENTRY.decode(one.body).notification.id for one in leased], holder)

    def latest(self, status: str, limit: int) -> list[OutboxEntry]:
        """The outbox, latest decision first."""
        asked = [_ENTRIES, {"term": {"status": status}}] if status else [_ENTRIES]
        found = self._ledger.find(self._index, reading.everything(asked), _LATEST_FIRST, limit=limit)
        return [_ENTRY.decode(one.body) for one in found]

    def pending(self) -> int:
        """How many are not yet delivered."""
        return self._ledger.count(self._index, _PENDING)

    def handle(self, incident_id: str, receiver: str) -> str:
        """The handle of the first message sent about an incident to a receiver, or empty."""
        name = _thread_id(incident_id, receiver)
        found = reading.documents(self._cluster, self._index, [name])
        return _THREAD.decode(found[name].source).handle if found else ""

    def mark_sent(self, notification_id: str, at: datetime, handle: str) -> None:
        """Record a delivery."""
        self._attempted(
            notification_id,
            {"pending", "refused"},
            lambda entry: replace(entry, status="sent", sent_at=at, handle=handle, error=""),
        )

    def restore(self, entries: Sequence[OutboxEntry]) -> None:
        """Put entries, however their delivery stands, at the end of the outbox, unless they are in it."""
        numbered = self._numbered(entries)
        self._ledger.write([self._write(entry, place) for entry, place in numbered])
        self._keep_threads(numbered)

    def mark_retry(self, notification_id: str, next_at: datetime, error: str) -> None:
        """Record a failed attempt and when to try again."""
        self._attempted(
            notification_id,
            {"pending", "refused"},
            lambda entry: replace(entry, status="pending", next_at=next_at, error=error),
        )

    def mark_refused(self, notification_id: str, error: str) -> None:
        """Record that the receiver will never take it."""
        self._attempted(notification_id, {"pending"}, lambda entry: replace(entry, status="refused", error=error))

    def entry(self, notification_id: str) -> OutboxEntry:
        """One entry as it is now; raises StoreError for a notification that was never decided."""
        return self._held(notification_id).entry

    def _due(self, now: datetime, holder: str, limit: int) -> list[_Held]:
        """What `holder` may send now, as it is at this moment.

        What the search shows may be out of date, so each is looked at again; one that then proves to wait, or to be
        in other hands, holds back the rest of its line.
        """
        wanted: dict[str, tuple[str, str]] = {}
        held_back: set[tuple[str, str]] = set()
        for one in self._ledger.scan(self._index, _PENDING, _IN_ORDER, _source=False, docvalue_fields=list(_WATCHED)):
            if len(wanted) >= max(limit, 0):
                break
            seen = _seen(one)
            if seen.line in held_back:
                continue
            if seen.next_at > micros(now) or seen.lease.keeps_out(holder, micros(now)):
                held_back.add(seen.line)
            else:
                wanted[one.id] = seen.line
        fresh = reading.documents(self._cluster, self._index, wanted)
        due: list[_Held] = []
        proved: set[tuple[str, str]] = set()
        for name, line in wanted.items():
            held = _decoded(fresh[name])
            if held.entry.status != "pending" or line in proved:
                continue
            if held.entry.next_at > now or held.lease.keeps_out(holder, micros(now)):
                proved.add(line)
            else:
                due.append(held)
        return due

    def _let_go(self, notification_ids: Sequence[str], holder: str) -> None:
        found = reading.documents(self._cluster, self._index, map(key, notification_ids))
        mine = [held for held in map(_decoded, found.values()) if held.lease.by == holder]
        self._ledger.write([self._write(held.entry, held.place, _Lease(), held.seen) for held in mine])

    def _attempted(
        self, notification_id: str, states: set[OutboxStatus], change: Callable[[OutboxEntry], OutboxEntry]
    ) -> None:
        """Change an entry in one of these states, count the attempt, and end its lease."""
        for _ in range(_MOST_TRIES):
            held = self._claimed.pop(notification_id, None) or self._held(notification_id)
            if held.entry.status not in states:
                return
            changed = change(held.entry)
            changed = replace(changed, attempts=changed.attempts + 1)
            threads = self._threads([(changed, held.place)])
            overtaken = self._ledger.write(
                [self._write(changed, held.place, _Lease(), held.seen), *threads]
            ).overtaken
            if 0 not in overtaken:
                if overtaken:
                    self._keep_threads([(changed, held.place)])
                return
        raise StoreUnavailable(f"notification {notification_id} is changed by others all the time")

    def _keep_threads(self, sent: Sequence[tuple[OutboxEntry, int]]) -> None:
        for _ in range(_MOST_TRIES):
            if not self._ledger.write(self._threads(sent)).overtaken:
                return
        raise StoreUnavailable("the threads of these incidents are begun by others all the time")

    def _threads(self, sent: Sequence[tuple[OutboxEntry, int]]) -> list[Write]:
        """What keeps the first message of each incident and receiver, where one of these was earlier than what is."""
        first: dict[str, _Thread] = {}
        for entry, place in sent:
            if entry.handle and entry.sent_at is not None:
                name = _thread_id(entry.notification.incident.id, entry.notification.receiver)
                thread = _Thread(since=(micros(entry.sent_at), place), handle=clean(entry.handle))
                first[name] = min(thread, first.get(name, thread), key=lambda one: one.since)
        kept = reading.documents(self._cluster, self._index, first) if first else {}
        writes = []
        for name, thread in first.items():
            stored = kept.get(name)
            if stored is None or thread.since < _THREAD.decode(stored.source).since:
                seen = stored.seen if stored else None
                writes.append(Write(self._index, name, msgspec.json.encode(thread), seen=seen, new=seen is None))
        return writes

    def _held(self, notification_id: str) -> _Held:
        found = reading.documents(self._cluster, self._index, [key(notification_id)])
        if not found:
            raise StoreError(f"no notification {notification_id} was ever decided")
        return _decoded(found[key(notification_id)])

    def _numbered(self, entries: Sequence[OutboxEntry]) -> list[tuple[OutboxEntry, int]]:
        """Entries with their places, after all that were numbered before by any process."""
        if not entries:
            return []
        # A document's version rises by one with each write, whoever writes: it counts for all processes.
        answer = self._cluster.ask("PUT", f"/{self._index}/_doc/{_COUNTER}", {})
        first = msgspec.json.decode(answer.body, type=_Written).version * _AT_ONCE
        return [(entry, first + number) for number, entry in enumerate(entries)]

    def _write(
        self, entry: OutboxEntry, place: int, lease: _Lease | None = None, seen: tuple[int, int] | None = None
    ) -> Write:
        order = entry.notification
        lease = lease or _Lease()
        document = source(
            entry, order.at, id=order.id, brand=exact(order.incident.brand), receiver=exact(order.receiver),
            incident=exact(order.incident.id), kind=order.kind, status=entry.status, error=entry.error,
            attempts=entry.attempts, place=place, next_micros=micros(entry.next_at), leased_by=lease.by,
            leased_until_micros=lease.until or None, sent_at=entry.sent_at,
            seconds_to_send=entry.sent_at and (entry.sent_at - order.at).total_seconds(),
        )  # fmt: skip
        return Write(self._index, key(order.id), document, seen=seen, new=seen is None)


class _Thread(Struct, frozen=True):
    """How the messages about one incident to one receiver began: when (micros), at which place, with which handle.

    A document of its own, beside the entries, to be read as it is at this moment.
    """

    since: tuple[int, int] = msgspec.field(name="thread_since")
    handle: str = msgspec.field(name="thread_handle")


_THREAD = msgspec.json.Decoder(_Thread)


def _thread_id(incident_id: str, receiver: str) -> str:
    return stable_id("thread", incident_id, receiver)


class _Written(Struct):
    version: int = msgspec.field(name="_version")


class _Seen(Struct, frozen=True):
    """What a search shows of an entry."""

    line: tuple[str, str]
    next_at: int
    lease: _Lease


def _seen(one: reading.Document) -> _Seen:
    receiver, incident, next_at, by, until = (one.fields.get(name, [None])[0] for name in _WATCHED)
    return _Seen((receiver, incident), next_at, _Lease(by or "", until or 0))


def _decoded(one: reading.Document) -> _Held:
    fields = _FIELDS.decode(one.source)
    return _Held(
        _ENTRY.decode(one.body), fields.place, _Lease(fields.leased_by, fields.leased_until_micros), one.seen
    )


def _up_to(due: Sequence[_Held], lost: set[int]) -> tuple[list[_Held], list[_Held]]:
    """What of each incident and receiver stands before the first that another got, and what of it stands after."""
    mine: list[_Held] = []
    unwanted: list[_Held] = []
    cut: set[tuple[str, str]] = set()
    for held in due:
        order = held.entry.notification
        line = order.receiver, order.incident.id
        if held.place in lost:
            cut.add(line)
        else:
            (unwanted if line in cut else mine).append(held)
    return mine, unwanted
