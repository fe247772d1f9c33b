"""Counting: each mention goes to the bucket and hour it belongs to, however late it comes, and out when deleted."""

from msgspec.structs import replace

from alerting.evidence import witness
from alerting.rules.spike.baseline import HOUR
from alerting.rules.spike.state import BUCKET, BUCKETS, HOURS, Seen, Series, SpikeState
from alerting.rules.spike.witnesses import enough
from domain.alert import Witness
from domain.mention import Mention

MOST_COUNTS = 96
MOST_AUTHORS = 16


def taught(state: SpikeState, mention: Mention, by: int) -> SpikeState:
    """The state with a mention of the past added to (or, `by` = -1, taken from) the hours a baseline is made of.

    After fourteen days without a mention nobody knows whether anyone listened, so learning starts again: one post
    dated 1988 does not make the years since then a calm time.
    """
    at = int(mention.event_at.timestamp()) // HOUR
    if at - state.hour >= HOURS:
        state = replace(state, hour=at, since=at, all=_forgot(state.all), negative=_forgot(state.negative))
    elif state.hour - at >= HOURS:
        return state
    since, hour = min(state.since, at), max(state.hour, at)
    size, moved, age = min(hour - since + 1, HOURS), hour - state.hour, hour - at
    return replace(
        state,
        since=since,
        hour=hour,
        all=_hourly(state.all, moved, size, age, by),
        negative=_hourly(state.negative, moved, size, age, by if negative(mention) else 0),
    )


def _forgot(series: Series) -> Series:
    return replace(series, hours=(), usual=None)


def _hourly(series: Series, moved: int, size: int, age: int, by: int) -> Series:
    hours = (series.hours + (0,) * moved)[-size:]
    hours = (0,) * (size - len(hours)) + hours
    return replace(series, hours=_bumped(hours, age, by))


def counted(state: SpikeState, mention: Mention, by: int) -> SpikeState:
    """The state with a live mention added (or, `by` = -1, taken out)."""
    state = taught(state, mention, by)
    bucket = int(mention.event_at.timestamp()) // BUCKET
    newest = max(state.bucket, bucket)
    moved, age = newest - state.bucket if state.bucket else 0, newest - bucket
    bad = negative(mention)
    seen = state.seen
    if moved and seen and seen[0].bucket <= newest - BUCKETS:
        seen = tuple(one for one in seen if one.bucket > newest - BUCKETS)
    return replace(
        state,
        now=max(state.now, mention.event_at),
        bucket=newest,
        all=_recent(state.all, moved, age, by),
        negative=_recent(state.negative, moved, age, by if bad else 0),
        seen=_seen(seen, bucket, mention, by) if age < BUCKETS else seen,
        witnesses=_witnesses(state, mention, by) if age < BUCKETS else state.witnesses,
    )


def negative(mention: Mention) -> bool:
    """Whether the author is against the brand; unscored is not negative."""
    return mention.judgement is not None and mention.judgement.sentiment == "negative"


def _recent(series: Series, moved: int, age: int, by: int) -> Series:
    recent = series.recent
    if moved:
        recent = (recent + (0,) * min(moved, BUCKETS))[-BUCKETS:]
    return replace(series, recent=_bumped(recent, age, by))


def _bumped(values: tuple[int, ...], age: int, by: int) -> tuple[int, ...]:
    """The value `age` places before the last, changed, never below zero; older ones than are kept are no matter."""
    place = len(values) - 1 - age
    if place < 0 or not by:
        return values
    return (*values[:place], max(values[place] + by, 0), *values[place + 1 :])


def _seen(seen: tuple[Seen, ...], bucket: int, mention: Mention, by: int) -> tuple[Seen, ...]:
    for place in range(len(seen) - 1, -1, -1):
        one = seen[place]
        if one.bucket == bucket:
            return (*seen[:place], _with(one, mention, by), *seen[place + 1 :])
        if one.bucket < bucket:
            return (*seen[: place + 1], _with(Seen(bucket, {}, {}), mention, by), *seen[place + 1 :])
    return (_with(Seen(bucket, {}, {}), mention, by), *seen)


def _with(one: Seen, mention: Mention, by: int) -> Seen:
    post, judged = mention.post, mention.judgement
    keys = [f"network:{post.network}", f"lang:{mention.lang}"]
    if judged is None:
        keys += ["sentiment:unscored", "theme:unscored"]
    else:
        keys += [f"sentiment:{judged.sentiment}", f"theme:{judged.theme}", f"urgency:{judged.urgency}"]
    account = post.account if post.author.handle or post.author.id else ""
    authors = [account] if account else []
    if negative(mention):
        keys += [f"-{key}" for key in keys]
        authors += [f"-{one}" for one in authors]
    return Seen(one.bucket, _plus(one.counts, keys, by, MOST_COUNTS), _plus(one.authors, authors, by, MOST_AUTHORS))


def _plus(counts: dict[str, int], keys: list[str], by: int, most: int) -> dict[str, int]:
    counts = dict(counts)
    for key in keys:
        if key in counts or len(counts) < most:
            counts[key] = max(counts.get(key, 0) + by, 0)
    return counts


def _witnesses(state: SpikeState, mention: Mention, by: int) -> tuple[Witness, ...]:
    if by < 0:
        return tuple(one for one in state.witnesses if one.mention_id != mention.id)
    return enough((*state.witnesses, witness(mention)))
