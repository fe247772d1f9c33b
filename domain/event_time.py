"""The time that rules look at, so that a lying clock can neither hide nor fake a spike."""

from datetime import datetime, timedelta

from domain.post import Post

LARGEST_DELAY = timedelta(hours=6)
"""How far behind its collection a live post may claim to be written before the claim is cut."""


def event_at(post: Post) -> datetime:
    """Return the author's claim, for a live post clamped to [collected_at - 6 h, collected_at].

    Recorded posts and history keep their own time, never later than their collection.
    """
    latest = min(post.created_at, post.collected_at)
    if post.origin != "live":
        return latest
    return max(latest, post.collected_at - LARGEST_DELAY)
