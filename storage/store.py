"""What every store does, whichever its home. One contract suite holds all of them to this page."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Literal, Protocol

from msgspec import Struct

from domain.act import AnyAct
from domain.alert import Alert, NearMiss
from domain.dead_letter import DeadLetter
from domain.incident import Incident, IncidentStatus, Notification
from domain.mention import Mention, MentionQuery
from domain.post import Post, Record

NEAR_MISSES_KEPT = 1_000
"""Latest near misses kept per brand; older ones are dropped."""


class FoldState(Struct, frozen=True, kw_only=True):
    """The encoded state of one fold for one brand."""

    fold: str
    key: str
    state: bytes


class Commit(Struct, kw_only=True):
    """Everything one batch leads to. A `Store` writes it in one transaction or not at all.

    `posts` are kept as evidence whether or not they matched, every version of them; one that is the latest kept
    already changes nothing. `mentions` are upserted by id; stored mentions of an edited post (listed in
    `edited_posts` by post id) that are not among `mentions` no longer match and are marked deleted, at the time of
    the edit. `recounted` are mentions of which only the post's counters and the score changed; they are written in
    the same way and are nothing new. `deleted_posts` maps post id to the time its mentions were deleted; it is
    applied last and the first deletion's time stays. Notifications already in the outbox (same id) are left as they
    are; the same holds for alerts, near misses, dead letters and acts. Incidents, fold states and cursors replace
    what was there.

    Every mention is kept as `domain.acted.acted` makes it with all acts that are kept, whichever of the two came
    first: a new act changes the stored mention, and a mention written again is changed again.
    """

    posts: list[Record] = []
    mentions: list[Mention] = []
    recounted: list[Mention] = []
    edited_posts: list[str] = []
    deleted_posts: dict[str, datetime] = {}
    folds: list[FoldState] = []
    alerts: list[Alert] = []
    near_misses: list[NearMiss] = []
    incidents: list[Incident] = []
    notifications: list[Notification] = []
    dead_letters: list[DeadLetter] = []
    acts: list[AnyAct] = []
    cursors: dict[str, bytes] = {}


OutboxStatus = Literal["pending", "sent", "refused"]


class OutboxEntry(Struct, frozen=True, kw_only=True):
    """A notification and how its delivery stands. `handle` is what the receiver gave back (a message id)."""

    notification: Notification
    status: OutboxStatus
    attempts: int
    next_at: datetime
    handle: str = ""
    error: str = ""
    sent_at: datetime | None = None


class StatRow(Struct, frozen=True, kw_only=True):
    """One brand's share: counts by sentiment and urgency over a period.

    `answered` are the mentions that the brand's own account replied to, half of them within `response_seconds`.
    """

    brand: str
    mentions: int
    sentiments: dict[str, int]
    urgencies: dict[str, int]
    themes: dict[str, int]
    networks: dict[str, int]
    langs: dict[str, int]
    answered: int = 0
    response_seconds: float | None = None


class DeadLetterRow(Struct, frozen=True, kw_only=True):
    """A stored dead letter; `replayed_at` is set once it went through again."""

    id: str
    letter: DeadLetter
    replayed_at: datetime | None = None


class MentionStore(Protocol):
    """A home for what Tocsin says and what people answer, however many processes use it. Methods block.

    Of a Commit it takes everything but the fold states, the cursors and the posts (of which it reads the times of
    edits): where several processes work, topics and brand documents hold those. A commit need not be one transaction
    here: everything in it is keyed, and the same commit written again ends the same. So StoreUnavailable means "write
    it again", and until then a part of it may be seen.

    `keep` alone may be called from any thread at any time: it waits for a commit under way where it has to.
    """

    def commit(self, batch: Commit) -> None:
        """Write the batch; raises StoreUnavailable, and then it is to be written again."""
        ...

    def keep(self, act: AnyAct) -> None:
        """Commit one act; raises StoreUnavailable as `commit` does."""
        ...

    def mentions_of(self, post_id: str) -> list[Mention]:
        """Every stored mention made of this post, deleted ones too, by brand."""
        ...

    def mention(self, mention_id: str) -> Mention | None:
        """One mention, a deleted one too."""
        ...

    def mentions_beginning(self, beginning: str, limit: int = 2) -> list[Mention]:
        """Mentions, deleted ones too, whose id begins so, by id: what a person who copied a part of one means."""
        ...

    def acts(self, *, brand: str = "", since: datetime | None = None, kind: str = "") -> list[AnyAct]:
        """What was done from that time on, in order of time, then by id; with a `kind` (`correct`) only that."""
        ...

    def search(self, query: MentionQuery) -> list[Mention]:
        """Mentions, newest event first, then by id; deleted ones are left out. Raises QueryError for a bad text.

        A mention without a judgement counts as `unscored` here and in `stats`.
        """
        ...

    def count(self, query: MentionQuery) -> int:
        """How many `search` would find without its limit."""
        ...

    def stats(self, query: MentionQuery) -> list[StatRow]:
        """Per brand, most mentions first."""
        ...

    def incidents(
        self, *, brand: str = "", status: IncidentStatus | Literal[""] = "", limit: int = 50, offset: int = 0
    ) -> list[Incident]:
        """Incidents, latest update first, then by id."""
        ...

    def incident(self, incident_id: str) -> Incident | None:
        """One incident."""
        ...

    def alerts(self, *, brand: str = "", limit: int = 50) -> list[Alert]:
        """Alerts, latest first, then by id."""
        ...

    def near_misses(self, *, brand: str = "", limit: int = 50) -> list[NearMiss]:
        """Near misses, latest first, then by id; NEAR_MISSES_KEPT of a brand are kept."""
        ...

    def outbox_due(self, now: datetime, limit: int = 20) -> list[OutboxEntry]:
        """Pending notifications whose time has come, in order of decision.

        One that waits for another attempt holds back what was decided later about the same incident for the same
        receiver (nobody reads "resolved" before "opened"), and nothing else.
        """
        ...

    def outbox(self, *, status: OutboxStatus | Literal[""] = "", limit: int = 50) -> list[OutboxEntry]:
        """The outbox, latest decision first."""
        ...

    def outbox_pending(self) -> int:
        """How many notifications are not yet delivered."""
        ...

    def outbox_handle(self, incident_id: str, receiver: str) -> str:
        """The handle of the first message sent about an incident to a receiver, or empty."""
        ...

    def mark_sent(self, notification_id: str, *, at: datetime, handle: str) -> None:
        """Record a delivery; it is final. Raises StoreError for a notification never decided, as the next two do."""
        ...

    def mark_retry(self, notification_id: str, *, next_at: datetime, error: str) -> None:
        """Record a failed attempt and when to try again; a refused one becomes pending again."""
        ...

    def mark_refused(self, notification_id: str, *, at: datetime, error: str) -> None:
        """Record that the receiver will never take it; also kept as a dead letter of stage `notify`.

        The dead letter's `where` is the notification's id, its `source` the receiver, its `reason` `refused`.
        """
        ...

    def dead_letters(
        self, *, source: str = "", reason: str = "", pending: bool = True, limit: int = 50
    ) -> list[DeadLetterRow]:
        """Dead letters, latest first, then by id; only those not yet replayed unless `pending` is False."""
        ...

    def mark_replayed(self, dead_letter_id: str, *, at: datetime) -> None:
        """Record that a dead letter went through."""
        ...

    def close(self) -> None:
        """Let go."""
        ...


class Store(MentionStore, Protocol):
    """A home for everything that one process keeps, its posts, fold states and cursors too.

    Each commit is one transaction: all of it is there, or after StoreUnavailable nothing of it. The runtime calls the
    writing methods from one thread.
    """

    def cursor(self, source: str) -> bytes | None:
        """Where that source stands."""
        ...

    def known_versions(self, post_ids: Sequence[str]) -> dict[str, str]:
        """Latest stored version of each of these posts that is known."""
        ...

    def mentions_of_each(self, post_ids: Sequence[str]) -> dict[str, list[Mention]]:
        """What `mentions_of` gives for each of these posts, by post id; those without mentions are left out."""
        ...

    def fold_state(self, fold: str, key: str) -> bytes | None:
        """The encoded state of a fold for a brand."""
        ...

    def fold_keys(self, fold: str) -> list[str]:
        """The brands that a fold has state for."""
        ...

    def posts(self, since: datetime | None = None, until: datetime | None = None) -> Iterable[Post]:
        """Kept posts, every version, matched or not, in order of creation [since, until), then of arrival."""
        ...

    def evidence(self, post_id: str) -> list[Record]:
        """Every kept version of a post with the raw bytes it was read from, in order of arrival."""
        ...

    def purge(self, *, posts_before: datetime) -> int:
        """Delete kept posts collected before that time which no mention (a deleted one neither) was made of.

        Returns how many versions went.
        """
        ...
