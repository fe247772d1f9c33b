"""Post -> Mention, Mention ...: one for each brand whose query matches. From here on the key is the brand."""

from domain.event_time import event_at
from domain.mention import Mention, mention_id
from domain.post import Post
from domain.query import BrandMatcher


def match(post: Post, *, matcher: BrandMatcher) -> list[Mention]:
    """Return the post's mentions, in the order of the configured brands.

    A deleted post has no text to match and gives none: the runtime marks its stored mentions deleted.
    """
    if post.deleted:
        return []
    return [
        Mention(
            id=mention_id(post.network, post.native_id, brand.name),
            brand=brand.name,
            post=post,
            event_at=event_at(post),
            matched=matched,
            lang=post.lang or "und",
        )
        for brand, matched in matcher.match(post)
    ]
