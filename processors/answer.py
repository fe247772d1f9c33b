"""Post -> Replied ..., Post: what a brand's own account answers stops the clock of what it answers."""

from domain.act import Replied
from domain.ids import stable_id
from domain.mention import mention_id
from domain.post import Post
from domain.query import BrandMatcher


def answer(post: Post, *, matcher: BrandMatcher) -> list[Replied | Post]:
    """Return the post, after an act for each brand whose own account replies with it.

    The act is about the mention that the answered post is of that brand, whether there is one or not: it may be heard
    later. Its id is that of the reply and the brand, so that a reply heard again or edited is the same act. A deleted
    reply is no act, and does not take back the one that it was.
    """
    if not post.reply_to or post.deleted:
        return [post]
    replies = [
        Replied(
            id=stable_id("replied", post.id, brand.name),
            by=post.account,
            at=post.created_at,
            brand=brand.name,
            mention=mention_id(post.network, post.reply_to, brand.name),
        )
        for brand in matcher.owners(post)
    ]
    return [*replies, post]
