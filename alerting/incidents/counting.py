"""What a further mention means to an incident under way: one more in its count, and maybe a sign that it goes on."""

from datetime import datetime, timedelta

from msgspec.structs import replace

from alerting.evidence import with_witness, witness
from alerting.incidents.state import VOLUME, Live, Watch
from domain.alert import Alert
from domain.mention import Mention

BUCKET = 300
BEFORE = timedelta(hours=6)
"""What was said longer before an incident than a rule looks back is not about it, however late it is heard."""
URGENT = frozenset({"high", "critical"})


def counted(one: Live, mention: Mention) -> Live:
    """The incident with one more mention, unchanged if it is not about that."""
    before = mention.event_at < one.incident.opened_at - BEFORE
    if before or one.last_counted == mention.id or not concerns(one, mention):
        return one
    incident, at = one.incident, mention.event_at
    watch = _heard(one.watch, at) if one.watch else None
    critical = mention.judgement is not None and mention.judgement.urgency == "critical"
    goes_on = critical or (watch is not None and sum(count for _, count in watch.counts) >= watch.threshold)
    evidence = with_witness(incident.evidence, witness(mention))
    return replace(
        one,
        incident=replace(incident, mentions=incident.mentions + 1, evidence=evidence),
        active_at=max(one.active_at, at) if goes_on else one.active_at,
        watch=watch,
        last_counted=mention.id,
    )


def concerns(one: Live, mention: Mention) -> bool:
    """In a spike of all mentions every one counts, in a spike of negative ones those, otherwise its theme's."""
    judged = mention.judgement
    bad = judged is not None and (judged.sentiment == "negative" or judged.urgency in URGENT)
    if VOLUME in one.groups:
        return bad or one.watch is None or not one.watch.negative_only
    return bad and judged is not None and (judged.theme in one.groups or judged.urgency == "critical")


def watch_of(alert: Alert) -> Watch | None:
    """What to watch after an alert about a count: down to its `ebb` (or half of what fired it) it still goes on."""
    reason = alert.reason
    if alert.group != VOLUME or reason.window_seconds is None or reason.threshold is None:
        return None
    return Watch(
        window=reason.window_seconds,
        threshold=float(reason.numbers.get("ebb", reason.threshold / 2)),
        negative_only=reason.numbers.get("of") == "negative",
        counts=((_bucket(alert.at), int(reason.observed)),),
    )


def _heard(watch: Watch, at: datetime) -> Watch:
    """One more mention in its bucket; buckets that left the window are forgotten."""
    bucket = _bucket(at)
    counts = dict(watch.counts)
    counts[bucket] = counts.get(bucket, 0) + 1
    oldest = max(counts) - watch.window // BUCKET
    return replace(watch, counts=tuple(sorted((b, count) for b, count in counts.items() if b > oldest)))


def _bucket(at: datetime) -> int:
    return int(at.timestamp()) // BUCKET
