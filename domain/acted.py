"""What is shown of a mention after all that was done to it: people's corrections, and the brand's first reply.

A store keeps every act, and of every mention `acted(mention, acts)`. That is the same in whatever order mention and
acts arrive, and however often: a post read again, a repeated act, a replay change nothing.
"""

from collections.abc import Iterable

from msgspec.structs import replace

from domain.act import Correct, MentionAct, Replied
from domain.correction import as_judged, corrected
from domain.mention import Mention


def acted(mention: Mention, acts: Iterable[MentionAct]) -> Mention:
    """The mention as it stands after these acts; those that are about other mentions are passed over.

    `first_response_at` is the time of the earliest reply, whichever of them was heard first.
    """
    done = list(acts)
    if not done:
        return as_heard(mention)
    replies = [act.at for act in done if isinstance(act, Replied) and act.mention == mention.id]
    first = min(replies, default=None)
    if mention.first_response_at != first:
        mention = replace(mention, first_response_at=first)
    return corrected(mention, (act for act in done if isinstance(act, Correct)))


def as_heard(mention: Mention) -> Mention:
    """The mention before anybody acted on it: as the model judged it, and not answered."""
    bare = as_judged(mention)
    return bare if bare.first_response_at is None else replace(bare, first_response_at=None)
