"""Which posts are kept at hand as evidence, and the evidence of a window."""

from datetime import timedelta

from alerting.evidence import top
from alerting.rules.spike.state import BUCKET, Seen
from domain.alert import Evidence, Witness

MOST = 40
SPANS = (timedelta(minutes=15), timedelta(hours=1), timedelta(hours=6))
PER_SPAN = 7
EARLIEST = 4


def enough(witnesses: tuple[Witness, ...]) -> tuple[Witness, ...]:
    """All of them while they are few; else the most pressing of each span and the earliest of the last hour."""
    if len(witnesses) <= MOST:
        return witnesses
    latest = max(one.at for one in witnesses)
    keep: dict[str, Witness] = {}
    for span in SPANS:
        within = [one for one in witnesses if one.at > latest - span]
        within.sort(key=lambda one: (one.sentiment != "negative", -one.priority, one.at, one.mention_id))
        keep.update((one.mention_id, one) for one in within[:PER_SPAN])
    hour = sorted((one.at, one.mention_id, one) for one in witnesses if one.at > latest - SPANS[1])
    keep.update((mention_id, one) for _, mention_id, one in hour[:EARLIEST])
    return tuple(one for one in witnesses if one.mention_id in keep)


def evidence(seen: tuple[Seen, ...], witnesses: tuple[Witness, ...], *, start: int, only_negative: bool) -> Evidence:
    """What the window from `start` (seconds since 1970) on is made of; of negative mentions only, if asked."""
    sign = "-" if only_negative else ""
    counts: dict[str, dict[str, int]] = {"network": {}, "theme": {}, "sentiment": {}, "lang": {}}
    for one in seen:
        if one.bucket * BUCKET < start:
            continue
        for key, count in one.counts.items():
            field, _, value = key.partition(":")
            if field.startswith("-") == only_negative and (held := counts.get(field.removeprefix(sign))) is not None:
                held[value] = held.get(value, 0) + count
    shown = [one for one in witnesses if _shown(one, start, only_negative=only_negative)]
    return Evidence(
        first=min(shown, key=lambda one: (one.at, one.mention_id), default=None),
        top=top(shown),
        networks=_largest_first(counts["network"]),
        themes=_largest_first(counts["theme"]),
        sentiments=_largest_first(counts["sentiment"]),
        langs=_largest_first(counts["lang"]),
    )


def _shown(one: Witness, start: int, *, only_negative: bool) -> bool:
    return one.at.timestamp() >= start and (not only_negative or one.sentiment == "negative")


def _largest_first(counts: dict[str, int]) -> dict[str, int]:
    return dict(sorted(((k, n) for k, n in counts.items() if n), key=lambda pair: (-pair[1], pair[0])))


def posted_again(seen: tuple[Seen, ...], *, start: int, only_negative: bool, allowed: int) -> int:
    """How many of the window's posts are an author's third, fourth, ...: one angry person is not a crowd."""
    posts: dict[str, int] = {}
    for one in seen:
        if one.bucket * BUCKET >= start:
            for author, count in one.authors.items():
                if author.startswith("-") == only_negative:
                    posts[author] = posts.get(author, 0) + count
    return sum(count - allowed for count in posts.values() if count > allowed)


def counted_as(seen: tuple[Seen, ...], key: str, *, start: int) -> int:
    """How many of the window's mentions are `key` (`field:value`, `-field:value` for negative ones)."""
    return sum(one.counts.get(key, 0) for one in seen if one.bucket * BUCKET >= start)


def as_of(window: int, bucket: int) -> int:
    """Where a window starts that ends with `bucket`, seconds since 1970."""
    return (bucket + 1) * BUCKET - window
