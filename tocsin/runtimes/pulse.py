"""How often a source usually brings posts, and whether its silence is stranger than chance. Pure: time is an input.

A source that stopped bringing posts without an error (a token that lost a right, a page that changed its address)
looks like peace. Its usual rate is learnt by the hour of the day, for nights are quiet.
"""

from datetime import UTC, datetime, timedelta

import msgspec
from msgspec import Struct
from msgspec.structs import replace

EXPECTED = 40.0
"""Posts that would usually have come: with fewer missing a silence may be chance (posts come in bursts)."""
SHORTEST = timedelta(hours=1)
"""A shorter silence is never told."""
_HOUR = timedelta(hours=1)
_HOURS = 24
_YOUNG = 0.3
"""Weight of the latest day."""
_LONGEST_LOOK_BACK = timedelta(days=2)


class Silence(Struct, frozen=True):
    """Nothing since then, where usually so many posts an hour come at this time of the day."""

    since: datetime
    usually: float

    def sentence(self, now: datetime) -> str:
        """For a person."""
        hours = (now - self.since) / _HOUR
        return f"nothing for {hours:.0f} h, usually {self.usually:.0f} an hour"


class Pulse(Struct, frozen=True, kw_only=True):
    """Posts an hour by hour of the day (UTC), None while not learnt; the hour under way; the last post.

    An hour is learnt once it was listened to from its beginning to its end. It waits (`waiting`: hour of the day and
    posts) for the next post: the hours of a silence that was told by then teach nothing.
    """

    usual: tuple[float | None, ...] = (None,) * _HOURS
    hour: datetime | None = None
    whole: bool = False
    count: int = 0
    waiting: tuple[tuple[int, int], ...] = ()
    last_post_at: datetime | None = None
    silent: bool = False


_PULSE = msgspec.json.Decoder(Pulse)


def kept_as(source: str) -> str:
    """The name under which a source's pulse is kept, among the cursors."""
    return f"pulse of {source}"


def written(pulse: Pulse) -> bytes:
    """Encode a pulse to be kept."""
    return msgspec.json.encode(pulse)


def read(kept: bytes | None) -> Pulse:
    """Decode a pulse; one that was never kept, or that another version wrote, begins anew."""
    try:
        return _PULSE.decode(kept) if kept else Pulse()
    except msgspec.DecodeError:
        return Pulse()


def heard(pulse: Pulse, posts: int, now: datetime) -> Pulse:
    """The pulse after a look at the source that brought so many posts."""
    pulse = _turned(pulse, now)
    if not posts:
        return pulse
    usual = pulse.usual
    for hour, count in () if pulse.silent else pulse.waiting:
        usual = _learnt(usual, hour, count)
    return replace(pulse, usual=usual, waiting=(), count=pulse.count + posts, last_post_at=now, silent=False)


def listened(pulse: Pulse, now: datetime) -> tuple[Pulse, Silence | None]:
    """The pulse at this time, and the silence, if there is one that is stranger than chance."""
    pulse = _turned(pulse, now)
    since = pulse.last_post_at
    if since is None or now - since < SHORTEST:
        return pulse, None
    missed = _usually(pulse, max(since, now - _LONGEST_LOOK_BACK), now)
    if missed < EXPECTED:
        return pulse, None
    return replace(pulse, silent=True), Silence(since, missed / (min(now - since, _LONGEST_LOOK_BACK) / _HOUR))


def _turned(pulse: Pulse, now: datetime) -> Pulse:
    """Begin a new hour when it is one, and learn from the last when it was whole."""
    hour = now.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    if pulse.hour == hour:
        return pulse
    waiting = pulse.waiting
    if pulse.hour is not None and pulse.whole:
        waiting = (*waiting, (pulse.hour.hour, pulse.count))[-_HOURS:]
    follows = pulse.hour is not None and hour - pulse.hour == _HOUR
    return replace(pulse, waiting=waiting, hour=hour, count=0, whole=follows)


def _learnt(usual: tuple[float | None, ...], hour: int, count: int) -> tuple[float | None, ...]:
    before = usual[hour]
    after = float(count) if before is None else before + _YOUNG * (count - before)
    return (*usual[:hour], after, *usual[hour + 1 :])


def _usually(pulse: Pulse, start: datetime, end: datetime) -> float:
    """Posts that usually come between two times; hours that are not learnt count nothing."""
    posts, at = 0.0, start
    while at < end:
        next_hour = at.astimezone(UTC).replace(minute=0, second=0, microsecond=0) + _HOUR
        stop = min(next_hour, end)
        posts += (pulse.usual[at.astimezone(UTC).hour] or 0.0) * ((stop - at) / _HOUR)
        at = stop
    return posts
