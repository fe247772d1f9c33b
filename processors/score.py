"""Mention -> Mention: how far it carries, whose word it is, and how soon someone must look. The formula is open.

    audience  = max(views, followers * seen, 50 * (likes + reposts + replies)); the network's typical views when
                neither views nor followers are known
    reach     = log10(1 + audience) / 7                         10 million people and more are 1
    influence = log10(1 + followers) / 7                        the network's typical followers when they are unknown
                verified: a fifth of what is missing to 1 is added; a bot: a quarter is left
    urgency   = 0.25 P(normal) + 0.6 P(high) + 1 P(critical)
    stakes    = 0.75 urgency + 0.25 P(negative)                 0.25 and 1/3 stand for urgency and P(negative) where
                                                                nobody could judge them
                written to the brand itself: a tenth of what is missing to 1 is added, for it asks for an answer
    priority  = stakes * (0.75 + 0.25 * (0.6 reach + 0.4 influence))

What is at stake leads and who says it only modulates: a critical word from nobody outranks a complaint of a star.
A number that the network does not show is not zero: typical figures stand in, and `parts` says so. Decision 0008
tells where the figures come from.
"""

from math import log10

from msgspec import Struct
from msgspec.structs import replace

from domain.judgement import Judgement
from domain.mention import Mention, Score
from domain.post import Engagement, Post


class Typical(Struct, frozen=True):
    """A usual author and post of a network: followers, share of them that sees a post, views of a post."""

    followers: int
    seen: float
    views: int


TYPICAL = {
    "bluesky": Typical(150, 0.2, 40),
    "facebook": Typical(300, 0.06, 60),
    "forum": Typical(100, 0.1, 300),
    "hackernews": Typical(100, 0.1, 1_000),
    "instagram": Typical(300, 0.1, 80),
    "mastodon": Typical(200, 0.2, 40),
    "news": Typical(20_000, 0.1, 2_000),
    "ok": Typical(150, 0.1, 50),
    "reddit": Typical(100, 0.1, 500),
    "telegram": Typical(1_000, 0.3, 300),
    "tiktok": Typical(200, 0.2, 300),
    "vk": Typical(200, 0.1, 80),
    "x": Typical(200, 0.1, 60),
    "youtube": Typical(300, 0.1, 150),
}
USUAL = Typical(150, 0.1, 50)
"""For networks not listed."""

VIEWS_PER_REACTION = 50
FULL_SCALE = 7.0
"""log10 of the audience that counts as everybody."""

_URGENCY_WEIGHTS = {"low": 0.0, "normal": 0.25, "high": 0.6, "critical": 1.0}
_UNJUDGED_URGENCY, _UNJUDGED_NEGATIVITY = 0.25, 1 / 3
_VERIFIED_SHARE, _BOT_SHARE = 0.2, 0.25
_ADDRESSED_SHARE = 0.1


def score(mention: Mention) -> list[Mention]:
    """Return the mention with its score: reach, influence and priority in [0, 1], rounded to four digits."""
    post = mention.post
    typical = TYPICAL.get(post.network, USUAL)
    audience = _audience(post, typical)
    reach, influence = _share(audience), _influence(post, typical)
    urgency, negativity = _stakes(mention.judgement)
    stakes, addressed = 0.75 * urgency + 0.25 * negativity, bool(mention.addressed)
    if addressed:
        stakes += _ADDRESSED_SHARE * (1 - stakes)
    priority = stakes * (0.75 + 0.25 * (0.6 * reach + 0.4 * influence))
    parts = {
        "audience": round(audience, 1),
        "followers_assumed": float(post.author.followers is None),
        "views_known": float(post.engagement.views is not None),
        "urgency": round(urgency, 4),
        "negativity": round(negativity, 4),
        "judged": float(_judged(mention.judgement)),
        "addressed": float(addressed),
    }
    scored = Score(
        reach=round(reach, 4), influence=round(influence, 4), priority=round(min(priority, 1.0), 4), parts=parts
    )
    return [replace(mention, score=scored)]


def _audience(post: Post, typical: Typical) -> float:
    engagement, followers = post.engagement, post.author.followers
    known = [float(_reactions(engagement) * VIEWS_PER_REACTION)]
    if engagement.views is not None:
        known.append(float(engagement.views))
    if followers is not None:
        known.append(followers * typical.seen)
    if engagement.views is None and followers is None:
        known.append(float(typical.views))
    return max(known)


def _reactions(engagement: Engagement) -> int:
    return (engagement.likes or 0) + (engagement.reposts or 0) + (engagement.replies or 0)


def _share(people: float) -> float:
    return min(log10(1 + people) / FULL_SCALE, 1.0)


def _influence(post: Post, typical: Typical) -> float:
    author = post.author
    weight = _share(typical.followers if author.followers is None else author.followers)
    if author.verified:
        weight += _VERIFIED_SHARE * (1 - weight)
    return weight * _BOT_SHARE if author.bot else weight


def _judged(judgement: Judgement | None) -> bool:
    return judgement is not None and bool(judgement.urgency_scores) and bool(judgement.sentiment_scores)


def _stakes(judgement: Judgement | None) -> tuple[float, float]:
    """Return urgency and negativity, each in [0, 1]; what was not judged has its assumed value."""
    urgency, negativity = _UNJUDGED_URGENCY, _UNJUDGED_NEGATIVITY
    if judgement is not None and judgement.urgency_scores:
        levels = judgement.urgency_scores
        urgency = min(sum(weight * levels.get(level, 0.0) for level, weight in _URGENCY_WEIGHTS.items()), 1.0)
    if judgement is not None and judgement.sentiment_scores:
        negativity = min(judgement.sentiment_scores.get("negative", 0.0), 1.0)
    return urgency, negativity
