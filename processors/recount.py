"""What newer counters of a post change in its mention: the counters, and the score that follows from them."""

from collections.abc import Iterable
from datetime import datetime

from msgspec.structs import replace

from domain.mention import Mention
from domain.post import Engagement
from processors.normalise import counters
from processors.score import score


def recount(mention: Mention, heard: Engagement) -> Mention | None:
    """Return the mention with the counters `heard` and its new score, or None where they change nothing.

    They have to be of a later time and different. A counter that the later snapshot does not show keeps its number.
    """
    known = mention.post.engagement
    if not _later(heard.as_of, known.as_of):
        return None
    counted = _over(known, counters(heard))
    if replace(counted, as_of=known.as_of) == known:
        return None
    (scored,) = score(replace(mention, post=replace(mention.post, engagement=counted)))
    return scored


def latest(snapshots: Iterable[Engagement]) -> Engagement:
    """The latest of some snapshots; an empty one where none tells its time."""
    found = Engagement()
    for one in snapshots:
        if _later(one.as_of, found.as_of):
            found = one
    return found


def _later(moment: datetime | None, than: datetime | None) -> bool:
    """Whether a snapshot is the later one; of those whose time nobody can tell, none is."""
    if moment is None or moment.tzinfo is None:
        return False
    return than is None or than.tzinfo is None or moment > than


def _over(known: Engagement, heard: Engagement) -> Engagement:
    return Engagement(
        likes=known.likes if heard.likes is None else heard.likes,
        reposts=known.reposts if heard.reposts is None else heard.reposts,
        replies=known.replies if heard.replies is None else heard.replies,
        views=known.views if heard.views is None else heard.views,
        as_of=heard.as_of,
    )
