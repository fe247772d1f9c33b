"""Made-up posts, mentions, decisions and batches for the tests of stores and stages."""

from datetime import UTC, datetime, timedelta
from typing import Any

from domain.act import Correct, Replied
from domain.alert import Alert, Evidence, NearMiss, Reason
from domain.correction import correction
from domain.dead_letter import DeadLetter
from domain.event_time import event_at
from domain.incident import Incident, Notification
from domain.judgement import Judgement
from domain.mention import Mention, MentionQuery, mention_id
from domain.post import Author, Post, Record
from storage.store import MentionStore

START = datetime(2026, 3, 1, 9, tzinfo=UTC)


def at(minutes: float) -> datetime:
    """That many minutes after the start."""
    return START + timedelta(minutes=minutes)


def post(native_id: str = "1", text: str = "Aurora Air lost my bag", *, minutes: float = 0, **fields: Any) -> Post:
    """A post written and collected that many minutes after the start."""
    given: dict[str, Any] = {
        "network": "mastodon",
        "source": "fediverse",
        "version": "1",
        "created_at": at(minutes),
        "collected_at": at(minutes),
        "author": Author(id="7", name="Anna", handle="anna"),
    }
    return Post(native_id=native_id, text=text, **{**given, **fields})


def record(of: Post) -> Record:
    """A post with its raw bytes."""
    return Record(post=of, raw=f"raw of {of.native_id} {of.version}".encode(errors="replace"))


def mention(of: Post, *, brand: str = "Aurora Air", **fields: Any) -> Mention:
    """A mention of a brand by a post."""
    given: dict[str, Any] = {"event_at": event_at(of), "matched": ("aurora",), "lang": "en"}
    return Mention(id=mention_id(of.network, of.native_id, brand), brand=brand, post=of, **{**given, **fields})


def judged(
    sentiment: Any = "negative", urgency: Any = "normal", theme: Any = "delivery", *, review: str = ""
) -> Judgement:
    """A judgement that is sure of itself, or asks for a person."""
    return Judgement(
        sentiment=sentiment,
        urgency=urgency,
        theme=theme,
        model="kit",
        sentiment_scores={sentiment: 1.0},
        urgency_scores={urgency: 1.0},
        theme_scores={theme: 1.0},
        review=review,
    )


def alert(alert_id: str = "a1", *, minutes: float = 0, brand: str = "Aurora Air") -> Alert:
    """A spike."""
    return Alert(
        id=alert_id,
        brand=brand,
        rule="spike",
        kind="spike",
        group="spike",
        severity="major",
        at=at(minutes),
        reason=Reason(code="spike", observed=9.0, expected=2.5),
        evidence=Evidence(),
    )


def near_miss(miss_id: str = "n1", *, minutes: float = 0, brand: str = "Aurora Air") -> NearMiss:
    """Almost a spike."""
    return NearMiss(
        id=miss_id,
        brand=brand,
        rule="spike",
        kind="spike",
        at=at(minutes),
        reason=Reason(code="too_few", observed=2.0),
    )


def incident(
    incident_id: str = "i1", *, minutes: float = 0, brand: str = "Aurora Air", status: Any = "open"
) -> Incident:
    """An incident of one alert, last touched that many minutes after the start."""
    one = alert(brand=brand)
    return Incident(
        id=incident_id,
        brand=brand,
        group="spike",
        status=status,
        severity="major",
        opened_at=START,
        updated_at=at(minutes),
        alerts=(one,),
        alert_count=1,
        mentions=9,
        evidence=one.evidence,
    )


def notification(
    order_id: str = "o1", *, about: str = "i1", receiver: str = "duty", minutes: float = 0, sequence: int = 1
) -> Notification:
    """An order to tell a receiver."""
    return Notification(
        id=order_id,
        receiver=receiver,
        kind="opened",
        sequence=sequence,
        incident=incident(about),
        at=at(minutes),
        why="severity major",
    )


def dead_letter(
    raw: bytes = b"{", *, minutes: float = 0, source: str = "history", reason: str = "bad_json"
) -> DeadLetter:
    """A record that could not be read."""
    return DeadLetter(
        source=source,
        stage="parse",
        reason=reason,
        detail="line 7 is not JSON",
        where="posts.jsonl:7",
        raw=raw,
        at=at(minutes),
    )


def correct(
    of: Mention, *, act_id: str = "c1", minutes: float = 60, by: str = "Inna", confirm: bool = False, **labels: str
) -> Correct:
    """A correction of a mention, that many minutes after the start."""
    return correction(of, by=by, at=at(minutes), labels=labels, confirm=confirm, act_id=act_id)


def replied(to: Mention, *, act_id: str = "r1", minutes: float = 12, by: str = "mastodon:auroraair") -> Replied:
    """A reply of the brand's own account, that many minutes after the start."""
    return Replied(id=act_id, by=by, at=at(minutes), brand=to.brand, mention=to.id)


def ids(store: MentionStore, **query: object) -> list[str]:
    """The native ids of the mentions that a query finds, in the order they are found."""
    return [found.post.native_id for found in store.search(MentionQuery(**query))]  # type: ignore[arg-type]  # names of MentionQuery's fields
