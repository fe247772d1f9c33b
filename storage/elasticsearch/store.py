"""The MentionStore of one Elasticsearch cluster, shared by every process. The work is in the modules beside."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal

import msgspec
from msgspec.structs import replace

from domain.act import AnyAct
from domain.alert import Alert, NearMiss
from domain.dead_letter import DeadLetter
from domain.incident import Incident, IncidentStatus
from domain.mention import Mention, MentionQuery
from storage.cluster import BrandState, Versioned
from storage.elasticsearch import decisions, reading
from storage.elasticsearch.acts import Acts
from storage.elasticsearch.bulk import Outcome, Write
from storage.elasticsearch.client import Cluster
from storage.elasticsearch.documents import exact, key
from storage.elasticsearch.ledger import Ledger
from storage.elasticsearch.mentions import Mentions
from storage.elasticsearch.outbox import Outbox
from storage.elasticsearch.retention import drop_expired
from storage.elasticsearch.schema import ALERTS, DEAD_LETTERS, INCIDENTS, NEAR_MISSES, Schema
from storage.elasticsearch.search import Search
from storage.marks import refusal
from storage.store import NEAR_MISSES_KEPT, Commit, DeadLetterRow, OutboxEntry, OutboxStatus, StatRow

_ALERT, _NEAR_MISS = msgspec.json.Decoder(Alert), msgspec.json.Decoder(NearMiss)
_INCIDENT, _LETTER = msgspec.json.Decoder(Incident), msgspec.json.Decoder(DeadLetterRow)
_LATEST_FIRST: reading.Sort = [{"at_micros": "desc"}, {"id": "asc"}]
_MOST_TRIES = 20
_TRIM_AFTER = 100
"""Near misses of a brand that are written before its oldest are looked for; so many more may be there meanwhile."""


class ElasticsearchStore:
    """`storage.store.MentionStore` on the indices of one installation; usable from any thread of any process."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self.schema = Schema(cluster)
        self._acts = Acts(cluster)
        self._mentions = Mentions(cluster, self.schema, self._acts)
        self._ledger = Ledger(cluster)
        self._outbox = Outbox(cluster, self._ledger)
        self._search = Search(cluster, self.schema)
        self._untrimmed: Counter[str] = Counter()

    def commit(self, batch: Commit) -> None:
        """See `MentionStore.commit`."""
        self._mentions.commit(batch)
        stored = reading.documents(
            self._cluster, self._cluster.name(INCIDENTS), [key(one.id) for one in batch.incidents]
        )
        versions = {name: one.version for name, one in stored.items()}
        incidents = {key(one.id): one for one in batch.incidents}
        writes = [self._incident(one, versions.get(name, 0)) for name, one in incidents.items()]
        self._decide([batch], writes)

    def apply(self, states: Sequence[BrandState]) -> None:
        """Write what is pending of each brand's last turn; again does no harm, nor does a turn that was overtaken.

        Raises StoreUnavailable, and then it is to be applied again.
        """
        incidents = [self._incident(one, state.turn) for state in states for one in state.pending.incidents]
        self._decide([state.pending for state in states], incidents)

    def index(self, told: Sequence[Versioned]) -> Outcome:
        """See `Mentions.write`."""
        return self._mentions.write(told)

    def keep(self, act: AnyAct) -> None:
        """See `MentionStore.keep`."""
        self._mentions.commit(Commit(acts=[act]))

    def answer(self, acts: Sequence[AnyAct]) -> list[Mention]:
        """Keep acts, as `commit` does; return the stored mentions that were not answered before and are now."""
        return self._mentions.commit(Commit(acts=list(acts)))

    def mentions_of(self, post_id: str) -> list[Mention]:
        """See `MentionStore.mentions_of`."""
        return self._mentions.of_post(post_id)

    def mention(self, mention_id: str) -> Mention | None:
        """See `MentionStore.mention`."""
        return self._mentions.one(mention_id)

    def mentions_beginning(self, beginning: str, limit: int = 2) -> list[Mention]:
        """See `MentionStore.mentions_beginning`."""
        return self._mentions.beginning(beginning, limit)

    def acts(self, *, brand: str = "", since: datetime | None = None, kind: str = "") -> list[AnyAct]:
        """See `MentionStore.acts`."""
        return self._acts.since(brand, since, kind)

    def search(self, query: MentionQuery) -> list[Mention]:
        """See `MentionStore.search`."""
        return self._search.search(query)

    def count(self, query: MentionQuery) -> int:
        """See `MentionStore.count`."""
        return self._search.count(query)

    def stats(self, query: MentionQuery) -> list[StatRow]:
        """See `MentionStore.stats`."""
        return self._search.stats(query)

    def incidents(
        self, *, brand: str = "", status: IncidentStatus | Literal[""] = "", limit: int = 50, offset: int = 0
    ) -> list[Incident]:
        """See `MentionStore.incidents`."""
        found = self._latest(INCIDENTS, limit, offset, brand=brand, status=status)
        return [_INCIDENT.decode(one.body) for one in found]

    def incident(self, incident_id: str) -> Incident | None:
        """See `MentionStore.incident`."""
        found = reading.documents(self._cluster, self._cluster.name(INCIDENTS), [key(incident_id)])
        return next((_INCIDENT.decode(one.body) for one in found.values()), None)

    def alerts(self, *, brand: str = "", limit: int = 50) -> list[Alert]:
        """See `MentionStore.alerts`."""
        return [_ALERT.decode(one.body) for one in self._latest(ALERTS, limit, brand=brand)]

    def near_misses(self, *, brand: str = "", limit: int = 50) -> list[NearMiss]:
        """See `MentionStore.near_misses`."""
        kept = min(limit, NEAR_MISSES_KEPT) if brand else limit
        return [_NEAR_MISS.decode(one.body) for one in self._latest(NEAR_MISSES, kept, brand=brand)]

    def outbox_due(self, now: datetime, limit: int = 20) -> list[OutboxEntry]:
        """See `MentionStore.outbox_due`; what is claimed waits too."""
        return self._outbox.due(now, limit)

    def claim(self, now: datetime, holder: str, lease_seconds: float, limit: int) -> list[OutboxEntry]:
        """See `Outbox.claim`."""
        return self._outbox.claim(now, holder, lease_seconds, limit)

    def release(self, holder: str) -> None:
        """See `Outbox.release`."""
        self._outbox.release(holder)

    def outbox(self, *, status: OutboxStatus | Literal[""] = "", limit: int = 50) -> list[OutboxEntry]:
        """See `MentionStore.outbox`."""
        return self._outbox.latest(status, limit)

    def restore(self, entries: Sequence[OutboxEntry]) -> None:
        """See `Outbox.restore`."""
        self._outbox.restore(entries)

    def outbox_pending(self) -> int:
        """See `MentionStore.outbox_pending`."""
        return self._outbox.pending()

    def outbox_handle(self, incident_id: str, receiver: str) -> str:
        """See `MentionStore.outbox_handle`."""
        return self._outbox.handle(incident_id, receiver)

    def mark_sent(self, notification_id: str, *, at: datetime, handle: str) -> None:
        """See `MentionStore.mark_sent`."""
        self._outbox.mark_sent(notification_id, at, handle)

    def mark_retry(self, notification_id: str, *, next_at: datetime, error: str) -> None:
        """See `MentionStore.mark_retry`."""
        self._outbox.mark_retry(notification_id, next_at, error)

    def mark_refused(self, notification_id: str, *, at: datetime, error: str) -> None:
        """See `MentionStore.mark_refused`."""
        entry = self._outbox.entry(notification_id)
        if entry.status == "pending":
            # The letter first: killed in between, the notification is tried again, not forgotten.
            letter = refusal(entry.notification, at=at, error=error)
            self._ledger.write([self._letter(letter)])
            self._outbox.mark_refused(notification_id, error)

    def dead_letters(
        self, *, source: str = "", reason: str = "", pending: bool = True, limit: int = 50
    ) -> list[DeadLetterRow]:
        """See `MentionStore.dead_letters`."""
        waiting: list[reading.Query] = [{"bool": {"must_not": {"exists": {"field": "replayed_at"}}}}]
        found = self._latest(DEAD_LETTERS, limit, also=waiting if pending else [], source=source, reason=reason)
        return [_LETTER.decode(one.body) for one in found]

    def mark_replayed(self, dead_letter_id: str, *, at: datetime) -> None:
        """See `MentionStore.mark_replayed`."""
        index, name = self._cluster.name(DEAD_LETTERS), key(dead_letter_id)
        for _ in range(_MOST_TRIES):
            stored = reading.documents(self._cluster, index, [name])
            row = _LETTER.decode(stored[name].body) if stored else None
            if row is None or row.replayed_at is not None:
                return
            source = decisions.letter_source(replace(row, replayed_at=at))
            write = Write(index, name, source, seen=stored[name].seen)
            if not self._ledger.write([write]).overtaken:
                return

    def bring_up_to_date(self) -> int:
        """See `Mentions.bring_up_to_date`."""
        return self._mentions.bring_up_to_date()

    def drop_expired(self, now: datetime) -> list[str]:
        """Delete the months of mentions that are older than is kept, and what is remembered of their posts.

        Returns the months (`2026-05`).
        """
        return drop_expired(self._cluster, self.schema, now)

    def close(self) -> None:
        """See `MentionStore.close`."""
        self._cluster.close()

    def _decide(self, batches: Sequence[Commit], incidents: Sequence[Write]) -> None:
        """Write what was decided: alerts, near misses, dead letters and orders once, incidents as they now are."""
        alerts, near_misses = self._cluster.name(ALERTS), self._cluster.name(NEAR_MISSES)
        writes = [*incidents, *self._outbox.orders([order for batch in batches for order in batch.notifications])]
        for batch in batches:
            writes += [decisions.alert_write(alerts, alert) for alert in batch.alerts]
            writes += [decisions.near_miss_write(near_misses, miss) for miss in batch.near_misses]
            writes += map(self._letter, batch.dead_letters)
        self._ledger.write(writes)
        self._untrimmed.update(miss.brand for batch in batches for miss in batch.near_misses)
        for brand in [brand for brand, written in self._untrimmed.items() if written >= _TRIM_AFTER]:
            self._trim(brand)
            del self._untrimmed[brand]

    def _trim(self, brand: str) -> None:
        """Delete a brand's oldest near misses beyond those that are kept."""
        index, asked = self._cluster.name(NEAR_MISSES), reading.everything([{"term": {"brand": exact(brand)}}])
        while old := self._ledger.find(
            index, asked, _LATEST_FIRST, limit=reading.AT_ONCE, offset=NEAR_MISSES_KEPT, _source=False
        ):
            self._ledger.write([Write(index, one.id, None) for one in old])

    def _incident(self, incident: Incident, version: int) -> Write:
        return decisions.incident_write(self._cluster.name(INCIDENTS), incident, version)

    def _letter(self, letter: DeadLetter) -> Write:
        source = decisions.letter_source(DeadLetterRow(id=letter.id, letter=letter))
        return Write(self._cluster.name(DEAD_LETTERS), key(letter.id), source, new=True)

    def _latest(
        self, name: str, limit: int, offset: int = 0, also: Sequence[reading.Query] = (), **equal: Any
    ) -> list[reading.Document]:
        """A page of one index, latest first, of what has these values."""
        asked = [*also, *({"term": {field: exact(wanted)}} for field, wanted in equal.items() if wanted)]
        return self._ledger.find(
            self._cluster.name(name), reading.everything(asked), _LATEST_FIRST, limit=limit, offset=offset
        )
