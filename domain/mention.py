"""A mention: a post that matched a brand's query, with everything Tocsin came to say of it."""

from datetime import datetime
from typing import Literal

from msgspec import Struct

from domain.ids import stable_id
from domain.judgement import Judgement
from domain.post import Post


class Score(Struct, frozen=True, kw_only=True):
    """How far a mention carries and how soon someone must look, each in [0, 1], and the parts they are made of."""

    reach: float
    influence: float
    priority: float
    parts: dict[str, float]


class Mention(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One post about one brand. `id` is hash(network, native post id, brand): an edit updates the same mention.

    `event_at` is the time rules look at (design: the author's claim, clamped for live posts). `matched` are the
    query terms that were found; what is written to an account of the brand is matched by that too, `@vk:auroraair`.
    `story` is the id of the first mention of the same near-duplicate text; it is the mention's own id when the story
    is new. `first_response_at` is when the brand's own account first replied.
    """

    id: str
    brand: str
    post: Post
    event_at: datetime
    matched: tuple[str, ...] = ()
    lang: str = "und"
    lang_confidence: float = 0.0
    judgement: Judgement | None = None
    score: Score | None = None
    story: str = ""
    deleted_at: datetime | None = None
    first_response_at: datetime | None = None

    @property
    def response_seconds(self) -> int | None:
        """How long the author waited for the brand's first reply; two clocks that disagree make it 0, not less."""
        if self.first_response_at is None:
            return None
        return max(round((self.first_response_at - self.post.created_at).total_seconds()), 0)

    @property
    def addressed(self) -> str:
        """The account of this brand that the post is written to and asks for an answer, if it is."""
        account = self.post.addressed
        return account if account and written_to(account) in self.matched else ""

    @property
    def awaits_review(self) -> bool:
        """The model asks for a person, and nobody has corrected or confirmed it yet."""
        return self.judgement is not None and bool(self.judgement.review) and not self.judgement.corrected_by


def written_to(account: str) -> str:
    """How `matched` says that a post is written to an account of the brand: on its page, or to it alone."""
    return f"@{account}"


def mention_id(network: str, native_id: str, brand: str) -> str:
    """The id of what `native_id` on `network` says of `brand`."""
    return stable_id(network, native_id, brand)


Change = Literal["new", "edited", "deleted", "recounted"]
"""recounted: the same version of the post with newer counters, of which rules do not hear."""


class MentionQuery(Struct, frozen=True, kw_only=True):
    """A search over stored mentions; `text` is a brand query (Lucene syntax). Times are half-open [since, until).

    `review` leaves only what waits for a person, `Mention.awaits_review`.
    """

    brand: str = ""
    text: str = ""
    since: datetime | None = None
    until: datetime | None = None
    sentiment: str = ""
    urgency: str = ""
    theme: str = ""
    network: str = ""
    lang: str = ""
    review: bool = False
    limit: int = 50
    offset: int = 0
